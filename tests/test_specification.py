from __future__ import annotations

import argparse
import json
import math
from pathlib import Path
from typing import get_args

import pytest
from pydantic.fields import FieldInfo

from shared.errors import LockstepError
from shared.recipes import DOCUMENTED, documented
from shared.specification import (
    PRESETS,
    Specification,
    add_specification_flags,
    flags_of,
    from_record,
    preset,
    specification_from_flags,
)
from shared.text import PADDING_ID
from tests.conftest import ROOT


def parse(*flags: str) -> Specification:
    parser = argparse.ArgumentParser()
    add_specification_flags(parser)
    return specification_from_flags(parser.parse_args(flags))


def other_value(name: str, value: object) -> object:
    """A valid value of a field that is not its default."""
    field = Specification.model_fields[name]
    choices = getattr(field.annotation, "__args__", ())
    if isinstance(value, bool):
        return not value
    if name == "vectors":
        return "random"
    if name == "cleaning":
        return "html,digits"
    if name == "embedding_size":
        return value  # only 50 fits the packaged vectors; its flag is tested below
    if name == "reviews":
        return 77
    if choices:
        return next(choice for choice in choices if choice != value)
    if isinstance(value, int):
        return value + 3
    return value * 0.5 or 0.25 if isinstance(value, float) else "elsewhere.csv"


@pytest.mark.parametrize("name", Specification.model_fields)
def test_every_field_can_be_set_by_a_flag(name: str) -> None:
    wanted = other_value(name, getattr(preset("quick"), name))
    flag = "--" + name.replace("_", "-")
    flags = [flag if wanted else flag.replace("--", "--no-", 1)] if isinstance(wanted, bool) else [flag, str(wanted)]
    needed = {"pseudo_labels": {"unlabelled": "stanford"}, "momentum": {"optimizer": "sgd"}}.get(name, {})
    assert parse(*flags, *flags_of(needed)) == preset("quick").replaced(**{name: wanted}, **needed)


def test_flags_go_over_the_preset() -> None:
    assert parse("--preset", "smoke", "--vectors", "random", "--embedding-size", "8") == PRESETS["smoke"].replaced(
        vectors="random", embedding_size=8
    )


@pytest.mark.parametrize(
    ("flags", "reason"),
    [
        (["--architecture", "transformer"], "architecture: .*'rnn', 'lstm', 'gru', .* or 'bilstm'"),
        (["--hidden-size", "0"], "hidden-size: .*greater than or equal to 1"),
        (["--hidden-size", "many"], "hidden-size: .*'many'"),
        (["--dropout", "1"], "dropout"),
        (["--embedding-size", "100"], "packaged GloVe vectors have 50 dimensions"),
        (["--cleaning", "html,shout"], "cleaning: unknown cleaning step 'shout': choose among html, .*, stemming$"),
        (["--preset", "huge"], "unknown preset 'huge': choose one of smoke, quick, full"),
    ],
)
def test_bad_flags_are_refused_in_one_line(flags: list[str], reason: str) -> None:
    with pytest.raises(LockstepError, match=reason) as error:
        parse(*flags)
    assert "\n" not in str(error.value)


NUMBERS = {
    name: field.annotation
    for name, field in Specification.model_fields.items()
    if field.annotation is not bool and {int, float} & {field.annotation, *get_args(field.annotation)}
}


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf, "nan", "inf", 10.0**300, 2**64, -1, "9" * 5_000])
@pytest.mark.parametrize("name", NUMBERS)
def test_no_number_is_without_bounds(name: str, value: object) -> None:
    with pytest.raises(LockstepError, match=name.replace("_", "-")) as error:
        Specification().replaced(vectors="random", **{name: value})
    assert "\n" not in str(error.value)
    assert len(str(error.value)) < 300


def test_largest_seeds_and_sizes() -> None:
    largest = {"seed": 2**32 - 1, "split_seed": 2**32 - 1, "hidden_size": 4_096, "max_length": 100_000}
    assert Specification().replaced(**largest).seed == 2**32 - 1
    for name, value in largest.items():
        with pytest.raises(LockstepError, match=f"{name.replace('_', '-')}: .* less than or equal to {value}"):
            Specification().replaced(**{name: value + 1})


@pytest.mark.parametrize("changes", [{"padding": "left"}, {"padding": "right"}, {"recipe": "idiomatic"}], ids=str)
def test_what_is_padded_is_shorter(changes: dict[str, str]) -> None:
    assert Specification().replaced(max_length=10_000, **changes)
    with pytest.raises(LockstepError, match="max-length: every review is padded to it here, at most 10,000"):
        Specification().replaced(max_length=10_001, **changes)


RECORDS = sorted(ROOT.glob("results/**/record.json"))


def test_there_are_records() -> None:
    assert len(RECORDS) > 50


@pytest.mark.parametrize("path", RECORDS, ids=lambda path: path.relative_to(ROOT / "results").parent.as_posix())
def test_the_specification_of_every_published_record_is_read(path: Path) -> None:
    recorded = json.loads(path.read_text(encoding="utf-8"))["specification"]
    earlier = {} if "batch_parts" in recorded else {"batch_parts": 1 if recorded["recipe"] == "lockstep" else 2}
    # Fields that did not exist yet had their defaults.
    assert from_record(recorded).model_dump() == {**Specification().model_dump(), **recorded, **earlier}


@pytest.mark.parametrize("name", PRESETS)
def test_presets_survive_their_record(name: str) -> None:
    assert from_record(PRESETS[name].model_dump()) == PRESETS[name]


def test_fields_become_flags_again() -> None:
    wanted = {"batch_order": "shuffled", "train_embedding": False, "second_bias": True, "epsilon": 1e-8}
    assert parse(*flags_of(wanted)) == preset("quick").replaced(**wanted)


def test_only_masked_padding_is_not_read() -> None:
    assert Specification().unread_id == PADDING_ID
    assert Specification(padding="left").unread_id not in range(Specification().vocabulary_size)


def test_a_batch_of_an_earlier_record_was_one_part() -> None:
    for specification in (Specification(), Specification(recipe="idiomatic")):
        recorded = specification.model_dump()
        assert from_record(recorded) == specification
        recorded.pop("batch_parts")
        lockstep = specification.recipe == "lockstep"
        assert from_record(recorded).batch_parts == (1 if lockstep else specification.batch_parts)


def test_a_record_with_an_unknown_field_is_refused() -> None:
    with pytest.raises(LockstepError, match="peepholes"):
        from_record({**Specification().model_dump(), "peepholes": True})


@pytest.mark.parametrize(
    ("architecture", "pooling", "features"),
    [("lstm", "last", 48), ("gru", "concat", 144), ("bilstm", "max", 96), ("bilstm", "ends", 192)],
)
def test_size_of_the_features(architecture: str, pooling: str, features: int) -> None:
    assert Specification(architecture=architecture, pooling=pooling, hidden_size=48).features == features


IDLE = {
    "second_bias": (("--architecture", "gru"), "--second-bias"),
    "beta_1": (("--optimizer", "sgd"), "--beta-1=0.8"),
    "beta_2": (("--optimizer", "sgd"), "--beta-2=0.8"),
    "epsilon": (("--optimizer", "sgd"), "--epsilon=0.1"),
    "epsilon_place": (("--optimizer", "sgd"), "--epsilon-place=before"),
    "repeated_words": (("--no-train-embedding",), "--repeated-words=apart"),
    "momentum": ((), "--momentum=0.9"),
}


@pytest.mark.parametrize("name", IDLE)
def test_a_flag_that_would_change_nothing_is_refused(name: str) -> None:
    beside, flag = IDLE[name]
    with pytest.raises(LockstepError, match=f"^{name.replace('_', '-')} would change nothing here: ") as error:
        parse(*beside, flag)
    assert "\n" not in str(error.value)
    same = parse(*beside).replaced(**{name: other_value(name, getattr(Specification(), name))})
    assert same != parse(*beside)
    assert same.without_idle_fields() == parse(*beside)


@pytest.mark.parametrize("schedule", ["adam", "sgd"])
def test_a_moving_momentum_has_no_value_of_its_own(schedule: str) -> None:
    flag = "--momentum=0.5" if schedule == "sgd" else "--beta-1=0.5"
    with pytest.raises(LockstepError, match="--momentum-schedule one_cycle sets it in every step"):
        parse("--optimizer", schedule, "--momentum-schedule", "one_cycle", flag)


@pytest.mark.parametrize("framework", DOCUMENTED)
@pytest.mark.parametrize("architecture", ["lstm", "gru", "bilstm"])
def test_like_a_framework_is_a_start_that_single_fields_change(framework: str, architecture: str) -> None:
    asked = ("--architecture", architecture, "--like", framework)
    found = parse(*asked)
    assert found == documented(framework, preset("quick").replaced(architecture=architecture))
    assert found.recipe == "lockstep"
    assert found.without_idle_fields() == found, "a documented set has no field that changes nothing"
    assert parse(*asked, "--batch-size", "7") == found.replaced(batch_size=7)


def test_like_nobody_is_refused() -> None:
    with pytest.raises(LockstepError, match="no documented values of 'mxnet': choose among keras, pytorch"):
        parse("--like", "mxnet")


@pytest.mark.parametrize("framework", DOCUMENTED)
def test_a_documented_set_is_complete(framework: str) -> None:
    """Whatever was set before, what a framework's documentation writes is the same."""
    fields = [name for name, field in Specification.model_fields.items() if group_of(field) in ("model", "training")]
    held_equal = {
        *("architecture", "embedding_size", "hidden_size", "layers", "dropout"),
        *("recipe", "seed", "epochs", "minimum_steps", "batch_parts"),
    }
    assert set(DOCUMENTED[framework]) | held_equal >= set(fields)
    names = [name for name in DOCUMENTED[framework] if name != "second_bias"]
    other = Specification().replaced(**{name: other_value(name, getattr(Specification(), name)) for name in names})
    assert documented(framework, other) == documented(framework, Specification().replaced(dropout=other.dropout))


def group_of(field: FieldInfo) -> object:
    assert isinstance(field.json_schema_extra, dict)
    return field.json_schema_extra["group"]
