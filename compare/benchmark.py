"""Speed of each framework against its own documented way, measured in pairs in one run."""

from __future__ import annotations

import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from rich.console import Console
from rich.table import Table

from shared.contract import module_name
from shared.data.batches import Batches
from shared.data.encoding import load_corpus
from shared.errors import LockstepError
from shared.files import write_json
from shared.history import Recorder, Silent, read_history
from shared.runs import this_commit, this_machine
from shared.specification import RECIPES, Specification, flags_of

# The sizes of the published measurements that the design cites. Two epochs: the first one also
# traces graphs and warms caches, the second is what is measured.
MEASURED = Specification(
    reviews=3_500,
    max_length=400,
    truncation="head",
    vectors="random",
    embedding_size=100,
    hidden_size=100,
    epochs=2,
    batch_size=64,
)


def run_benchmark(frameworks: Sequence[str], architectures: Sequence[str], repeats: int, out: Path) -> None:
    """Measure, print a table, and write the numbers.

    Parameters
    ----------
    frameworks, architectures : sequences of str
        What to measure.
    repeats : int
        Pairs of (lockstep, documented way); the ratio is taken within a pair.
    out : Path
        A JSON file.

    Raises
    ------
    LockstepError
        If a measurement fails.
    """
    console = Console(highlight=False)
    results = []
    for architecture in architectures:
        for framework in frameworks:
            pairs = []
            for repeat in range(repeats):
                pair = {recipe: _reviews_per_second(framework, architecture, recipe) for recipe in RECIPES}
                console.print(
                    f"{framework} {architecture} {repeat + 1}/{repeats}: "
                    f"lockstep {pair['lockstep']:,.0f}, as documented {pair['idiomatic']:,.0f} reviews/s"
                )
                pairs.append(pair)
            results.append({"framework": framework, "architecture": architecture, "pairs": pairs, **_ratios(pairs)})
    harness = _harness_seconds()
    for result in results:
        training = harness["reviews"] / result["lockstep"]["median"]
        result["harness_share"] = harness["seconds"] / training
    write_json(
        out,
        {
            "specification": MEASURED.model_dump(),
            "machine": this_machine().model_dump(),
            "commit": this_commit(),
            "harness": harness,
            "results": results,
        },
    )
    console.print(_table(results))
    console.print(str(out))


def _reviews_per_second(framework: str, architecture: str, recipe: str) -> float:
    """Train in a process of its own and return the speed of its second epoch."""
    chosen = MEASURED.replaced(recipe=recipe, architecture=architecture)
    # In the idiomatic recipe the framework's documentation decides all but the sizes.
    sizes = {"data", "reviews", "max_length", "truncation", "vectors", "architecture", "embedding_size"}
    sizes |= {"hidden_size", "epochs", "batch_size", "recipe"}
    flags = flags_of(chosen.model_dump(include=sizes))
    with tempfile.TemporaryDirectory() as folder:
        target = Path(folder) / "run"
        command = [sys.executable, "-m", module_name(framework), "train", *flags, "--out", str(target)]
        done = subprocess.run([*command, "--progress", "none"], capture_output=True, text=True)
        if done.returncode:
            raise LockstepError(f"{framework} {architecture} failed: {done.stderr.strip().splitlines()[-1]}")
        seconds = read_history(target / "history.csv")[-1].seconds
    return len(load_corpus(MEASURED).train) / seconds


def _ratios(pairs: Sequence[dict[str, float]]) -> dict[str, Any]:
    ratios = np.array([pair["lockstep"] / pair["idiomatic"] for pair in pairs])
    columns = {recipe: np.array([pair[recipe] for pair in pairs]) for recipe in RECIPES}
    return {name: _quartiles(values) for name, values in {**columns, "ratio": ratios}.items()}


def _quartiles(values: np.ndarray) -> dict[str, float]:
    low, median, high = np.percentile(values, [25, 50, 75])
    return {"low": float(low), "median": float(median), "high": float(high)}


def _harness_seconds() -> dict[str, float]:
    """Seconds that our own part of one epoch takes: order, batches, dropout masks, records."""
    reviews = load_corpus(MEASURED).train
    batches = Batches(reviews, MEASURED)
    recorder = Recorder(MEASURED, len(batches), reviews.labels, Silent(), dict, lambda _: None)
    recorder.start_epoch()
    started = time.perf_counter()
    for batch in batches.epoch(0):
        recorder.step(0.5, 0, len(batch.labels), 1e-3)
    return {"seconds": time.perf_counter() - started, "reviews": len(reviews)}


def _table(results: Sequence[dict[str, Any]]) -> Table:
    table = Table("model", title="training, reviews/s: median (quartiles)")
    for heading in ("lockstep", "as documented", "ratio", "harness"):
        table.add_column(heading, justify="right")
    for result in results:
        table.add_row(
            f"{result['framework']} {result['architecture']}",
            *(_shown(result[recipe], "{:,.0f}") for recipe in RECIPES),
            _shown(result["ratio"], "{:.2f}"),
            f"{result['harness_share']:.2%}",
        )
    return table


def _shown(quartiles: dict[str, float], form: str) -> str:
    low, median, high = (form.format(quartiles[name]) for name in ("low", "median", "high"))
    return f"{median} ({low}–{high})"
