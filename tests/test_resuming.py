"""What stands beside a run while it is trained: when it is kept, gone on from, refused, passed over and taken away."""

from __future__ import annotations

import argparse
import csv
import resource
import signal
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from shared.cell import code_checksum, training_of
from shared.command_line import EXIT_BAD_INPUT, EXIT_BUSY
from shared.contract import refuse_interval
from shared.durations import Interval, interval
from shared.errors import LockstepError
from shared.history import Silent
from shared.load import LoadMeter
from shared.output import Output
from shared.reference.__main__ import load
from shared.resuming import ENDING, Keeper, State, read_state
from shared.runs import RUN, read_run
from shared.specification import Specification
from shared.startup import EXIT_INTERRUPTED
from shared.train_and_predict import main

SMALL = (
    *("--vectors", "random", "--embedding-size", "8", "--hidden-size", "4", "--max-length", "6", "--batch-size", "16"),
    *("--epochs", "3", "--progress", "json"),
)
STEPS_PER_EPOCH = 9


@pytest.fixture(scope="module")
def texts(tmp_path_factory: pytest.TempPathFactory) -> Path:
    generator = np.random.default_rng(0)
    path = tmp_path_factory.mktemp("texts") / "texts.csv"
    with path.open("w", newline="") as file:
        rows = csv.writer(file)
        rows.writerow(["text", "label"])
        for number in range(200):
            words = " ".join(f"word{word}" for word in generator.choice(40, 6))
            rows.writerow([words, ("negative", "positive")[number % 2]])
    return path


Train = Callable[..., int]


@pytest.fixture
def train(texts: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Train:
    """Train the reference in this process by its command line, and interrupt it in a step."""

    def command(*flags: str, interrupted_in: int = 0, by: BaseException | None = None, every: str = "5steps") -> int:
        def update(self: object, done: int, total: int, epoch: int, loss: float) -> None:
            if done == interrupted_in:
                raise by or KeyboardInterrupt

        monkeypatch.setattr("shared.train_and_predict.JsonProgress.update", update)
        kept = ["--checkpoint-every", every] if every else []
        return main("reference", load, ["train", "--data", str(texts), *SMALL, *kept, "--out", str(place), *flags])

    place = tmp_path / "run"
    return command


@pytest.fixture
def state(tmp_path: Path) -> Path:
    return tmp_path / f".run{ENDING}"


def losses(run: Path) -> list[float]:
    return [epoch.training_loss for epoch in read_run(run).history]


@pytest.fixture
def interrupted(train: Train, state: Path, capsys: pytest.CaptureFixture[str]) -> Path:
    assert train(interrupted_in=13) == EXIT_INTERRUPTED
    assert f"{state}: keeps the training up to step 10; the same command goes on" in capsys.readouterr().err
    return state


def test_an_interrupted_training_goes_on(
    train: Train, interrupted: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    kept = read_state(interrupted)
    assert kept.step == 10
    seconds = kept.notes["of_epoch"][-1]
    assert train() == 0
    assert f"goes on after step 10 of {3 * STEPS_PER_EPOCH}" in capsys.readouterr().err
    assert [path.name for path in tmp_path.iterdir()] == ["run"]
    found = losses(tmp_path / "run")
    assert read_run(tmp_path / "run").history[1].seconds > seconds > 0
    assert train("--overwrite") == 0
    assert "goes on" not in capsys.readouterr().err
    assert losses(tmp_path / "run") == found


def test_it_goes_on_twice_and_without_keeping_more(train: Train, interrupted: Path, tmp_path: Path) -> None:
    assert train(interrupted_in=24) == EXIT_INTERRUPTED
    assert read_state(interrupted).step == 20
    assert train(every="") == 0
    assert read_run(tmp_path / "run").record.resumed == 2
    assert not interrupted.exists()


@pytest.mark.parametrize(
    ("flags", "said"),
    [
        (("--epochs", "4"), "epochs 3, not 4"),
        (("--learning-rate", "0.5"), "learning_rate 0.006, not 0.5"),
        (("--reviews", "150"), "reviews None, not 150"),
    ],
)
def test_another_training_is_refused_by_name(
    train: Train, interrupted: Path, capsys: pytest.CaptureFixture[str], flags: tuple[str, ...], said: str
) -> None:
    """Two minutes or two days were spent on it: a slip of the pen must not cost them."""
    before = interrupted.read_bytes()
    assert train(*flags) == EXIT_BAD_INPUT
    assert capsys.readouterr().err.splitlines()[-1] == (
        f"error: {interrupted}: keeps an unfinished training with {said}; ask for the same to go on with it, or remove "
        "it to begin anew"
    )
    assert interrupted.read_bytes() == before


def test_another_training_takes_its_place_if_asked_to(
    train: Train, interrupted: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert train("--epochs", "2", "--overwrite", every="") == 0
    assert "kept an unfinished training with epochs 3, not 2; this one takes its place" in capsys.readouterr().err
    assert read_run(tmp_path / "run").record.resumed == 0
    assert not interrupted.exists()


def test_whatever_decides_the_result_is_compared(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Fields, data, files, device, versions and the program."""

    def training(seed: int = 0, fingerprint: str = "1", files: str = "2", device: str = "cpu") -> dict[str, object]:
        return training_of("reference", Specification(seed=seed), fingerprint, {"vectors": files}, device)

    same = training()
    assert training() == same
    others = [training(seed=1), training(fingerprint="0"), training(files="0"), training(device="cuda")]
    with monkeypatch.context() as patched:
        patched.setattr("numpy.__version__", "0")
        others.append(training())
    with monkeypatch.context() as patched:
        patched.setattr("shared.cell.code_checksum", lambda packages: "0")
        others.append(training())
    names = ["seed", "data fingerprint", "a file for vectors of SHA-256", "device", "version of numpy"]
    for name, other in zip([*names, "a program of SHA-256"], others, strict=True):
        assert {each for each in same if other[each] != same[each]} == {name}
        keeper = Keeper(tmp_path / "run", same, interval("1step"), overwrite=False, tell=print)
        keeper.keep(State(1, {}, {}))
        with pytest.raises(LockstepError, match=f"with {name} "):
            Keeper(tmp_path / "run", other, None, overwrite=False, tell=print)
    assert code_checksum(["shared"]) != code_checksum(["shared.reference"])


@pytest.mark.parametrize("how", ["cut", "changed", "empty", "text", "directory"])
def test_a_damaged_state_is_said_and_passed_over(
    train: Train, interrupted: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], how: str
) -> None:
    whole = interrupted.read_bytes()
    damaged = {"cut": whole[:-1], "changed": whole[:-1] + bytes([whole[-1] ^ 1]), "empty": b"", "text": b"mine\n"}
    interrupted.unlink()
    if how == "directory":
        (interrupted / "mine").mkdir(parents=True)
    else:
        interrupted.write_bytes(damaged[how])
    assert train() == 0
    said = capsys.readouterr().err
    assert f"warning: {interrupted}: " in said
    assert "the training begins anew" in said
    assert read_run(tmp_path / "run").record.resumed == 0
    if how in ("cut", "changed"):  # it says whose it was
        assert "cannot be kept" not in said
        assert not interrupted.exists()
    else:  # nor is it replaced, which is said once
        assert said.count("cannot be kept, which goes on") == 1
        assert (interrupted / "mine").is_dir() if how == "directory" else interrupted.read_bytes() == damaged[how]


@pytest.mark.parametrize("kind", ["bar", "json", "none"])
def test_warnings_are_said_whatever_is_shown_of_the_progress(
    train: Train, interrupted: Path, capsys: pytest.CaptureFixture[str], kind: str
) -> None:
    interrupted.write_bytes(interrupted.read_bytes()[:-1])
    assert train("--progress", kind, "--minimum-count", "50") == 0
    said = capsys.readouterr().err
    assert f"warning: {interrupted}: " in said, "of the state"
    assert "of the words are not in the vocabulary" in said, "of the data"
    assert ("epoch 1: " in said) == (kind != "none")


def test_a_full_disk_does_not_end_the_training(
    train: Train, state: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A limit on the size of files stands for it; a state is larger than all that a run has."""
    assert train(interrupted_in=6) == EXIT_INTERRUPTED
    size = state.stat().st_size
    state.unlink()
    kept = resource.getrlimit(resource.RLIMIT_FSIZE)
    ignored = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    try:
        resource.setrlimit(resource.RLIMIT_FSIZE, (size - 1, kept[1]))
        assert train() == 0
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, kept)
        signal.signal(signal.SIGXFSZ, ignored)
    warnings = [line for line in capsys.readouterr().err.splitlines() if line.startswith("warning: the state")]
    assert warnings == [f"warning: the state of the training cannot be kept, which goes on ({state}: File too large)"]
    assert [path.name for path in tmp_path.iterdir()] == ["run"]


def test_one_that_diverges_keeps_nothing(
    train: Train, interrupted: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """It would diverge again; and the advice is another learning rate, which is not to be refused then."""
    assert interrupted.exists()
    assert train(interrupted_in=18, by=LockstepError("training diverged")) == EXIT_BAD_INPUT
    assert "training diverged" in capsys.readouterr().err
    assert not list(tmp_path.iterdir())


def test_a_place_is_one_training_s(
    train: Train, interrupted: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = interrupted.read_bytes()
    with Output(tmp_path / "run", RUN):
        monkeypatch.setattr("shared.output._CLAIMED", set())  # as if another process had claimed it
        assert train() == EXIT_BUSY
    assert interrupted.read_bytes() == before


def test_a_framework_s_own_code_is_refused() -> None:
    asked = Specification(recipe="idiomatic")
    refuse_interval(None, asked)
    refuse_interval(interval("10m"), Specification())
    with pytest.raises(LockstepError, match=r"^--checkpoint-every: in the idiomatic recipe"):
        refuse_interval(interval("10m"), asked)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("10m", Interval("10m", seconds=600)),
        ("1h30m", Interval("1h30m", seconds=5_400)),
        ("500steps", Interval("500steps", steps=500)),
        ("1 epoch", Interval("1 epoch", epochs=1)),
    ],
)
def test_intervals_are_read(text: str, expected: Interval) -> None:
    assert interval(text) == expected
    assert interval(str(expected)) == expected


@pytest.mark.parametrize(
    "text", ["", "10", "0m", "0steps", "-1epoch", "m", "1.5epochs", "1e3steps", "9" * 30 + "steps"]
)
def test_what_is_no_interval_is_refused(text: str) -> None:
    with pytest.raises(argparse.ArgumentTypeError, match="is no interval; write a number with its unit"):
        interval(text)


def test_an_interval_passes() -> None:
    assert [interval("10s").has_passed(seconds, 10_000, 1) for seconds in (9.9, 10)] == [False, True]
    assert [interval("3steps").has_passed(1e9, steps, 1) for steps in (2, 3)] == [False, True]
    assert [interval("2epochs").has_passed(1e9, steps, 5) for steps in (9, 10)] == [False, True]


def test_time_is_kept_by_the_clock(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    now = 1_000.0
    monkeypatch.setattr("shared.resuming.time.monotonic", lambda: now)
    keeper = Keeper(tmp_path / "run", {}, interval("1m"), overwrite=False, tell=print)
    assert not keeper.is_due(10, 100)
    now += 60
    assert keeper.is_due(11, 100)
    keeper.keep(State(11, {}, {}))
    assert not keeper.is_due(12, 100)


def test_the_load_of_parts_is_that_of_the_whole() -> None:
    with LoadMeter(1) as first:
        sum(range(1_000_000))
        earlier = first.so_far()
    second = LoadMeter(1)
    second.earlier = earlier
    with second:
        sum(range(1_000_000))
    assert first.load.wall_seconds >= earlier.wall > 0
    assert second.load.wall_seconds > earlier.wall
    assert second.load.processor_seconds > earlier.processor > 0


def test_nobody_is_told_of_nothing(tmp_path: Path) -> None:
    keeper = Keeper(tmp_path / "run", {}, None, overwrite=False, tell=Silent().message)
    assert not keeper.is_due(10**9, 1)
    keeper.remove()
    assert not list(tmp_path.iterdir())
