"""Every flag of every command, with values at and beyond every extreme."""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from functools import partial
from random import Random

from tests.attack.commands import WRITTEN, actions, name_of
from tests.attack.harness import FAILED, FINE, REFUSED, Case, Scene, check_kept, check_manners, snapshot
from tests.attack.materials import PREDICT, TEXT, TRAIN, TRAINING
from tests.attack.outputs import EXPLAINED, GRID, STUDY

VALUES = (
    *("", " ", "0", "-1", "-0", "1e400", "-1e400", "nan", "inf", "-inf", "1e-400", "0.5", "1.5", "1_000", "+1", "0x10"),
    *(
        str(2**31),
        str(2**32),
        str(2**63),
        str(2**64),
        "9" * 5_000,
        "٣",
        "\uff11",
        "½",
        "²",
        "1 ",
        "\n1",
        "None",
        "null",
    ),
    *(
        "x" * 5_000,
        "\x1b[31mred\x1b[0m",
        "[/bold]",
        "<script>",
        "a|b",
        "\u202eold",
        "\udcff\udcfe",
        "\x07",
        "a\nb",
        "é",
    ),
    *(
        "-",
        "--",
        ".",
        "precious",
        "nowhere/at/all",
        "precious/thesis.txt",
        "true",
        "1,2",
        "[1]",
        "{}",
        "%s",
        "{0}",
        "~",
    ),
)

BASES: dict[tuple[str, str], tuple[str, ...]] = {
    ("shared.reference", "train"): (*TRAIN, "--out", "made"),
    ("shared.reference", "predict"): (*PREDICT, "a great film"),
    ("shared.data", "describe"): ("shared.data", "describe", *TEXT, "--vectors", "random", "--minimum-count", "1"),
    ("shared.vectors", "train"): (
        *("shared.vectors", "train", "--data", "reviews.csv", "--embedding-size", "4", "--epochs", "1"),
        *("--out", "made.txt"),
    ),
    ("shared.vectors", "neighbours"): ("shared.vectors", "neighbours", "great", "--vectors", "vectors.txt"),
    ("shared.vectors", "analogy"): ("shared.vectors", "analogy", "great", "film", "bad", "--vectors", "vectors.txt"),
    ("shared.vectors", "plot"): (
        *("shared.vectors", "plot", "--vectors", "vectors.txt", "--count", "6", "--out", "made.svg"),
    ),
    ("compare", "predict"): ("compare", "predict", "model", "a great film"),
    ("compare", "report"): ("compare", "report", "experiment", "--out", "made"),
    ("compare", "ensemble"): ("compare", "ensemble", "experiment", "--out", "made.json"),
    ("compare", "label"): ("compare", "label", "experiment", "--out", "made.parquet"),
    ("compare", "portability"): ("compare", "portability", "experiment"),
    ("compare", "convert"): ("compare", "convert", "model", "made"),
    ("compare", "baseline"): ("compare", "baseline", "majority", *TRAINING, "--out", "made"),
    ("compare", "run"): ("compare", "run", *GRID, "--runs", "made"),
    ("compare", "ladder"): ("compare", "ladder", *STUDY, "--out", "made"),
    ("compare", "ablation"): ("compare", "ablation", *STUDY, "--out", "made"),
    ("compare", "explain"): ("compare", "explain", *EXPLAINED, "--out", "made"),
    ("compare", "diff"): ("compare", "diff", "model", "keras"),
}
GRIDS = {("compare", "run"), ("compare", "ladder"), ("compare", "ablation"), ("compare", "explain")}
# They end with 1 if models differ.
JUDGES = ("portability", "diff")


def _no_cells() -> None:
    """Have a grid start no processes: what it is asked for is what is attacked."""
    import compare.grid.cells
    import compare.grid.driver

    for module in (compare.grid.driver, compare.grid.cells):
        if hasattr(module, "run_cells"):
            module.run_cells = lambda *_, **__: 1


def _attempt(key: tuple[str, str], flag: str, value: str, scene: Scene) -> None:
    words = [*BASES[key]]
    if flag.startswith("-"):
        # argparse itself drops what stands in --flag=--
        words += [f"{flag}={value}"] if value != "--" and scene.random.random() < 0.7 else [flag, value]
    else:
        words.append(value)
    before = snapshot(scene.folder)
    done = scene.run(*words, prepare=_no_cells if key in GRIDS else None)
    check_manners(done, {FINE, REFUSED} | ({FAILED} if key in GRIDS or key[1] in JUDGES else set()))
    after = snapshot(scene.folder)
    # Whatever the flag was, what stood there stands there still.
    made = {name: state for name, state in after.items() if name in before}
    check_kept(before, made, ["experiment/portability.json"])
    if done.code == REFUSED:
        check_kept(before, after)


def _positional(key: tuple[str, str], value: str, scene: Scene) -> None:
    """A command's first argument."""
    words = list(BASES[key])
    words[2] = value
    before = snapshot(scene.folder)
    done = scene.run(*words, prepare=_no_cells if key in GRIDS else None)
    check_manners(done, {FINE, REFUSED, FAILED} if key[1] in JUDGES else {FINE, REFUSED})
    check_kept(before, {name: state for name, state in snapshot(scene.folder).items() if name in before})


def cases(random: Random) -> Iterator[Case]:
    for module, command, action in actions(dict.fromkeys(module for module, _ in BASES)):
        key = module, command
        if key not in BASES or not action.option_strings or action.nargs == 0:
            continue
        if isinstance(action, argparse.BooleanOptionalAction):
            continue
        flag = name_of(action)
        values = random.sample(VALUES, 6 if module == "shared.reference" else 3)
        for value in values:
            if action.type in WRITTEN and value in (".", "~", ""):
                continue  # that is for the kind `outputs`
            yield Case(f"{module} {command} {flag} {value[:30]!r}", partial(_attempt, key, flag, value))
    for key in (
        ("compare", name) for name in ("report", "ensemble", "label", "portability", "convert", "baseline", "diff")
    ):
        for value in random.sample(VALUES, 12):
            if not value.startswith("-"):
                yield Case(f"compare {key[1]} {value[:30]!r}", partial(_positional, key, value))
