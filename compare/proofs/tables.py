"""The tables of the proofs: parity with the reference, and checkpoints of one framework opened in another."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from compare.formats import Fates, Parity, Portability, Witness, Witnesses
from compare.names import ARCHITECTURE_TITLES, NO_FRAMEWORK, TITLES
from compare.tables import Cell, Column, Row, Table
from shared.differences import largest, within
from shared.terminal import counted

PARITY_NOTE = (
    "Logits, probabilities and trained probabilities: absolute. Loss and step losses: relative. Gradients: relative to "
    "each array's largest entry. First step: of any weight, in units of the learning rate. A cross: more than allowed."
)


def parity_table(parity: Parity) -> Table:
    """Largest difference of each framework from the reference, and what is allowed."""
    columns = [Column(name, TITLES[name], better="lower", form=".0e") for name in parity.largest]
    allowed = Column("allowed", "Allowed", form=".0e")
    return Table(
        "parity",
        "Largest difference from a NumPy reference in float64",
        (Column("quantity", "Largest difference", "text"), *columns, allowed),
        [
            Row(
                (
                    Cell(quantity),
                    *(
                        Cell(judged(values[quantity], tolerance), values[quantity])
                        for values in parity.largest.values()
                    ),
                    Cell(scientific(tolerance), tolerance),
                )
            )
            for quantity, tolerance in parity.tolerances.items()
        ],
        (f"Over {_measured_cases(parity)} of a hundred steps. {PARITY_NOTE}",),
    )


def _measured_cases(parity: Parity) -> str:
    few = "a few cases only: " if parity.short else ""
    return f"{few}{counted(parity.cases, 'model')} and {counted(parity.trainings, 'training')}"


def scientific(value: float | None) -> str:
    """Show a small number by one digit and its power of ten; None stands for what is not a number."""
    if value is None:
        return "not a number"
    return f"{value:.0e}" if value else "0"


def judged(value: float | None, allowed: float) -> str:
    """Show a difference, with a cross if it is more than what is allowed or is not a number."""
    fine = value is not None and within(value, allowed)
    return scientific(value) if fine else f"{scientific(value)} ✗"


def portability_tables(portability: Portability) -> list[Table]:
    """Largest difference of a probability, trained in by opened in: a table for each architecture."""
    return [
        _opened(portability, f"portability-{architecture}", f"{ARCHITECTURE_TITLES[architecture]}: ", [architecture])
        for architecture in portability.matrices
    ]


def portability_table(portability: Portability) -> Table:
    """Largest difference of a probability over all architectures, trained in by opened in."""
    return _opened(portability, "portability", "", list(portability.matrices))


def _opened(portability: Portability, name: str, about: str, architectures: Sequence[str]) -> Table:
    matrices = [portability.differences(architecture) for architecture in architectures]
    opened_in = [Column(one, TITLES[one], form=".0e") for one in portability.names]
    if portability.without_framework:
        opened_in.append(Column("no_framework", NO_FRAMEWORK, form=".0e"))
    rows = []
    for row, trained_in in enumerate(portability.names):
        entries = []
        for column in range(len(opened_in)):
            found = [matrix[row][column] for matrix in matrices]
            known = [value for value in found if value is not None]
            worst = largest(known) if len(known) == len(found) else None
            entries.append(Cell(judged(worst, portability.tolerance), worst))
        rows.append(Row((Cell(TITLES[trained_in]), *entries)))
    return Table(
        name,
        f"{about}largest difference of a probability, by where a checkpoint was trained and where it was opened",
        (
            Column("trained_in", "Trained in ↓, opened in →", "text"),
            *opened_in,
        ),
        rows,
        (
            f"From what the trainer itself predicted for {portability.reviews:,} test reviews; up to "
            f"{scientific(portability.tolerance)} is allowed. A cross: more than that.",
        ),
    )


def fates_table(fates: Fates) -> Table:
    """How far each run's probabilities are from the float64 reference, at the beginning and at the end of training."""
    columns, values = [], []
    for training in fates.trainings:
        for place, step in ((0, training.steps[0]), (-1, training.steps[-1])):
            title = f"Pooling {training.pooling}, after step {step}"
            columns.append(Column(f"{training.pooling}_{step}", title, better="lower", form=".0e"))
            values.append({run: curves["probabilities"][place] for run, curves in training.differences.items()})
    return Table(
        "fates",
        "Largest difference of a probability from the NumPy reference in float64",
        (Column("run", "Run", "text"), *columns),
        [
            Row(
                (Cell(title_of_run(run)), *(column.cell(one[run]) for column, one in zip(columns, values, strict=True)))
            )
            for run in fates.trainings[0].differences
        ],
        tuple(fates.verdict),
    )


def title_of_run(run: str) -> str:
    """Return what is followed is called: a framework, or the reference in other arithmetic."""
    return TITLES.get(run, f"NumPy, {run}")


WITNESS_MARKS = {"same": "", "unclear": " ?", "different": " ✗"}


def witnesses_table(witnesses: Witnesses) -> Table:
    """Who acts like whom: the difference of accuracy from the own code of the one that is imitated."""
    likes = list(dict.fromkeys(row.like for row in witnesses.rows))
    found = {(row.framework, row.like): row for row in witnesses.rows}
    accuracy = {name: Column(name, f"like {TITLES[name]}", unit="points", form="+.2f", scale=100) for name in likes}
    shown = Column("own", "", form=".2f", scale=100)
    own = [shown.cell(_mean_own([row for row in witnesses.rows if row.like == like])) for like in likes]
    rows = [Row((Cell("its own code, accuracy in %"), *own))]
    for framework in dict.fromkeys(row.framework for row in witnesses.rows):
        cells = [_witness_cell(accuracy[like], found.get((framework, like))) for like in likes]
        rows.append(Row((Cell(TITLES[framework]), *cells), {"framework": framework}))
    seeds = sorted({seed for row in witnesses.rows for seed in row.seeds})
    return Table(
        "witnesses",
        "Every framework told to act like another, against that one's own code",
        (Column("framework", f"{ARCHITECTURE_TITLES[witnesses.architecture]} in", "text"), *accuracy.values()),
        rows,
        (
            "Test accuracy of the framework that is told, less that of the own code above; in brackets 95 % "
            f"t-intervals over the seeds {', '.join(map(str, seeds))}, taken seed by seed. "
            f"{witnesses.sizes['train']:,} reviews to train on, {witnesses.sizes['test']:,} to test.",
            f"A question mark: the interval reaches beyond {100 * witnesses.tolerance:g} point, so more seeds would be "
            "needed. A cross: it does, and 0 is not in it.",
        ),
    )


def _mean_own(rows: Sequence[Witness]) -> float:
    """Return the mean of the own code's accuracies over all seeds that any row has."""
    of_seeds = {seed: accuracy for row in rows for seed, accuracy in zip(row.seeds, row.own_accuracies, strict=True)}
    return sum(of_seeds.values()) / len(of_seeds)


def _witness_cell(column: Column, row: Witness | None) -> Cell:
    if row is None:
        return column.cell(None)
    cell = column.cell(row.difference.mean, row.difference.low, row.difference.high)
    return replace(cell, text=cell.text + WITNESS_MARKS[row.verdict])
