"""How soon and how fast a trained model answers, in each framework and without one: from a cold start, in batches."""

from __future__ import annotations

import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from rich.console import Console

from compare import workers
from compare.names import NO_FRAMEWORK, TITLES
from compare.studies.reading_speed import run_watched
from compare.workers import Ask, Workers
from shared.cell import measure_latency
from shared.contract import module_name
from shared.data.encoded import EncodedReviews
from shared.differences import largest_difference
from shared.loading import load_corpus
from shared.predictor import Predictor
from shared.specification import preset
from shared.vectors import load_vectors
from shared.weights import Checkpoint, initialise, read_checkpoint, save_checkpoint

# The model of the `full` preset with random weights: how fast it answers does not depend on what it has learnt.
ANSWERING = preset("full").replaced(data="packaged", unlabelled="none", vectors="random", architecture="lstm")
CLASSES = ("negative", "positive")
REVIEWS = 2_000
TEXT = "A film to remember."


class Answering(NamedTuple):
    """What one measurement of one way to open the model gave."""

    first_answer: float  # seconds from the start of the process to its end
    peak_memory_mb: float | None  # None where nobody says it
    reviews_per_second: float
    latency_ms: float  # median of one review alone


def answering_part(frameworks: Sequence[str], repeats: int, console: Console) -> dict[str, Any]:
    """Measure in turn: each framework and none, and so again.

    Parameters
    ----------
    frameworks : sequence of str
        Beside none.
    repeats : int
        Rounds.
    console : Console
        Is told what is measured.

    Returns
    -------
    dict
        ``specification``, ``reviews`` and ``rows``: of each way to open the model its ``name``, all measurements of
        each kind in the order of the rounds, and the largest ``difference`` of a probability from no framework's.
    """
    corpus = load_corpus(ANSWERING)
    reviews = corpus.test.take(np.arange(min(REVIEWS, len(corpus.test))))
    weights = initialise(ANSWERING, load_vectors("random", corpus.vocabulary, ANSWERING.embedding_size), len(CLASSES))
    found = defaultdict(list)
    with tempfile.TemporaryDirectory() as folder, Workers(frameworks) as ask:
        path = Path(folder) / "checkpoint"
        save_checkpoint(path, Checkpoint(ANSWERING, corpus.vocabulary, weights, CLASSES))
        expected = Predictor.load(path).probabilities(reviews)
        answers = {name: _opened(ask, name, path, reviews) for name in (NO_FRAMEWORK, *frameworks)}
        for repeat in range(repeats):
            for name in answers:
                found[name].append(_measured(ask, name, path))
                console.print(f"{TITLES.get(name, name)} {repeat + 1}/{repeats}: {_said(found[name][-1])}")
    rows = [
        {
            "name": name,
            **{kind: [getattr(one, kind) for one in measured] for kind in Answering._fields},
            "difference": largest_difference(answers[name], expected),
        }
        for name, measured in found.items()
    ]
    return {"specification": ANSWERING.model_dump(), "reviews": len(reviews), "rows": rows}


def _said(measured: Answering) -> str:
    return (
        f"first answer after {measured.first_answer:.2f} s, {measured.peak_memory_mb or 0:,.0f} MB, "
        f"{measured.reviews_per_second:,.0f} reviews/s, one review {measured.latency_ms:.1f} ms"
    )


def _measured(ask: Ask, name: str, path: Path) -> Answering:
    seconds, memory = run_watched(_command(name, path))
    timed = _timed(name) if name == NO_FRAMEWORK else ask(_timed, name)
    return Answering(seconds, memory or None, *timed)


def _command(name: str, path: Path) -> list[str]:
    if name == NO_FRAMEWORK:
        return [sys.executable, "-m", "compare", "predict", str(path), TEXT]
    return [sys.executable, "-m", module_name(name), "predict", "--checkpoint", str(path), TEXT]


# In each framework's process: what answers, and the reviews.
_models: dict[str, tuple[Callable[[EncodedReviews], np.ndarray], EncodedReviews]] = {}


def _opened(ask: Ask, name: str, path: Path, reviews: EncodedReviews) -> np.ndarray:
    return _open(name, path, reviews) if name == NO_FRAMEWORK else ask(_open, name, path, reviews)


def _open(name: str, path: Path, reviews: EncodedReviews) -> np.ndarray:
    """Open the checkpoint and answer once, which also warms caches and traces graphs."""
    checkpoint = read_checkpoint(path)
    if name == NO_FRAMEWORK:
        answer = Predictor(checkpoint).probabilities
    else:
        room = workers.implementation(name)
        model = room.build(checkpoint.specification, checkpoint.weights)
        answer = partial(room.predict_probabilities, model)
    _models[name] = answer, reviews
    return answer(reviews)


def _timed(name: str) -> tuple[float, float]:
    """Reviews a second of all reviews, and the median milliseconds of one alone."""
    answer, reviews = _models[name]
    started = time.perf_counter()
    answer(reviews)
    rate = len(reviews) / (time.perf_counter() - started)
    return rate, measure_latency(lambda row: answer(reviews.take(np.array([row]))), len(reviews))["p50"]
