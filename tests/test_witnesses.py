"""Every framework told to act like another: what is trained for it, how it is judged, and the command."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from compare.__main__ import main as lockstep
from compare.formats import Witnesses
from compare.grid.cells import Setting, given_of
from compare.grid.executors import LocalExecutor
from compare.intervals import OverSeeds, over_seeds
from compare.proofs import witnesses
from compare.proofs.tables import witnesses_table
from compare.proofs.witnesses import TOLERANCE, judged, run_witnesses, settings_of, summarised
from compare.tables import as_markdown
from shared.contract import DECIDED_FIELDS, FRAMEWORKS
from shared.errors import LockstepError
from shared.output import PAGE, Output
from shared.recipes import DOCUMENTED, DOCUMENTED_FIELDS, documented
from shared.runs import Data, Machine, Parameters, Record, Seconds
from shared.specification import PRESETS, Specification, flags_of, preset
from tests.conftest import Command
from tests.synthetic import write_texts

SIZES = {"train": 1_000, "validation": 100, "test": 200}


# What is trained.


@pytest.mark.parametrize("architecture", ["lstm", "gru", "bilstm"])
@pytest.mark.parametrize("name", [*PRESETS])
def test_everyone_is_told_the_documented_values_and_the_own_code_nothing(name: str, architecture: str) -> None:
    asked = preset(name).replaced(architecture=architecture, batch_parts=1)
    found = settings_of(asked, FRAMEWORKS, (3, 5))
    assert set(found) == {(actor, like) for actor in ("own", *FRAMEWORKS) for like in FRAMEWORKS}
    for (actor, like), settings in found.items():
        assert [one.specification.seed for one in settings] == [3, 5]
        assert {one.framework for one in settings} == {like if actor == "own" else actor}
        written = documented(like, asked)
        (specification,) = {one.specification.replaced(seed=asked.seed) for one in settings}
        if actor == "own":
            assert specification.recipe == "idiomatic"
            # What is not passed on, the documentation decides.
            passed_on = given_of(settings[0])
            assert {*DOCUMENTED[like], "batch_parts"}.isdisjoint(passed_on)
            assert documented(like, specification) == specification
        else:
            idle = written.idle_fields()
            for field, value in written.model_dump().items():
                assert field in idle or getattr(specification, field) == value, (like, field)


def test_seeds_of_one_pair_differ_in_nothing_else_and_no_two_pairs_are_one_training() -> None:
    found = settings_of(Specification(), FRAMEWORKS, (0, 1))
    trainings = [setting for settings in found.values() for setting in settings]
    assert len(set(trainings)) == len(trainings) == 2 * (len(FRAMEWORKS) + 1) * len(FRAMEWORKS)


def test_who_has_no_documentation_cannot_be_acted_like() -> None:
    with pytest.raises(LockstepError, match="no documented values of 'reference'"):
        settings_of(Specification(), ("keras", "reference"), (0,))


# How it is judged.

NUMBERS = st.floats(-0.2, 0.2)
INTERVALS = st.tuples(NUMBERS, NUMBERS).map(sorted)


def judged_between(low: float, high: float) -> str:
    return judged(OverSeeds((low + high) / 2, low, high))


@given(INTERVALS)
def test_same_is_within_the_tolerance_and_different_is_neither_that_nor_around_nothing(ends: list[float]) -> None:
    low, high = ends
    within = low >= -TOLERANCE and high <= TOLERANCE
    assert (judged_between(low, high) == "same") is within
    assert (judged_between(low, high) == "different") is (not within and not low <= 0 <= high)


@given(INTERVALS)
def test_who_is_taken_from_whom_does_not_matter(ends: list[float]) -> None:
    low, high = ends
    assert judged_between(low, high) == judged_between(-high, -low)


@given(INTERVALS, st.floats(0, 0.2), st.floats(0, 0.2))
def test_what_a_wider_interval_calls_the_same_is_the_same(ends: list[float], below: float, above: float) -> None:
    low, high = ends
    wider = judged_between(low - below, high + above)
    assert wider != "same" or judged_between(low, high) == "same"


@given(NUMBERS)
def test_one_seed_tells_nothing(mean: float) -> None:
    assert judged(over_seeds([mean])) == "unclear"


@pytest.mark.parametrize(
    ("differences", "verdict"),
    [
        ([0.001, -0.001, 0.0005, -0.0005, 0], "same"),
        ([0.001, 0.0012, 0.0011, 0.0009, 0.001], "same"),  # surely more than nothing, and surely little
        ([0.03, -0.03, 0.02, -0.02, 0], "unclear"),
        ([0.02, 0.021, 0.019, 0.02, 0.02], "different"),
        ([-0.02, -0.021, -0.019, -0.02, -0.02], "different"),
    ],
)
def test_verdicts_over_seeds(differences: list[float], verdict: str) -> None:
    assert judged(over_seeds(differences)) == verdict


# What is made of the records.


def record(setting: Setting, accuracy: float) -> Record:
    specification = setting.specification
    return Record(
        framework=setting.framework,
        framework_version="1",
        architecture=specification.architecture,
        recipe=specification.recipe,
        seed=specification.seed,
        specification=specification.model_dump(),
        data=Data(source="packaged", fingerprint="same", sizes=SIZES, empty=0),
        parameters=Parameters(total=1, trainable=1),
        metrics={"validation": {}, "test": {"accuracy": accuracy, "log_loss": 1 - accuracy}},
        seconds=Seconds(setup=1, training=1, prediction=1),
        reviews_per_second={"training": 1, "prediction": 1},
        peak_memory_mb=1,
        device="cpu",
        threads=1,
        machine=Machine(system="", processor="", cores=1, memory_gb=1, python=""),
        commit="",
    )


# Of seeds 0, 1 and 2; None is not finished.
Accuracies = Mapping[tuple[str, str], Sequence[float | None]]
PAIRS: Accuracies = {
    ("own", "keras"): (0.80, 0.82, None),
    ("keras", "keras"): (0.80, 0.82, 0.84),
    ("pytorch", "keras"): (0.70, 0.73, 0.70),
    ("own", "pytorch"): (0.66, None, 0.60),
    ("keras", "pytorch"): (None, 0.70, None),
    ("pytorch", "pytorch"): (0.67, 0.70, 0.64),
}


def finished(pairs: Accuracies) -> tuple[dict[tuple[str, str], list[Setting]], dict[Setting, Record | None]]:
    """What is asked for two frameworks and three seeds, and records of it."""
    asked = settings_of(Specification(), ("keras", "pytorch"), (0, 1, 2))
    records = {}
    for pair, accuracies in pairs.items():
        for setting, accuracy in zip(asked[pair], accuracies, strict=True):
            records[setting] = None if accuracy is None else record(setting, accuracy)
    return asked, records


def test_pairs_are_compared_over_the_seeds_that_both_have() -> None:
    found = summarised(*finished(PAIRS))
    rows = {(row.framework, row.like): row for row in found.rows}
    assert list(rows) == [("keras", "keras"), ("pytorch", "keras"), ("pytorch", "pytorch")], "one shares no seed"
    assert [row.seeds for row in rows.values()] == [[0, 1], [0, 1], [0, 2]]
    assert [row.accuracies for row in rows.values()] == [[0.80, 0.82], [0.70, 0.73], [0.67, 0.64]]
    assert [row.own_accuracies for row in rows.values()] == [[0.80, 0.82], [0.80, 0.82], [0.66, 0.60]]
    # By seed: -0.10 and -0.09; t with one degree of freedom is 12.706.
    difference = rows["pytorch", "keras"].difference
    assert difference.mean == pytest.approx(-0.095)
    assert difference.high == pytest.approx(-0.095 + 12.706 * 0.005, abs=1e-5)
    assert [row.verdict for row in rows.values()] == ["same", "different", "unclear"]
    assert (found.architecture, found.tolerance, found.sizes) == ("lstm", TOLERANCE, SIZES)


@pytest.mark.parametrize(
    "pairs",
    [
        {},
        {pair: (0.8, 0.8, 0.8) for pair in PAIRS if pair[0] == "own"},
        {pair: (0.8, None, None) if pair[0] == "own" else (None, 0.8, 0.8) for pair in PAIRS},
    ],
)
def test_where_no_seed_is_shared_nothing_is_compared(pairs: Accuracies) -> None:
    with pytest.raises(LockstepError, match="share a finished seed: nothing can be compared"):
        summarised(*finished({**dict.fromkeys(PAIRS, (None, None, None)), **pairs}))


def test_the_table_marks_what_is_not_the_same() -> None:
    lines = as_markdown(witnesses_table(summarised(*finished(PAIRS)))).splitlines()
    rows = [line for line in lines if line.startswith("| ")]
    assert rows[0].startswith("| LSTM in | like Keras, points")
    own, keras, pytorch = ([cell.strip() for cell in row.strip("|").split("|")] for row in rows[-3:])
    assert own == ["its own code, accuracy in %", "81.00", "63.00"]
    assert keras == ["Keras", "0.00", "–"], "the same, and not known"
    assert pytorch == ["PyTorch", "-9.50 ✗ (-15.85 to -3.15)", "+2.50 ? (-16.56 to +21.56)"]
    page = "\n".join(lines)
    assert "over the seeds 0, 1, 2" in page
    assert "1,000 reviews to train on, 200 to test" in page


@pytest.mark.parametrize(
    ("pairs", "fine"),
    [
        (dict.fromkeys(PAIRS, (0.8, 0.8, 0.8)), True),
        ({**dict.fromkeys(PAIRS, (0.8, 0.8, 0.8)), ("keras", "pytorch"): (0.7, 0.9, 0.8)}, True),  # unclear
        ({**dict.fromkeys(PAIRS, (0.8, 0.8, 0.8)), ("keras", "pytorch"): (0.7, 0.7, 0.7)}, False),
        ({**dict.fromkeys(PAIRS, (0.8, 0.8, 0.8)), ("keras", "pytorch"): (None, None, None)}, False),  # failed
    ],
)
def test_all_is_well_if_none_is_different_and_all_were_trained(
    pairs: Accuracies, fine: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _, records = finished(pairs)
    monkeypatch.setattr(witnesses, "train_settings", lambda folder, settings, *_, **__: dict(records))
    with Output(tmp_path / "witnesses.json", PAGE) as place:
        told = run_witnesses(
            tmp_path / "runs", Specification(), ("keras", "pytorch"), (0, 1, 2), place, executor=LocalExecutor()
        )
    assert told is fine
    assert (tmp_path / "witnesses.json").exists()


# The command.

TINY = (
    *("--vectors", "random", "--embedding-size", 4, "--hidden-size", 3, "--max-length", 8, "--minimum-count", 1),
    *("--epochs", 1),
)


@pytest.fixture(scope="module")
def witnessed(command: Command, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[tuple[object, ...], Path]]:
    """PyTorch's own code and PyTorch told by fields: four trainings."""
    folder = tmp_path_factory.mktemp("witnesses")
    texts = write_texts(folder / "texts.csv", {"bad": 60, "good": 60})
    flags = ("compare", "witnesses", "--frameworks", "pytorch", "--seeds", 0, 1, "--data", texts, *TINY)
    call = (*flags, "--threads", 1, "--runs", folder / "runs", "--out", folder / "witnesses.json")
    done = command(*call)
    assert (folder / "witnesses.json").exists(), done.stderr
    assert done.returncode == (verdict_of(folder) == "different"), done.stderr
    assert done.stderr.count("done in") == 4
    assert "pytorch its own code seed 0" in done.stderr
    assert "pytorch like pytorch seed 1" in done.stderr
    assert "like PyTorch" in done.stdout
    yield call, folder
    shutil.rmtree(folder)


def verdict_of(folder: Path) -> str:
    (row,) = json.loads((folder / "witnesses.json").read_text())["rows"]
    return row["verdict"]


def test_the_command_compares_what_it_trained(witnessed: tuple[tuple[object, ...], Path]) -> None:
    _, folder = witnessed
    written = json.loads((folder / "witnesses.json").read_text())
    found = Witnesses.model_validate({name: written[name] for name in Witnesses.model_fields})
    (row,) = found.rows
    assert (row.framework, row.like, row.seeds) == ("pytorch", "pytorch", [0, 1])
    records = [json.loads(path.read_text()) for path in (folder / "runs").rglob("record.json")]
    assert len(records) == 4
    for recipe, accuracies in (("idiomatic", row.own_accuracies), ("lockstep", row.accuracies)):
        of_recipe = {one["seed"]: one for one in records if one["recipe"] == recipe}
        assert [of_recipe[seed]["metrics"]["test"]["accuracy"] for seed in (0, 1)] == accuracies
        for one in of_recipe.values():
            assert DOCUMENTED["pytorch"].items() <= one["specification"].items(), "the own code is told the same"
    assert found.sizes == records[0]["data"]["sizes"]


def test_a_second_call_trains_nothing(command: Command, witnessed: tuple[tuple[object, ...], Path]) -> None:
    call, folder = witnessed
    before = {path: path.stat().st_mtime_ns for path in (folder / "runs").rglob("record.json")}
    content = (folder / "witnesses.json").read_text()
    done = command(*call)
    assert done.returncode == (verdict_of(folder) == "different"), done.stderr
    assert done.stderr.count("finished before") == 4
    assert "done in" not in done.stderr
    assert {path: path.stat().st_mtime_ns for path in (folder / "runs").rglob("record.json")} == before
    assert (folder / "witnesses.json").read_text() == content


@pytest.mark.parametrize("field", sorted(DOCUMENTED_FIELDS))
def test_what_documentation_decides_is_refused(
    field: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    flags = flags_of({field: getattr(Specification(), field)})
    assert lockstep(["witnesses", *flags]) == 2
    said = capsys.readouterr().err
    flag = f"--{field.replace('_', '-')}"
    assert f"{flag}: here each framework's documentation decides on it; leave it out" in said
    assert not list(tmp_path.iterdir())


def test_all_that_own_code_decides_is_refused() -> None:
    """But for the parts of a batch, which are about speed."""
    assert set(DECIDED_FIELDS) - DOCUMENTED_FIELDS == {"batch_parts"}


@pytest.mark.parametrize(
    ("flags", "said"),
    [
        (("--seeds", "0", "0"), "--seeds: 0 stands twice"),
        (("--frameworks", "keras", "keras"), "--frameworks: keras stands twice"),
        (("--frameworks", "torch"), "unknown framework 'torch'"),
        (("--frameworks", "reference"), "no documented values of 'reference'"),
        (("--data", "nowhere.csv"), "nowhere.csv"),
    ],
)
def test_what_cannot_be_compared_is_refused(
    flags: tuple[str, ...],
    said: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    assert lockstep(["witnesses", *flags]) == 2
    assert said in capsys.readouterr().err
    assert not (tmp_path / "runs" / "witnesses.json").exists()
