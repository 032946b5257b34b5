"""A grid reuses only what was asked for, shares its cells with other processes, and outlives what goes wrong in one."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pandas as pd
import pytest

from compare.__main__ import main as lockstep
from compare.grid.driver import Cell, cells_of_grid, run_cells
from compare.report.reading import read_statistics
from shared.errors import LockstepError
from shared.output import WORK, Output, is_claimed
from shared.runs import RUN, is_finished
from shared.specification import Specification, preset
from tests.conftest import ROOT, Command
from tests.processes import running, wait_for
from tests.sealed import reseal_run
from tests.test_compare import change_record, check_scripts, page_of

# The reference trains: it starts in a moment, and the machinery is the same for all.
TINY = {"reviews": 300, "epochs": 1, "max_length": 16, "train_embedding": False}
FLAGS = ("--preset", "smoke", "--reviews", "300", "--epochs", "1", "--max-length", "16", "--no-train-embedding")
GRID = ("--frameworks", "reference", "--no-baselines")
# Whatever a file may be called.
HOSTILE = "[bold]|\x1b[31m<b>&lt;\n\u202e$x$ `y` _z_"


def tiny(**changes: object) -> Specification:
    return preset("smoke").replaced(**{**TINY, **changes})


def grid_cells(experiment: Path, framework: str = "reference", **changes: object) -> list[Cell]:
    given = {"preset": "smoke", **TINY, **changes}
    asked = tiny(**changes)
    return cells_of_grid(experiment, asked, [framework], [asked.architecture], [0], given, [], baselines=False)


@pytest.fixture(scope="module")
def trained(command: Command, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One finished cell in ``runs/smoke``."""
    runs = tmp_path_factory.mktemp("trained")
    done = command("compare", "run", *FLAGS, *GRID, "--architectures", "lstm", "--runs", runs)
    assert done.returncode == 0, done.stderr
    return runs


@pytest.fixture
def runs(trained: Path, tmp_path: Path) -> Path:
    """A copy of it."""
    return shutil.copytree(trained, tmp_path / "runs")


def asked_again(runs: Path, *flags: object) -> int:
    return lockstep(["run", *FLAGS, *GRID, "--architectures", "lstm", "--runs", str(runs), *map(str, flags)])


@pytest.mark.parametrize(
    ("flags", "field", "values"),
    [
        (("--epochs", 2), "epochs", "1, not 2"),
        (("--hidden-size", 8), "hidden_size", "32, not 8"),
        (("--learning-rate", 0.5), "learning_rate", "0.006, not 0.5"),
        (("--test-fraction", 0.5), "test_fraction", "0.2, not 0.5"),
        (("--data", "rotten-tomatoes"), "data", "'packaged', not 'rotten-tomatoes'"),
        (("--vectors", "random"), "vectors", "'glove', not 'random'"),
        (("--recipe", "idiomatic", "--experiment", "smoke"), "recipe", "'lockstep', not 'idiomatic'"),
    ],
)
def test_a_finished_cell_of_another_kind_is_refused_before_any_training(
    runs: Path, flags: tuple[object, ...], field: str, values: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert asked_again(runs, "--seeds", 1, 0, *flags) == 2
    said = capsys.readouterr().err
    directory = runs / "smoke" / "reference" / "lstm" / "seed-0"
    advice = "remove it, or choose another --experiment"
    twice = "warning: --epochs is given more than once; the last one counts\n" if "--epochs" in flags else ""
    assert said == f"{twice}error: {directory}: made with {field} {values}; {advice}\n"
    assert not (directory.parent / "seed-1").exists(), "nothing was trained"


def test_the_same_cell_of_other_reviews_is_refused(runs: Path, capsys: pytest.CaptureFixture[str]) -> None:
    change_record(runs / "smoke" / "reference" / "lstm" / "seed-0", fingerprint="0" * 64)
    assert asked_again(runs) == 2
    assert "made with data fingerprint '00000000" in capsys.readouterr().err


def test_the_run_of_another_cell_is_refused(runs: Path, capsys: pytest.CaptureFixture[str]) -> None:
    shutil.copytree(runs / "smoke" / "reference" / "lstm", runs / "smoke" / "pytorch" / "lstm")
    assert asked_again(runs, "--frameworks", "pytorch") == 2
    assert "made with framework 'reference', not 'pytorch'" in capsys.readouterr().err


def test_another_file_under_the_same_path_is_another_input(
    command: Command, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    vectors = tmp_path / "vectors.txt"
    vectors.write_text("film 0.5 0.25\n")
    flags = ("--vectors", vectors, "--embedding-size", 2)
    done = command("compare", "run", *FLAGS, *GRID, "--architectures", "lstm", "--runs", tmp_path / "runs", *flags)
    assert done.returncode == 0, done.stderr
    assert asked_again(tmp_path / "runs", *flags) == 0
    assert "finished before" in capsys.readouterr().err
    vectors.write_text("film 0.5 0.75\n")
    assert asked_again(tmp_path / "runs", *flags) == 2
    assert "seed-0: made with a file for vectors of SHA-256 '" in capsys.readouterr().err
    checkpoint = tmp_path / "runs" / "smoke" / "reference" / "lstm" / "seed-0" / "checkpoint" / "model.json"
    again = ("--start-from", checkpoint.parents[1], "--experiment", "again", "--vectors", "random")
    again = (*again, "--embedding-size", 2)
    done = command("compare", "run", *FLAGS, *GRID, "--architectures", "lstm", "--runs", tmp_path / "runs", *again)
    assert done.returncode == 0, done.stderr
    checkpoint.write_text(checkpoint.read_text() + "\n")
    assert asked_again(tmp_path / "runs", *again) == 2
    assert "seed-0: made with a file for start_from of SHA-256 '" in capsys.readouterr().err


def test_in_the_idiomatic_recipe_the_framework_may_have_chosen_what_was_not_given(runs: Path) -> None:
    place = runs / "smoke" / "pytorch" / "lstm" / "seed-0"
    shutil.copytree(runs / "smoke" / "reference" / "lstm" / "seed-0", place)
    change_record(place, recipe="idiomatic", learning_rate=1e-3, pooling="last")
    record = json.loads((place / "record.json").read_text())
    reseal_run(place, specification=record["specification"], framework="pytorch", recipe="idiomatic")

    def run(**given: object) -> int:
        cells = grid_cells(runs / "smoke", "pytorch", recipe="idiomatic", **given)
        return run_cells(runs / "smoke", cells[0].specification, cells)

    assert run() == 0
    assert run(learning_rate=1e-3) == 0
    with pytest.raises(LockstepError, match=r"made with learning_rate 0\.001, not 0\.005"):
        run(learning_rate=5e-3)
    with pytest.raises(LockstepError, match="made with hidden_size 32, not 8"):
        run(hidden_size=8)


def test_baselines_are_compared_in_what_they_read(cache: Path, tmp_path: Path) -> None:
    place = tmp_path / "smoke" / "baseline" / "majority" / "seed-0"
    assert lockstep(["baseline", "majority", *FLAGS, "--out", str(place)]) == 0

    def run(**changes: object) -> int:
        asked = tiny(**changes)
        cells = cells_of_grid(tmp_path / "smoke", asked, [], [], [], {}, [], baselines=True)
        return run_cells(tmp_path / "smoke", asked, [cell for cell in cells if cell.directory == place])

    assert run(hidden_size=8, epochs=3) == 0
    with pytest.raises(LockstepError, match="majority/seed-0: made with cleaning 'html,apostrophes,lower_case', not"):
        run(cleaning="html,lower_case")


@pytest.mark.parametrize(
    ("flags", "said"),
    [
        (("run", "--seeds", "0", "0"), "--seeds: 0 stands twice"),
        (("run", "--frameworks", "keras", "keras"), "--frameworks: keras stands twice"),
        (("run", "--architectures", "gru", "lstm", "gru"), "--architectures: gru stands twice"),
        (("parity", "--frameworks", "keras", "keras"), "--frameworks: keras stands twice"),
        (("benchmark", "--parts", "growth", "growth"), "--parts: growth stands twice"),
        (("run", "--experiment", "../elsewhere"), "--experiment: '../elsewhere' is no name of a folder in --runs"),
        (("run", "--experiment", ".."), "--experiment: '..' is no name of a folder in --runs"),
    ],
)
def test_what_stands_twice_is_refused_in_one_line(
    flags: tuple[str, ...], said: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    elsewhere = ("--runs", str(tmp_path / "a" / "b")) if flags[0] == "run" else ()
    assert lockstep([*flags, *elsewhere]) == 2
    found = capsys.readouterr().err
    assert said in found
    assert found.count("\n") == 1


@contextmanager
def driver(runs: Path, *flags: object) -> Iterator[subprocess.Popen[str]]:
    with running("-m", "compare", "run", *FLAGS, *GRID, "--runs", runs, *flags) as process:
        yield process


def leftovers(folder: Path) -> list[Path]:
    return list(folder.rglob(f".*{WORK}"))


def test_two_drivers_share_the_cells(cache: Path, tmp_path: Path) -> None:
    grid = ("--architectures", "rnn", "lstm", "gru", "--seeds", 0, 1, "--max-length", 64)
    with driver(tmp_path, *grid) as one, driver(tmp_path, *grid) as other:
        said = [process.communicate(timeout=300)[1] for process in (one, other)]
    assert (one.returncode, other.returncode) == (0, 0), said
    assert said[0].count("done in") + said[1].count("done in") == 6, said
    assert min(text.count("done in") for text in said) > 0, "both had some of them"
    for text in said:
        assert "6 cells finished, 0 failed" in text
    assert not leftovers(tmp_path)


def test_a_cell_whose_other_process_dies_is_trained(cache: Path, tmp_path: Path) -> None:
    place = tmp_path / "smoke" / "reference" / "lstm" / "seed-0"
    with driver(tmp_path, "--architectures", "lstm", "gru") as process:
        with Output(place, RUN):
            assert process.stderr is not None
            lines = iter(process.stderr.readline, "")
            assert any("reference gru seed 0: done in" in line for line in lines), "others do not wait"
            assert "reference lstm seed 0: another process is at it; waiting for that" in next(lines)
            assert not is_finished(place)
        rest = process.stderr.read()
        assert process.wait(timeout=120) == 0
    assert "reference lstm seed 0: done in" in rest
    assert "2 cells finished, 0 failed" in rest


def test_runs_deleted_meanwhile_fail_their_cell_alone(cache: Path, tmp_path: Path) -> None:
    runs = tmp_path / "runs"
    place = runs / "smoke" / "reference" / "lstm" / "seed-0"
    with driver(runs, "--architectures", "lstm", "rnn", "--epochs", 4) as process:
        wait_for(lambda: is_claimed(place))
        shutil.rmtree(runs)
        _, said = process.communicate(timeout=300)
    assert process.returncode == 1, said
    (failed,) = [line for line in said.splitlines() if "FAILED" in line]
    assert "reference lstm seed 0: FAILED after" in failed
    assert "reference rnn seed 0: done in" in said
    assert "Traceback" not in said


def test_a_killed_driver_leaves_no_cell_behind(cache: Path, command: Command, tmp_path: Path) -> None:
    place = tmp_path / "smoke" / "reference" / "lstm" / "seed-0"
    with driver(tmp_path, "--architectures", "lstm", "--epochs", 100_000) as process:
        wait_for(lambda: is_claimed(place))
        process.send_signal(signal.SIGKILL)
        process.communicate(timeout=30)
    wait_for(lambda: not is_claimed(place), 60)
    assert not is_finished(place)


def test_what_killed_cells_left_is_cleared_away(runs: Path, capsys: pytest.CaptureFixture[str]) -> None:
    place = runs / "smoke" / "reference" / "gru" / "seed-7"
    flags = ["train", *FLAGS, "--architecture", "gru", "--epochs", "100000", "--out", str(place)]
    with subprocess.Popen([sys.executable, "-m", "shared.reference", *flags], cwd=ROOT) as process:
        wait_for(lambda: is_claimed(place))
        process.kill()
    assert leftovers(runs)
    assert asked_again(runs) == 0
    assert not leftovers(runs)
    assert "finished before" in capsys.readouterr().err


@pytest.mark.parametrize("number", ["SIGINT", "SIGTERM", "SIGHUP"])
def test_signals_stop_the_cells_and_keep_the_finished(runs: Path, number: str) -> None:
    first, second = (runs / "smoke" / "reference" / "lstm" / f"seed-{seed}" for seed in (0, 1))
    with driver(runs, "--architectures", "lstm", "--seeds", *range(9)) as process:
        wait_for(lambda: is_claimed(second) or is_finished(second))
        process.send_signal(getattr(signal, number))
        _, said = process.communicate(timeout=60)
    assert process.returncode == 130, said
    assert said.splitlines()[-1] == "interrupted: nothing half-written was left"
    assert "Traceback" not in said
    assert "FAILED" not in said
    assert is_finished(first)
    assert not leftovers(runs)


@pytest.mark.parametrize(
    ("program", "why"),
    [
        ("pass", "it ended well and left no run"),
        ("import sys; sys.exit(3)", "it said nothing"),
        ("import sys; print('one\\n\\x1b[31mtwo', file=sys.stderr); sys.exit(2)", r"\x1b[31mtwo"),
        ("import os; os.kill(os.getpid(), 9)", "it was killed by SIGKILL"),
    ],
)
def test_a_cell_that_leaves_no_run_has_failed(
    runs: Path, program: str, why: str, capsys: pytest.CaptureFixture[str]
) -> None:
    (cell,) = grid_cells(runs / "smoke")
    place = runs / "smoke" / "reference" / "lstm" / "seed-9"
    broken = replace(cell, title="broken", directory=place, command=("-c", program))
    assert run_cells(runs / "smoke", cell.specification, [broken, cell]) == 1
    lines = capsys.readouterr().err.splitlines()
    assert "25,000 read" in lines[0]
    *again, failed, other = lines[2:-1]
    assert len(again) == (2 if "SIGKILL" in why else 0), "what was killed is tried again"
    assert "broken: FAILED after" in failed
    assert why in failed
    assert f"(see {broken.log})" in failed
    assert "finished before" in other


def test_a_log_replaces_only_logs(runs: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (cell,) = grid_cells(runs / "smoke")
    place = runs / "smoke" / "reference" / "lstm" / "seed-9"
    program = "import sys; print('error: {}', file=sys.stderr); sys.exit(2)"
    for said in ("first", "second"):
        broken = replace(cell, directory=place, command=("-c", program.format(said)))
        assert run_cells(runs / "smoke", cell.specification, [broken]) == 1
        assert broken.log.read_text().startswith(f"error: {said}\n")
    broken.log.write_text("mine")
    assert run_cells(runs / "smoke", cell.specification, [broken]) == 1
    assert broken.log.read_text() == "mine"
    assert f"what it said is not kept: {broken.log}: exists" in capsys.readouterr().err


def test_a_place_that_cannot_be_written_is_found_before_the_first_cell(command: Command, tmp_path: Path) -> None:
    (tmp_path / "runs").write_text("a file")
    done = command("compare", "run", *FLAGS, *GRID, "--architectures", "lstm", "gru", "--runs", tmp_path / "runs")
    assert done.returncode == 2
    assert done.stderr == f"error: {tmp_path / 'runs' / 'smoke'}: cannot be written (Not a directory)\n"


@pytest.fixture(scope="module")
def hostile(command: Command, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A report on an experiment, a table and reviews whose names do not look like names."""
    folder = tmp_path_factory.mktemp("hostile")
    data = folder / f"{HOSTILE}.csv"
    words = ("a wonderful moving film", "dull and badly acted")
    table = [
        {"review_id": f"{HOSTILE} {number}", "text": f"{words[number % 2]} {number} times", "label": label}
        for number in range(60)
        # Of a third the label is wrong: no model gets all of them right, and the page shows some.
        for label in (["pos", "neg"][(number + (number % 3 == 0)) % 2],)
    ]
    pd.DataFrame(table).to_csv(data, index=False)
    flags = ("--preset", "smoke", "--epochs", 1, "--max-length", 16, "--data", data, "--experiment", HOSTILE)
    grid = ("--frameworks", "reference", "--architectures", "lstm", "--no-baselines")
    done = command("compare", "run", *flags, *grid, "--reviews", 60, "--runs", folder)
    assert done.returncode == 0, done.stderr
    assert r"[bold]|\x1b[31m<b>&lt;\n\u202e$x$ `y` _z_: 1 cell on" in done.stderr
    assert not {"\x1b", "\u202e"} & set(done.stderr)
    (folder / HOSTILE / "reference" / "gru" / "seed-0").mkdir(parents=True)
    (folder / HOSTILE / "reference" / "gru" / "seed-0" / "record.json").write_text("{")
    for command_line in (
        ("report", folder / HOSTILE, "--out", folder / "report"),
        ("ensemble", folder / HOSTILE, "--out", folder / "ensemble.json"),
    ):
        done = command("compare", *command_line)
        assert done.returncode == 0, done.stderr
        assert not {"\x1b", "\u202e"} & set(done.stdout + done.stderr)
    return folder


def test_names_are_text_in_the_page(hostile: Path) -> None:
    text = (hostile / "report" / "index.html").read_text()
    found = read_statistics(hostile / "report" / "statistics.json")
    page = page_of(text)
    check_scripts(page)
    assert not {"\x1b", "\u202e"} & set(text)
    shown = r"[bold]|\x1b[31m<b>&lt;\n\u202e$x$ `y` _z_"
    assert page.text.count(f"Lockstep: {shown}") == 2, "title and heading"
    assert found.examples
    ids = [f"{shown} {example.review_id.removeprefix(HOSTILE).strip()}" for example in found.examples]
    for one in ids:
        assert f"{one}\n" in page.text, "ids of the reviews that are shown"
    assert f"{shown}.csv" in page.text
    assert shown in page.text.split("Left out")[1].split("Results")[0]
    assert page.tags.count("b") == 3 + len(found.examples), "three answers, the class of each review; no name"
    assert r"$x$" in page.text


def test_names_are_text_in_markdown(hostile: Path) -> None:
    text = (hostile / "report" / "report.md").read_text()
    assert not {"\x1b", "\u202e"} & set(text)
    assert "<b>" not in text
    assert r"# Lockstep: \[bold\]\|\\x1b\[31m&lt;b&gt;\&lt; \\u202e\$x\$ \`y\` \_z\_" in text
    rows = [line for line in text.splitlines() if line.startswith(("| data |", "| Reviews from |"))]
    assert [line.replace(r"\|", "").count("|") for line in rows] == [6, 3]
    assert all(r"\[bold\]\|" in line for line in rows)


def test_names_are_kept_whole_in_the_numbers(hostile: Path) -> None:
    found = read_statistics(hostile / "report" / "statistics.json")
    assert found.name == HOSTILE
    assert os.fsdecode(HOSTILE) in json.loads((hostile / "ensemble.json").read_text())["experiments"]
    assert found.examples
    assert all(example.review_id.startswith(HOSTILE) for example in found.examples)
