from __future__ import annotations

import html.parser
import json
import re
import shlex
import shutil
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from scipy.sparse import csr_matrix

from compare.baselines import BASELINES, NaiveBayesSVM
from compare.ensemble import pool_weights, summarise_ensemble
from compare.report import render, write_report
from compare.statistics import check_comparable, summarise
from shared.contract import FRAMEWORKS, REFERENCE
from shared.errors import LockstepError
from shared.runs import Run, read_runs
from tests.conftest import ARCHITECTURES, ROOT, Command


@pytest.fixture(scope="module")
def report(smoke_runs: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("report")
    write_report(smoke_runs, out)
    return out


def test_baselines_beat_chance_and_stand_beside_the_networks(smoke_runs: Path) -> None:
    summary = summarise(read_runs(smoke_runs))
    assert [cell["architecture"] for cell in summary["baselines"]] == list(BASELINES)
    accuracies = {cell["architecture"]: cell["accuracy"] for cell in summary["baselines"]}
    assert accuracies["majority"] == pytest.approx(0.5, abs=0.01)
    assert accuracies["majority"] + 0.15 < accuracies["mean-of-vectors"] < accuracies["tf-idf"]
    assert min(accuracies["tf-idf"], accuracies["nb-svm"]) > 0.8
    assert [(cell["framework"], cell["architecture"]) for cell in summary["cells"]] == [
        (framework, architecture) for framework in (*FRAMEWORKS, REFERENCE) for architecture in ARCHITECTURES
    ]


def test_naive_bayes_ratio_by_hand() -> None:
    counts = csr_matrix(np.array([[1, 0, 1], [1, 0, 0], [0, 1, 1], [0, 1, 0]]))
    model = NaiveBayesSVM(beta=0).fit(counts, np.array([1, 1, 0, 0]))
    # With beta 0 the weights are a multiple of log((p/|p|) / (q/|q|)): p = (3, 1, 2), q = (1, 3, 2).
    assert np.allclose(model.coef_ / model.coef_[0], [1, -1, 0])
    assert model.predict(counts).tolist() == [1, 1, 0, 0]


def test_statistics_follow_from_the_runs(smoke_runs: Path) -> None:
    runs = read_runs(smoke_runs)
    summary = summarise(runs)
    cell = summary["cells"][0]
    run = next(run for run in runs if run.directory.parts[-3:] == ("keras", "rnn", "seed-0"))
    right = run.predictions.classes == run.predictions.labels
    assert cell["accuracy"] == pytest.approx(right.mean())
    assert cell["accuracy_low"] < cell["accuracy"] < cell["accuracy_high"]
    # Wilson's interval by its formula.
    n, p, z = len(right), right.mean(), 1.959964
    middle, width = p + z**2 / (2 * n), z * np.sqrt(p * (1 - p) / n + z**2 / (4 * n**2))
    assert cell["accuracy_low"] == pytest.approx((middle - width) / (1 + z**2 / n), abs=1e-6)
    matrix = np.array(summary["agreement"]["matrix"])
    assert (np.diag(matrix) == 1).all()
    assert np.array_equal(matrix, matrix.T)
    hardest = summary["hardest"]
    assert len(hardest) == 3
    assert all(review["text"] for review in hardest)
    assert hardest[0]["mean_probability_of_label"] <= hardest[2]["mean_probability_of_label"]


def test_an_ensemble_is_the_mean_of_its_networks(smoke_runs: Path) -> None:
    runs = read_runs(smoke_runs)
    networks = [run for run in runs if run.record.framework != "baseline"]
    rows = {row["name"]: row for row in summarise_ensemble(runs)}
    mean = np.mean([run.predictions.probabilities for run in networks], axis=0)
    expected = (mean.argmax(axis=1) == networks[0].predictions.labels).mean()
    assert rows["networks"]["accuracy"] == pytest.approx(expected)
    assert rows["networks"]["models"] == len(networks)
    both = rows["networks and linear baselines, weighted"]
    assert both["models"] == len(networks) + 2, "the majority and the mean of vectors are not asked"
    assert sum(both["weights"].values()) == pytest.approx(1)
    labels = networks[0].validation.labels.astype(int)
    for run in networks:  # the pool is at least as good on the reviews that its weights come from
        right = run.validation.probabilities[np.arange(len(labels)), labels]
        losses = -np.log(np.maximum(right, 1e-12)).mean()
        assert -np.log(np.maximum(_pooled(runs, both["weights"]), 1e-12)).mean() <= losses + 1e-6


def _pooled(runs: list[Run], weights: dict[str, float]) -> np.ndarray:
    """Probability of each validation review's right class under a weighted mean of the runs."""
    total = 0.0
    for run in runs:
        weight = weights.get(f"smoke {run.record.framework} {run.record.architecture}", 0.0)
        total = total + weight * run.validation.probabilities.astype(float)
    labels = runs[0].validation.labels.astype(int)
    return np.asarray(total)[np.arange(len(labels)), labels]


def test_pool_weights_by_hand() -> None:
    # Right class 0 everywhere. Whoever is always better takes all the weight.
    better, worse = np.full((4, 2), [0.8, 0.2]), np.full((4, 2), [0.6, 0.4])
    labels = np.zeros(4, np.int64)
    assert pool_weights(np.stack([better, worse]), labels) == pytest.approx([1, 0], abs=1e-9)
    # Two that are right on one half each share it: w maximises log(.9w + .1(1-w)) + log(.1w + .9(1-w)).
    halves = np.array([[[0.9, 0.1]] * 2 + [[0.1, 0.9]] * 2, [[0.1, 0.9]] * 2 + [[0.9, 0.1]] * 2])
    assert pool_weights(halves, labels) == pytest.approx([0.5, 0.5])


class Page(html.parser.HTMLParser):
    """Collects what a page links to, and its text."""

    def __init__(self) -> None:
        super().__init__()
        self.links: list[str] = []
        self.tags: list[str] = []
        self.text = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.links += [value or "" for name, value in attrs if name in ("src", "href", "xlink:href")]

    def handle_data(self, data: str) -> None:
        self.text += data


def test_the_page_is_one_file_and_works_offline(report: Path) -> None:
    page = Page()
    page.feed((report / "index.html").read_text())
    assert all(link.startswith("#") for link in page.links)
    assert "script" not in page.tags
    assert page.tags.count("svg") == 4
    for words in ("Test accuracy", "Learning curves", "Agreement", "The three hardest reviews", "NB-SVM"):
        assert words in page.text


def test_the_report_says_what_the_statistics_say(report: Path) -> None:
    summary = json.loads((report / "statistics.json").read_text())
    markdown = (report / "report.md").read_text()
    for cell in summary["cells"]:
        assert f" {cell['accuracy'] * 100:.1f} ({cell['accuracy_low'] * 100:.1f}–" in markdown
    assert re.search(r"^\| PyTorch \|( \d\d\.\d \(\d\d\.\d–\d\d\.\d\) \|){4}$", markdown, re.MULTILINE)


def test_review_text_cannot_become_markup(report: Path) -> None:
    summary = json.loads((report / "statistics.json").read_text())
    evil = "<script>alert(1)</script> [x](javascript:alert(2)) <img src=x onerror=alert(3)> `{{ 7 * 7 }}` | # **"
    summary["hardest"][0]["text"] = evil
    summary["hardest"][0]["review_id"] = evil
    page = Page()
    page.feed(render("report.html.j2", summary))
    assert not {"script", "img"} & set(page.tags)
    assert page.text.count(evil) == 2
    markdown = render("report.md.j2", summary)
    assert "<script" not in markdown
    assert "<img" not in markdown
    assert "](javascript" not in markdown
    assert "49" not in markdown.split("hardest reviews")[1].split("##")[0].replace(str(summary["hardest"]), "")[:400]


def change_record(run: Path, **changes: object) -> None:
    path = run / "record.json"
    record = json.loads(path.read_text())
    for name, value in changes.items():
        section = record["data"] if name == "fingerprint" else record["specification"]
        section[name] = value
    path.write_text(json.dumps(record))


def test_runs_that_cannot_be_compared_are_refused_by_name(smoke_runs: Path, tmp_path: Path) -> None:
    for name, value in (("fingerprint", "0" * 64), ("hidden_size", 99)):
        copied = tmp_path / name
        shutil.copytree(smoke_runs, copied)
        change_record(copied / "flair" / "gru" / "seed-0", **{name: value})
        with pytest.raises(LockstepError, match="flair/gru/seed-0") as error:
            check_comparable(read_runs(copied))
        assert name in str(error.value) or "fingerprints" in str(error.value)


def test_a_run_from_before_a_field_existed_had_its_default(smoke_runs: Path, tmp_path: Path) -> None:
    shutil.copytree(smoke_runs / "pytorch", tmp_path / "smoke" / "pytorch")
    path = tmp_path / "smoke" / "pytorch" / "gru" / "seed-0" / "record.json"
    record = json.loads(path.read_text())
    del record["specification"]["padding"]
    path.write_text(json.dumps(record))
    check_comparable(read_runs(tmp_path / "smoke"))
    change_record(path.parent, padding="left")
    with pytest.raises(LockstepError, match="differ in padding: 'left' and 'masked'"):
        check_comparable(read_runs(tmp_path / "smoke"))


def test_finished_cells_are_skipped_and_a_failed_one_does_not_stop_the_rest(
    command: Command, smoke_runs: Path, tmp_path: Path
) -> None:
    runs = tmp_path / "runs"
    shutil.copytree(smoke_runs, runs / "smoke")
    shutil.rmtree(runs / "smoke" / "pytorch" / "lstm")
    shutil.rmtree(runs / "smoke" / "pytorch" / "gru")
    (runs / "smoke" / "pytorch" / "lstm").mkdir()
    (runs / "smoke" / "pytorch" / "lstm" / "seed-0").write_text("something in the way")
    done = command("compare", "run", "--preset", "smoke", "--frameworks", "pytorch", "--runs", runs)
    assert done.returncode == 1
    lines = done.stderr.splitlines()
    assert "baseline tf-idf: finished before, test accuracy 0." in done.stderr
    failed = next(line for line in lines if "pytorch lstm" in line)
    assert "FAILED" in failed
    assert "exists and is not a run" in failed
    assert "seed-0.log" in failed
    assert (runs / "smoke" / "pytorch" / "lstm" / "seed-0.log").read_text().startswith("error: ")
    assert "pytorch gru seed 0: done in" in done.stderr
    assert "pytorch bilstm seed 0: finished before" in done.stderr
    assert "6 cells are finished, 1 failed" in done.stderr


def test_a_stopped_grid_says_so_and_leaves_nothing(cache: Path, tmp_path: Path) -> None:
    flags = "--preset smoke --epochs 500 --frameworks pytorch --architectures lstm gru --no-baselines"
    command = [sys.executable, "-m", "compare", "run", *shlex.split(flags), "--runs", str(tmp_path)]
    log = tmp_path / "smoke" / "pytorch" / "lstm" / "seed-0.log"
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True, cwd=ROOT) as process:
        while not log.exists() and process.poll() is None:
            time.sleep(0.05)
        process.terminate()
        _, said = process.communicate(timeout=120)
    assert process.returncode == 130, said
    assert "pytorch lstm seed 0: stopped after" in said
    assert "FAILED" not in said
    assert "gru" not in said
    assert not [path for path in tmp_path.rglob("*") if path.is_file()]


def test_only_baselines_are_no_report(smoke_runs: Path, tmp_path: Path) -> None:
    shutil.copytree(smoke_runs / "baseline", tmp_path / "smoke" / "baseline")
    with pytest.raises(LockstepError, match="no network is finished"):
        write_report(tmp_path / "smoke", tmp_path / "report")
    assert not (tmp_path / "report").exists()
