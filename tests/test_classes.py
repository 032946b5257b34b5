"""Whatever the classes are called and however many there are: baselines, statistics, ensembles, reports."""

from __future__ import annotations

import json
import shutil
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.sparse import csr_matrix
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import confusion_matrix, log_loss
from sklearn.svm import LinearSVC

from compare.ensembles.ensemble import PENALTY, pool_weights, pooled, summarise_ensemble
from compare.grid.baselines import (
    BASELINES,
    LARGEST_WEIGHTS,
    LINEAR,
    NaiveBayesSVM,
    SoftmaxOfMargins,
    fit_baseline,
)
from compare.grid.reuse import compared_fields
from compare.report.comparable import check_comparable
from compare.report.errors import CONFUSED_PAIRS, EXAMPLES, LARGEST_TABLE
from compare.report.form import Cell
from compare.report.page import REPORT_FILES
from compare.report.reading import read_statistics
from compare.report.statistics import summarise_experiment
from compare.tables import escaped
from shared.contract import FRAMEWORKS
from shared.data.corpus import Corpus
from shared.errors import LockstepError
from shared.loading import load_corpus
from shared.metrics import evaluate
from shared.runs import read_records, read_runs
from shared.specification import Specification
from tests.sealed import reseal_run
from tests.synthetic import NETWORKS, write_experiment, write_texts
from tests.test_compare import check_scripts, page_of, reported

# A name that HTML and Markdown would act on, one that is long, one that a column could have.
FIVE = {"<b>|_*one*": 40, "two": 60, "a name that is longer than a table has room for": 60, "label": 60, "reviews": 80}
RARE = {"frequent": 380, "rare": 20}
OTHER_DATA = {"other-data": dict.fromkeys(evaluate(np.array([0, 1]), np.full((2, 2), 0.5)), 0.25)}


def specification_of(texts: Path, **fields: object) -> Specification:
    return Specification.model_validate({"data": str(texts), "vectors": "random", "embedding_size": 4, **fields})


@pytest.fixture(scope="module")
def five(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("five")
    return write_experiment(folder, FIVE, baselines=tuple(BASELINES), out_of_domain=OTHER_DATA)


@pytest.fixture(scope="module")
def rare(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_experiment(tmp_path_factory.mktemp("rare"), RARE, baselines=tuple(BASELINES))


@pytest.fixture(scope="module")
def of_five(five: Path) -> Corpus:
    return load_corpus(specification_of(five.parent / "texts.csv"))


def test_every_baseline_tells_five_classes_apart(five: Path) -> None:
    found = summarise_experiment(five)
    accuracies = {cell.architecture: cell.accuracy.value for cell in found.baselines}
    assert list(accuracies) == list(BASELINES)
    assert accuracies["majority"] == pytest.approx(80 / 300, abs=0.05)
    assert min(accuracies[name] for name in LINEAR) > 0.95
    assert accuracies["mean-of-vectors"] > accuracies["majority"] + 0.2, "of random vectors"
    for cell in found.baselines:
        assert cell.parameters.total == (5 if cell.architecture == "majority" else 5 * features(cell))


def features(cell: Cell) -> int:
    """How many features a baseline's classes have weights for, the intercept among them."""
    assert cell.parameters.total % 5 == 0
    return cell.parameters.total // 5


@pytest.mark.parametrize("name", BASELINES)
def test_a_class_that_no_training_review_has_gets_no_probability(name: str, of_five: Corpus) -> None:
    without = replace(of_five, train=of_five.train.take(np.flatnonzero(of_five.train.labels != 1)))
    kept = [of_five.texts[0][row] for row in np.flatnonzero(of_five.train.labels != 1)]
    without = replace(without, texts=(kept, *of_five.texts[1:]))
    fitted = fit_baseline(name, specification_of(Path("none")), without)
    probabilities = fitted.probabilities(of_five.texts[2])
    assert probabilities.dtype == np.float32
    assert probabilities.shape == (len(of_five.test), 5)
    assert not probabilities[:, 1].any()
    assert np.allclose(probabilities.sum(axis=1), 1, atol=1e-5)
    assert (fitted.validation.argmax(axis=1) != 1).all()


@pytest.mark.parametrize("name", [name for name in BASELINES if name != "majority"])
def test_training_reviews_of_one_class_are_refused(name: str, of_five: Corpus) -> None:
    rows = np.flatnonzero(of_five.train.labels == 1)
    one = replace(
        of_five,
        train=of_five.train.take(rows),
        texts=([of_five.texts[0][row] for row in rows], *of_five.texts[1:]),
    )
    named = of_five.class_names[1]
    with pytest.raises(LockstepError, match="every training review is of the class") as error:
        fit_baseline(name, specification_of(Path("none")), one)
    assert repr(named) in str(error.value)


def test_too_few_reviews_for_the_sigmoid_get_the_softmax(tmp_path: Path) -> None:
    """Of 40 validation reviews one or two are of the rare class, and scikit-learn's sigmoid asks for five."""
    specification = specification_of(write_texts(tmp_path / "texts.csv", RARE))
    corpus = load_corpus(specification)
    assert 0 < (corpus.validation.labels == 1).sum() < 5
    for name in ("linear-svm", "nb-svm"):
        fitted = fit_baseline(name, specification, corpus)
        assert isinstance(fitted.model[-1], SoftmaxOfMargins)
        test = fitted.probabilities(corpus.texts[2])
        assert evaluate(corpus.test.labels, test)["macro_f1"] > 0.8


def test_balanced_weights_make_a_rare_class_count(tmp_path: Path) -> None:
    """Hardly a word is of one class alone: weighed alike, the frequent class is nearly always the better guess."""
    generator, path = np.random.default_rng(0), tmp_path / "hard.csv"
    labels = np.repeat(["frequent", "rare"], [900, 100])
    words = [generator.choice(["up", "down"], 8, p=(0.4, 0.6) if name == "rare" else (0.6, 0.4)) for name in labels]
    lines = [f"{' '.join(text)} {number},{name}" for number, (text, name) in enumerate(zip(words, labels, strict=True))]
    path.write_text("\n".join(["text,label", *lines]))
    specification = specification_of(path)
    corpus = load_corpus(specification)
    for name in ("tf-idf", "linear-svm", "nb-svm"):
        alike, balanced = (
            fit_baseline(name, specification.replaced(class_weights=weights), corpus)
            for weights in ("none", "balanced")
        )
        found = [one.probabilities(corpus.texts[2]).argmax(axis=1) == 1 for one in (alike, balanced)]
        inside = corpus.test.labels == 1
        assert found[1][inside].mean() > found[0][inside].mean() + 0.2, name
    majority = [
        fit_baseline("majority", specification.replaced(class_weights=weights), corpus).validation
        for weights in ("none", "balanced")
    ]
    assert np.array_equal(*majority), "the most frequent class is the most frequent one"


@pytest.mark.parametrize("classes", [2, 4])
def test_a_weight_counts_as_so_many_reviews(classes: int) -> None:
    generator = np.random.default_rng(classes)
    counts = csr_matrix(generator.integers(0, 2, (40, 12)))
    labels, weights = generator.permutation(np.arange(40) % classes), generator.integers(1, 4, 40)
    repeated = np.repeat(np.arange(40), weights)
    weighted = NaiveBayesSVM(C=0.01).fit(counts, labels, weights.astype(float))
    several = NaiveBayesSVM(C=0.01).fit(counts[repeated], labels[repeated])
    assert np.allclose(weighted.coef_, several.coef_, atol=1e-3)


def test_of_several_classes_each_is_told_from_the_rest() -> None:
    generator = np.random.default_rng(0)
    counts, labels = csr_matrix(generator.integers(0, 2, (60, 9))), np.arange(60) % 3
    model = NaiveBayesSVM().fit(counts, labels)
    margins = model.decision_function(counts)
    assert margins.shape == (60, 3)
    for one in range(3):
        alone = NaiveBayesSVM().fit(counts, (labels == one).astype(int))
        assert np.allclose(margins[:, one], alone.decision_function(counts))
    assert np.array_equal(model.predict(counts), margins.argmax(axis=1))


@settings(deadline=None, max_examples=25)
@given(classes=st.integers(2, 5), seed=st.integers(0, 2**32 - 1))
def test_the_temperature_changes_no_prediction_and_no_other_is_much_better(classes: int, seed: int) -> None:
    generator = np.random.default_rng(seed)
    labels = np.arange(60) % classes
    matrix = csr_matrix(generator.normal(size=(60, 6)) + 2 * np.eye(6)[labels])
    svm = LinearSVC(random_state=0).fit(matrix[:30], labels[:30])
    calibrated = SoftmaxOfMargins(svm).fit(matrix[30:], labels[30:])
    probabilities = calibrated.predict_proba(matrix[30:])
    assert np.allclose(probabilities.sum(axis=1), 1)
    assert np.array_equal(probabilities.argmax(axis=1), svm.predict(matrix[30:]))
    loss = log_loss(labels[30:], probabilities)
    for factor in (0.25, 0.5, 2, 4):
        other = SoftmaxOfMargins(svm).fit(matrix[30:], labels[30:])
        other.temperature_ = calibrated.temperature_ * factor
        # One review of which nothing is known counts too: that is what it may be worse by.
        assert loss <= log_loss(labels[30:], other.predict_proba(matrix[30:])) + 0.2
    assert calibrated.temperature_ > 1e-3, "also where every review is right it is not as sure as can be"


def test_terms_of_many_classes_are_bounded(of_five: Corpus, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("compare.grid.baselines.LARGEST_WEIGHTS", 5 * 50)
    for name in LINEAR:
        assert fit_baseline(name, specification_of(Path("none")), of_five).parameters == 5 * 51
    assert LARGEST_WEIGHTS // 1_000 > 10_000, "that is still some of a thousand classes"


def test_multinomial_regression_agrees_with_another_solver(of_five: Corpus) -> None:
    specification = specification_of(Path("none"))
    fitted = fit_baseline("tf-idf", specification, of_five)
    features, classifier = fitted.model[:-1], fitted.model[-1]
    exact = LogisticRegression(C=classifier.C, max_iter=10_000).fit(
        features.transform(of_five.texts[0]), of_five.train.labels
    )
    expected = exact.predict_proba(features.transform(of_five.texts[2]))
    assert np.abs(fitted.probabilities(of_five.texts[2]) - expected).max() < 0.02


def test_baselines_are_compared_in_their_class_weights() -> None:
    assert "class_weights" in compared_fields("baseline", "lockstep")


def test_confusions_are_scikit_learns(five: Path) -> None:
    runs = [run for run in read_runs(five) if run.record.framework in FRAMEWORKS]
    found = summarise_experiment(five)
    assert list(found.data.class_names) == sorted(FIVE)
    for confusion, (framework, architecture) in zip(found.confusions, sorted(NETWORKS, key=order), strict=True):
        assert confusion.cell == f"{framework}/{architecture}"
        assert confusion.seeds == (0,)
        run = next(one for one in runs if (one.record.framework, one.record.architecture) == (framework, architecture))
        labels, predicted = run.predictions.labels, run.predictions.classes
        expected = confusion_matrix(labels, predicted, labels=range(5))
        assert confusion.matrix is not None
        assert np.array_equal(confusion.matrix, expected)
        worst = confusion.pairs[0]
        assert worst.reviews == (expected * (1 - np.eye(5))).max() == expected[worst.label, worst.prediction]
        assert worst.share == pytest.approx(worst.reviews / expected[worst.label].sum())


def order(network: tuple[str, str]) -> tuple[int, int]:
    return FRAMEWORKS.index(network[0]), ("lstm", "gru").index(network[1])


def test_the_hardest_reviews_are_those_of_the_smallest_probability(five: Path) -> None:
    runs = {
        f"{run.record.framework}/{run.record.architecture}": run
        for run in read_runs(five)
        if run.record.framework in FRAMEWORKS
    }
    examples = summarise_experiment(five).examples
    predictions = next(iter(runs.values())).predictions
    labels, review_ids = predictions.labels, predictions.review_ids.tolist()
    right = np.mean(
        [run.predictions.probabilities[np.arange(len(labels)), labels] for run in runs.values()], axis=0, dtype=float
    )
    all_wrong = np.all([run.predictions.classes != labels for run in runs.values()], axis=0)
    assert 0 < all_wrong.sum() < EXAMPLES / 4, "each of four kinds gets its turns: they are all among the examples"
    hardest = [row for row in np.argsort(right, kind="stable").tolist() if all_wrong[row]]
    chosen = [example.review_id for example in examples if "all wrong" in example.kinds]
    assert chosen == [review_ids[row] for row in hardest]
    means = [np.mean([example.probabilities[name] for name in runs]) for example in examples]
    assert means == pytest.approx(sorted(right[review_ids.index(example.review_id)] for example in examples))
    for example in examples:
        row = review_ids.index(example.review_id)
        assert {name: example.answers[name] for name in runs} == {
            name: run.predictions.classes[row] for name, run in runs.items()
        }
        wrong = sum(answer != labels[row] for answer in (example.answers[name] for name in runs))
        assert (wrong == len(runs)) == ("all wrong" in example.kinds)
        assert wrong > 0
        assert example.text is not None
        assert sorted(FIVE).index(review_class(five, example.text)) == example.label


def review_class(experiment: Path, text: str) -> str:
    """The class that the CSV file gives a text."""
    (line,) = [line for line in (experiment.parent / "texts.csv").read_text().splitlines() if line.startswith(text)]
    return line.removeprefix(f"{text},").strip('"')


def test_an_ensemble_of_five_classes(five: Path) -> None:
    rows = {row["name"]: row for row in summarise_ensemble(read_runs(five))}
    found = summarise_experiment(five)
    assert rows["networks"]["accuracy"] > max(cell.accuracy.value for cell in found.cells)
    assert {one.name: (one.models, one.accuracy.value, one.validation_log_loss) for one in found.ensembles} == {
        name: (row["models"], row["accuracy"], row["validation_log_loss"]) for name, row in rows.items()
    }
    assert rows["networks and linear baselines, weighted"]["models"] == len(NETWORKS) + len(LINEAR)
    assert rows["linear baselines, weighted"]["metrics"]["macro_f1"] > 0.95


@settings(deadline=None, max_examples=25)
@given(classes=st.integers(2, 6), seed=st.integers(0, 2**32 - 1))
def test_no_other_weights_of_a_pool_are_better(classes: int, seed: int) -> None:
    generator = np.random.default_rng(seed)
    probabilities = generator.dirichlet(np.ones(classes), size=(3, 40))  # [models, reviews, classes]
    labels = generator.integers(0, classes, 40).astype(np.int16)
    weights = pool_weights(probabilities, labels)

    def loss(weights: np.ndarray) -> float:
        together = log_loss(np.eye(classes)[labels], pooled(weights, probabilities))
        return together + PENALTY * ((weights - 1 / 3) ** 2).sum()

    for other in np.maximum(0, weights + generator.normal(0, 0.05, (20, 3))):
        assert loss(weights) <= loss(other) + 1e-6


def test_runs_of_other_classes_are_not_asked_together(five: Path, tmp_path: Path) -> None:
    renamed = {name.replace("two", "2nd"): count for name, count in FIVE.items()}
    other = write_experiment(tmp_path, renamed, NETWORKS[:1])
    with pytest.raises(LockstepError, match="other names of the classes"):
        summarise_ensemble([*read_runs(five), *read_runs(other)])


def sections(markdown: str) -> dict[str, str]:
    return {part.split("\n", 1)[0]: part for part in markdown.split("\n## ")}


def test_the_report_of_five_classes(five: Path, tmp_path: Path) -> None:
    out = reported(five, tmp_path)
    found = read_statistics(out / "statistics.json")
    parts = sections((out / "report.md").read_text())
    page = page_of((out / "index.html").read_text())
    check_scripts(page)
    assert page.tags.count("b") == 3 + len(found.examples), "three answers, the class of each review; no name"
    for name in ("<b>|_*one*", "a name that is longer t…", "300 read, 300 used"):
        assert name in page.text, name
    assert "300 read, 300 used" in parts["How it was measured"]
    assert "| Keras LSTM | other-data | 25.00 | 0.2500 | 0.2500 | 0.2500 | 0.2500 | 0.2500 |" in parts["Results"]
    assert "Keras LSTMother-data25.000.25000.25000.25000.25000.2500" in page.text
    tables = parts["Where they fail"].split("by their class and by the class predicted**\n\n")[1:]
    assert len(tables) == len(NETWORKS)
    for table, confusion in zip(tables, found.confusions, strict=True):
        lines = table.split("\n\n")[0].splitlines()
        assert len(lines) == 2 + 5
        assert confusion.matrix is not None
        for line, row in zip(lines[2:], confusion.matrix, strict=True):
            assert line.endswith(" ".join(f"| {value}" for value in row) + " |")
        assert r"Predicted &lt;b&gt;\|\_\*one\*" in lines[0]
        assert lines[2 + sorted(FIVE).index("<b>|_*one*")].startswith(r"| &lt;b&gt;\|\_\*one\* |")
    worst = found.examples[0]
    assert "all wrong" in worst.kinds
    shown = parts["Where they fail"].split(f"**{escaped(worst.review_id)}**")[1].split("\n**")[0]
    assert "all models are wrong" in shown
    assert shown.count("✗") >= len(NETWORKS)


def test_a_rare_class_shows_in_macro_f1_and_of_two_classes_the_table_is_two_by_two(rare: Path, tmp_path: Path) -> None:
    out = reported(rare, tmp_path)
    found = read_statistics(out / "statistics.json")
    parts = sections((out / "report.md").read_text())
    (headline, metrics) = (line for line in parts["Results"].splitlines() if line.startswith("| majority class"))
    assert float(headline.split("|")[2].split()[0]) > 90
    assert float(metrics.split("|")[3]) < 0.5
    heads = next(line for line in parts["Results"].splitlines() if "Macro F1" in line and "Validation" in line)
    assert heads.split("|")[3].strip() == "Macro F1 ↑"
    for confusion in found.confusions:
        assert confusion.matrix is not None
        assert np.array(confusion.matrix).shape == (2, 2)
        assert sum(map(sum, confusion.matrix)) == found.data.sizes["test"]
    assert "The same models on other reviews" not in parts["Results"]
    assert "frequent, rare" in parts["# Lockstep: experiment"]


def test_of_many_classes_the_most_confused_are_listed(tmp_path: Path) -> None:
    names = [f"class {number:02}" for number in range(LARGEST_TABLE + 5)]
    experiment = write_experiment(tmp_path, dict.fromkeys(names, 14), [("keras", "lstm")])
    parts = sections((reported(experiment, tmp_path / "report") / "report.md").read_text())
    rows = [line for line in parts["Where they fail"].splitlines() if line.startswith("| class")]
    assert len(rows) == CONFUSED_PAIRS
    found = summarise_experiment(experiment)
    assert found.confusions[0].matrix is None
    shown = [int(row.split("|")[3]) for row in rows]
    assert shown == sorted(shown, reverse=True)
    assert shown == [pair.reviews for pair in found.confusions[0].pairs]
    assert "class 07 and 17 other classes" in parts["# Lockstep: experiment"]
    assert {path.name for path in (tmp_path / "report").iterdir()} == set(REPORT_FILES)


def change_fields(experiment: Path, architectures: Sequence[str], **fields: object) -> None:
    for architecture in architectures:
        for run in experiment.glob(f"*/{architecture}/seed-0"):
            record = json.loads((run / "record.json").read_text())
            reseal_run(run, specification={**record["specification"], **fields})


def test_architectures_may_differ_as_a_tasks_published_models_do(five: Path, tmp_path: Path) -> None:
    """Of Reuters' the LSTM has dropout, and the others have none."""
    experiment = tmp_path / "experiment"
    shutil.copytree(five, experiment)
    shutil.rmtree(experiment / "baseline")
    change_fields(experiment, ["lstm"], dropout=0.5)
    with pytest.raises(LockstepError, match="differ in dropout"):
        check_comparable(experiment, read_records(experiment)[0])
    change_fields(experiment, ["lstm", "gru"], data="reuters:nowhere")
    found = summarise_experiment(experiment)
    (differing,) = [setting for setting in found.settings if setting.differs]
    assert differing.field == "dropout"
    assert differing.values == {f"{name}/{one}": {"gru": 0.2, "lstm": 0.5}[one] for name, one in NETWORKS}
    assert found.mixed == ()
    parts = sections((reported(experiment, tmp_path / "report") / "report.md").read_text())
    differences = parts["What is set where"].split("**All settings**")[0]
    rows = [line for line in differences.splitlines() if line.startswith("| ")]
    assert [row.split(" | ")[:3] for row in rows[2:]] in (
        [["| dropout", "0.5", "Keras LSTM; PyTorch LSTM"], ["| dropout", "0.2", "Keras GRU; PyTorch GRU"]],
        [["| dropout", "0.2", "Keras GRU; PyTorch GRU"], ["| dropout", "0.5", "Keras LSTM; PyTorch LSTM"]],
    )
    change_fields(experiment, ["gru"], hidden_size=5)
    with pytest.raises(LockstepError, match="differ in hidden_size"):
        check_comparable(experiment, read_records(experiment)[0])
