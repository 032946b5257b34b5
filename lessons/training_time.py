"""Measures where the time of training goes in each framework, by the framework's own profiler.

``python -m lessons.training_time`` trains each framework's LSTM and GRU in one thread, so that times of
operations add up, and writes ``results/training_time.json`` and the table of ``lessons/training_time.md``.
"""

from __future__ import annotations

if __name__ == "__main__":  # before the imports that take time
    from shared.startup import begin

    begin()

import re
import sys
import tempfile
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from compare.proofs.parity import random_reviews, random_weights
from compare.published import fill, filled
from compare.studies.tables import longest_table, parts_table
from compare.tables import print_table
from compare.workers import Workers
from shared.command_line import FolderPath, Parser, guarded, output
from shared.contract import FRAMEWORKS, load_implementation
from shared.files import save_page
from shared.history import Silent
from shared.output import PAGE
from shared.runs import this_commit, this_machine
from shared.specification import Specification

LESSON = Path(__file__).with_suffix(".md")
RESULT = "training_time.json"

# The sizes of `compare benchmark`; every review has the mean length there, so that no length is new.
PROFILED = Specification(
    vectors="random", vocabulary_size=20_000, embedding_size=100, hidden_size=100, batch_size=64, epochs=1
)
LENGTH, STEPS = 230, 10
PARTS = ("recurrent layer", "word vectors", "optimizer", "everything else")

# What an operation's name says about the part of the model that asks for it; the first that fits.
TORCH_PARTS = {
    "recurrent layer": (
        *("mkldnn_rnn_layer", "Steps", "addmm", "aten::mm", "tanh_", "sigmoid_", "lerp", "addcmul_", "aten::cat"),
        "_InParts",
    ),
    "word vectors": ("embedding", "index_select"),
    "optimizer": ("adam", "Adam", "_foreach", "linalg_vector_norm"),
}
KERAS_PARTS = {
    "optimizer": ("Adam", "clip_by", "global_norm"),
    "word vectors": ("/embedding", "UnsortedSegmentSum"),
    "recurrent layer": ("/rnn.", "/while/", "MatMul", "TensorArray", "StatefulPartitionedCall/split"),
}
# A kernel's event is named after its node in the graph and its operation, scope/node:Operation.
KERAS_KERNEL = re.compile(r"[^:]:[^: ]+$")


class Operation(NamedTuple):
    """What a profiler says of all calls of one operation."""

    name: str
    seconds: float
    calls: int


def profiled(framework: str, architecture: str) -> list[Operation]:
    """Train in this process and return the operations, the longest first; none of them counts another's time.

    Parameters
    ----------
    framework : str
        The only one of this process.
    architecture : str
        Of the model.
    """
    room = load_implementation(framework)
    room.configure("cpu", 1, Specification())
    specification = PROFILED.replaced(architecture=architecture)
    reviews = random_reviews([LENGTH] * STEPS * specification.batch_size, specification.vocabulary_size)
    model = room.build(specification, random_weights(specification, specification.vocabulary_size))

    def train() -> None:
        room.train(model, reviews, reviews.take(np.arange(1)), specification, Silent())

    train()  # kernels are chosen and memory is found in the first one
    operations = (_keras_operations if framework == "keras" else _torch_operations)(train)
    return sorted(operations, key=lambda operation: -operation.seconds)


def _torch_operations(train: Callable[[], None]) -> list[Operation]:
    from torch.profiler import ProfilerActivity, profile

    with profile(activities=[ProfilerActivity.CPU]) as profiler:
        train()
    averages = profiler.key_averages()
    return [Operation(average.key, average.self_cpu_time_total / 1e6, average.count) for average in averages]


def _keras_operations(train: Callable[[], None]) -> list[Operation]:
    import tensorflow as tf
    from tensorflow.tsl.profiler.protobuf.xplane_pb2 import XSpace

    with tempfile.TemporaryDirectory() as folder:
        with tf.profiler.experimental.Profile(folder):
            train()
        written = next(Path(folder).rglob("*.xplane.pb"))
        space = XSpace.FromString(written.read_bytes())
    seconds: Counter[str] = Counter()
    calls: Counter[str] = Counter()
    for plane in space.planes:
        kernels = {key: value.name for key, value in plane.event_metadata.items() if KERAS_KERNEL.search(value.name)}
        for event in (event for line in plane.lines for event in line.events):
            name = kernels.get(event.metadata_id)
            if name is not None:
                seconds[name] += event.duration_ps / 1e12
                calls[name] += 1
    return [Operation(name, seconds[name], calls[name]) for name in seconds]


def part_of(framework: str, operation: str) -> str:
    """Return which of `PARTS` an operation belongs to."""
    parts = KERAS_PARTS if framework == "keras" else TORCH_PARTS
    return next((part for part, names in parts.items() if any(name in operation for name in names)), PARTS[-1])


def measure(frameworks: Sequence[str], architectures: Sequence[str]) -> dict[str, Any]:
    """Profile each cell in a process of its own.

    Parameters
    ----------
    frameworks, architectures : sequence of str
        The cells.
    """
    cells = []
    for framework in frameworks:
        for architecture in architectures:
            with Workers([framework]) as ask:
                operations = ask(profiled, framework, architecture)
            seconds = dict.fromkeys(PARTS, 0.0)
            for operation in operations:
                seconds[part_of(framework, operation.name)] += operation.seconds
            longest = [operation._asdict() for operation in operations[:8]]
            cells.append({"framework": framework, "architecture": architecture, "seconds": seconds, "longest": longest})
    return {"machine": this_machine().model_dump(), "commit": this_commit(), "steps": STEPS, "cells": cells}


def lesson_with(results: Path) -> str:
    """Return the lesson with its tables as the results have them."""
    return filled(results, LESSON.read_text(encoding="utf-8"), str(LESSON))


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line and return its exit code."""
    parser = Parser("python -m lessons.training_time", description=__doc__)
    parser.add_argument("--frameworks", nargs="+", choices=FRAMEWORKS, default=FRAMEWORKS, help="default: all four")
    parser.add_argument("--architectures", nargs="+", choices=("lstm", "gru"), default=("lstm", "gru"))
    parser.add_argument(
        "--results", type=FolderPath, default=FolderPath("results"), metavar="DIR", help="default: results"
    )
    parser.add_argument("--overwrite", action="store_true", help=f"replace {RESULT} in it")
    parsed = parser.parse_args(arguments)

    def run() -> int:
        with output(parsed, parsed.results / RESULT, PAGE) as place:
            result = measure(parsed.frameworks, parsed.architectures)
            with place.written() as temporary:
                save_page(temporary, result)
        for table in (parts_table(result), longest_table(result)):
            print_table(table)
        if set(parsed.frameworks) == set(FRAMEWORKS):
            fill(LESSON, lesson_with(parsed.results))
        return 0

    return guarded(run)


if __name__ == "__main__":
    sys.exit(main())
