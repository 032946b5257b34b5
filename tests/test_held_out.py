"""What is tested on is what the user said, and never what is trained on without a word."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from shared.errors import LockstepError
from shared.loading import load_corpus
from shared.prediction import check_columns
from shared.specification import Specification, preset

WORDS = ("dull", "fine")


def rows(name: str, count: int, classes: tuple[str, ...] = ("bad", "good")) -> pd.DataFrame:
    """Texts of a name of their own, so that none is a copy."""
    labels = [classes[row % len(classes)] for row in range(count)]
    return pd.DataFrame({"text": [f"{name} {row} {WORDS[row % 2]}" for row in range(count)], "label": labels})


def table(folder: Path, name: str, frame: pd.DataFrame) -> str:
    frame.to_csv(folder / f"{name}.csv", index=False)
    return str(folder / f"{name}.csv")


def load(**changes: object):  # type: ignore[no-untyped-def]
    return load_corpus(preset("smoke").replaced(vectors="random", **changes))


def test_test_and_validation_data_are_what_is_held_out(tmp_path: Path) -> None:
    data, test, validation = (
        table(tmp_path, name, rows(name, count)) for name, count in (("a", 60), ("b", 14), ("c", 8))
    )
    corpus = load(data=data, test_data=test, validation_data=validation)
    assert [len(part) for part in (corpus.train, corpus.validation, corpus.test)] == [60, 8, 14]
    assert set(corpus.texts[2]) == set(rows("b", 14)["text"])
    assert set(corpus.texts[1]) == set(rows("c", 8)["text"])
    assert [account.used for account in corpus.accounts] == [60, 14, 8]
    ids = np.concatenate([part.review_ids for part in (corpus.train, corpus.validation, corpus.test)])
    assert len(set(ids)) == 82, "ids of the same rows in three files are told apart"


def test_of_a_source_with_its_own_split_the_part_that_is_asked_for_is_taken(tmp_path: Path) -> None:
    own = rows("b", 30).assign(split=["train"] * 20 + ["test"] * 10)
    data, test = table(tmp_path, "a", rows("a", 60)), table(tmp_path, "b", own)
    corpus = load(data=data, test_data=test)
    assert set(corpus.texts[2]) == set(own["text"][20:])
    assert corpus.accounts[1].left_out == {"that its own split does not call test": 20}
    assert corpus.accounts[1].classes == {"bad": 5, "good": 5}
    with pytest.raises(LockstepError, match="has no validation texts"):
        load(data=data, validation_data=test)


def test_texts_that_are_trained_on_too_are_told(tmp_path: Path) -> None:
    data = rows("a", 60)
    half = pd.concat([data[:6], rows("b", 6)])
    corpus = load(
        data=table(tmp_path, "a", data),
        test_data=table(tmp_path, "b", half),
        validation_data=table(tmp_path, "c", rows("c", 4)),
    )
    assert corpus.accounts[0].also_trained_on == 6
    assert "6 of the texts that are held out are trained on too" in corpus.accounts[0].warnings()[0]
    with pytest.raises(LockstepError, match="all 6 test texts stand among the training texts too"):
        load(
            data=str(tmp_path / "a.csv"),
            test_data=table(tmp_path, "d", data[:6]),
            validation_data=str(tmp_path / "c.csv"),
        )


def test_classes_of_test_data_are_those_of_the_data(tmp_path: Path) -> None:
    data = table(tmp_path, "a", rows("a", 60))
    with pytest.raises(LockstepError, match=r"b\.csv: .* has label 'ugly'; the classes are bad, good"):
        load(data=data, test_data=table(tmp_path, "b", rows("b", 9, ("bad", "good", "ugly"))))


def test_a_class_that_is_only_held_out_is_refused(tmp_path: Path) -> None:
    frame = pd.concat([rows("a", 40), rows("b", 9, ("bad", "good", "ugly"))])
    frame["split"] = ["train"] * 40 + ["test"] * 9
    with pytest.raises(LockstepError, match="ugly: every text of it is held out"):
        load(data=table(tmp_path, "a", frame))


@pytest.mark.parametrize("name", ["test", "validation"])
def test_a_fraction_beside_data_that_are_held_out_is_refused(name: str) -> None:
    with pytest.raises(LockstepError, match=f"{name}-fraction: --{name}-data is what is held out"):
        Specification().replaced(**{f"{name}_data": "b.csv", f"{name}_fraction": 0.3})


def test_few_texts_are_passed_over_until_there_are_enough_steps() -> None:
    quick = preset("quick")
    assert quick.epochs_of(141) == quick.epochs
    assert quick.epochs_of(7) == 15
    assert quick.replaced(epochs=3).epochs_of(7) == 3, "who says how many gets as many"
    assert quick.replaced(epochs=3, minimum_steps=50).epochs_of(7) == 8


def test_names_of_classes_stay_in_parquet() -> None:
    features = {
        "label": {"names": ["pos", "neg"], "_type": "ClassLabel"},
        "text": {"dtype": "string", "_type": "Value"},
    }
    metadata = {"huggingface": json.dumps({"info": {"features": features}})}
    schema = pa.schema([pa.field("text", pa.string()), pa.field("label", pa.int64())], metadata=metadata)
    made = check_columns(schema, ("bad", "good"))
    found = json.loads(made.metadata[b"huggingface"])["info"]["features"]
    assert found["label"] == features["label"]
    assert list(found)[2:] == made.names[2:] == ["prediction", "probability_bad", "probability_good"]
    strange = schema.with_metadata({"huggingface": "not JSON", "pandas": "{}"})
    assert check_columns(strange, ("bad",)).metadata == strange.metadata


def test_official_splits_are_kept_in_a_sample(tmp_path: Path) -> None:
    frame = rows("a", 200).assign(split=["train"] * 120 + ["validation"] * 30 + ["test"] * 50)
    corpus = load(data=table(tmp_path, "a", frame), reviews=100)
    sizes = [len(part) for part in (corpus.train, corpus.validation, corpus.test)]
    np.testing.assert_allclose(sizes, [60, 15, 25], atol=1)  # each class is rounded
