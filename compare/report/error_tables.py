"""Tables of errors: where models fail, how sure they are, and which classes they confuse."""

from __future__ import annotations

from collections.abc import Sequence

from compare.report.columns import (
    MODEL,
    everything,
    interval_entry,
    numbers,
    points,
    row_of,
    share,
)
from compare.report.form import (
    Statistics,
)
from compare.report.verdict import title_of
from compare.tables import Cell as Entry
from compare.tables import Column, Row, Table

SHORT_NAME = 24  # letters of a class's name in a heading


def slice_table(statistics: Statistics) -> Table:
    """Accuracy on some of the reviews: by length, by unknown words, by what they say."""
    columns = [
        share(f"{one.kind}: {one.label}", f"{one.kind}: {one.label} ({one.reviews:,} reviews)", form=".1f")
        for one in statistics.slices
    ]
    rows = [
        row_of(
            cell,
            *(
                interval_entry(column, one.accuracy[cell.name]) if cell.name in one.accuracy else column.cell(None)
                for column, one in zip(columns, statistics.slices, strict=True)
            ),
        )
        for cell in everything(statistics)
        if any(cell.name in one.accuracy for one in statistics.slices)
    ]
    return Table(
        "slices",
        "Accuracy by kind of review",
        (MODEL, *columns),
        rows,
        ("In brackets 95 % intervals. Means over the seeds that are compared.",),
    )


def calibration_table(statistics: Statistics) -> Table:
    """Whether models are as often right as they are sure."""
    cells = {cell.name: cell for cell in everything(statistics)}
    confidence = share("confidence", "Mean confidence", None)
    accuracy = share("accuracy", "Right", None)
    gap = points("gap", "Too sure by", "+.2f")
    rows = []
    for one in statistics.calibrations:
        total = sum(found.predictions for found in one.bins)
        if not total:
            continue
        sure, right = (
            sum(found.predictions * (getattr(found, part) or 0) for found in one.bins) / total
            for part in ("confidence", "accuracy")
        )
        rows.append(row_of(cells[one.cell], confidence.cell(sure), accuracy.cell(right), gap.cell(sure - right)))
    return Table(
        "calibration",
        "How sure the models are, and how often they are right",
        (MODEL, confidence, accuracy, gap),
        rows,
        ("Confidence is the probability of the predicted class. Above zero a model is surer than it should be.",),
    )


def confusion_tables(statistics: Statistics) -> list[Table]:
    """Which class is taken for which: of each cell a matrix, or of many classes the most confused pairs."""
    names = statistics.data.class_names
    tables = []
    for one in statistics.confusions:
        note = (f"Summed over {'seed' if len(one.seeds) == 1 else 'seeds'} {numbers(one.seeds)}.",)
        about = f"confusion-{one.cell.replace('/', '-')}", title_of(one.cell)
        if one.matrix is not None:
            tables.append(_matrix(*about, names, one.matrix, note))
            continue
        reviews, of_class = Column("reviews", "Test reviews", form=",.0f"), share("share", "Of the class", None, ".1f")
        rows = [
            Row(
                (
                    Entry(names[pair.label]),
                    Entry(names[pair.prediction]),
                    reviews.cell(pair.reviews),
                    of_class.cell(pair.share),
                )
            )
            for pair in one.pairs
        ]
        columns = Column("class", "Class", "text"), Column("predicted", "Predicted", "text"), reviews, of_class
        tables.append(Table(about[0], f"{about[1]}: the classes that are confused most often", columns, rows, note))
    return tables


def _matrix(
    name: str, title: str, names: Sequence[str], matrix: Sequence[Sequence[int]], notes: Sequence[str]
) -> Table:
    columns = [Column(f"predicted: {one}", f"Predicted {_shortened(one)}", form=",d") for one in names]
    rows = [
        Row((Entry(_shortened(label)), *(column.cell(value) for column, value in zip(columns, values, strict=True))))
        for label, values in zip(names, matrix, strict=True)
    ]
    return Table(
        name,
        f"{title}: test reviews by their class and by the class predicted",
        (Column("class", "Class", "text"), *columns),
        rows,
        notes,
    )


def _shortened(name: str) -> str:
    return name if len(name) <= SHORT_NAME else f"{name[: SHORT_NAME - 1]}…"
