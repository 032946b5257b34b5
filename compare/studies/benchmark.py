"""Speed: of every cell, of each framework's own documented way, against the machine, and how it grows."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from rich.console import Console
from threadpoolctl import threadpool_limits

from compare import workers
from compare.formats import Values
from compare.proofs.parity import random_reviews, random_weights
from compare.studies.answering_speed import answering_part
from compare.studies.figures import growth_figure
from compare.studies.reading_speed import TEXTS, reading_part
from compare.studies.tables import answering_table, growth_table, learning_table, reading_table, speed_table
from compare.tables import print_table
from compare.workers import Ask, Workers
from shared.command_line import announce
from shared.configuration import NO_FILE
from shared.contract import module_name
from shared.data.batches import Batches
from shared.errors import LockstepError
from shared.files import read_json, reading, save_page
from shared.history import Recorder, Silent, read_history
from shared.loading import load_corpus
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

RATE_SECONDS = 0.15  # for which each matrix product is repeated to find its rate

# The training that is timed beside busy processes: about the mean length of the measured reviews.
CONTENDED_LENGTH = 230  # words of each review
CONTENDED_BATCHES = 8  # of an epoch
BUSY = (sys.executable, "-c", "while True: pass")


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
    busy : int
        Busy processes that run beside the training; by default one for each core.
    texts : int
        Texts of the large file whose reading is measured.
    """

    frameworks: tuple[str, ...]
    architectures: tuple[str, ...]
    repeats: int
    data: str | None
    unlabelled: str | None
    parts: tuple[str, ...]
    busy: int = os.cpu_count() or 1
    texts: int = TEXTS


class Speed(NamedTuple):
    """Reviews a second, and the threads of the training."""

    training: float
    prediction: float
    threads: int


class Product(NamedTuple):
    """The product of two matrices, ``[rows, inner]`` and ``[inner, columns]``."""

    rows: int
    inner: int
    columns: int

    @property
    def operations(self) -> int:
        """Floating-point operations, a multiplication and an addition for each pair of numbers."""
        return 2 * self.rows * self.inner * self.columns


class Pair(NamedTuple):
    """Two trainings, and operations a second of the products beside the first, in one thread."""

    lockstep: Speed
    idiomatic: Speed
    rates: dict[Product, float]


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
        print_table(TABLES[part](found), aside=place.streams)
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
    harness = _harness_seconds()
    rows = [_speeds(plan, *cell, harness, console) for cell in _cells(plan)]
    return {"specification": MEASURED.model_dump(), "busy": plan.busy, "harness": harness, "rows": rows}


def _learning_part(plan: Plan, console: Console) -> dict[str, Any]:
    return {"rows": [_learning(framework, plan, console) for framework in plan.frameworks]}


def _growth_part(plan: Plan, console: Console) -> dict[str, Any]:
    return {"rows": _growth(plan, console)}


def _reading_part(plan: Plan, console: Console) -> dict[str, Any]:
    return reading_part(plan.texts, console)


def _answering_part(plan: Plan, console: Console) -> dict[str, Any]:
    return answering_part(plan.frameworks, plan.repeats, console)


MEASURE = {
    "speed": _speed_part,
    "learning": _learning_part,
    "growth": _growth_part,
    "reading": _reading_part,
    "answering": _answering_part,
}
TABLES = {
    "speed": speed_table,
    "learning": learning_table,
    "growth": growth_table,
    "reading": reading_table,
    "answering": answering_table,
}
PARTS = tuple(MEASURE)


def _cells(plan: Plan) -> Iterator[tuple[str, str]]:
    for architecture in plan.architectures:
        for framework in plan.frameworks:
            yield framework, architecture


def _speeds(
    plan: Plan, framework: str, architecture: str, harness: dict[str, float], console: Console
) -> dict[str, Any]:
    """Measure one cell and its framework's documented way, pair by pair, and the cell beside busy processes."""
    chosen = MEASURED.replaced(architecture=architecture)
    words = round(chosen.batch_size * harness["tokens_a_review"])
    products = matrix_products(chosen, words)
    pairs = []
    for repeat in range(plan.repeats):
        pairs.append(_pair(framework, architecture, products))
        console.print(
            f"{framework} {architecture} {repeat + 1}/{plan.repeats}: lockstep {pairs[-1].lockstep.training:,.0f}, "
            f"as documented {pairs[-1].idiomatic.training:,.0f} reviews/s"
        )
    contended = _contended_ratios(plan, framework, chosen)
    console.print(f"{framework} {architecture} beside {plan.busy} busy processes: {np.median(contended):.2f}")
    return {
        "framework": framework,
        "architecture": architecture,
        "operations": training_operations(chosen, words),
        "products": _products_and_rates(products, pairs),
        "share_of_same_shape_products": _quartiles(_shares(products, pairs, chosen.batch_size)),
        "contended_ratio": _quartiles(contended),
        **_both_recipes(pairs, harness),
    }


def _both_recipes(pairs: Sequence[Pair], harness: dict[str, float]) -> dict[str, Any]:
    """Return the speeds of the pairs, their ratio, and how much of the lockstep training our own code takes."""
    lockstep, documented = (np.array([getattr(pair, recipe) for pair in pairs]) for recipe in RECIPES)  # [repeats, 3]
    return {
        "pairs": [{recipe: getattr(pair, recipe)._asdict() for recipe in RECIPES} for pair in pairs],
        "lockstep": _quartiles(lockstep[:, 0]),
        "idiomatic": _quartiles(documented[:, 0]),
        "ratio": _quartiles(lockstep[:, 0] / documented[:, 0]),
        "prediction": {"lockstep": _quartiles(lockstep[:, 1]), "idiomatic": _quartiles(documented[:, 1])},
        "harness_share": harness["seconds"] / harness["reviews"] * float(np.median(lockstep[:, 0])),
    }


def _pair(framework: str, architecture: str, products: Iterable[Product]) -> Pair:
    """Train in both recipes; rates from before and after the first, for the machine's speed changes."""
    before = same_shape_rates(products)
    lockstep = _speed(framework, architecture, "lockstep")
    after = same_shape_rates(products)
    documented = _speed(framework, architecture, "idiomatic")
    return Pair(lockstep, documented, {product: (before[product] + after[product]) / 2 for product in products})


def _products_and_rates(products: Mapping[Product, float], pairs: Sequence[Pair]) -> list[dict[str, Any]]:
    """Each product, its times in a training step, and its operations a second beside each pair."""
    return [
        {**product._asdict(), "times": times, "rates": [pair.rates[product] for pair in pairs]}
        for product, times in products.items()
    ]


def _shares(products: Mapping[Product, float], pairs: Sequence[Pair], batch_size: int) -> np.ndarray:
    """Share of the same-shape products in the lockstep training of each pair."""
    return np.array(
        [
            share_of_products(products, pair.rates, pair.lockstep.threads, batch_size / pair.lockstep.training)
            for pair in pairs
        ]
    )


def matrix_products(specification: Specification, words: int) -> dict[Product, float]:
    """Return the matrix products of one training step of the recurrent layers.

    They are those of the whole batch, however it is cut: smaller products are slower, and cutting must not look
    better for that. The batch has `words` words and no padding. The head is left out.

    Parameters
    ----------
    specification : Specification
        Its sizes and its batch size count.
    words : int
        Of the batch.

    Returns
    -------
    dict of Product to float
        How many times the step takes each product.
    """
    batch, hidden, directions = specification.batch_size, specification.hidden_size, len(specification.directions)
    gates, size, steps = GATES[specification.cell] * hidden, specification.embedding_size, words / batch
    products: dict[Product, float] = defaultdict(float)
    for _ in range(specification.layers):
        for product, times in (
            (Product(words, size, gates), 1),  # forward: the inputs of all steps at once
            (Product(batch, hidden, gates), steps),  # forward: the state of one step
            (Product(batch, gates, hidden), steps),  # gradient of the state of one step
            (Product(words, gates, size), 1),  # gradient of the inputs
            (Product(size, words, gates), 1),  # gradient of the input kernel
            (Product(hidden, words, gates), 1),  # gradient of the recurrent kernel
        ):
            products[product] += directions * times
        size = hidden * directions
    return dict(products)


def training_operations(specification: Specification, tokens: int) -> float:
    """Return the operations of a training step.

    Parameters
    ----------
    specification : Specification
        Its sizes count.
    tokens : int
        Words of the batch. Padding is not counted, and neither is the head.

    Returns
    -------
    float
        Floating-point operations of the matrix products, forward and backward.
    """
    return sum(times * product.operations for product, times in matrix_products(specification, tokens).items())


def same_shape_rates(products: Iterable[Product]) -> dict[Product, float]:
    """Measure how fast NumPy computes products of these shapes, in float32 and in one thread.

    Parameters
    ----------
    products : iterable of Product
        The shapes.

    Returns
    -------
    dict of Product to float
        Floating-point operations a second, the median of at least `RATE_SECONDS` seconds for each.
    """
    with threadpool_limits(1):
        return {product: _rate(product) for product in products}


def _rate(product: Product) -> float:
    generator = np.random.default_rng(0)
    left = generator.standard_normal((product.rows, product.inner), np.float32)
    right = generator.standard_normal((product.inner, product.columns), np.float32)
    out = np.empty((product.rows, product.columns), np.float32)
    np.matmul(left, right, out=out)  # the first one also warms caches
    seconds: list[float] = []
    end = time.perf_counter() + RATE_SECONDS
    while not seconds or time.perf_counter() < end:
        started = time.perf_counter()
        np.matmul(left, right, out=out)
        seconds.append(time.perf_counter() - started)
    return product.operations / float(np.median(seconds))


def share_of_products(
    products: Mapping[Product, float], rates: Mapping[Product, float], threads: int, seconds: float
) -> float:
    """Return the share of a training step that its matrix products would take at these rates.

    Parameters
    ----------
    products : mapping of Product to float
        How many times the step takes each product.
    rates : mapping of Product to float
        Floating-point operations a second of each product, in one thread.
    threads : int
        Over which the products are spread.
    seconds : float
        Of the training step.

    Returns
    -------
    float
        1 if the step takes as long as its products alone, spread evenly over the threads.
    """
    alone = sum(times * product.operations / rates[product] for product, times in products.items())
    return alone / threads / seconds


@contextmanager
def busy_processes(number: int) -> Iterator[list[subprocess.Popen[bytes]]]:
    """Keep `number` processes busy, and end them whatever happens.

    Parameters
    ----------
    number : int
        Each takes all it can get of one core.

    Yields
    ------
    list of subprocess.Popen
        The processes.
    """
    with ExitStack() as stack:
        started = []
        for _ in range(number):
            started.append(stack.enter_context(subprocess.Popen(BUSY, stderr=subprocess.DEVNULL)))  # waits at the end
            stack.callback(started[-1].kill)  # is called before the wait
        yield started


def _contended_ratios(plan: Plan, framework: str, chosen: Specification) -> np.ndarray:
    """Seconds of a training step beside busy processes, over those of a fair share of the machine.

    A training is busy in as many threads as its batch has parts, or as there are cores. With `plan.busy` processes
    beside, there are (threads + busy) for the cores: so many times longer should a step take than on an idle machine,
    and no shorter.
    """
    specification = chosen.replaced(max_length=CONTENDED_LENGTH, epochs=2)
    cores, reviews = os.cpu_count() or 1, CONTENDED_BATCHES * chosen.batch_size
    fair = max(1.0, (min(cores, chosen.batch_parts) + plan.busy) / cores)
    ratios = []
    with Workers([framework]) as ask:
        for _ in range(plan.repeats):
            idle = _second_epoch(ask, framework, specification, reviews)
            with busy_processes(plan.busy):
                beside = _second_epoch(ask, framework, specification, reviews)
            ratios.append(beside / idle / fair)
    return np.array(ratios)


def _speed(framework: str, architecture: str, recipe: str) -> Speed:
    """Train in a process of its own; the speed of its second epoch, of predicting the test reviews, its threads."""
    chosen = MEASURED.replaced(recipe=recipe, architecture=architecture)
    with _trained(framework, flags_of(chosen.model_dump(include=SIZES))) as run:
        seconds = read_history(run / "history.csv")[-1].seconds
        record = read_record(run / "record.json")
    training = record.data.sizes["train"] / seconds
    return Speed(training, record.reviews_per_second["prediction"], record.threads)


@contextmanager
def _trained(framework: str, flags: Sequence[str]) -> Iterator[Path]:
    """Train in a process of its own and yield the run."""
    with tempfile.TemporaryDirectory() as folder:
        target = Path(folder) / "run"
        command = [
            sys.executable,
            "-m",
            module_name(framework),
            "train",
            "--config",
            NO_FILE,
            *flags,
            "--out",
            str(target),
        ]
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
    return float(np.median([_second_epoch(ask, framework, specification, reviews) for _ in range(repeats)]))


def _second_epoch(ask: Ask, framework: str, specification: Specification, reviews: int) -> float:
    """Seconds of a second epoch on random reviews, each of the greatest length."""
    weights = random_weights(specification, specification.vocabulary_size)
    made = random_reviews([specification.max_length] * reviews, specification.vocabulary_size)
    few = made.take(np.arange(2))
    return ask(workers.train, framework, specification, weights, made, few).epoch_seconds[-1]


def _quartiles(values: np.ndarray) -> dict[str, float]:
    low, median, high = np.percentile(values, [25, 50, 75])
    return {"low": float(low), "median": float(median), "high": float(high)}
