from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from scipy.stats import ttest_rel

from compare.__main__ import main as lockstep
from compare.published import filled
from compare.studies.figures import ladder_figure
from compare.studies.ladder_statistics import summarise_ladder
from compare.studies.ladder_tables import switches_table
from compare.studies.rungs import ABLATION, RUNGS, Rung, ablation, rungs_of
from compare.tables import as_markdown
from shared.errors import LockstepError
from shared.recipes import DOCUMENTED
from shared.runs import Data, Machine, Parameters, Record, Seconds
from shared.specification import Specification, preset
from tests.conftest import ROOT, Command
from tests.sealed import reseal_run

LOCKSTEP, LAST, PADDED = (
    next(rung for rung in RUNGS if rung.name == name) for name in ("lockstep", "last-state", "last-state-padding-left")
)


def record(accuracy: float, speed: float, fingerprint: str = "same", threads: int = 1) -> Record:
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
        threads=threads,
        machine=Machine(system="", processor="", cores=1, memory_gb=1, python=""),
        commit="",
    )


# One default of a framework, said by two fields.
PAIRS = {"adam-fastai", "one-cycle-fastai", "sgd", "weight-decay"}
# Two epochs are no plateau: it is the constant rate.
NOT_SWITCHED = {("schedule", "plateau")}


def changes_of(rung: Rung, rungs: tuple[Rung, ...], recipe: Specification) -> dict[str, object]:
    """What a rung changes of the one that it is compared with."""
    against = next(recipe.replaced(**one.changes).model_dump() for one in rungs if one.name == rung.against)
    made = recipe.replaced(**rung.changes).model_dump()
    return {name: value for name, value in made.items() if value != against[name]}


def test_every_rung_switches_one_default() -> None:
    assert len({rung.name for rung in RUNGS}) == len(RUNGS), "names are unique"
    for rung in RUNGS[1:]:
        assert len(changes_of(rung, RUNGS, Specification())) == (2 if rung.name in PAIRS else 1), rung.name
        assert rung.whose


def test_every_documented_value_that_is_not_the_recipes_has_a_rung_with_its_framework() -> None:
    usual = Specification().model_dump()
    switched = {one for rung in RUNGS for one in changes_of(rung, RUNGS, Specification()).items()}
    for framework, fields in DOCUMENTED.items():
        assert {one for one in fields.items() if one[1] != usual[one[0]]} - switched <= NOT_SWITCHED, framework
    titles = {"keras": "Keras", "pytorch": "PyTorch", "flair": "Flair", "fastai": "fastai"}
    for rung in RUNGS[1:]:
        changes = changes_of(rung, RUNGS, Specification()).items()
        owners = {titles[framework] for framework, fields in DOCUMENTED.items() if changes <= fields.items()}
        assert owners <= set(rung.whose.split(", ")), rung.name


def test_every_part_of_the_full_recipe_is_switched_alone() -> None:
    study = ablation("model", "labels.parquet")
    assert study.from_there(["--preset", "full"]).rungs[0].title == "the lockstep recipe with --preset full"
    assert study.from_there([]) == study
    assert len({rung.name for rung in study.rungs}) == len(study.rungs) == len(ABLATION)
    kept = {}
    for name in ("full", "quick"):
        recipe = preset(name).replaced(unlabelled="unlabelled.csv")
        rungs = tuple(rungs_of(recipe, "keras", study=study))
        kept[name] = {rung.name for rung in rungs}
        for rung in rungs[1:]:
            changed = changes_of(rung, rungs, recipe)
            assert len(changed) == (3 if rung.name == "wide" else 1), rung.name
            assert rung.whose, "each cites its source"
    assert kept["full"] | kept["quick"] == {rung.name for rung in study.rungs}
    assert "no-word-dropout" in kept["full"], "what the recipe has is taken away"
    assert "word-dropout" in kept["quick"], "what it lacks is put in"
    assert {"language-model", "both"}.isdisjoint(rung.name for rung in ablation("none", "labels.parquet").rungs)


def test_rungs_that_change_nothing_are_left_out() -> None:
    names = [rung.name for rung in rungs_of(Specification(), "pytorch")]
    assert names == [rung.name for rung in RUNGS]
    assert "second-bias" not in {rung.name for rung in rungs_of(Specification(architecture="gru"), "pytorch")}
    kept = {rung.name: rung for rung in rungs_of(Specification(pooling="last"), "pytorch")}
    assert "last-state" not in kept
    assert kept["last-state-padding-left"].against == "lockstep", "there it is the recipe itself"


def test_chosen_rungs_bring_what_they_are_compared_with() -> None:
    chosen = [rung.name for rung in rungs_of(Specification(), "pytorch", ["loss-sum-no-clipping"])]
    assert chosen == ["lockstep", "no-clipping", "loss-sum-no-clipping"]
    study = ablation("model", "labels.parquet")
    chosen = [rung.name for rung in rungs_of(preset("full"), "pytorch", ["both"], study)]
    assert chosen == ["lockstep", "wide", "language-model", "both"], "and what those are compared with"
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
    table = as_markdown(switches_table([{"heading": "whose", **summary}]))
    assert "| *the lockstep recipe: 85.0 % of 5 reviews* |  |  |  |  |  | 0–2 |" in table
    assert f"| -0.67 ({interval.low * 100:+.2f} to {interval.high * 100:+.2f}) |" in table
    assert "| Keras' pad_sequences | last state alone, not last, max and mean | -36.00 | +0.360 | 0.50× | 2 |" in table
    assert (
        "- The lockstep recipe: PyTorch 2, LSTM; 10 reviews to train on and 5 to test (packaged); seeds 0–2." in table
    )


def test_two_studies_stand_in_one_table_each_below_where_it_starts() -> None:
    first = {"lockstep": {0: record(0.8, 1), 3: record(0.9, 1)}, "last-state": {0: record(0.7, 1), 3: record(0.8, 1)}}
    second = {"lockstep": {0: record(0.5, 1)}, "last-state": {0: record(0.75, 1)}}
    full = Rung("lockstep", "the full recipe")
    studies = [
        {"heading": "whose", **summarise_ladder((LOCKSTEP, LAST), first)},
        {"heading": "source", **summarise_ladder((full, LAST), second)},
    ]
    table = switches_table(studies)
    assert [column.heading for column in table.columns][1] == "whose or source"
    shown = [[cell.text for cell in row.cells] for row in table.rows]
    assert [row[0] for row in shown] == [
        "the lockstep recipe: 85.0 % of 5 reviews",
        LAST.title,
        "the full recipe: 50.0 % of 5 reviews",
        LAST.title,
    ]
    assert [row[3] for row in shown] == ["", "-10.00", "", "+25.00"]
    assert [row[6] for row in shown] == ["0, 3", "0, 3", "0", "0"]


def test_speeds_are_compared_on_one_machine_only() -> None:
    records = {
        "lockstep": {0: record(0.8, 100), 1: record(0.8, 100)},
        "last-state": {0: record(0.7, 50), 1: record(0.7, 400, threads=2)},
    }
    assert summarise_ladder((LOCKSTEP, LAST), records)["rungs"][1]["speed_ratio"]["mean"] == pytest.approx(0.5)
    records["last-state"].pop(0)
    summary = summarise_ladder((LOCKSTEP, LAST), records)
    assert summary["rungs"][1]["speed_ratio"] == {"mean": None, "low": None, "high": None}
    assert summary["rungs"][1]["accuracy_difference"]["mean"] == pytest.approx(-0.1)
    assert "| – | 1 |" in as_markdown(switches_table([{"heading": "whose", **summary}]))
    assert ladder_figure(summary["rungs"]).startswith("<svg")


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
    assert "6 cells finished, 0 failed" in done.stderr
    return Path(str(flags[-1]))


def test_the_command_trains_the_rungs_and_writes_the_table(ladder: Path) -> None:
    summary = json.loads((ladder / "ladder.json").read_text())
    names = ["lockstep", "last-state", "last-state-padding-left"]
    assert [row["name"] for row in summary["rungs"]] == names
    assert {path.name for path in ladder.iterdir() if path.is_file()} == {"ladder.json", "ladder.md", "ladder.svg"}
    assert len({row["folder"] for row in summary["rungs"]}) == len(names)
    for row in summary["rungs"]:
        assert row["seeds"] == [0, 1]
        for seed, accuracy in zip(row["seeds"], row["accuracy_of_seeds"], strict=True):
            made = json.loads((ladder / row["folder"] / f"seed-{seed}" / "record.json").read_text())
            assert made["metrics"]["test"]["accuracy"] == accuracy
            assert made["specification"] | row["changes"] == made["specification"]
            assert not made["specification"]["train_embedding"], "the flags that were given hold on every rung"
    assert as_markdown(switches_table([summary]), caption=False) in (ladder / "ladder.md").read_text()
    assert (ladder / "ladder.svg").read_text().count("last-state-padding-left") == 1


def test_a_second_call_trains_nothing_and_other_data_are_refused(
    command: Command, flags: tuple[object, ...], ladder: Path, tmp_path: Path
) -> None:
    before = (ladder / "ladder.json").read_text()
    done = command(*flags)
    assert done.returncode == 0, done.stderr
    assert done.stderr.count("finished before") == 6
    assert (ladder / "ladder.json").read_text() == before
    changed = shutil.copytree(ladder, tmp_path / "ladder")
    place = changed / json.loads(before)["rungs"][1]["folder"] / "seed-0"
    data = json.loads((place / "record.json").read_text())["data"]
    reseal_run(place, data={**data, "fingerprint": "0" * 64})
    done = command(*flags[:-1], changed)
    assert done.returncode == 2
    assert done.stderr.count("\n") == 1
    assert f"{place}: made with data fingerprint '00000000" in done.stderr
    assert "remove it, or choose another --out" in done.stderr


def test_studies_share_their_runs(command: Command, flags: tuple[object, ...], ladder: Path) -> None:
    parts = ("compare", "ablation", *flags[2:4], "--rungs", "last-state", "--seeds", 1, *flags[9:])
    done = command(*parts)
    assert done.returncode == 0, done.stderr
    assert done.stderr.count("finished before") == 2, "both are rungs of the ladder too"
    found = json.loads((ladder / "ablation.json").read_text())
    first, second = (json.loads((ladder / "ladder.json").read_text())["rungs"][:2], found["rungs"])
    assert [row["folder"] for row in first] == [row["folder"] for row in second]
    assert found["rungs"][0]["title"].startswith("the lockstep recipe with --preset smoke ")


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
    assert "<!-- switches -->\n" in lesson
    assert filled(ROOT / "results", lesson) == lesson
    for study in ("ladder", "ablation"):
        for rung in json.loads((ROOT / "results" / f"{study}.json").read_text())["rungs"][1:]:
            assert f"| {rung['title']} | {rung['whose']} |" in lesson
