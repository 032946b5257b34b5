from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from scipy.stats import ttest_rel

from compare.__main__ import main as lockstep
from compare.published import filled
from compare.studies.ladder import RUNGS, ablation, rungs_of, summarise_ladder
from compare.studies.tables import ladder_table
from compare.tables import as_markdown
from shared.errors import LockstepError
from shared.runs import Data, Machine, Parameters, Record, Seconds
from shared.specification import LOCKSTEP_FIELDS, Specification, preset
from tests.conftest import ROOT, Command

LOCKSTEP, LAST, PADDED = (
    next(rung for rung in RUNGS if rung.name == name) for name in ("lockstep", "last-state", "last-state-padding-left")
)


def record(accuracy: float, speed: float, fingerprint: str = "same") -> Record:
    return Record(
        framework="pytorch",
        framework_version="2",
        architecture="lstm",
        recipe="lockstep",
        seed=0,
        specification=Specification().model_dump(),
        data=Data(source="packaged", fingerprint=fingerprint, sizes={"train": 10, "validation": 5, "test": 5}, empty=0),
        parameters=Parameters(total=1, trainable=1),
        metrics={"validation": {}, "test": {"accuracy": accuracy, "log_loss": 1 - accuracy}},
        seconds=Seconds(setup=1, training=1, prediction=1),
        reviews_per_second={"training": speed, "prediction": 1},
        peak_memory_mb=1,
        device="cpu",
        threads=1,
        machine=Machine(system="", processor="", cores=1, memory_gb=1, python=""),
        commit="",
    )


def test_every_rung_switches_one_default() -> None:
    specification = Specification()
    made = {rung.name: specification.replaced(**rung.changes).model_dump() for rung in RUNGS}
    assert len(made) == len(RUNGS), "names are unique"
    for rung in RUNGS[1:]:
        changed = {name for name, value in made[rung.name].items() if value != made[rung.against][name]}
        assert len(changed) == 1 or rung.name == "adam-fastai", rung.name
        assert rung.whose
    parts = ablation("model", "labels.parquet").rungs
    switched = {name for rung in (*RUNGS, *parts) for name in rung.changes}
    # Into how many parts a batch is cut is no framework's default, and no more than rounding.
    assert switched >= set(LOCKSTEP_FIELDS) - {"batch_parts"}


def test_every_part_of_the_full_recipe_is_switched_alone() -> None:
    full = preset("full")
    study = ablation("model", "labels.parquet")
    made = {rung.name: full.replaced(**rung.changes).model_dump() for rung in study.rungs}
    for rung in study.rungs[1:]:
        changed = {name for name, value in made[rung.name].items() if value != made[rung.against][name]}
        assert len(changed) == (3 if rung.name == "wide" else 1), rung.name
        assert rung.whose, "each cites its source"
    assert [rung.name for rung in rungs_of(full, "keras", study=study)] == [rung.name for rung in study.rungs]
    assert {"language-model", "both"}.isdisjoint(rung.name for rung in ablation("none", "labels.parquet").rungs)


def test_rungs_that_change_nothing_are_left_out() -> None:
    names = [rung.name for rung in rungs_of(Specification(), "pytorch")]
    assert names == [rung.name for rung in RUNGS]
    assert "second-bias" not in {rung.name for rung in rungs_of(Specification(), "keras")}
    assert "second-bias" not in {rung.name for rung in rungs_of(Specification(architecture="gru"), "pytorch")}
    kept = {rung.name: rung for rung in rungs_of(Specification(pooling="last"), "pytorch")}
    assert "last-state" not in kept
    assert kept["last-state-padding-left"].against == "lockstep", "there it is the recipe itself"


def test_chosen_rungs_bring_what_they_are_compared_with() -> None:
    chosen = [rung.name for rung in rungs_of(Specification(), "pytorch", ["loss-sum-no-clipping"])]
    assert chosen == ["lockstep", "no-clipping", "loss-sum-no-clipping"]
    with pytest.raises(LockstepError, match="unknown rung 'dropout': choose among lockstep, last-state"):
        rungs_of(Specification(), "pytorch", ["dropout"])


def test_differences_are_paired_by_seed() -> None:
    base, last = [0.80, 0.90, 0.85], [0.79, 0.88, 0.86]
    records = {
        "lockstep": {seed: record(value, 100 * (seed + 1)) for seed, value in enumerate(base)},
        "last-state": {seed: record(value, 50 * (seed + 1)) for seed, value in enumerate(last)},
        "last-state-padding-left": {2: record(0.5, 75), 7: record(0.1, 1)},
    }
    summary = summarise_ladder((LOCKSTEP, LAST, PADDED), records)
    lockstep, first, second = summary["rungs"]
    assert "accuracy_difference" not in lockstep
    assert lockstep["accuracy_of_seeds"] == base
    interval = ttest_rel(last, base).confidence_interval(0.95)
    assert first["accuracy_difference"] == pytest.approx(
        {"mean": np.mean(last) - np.mean(base), "low": interval.low, "high": interval.high}
    )
    assert first["log_loss_difference"]["mean"] == pytest.approx(np.mean(base) - np.mean(last))
    assert first["speed_ratio"] == pytest.approx({"mean": 0.5, "low": 0.5, "high": 0.5}), "whatever the seed's speed"
    # Seed 7 has nothing to be compared with; one pair has no interval.
    assert second["seeds"] == [2]
    assert second["accuracy_difference"] == {"mean": pytest.approx(-0.36), "low": None, "high": None}
    assert second["speed_ratio"]["mean"] == pytest.approx(0.5)
    table = as_markdown(ladder_table(summary))
    assert "| *the lockstep recipe* |  | 85.0 |  |  |  |" in table
    assert f"| -0.67 ({interval.low * 100:+.2f} to {interval.high * 100:+.2f}) |" in table
    assert "(against: last state alone, not last, max and mean) | Keras' pad_sequences | 50.0 | -36.00 |" in table


def test_rungs_without_a_pair_are_left_out_and_other_reviews_refused() -> None:
    records = {"lockstep": {0: record(0.8, 1)}, "last-state": {}}
    assert [row["name"] for row in summarise_ladder((LOCKSTEP, LAST), records)["rungs"]] == ["lockstep"]
    with pytest.raises(LockstepError, match="fingerprints differ"):
        summarise_ladder((LOCKSTEP, LAST), {**records, "last-state": {0: record(0.8, 1, "other")}})
    with pytest.raises(LockstepError, match="no run of the recipe itself"):
        summarise_ladder((LOCKSTEP, LAST), {"lockstep": {}, "last-state": {0: record(0.8, 1)}})


@pytest.fixture(scope="module")
def flags(tmp_path_factory: pytest.TempPathFactory) -> tuple[object, ...]:
    """The reference trains: it starts in a moment, and the machinery is the same for all."""
    rungs = ("--framework", "reference", "--rungs", "last-state-padding-left", "--seeds", 0, 1)
    sizes = ("--preset", "smoke", "--reviews", 600, "--epochs", 1, "--no-train-embedding", "--max-length", 16)
    return ("compare", "ladder", *rungs, *sizes, "--out", tmp_path_factory.mktemp("runs") / "ladder")


@pytest.fixture(scope="module")
def ladder(command: Command, flags: tuple[object, ...]) -> Path:
    done = command(*flags)
    assert done.returncode == 0, done.stderr
    assert "last-state-padding-left" in done.stdout
    assert "6 cells are finished, 0 failed" in done.stderr
    return Path(str(flags[-1]))


def test_the_command_trains_the_rungs_and_writes_the_table(ladder: Path) -> None:
    summary = json.loads((ladder / "ladder.json").read_text())
    names = ["lockstep", "last-state", "last-state-padding-left"]
    assert [row["name"] for row in summary["rungs"]] == names
    assert {path.name for path in ladder.iterdir()} == {*names, "ladder.json", "ladder.md", "ladder.svg"}
    for row in summary["rungs"]:
        assert row["seeds"] == [0, 1]
        for seed, accuracy in zip(row["seeds"], row["accuracy_of_seeds"], strict=True):
            made = json.loads(
                (ladder / row["name"] / "reference" / "lstm" / f"seed-{seed}" / "record.json").read_text()
            )
            assert made["metrics"]["test"]["accuracy"] == accuracy
            assert made["specification"] | row["changes"] == made["specification"]
            assert not made["specification"]["train_embedding"], "the flags that were given hold on every rung"
    assert as_markdown(ladder_table(summary), caption=False) in (ladder / "ladder.md").read_text()
    assert (ladder / "ladder.svg").read_text().count("last-state-padding-left") == 1


def test_a_second_call_trains_nothing_and_other_flags_are_refused(
    command: Command, flags: tuple[object, ...], ladder: Path, tmp_path: Path
) -> None:
    before = (ladder / "ladder.json").read_text()
    done = command(*flags)
    assert done.returncode == 0, done.stderr
    assert done.stderr.count("finished before") == 6
    assert (ladder / "ladder.json").read_text() == before
    done = command(*flags, "--hidden-size", 7)
    assert done.returncode == 2
    assert done.stderr.count("\n") == 1
    assert "seed-0: made with hidden_size 32, not 7; remove it, or choose another --out" in done.stderr


@pytest.mark.parametrize(
    ("given", "reason"),
    [
        (("--rungs", "everything"), "unknown rung 'everything'"),
        (("--framework", "theano"), "unknown framework 'theano'"),
        (("--seeds", "1", "1"), "--seeds: 1 stands twice"),
        (("--rungs", "last-state", "last-state"), "--rungs: last-state stands twice"),
    ],
)
def test_bad_flags_are_refused_in_one_line(
    given: tuple[str, ...], reason: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert lockstep(["ladder", *given]) == 2
    said = capsys.readouterr().err
    assert reason in said
    assert said.count("\n") == 1


def test_figures_in_the_lesson_are_those_of_the_results() -> None:
    lesson = (ROOT / "lessons" / "differences.md").read_text()
    assert "<!-- ladder -->\n" in lesson
    assert filled(ROOT / "results", lesson) == lesson
