"""Speed: of every cell, of each framework's own documented way, against the machine, and how it grows."""

from __future__ import annotations

import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from rich.console import Console
from rich.markdown import Markdown

from compare import workers
from compare.figures import growth_figure
from compare.formats import Values
from compare.parity import random_reviews, random_weights
from compare.results import growth_table, learning_table, speed_table
from compare.workers import Ask, Workers
from shared.command_line import announce
from shared.contract import module_name
from shared.data.batches import Batches
from shared.data.encoding import load_corpus
from shared.errors import LockstepError
from shared.files import read_json, reading, save_page
from shared.history import Recorder, Silent, read_history
from shared.output import Output
from shared.runs import Record, read_record, this_commit, this_machine
from shared.specification import RECIPES, Specification, flags_of
from shared.terminal import console
from shared.weights import GATES

# The sizes of the published measurements that the design cites, of fewer reviews. Two epochs: the first one also
# traces graphs and warms caches, the second is what is measured.
MEASURED = Specification(
    reviews=1_000,
    max_length=400,
    truncation="head",
    vectors="random",
    embedding_size=100,
    hidden_size=100,
    epochs=2,
    batch_size=64,
)
# In the idiomatic recipe the framework's documentation decides all but the sizes.
SIZES = {
    *("data", "reviews", "max_length", "truncation", "vectors", "architecture", "embedding_size"),
    *("hidden_size", "epochs", "batch_size", "recipe"),
}

# How fast a network learns: one pass over the training reviews, of which less or more is read.
LEARNING = Specification(
    data="stanford",
    unlabelled="stanford",
    vocabulary_size=30_000,
    vectors="corpus",
    embedding_size=100,
    hidden_size=64,
    pooling="max",
    epochs=1,
    batch_size=64,
)
LENGTHS_READ = (64, 128, 256, 400)
ACCURACIES = (0.85, 0.87, 0.88)

# How cost grows: one size is changed, the others stay small.
GROWING = Specification(
    vectors="random", vocabulary_size=5_000, embedding_size=50, hidden_size=32, batch_size=64, epochs=2
)
GROWTH: dict[str, tuple[tuple[int, ...], dict[str, int]]] = {
    "reviews": ((1_000, 3_000, 8_000, 25_000), {"length": 50, "hidden_size": 32}),
    "length": ((100, 200, 400, 800), {"reviews": 512, "hidden_size": 32}),
    "hidden_size": ((32, 64, 128, 256, 512), {"reviews": 512, "length": 100}),
}

MATRIX = 2_048  # rows and columns of the product that tells the machine's rate


@dataclass(frozen=True)
class Plan:
    """What to measure.

    Attributes
    ----------
    frameworks, architectures : tuple of str
        Cells of the speed table; the other parts use the LSTM.
    repeats : int
        Pairs of (lockstep, documented way), and trainings of each point of the growth.
    data, unlabelled : str or None
        Of the official reviews, for the seconds to an accuracy.
    parts : tuple of str
        Of `PARTS`.
    """

    frameworks: tuple[str, ...]
    architectures: tuple[str, ...]
    repeats: int
    data: str | None
    unlabelled: str | None
    parts: tuple[str, ...]


class Speed(NamedTuple):
    """Reviews a second."""

    training: float
    prediction: float


def run_benchmark(plan: Plan, place: Output, picture: Output) -> None:
    """Measure on an idle machine, print tables, and write the numbers and a picture beside them.

    Each part is written as soon as it is measured, with its machine and commit. What the file had
    of other parts stays.

    Parameters
    ----------
    plan : Plan
        What to measure.
    place : Output
        A JSON file.
    picture : Output
        An ``.svg`` file, of the growth.

    Raises
    ------
    LockstepError
        If a measurement fails, or the file is there and is no benchmark.
    """
    shown = console(aside=place.streams)
    found = _earlier_parts(place.path)
    for part in plan.parts:
        found[part] = {"machine": this_machine().model_dump(), "commit": this_commit(), **MEASURE[part](plan, shown)}
        with place.written() as temporary:
            save_page(temporary, found)
        shown.print(Markdown(TABLES[part](found)))
    if "growth" in plan.parts:
        with picture.written() as temporary:
            save_page(temporary, growth_figure(found["growth"]["rows"]))
    announce(place, "")


def _earlier_parts(path: Path) -> dict[str, Any]:
    if not path.exists():
        return {}
    with reading(path, "what a benchmark wrote", "pass another --out"):
        earlier = read_json(path, "what a benchmark wrote", Values, "pass another --out").root
        for name in ("made_by", "checksum"):
            earlier.pop(name, None)
        if not set(earlier) <= set(PARTS):
            raise LockstepError(f"{path}: is not what a benchmark wrote; pass another --out")
    return earlier


def _speed_part(plan: Plan, console: Console) -> dict[str, Any]:
    rates, harness = _matrix_multiply_rates(), _harness_seconds()
    console.print(f"matrix multiply: {rates['median'] / 1e9:,.0f} GFLOP/s")
    rows = [_speeds(plan, *cell, rates["median"], harness, console) for cell in _cells(plan)]
    return {"specification": MEASURED.model_dump(), "matrix_multiply": rates, "harness": harness, "rows": rows}


def _learning_part(plan: Plan, console: Console) -> dict[str, Any]:
    return {"rows": [_learning(framework, plan, console) for framework in plan.frameworks]}


def _growth_part(plan: Plan, console: Console) -> dict[str, Any]:
    return {"rows": _growth(plan, console)}


MEASURE = {"speed": _speed_part, "learning": _learning_part, "growth": _growth_part}
TABLES = {"speed": speed_table, "learning": learning_table, "growth": growth_table}
PARTS = tuple(MEASURE)


def _cells(plan: Plan) -> Iterator[tuple[str, str]]:
    for architecture in plan.architectures:
        for framework in plan.frameworks:
            yield framework, architecture


def _speeds(
    plan: Plan, framework: str, architecture: str, rate: float, harness: dict[str, float], console: Console
) -> dict[str, Any]:
    """Measure one cell and its framework's documented way, pair by pair."""
    pairs: list[dict[str, Speed]] = []
    for repeat in range(plan.repeats):
        pair = {recipe: _speed(framework, architecture, recipe) for recipe in RECIPES}
        console.print(
            f"{framework} {architecture} {repeat + 1}/{plan.repeats}: "
            f"lockstep {pair['lockstep'].training:,.0f}, as documented {pair['idiomatic'].training:,.0f} reviews/s"
        )
        pairs.append(pair)
    lockstep, documented = (np.array([pair[recipe] for pair in pairs]) for recipe in RECIPES)  # [repeats, 2]
    training = float(np.median(lockstep[:, 0]))
    operations = training_operations(MEASURED.replaced(architecture=architecture), harness["tokens_a_review"])
    return {
        "framework": framework,
        "architecture": architecture,
        "pairs": [{recipe: speed._asdict() for recipe, speed in pair.items()} for pair in pairs],
        "lockstep": _quartiles(lockstep[:, 0]),
        "idiomatic": _quartiles(documented[:, 0]),
        "ratio": _quartiles(lockstep[:, 0] / documented[:, 0]),
        "prediction": {"lockstep": _quartiles(lockstep[:, 1]), "idiomatic": _quartiles(documented[:, 1])},
        "share_of_matrix_multiply": operations * training / rate,
        "harness_share": harness["seconds"] / harness["reviews"] * training,
    }


def training_operations(specification: Specification, tokens: float) -> float:
    """Return the floating-point operations of training on `tokens` words, those of its matrix products.

    A product of ``[1, in]`` and ``[in, out]`` takes ``2 in out`` of them; the backward pass takes two
    such products for every one of the forward pass. Padding is not counted, and neither is the head.
    """
    hidden, gates = specification.hidden_size, GATES[specification.cell]
    size, products = specification.embedding_size, 0
    for _ in range(specification.layers):
        products += len(specification.directions) * (size + hidden) * gates * hidden
        size = hidden * len(specification.directions)
    return 3 * 2 * products * tokens


def _matrix_multiply_rates() -> dict[str, float]:
    """Floating-point operations a second of NumPy's product of two large float32 matrices."""
    generator = np.random.default_rng(0)
    left, right = (generator.standard_normal((MATRIX, MATRIX), np.float32) for _ in range(2))
    seconds = []
    for _ in range(12):
        started = time.perf_counter()
        left @ right
        seconds.append(time.perf_counter() - started)
    return _quartiles(2 * MATRIX**3 / np.array(seconds[2:]))


def _speed(framework: str, architecture: str, recipe: str) -> Speed:
    """Train in a process of its own; the speed of its second epoch, and of predicting the test reviews."""
    chosen = MEASURED.replaced(recipe=recipe, architecture=architecture)
    with _trained(framework, flags_of(chosen.model_dump(include=SIZES))) as run:
        seconds = read_history(run / "history.csv")[-1].seconds
        record = read_record(run / "record.json")
    return Speed(record.data.sizes["train"] / seconds, record.reviews_per_second["prediction"])


@contextmanager
def _trained(framework: str, flags: Sequence[str]) -> Iterator[Path]:
    """Train in a process of its own and yield the run."""
    with tempfile.TemporaryDirectory() as folder:
        target = Path(folder) / "run"
        command = [sys.executable, "-m", module_name(framework), "train", *flags, "--out", str(target)]
        done = subprocess.run([*command, "--progress", "none"], capture_output=True, text=True)
        if done.returncode:
            raise LockstepError(f"{framework} failed: {done.stderr.strip().splitlines()[-1]}")
        yield target


def _harness_seconds() -> dict[str, float]:
    """Seconds that our own part of one epoch takes: order, batches, dropout masks, records."""
    reviews = load_corpus(MEASURED).train
    batches = Batches(reviews, MEASURED)
    recorder = Recorder(MEASURED, len(batches), reviews.labels, Silent(), dict, lambda _: None)
    recorder.start_epoch()
    started = time.perf_counter()
    for batch in batches.epoch(0):
        recorder.step(0.5, 0, len(batch.labels), 1e-3)
    seconds = time.perf_counter() - started
    return {"seconds": seconds, "reviews": len(reviews), "tokens_a_review": float(reviews.lengths.mean())}


def _learning(framework: str, plan: Plan, console: Console) -> dict[str, Any]:
    """Train once for each length that is read; seconds of training and test accuracy of each."""
    runs = []
    for length in LENGTHS_READ:
        chosen = LEARNING.replaced(data=plan.data, unlabelled=plan.unlabelled, max_length=length)
        with _trained(framework, flags_of(chosen.model_dump())) as run:
            record: Record = read_record(run / "record.json")
        accuracy = record.metrics["test"]["accuracy"]
        runs.append({"max_length": length, "seconds": record.seconds.training, "accuracy": accuracy})
        console.print(f"{framework}, {length} words: {accuracy:.2%} after {record.seconds.training:.1f} s of training")
    seconds = {
        f"{goal:.2f}": min((run["seconds"] for run in runs if run["accuracy"] >= goal), default=None)
        for goal in ACCURACIES
    }
    return {"framework": framework, "runs": runs, "seconds_to": seconds}


def _growth(plan: Plan, console: Console) -> list[dict[str, Any]]:
    """Seconds of an epoch while one size grows, and the exponent of the growth, for each framework."""
    rows = []
    for framework in plan.frameworks:
        with Workers([framework]) as ask:
            for name, (values, others) in GROWTH.items():
                seconds = [_epoch_seconds(ask, framework, plan.repeats, **{**others, name: value}) for value in values]
                exponent = float(np.polyfit(np.log(values), np.log(seconds), 1)[0])
                console.print(f"{framework}, {name}: exponent {exponent:.2f}")
                rows.append(
                    {
                        "framework": framework,
                        "size": name,
                        "values": list(values),
                        "others": others,
                        "seconds": seconds,
                        "exponent": exponent,
                    }
                )
    return rows


def _epoch_seconds(ask: Ask, framework: str, repeats: int, reviews: int, length: int, hidden_size: int) -> float:
    """Median seconds of a second epoch on random reviews of one length."""
    specification = GROWING.replaced(max_length=length, hidden_size=hidden_size)
    weights = random_weights(specification, specification.vocabulary_size)
    made = random_reviews([length] * reviews, specification.vocabulary_size)
    few = made.take(np.arange(2))
    epochs = [
        ask(workers.train, framework, specification, weights, made, few).epoch_seconds[-1] for _ in range(repeats)
    ]
    return float(np.median(epochs))


def _quartiles(values: np.ndarray) -> dict[str, float]:
    low, median, high = np.percentile(values, [25, 50, 75])
    return {"low": float(low), "median": float(median), "high": float(high)}
