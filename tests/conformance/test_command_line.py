"""The same flags, the same output, the same exit codes, whatever the framework."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from shared.contract import FRAMEWORKS
from shared.loading import load_corpus
from shared.runs import run_directory
from shared.specification import Specification
from tests.conftest import ROOT, Command

REVIEWS = ("A wonderful, moving film.", "Dull and badly acted!", "")


@pytest.fixture(scope="module")
def checkpoint(smoke_runs: Path) -> Path:
    return run_directory(smoke_runs, "pytorch", "bilstm", 0)


@pytest.fixture(scope="module")
def printed(command: Command, checkpoint: Path) -> dict[str, str]:
    outputs = {}
    for framework in FRAMEWORKS:
        done = command(f"{framework}_impl", "predict", "--checkpoint", checkpoint, *REVIEWS)
        assert done.returncode == 0, done.stderr
        assert "1 text without a word" in done.stderr
        outputs[framework] = done.stdout
    return outputs


def test_all_print_the_same(printed: dict[str, str]) -> None:
    assert len(set(printed.values())) == 1
    lines = printed["keras"].splitlines()
    assert len(lines) == len(REVIEWS)
    assert lines[0].startswith("negative 0.")
    assert "% positive  A wonderful, moving film." in lines[0]
    assert "% negative  Dull and badly acted!" in lines[1]


def test_reviews_come_from_files_and_standard_input(
    command: Command, checkpoint: Path, framework: str, tmp_path: Path, printed: dict[str, str]
) -> None:
    table = pd.DataFrame({"review_id": ["b", "a", "c"], "text": REVIEWS, "label": ["pos", "neg", "pos"]})
    table.to_csv(tmp_path / "reviews.csv", index=False)
    out = tmp_path / "predictions.parquet"
    done = command(
        f"{framework}_impl", "predict", "--checkpoint", checkpoint, "--input", tmp_path / "reviews.csv", "--output", out
    )
    assert done.returncode == 0, done.stderr
    assert "3 predictions, accuracy" in done.stdout
    predicted = pd.read_parquet(out)
    pd.testing.assert_frame_equal(predicted[[*table]], table)
    names = predicted[["probability_negative", "probability_positive"]].to_numpy().argmax(axis=1)
    assert predicted["prediction"].tolist() == [("negative", "positive")[number] for number in names]
    assert predicted["prediction"].tolist()[:2] == ["positive", "negative"]
    done = command(f"{framework}_impl", "predict", "--checkpoint", checkpoint, stdin="\n".join(REVIEWS[:2]))
    assert done.stdout.splitlines() == printed[framework].splitlines()[:2]


def test_interrupted_training_leaves_nothing(framework: str, cache: Path, tmp_path: Path) -> None:
    target = tmp_path / "run"
    flags = ["--preset", "smoke", "--epochs", "500", "--out", str(target), "--progress", "json"]
    process = subprocess.Popen(
        [sys.executable, "-m", f"{framework}_impl", "train", *flags],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        cwd=ROOT,
        preexec_fn=lambda: signal.signal(
            signal.SIGINT, signal.default_int_handler
        ),  # a job in the background ignores it
    )
    assert process.stdout is not None
    assert process.stdout.readline().startswith('{"done"')
    process.send_signal(signal.SIGINT)
    _, said = process.communicate(timeout=120)
    assert process.returncode == 130, said
    assert said.strip().splitlines()[-1] == "interrupted: nothing half-written was left"
    assert not os.listdir(tmp_path)


@pytest.mark.skipif(sys.platform == "darwin", reason="ulimit -f counts other blocks there")
def test_a_full_disk_leaves_nothing(framework: str, smoke: Specification, cache: Path, tmp_path: Path) -> None:
    """A limit on the size of files stands for a full disk: writing fails in the same places."""
    load_corpus(smoke.replaced(reviews=300, max_length=16))  # into the cache, before the limit
    flags = f"train --preset smoke --epochs 1 --reviews 300 --max-length 16 --progress none --out {tmp_path / 'run'}"
    command = f"ulimit -f 200; exec {sys.executable} -m {framework}_impl {flags}"
    done = subprocess.run(["bash", "-c", command], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 2, done.stderr
    assert done.stderr.splitlines()[-1].startswith("error: File too large")
    assert done.stderr.splitlines()[-1].endswith("nothing half-written was left")
    assert not os.listdir(tmp_path)


def test_the_front_door_does_the_same(command: Command, checkpoint: Path, printed: dict[str, str]) -> None:
    done = command("compare", "predict", "fastai", "--checkpoint", checkpoint, *REVIEWS)
    assert done.stdout == printed["fastai"]


def test_out_of_domain_sentences(command: Command, checkpoint: Path, tmp_path: Path) -> None:
    out = tmp_path / "predictions.parquet"
    done = command("pytorch_impl", "predict", "--checkpoint", checkpoint, "--input", "rotten-tomatoes", "--output", out)
    assert "8,530 predictions, accuracy 0." in done.stdout
    predicted = pd.read_parquet(out)
    assert np.mean(predicted["prediction"] == predicted["label"]) > 0.55, "worse than in its domain, better than chance"
