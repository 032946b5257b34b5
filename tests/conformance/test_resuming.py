"""A training that was killed and goes on gives what one in one piece gives, bit for bit, in every framework."""

from __future__ import annotations

import csv
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest

from compare.proofs.parity import WORDS
from compare.workers import Ask
from shared.contract import FRAMEWORKS, REFERENCE, module_name
from shared.resuming import ENDING, State, folder, read_state
from shared.runs import read_run
from shared.specification import Specification
from shared.vectors import VectorTable
from shared.weights import initialise
from tests.conformance.resuming_jobs import killed_and_resumed, train_by_command
from tests.conformance.test_optimizers import BASE, EVERYTHING, reviews_of
from tests.conftest import CLASS_NAMES, ROOT


class Case(NamedTuple):
    """A training of 60 reviews, four batches or, without the last, three.

    Attributes
    ----------
    every : str
        How often its state is kept.
    killed : tuple of int
        The steps in which it is killed, before the state after them is kept; 0: after the last.
    kept : tuple of int
        The steps after which it then goes on.
    holds : (state) -> bool
        What has to be in each state, so that leaving it out would show.
    changes : dict
        Fields.
    """

    every: str
    killed: tuple[int, ...]
    kept: tuple[int, ...]
    holds: Callable[[State], bool]
    changes: dict[str, Any]


CASES = {
    "Adam, the best epoch, a plateau, within an epoch": Case(
        *("7steps", (26, 39), (21, 35)),
        lambda state: (
            {21: state.notes["epochs_since_best"] > 0, 35: state.notes["reduced"] < 1}[state.step]
            and bool(folder("best_weights", state.arrays))
        ),
        {"schedule": "plateau", "evaluation_weights": "best", "learning_rate": 0.03, "epochs": 10},
    ),
    "AdamW, averaged weights, fastai's order, all parts": Case(
        *("5steps", (19,), (15,)),
        lambda state: state.notes["snapshots"] == 2,
        {
            **EVERYTHING,
            "layers": 1,
            "batch_parts": 2,
            "optimizer": "adamw",
            "weight_decay": 0.1,
            "weight_averaging": 0.9,
            "batch_order": "sorted_dl",
            "epochs": 6,
        },
    ),
    "SGD with momentum, no last batch, after an epoch": Case(
        *("1epoch", (11,), (9,)),
        lambda state: len(state.notes["epochs"]) == 3,
        {
            "architecture": "gru",
            "optimizer": "sgd",
            "momentum_schedule": "one_cycle",
            "weight_decay": 0.05,
            "loss_reduction": "sum",
            "train_embedding": False,
            "recurrent_dropout": 0.3,
            "drop_last": True,
            "batch_order": "shuffled",
        },
    ),
    "places apart, balanced classes, after the first step and the last": Case(
        *("1step", (2, 0), (1, 8)),
        lambda state: len(state.notes["epochs"]) in (0, 2),
        {
            "repeated_words": "apart",
            "schedule": "one_cycle_cosine",
            "epsilon_place": "before",
            "class_weights": "balanced",
            "epochs": 2,
        },
    ),
    "SGD alone": Case("5steps", (7,), (5,), lambda state: True, {"optimizer": "sgd", "epochs": 2}),
}
# Keras' own optimizer has the same arrays with momentum and without.
TRIED = [(name, framework) for name in CASES for framework in (*FRAMEWORKS, REFERENCE)]
TRIED.remove(("SGD alone", "keras"))


@pytest.mark.parametrize(("name", "framework"), TRIED)
def test_it_goes_on_as_if_it_had_never_stopped(ask: Ask, tmp_path: Path, name: str, framework: str) -> None:
    case = CASES[name]
    specification = Specification().replaced(**{**BASE, "batch_parts": 1, **case.changes})
    nothing = VectorTable(np.zeros((WORDS, specification.embedding_size), np.float32), np.zeros(WORDS, bool))
    weights, reviews = initialise(specification, nothing, 2), (reviews_of(60, 0, 1), reviews_of(30, 1, 2))
    asked = framework, specification, weights, reviews, tmp_path, case.every, case.killed
    whole, resumed = ask(killed_and_resumed, *asked)
    assert np.abs(whole.weights["head.kernel"] - weights["head.kernel"]).max() > 0
    assert tuple(one.state.step for one in resumed) == case.kept
    for state, outcome in resumed:
        assert case.holds(state)
        assert outcome.step_losses == whole.step_losses
        assert outcome.epochs == whole.epochs
        assert outcome.reviews == whole.reviews
        assert outcome.probabilities.tobytes() == whole.probabilities.tobytes()
        assert outcome.weights.keys() == whole.weights.keys()
        for array in whole.weights:
            assert outcome.weights[array].tobytes() == whole.weights[array].tobytes(), array


FLAGS = (
    *(
        "--vectors",
        "random",
        "--embedding-size",
        "16",
        "--hidden-size",
        "8",
        "--max-length",
        "12",
        "--batch-size",
        "16",
    ),
    *("--epochs", "10", "--progress", "json", "--device", "cpu", "--checkpoint-every", "5steps"),
)
# Of nine steps an epoch: in the eighth.
KILLED_IN, KEPT = 68, 65
# The command, in a process that ends in a step as `kill -9` ends one.
DYING = """
import os, runpy, signal, sys
from shared.train_and_predict import JsonProgress
JsonProgress.update = lambda self, done, *_: done != {step} or os.kill(os.getpid(), signal.SIGKILL)
runpy.run_module(sys.argv.pop(1), run_name="__main__", alter_sys=True)
"""


@pytest.fixture(scope="module")
def texts(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """200 texts, of which most can be told apart."""
    generator = np.random.default_rng(0)
    path = tmp_path_factory.mktemp("texts") / "texts.csv"
    with path.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["text", "label"])
        for number in range(200):
            words = generator.choice(30, 12) + 15 * (number % 2)
            writer.writerow([" ".join(f"word{word}" for word in words), CLASS_NAMES[number % 2]])
    return path


def test_killed_in_the_eighth_of_ten_epochs(ask: Ask, framework: str, texts: Path, tmp_path: Path) -> None:
    """By the signal that nothing survives, and then the same command again."""

    def arguments(name: str) -> list[str]:
        return ["--data", str(texts), *FLAGS, "--out", str(tmp_path / name)]

    command = [sys.executable, "-c", DYING.format(step=KILLED_IN), module_name(framework), "train", *arguments("run")]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == -signal.SIGKILL, done.stderr
    assert not (tmp_path / "run").exists()
    state = read_state(tmp_path / f".run{ENDING}")
    assert (state.step, len(state.notes["epochs"])) == (KEPT, 7)
    for name in ("run", "whole"):
        assert ask(train_by_command, framework, arguments(name)) == 0
    run, whole = (read_run(tmp_path / name) for name in ("run", "whole"))
    assert (run.record.resumed, whole.record.resumed) == (1, 0)
    for name in ("checkpoint/weights.safetensors", "predictions.parquet", "validation.parquet"):
        assert (tmp_path / "run" / name).read_bytes() == (tmp_path / "whole" / name).read_bytes(), name
    assert len(run.history) == 10
    for part, alone in zip(run.history, whole.history, strict=True):
        assert {**vars(part), "seconds": 0} == {**vars(alone), "seconds": 0}
    assert run.record.metrics == whole.record.metrics
    before = [epoch["seconds"] for epoch in state.notes["epochs"]]
    assert [epoch.seconds for epoch in run.history[:7]] == before
    assert run.record.load is not None
    assert run.record.load.wall_seconds > state.notes["measured"]["wall"] > sum(before)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["run", "whole"]
