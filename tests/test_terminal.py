"""Whatever terminal there is, and whenever a signal comes: one line, no traceback, nothing half-written."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.startup import INTERRUPTED
from shared.terminal import printable
from tests.conftest import ROOT

TINY = "--preset smoke --reviews 200 --max-length 12 --vectors random --embedding-size 4 --hidden-size 3 --epochs 1"


@given(st.text())
def test_what_is_printed_moves_no_cursor(text: str) -> None:
    shown = printable(text)
    assert shown.isprintable()
    assert "\n" not in shown
    assert not text.isprintable() or shown == text, "plain text stays as it is"


@pytest.fixture(scope="module")
def checkpoint(cache: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("made") / "ünïcode [bold] run"
    command = [sys.executable, "-m", "shared.reference", "train", *TINY.split(), "--out", str(place)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert f"{place}: test accuracy" in done.stderr
    return place


def run(line: str, **variables: str) -> subprocess.CompletedProcess[str]:
    """Run a line of shell, in which ``$PYTHON`` is this interpreter."""
    environment = {**os.environ, "PYTHON": sys.executable, **variables}
    command = ["bash", "-c", line]
    return subprocess.run(
        command, cwd=ROOT, capture_output=True, text=True, errors="replace", env=environment, timeout=120
    )


@pytest.mark.parametrize("encoding", ["ascii", "latin-1", "utf-8"])
def test_any_encoding_shows_an_answer(checkpoint: Path, encoding: str) -> None:
    line = f"$PYTHON -m shared.reference predict --checkpoint '{checkpoint}' 'Żółć … \U0001f600 film'"
    done = run(line, PYTHONIOENCODING=encoding)
    assert done.returncode == 0, done.stderr
    assert len(done.stdout.splitlines()) == 1
    assert done.stdout.startswith("negative 0.")
    assert done.stderr == ""


@pytest.mark.parametrize("closed", ["<&-", ">&-", "2>&-", "<&- >&- 2>&-"])
def test_closed_streams_are_no_error(checkpoint: Path, tmp_path: Path, closed: str) -> None:
    out = tmp_path / "p.parquet"
    line = f"$PYTHON -m shared.reference predict --checkpoint '{checkpoint}' good --output {out} {closed}"
    done = run(line)
    assert done.returncode == 0, done.stderr
    assert out.read_bytes().startswith(b"PAR1")
    assert "Traceback" not in done.stderr


def test_an_answer_that_nobody_can_receive_is_refused(checkpoint: Path) -> None:
    for output in ("", "--output -"):
        done = run(f"$PYTHON -m shared.reference predict --checkpoint '{checkpoint}' good {output} >&-")
        assert done.returncode == 2
        assert done.stderr.startswith("error: standard output is closed")
        assert done.stderr.count("\n") == 1


def test_names_of_files_need_not_be_text(checkpoint: Path, tmp_path: Path) -> None:
    folder = os.fsencode(tmp_path)
    train = [sys.executable, "-m", "shared.reference", "train", *TINY.split(), "--out", folder + b"/run\xff"]
    predict = [sys.executable, "-m", "shared.reference", "predict", "--checkpoint", folder + b"/run\xff", "good"]
    for command in (train, [*predict, "--output", folder + b"/out\xff.parquet"]):
        done = subprocess.run(command, cwd=ROOT, capture_output=True)
        assert done.returncode == 0, done.stderr
    assert os.path.exists(folder + b"/out\xff.parquet")


def test_only_a_line_feed_ends_a_review(checkpoint: Path) -> None:
    said = "one\\xe2\\x80\\xa8two\\x0cthree\\xc2\\x85four\\nfive\\r\\n"  # for printf
    line = f"printf '{said}' | $PYTHON -m shared.reference predict --checkpoint '{checkpoint}'"
    done = run(line)
    assert done.returncode == 0, done.stderr
    assert [answer.rpartition("  ")[2] for answer in done.stdout.splitlines()] == ["one two three four", "five"]


def test_a_closed_standard_input_is_no_reviews(checkpoint: Path) -> None:
    done = run(f"$PYTHON -m shared.reference predict --checkpoint '{checkpoint}' <&-")
    assert (done.returncode, done.stderr.count("\n")) == (2, 1)
    assert "no reviews" in done.stderr


def test_a_run_is_kept_whatever_can_be_said_of_it(cache: Path, tmp_path: Path) -> None:
    out = tmp_path / "wëird\x1b[31m"
    line = f'$PYTHON -m shared.reference train {TINY} --out "$OUT" 2>&1 >&- | head -c 0'
    run(line, OUT=str(out), PYTHONIOENCODING="ascii")
    line = f'$PYTHON -m shared.reference train {TINY} --out "$OUT" --overwrite'
    done = run(line, OUT=str(out), PYTHONIOENCODING="ascii")
    assert done.returncode == 0
    assert (out / "record.json").exists()
    assert "\x1b" not in done.stderr
    assert "\\x1b[31m" in done.stderr


@pytest.mark.parametrize("name", ["SIGINT", "SIGTERM", "SIGHUP"])
@pytest.mark.parametrize("seconds", [0.15, 0.4, 0.9, 3.0])
def test_a_signal_at_any_time_is_one_line(cache: Path, tmp_path: Path, name: str, seconds: float) -> None:
    """From the moment when Python itself has started, which takes some hundredths of a second."""
    long = TINY.replace("--epochs 1", "--epochs 3000").split()
    command = [sys.executable, "-m", "shared.reference", "train", *long, "--out"]
    process = subprocess.Popen(
        [*command, str(tmp_path / "deep" / "run"), "--progress", "none"],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),
    )
    time.sleep(seconds)
    process.send_signal(getattr(signal, name))
    out, said = process.communicate(timeout=60)
    assert (process.returncode, said, out) == (130, f"{INTERRUPTED}\n", "")
    assert not os.listdir(tmp_path)


def test_nohup_is_obeyed(cache: Path, tmp_path: Path) -> None:
    command = [
        "nohup",
        sys.executable,
        "-m",
        "shared.reference",
        "train",
        *TINY.split(),
        "--out",
        str(tmp_path / "run"),
    ]
    process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    time.sleep(1.0)
    process.send_signal(signal.SIGHUP)
    process.communicate(timeout=120)
    assert process.returncode == 0
    assert (tmp_path / "run" / "record.json").exists()
