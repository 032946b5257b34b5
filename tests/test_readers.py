"""Every file of a run, damaged in every way, before every command that reads it.

A reader refuses in one line that names the file; or, where it reads many runs, leaves that one out and says so.
"""

from __future__ import annotations

import json
import os
import shlex
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from safetensors.numpy import load_file, save_file

from compare.__main__ import main as lockstep
from shared.files import manifest, seal
from shared.reference.__main__ import load
from shared.runs import FILES, run_directory
from shared.train_and_predict import main
from tests.sealed import reseal_run

TINY = shlex.split(
    "--preset smoke --reviews 200 --max-length 12 --vectors random --embedding-size 4 --hidden-size 3 --epochs 1"
    " --vocabulary-size 500"
)


def reference(*arguments: object) -> int:
    return main("reference", load, [str(one) for one in arguments])


@pytest.fixture(scope="module")
def whole(cache: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An experiment of two networks and a baseline."""
    experiment = tmp_path_factory.mktemp("whole") / "tiny"
    for architecture in ("lstm", "gru"):
        place = run_directory(experiment, "reference", architecture, 0)
        assert reference("train", *TINY, "--architecture", architecture, "--out", place, "--progress", "none") == 0
    assert (
        lockstep(["baseline", "majority", *TINY, "--out", str(run_directory(experiment, "baseline", "majority", 0))])
        == 0
    )
    return experiment


Damage = Callable[[Path], object]


def flip(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)


def put_directory(path: Path) -> None:
    path.unlink()
    path.mkdir()


def put_pipe(path: Path) -> None:
    path.unlink()
    os.mkfifo(path)


def put_loop(path: Path) -> None:
    path.unlink()
    path.symlink_to(path)


DAMAGES: dict[str, Damage] = {
    "a bit": flip,
    "cut off": lambda path: path.write_bytes(path.read_bytes()[:-7]),
    "empty": lambda path: path.write_bytes(b""),
    "noise": lambda path: path.write_bytes(np.random.default_rng(0).bytes(2_000)),
    "missing": lambda path: path.unlink(),
    "a directory": put_directory,
    "a pipe": put_pipe,
    "a link to itself": put_loop,
    "null": lambda path: path.write_text("null"),
    "deep": lambda path: path.write_text("[" * 50_000),
}
EVERY_FILE = (*FILES, *(f"checkpoint/{name}" for name in ("model.json", "weights.safetensors", "vocabulary.txt")))
OF_THE_CHECKPOINT = tuple(name for name in EVERY_FILE if name.startswith("checkpoint"))


def readers(experiment: Path, run: Path, folder: Path) -> dict[str, tuple[Callable[[], int], tuple[str, ...]]]:
    """The commands, and which files of a run each reads."""
    start = ("train", *TINY, "--progress", "none", "--out", folder / "started", "--start-from", run)
    return {
        "ensemble": (
            lambda: lockstep(["ensemble", str(experiment), "--out", str(folder / "ensemble.json")]),
            EVERY_FILE,
        ),
        "predict": (lambda: reference("predict", "--checkpoint", run, "good"), OF_THE_CHECKPOINT),
        "convert": (lambda: lockstep(["convert", str(run), str(folder / "model.onnx")]), OF_THE_CHECKPOINT),
        "train": (lambda: reference(*start), OF_THE_CHECKPOINT),
    }


@pytest.mark.parametrize("name", EVERY_FILE)
def test_a_damaged_file_is_named_by_every_reader(
    whole: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], name: str
) -> None:
    tried = 0
    for what, damage in DAMAGES.items():
        experiment = tmp_path / what / "tiny"
        shutil.copytree(whole, experiment)
        run = run_directory(experiment, "reference", "gru", 0)
        damage(run / name)
        for reader, (command, read) in readers(experiment, run, tmp_path / what).items():
            if name not in read:
                continue
            tried += 1
            code = command()
            said = capsys.readouterr().err
            assert "Traceback" not in said, f"{what} {reader}"
            named = [line for line in said.splitlines() if str(run / name) in line]
            assert len(named) == 1, f"{reader}, {what}: {said!r}"
            expected = (0, "left out: ") if reader == "ensemble" else (2, "error: ")
            assert (code, named[0][: len(expected[1])]) == expected, f"{reader}, {what}: {said!r}"
    assert tried >= len(DAMAGES)


def reseal(run: Path, **changes: object) -> None:
    """Have the record say other things, and its checksums agree; the checkpoint stays as it is."""
    files = {name: value for name, value in manifest(run).items() if name != "record.json"}
    values = json.loads((run / "record.json").read_text())
    (run / "record.json").write_text(json.dumps(seal({**values, "files": files, **changes})))


def predictions_with(run: Path, change: Callable[[pa.Table], pa.Table], name: str = "predictions.parquet") -> None:
    table = change(pq.read_table(run / name))
    pq.write_table(table, run / name)
    reseal(run)


def column(table: pa.Table, name: str, values: list[object]) -> pa.Table:
    place = table.schema.get_field_index(name)
    return table.set_column(place, table.schema.field(name), pa.array(values, table.schema.field(name).type))


def metrics(run: Path, split: str, **values: object) -> dict[str, object]:
    said = json.loads((run / "record.json").read_text())["metrics"]
    return {**said, split: {**said[split], **values}}


def history(run: Path, change: Callable[[str], str]) -> None:
    path = run / "history.csv"
    path.write_text(change(path.read_text()))
    reseal(run)


# What a hand with the right checksums could write: it says something that cannot be, or that its predictions deny.
LIES: dict[str, tuple[Damage, str]] = {
    "a better accuracy": (
        lambda run: reseal(run, metrics=metrics(run, "test", accuracy=0.99)),
        "says accuracy 0.9900 of test, its own predictions give",
    ),
    "a better loss": (lambda run: reseal(run, metrics=metrics(run, "test", log_loss=0.01)), "says log_loss"),
    "a metric that is null": (lambda run: reseal(run, metrics=metrics(run, "test", accuracy=None)), "accuracy"),
    "a metric that is text": (lambda run: reseal(run, metrics=metrics(run, "test", accuracy="best")), "accuracy"),
    "a metric more": (lambda run: reseal(run, metrics=metrics(run, "test", beauty=1.0)), "beauty"),
    "no metrics": (lambda run: reseal(run, metrics={}), "metrics"),
    "other sizes": (lambda run: reseal(run, data=data(run, sizes={"train": 9, "validation": 9, "test": 9})), "9 test"),
    "negative seconds": (lambda run: reseal(run, seconds={"setup": -1, "training": 1, "prediction": 1}), "setup"),
    "another framework": (lambda run: reseal(run, framework="theano"), "framework"),
    "another cell": (lambda run: reseal(run, framework="keras"), "holds the run of another cell"),
    "another seed": (lambda run: reseal(run, seed=1), "seed"),
    "an unknown field": (lambda run: reseal(run, beauty=1), "beauty"),
    "a specification out of range": (
        lambda run: reseal(run, specification=specification(run, max_length=10**9)),
        "max-length",
    ),
    "labels that are null": (
        lambda run: predictions_with(run, lambda table: column(table, "label", [None] * len(table))),
        "has no label",
    ),
    "a label of a third class": (
        lambda run: predictions_with(run, lambda table: column(table, "label", [2] * len(table))),
        "none of 2 classes",
    ),
    "labels turned round": (
        lambda run: predictions_with(
            run, lambda table: column(table, "label", [1 - one for one in table["label"].to_pylist()])
        ),
        "its own predictions give",
    ),
    "a probability of 7": (
        lambda run: predictions_with(run, lambda table: column(table, "probability_positive", [7.0] * len(table))),
        "not between 0 and 1",
    ),
    "rows that are missing": (lambda run: predictions_with(run, lambda table: table.slice(3)), "its record"),
    "a row twice": (
        lambda run: predictions_with(
            run, lambda table: pa.concat_tables([table.slice(0, 1), table.slice(0, len(table) - 1)])
        ),
        "stands twice",
    ),
    "a column less": (lambda run: predictions_with(run, lambda table: table.drop(["label"])), "its columns"),
    "an epoch less": (lambda run: history(run, lambda text: text.splitlines()[0] + "\n"), "has 0 epochs"),
    "an epoch twice": (lambda run: history(run, lambda text: text + text.splitlines()[1] + "\n"), "row 2 is epoch 1"),
    "a loss that is no number": (lambda run: history(run, lambda text: text.replace("0.", "nan+0.", 1)), "history.csv"),
    "a loss of NaN": (lambda run: history(run, lambda text: nan_in(text)), "not finite"),
    "another model's checkpoint": (
        lambda run: reseal(run, specification=specification(run, hidden_size=5)),
        "describes another model than the run's record",
    ),
    "a column more": (lambda run: history(run, lambda text: text.replace("\n", ",x\n")), "its columns are not"),
}


def nan_in(text: str) -> str:
    head, row = text.splitlines()[:2]
    first, _, rest = row.partition(",")
    return f"{head}\n{first},nan,{rest.partition(',')[2]}\n"


def data(run: Path, **changes: object) -> dict[str, object]:
    return {**json.loads((run / "record.json").read_text())["data"], **changes}


def specification(run: Path, **changes: object) -> dict[str, object]:
    return {**json.loads((run / "record.json").read_text())["specification"], **changes}


@pytest.mark.parametrize("lie", LIES)
def test_a_record_that_says_what_cannot_be_is_left_out_by_name(
    whole: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], lie: str
) -> None:
    damage, reason = LIES[lie]
    shutil.copytree(whole, tmp_path / "tiny")
    run = run_directory(tmp_path / "tiny", "reference", "gru", 0)
    damage(run)
    command, _ = readers(tmp_path / "tiny", run, tmp_path)["ensemble"]
    assert command() == 0
    said = [line for line in capsys.readouterr().err.splitlines() if line.startswith("left out: ")]
    assert len(said) == 1, said
    assert str(run) in said[0]
    assert reason in said[0]


def test_a_report_says_what_it_left_out(whole: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    shutil.copytree(whole, tmp_path / "tiny")
    run = run_directory(tmp_path / "tiny", "reference", "gru", 0)
    reseal(run, metrics=metrics(run, "test", accuracy=0.99))
    assert lockstep(["report", str(tmp_path / "tiny"), "--out", str(tmp_path / "report")]) == 0
    assert f"left out: {run / 'record.json'}: says accuracy 0.9900" in capsys.readouterr().err
    for page in ("index.html", "report.md"):
        text = (tmp_path / "report" / page).read_text().replace("\\", "")
        assert "says accuracy 0.9900" in text, page
        assert "99.0" not in text, page


def test_validation_predictions_are_held_against_the_record_too(
    whole: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    shutil.copytree(whole, tmp_path / "tiny")
    run = run_directory(tmp_path / "tiny", "reference", "gru", 0)
    reseal(run, metrics=metrics(run, "validation", accuracy=0.99))
    command, _ = readers(tmp_path / "tiny", run, tmp_path)["ensemble"]
    assert command() == 0
    assert "says accuracy 0.9900 of validation" in capsys.readouterr().err


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_weights_that_are_no_numbers_are_refused_by_every_reader(
    whole: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], value: float
) -> None:
    shutil.copytree(whole, tmp_path / "tiny")
    run = run_directory(tmp_path / "tiny", "reference", "gru", 0)
    weights = load_file(run / "checkpoint" / "weights.safetensors")
    weights["rnn.0.forward.bias"][0, 1] = value
    save_file(weights, run / "checkpoint" / "weights.safetensors")
    reseal_run(run)
    for reader in ("predict", "convert", "train"):
        command, _ = readers(tmp_path / "tiny", run, tmp_path)[reader]
        assert command() == 2
        said = capsys.readouterr().err
        *warnings, error = said.splitlines()
        assert error.startswith("error: ")
        assert "rnn.0.forward.bias" in error
        assert all(line.startswith("warning: ") for line in warnings)


@pytest.mark.parametrize("damage", ["another model", "cut weights", "a word less"])
def test_a_run_is_held_against_its_record_by_who_opens_its_checkpoint(
    whole: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], damage: str
) -> None:
    shutil.copytree(whole, tmp_path / "tiny")
    run, other = (run_directory(tmp_path / "tiny", "reference", name, 0) for name in ("gru", "lstm"))
    if damage == "another model":
        shutil.rmtree(run / "checkpoint")
        shutil.copytree(other / "checkpoint", run / "checkpoint")
    elif damage == "cut weights":
        os.truncate(run / "checkpoint" / "weights.safetensors", 1_000)
    else:
        path = run / "checkpoint" / "vocabulary.txt"
        path.write_text(path.read_text().rpartition("\n")[0].rpartition("\n")[0])
    for reader in ("predict", "convert", "train"):
        command, _ = readers(tmp_path / "tiny", run, tmp_path)[reader]
        assert command() == 2, reader
        assert str(run / "checkpoint") in capsys.readouterr().err
    command, _ = readers(tmp_path / "tiny", run, tmp_path)["ensemble"]
    assert command() == 0
    assert f"left out: {run / 'checkpoint'}" in capsys.readouterr().err


def test_an_experiment_of_nothing_but_damage_is_refused(
    whole: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    shutil.copytree(whole, tmp_path / "tiny")
    for record in (tmp_path / "tiny").rglob("record.json"):
        record.write_text("{")
    assert lockstep(["report", str(tmp_path / "tiny"), "--out", str(tmp_path / "report")]) == 2
    said = capsys.readouterr().err
    assert said.count("left out: ") == 3
    assert "none of its runs can be read" in said
    assert not (tmp_path / "report").exists()
