"""What `SentimentClassifier` is asked to do in a framework's own process."""

from __future__ import annotations

import copy
import doctest
import importlib
import os
import pickle
import re
import tempfile
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import joblib
import numpy as np
from joblib.externals.loky import get_reusable_executor
from sklearn.base import clone
from sklearn.metrics import accuracy_score
from sklearn.model_selection import GridSearchCV, cross_val_score
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import FunctionTransformer
from sklearn.utils.estimator_checks import check_estimator
from sklearn.utils.validation import validate_data

from compare.workers import predict_with_checkpoint
from shared.cell import train_cell
from shared.contract import load_implementation, module_name
from shared.data.encoded import encode_texts
from shared.estimator import SentimentClassifier
from shared.files import checksum
from shared.history import Silent
from shared.output import Output
from shared.runs import RUN
from shared.specification import specification_of
from shared.weights import read_checkpoint

# Trained in milliseconds; whether it learns is another question.
TINY: dict[str, Any] = {
    "vectors": "random",
    "embedding_size": 4,
    "hidden_size": 4,
    "max_length": 8,
    "epochs": 1,
    "batch_size": 16,
}


def estimator(framework: str, **parameters: Any) -> SentimentClassifier:
    """Return a tiny estimator of a framework, as a user gets it."""
    return importlib.import_module(module_name(framework)).SentimentClassifier(**{**TINY, **parameters})


def some_texts(count: int, classes: tuple[Any, ...] = ("bad", "good")) -> tuple[list[str], list[Any]]:
    """Return different texts whose words tell their class, and their labels."""
    generator = np.random.default_rng(0)
    labels = [classes[row % len(classes)] for row in range(count)]
    others = [" ".join(f"w{word}" for word in generator.integers(0, 20, 4)) for _ in labels]
    return [f"{other} own{labels[row]} text{row}" for row, other in enumerate(others)], labels


def weights_of_both(framework: str, data: Path, test: Path, folder: Path, settings: Mapping[str, Any]) -> list[str]:
    """Train as the command does on files, and as an estimator on the texts of one; return the weights' checksums."""
    import pandas as pd

    fields = {**TINY, **settings}
    given = {"data": str(data), "test_data": str(test), "preset": "quick", **fields}
    specification = specification_of(given)
    with Output(folder / "run", RUN) as place:
        train_cell(load_implementation(framework), specification, set(fields), place, "auto", None, Silent())
    table = pd.read_csv(data, keep_default_na=False)
    estimator(framework, **settings).fit(table.text, table.label).save(folder / "estimator")
    return [checksum(found / "weights.safetensors") for found in (folder / "run/checkpoint", folder / "estimator")]


def fit_and_save(
    framework: str, texts: list[str], labels: Any, path: Path, parameters: Mapping[str, Any] = {}
) -> dict[str, Any]:
    """Fit, save, and return what was fitted."""
    return answers(estimator(framework, **parameters).fit(texts, labels), texts, path)


def load_and_answer(framework: str, path: Path, texts: list[str]) -> dict[str, Any]:
    return answers(type(estimator(framework)).load(path), texts)


def answers(model: SentimentClassifier, texts: list[str], path: Path | None = None) -> dict[str, Any]:
    if path is not None:
        model.save(path)
    return {
        "classes": model.classes_,
        "probabilities": model.predict_proba(texts),
        "predictions": model.predict(texts),
        "parameters": model.get_params(),
        "specification": model.specification_,
        "n_iter": model.n_iter_,
        "epochs": [epoch.epoch for epoch in model.history_],
        "vocabulary": model.vocabulary_,
    }


class OnNumbers(SentimentClassifier):
    """The estimator on rows of numbers, each read as a text, so that scikit-learn's checks have something to check.

    They know tables of numbers only, and of an estimator of texts they check nothing at all.
    """

    framework = "pytorch"

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.two_d_array, tags.input_tags.one_d_array, tags.input_tags.string = True, False, False
        tags.classifier_tags.poor_score = True  # numbers as words say little
        return tags

    def _texts(self, X: Any, **options: Any) -> list[str]:  # noqa: N803
        rows = validate_data(self, X, **options).tolist()
        return [" ".join(f"c{column}x{value:.1f}" for column, value in enumerate(row)) + f" {row}" for row in rows]

    def fit(self, X: Any, y: Any) -> OnNumbers:  # noqa: N803
        return super().fit(self._texts(X), y)

    def predict_proba(self, X: Any) -> np.ndarray:  # noqa: N803
        if not self.__sklearn_is_fitted__():
            return super().predict_proba(X)
        return super().predict_proba(self._texts(X, reset=False))

    def score(self, X: Any, y: Any, sample_weight: Any = None) -> float:  # noqa: N803
        return float(accuracy_score(y, self.predict(X), sample_weight=sample_weight))


def scikit_learns_checks(framework: str) -> list[tuple[str, str, str]]:
    """Run them; return name, outcome and reason of each."""
    warnings.simplefilter("ignore")
    checked = check_estimator(OnNumbers(**{**TINY, "batch_size": 64}), on_fail=None, on_skip=None)
    return [(one["check_name"], one["status"], str(one["exception"])) for one in checked]


def scikit_learns_tools(framework: str) -> dict[str, Any]:
    """Use the estimator in a pipeline, a search, a cross-validation, a copy."""
    texts, labels = some_texts(120)
    model = estimator(framework, epochs=10, learning_rate=0.03, dropout=0.0)
    pipeline = Pipeline(
        [("lower", FunctionTransformer(lambda texts: [text.upper() for text in texts])), ("model", model)]
    )
    grid = {"hidden_size": [4, 6]}
    search = GridSearchCV(model, grid, cv=2, n_jobs=2, error_score="raise").fit(texts, labels)
    get_reusable_executor().shutdown(wait=True)  # else this process waits for it at its end
    copied = clone(search.best_estimator_)
    return {
        "pipeline": pipeline.fit(texts, labels).score(texts, labels),
        "scores": cross_val_score(model, np.array(texts, object), labels, cv=3, scoring="roc_auc", error_score="raise"),
        "best": search.best_params_,
        "searched": search.best_estimator_.hidden_size,
        "score": search.score(texts, labels),
        "copied": (copied.get_params() == search.best_estimator_.get_params(), hasattr(copied, "checkpoint_")),
        "changed": model.set_params(hidden_size=3).fit(texts, labels).specification_.hidden_size,
    }


def carried(framework: str, texts: list[str], labels: list[Any]) -> list[np.ndarray]:
    """Return the answers of a model, and after it was pickled, dumped by joblib, and copied."""
    model = estimator(framework, second_bias=True, reprojection=True).fit(texts, labels)
    pickled = pickle.dumps(model)
    assert b"torch" not in pickled.replace(module_name(framework).encode(), b""), "no object of a framework"
    with tempfile.TemporaryDirectory() as folder:
        joblib.dump(model, Path(folder) / "model")
        others = [pickle.loads(pickled), joblib.load(Path(folder) / "model"), copy.deepcopy(model)]
    return [one.predict_proba(texts) for one in (model, *others)]


def damaged_pickle(framework: str) -> str:
    """Return what is said of a pickle whose weights are others than its specification says."""
    model = estimator(framework).fit(*some_texts(32))
    state = model.__getstate__()
    state["checkpoint_"]["specification"]["hidden_size"] = 5
    return refusal(estimator(framework).__setstate__, state)


def refusal(call: Any, *arguments: Any) -> str:
    """Return which error a call raises, and with which words."""
    try:
        call(*arguments)
    except Exception as error:
        return f"{type(error).__name__}: {error}"
    return "no error"


def other_threads(framework: str) -> str:
    """Return what is said of threads that a framework cannot take any more once it has computed with others."""
    texts, labels = some_texts(24)
    estimator(framework).fit(texts, labels)
    return refusal(estimator(framework, threads=(os.cpu_count() or 1) + 1).fit, texts, labels)


def refusals(framework: str, cases: list[tuple[Any, Any, dict[str, Any]]]) -> list[str]:
    """Return what is said of texts, labels and parameters that cannot be trained with."""
    return [refusal(estimator(framework, **parameters).fit, X, y) for X, y, parameters in cases]


def every_field(framework: str, values: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    """Fit with each of these parameters in turn; return what the model's specification says of it."""
    texts, labels = some_texts(24)
    found = {}
    for name, parameters in values.items():
        found[name] = getattr(estimator(framework, **parameters).fit(texts, labels).specification_, name)
    return found


def goes_on(framework: str, path: Path) -> dict[str, Any]:
    """Fit twice with a warm start; and once, load, and once more."""
    texts, labels = some_texts(48)
    others = [f"new words {text}" for text in texts]
    parameters = {"second_bias": True, "dropout": 0.0, "learning_rate": 1e-12}
    model = estimator(framework, warm_start=True, **parameters).fit(texts, labels)
    model.save(path)
    first, probabilities, words = read_checkpoint(path).weights, model.predict_proba(texts), model.vocabulary_
    model.set_params(epochs=2).fit(others, labels)
    loaded = type(model).load(path).set_params(warm_start=True, epochs=2).fit(others, labels)
    weights = [[one.checkpoint_.weights[name] for name in first] for one in (model, loaded)]
    return {
        **answers(model, texts),
        "before": probabilities,
        "vocabulary_before": words,
        "same": all(map(np.array_equal, *weights)),
    }


def does_not_go_on(framework: str) -> dict[str, str]:
    """Return what is said of a warm start that other words, sizes, classes or a framework's own code would need."""
    texts, labels = some_texts(48)
    model = estimator(framework, warm_start=True).fit(texts, labels)

    def said(labels: list[str], **parameters: Any) -> str:
        changed = copy.deepcopy(model).set_params(**parameters)
        return refusal(changed.fit, texts, labels)

    return {
        "anew": said(labels, vocabulary_size=9),
        "sizes": said(labels, hidden_size=5),
        "classes": said([f"{label}!" for label in labels]),
        "idiomatic": said(labels, recipe="idiomatic"),
    }


def scored(framework: str) -> dict[str, Any]:
    """Score on labels that the model knows, on some that it does not, and on others altogether."""
    texts, labels = some_texts(48)
    model = estimator(framework, epochs=20, learning_rate=0.03).fit(texts, labels)
    strange = ["awful", *labels[1:]]
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        some = model.score(texts, strange)
    return {
        "all": model.score(texts, labels),
        "some": some,
        "warned": [str(one.message) for one in caught],
        "none": refusal(model.score, texts, [label == "good" for label in labels]),
        "shorter": refusal(model.score, texts, labels[1:]),
    }


def warned_of_texts(framework: str) -> list[list[str]]:
    """Return what is said of training texts of known words, of rare ones and of none, and of texts to predict."""
    texts, labels = some_texts(48)
    signs = [f"{text} {chr(0xE000 + row) * 40}" for row, text in enumerate(texts)]  # no script has these
    found = []
    for given, parameters in ((texts, {}), (texts, {"minimum_count": 47}), (signs, {})):
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            estimator(framework, **parameters).fit(given, labels)
        found.append([str(one.message) for one in caught if issubclass(one.category, UserWarning)])
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        estimator(framework).fit(texts, labels).predict(["owngood", "", "nie gesehen"])
    return [*found, [str(one.message) for one in caught if issubclass(one.category, UserWarning)]]


def run_of_numbers(framework: str, data: Path, test: Path, folder: Path) -> dict[str, Any]:
    """Load a run whose classes a command put into the order of their size, which is not that of the alphabet."""
    specification = specification_of({**TINY, "data": str(data), "test_data": str(test), "labels": "as-is"})
    with Output(folder, RUN) as place:
        train_cell(load_implementation(framework), specification, (), place, "auto", None, Silent())
    model = type(estimator(framework)).load(folder)
    texts = ["own2 own2", "own10 own10", "w1"]
    before, checkpoint = answers(model, texts), read_checkpoint(folder)
    encoded = encode_texts(texts, checkpoint.vocabulary, checkpoint.specification)
    by_name = dict(zip(checkpoint.class_names, predict_with_checkpoint(framework, folder, encoded).T, strict=True))
    model.set_params(warm_start=True, epochs=1, learning_rate=1e-12, dropout=0.0).fit(
        [f"{text} {row}" for row in range(8) for text in texts], [*"2", "10", "9"] * 8
    )
    return {**before, "by_name": by_name, "after": model.predict_proba(texts)}


def beside_each_other(framework: str, others: list[str]) -> bool:
    """Whether frameworks that share a process answer as if they were alone."""
    texts, labels = some_texts(48)
    models = {name: estimator(name).fit(texts, labels) for name in (framework, *others)}
    before = {name: model.predict_proba(texts) for name, model in models.items()}
    again = {name: estimator(name).fit(texts, labels) for name in reversed(models)}
    return all(np.array_equal(before[name], again[name].predict_proba(texts)) for name in models)


def examples(framework: str, page: Path) -> list[str]:
    """Run the Python of a page of documentation, and the example of the class; return what was said."""
    blocks = re.findall(r"^```python\n(.*?)^```$", page.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)
    tests = [doctest.DocTestParser().get_doctest("\n".join(blocks), {}, page.name, str(page), 0)]
    tests += doctest.DocTestFinder(recurse=False).find(type(estimator(framework)), "SentimentClassifier", globs={})
    said: list[str] = []
    for test in tests:
        assert test.examples, test.name
        doctest.DocTestRunner(verbose=False).run(test, out=said.append)
    return said
