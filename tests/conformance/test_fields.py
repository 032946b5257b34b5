"""Every field of the specification, in every room and both recipes, is honoured or refused by name, never ignored."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from compare.workers import Ask
from shared.contract import DECIDED_FIELDS, FRAMEWORKS
from shared.data.corpus import Corpus
from shared.errors import LockstepError
from shared.predictions import Predictions, save_predictions
from shared.recipes import DOCUMENTED
from shared.specification import RECIPES, Specification
from tests.conformance import jobs
from tests.conformance.jobs import Outcome

# A framework without documented values has the lockstep recipe only.
TRAINED = [(name, recipe) for name in FRAMEWORKS for recipe in RECIPES if recipe == "lockstep" or name in DOCUMENTED]

# A linear map is put into an embedding, two biases are added to one: rounding of float32, no more.
REOPENED = 1e-5

# Small, but more than one batch, more than one epoch, and reviews that are longer than what is read.
BASE: dict[str, Any] = {
    "vectors": "random",
    "embedding_size": 8,
    "max_length": 12,
    "hidden_size": 6,
    "dropout": 0.2,
    "train_embedding": True,
    "batch_size": 20,
    "epochs": 2,
    "learning_rate": 0.01,
}

# Another value of every field, which no room has of its own accord. What is made of files, `files` makes.
CHANGED: dict[str, Any] = {
    "data": "data",
    "test_data": "test_data",
    "validation_data": "validation_data",
    "unlabelled": "unlabelled",
    "text_column": "other_text",
    "label_column": "other_label",
    "id_column": "other_id",
    "split_column": "part",
    "encoding": "latin-1",
    "delimiter": ";",
    "header": False,
    "labels": "pos=good neg=bad",
    "pseudo_labels": "pseudo_labels",
    "reviews": 100,
    "test_fraction": 0.5,
    "validation_fraction": 0.25,
    "split_seed": 1,
    "cleaning": "html,lower_case,digits",
    "vocabulary_size": 60,
    "minimum_count": 4,
    "max_length": 9,
    "truncation": "head",
    "padding": "right",
    "vectors": "vectors",
    "architecture": "bigru",
    "embedding_size": 6,
    "train_embedding": False,
    "hidden_size": 5,
    "layers": 2,
    "pooling": "max",
    "initialisation": "pytorch",
    "start_from": "start_from",
    "second_bias": True,
    "reprojection": True,
    "dropout": 0.6,
    "word_dropout": 0.3,
    "spatial_dropout": 0.3,
    "embedding_dropout": 0.3,
    "token_dropout": 0.3,
    "recurrent_dropout": 0.3,
    "head": "sigmoid",
    "recipe": "idiomatic",
    "seed": 1,
    "epochs": 1,
    "minimum_steps": 30,
    "batch_size": 24,
    "batch_parts": 3,
    "batch_order": "shuffled",
    "drop_last": True,
    "class_weights": "balanced",
    "loss_reduction": "sum",
    "optimizer": "sgd",
    "learning_rate": 0.03,
    "schedule": "one_cycle",
    "weight_decay": 0.3,
    "momentum": 0.9,
    "momentum_schedule": "one_cycle",
    "beta_1": 0.5,
    "beta_2": 0.9,
    "epsilon": 0.01,
    "epsilon_place": "before",
    "repeated_words": "apart",
    "gradient_clipping": 0.05,
    "weight_averaging": 1.0,
    "evaluation_weights": "best",
}
# Where that is a room's own value, or the base's.
CHANGED_IN: dict[str, dict[str, Any]] = {"idiomatic": {"recipe": "lockstep", "schedule": "linear"}}
# Where a framework's own value is the one that is tried: then another is refused, and its own changes nothing.
CHANGED_IN_NATIVE: dict[str, dict[str, Any]] = {
    "keras": {
        "repeated_words": "summed",
        "initialisation": "pytorch",
        "batch_order": "like_length",
        "epsilon_place": "after",
    },
    "pytorch": {"initialisation": "keras", "second_bias": False, "batch_order": "like_length"},
    "flair": {
        "second_bias": False,
        "reprojection": False,
        "batch_order": "like_length",
        "loss_reduction": "mean",
        "optimizer": "adam",
        "evaluation_weights": "last",
    },
    "fastai": {
        "second_bias": False,
        "drop_last": False,
        "momentum_schedule": "constant",
        "optimizer": "adam",
        "weight_decay": 0.3,
    },
}
# What has to be there on both sides for the field to mean anything.
BESIDE: dict[str, dict[str, Any]] = {
    "pseudo_labels": {"unlabelled": "unlabelled"},
    "momentum": {"optimizer": "sgd"},
    "drop_last": {"batch_size": 23},
    # Of two epochs Flair's own code would keep the first, if the second is no better.
    "epochs": {"evaluation_weights": "last"},
    "minimum_steps": {"evaluation_weights": "last"},
}
# The best epoch is not the last one where the steps are too large.
BESIDE["evaluation_weights"] = {"learning_rate": 0.5, "epochs": 6}
FILES = ("data", "test_data", "validation_data", "unlabelled", "pseudo_labels", "vectors", "start_from")

# Only these are refused: a room that refused more would pass by doing less.
REFUSED: dict[tuple[str, str], set[str]] = {
    **{(framework, "lockstep"): set() if framework in DOCUMENTED else {"recipe"} for framework in FRAMEWORKS},
    ("keras", "idiomatic"): {*DECIDED_FIELDS, "pooling"},
    ("pytorch", "idiomatic"): {*DECIDED_FIELDS, "pooling"},
    ("flair", "idiomatic"): {*DECIDED_FIELDS, "pooling", "dropout", "schedule", "beta_1", "beta_2", "epsilon"},
    ("fastai", "idiomatic"): {*DECIDED_FIELDS, "schedule", "beta_1"},
}
# The steps are the same ones: what is kept of them is not, or it is no more than rounding.
SAME_STEPS = {"weight_averaging", "evaluation_weights", "batch_parts"}
# Read otherwise, the table has no column that could be the text: the line says which flag would name it.
UNREADABLE = {"delimiter", "header"}


@dataclass(frozen=True)
class Files:
    """Files that fields name, and texts that every model is asked about."""

    data: Path
    test_data: Path
    validation_data: Path
    unlabelled: Path
    pseudo_labels: Path
    vectors: Path
    start_from: Path
    texts: list[str]


@pytest.fixture(scope="module")
def tables(corpus: Corpus, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Tables of the beginnings of real reviews: some shorter than what is read, and no official test.

    Beside the usual columns there are others, which can be named. The classes are not equally frequent, and some words
    are not in ASCII.
    """
    folder = tmp_path_factory.mktemp("fields")
    texts = [" ".join(text.split()[: 6 + row % 20]) for row, text in enumerate(corpus.texts[0])]
    labels = corpus.train.labels
    paths = {}
    shuffled = np.random.default_rng(0).permutation(len(texts))[:600]
    for name, chosen in zip(("base", "data", "unlabelled"), np.split(shuffled, 3), strict=True):
        rows = chosen[(labels[chosen] == 0) | (np.arange(len(chosen)) % 3 > 0)]
        table = pd.DataFrame({"review_id": [f"{name}-{row}" for row in rows]})
        table["text"] = [f"na\u00efve {texts[row]}" if row % 2 else texts[row] for row in rows]
        if name != "unlabelled":
            table["label"] = ["neg" if labels[row] == 0 else "pos" for row in rows]
            table["other_id"] = [f"other-{row}" for row in rows]
            table["other_text"] = [texts[row - 1] for row in rows]
            table["other_label"] = ["short" if len(texts[row]) < 90 else "long" for row in rows]
            table["part"] = np.where(np.arange(len(rows)) % 4 > 0, "train", "test")
        paths[name] = folder / f"{name}.csv"
        table.to_csv(paths[name], index=False)
    return paths


@pytest.fixture(scope="module")
def files(tables: dict[str, Path], corpus: Corpus, ask: Ask, tmp_path_factory: pytest.TempPathFactory) -> Files:
    folder = tmp_path_factory.mktemp("sources")
    texts = ["", "zzxq", *(corpus.texts[1][row] for row in range(12))]  # one batch
    generator = np.random.default_rng(0)
    lines = [" ".join([word, *map(str, generator.normal(size=8).round(4))]) for word in common_words(texts)]
    (folder / "vectors.txt").write_text("\n".join(lines) + "\n", encoding="utf-8")
    ids = np.array(sorted(pd.read_csv(tables["unlabelled"])["review_id"]), object)
    positive = generator.random(len(ids)).astype(np.float32)
    answers = np.stack([1 - positive, positive], axis=1)
    unknown = np.full(len(ids), -1, np.int16)
    predictions = Predictions(ids, unknown, answers, ("negative", "positive"))
    save_predictions(folder / "labels.parquet", predictions)
    trained = Specification(data=str(tables["base"]), seed=5, **BASE)
    ask(jobs.train_and_reopen, "reference", trained, [], texts, folder / "checkpoint")
    return Files(
        tables["data"],
        tables["data"],
        tables["data"],
        tables["unlabelled"],
        folder / "labels.parquet",
        folder / "vectors.txt",
        folder / "checkpoint",
        texts,
    )


def common_words(texts: list[str]) -> list[str]:
    words = {word for text in texts for word in text.lower().split() if word.isascii() and word.isalpha()}
    return sorted(words)


Train = Callable[..., Outcome]


@pytest.fixture(scope="module")
def train(ask: Ask, tables: dict[str, Path], files: Files, tmp_path_factory: pytest.TempPathFactory) -> Train:
    """Train a room's base with some fields changed."""
    folder = tmp_path_factory.mktemp("checkpoints")

    def trained(framework: str, recipe: str, **changes: Any) -> Outcome:
        decided = REFUSED.get((framework, recipe), set())  # there the base is the documented value
        usual = {name: value for name, value in BASE.items() if name not in decided}
        asked = {"data": str(tables["base"]), **usual, "recipe": recipe, **changes}
        place = folder / f"{len(list(folder.iterdir()))}"
        specification = Specification().replaced(**asked)
        return ask(jobs.train_and_reopen, framework, specification, sorted(asked), files.texts, place)

    return trained


@pytest.fixture(scope="module")
def base(train: Train) -> Train:
    """The same, but the result is kept: many fields are held against one training."""
    kept: dict[tuple[Any, ...], Outcome] = {}

    def trained(framework: str, recipe: str, **beside: Any) -> Outcome:
        key = (framework, recipe, *sorted(beside.items()))
        if key not in kept:
            kept[key] = train(framework, recipe, **beside)
        return kept[key]

    return trained


def beside_of(name: str, recipe: str) -> list[tuple[str, Any]]:
    """What has to be there for the field to mean anything, as far as it is not refused itself."""
    return [
        (other, value) for other, value in BESIDE.get(name, {}).items() if recipe == "lockstep" or other != "optimizer"
    ]


def changed_value(framework: str, name: str, recipe: str, files: Files) -> Any:
    if name in FILES:
        return str(getattr(files, name))
    own = CHANGED_IN_NATIVE[framework] if recipe == "idiomatic" else {}
    return {**CHANGED, **CHANGED_IN.get(recipe, {}), **own}[name]


def test_the_table_has_every_field() -> None:
    assert list(CHANGED) == list(Specification.model_fields)
    assert REFUSED.keys() == set(TRAINED)


@pytest.mark.parametrize(("framework", "recipe"), TRAINED)
def test_nothing_changed_is_the_same(train: Train, base: Train, framework: str, recipe: str) -> None:
    """Else a change below would prove nothing."""
    once, again = base(framework, recipe), train(framework, recipe)
    assert once.step_losses == again.step_losses
    assert np.array_equal(once.answers, again.answers)


@pytest.mark.parametrize("name", Specification.model_fields)
@pytest.mark.parametrize(("framework", "recipe"), TRAINED)
def test_a_field_is_honoured_or_refused(
    train: Train, base: Train, files: Files, framework: str, recipe: str, name: str
) -> None:
    beside = {
        other: str(getattr(files, value)) if other in FILES else value for other, value in beside_of(name, recipe)
    }
    change = {name: changed_value(framework, name, recipe, files)}
    if name in REFUSED[framework, recipe]:
        with pytest.raises(LockstepError, match=name.replace("_", "-")) as error:
            train(framework, recipe, **beside, **change)
        assert "\n" not in str(error.value)
        return
    if name in UNREADABLE:
        with pytest.raises(LockstepError, match="--text-column"):
            train(framework, recipe, **beside, **change)
        return
    before, after = base(framework, recipe, **beside), train(framework, **{"recipe": recipe, **beside, **change})
    if name == "id_column":
        assert before.step_losses == after.step_losses
        assert [f"other-{one.split('-')[1]}" for one in before.review_ids] == after.review_ids
        return
    assert not np.array_equal(before.answers, after.answers), f"{name} changes nothing"
    if name not in SAME_STEPS:
        assert before.step_losses != after.step_losses, f"{name} is not trained with"
    assert after.reopened <= REOPENED, "what is reopened is another model"


@pytest.mark.parametrize("framework", DOCUMENTED)
def test_a_value_that_is_the_rooms_own_is_no_reason_to_refuse(train: Train, base: Train, framework: str) -> None:
    own = {name: value for name, value in DOCUMENTED[framework].items() if name in REFUSED[framework, "idiomatic"]}
    same = train(framework, "idiomatic", **own)
    assert np.array_equal(same.answers, base(framework, "idiomatic").answers)
