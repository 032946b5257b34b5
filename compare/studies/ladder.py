"""What one choice is worth: a recipe with one thing switched at a time, seed by seed."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
from scipy.stats import t

from compare.grid.driver import Cell, cells_of_grid, run_cells
from compare.studies.figures import ladder_figure
from compare.studies.tables import ladder_table, rungs_table
from compare.tables import as_markdown, escaped, print_table
from shared.errors import LockstepError
from shared.files import save_page
from shared.output import PAGE, written
from shared.runs import Record, is_finished, read_run, run_directory
from shared.specification import PRESETS, Specification
from shared.terminal import say

BASE = "lockstep"


@dataclass(frozen=True)
class Rung:
    """One choice that is switched.

    Attributes
    ----------
    name : str
        Its directory's.
    title : str
        What is switched.
    whose : str
        Whose default it is, or who proposed it.
    changes : mapping
        Fields of the specification.
    against : str
        The rung that it is compared with: the recipe, or the one that differs from it in this
        default alone.
    not_in : tuple of str
        Frameworks that cannot do it, and cells that have no such choice.
    """

    name: str
    title: str
    whose: str = ""
    changes: Mapping[str, object] = field(default_factory=dict)
    against: str = BASE
    not_in: tuple[str, ...] = ()


RUNGS = (
    Rung(BASE, "the lockstep recipe"),
    # What the model is.
    Rung("last-state", "last state alone, not last, max and mean", "Keras, PyTorch", {"pooling": "last"}),
    Rung(
        "second-bias",
        "a second bias, trained",
        "PyTorch, Flair, fastai",
        {"second_bias": True},
        not_in=("keras", "reference", "gru"),
    ),
    Rung("frozen-vectors", "word vectors stay as they are", "Flair", {"train_embedding": False}),
    Rung("head-sigmoid", "one number and its sigmoid, not two and their softmax", "Keras", {"head": "sigmoid"}),
    # What is dropped of it in training.
    Rung("spatial-dropout", "whole channels of the words dropped", "Tompson et al. 2015", {"spatial_dropout": 0.3}),
    Rung("recurrent-dropout", "units of the state dropped", "Gal & Ghahramani 2016", {"recurrent_dropout": 0.3}),
    # Where it starts. Keras' distributions are the recipe's.
    Rung("initialisation-pytorch", "initial weights of PyTorch", "PyTorch", {"initialisation": "pytorch"}),
    Rung("initialisation-fastai", "initial weights of fastai", "fastai", {"initialisation": "fastai"}),
    Rung("random-vectors", "word vectors drawn, not pretrained", "Keras, PyTorch, fastai", {"vectors": "random"}),
    Rung(
        "random-vectors-pytorch",
        "initial weights of PyTorch, vectors standard normal",
        "PyTorch",
        {"vectors": "random", "initialisation": "pytorch"},
        "random-vectors",
    ),
    Rung(
        "random-vectors-fastai",
        "initial weights of fastai, vectors 0.01 wide",
        "fastai",
        {"vectors": "random", "initialisation": "fastai"},
        "random-vectors",
    ),
    # What it reads.
    Rung("padding-right", "padding right, read as words", "PyTorch's pad_sequence", {"padding": "right"}),
    Rung("padding-left", "padding left, read as words", "Keras' pad_sequences", {"padding": "left"}),
    Rung(
        "last-state-padding-right",
        "padding right, read as words",
        "PyTorch's pad_sequence",
        {"pooling": "last", "padding": "right"},
        "last-state",
    ),
    Rung(
        "last-state-padding-left",
        "padding left, read as words",
        "Keras' pad_sequences",
        {"pooling": "last", "padding": "left"},
        "last-state",
    ),
    Rung("truncation-head", "beginnings are read, not ends", "Keras' TextVectorization", {"truncation": "head"}),
    # In which steps it is trained.
    Rung("batch-order-shuffled", "batches of any length", "Keras, PyTorch, Flair", {"batch_order": "shuffled"}),
    Rung("batch-size-32", "batches of 32", "Keras, Flair", {"batch_size": 32}),
    Rung("schedule-constant", "constant learning rate", "Keras, PyTorch", {"schedule": "constant"}),
    Rung("schedule-one-cycle", "one cycle", "fastai", {"schedule": "one_cycle"}),
    Rung("learning-rate-1e-3", "learning rate 0.001", "Keras, PyTorch, fastai", {"learning_rate": 1e-3}),
    # By which arithmetic.
    Rung("epsilon-1e-8", "Adam's epsilon 1e-8", "PyTorch", {"epsilon": 1e-8}),
    Rung("epsilon-before", "epsilon before the bias correction", "Keras", {"epsilon_place": "before"}),
    Rung("adam-fastai", "beta_2 0.99 and epsilon 1e-5", "fastai", {"beta_2": 0.99, "epsilon": 1e-5}),
    Rung("no-clipping", "no clipping", "Keras, PyTorch, fastai", {"gradient_clipping": 0.0}),
    Rung("class-weights", "classes weigh alike, not reviews", "King & Zeng 2001", {"class_weights": "balanced"}),
    Rung("loss-sum", "sum of the losses, not their mean", "Flair", {"loss_reduction": "sum"}),
    Rung(
        "loss-sum-no-clipping",
        "sum of the losses, not their mean",
        "Flair",
        {"loss_reduction": "sum", "gradient_clipping": 0.0},
        "no-clipping",
    ),
)

# Of the second round, which starts from a language model.
WIDE = {name: getattr(PRESETS["wide"], name) for name in ("hidden_size", "learning_rate", "word_dropout")}
# What makes the full recipe good, each taken away, and what it leaves out, each put in.
ABLATION = (
    Rung(BASE, "the full recipe"),
    Rung("no-word-dropout", "no word dropout", "Gal & Ghahramani 2016", {"word_dropout": 0.0}),
    Rung("no-dropout", "no dropout of features", "Srivastava et al. 2014", {"dropout": 0.0}),
    Rung("last-state", "last state alone, not last, max and mean", "Howard & Ruder 2018", {"pooling": "last"}),
    Rung("max-pooling", "maximum alone", "Conneau et al. 2017", {"pooling": "max"}),
    Rung("random-vectors", "word vectors drawn, not learnt before", "Mikolov et al. 2013", {"vectors": "random"}),
    Rung("labelled-vectors", "word vectors of the labelled reviews", "Dai & Le 2015", {"unlabelled": "none"}),
    Rung("schedule-constant", "constant learning rate", "Goyal et al. 2017", {"schedule": "constant"}),
    Rung("batch-size-128", "batches of 128", "Masters & Luschi 2018", {"batch_size": 128}),
    Rung("truncation-head", "beginnings are read, not ends", "Sun et al. 2019", {"truncation": "head"}),
    Rung("max-length-256", "256 words are read, not 400", "Dai & Le 2015", {"max_length": 256}),
    Rung("two-layers", "two recurrent layers", "Graves et al. 2013", {"layers": 2}),
    Rung("weight-averaging", "mean of the last half's weights", "Polyak & Juditsky 1992", {"weight_averaging": 0.5}),
    Rung("pseudo-labels", "trained on pseudo-labels too", "Yarowsky 1995, Hinton et al. 2015"),
    Rung("wide", "256 units, word dropout 0.25, learning rate 0.001", "Dai & Le 2015", WIDE),
    Rung("language-model", "starts from a language model", "Dai & Le 2015", against="wide"),
    Rung("both", "pseudo-labels too", "Dai & Le 2015, Yarowsky 1995", against="language-model"),
)


@dataclass(frozen=True)
class Study:
    """A set of rungs and how its table is called.

    Attributes
    ----------
    name : str
        Of its files.
    title, heading : str
        Of the page, and of the column that says whose a rung is.
    rungs : tuple of Rung
        The recipe first.
    """

    name: str
    title: str
    heading: str
    rungs: tuple[Rung, ...]


DEFAULTS = Study("ladder", "What each default is worth", "whose", RUNGS)


def ablation(language_model: str, pseudo_labels: str) -> Study:
    """Return the study of the full recipe; what was not made, said by ``none``, is left out.

    Parameters
    ----------
    language_model : str
        For ``--start-from``, of as many units as the second round has, or ``none``.
    pseudo_labels : str
        For ``--pseudo-labels``, or ``none``.
    """
    made: dict[str, dict[str, object]] = {
        "pseudo-labels": {"pseudo_labels": pseudo_labels},
        "language-model": {**WIDE, "start_from": language_model},
        "both": {**WIDE, "start_from": language_model, "pseudo_labels": pseudo_labels},
    }
    rungs = [replace(rung, changes=made.get(rung.name, rung.changes)) for rung in ABLATION]
    kept = tuple(rung for rung in rungs if "none" not in made.get(rung.name, {}).values())
    return Study("ablation", "What each part of the full recipe is worth", "source", kept)


# Reviews with other labels or none may be learnt from in one rung and not in another; all are tested on the same.
LEARNT_FROM = {"unlabelled", "pseudo_labels"}


def rungs_of(
    specification: Specification, framework: str, names: Collection[str] = (), study: Study = DEFAULTS
) -> list[Rung]:
    """Return the rungs that change something here, each against one that is kept too.

    Parameters
    ----------
    specification : Specification
        The recipe; a default that it has already cannot be switched.
    framework : str
        Leaves out what it cannot do.
    names : collection of str
        Only these, and what they are compared with; none is all.
    study : Study
        Whose rungs.

    Raises
    ------
    LockstepError
        If there is no rung with such a name.
    """
    known = [rung.name for rung in study.rungs]
    for name in names:
        if name not in known:
            raise LockstepError(f"unknown rung {name!r}: choose among {', '.join(known)}")
    wanted = {BASE, *names, *(rung.against for rung in study.rungs if rung.name in names)} if names else set(known)
    possible = [rung for rung in study.rungs if not {framework, specification.cell} & set(rung.not_in)]
    made = {rung.name: specification.replaced(**rung.changes) for rung in possible}
    same_as: dict[str, str] = {}  # a rung that changes nothing is the one that it is compared with
    kept = []
    for rung in possible:
        idle = rung.name != BASE and made[rung.name] == made[rung.against]
        same_as[rung.name] = same_as[rung.against] if idle else rung.name
        if rung.name in wanted and not idle:
            kept.append(replace(rung, against=same_as[rung.against]))
    return kept


def run_ladder(
    runs: Path,
    study: Study,
    specification: Specification,
    framework: str,
    seeds: Sequence[int],
    rungs: Sequence[Rung],
    *,
    given: Mapping[str, object],
    machine: Sequence[str],
    jobs: int,
) -> int:
    """Train what is not finished, print the table, and write it as ``.json``, ``.md`` and ``.svg``.

    Parameters
    ----------
    runs : Path
        Holds ``<rung>/<framework>/<architecture>/seed-<n>``, and what is written.
    study : Study
        What the table and its files are called.
    specification : Specification
        Of the lowest rung, but for the seed.
    framework : str
        That trains all of them.
    seeds : sequence of int
        Rungs are compared seed by seed.
    rungs : sequence of Rung
        As `rungs_of` gives them.
    given : mapping
        What makes the specification: ``preset``, and fields that are not the preset's.
    machine : sequence of str
        Flags about the machine, passed on to each cell.
    jobs : int
        Cells that run side by side.

    Returns
    -------
    int
        How many cells failed.

    Raises
    ------
    LockstepError
        If a finished run was made with another specification, or none of the recipe's is finished.
    """
    cells: list[Cell] = []
    for seed in seeds:  # all rungs of a seed one after the other: their speeds are compared
        for rung in rungs:
            asked, whole = specification.replaced(**rung.changes), {**given, **rung.changes}
            (cell,) = cells_of_grid(
                runs / rung.name, asked, [framework], [asked.architecture], [seed], whole, machine, baselines=False
            )
            cells.append(replace(cell, title=f"{rung.name} seed {seed}"))
    failed = run_cells(runs, specification, cells, jobs, elsewhere="--out")
    records = {rung.name: _records(runs / rung.name, framework, specification.architecture, seeds) for rung in rungs}
    summary = summarise_ladder(rungs, records)
    summary = {"title": study.title, "heading": study.heading, **summary}
    pages: dict[str, str | dict[str, Any]] = {
        ".json": summary,
        ".svg": ladder_figure(summary["rungs"]),
        ".md": _page(study, summary),
    }
    for suffix, content in pages.items():
        with written(runs / f"{study.name}{suffix}", PAGE) as temporary:
            save_page(temporary, content)
    print_table(rungs_table(summary))
    say(str(runs / f"{study.name}.md"))
    return failed


def _records(rung: Path, framework: str, architecture: str, seeds: Sequence[int]) -> dict[int, Record]:
    """Return the records by seed; a run that is damaged has failed, and is left out."""
    found = {}
    for seed in seeds:
        place = run_directory(rung, framework, architecture, seed)
        if is_finished(place):
            with suppress(LockstepError):
                found[seed] = read_run(place).record
    return found


def summarise_ladder(rungs: Sequence[Rung], records: Mapping[str, Mapping[int, Record]]) -> dict[str, Any]:
    """Return what the table shows, ready for JSON.

    Parameters
    ----------
    rungs : sequence of Rung
        In the order of the table.
    records : mapping
        Of each rung, by its name and then by seed. A rung is compared over the seeds for which both
        it and what it is compared with are finished; one without such a seed is left out.

    Raises
    ------
    LockstepError
        If the recipe itself is not among the records, or two were not made with the same reviews.
    """
    if not records[BASE]:
        raise LockstepError("no run of the recipe itself is finished: nothing can be compared with it")
    first = next(iter(records[BASE].values()))
    alike = [records[rung.name] for rung in rungs if not LEARNT_FROM & rung.changes.keys()]
    if len({record.data.fingerprint for of_rung in alike for record in of_rung.values()}) > 1:
        raise LockstepError("the rungs were not made with the same reviews (their fingerprints differ)")
    titles = {rung.name: rung.title for rung in rungs}
    rows = [_row(rung, titles[rung.against], records[rung.name], records[rung.against]) for rung in rungs]
    return {
        "framework": first.framework,
        "framework_version": first.framework_version,
        "architecture": first.architecture,
        "specification": {name: value for name, value in first.specification.items() if name != "seed"},
        "data": first.data.model_dump(),
        "machine": first.machine.model_dump(),
        "threads": first.threads,
        "commits": sorted({record.commit for of_rung in records.values() for record in of_rung.values()}),
        "rungs": [row for row in rows if row["seeds"]],
    }


def _row(rung: Rung, against_title: str, own: Mapping[int, Record], other: Mapping[int, Record]) -> dict[str, Any]:
    seeds = [seed for seed in own if seed in other]
    pairs = [(own[seed], other[seed]) for seed in seeds]
    tests = [(one.metrics["test"], two.metrics["test"]) for one, two in pairs]
    speeds = np.array([[one.reviews_per_second["training"], two.reviews_per_second["training"]] for one, two in pairs])
    row = {
        "name": rung.name,
        "title": rung.title,
        "whose": rung.whose,
        "changes": dict(rung.changes),
        "against": rung.against,
        "against_title": against_title,
        "seeds": seeds,
        "accuracy_of_seeds": [one["accuracy"] for one, _ in tests],
        "reviews_per_second_of_seeds": [one.reviews_per_second["training"] for one, _ in pairs],
    }
    if rung.name != BASE and seeds:
        row["accuracy_difference"] = _interval([one["accuracy"] - two["accuracy"] for one, two in tests])
        row["log_loss_difference"] = _interval([one["log_loss"] - two["log_loss"] for one, two in tests])
        logarithms = _interval(np.log(speeds[:, 0] / speeds[:, 1]))
        row["speed_ratio"] = {
            name: value if value is None else float(np.exp(value)) for name, value in logarithms.items()
        }
    return row


def _interval(values: Sequence[float] | np.ndarray) -> dict[str, float | None]:
    """Mean and 95 % t-interval; one value has none."""
    mean, count = float(np.mean(values)), len(values)
    if count < 2:
        return {"mean": mean, "low": None, "high": None}
    half = float(t.ppf(0.975, count - 1) * np.std(values, ddof=1) / np.sqrt(count))
    return {"mean": mean, "low": mean - half, "high": mean + half}


def _page(study: Study, summary: dict[str, Any]) -> str:
    sizes, seeds = summary["data"]["sizes"], summary["rungs"][0]["seeds"]
    model = escaped(f"{summary['framework']} {summary['framework_version']}, {summary['architecture']}")
    return f"""# {study.title}

{model}, {sizes["train"]:,} reviews to train on, {sizes["test"]:,} to test, seeds {", ".join(map(str, seeds))}.
Every row is trained by the same recipe with one thing switched, and compared with the same seed without the
switch; in brackets 95 % t-intervals over the seeds.

{as_markdown(ladder_table(summary), caption=False)}
![difference of test accuracy by what is switched]({study.name}.svg)
"""
