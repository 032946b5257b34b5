"""`SentimentClassifier`: scikit-learn's contract, the command's weights, and nothing that goes wrong in silence."""

from __future__ import annotations

import csv
import inspect
import subprocess
import sys
from pathlib import Path
from typing import Any, Optional, get_type_hints

import numpy as np
import pandas as pd
import pytest
from sklearn.exceptions import NotFittedError

import pytorch_impl
from compare.workers import Ask
from shared.contract import FRAMEWORKS, module_name
from shared.estimator import FIELDS, SOURCES, SentimentClassifier
from shared.samples import CALLED, InputError
from shared.specification import Specification
from tests.conformance import estimator_jobs as jobs
from tests.conftest import ROOT, Command

# scikit-learn's checks that fail, each with the reason that the estimator gives. They see rows of numbers as texts (see
# `jobs.OnNumbers`).
EXPECTED_FAILED_CHECKS = {
    "check_class_weight_classifiers": "cannot be trained with, None and 'balanced' can",
}
# Those that scikit-learn itself skips here.
SKIPPED_CHECKS = {"check_array_api_input": "it is told by an environment variable"}

TEXTS, LABELS = jobs.some_texts(24)


@pytest.fixture
def files(tmp_path: Path) -> tuple[Path, Path]:
    """Texts to train on and to test on, of which some are copies and one is empty."""
    texts, labels = jobs.some_texts(64)
    texts[5], texts[40], texts[41] = "", texts[2], texts[3]
    return write(tmp_path / "train.csv", texts, labels), write(tmp_path / "test.csv", ["a", "b"], ["good", "bad"])


def write(path: Path, texts: list[str], labels: list[str]) -> Path:
    with path.open("x", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows([("text", "label"), *zip(texts, labels, strict=True)])
    return path


def test_every_field_of_the_specification_is_a_keyword() -> None:
    given, fields = get_type_hints(SentimentClassifier), Specification.model_fields
    assert set(fields) == {*SOURCES, *CALLED, *FIELDS}
    parameters = inspect.signature(pytorch_impl.SentimentClassifier).parameters
    assert [name for name in parameters if name in fields] == list(FIELDS)
    for name in FIELDS:
        assert given[name] == Optional[fields[name].annotation], name  # noqa: UP045 (of a value)
        assert parameters[name].default is None, name
    assert set(CALLED.values()) <= set(parameters)
    documented = pytorch_impl.SentimentClassifier.__doc__ or ""
    assert [name for name in parameters if f"\n{name} : " not in documented] == []
    assert "<" not in documented.replace("<pad>", "").replace("<unk>", "")


def test_importing_is_cheap() -> None:
    """Commands import their room's package first, and who uses one framework need not have the others."""
    rooms = {framework: module_name(framework) for framework in FRAMEWORKS}
    code = (
        "import importlib, pickle, sys\n"
        f"found = {{name: importlib.import_module(room) for name, room in {rooms}.items()}}\n"
        "assert not {'numpy', 'sklearn', 'pydantic'} & set(sys.modules), 'by the package'\n"
        "for name, room in found.items():\n"
        "    one = room.SentimentClassifier\n"
        "    assert pickle.loads(pickle.dumps(one)) is one\n"
        "    assert (one.__module__, one().framework) == (room.__name__, name)\n"
        "    assert repr(one()) == 'SentimentClassifier()'\n"
        "assert not {'torch', 'tensorflow', 'keras', 'flair', 'fastai'} & set(sys.modules), 'by the class'"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT)
    assert done.returncode == 0, done.stderr
    with pytest.raises(AttributeError, match="no attribute 'Classifier'"):
        getattr(pytorch_impl, "Classifier")  # noqa: B009 (the type checker knows too)


def test_fitting_on_the_texts_of_a_file_gives_the_weights_of_the_command(
    ask: Ask, framework: str, files: tuple[Path, Path], tmp_path: Path
) -> None:
    run, fitted = ask(jobs.weights_of_both, framework, *files, tmp_path, {"dropout": 0.3, "epochs": 2})
    assert run == fitted


@pytest.mark.parametrize(
    "settings",
    [
        {"vectors": "corpus", "validation_fraction": 0.25, "split_seed": 3, "cleaning": "lower_case", "layers": 2},
        {"recipe": "idiomatic", "learning_rate": 0.01, "architecture": "bigru"},
        {"head": "sigmoid", "word_dropout": 0.2, "truncation": "head_tail", "max_length": 3, "minimum_steps": 9},
    ],
    ids=["vectors of the texts", "own code", "one logit"],
)
def test_and_so_with_other_settings(
    ask: Ask, files: tuple[Path, Path], tmp_path: Path, settings: dict[str, Any]
) -> None:
    run, fitted = ask(jobs.weights_of_both, "pytorch", *files, tmp_path, settings)
    assert run == fitted


def test_and_so_from_the_command_line(ask: Ask, command: Command, files: tuple[Path, Path], tmp_path: Path) -> None:
    flags = [f"--{name.replace('_', '-')}={value}" for name, value in jobs.TINY.items()]
    data, test = files
    flags += ["--class-weights=balanced", "--seed=7", f"--data={data}", f"--test-data={test}"]
    done = command("pytorch_impl", "train", *flags, "--out", tmp_path / "run")
    assert done.returncode == 0, done.stderr
    table = pd.read_csv(data, keep_default_na=False)
    saved, parameters = tmp_path / "estimator", {"class_weight": "balanced", "random_state": 7}
    ask(jobs.fit_and_save, "pytorch", table.text.tolist(), table.label.tolist(), saved, parameters)
    written = (saved / "weights.safetensors").read_bytes()
    assert written == (tmp_path / "run/checkpoint/weights.safetensors").read_bytes()


def test_what_one_framework_fitted_opens_in_the_others(ask: Ask, tmp_path: Path) -> None:
    texts, labels = jobs.some_texts(40, (3, 20, 100))
    for framework in FRAMEWORKS:
        place = tmp_path / framework
        fitted = ask(jobs.fit_and_save, framework, texts, np.array(labels, np.int32), place)
        assert fitted["classes"].tolist() == [3, 20, 100]
        assert fitted["probabilities"].dtype == np.float32
        assert np.allclose(fitted["probabilities"].sum(axis=1), 1, atol=1e-6)
        for other in FRAMEWORKS:
            opened = ask(jobs.load_and_answer, other, place, texts)
            assert opened["classes"].tolist() == [3, 20, 100]
            assert opened["predictions"].dtype.kind == "i"
            assert opened["specification"] == fitted["specification"]
            # Two frameworks round differently; see `tests/parity` for how much.
            assert np.allclose(opened["probabilities"], fitted["probabilities"], atol=1e-6)
            if other == framework:
                assert np.array_equal(opened["probabilities"], fitted["probabilities"])


@pytest.mark.parametrize("labels", [[False, True], [1.0, 2.0], [-1, 1], ["1", "0"], ["ü ö", "="]], ids=str)
def test_labels_keep_their_type(ask: Ask, tmp_path: Path, labels: list[Any]) -> None:
    given = labels * 12
    fitted = ask(jobs.fit_and_save, "pytorch", TEXTS, given, tmp_path / "saved", {"vocabulary_size": 50})
    opened = ask(jobs.load_and_answer, "pytorch", tmp_path / "saved", TEXTS)
    for found in (fitted, opened):
        assert found["classes"].tolist() == sorted(labels)
        assert {type(label) for label in found["predictions"].tolist()} == {type(labels[0])}
    assert np.array_equal(opened["probabilities"], fitted["probabilities"])
    parameters = {name: opened["parameters"][name] for name in (*jobs.TINY, "vocabulary_size", "random_state")}
    assert parameters == {**jobs.TINY, "vocabulary_size": 50, "random_state": 0}
    assert opened["parameters"]["architecture"] is None, "what the preset says already is left to it"


def test_columns_are_in_the_order_of_sorted_classes_whatever_the_checkpoint_has(ask: Ask, tmp_path: Path) -> None:
    texts, labels = jobs.some_texts(48, ("2", "10", "9"))
    files = write(tmp_path / "train.csv", texts, labels), write(tmp_path / "test.csv", ["a", "b"], ["2", "9"])
    found = ask(jobs.run_of_numbers, "pytorch", *files, tmp_path / "run")
    assert list(found["by_name"]) == ["2", "9", "10"]
    assert found["classes"].tolist() == ["10", "2", "9"]
    for column, name in enumerate(found["classes"]):
        assert np.array_equal(found["probabilities"][:, column], found["by_name"][name]), name
    best = found["probabilities"].argmax(axis=1)
    assert found["predictions"].tolist() == [found["classes"][column] for column in best]
    # Training on at a rate of nearly nothing leaves every class in its column.
    assert np.allclose(found["after"], found["probabilities"], atol=1e-5)


def test_scikit_learns_checks_pass(ask: Ask) -> None:
    checked = ask(jobs.scikit_learns_checks, "pytorch")
    assert len(checked) > 50
    failed = {name: reason for name, status, reason in checked if status == "failed"}
    assert failed.keys() == EXPECTED_FAILED_CHECKS.keys(), failed
    for name, reason in EXPECTED_FAILED_CHECKS.items():
        assert reason in failed[name]
    assert {name for name, status, _ in checked if status == "skipped"} == SKIPPED_CHECKS.keys()


def test_scikit_learns_tools_work(ask: Ask) -> None:
    found = ask(jobs.scikit_learns_tools, "pytorch")
    assert found["pipeline"] > 0.9
    assert found["scores"].shape == (3,)
    assert found["scores"].min() > 0.9, "the words tell the class"
    assert found["searched"] == found["best"]["hidden_size"]
    assert found["score"] > 0.9
    assert found["copied"] == (True, False)
    assert found["changed"] == 3


def test_pickles_and_copies_answer_the_same(ask: Ask, framework: str) -> None:
    first, *others = ask(jobs.carried, framework, TEXTS, LABELS)
    for other in others:
        assert np.array_equal(first, other)


def test_a_pickle_is_checked_as_a_checkpoint_is(ask: Ask) -> None:
    assert "weights do not fit the model" in ask(jobs.damaged_pickle, "pytorch")


def test_a_warm_start_goes_on_from_weights_and_words(ask: Ask, framework: str, tmp_path: Path) -> None:
    found = ask(jobs.goes_on, framework, tmp_path / "first")
    assert found["vocabulary"] == found["vocabulary_before"]
    assert (found["n_iter"], found["epochs"]) == (3, [1, 2, 3])
    # Trained on at a rate of nearly nothing it is the model that it was; anew it would be one of other words.
    assert np.allclose(found["probabilities"], found["before"], atol=1e-5)
    assert found["same"], "from a file it goes on as from memory"


def test_what_does_not_go_on_is_refused(ask: Ask) -> None:
    found = ask(jobs.does_not_go_on, "pytorch")
    assert "vocabulary_size was 20000 and would have to stay so, not be 9" in found["anew"]
    assert "hidden_size was 4 and would have to stay so" in found["sizes"]
    assert "they must be the same" in found["classes"]
    assert "use recipe='lockstep'" in found["idiomatic"]


def other_values(tmp_path: Path) -> dict[str, dict[str, Any]]:
    """Another value than the usual one for every parameter that is a field, with what has to go with it."""
    vectors = tmp_path / "vectors.txt"
    vectors.write_text("w1 0.1 0.2 0.3 0.4\nw2 0.5 0.6 0.7 0.8\n")
    alone: dict[str, Any] = {
        "validation_fraction": 0.3, "split_seed": 4, "cleaning": "lower_case", "vocabulary_size": 12,
        "minimum_count": 1, "max_length": 3, "truncation": "head", "padding": "right", "vectors": str(vectors),
        "architecture": "bigru", "embedding_size": 5, "train_embedding": False, "hidden_size": 3, "layers": 2,
        "pooling": "mean", "initialisation": "pytorch", "second_bias": True, "reprojection": True, "dropout": 0.4,
        "word_dropout": 0.1, "spatial_dropout": 0.1, "embedding_dropout": 0.1, "token_dropout": 0.1,
        "recurrent_dropout": 0.1, "head": "sigmoid", "recipe": "idiomatic", "epochs": 3, "minimum_steps": 5,
        "batch_size": 7, "batch_parts": 1, "batch_order": "shuffled", "drop_last": True, "loss_reduction": "sum",
        "optimizer": "sgd", "learning_rate": 0.01, "schedule": "constant", "weight_decay": 0.1,
        "momentum_schedule": "one_cycle", "beta_1": 0.8, "beta_2": 0.9, "epsilon": 1e-5, "epsilon_place": "before",
        "repeated_words": "apart", "gradient_clipping": 2.0, "weight_averaging": 0.5, "evaluation_weights": "best",
    }  # fmt: skip
    together: dict[str, dict[str, Any]] = {
        "start_from": {"start_from": str(tmp_path / "start")},
        "momentum": {"momentum": 0.5, "optimizer": "sgd"},
    }
    return {**{name: {name: value} for name, value in alone.items()}, **together}


def test_no_keyword_is_ignored(ask: Ask, tmp_path: Path) -> None:
    ask(jobs.fit_and_save, "pytorch", TEXTS, LABELS, tmp_path / "start")
    values = other_values(tmp_path)
    assert values.keys() == set(FIELDS), "a field that is new needs a value here"
    found = ask(jobs.every_field, "pytorch", values)
    for name, parameters in values.items():
        assert found[name] == parameters[name], name
        assert found[name] != getattr(Specification(**jobs.TINY), name), f"{name}: is the usual value"


BAD_INPUT: dict[str, tuple[Any, Any, dict[str, Any], str]] = {
    "a text": ("a single text", LABELS, {}, "X: is a str, expected a sequence of texts"),
    "numbers": (list(range(24)), LABELS, {}, "X: number 0 is 0 (int), which is no text"),
    "rows": (np.zeros((24, 2)), LABELS, {}, "X: has 2 dimensions"),
    "a table": (pd.DataFrame({"text": TEXTS}), LABELS, {}, "X: has 2 dimensions"),
    "a dict": (dict(enumerate(TEXTS)), LABELS, {}, "X: is a dict"),
    "a generator": (iter(TEXTS), LABELS, {}, "X: is a list_iterator"),
    "NaN": (pd.Series([*TEXTS[1:], float("nan")]), LABELS, {}, "X: number 23 is nan (float), which is no text"),
    "NA": (pd.Series([None, *TEXTS[1:]], dtype="string"), LABELS, {}, "X: number 0 is <NA> (NAType), which is no text"),
    "bytes": ([b"text"] * 24, LABELS, {}, "(bytes), which is no text"),
    "surrogates": (["\ud800", *TEXTS[1:]], LABELS, {}, "X: number 0 is not UTF-8"),
    "empty texts": (["", " "] * 12, LABELS, {}, "X: all 24 texts are empty"),
    "nothing": ([], [], {}, "X: found 0 sample(s)"),
    "fewer labels": (TEXTS, LABELS[1:], {}, "X has 24 texts, y 23 labels"),
    "fewer texts": (TEXTS[1:], LABELS, {}, "X has 23 texts, y 24 labels"),
    "another order": (
        pd.Series(TEXTS), pd.Series(LABELS)[::-1], {}, "X and y have the same index in another order",
    ),
    "no labels": (TEXTS, None, {}, "y: requires y to be passed"),
    "a label missing": (TEXTS, [None, *LABELS[1:]], {}, "y: number 0 is None"),
    "a label that is NaN": (TEXTS, [1.0, 0.0] * 11 + [1.0, float("nan")], {}, "y: number 23 is nan"),
    "types": (TEXTS, ["1", 1] * 12, {}, "y: has labels of several types (int, str)"),
    "bools and numbers": (TEXTS, [True, 2] * 12, {}, "y: has labels of several types (bool, int)"),
    "a measurement": (TEXTS, [0.5, 1.5] * 12, {}, "y: Unknown label type: continuous"),
    "several labels": (TEXTS, [("a", "b")] * 24, {}, "y: number 0 is ('a', 'b'). Unknown label type: tuple"),
    "one class": (TEXTS, ["good"] * 24, {}, "y: all 24 labels are 'good', one class; a classifier needs two"),
    "a label without a name": (TEXTS, ["", "good"] * 12, {}, "'' cannot name a class"),
    "a class of one text": (TEXTS, ["bad", *["good"] * 23], {}, "too few texts that differ: 1 of 1; 2 are needed"),
    "a class of copies": (["same"] * 2 + TEXTS[2:], ["bad"] * 2 + ["good"] * 22, {}, "texts that differ: 1 of 2"),
    "three for a sigmoid": (TEXTS, ["a", "b", "c"] * 8, {"head": "sigmoid"}, "head: a sigmoid tells two classes apart"),
    "class weights": (TEXTS, LABELS, {"class_weight": {"good": 2}}, "class_weight: {'good': 2} cannot be trained with"),
    "a preset": (TEXTS, LABELS, {"preset": "fast"}, "unknown preset 'fast'"),
    "an epoch": (TEXTS, LABELS, {"epochs": 0}, "epochs: Input should be greater than or equal to 1"),
    "a word for no": (TEXTS, LABELS, {"warm_start": "no"}, "warm_start: True or False, not 'no'"),
    "a word for yes": (TEXTS, LABELS, {"verbose": "yes"}, "verbose: True, False or a number, not 'yes'"),
    "a number as text": (TEXTS, LABELS, {"epochs": "2"}, "epochs: a number, not the text '2'"),
    "threads as text": (TEXTS, LABELS, {"threads": "2"}, "threads: a whole number, not '2'"),
    "true epochs": (TEXTS, LABELS, {"epochs": True}, "epochs: True is not what it takes: a number"),
    "a true seed": (TEXTS, LABELS, {"random_state": True}, "random_state: True is not what it takes"),
    "a number for no": (TEXTS, LABELS, {"train_embedding": 0}, "train_embedding: 0 is not what it takes"),
    "a parameter": (TEXTS, LABELS, {"batch_size": 0}, "batch_size: Input should be"),
    "a choice": (TEXTS, LABELS, {"architecture": "transformer"}, "architecture: Input should be 'rnn'"),
    "a seed": (TEXTS, LABELS, {"random_state": -1}, "random_state: Input should be"),
    "no such thing": (TEXTS, LABELS, {"momentum": 0.5}, "its own is beta_1; leave it out"),
    "an own value": (TEXTS, LABELS, {"recipe": "idiomatic", "dropout": 0.1, "second_bias": False},
                     "in the idiomatic recipe pytorch decides on second_bias"),
    "vectors": (TEXTS, LABELS, {"vectors": "glove"}, "set embedding_size to 50"),
    "a device": (TEXTS, LABELS, {"device": "tpu"}, "device: 'tpu' is none of"),
    "threads": (TEXTS, LABELS, {"threads": 0}, "threads: at least 1, not 0"),
    "a rate": (TEXTS, LABELS, {"optimizer": "sgd", "learning_rate": 1e6, "gradient_clipping": 0.0, "epochs": 9,
                               "weight_decay": 1.0}, "try learning_rate"),
}  # fmt: skip


def test_wrong_input_is_refused_in_one_line(ask: Ask) -> None:
    said = ask(jobs.refusals, "pytorch", [case[:3] for case in BAD_INPUT.values()])
    for (name, case), refusal in zip(BAD_INPUT.items(), said, strict=True):
        assert refusal.startswith("InputError: "), (name, refusal)
        assert case[3] in refusal, (name, refusal)
        assert "\n" not in refusal, name
        assert "--" not in refusal, (name, refusal)


def test_errors_are_those_that_scikit_learns_tools_know(tmp_path: Path) -> None:
    model = pytorch_impl.SentimentClassifier()
    for call in (
        lambda: model.predict(TEXTS),
        lambda: model.predict_proba(TEXTS),
        lambda: model.score(TEXTS, LABELS),
        lambda: model.save(tmp_path / "model"),
        lambda: model.vocabulary_,
        lambda: model.specification_,
    ):
        with pytest.raises(NotFittedError):
            call()
    with pytest.raises(ValueError, match="cannot be read"):
        pytorch_impl.SentimentClassifier.load(tmp_path / "nothing")
    with pytest.raises(ValueError, match="is a str"):
        model.fit("text", LABELS)
    with pytest.raises(TypeError, match="sample_weight"):
        model.fit(TEXTS, LABELS, sample_weight=[1] * 24)  # type: ignore[call-arg]
    with pytest.raises(TypeError, match="epoch"):
        pytorch_impl.SentimentClassifier(epoch=3)  # type: ignore[call-arg]
    assert issubclass(InputError, ValueError)


def test_labels_that_the_model_does_not_know_are_said(ask: Ask) -> None:
    found = ask(jobs.scored, "pytorch")
    assert found["all"] == 1
    assert found["some"] == pytest.approx(47 / 48)
    assert found["warned"] == ["y has labels that the model does not know, which count as wrong: 'awful'"]
    assert found["none"] == "InputError: y: none of its labels (False, True) is one of the classes ('bad', 'good')"
    assert "X has 48 texts, y 47 labels" in found["shorter"]


def test_what_is_probably_wrong_with_the_texts_is_said(ask: Ask) -> None:
    nothing, rare, signs, predicted = ask(jobs.warned_of_texts, "pytorch")
    assert nothing == []
    assert [one.partition("% ")[2] for one in rare] == [
        "of the words are not in the vocabulary; look at the texts, at cleaning, minimum_count and vocabulary_size"
    ]
    assert "of the characters are in no word or sign that the model reads" in signs[0]
    assert predicted == [
        "1 text without a word: the answer is the model's for no input",
        "1 text without a word that the model knows: the answer is a guess",
    ]


def test_frameworks_on_one_package_share_a_process(ask: Ask) -> None:
    assert ask(jobs.beside_each_other, "fastai", ["pytorch", "flair"])


def test_threads_that_a_framework_does_not_take_any_more_are_refused(ask: Ask) -> None:
    assert "keras has computed in this process already" in ask(jobs.other_threads, "keras")


@pytest.mark.parametrize(("room", "package"), [("pytorch", "tensorflow"), ("flair", "keras"), ("keras", "torch")])
def test_frameworks_that_can_block_each_other_do_not(room: str, package: str) -> None:
    code = (
        f"import sys, types; sys.modules['{package}'] = types.ModuleType('{package}')\n"
        if package != "torch"  # which scikit-learn looks into
        else "import torch\n"
    ) + (
        f"from {room}_impl import SentimentClassifier\n"
        "SentimentClassifier(vectors='random').fit(['a b', 'c d'] * 4, [0, 1] * 4)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT)
    last = done.stderr.strip().splitlines()[-1]
    assert last.startswith("shared.samples.InputError: "), done.stderr
    assert f"cannot be used beside {package}" in last
    assert "use it in a process of its own, or open the saved model with shared.predictor.Predictor" in last


def test_the_examples_of_the_documentation_run(ask: Ask) -> None:
    said = ask(jobs.examples, "pytorch", ROOT / "docs/estimator.md")
    assert said == [], "".join(said)
