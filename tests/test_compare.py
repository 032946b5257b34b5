from __future__ import annotations

import html.parser
import json
import re
import shlex
import shutil
import subprocess
import sys
import time
from contextlib import ExitStack
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.sparse import csr_matrix
from sklearn.metrics import log_loss

from compare.ensembles.ensemble import PENALTY, pool_weights, pooled, summarise_ensemble
from compare.grid.baselines import BASELINES, LINEAR, NaiveBayesSVM
from compare.published import escaped
from compare.report.page import REPORT_FILES, render, write_report
from compare.report.statistics import check_comparable, summarise
from shared.contract import FRAMEWORKS, REFERENCE
from shared.errors import LockstepError
from shared.files import seal
from shared.output import PAGE, Output, is_claimed
from shared.runs import read_runs
from tests.conftest import ARCHITECTURES, ROOT, Command
from tests.sealed import reseal_run


def reported(experiment: Path, out: Path) -> Path:
    """Write the report of an experiment as the command does, and return its folder."""
    with ExitStack() as stack:
        write_report(experiment, {name: stack.enter_context(Output(out / name, PAGE)) for name in REPORT_FILES})
    return out


@pytest.fixture(scope="module")
def report(smoke_runs: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return reported(smoke_runs, tmp_path_factory.mktemp("report"))


def test_baselines_beat_chance_and_stand_beside_the_networks(smoke_runs: Path) -> None:
    summary = summarise(read_runs(smoke_runs))
    assert [cell["architecture"] for cell in summary["baselines"]] == list(BASELINES)
    accuracies = {cell["architecture"]: cell["accuracy"] for cell in summary["baselines"]}
    assert accuracies["majority"] == pytest.approx(0.5, abs=0.01)
    assert accuracies["majority"] + 0.15 < accuracies["mean-of-vectors"] < accuracies["tf-idf"]
    assert min(accuracies["tf-idf"], accuracies["linear-svm"], accuracies["nb-svm"]) > 0.8
    assert [(cell["framework"], cell["architecture"]) for cell in summary["cells"]] == [
        (framework, architecture) for framework in (*FRAMEWORKS, REFERENCE) for architecture in ARCHITECTURES
    ]


def test_naive_bayes_ratio_by_hand() -> None:
    counts = csr_matrix(np.array([[1, 0, 1], [1, 0, 0], [0, 1, 1], [0, 1, 0]]))
    model = NaiveBayesSVM(beta=0).fit(counts, np.array([1, 1, 0, 0]))
    # With beta 0 the weights are a multiple of log((p/|p|) / (q/|q|)): p = (3, 1, 2), q = (1, 3, 2).
    assert model.coef_.shape == (1, 3)
    assert np.allclose(model.coef_ / model.coef_[0, 0], [[1, -1, 0]])
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
    assert both["models"] == len(networks) + len(LINEAR), "the majority and the mean of vectors are not asked"
    assert min(both["weights"].values()) >= 0
    labels = networks[0].validation.labels.astype(int)
    asked = [run for run in runs if f"smoke {run.record.framework} {run.record.architecture}" in both["weights"]]
    weights = np.array([both["weights"][f"smoke {run.record.framework} {run.record.architecture}"] for run in asked])
    probabilities = np.stack([run.validation.probabilities.astype(float) for run in asked])  # [runs, reviews, 2]
    losses = [log_loss(labels, one / one.sum(axis=1, keepdims=True)) for one in probabilities]
    together = log_loss(labels, pooled(weights, probabilities))
    assert together <= min(losses) + 1e-3, "at least as good as each, but for the penalty, where its weights come from"
    assert both["validation_log_loss"] > together, "and less so on reviews that they have not seen"


def test_a_pool_by_hand() -> None:
    # 0.8^2 0.6 : 0.2^2 0.4 = 0.384 : 0.016
    asked = np.array([[[0.8, 0.2]], [[0.6, 0.4]]])
    assert pooled(np.array([2.0, 1.0]), asked)[0] == pytest.approx([0.96, 0.04])
    assert pooled(np.array([1.0, 0.0]), asked)[0] == pytest.approx([0.8, 0.2])
    assert np.isfinite(pooled(np.array([1.0, 1.0]), np.array([[[0.0, 1.0]], [[1.0, 0.0]]]))).all()


def test_pool_weights_by_hand() -> None:
    # The one that knows something is trusted, the one that knows nothing is not.
    labels = np.array([0, 0, 0, 1] * 25)
    knows = np.where(labels[:, None] == 0, [0.75, 0.25], [0.4, 0.6])
    nothing = np.random.default_rng(0).permutation(knows)
    weights = pool_weights(np.stack([knows, nothing]), labels)
    assert weights[0] > 1 > 10 * weights[1]
    # Who is right three times out of four and says so keeps its words: the weight is 1.
    calibrated = np.full((100, 2), [0.75, 0.25])
    assert pool_weights(calibrated[None], labels) == pytest.approx([1], abs=1e-3)
    # Two that say the same share it.
    assert pool_weights(np.stack([calibrated, calibrated]), labels) == pytest.approx([0.5, 0.5], abs=1e-3)


@settings(deadline=None)
@given(seed=st.integers(0, 2**32 - 1))
def test_no_other_weights_are_better(seed: int) -> None:
    generator = np.random.default_rng(seed)
    probabilities = generator.dirichlet([1, 1], size=(3, 40))  # [models, reviews, 2]
    labels = generator.integers(0, 2, 40)
    weights = pool_weights(probabilities, labels)

    def loss(weights: np.ndarray) -> float:
        return log_loss(labels, pooled(weights, probabilities)) + PENALTY * ((weights - 1 / 3) ** 2).sum()

    for other in np.maximum(0, weights + generator.normal(0, 0.05, (20, 3))):
        assert loss(weights) <= loss(other) + 1e-6


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
    """Change what a record says, and its seal with it, as if the run had been made so."""
    record = json.loads((run / "record.json").read_text())
    for name, value in changes.items():
        section = record["data"] if name == "fingerprint" else record["specification"]
        section[name] = value
    reseal_run(run, data=record["data"], specification=record["specification"])


def test_runs_that_cannot_be_compared_are_refused_by_name(smoke_runs: Path, tmp_path: Path) -> None:
    for name, value in (("fingerprint", "0" * 64), ("hidden_size", 99)):
        copied = tmp_path / name
        shutil.copytree(smoke_runs, copied)
        change_record(copied / "flair" / "gru" / "seed-0", **{name: value})
        with pytest.raises(LockstepError, match="flair/gru/seed-0") as error:
            check_comparable(read_runs(copied))
        assert name in str(error.value) or "fingerprints" in str(error.value)


def test_each_architecture_may_start_from_a_model_of_its_own(smoke_runs: Path, tmp_path: Path) -> None:
    shutil.copytree(smoke_runs, tmp_path / "smoke")
    for run in (tmp_path / "smoke").glob("*/gru/seed-0"):
        change_record(run, start_from="runs/language-model")
    check_comparable(read_runs(tmp_path / "smoke"))
    change_record(tmp_path / "smoke/flair/gru/seed-0", start_from="runs/another")
    with pytest.raises(LockstepError, match=r"gru/seed-0 and .*gru/seed-0 differ in start_from: 'runs/"):
        check_comparable(read_runs(tmp_path / "smoke"))


def test_a_run_from_before_a_field_existed_had_its_default(smoke_runs: Path, tmp_path: Path) -> None:
    shutil.copytree(smoke_runs / "pytorch", tmp_path / "smoke" / "pytorch")
    path = tmp_path / "smoke" / "pytorch" / "gru" / "seed-0" / "record.json"
    record = json.loads(path.read_text())
    del record["specification"]["padding"]
    reseal_run(path.parent, specification=record["specification"])
    check_comparable(read_runs(tmp_path / "smoke"))
    change_record(path.parent, padding="left")
    with pytest.raises(LockstepError, match="differ in padding: 'left' and 'masked'"):
        check_comparable(read_runs(tmp_path / "smoke"))


def test_runs_that_started_from_other_files_are_refused(smoke_runs: Path, tmp_path: Path) -> None:
    shutil.copytree(smoke_runs, tmp_path / "smoke")
    for framework, file in (("flair", "one"), ("keras", "another")):
        path = tmp_path / "smoke" / framework / "gru" / "seed-0" / "record.json"
        path.write_text(json.dumps(seal({**json.loads(path.read_text()), "inputs": {"vectors": file}})))
    with pytest.raises(LockstepError, match="differ in what vectors named: another file stood at 'glove'"):
        check_comparable(read_runs(tmp_path / "smoke"))


def test_finished_cells_are_skipped_and_a_failed_one_does_not_stop_the_rest(
    command: Command, smoke_runs: Path, tmp_path: Path
) -> None:
    runs = tmp_path / "runs"
    shutil.copytree(smoke_runs, runs / "smoke")
    pytorch = runs / "smoke" / "pytorch"
    shutil.rmtree(pytorch / "lstm")
    shutil.rmtree(pytorch / "gru")
    (pytorch / "lstm").mkdir()
    (pytorch / "lstm" / "seed-0").write_text("something in the way")
    (pytorch / "bilstm" / "seed-0" / "predictions.parquet").write_bytes(b"damaged")
    done = command("compare", "run", "--preset", "smoke", "--frameworks", "pytorch", "--runs", runs)
    assert done.returncode == 1
    lines = done.stderr.splitlines()
    assert "baseline tf-idf: finished before, test accuracy 0." in done.stderr
    failed = next(line for line in lines if "pytorch lstm" in line)
    assert "FAILED" in failed
    assert "seed-0: is a file; a run is a directory" in failed
    assert f"(see {pytorch / 'lstm' / 'seed-0.log'})" in failed
    assert (pytorch / "lstm" / "seed-0.log").read_text().startswith("error: ")
    assert (pytorch / "lstm" / "seed-0").read_text() == "something in the way"
    assert "pytorch gru seed 0: done in" in done.stderr
    damaged = next(line for line in lines if "pytorch bilstm" in line)
    assert re.search(r"FAILED \(finished before\): .*bilstm/seed-0/predictions\.parquet: was changed", damaged)
    assert f"{len(BASELINES) + 1} cells are finished, 2 failed" in done.stderr


def test_a_stopped_grid_says_so_and_leaves_nothing(cache: Path, tmp_path: Path) -> None:
    flags = "--preset smoke --epochs 500 --frameworks pytorch --architectures lstm gru --no-baselines"
    command = [sys.executable, "-m", "compare", "run", *shlex.split(flags), "--runs", str(tmp_path)]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True, cwd=ROOT) as process:
        while not is_claimed(tmp_path / "smoke/pytorch/lstm/seed-0") and process.poll() is None:
            time.sleep(0.05)
        process.terminate()
        _, said = process.communicate(timeout=120)
    assert process.returncode == 130, said
    assert "pytorch lstm seed 0: stopped after" in said
    assert said.splitlines()[-1] == "interrupted: nothing half-written was left"
    assert "FAILED" not in said
    assert "gru" not in said
    assert not [path for path in tmp_path.rglob("*") if path.is_file()]


def test_only_baselines_are_no_report(smoke_runs: Path, tmp_path: Path) -> None:
    shutil.copytree(smoke_runs / "baseline", tmp_path / "smoke" / "baseline")
    with pytest.raises(LockstepError, match="no network is finished"):
        reported(tmp_path / "smoke", tmp_path / "report")
    assert not (tmp_path / "report").exists()


def test_what_cannot_be_read_is_left_out_of_the_report_and_named_in_it(smoke_runs: Path, tmp_path: Path) -> None:
    experiment = tmp_path / "smoke"
    shutil.copytree(smoke_runs, experiment)
    (experiment / "keras" / "lstm" / "seed-0" / "record.json").write_text("{}")
    (experiment / "flair" / "gru" / "seed-0" / "validation.parquet").write_bytes(b"")
    (experiment / "portability.json").write_text('{"names": ["keras"], "matrices": {"lstm": [[NaN]]}}')
    (tmp_path / "parity.json").mkdir()
    out = reported(experiment, tmp_path / "report")
    summary = json.loads((out / "statistics.json").read_text())
    assert summary["portability"] is summary["parity"] is None
    left_out = ("keras/lstm/seed-0/record.json", "flair/gru/seed-0/validation.parquet", "portability.json", "parity")
    assert len(summary["left_out"]) == len(left_out)
    page = Page()
    page.feed((out / "index.html").read_text())
    markdown = (out / "report.md").read_text()
    for name in left_out:
        assert sum(name in message for message in summary["left_out"]) == 1
        assert name in page.text.split("Left out")[1].split("Test accuracy")[0]
        assert name in markdown.split("## Left out")[1].split("## Test accuracy")[0]
    assert "| Keras |" in markdown, "its other cells are there"


def test_a_report_on_the_reference_alone(smoke_runs: Path, tmp_path: Path) -> None:
    shutil.copytree(smoke_runs / "reference", tmp_path / "smoke" / "reference")
    markdown = (reported(tmp_path / "smoke", tmp_path / "report") / "report.md").read_text()
    assert "| *spread between frameworks, points* | – | – | – | – |" in markdown


def test_an_unknown_baseline_is_one_line(smoke_runs: Path, tmp_path: Path) -> None:
    shutil.copytree(smoke_runs, tmp_path / "smoke")
    shutil.move(tmp_path / "smoke" / "baseline" / "nb-svm", tmp_path / "smoke" / "baseline" / "oracle")
    path = tmp_path / "smoke" / "baseline" / "oracle" / "seed-0" / "record.json"
    path.write_text(json.dumps(seal({**json.loads(path.read_text()), "architecture": "oracle"})))
    with pytest.raises(LockstepError, match=r"baseline/oracle/seed-0: unknown baseline 'oracle'; remove it"):
        reported(tmp_path / "smoke", tmp_path / "report")


def test_what_is_not_a_number_is_shown_as_a_failure(smoke_runs: Path, tmp_path: Path) -> None:
    experiment = tmp_path / "smoke"
    shutil.copytree(smoke_runs / "reference", experiment / "reference")
    measured = json.loads((ROOT / "results" / "portability.json").read_text())
    measured["matrices"] = {"lstm": measured["matrices"]["lstm"]}
    measured["matrices"]["lstm"][0][:2] = None, 0.5
    (experiment / "portability.json").write_text(json.dumps(measured))
    markdown = (reported(experiment, tmp_path / "report") / "report.md").read_text()
    assert "| Keras | not a number ✗ | 5e-01 ✗ | " in markdown
    assert markdown.count("✗") == 2


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("a|b", r"a\|b"),
        ("<img src=x>", "&lt;img src=x&gt;"),
        ("[/bold] `code` *strong* ~~gone~~ $x$", r"\[/bold\] \`code\` \*strong\* \~\~gone\~\~ \$x\$"),
        ("snake_case _emphasis_", r"snake_case \_emphasis\_"),
        ("R&D &lt; &#60;", r"R&D \&lt; \&#60;"),
        ("two\nlines\x1b[31m\u202e", r"two lines\\x1b\[31m\\u202e"),
        ("html,apostrophes 1e-07 5,751", "html,apostrophes 1e-07 5,751"),
    ],
)
def test_names_in_markdown_are_text(text: str, shown: str) -> None:
    assert escaped(text) == shown
