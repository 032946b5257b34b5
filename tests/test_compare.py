from __future__ import annotations

import base64
import hashlib
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
from markdown_it import MarkdownIt
from scipy.sparse import csr_matrix
from sklearn.metrics import log_loss

from compare.ensembles.ensemble import PENALTY, pool_weights, pooled, summarise_ensemble
from compare.grid.baselines import BASELINES, LINEAR, NaiveBayesSVM
from compare.names import ARCHITECTURE_TITLES, TITLES, repository
from compare.report.charts import charts_of
from compare.report.comparable import check_comparable
from compare.report.page import REPORT_FILES, Playground, pages_of, write_report
from compare.report.published_results import RESULTS
from compare.report.reading import read_statistics
from compare.report.statistics import summarise_experiment
from compare.report.tables import tables_of
from compare.report.verdict import title_of
from compare.tables import escaped
from shared.contract import FRAMEWORKS, REFERENCE
from shared.errors import LockstepError
from shared.files import seal
from shared.output import PAGE, Output, is_claimed
from shared.runs import read_records, read_runs
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


def comparable(experiment: Path) -> list[str]:
    """What the records of an experiment differ in, if they may."""
    return check_comparable(experiment, read_records(experiment)[0])


def test_baselines_beat_chance_and_stand_beside_the_networks(smoke_runs: Path) -> None:
    found = summarise_experiment(smoke_runs)
    assert [cell.architecture for cell in found.baselines] == list(BASELINES)
    accuracies = {cell.architecture: cell.accuracy.value for cell in found.baselines}
    assert accuracies["majority"] == pytest.approx(0.5, abs=0.01)
    assert accuracies["majority"] + 0.15 < accuracies["mean-of-vectors"] < accuracies["tf-idf"]
    assert min(accuracies["tf-idf"], accuracies["linear-svm"], accuracies["nb-svm"]) > 0.8
    assert [(cell.framework, cell.architecture) for cell in found.cells] == [
        (framework, architecture) for framework in (*FRAMEWORKS, REFERENCE) for architecture in ARCHITECTURES
    ]
    of_baselines = [pair for pair in found.pairs if pair.kind == "baseline"]
    assert {(pair.first, pair.second) for pair in of_baselines} >= {
        (cell.name, baseline.name) for cell in found.cells for baseline in found.baselines
    }, "each network is held against each baseline"


def test_naive_bayes_ratio_by_hand() -> None:
    counts = csr_matrix(np.array([[1, 0, 1], [1, 0, 0], [0, 1, 1], [0, 1, 0]]))
    model = NaiveBayesSVM(beta=0).fit(counts, np.array([1, 1, 0, 0]))
    # With beta 0 the weights are a multiple of log((p/|p|) / (q/|q|)): p = (3, 1, 2), q = (1, 3, 2).
    assert model.coef_.shape == (1, 3)
    assert np.allclose(model.coef_ / model.coef_[0, 0], [[1, -1, 0]])
    assert model.predict(counts).tolist() == [1, 1, 0, 0]


def test_statistics_follow_from_the_runs(smoke_runs: Path) -> None:
    runs = {
        f"{run.record.framework}/{run.record.architecture}": run for run in read_runs(smoke_runs)
    }  # there is one seed
    found = summarise_experiment(smoke_runs)
    cell, run = found.cells[0], runs["keras/rnn"]
    assert cell.name == "keras/rnn"
    right = run.predictions.classes == run.predictions.labels
    assert cell.accuracy.value == pytest.approx(right.mean())
    assert cell.accuracy.low is not None
    assert cell.accuracy.high is not None
    assert cell.accuracy.low < cell.accuracy.value < cell.accuracy.high
    # Wilson's interval by its formula.
    n, p, z = len(right), right.mean(), 1.959964
    middle, width = p + z**2 / (2 * n), z * np.sqrt(p * (1 - p) / n + z**2 / (4 * n**2))
    assert cell.accuracy.low == pytest.approx((middle - width) / (1 + z**2 / n), abs=1e-6)
    assert cell.accuracy.high == pytest.approx((middle + width) / (1 + z**2 / n), abs=1e-6)
    # Every two models stand beside each other once.
    named = [frozenset((pair.first, pair.second)) for pair in found.pairs]
    assert len(named) == len(set(named)) == len(runs) * (len(runs) - 1) // 2
    for pair in found.pairs:
        first, second = (runs[name].predictions for name in (pair.first, pair.second))
        of_first, of_second = (one.classes == one.labels for one in (first, second))
        assert pair.agreement == pytest.approx((first.classes == second.classes).mean())
        assert pair.difference.value == pytest.approx(of_first.mean() - of_second.mean())
        assert pair.first_only == (of_first & ~of_second).sum()
        assert pair.second_only == (of_second & ~of_first).sum()
        assert pair.holm >= pair.mcnemar


def test_the_hardest_review_is_shown_with_its_text(smoke_runs: Path) -> None:
    networks = [run for run in read_runs(smoke_runs) if run.record.framework != "baseline"]
    found = summarise_experiment(smoke_runs)
    first = networks[0].predictions
    rows, labels = np.arange(len(first.labels)), first.labels
    right = np.mean([run.predictions.probabilities[rows, labels] for run in networks], axis=0)  # [reviews]
    all_wrong = np.all([run.predictions.classes != labels for run in networks], axis=0)
    hardest = rows[all_wrong][right[all_wrong].argmin()]
    chosen = [example for example in found.examples if "all wrong" in example.kinds]
    assert chosen[0].review_id == first.review_ids[hardest]
    assert all(example.text for example in found.examples)
    for example in found.examples:
        row = first.review_ids.tolist().index(example.review_id)
        assert example.label == example.shown_class == labels[row]
        for run in networks:
            cell = f"{run.record.framework}/{run.record.architecture}"
            assert example.answers[cell] == run.predictions.classes[row]
            assert example.probabilities[cell] == pytest.approx(run.predictions.probabilities[row, labels[row]])


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
    """Collects what a page links to, its scripts, and its text: what a reader sees."""

    def __init__(self) -> None:
        super().__init__()
        self.links: list[str] = []
        self.tags: list[str] = []
        self.attributes: list[tuple[str, dict[str, str]]] = []
        self.scripts: list[tuple[dict[str, str], str]] = []
        self.text = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        self.tags.append(tag)
        self.attributes.append((tag, given))
        self.links += [
            value for name, value in given.items() if name in ("src", "href", "xlink:href", "srcset", "data")
        ]
        if tag == "script":
            self.scripts.append((given, ""))

    def handle_data(self, data: str) -> None:
        if self.cdata_elem is None:
            self.text += data
        elif self.cdata_elem == "script":
            attributes, before = self.scripts[-1]
            self.scripts[-1] = attributes, before + data


def page_of(text: str) -> Page:
    page = Page()
    page.feed(text)
    page.close()
    return page


def executable(page: Page) -> list[str]:
    """What a browser would run."""
    return [text for attributes, text in page.scripts if attributes.get("type", "") != "application/json"]


def check_scripts(page: Page) -> None:
    """One script of its own, which the policy names by its hash; data beside it; nothing else that could run."""
    (script,) = executable(page)
    for attributes, text in page.scripts:
        assert "src" not in attributes
        if text != script:
            assert json.loads(text) is not None
    assert "\r" not in script, "a browser reads a line end for it, and the hash would be another one"
    (policy,) = [
        attributes["content"]
        for tag, attributes in page.attributes
        if tag == "meta" and attributes.get("http-equiv") == "Content-Security-Policy"
    ]
    rules = dict(rule.strip().split(" ", 1) for rule in policy.split(";"))
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    assert rules["default-src"] == "'none'"
    assert rules["script-src"] == f"'sha256-{digest}'"
    assert rules["base-uri"] == rules["form-action"] == "'none'"
    assert not {"connect-src", "frame-src", "font-src", "script-src-elem", "script-src-attr"} & set(rules)
    assert rules["img-src"] == "data:"
    assert not [name for _, given in page.attributes for name in given if name.startswith("on")]
    assert not {"iframe", "object", "embed", "link", "base", "form"} & set(page.tags)


# Every report says which lessons explain it.
EXPLAINING = ("lesson_12_one_model_four_frameworks.py", "lesson_15_reading_a_comparison.py")
LESSON_LINKS = {f"{repository()}/blob/main/lessons/{name}" for name in EXPLAINING}


def test_the_lessons_that_a_report_links_to_are_there() -> None:
    assert all((ROOT / "lessons" / name).is_file() for name in EXPLAINING)


def live_in(markdown: str) -> set[tuple[str, object]]:
    """What a viewer of Markdown would act on: links and pictures with their addresses, and markup."""
    blocks = MarkdownIt("commonmark").enable(["table", "strikethrough"]).parse(markdown)
    tokens = [*blocks, *(child for block in blocks for child in block.children or ())]
    kinds = ("link_open", "image", "html_inline", "html_block")
    return {(one.type, one.attrs.get("href", one.attrs.get("src"))) for one in tokens if one.type in kinds}


def test_the_page_is_one_file_and_works_offline(report: Path) -> None:
    page = page_of((report / "index.html").read_text())
    found = read_statistics(report / "statistics.json")
    published = {result.url for result in RESULTS}
    assert found.published == RESULTS
    assert all(link.startswith("https://") for link in published)
    elsewhere = {link for link in page.links if not link.startswith("#")}
    assert elsewhere == published | LESSON_LINKS, "to be clicked; nothing is loaded"
    assert [tag for tag, given in page.attributes if {"src", "data", "srcset"} & set(given)] == []
    places = {given["id"] for _, given in page.attributes if "id" in given}
    assert {link.removeprefix("#") for link in page.links if link.startswith("#")} <= places
    check_scripts(page)
    charts = charts_of(found)
    assert len(charts) > 4
    assert page.tags.count("figure") == len(charts)
    assert page.tags.count("table") == len(tables_of(found)) + len(found.examples)
    for words in ("Results", "Learning", "Agreement", "all models are wrong", "NB-SVM", *(one.title for one in charts)):
        assert words in page.text


def test_the_commands_on_the_page_stand_on_lines_of_their_own(report: Path) -> None:
    found = read_statistics(report / "statistics.json")
    assert len(found.commands) > 1
    assert "\n".join(found.commands) in page_of((report / "index.html").read_text()).text


def test_the_report_says_what_the_statistics_say(report: Path) -> None:
    found = read_statistics(report / "statistics.json")
    markdown = (report / "report.md").read_text()
    page = page_of((report / "index.html").read_text())
    for cell in (*found.cells, *found.baselines):
        accuracy = cell.accuracy
        assert accuracy.low is not None
        assert accuracy.high is not None
        between = f"({accuracy.low * 100:.2f}–{accuracy.high * 100:.2f})"
        assert f"| {title_of(cell.name)} | {accuracy.value * 100:.2f} {between} |" in markdown
        assert f"{title_of(cell.name)}{accuracy.value * 100:.2f} {between}" in page.text
    for architecture in ARCHITECTURES:
        title = ARCHITECTURE_TITLES[architecture]
        row = rf"^\| {TITLES['pytorch']} {title} \| \d\d\.\d\d \(\d\d\.\d\d–\d\d\.\d\d\) \|"
        assert re.search(row, markdown, re.MULTILINE)
    for file in ("index.html", "report.md"):
        text = page.text if file == "index.html" else markdown
        for ensemble in found.ensembles:
            assert f"{ensemble.accuracy.value * 100:.2f}" in text.split(f"Ensemble: {ensemble.name}")[1][:40]


def test_review_text_cannot_become_markup(report: Path) -> None:
    found = read_statistics(report / "statistics.json")
    evil = "<script>alert(1)</script> [x](javascript:alert(2)) <img src=x onerror=alert(3)> `{{ 7 * 7 }}` | # **"
    examples = list(found.examples)
    examples[0] = examples[0].model_copy(update={"text": evil, "review_id": evil, "explanations": ()})
    assert "all wrong" in examples[0].kinds, "Markdown shows one of a kind"
    pages = pages_of(found.model_copy(update={"examples": tuple(examples)}), Playground())
    page = page_of(str(pages["index.html"]))
    check_scripts(page)
    assert "img" not in page.tags
    assert "alert(1)" not in executable(page)[0]
    assert page.text.count(evil) == 2
    markdown = str(pages["report.md"])
    assert "<script" not in markdown
    assert "<img" not in markdown
    assert live_in(markdown) == {("link_open", link) for link in LESSON_LINKS | {result.url for result in RESULTS}}
    shown = escaped(evil)
    assert markdown.count(shown) == 2
    assert "7 \\* 7" in shown


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
            comparable(copied)
        assert name in str(error.value) or "fingerprints" in str(error.value)


def test_each_architecture_may_start_from_a_model_of_its_own(smoke_runs: Path, tmp_path: Path) -> None:
    shutil.copytree(smoke_runs, tmp_path / "smoke")
    for run in (tmp_path / "smoke").glob("*/gru/seed-0"):
        change_record(run, start_from="runs/language-model")
    comparable(tmp_path / "smoke")
    change_record(tmp_path / "smoke/flair/gru/seed-0", start_from="runs/another")
    with pytest.raises(LockstepError, match=r"gru/seed-0 and .*gru/seed-0 differ in start_from: 'runs/"):
        comparable(tmp_path / "smoke")


def test_a_run_from_before_a_field_existed_had_its_default(smoke_runs: Path, tmp_path: Path) -> None:
    shutil.copytree(smoke_runs / "pytorch", tmp_path / "smoke" / "pytorch")
    path = tmp_path / "smoke" / "pytorch" / "gru" / "seed-0" / "record.json"
    record = json.loads(path.read_text())
    del record["specification"]["padding"]
    reseal_run(path.parent, specification=record["specification"])
    comparable(tmp_path / "smoke")
    change_record(path.parent, padding="left")
    with pytest.raises(LockstepError, match="differ in padding: 'left' and 'masked'"):
        comparable(tmp_path / "smoke")


def test_runs_that_started_from_other_files_are_refused(smoke_runs: Path, tmp_path: Path) -> None:
    shutil.copytree(smoke_runs, tmp_path / "smoke")
    for framework, file in (("flair", "one"), ("keras", "another")):
        path = tmp_path / "smoke" / framework / "gru" / "seed-0" / "record.json"
        path.write_text(json.dumps(seal({**json.loads(path.read_text()), "inputs": {"vectors": file}})))
    with pytest.raises(LockstepError, match="differ in what vectors named: another file stood at 'glove'"):
        comparable(tmp_path / "smoke")


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
    assert f"{len(BASELINES) + 1} cells finished, 2 failed" in done.stderr


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
    found = read_statistics(out / "statistics.json")
    assert found.portability is found.parity is None
    left_out = ("keras/lstm/seed-0/record.json", "flair/gru/seed-0/validation.parquet", "portability.json", "parity")
    assert len(found.left_out) == len(left_out)
    assert {"Keras LSTM is missing.", "Flair GRU is missing."} <= set(found.missing)
    page = page_of((out / "index.html").read_text())
    markdown = (out / "report.md").read_text()
    for name in left_out:
        assert sum(name in message for message in found.left_out) == 1
        assert name in page.text.split("Left out")[1].split("Results")[0]
        assert name in markdown.split("## Left out")[1].split("## Results")[0]
    assert "| Keras GRU |" in markdown, "its other cells are there"
    assert "| Keras LSTM |" not in markdown


def test_a_report_on_the_reference_alone(smoke_runs: Path, tmp_path: Path) -> None:
    shutil.copytree(smoke_runs / "reference", tmp_path / "smoke" / "reference")
    out = reported(tmp_path / "smoke", tmp_path / "report")
    found = read_statistics(out / "statistics.json")
    assert found.spread == {}, "there are no frameworks to lie apart"
    assert found.variances == ()
    assert {pair.kind for pair in found.pairs} == {"architecture"}
    markdown = (out / "report.md").read_text()
    for architecture in ARCHITECTURES:
        assert f"| {TITLES[REFERENCE]} {ARCHITECTURE_TITLES[architecture]} |" in markdown


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
    measured["without_framework"] = {}
    (experiment / "portability.json").write_text(json.dumps(seal(measured)))
    out = reported(experiment, tmp_path / "report")
    markdown = (out / "report.md").read_text()
    assert "NOT the same model: a model trained in one framework does NOT open in every other" in markdown
    section = markdown.split("## The same model?")[1].split("\n## ")[0]
    assert "| Keras | not a number ✗ | 5e-01 ✗ | " in section
    assert section.count("✗") == 2
    page = page_of((out / "index.html").read_text())
    assert "not a number ✗5e-01 ✗" in re.sub(r"\s*\n\s*", "", page.text)


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
