"""An explanation in words, as tables, and drawn in letters."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from compare.explain.form import Changed, Explained, Part
from compare.names import ARCHITECTURE_TITLES, TITLES
from compare.tables import Cell, Column, Row, Table

NAMED = 3  # parts in a sentence
WIDTH = 36  # letters of a bar's line
SHOWN = 0.0005  # a smaller difference is 0.0 points
# Of the two ends it was measured; between them it is where the parts add up to.
ACCURACY = Column("accuracy", "test accuracy, or the sum so far", unit="%", form=".1f", scale=100, data_unit="share")
WORTH = Column("accuracy_difference", "worth", unit="points", form="+.1f", scale=100, data_unit="share")
LOG_LOSS = Column("log_loss_difference", "log loss", form="+.3f")
EARLY = Column("early", "if early", unit="points", form="+.1f", scale=100, data_unit="share")
LATE = Column("late", "if late", unit="points", form="+.1f", scale=100, data_unit="share")


def shown(value: object) -> str:
    """Return a value of a field as it is typed; a dash where the field has no meaning."""
    if value is None:
        return "–"
    if isinstance(value, bool):
        return "yes" if value else "no"
    return f"{value:g}" if isinstance(value, float) else str(value)


def change(fields: Sequence[Changed]) -> str:
    """Say what fields are changed from and to."""
    return "; ".join(f"{shown(field.first)} → {shown(field.second)}" for field in fields)


def fields_table(fields: Sequence[Changed], first: str, second: str) -> Table:
    """Show the fields that differ, at both ends."""
    columns = ("field", "field"), ("first", first), ("second", second), ("meaning", "what it is")
    return Table(
        "fields",
        "What differs",
        [Column(name, title, "text") for name, title in columns],
        [
            Row(
                (
                    Cell(field.name, style="code"),
                    Cell(shown(field.first)),
                    Cell(shown(field.second)),
                    Cell(field.meaning),
                )
            )
            for field in fields
        ],
    )


def levels(explained: Explained) -> Iterator[tuple[Part, float, float]]:
    """Yield each part with the accuracy before and after it, from the first end to the second."""
    level = explained.first.accuracy.mean
    for part in explained.parts:
        yield part, level, level + part.accuracy.mean
        level += part.accuracy.mean


def explanation_table(explained: Explained) -> Table:
    """Show each part: its fields, and what they are worth."""
    columns = (Column("part", "what is changed", "text"), Column("change", "from → to", "text"), ACCURACY)
    rows = [
        Row((Cell(explained.first.title, style="emphasis"), Cell(""), _accuracy(explained, 0), *[Cell("")] * 4)),
        *(
            Row(
                (
                    Cell(part.name, style="code" if part.kind == "field" else ""),
                    Cell(change(part.fields)),
                    ACCURACY.cell(after),
                    WORTH.cell(part.accuracy.mean, part.accuracy.low, part.accuracy.high),
                    LOG_LOSS.cell(part.log_loss.mean, part.log_loss.low, part.log_loss.high),
                    EARLY.cell(part.early, missing=""),
                    LATE.cell(part.late, missing=""),
                )
            )
            for part, _, after in levels(explained)
        ),
        Row(
            (
                Cell(explained.second.title, style="emphasis"),
                Cell(""),
                _accuracy(explained, 1),
                WORTH.cell(*_of(explained.accuracy_difference)),
                LOG_LOSS.cell(*_of(explained.log_loss_difference)),
                *[Cell("")] * 2,
            )
        ),
    ]
    title = f"From {explained.first.title} to {explained.second.title}"
    return Table("explanation", title, (*columns, WORTH, LOG_LOSS, EARLY, LATE), rows, notes(explained))


def _of(interval: object) -> tuple[float, float | None, float | None]:
    return interval.mean, interval.low, interval.high  # type: ignore[attr-defined]


def _accuracy(explained: Explained, place: int) -> Cell:
    return ACCURACY.cell(*_of((explained.first, explained.second)[place].accuracy))


def waterfall_table(explained: Explained) -> Table:
    """Draw the waterfall in letters, for a terminal."""
    steps = list(levels(explained))
    all_levels = [explained.first.accuracy.mean, *(after for _, _, after in steps)]
    low, high = min(all_levels), max(all_levels)
    scale = (WIDTH - 1) / (high - low) if high > low else 0.0

    def place(level: float) -> int:
        return round((level - low) * scale)

    def bar(before: float, after: float) -> str:
        begin, end = sorted((place(before), place(after)))
        letter = "│" if begin == end else ("▒" if after < before else "█")
        return " " * begin + letter * max(1, end - begin)

    def line(name: str, level: float, drawn: str, worth: Cell) -> Row:
        return Row((Cell(name), Cell(drawn), ACCURACY.cell(level), worth))

    first, last = explained.first, explained.second
    rows = [
        line(first.title, first.accuracy.mean, " " * place(first.accuracy.mean) + "│", Cell("")),
        *(line(part.name, after, bar(before, after), WORTH.cell(*_of(part.accuracy))) for part, before, after in steps),
        line(
            last.title,
            all_levels[-1],
            " " * place(all_levels[-1]) + "│",
            WORTH.cell(*_of(explained.accuracy_difference)),
        ),
    ]
    columns = Column("part", "what is changed", "text"), Column("bar", "█ up, ▒ down", "text"), ACCURACY, WORTH
    return Table("waterfall", f"From {first.title} to {last.title}", columns, rows, notes(explained)[:-2])


def notes(explained: Explained) -> list[str]:
    """Say how the numbers were made; the last two notes are of early and late."""
    seeds = f"{len(explained.seeds)} seeds" if len(explained.seeds) > 1 else f"seed {explained.seeds[0]}"
    model = ARCHITECTURE_TITLES.get(str(explained.specification.get("architecture")), "")
    where = f"{TITLES[explained.framework]} {model}".strip()
    trained = (
        f"Trained in {where} on {explained.sizes['train']:,} reviews, tested on {explained.sizes['test']:,}; {seeds}."
    )
    if explained.exact:
        how = "Shapley values, exact: means over all orders in which the fields can be changed."
        interval = "In brackets: 95 % t-intervals over the seeds."
    else:
        how = f"Shapley values: means over {explained.orders} drawn orders for each seed, each beside its reverse."
        interval = (
            "In brackets: 95 % t-intervals over the seeds, each with its own orders, so that they hold both spreads."
        )
        if len(explained.seeds) == 1:
            interval = "In brackets: 95 % t-intervals over the drawn orders; one seed says nothing of other seeds."
    early = "If early, if late: what the fields are worth while few of the others are changed, and when most are."
    share = (
        f"{explained.interaction_share:.0%} of what the fields are worth depends on what else is changed: the "
        "difference between early and late, as a share of both; the noise of seeds counts in it."
    )
    how += " Their sum so far is no model's accuracy."
    return [trained, how, *([interval] if len(explained.seeds) > 1 or not explained.exact else []), early, share]


def sentences(explained: Explained) -> str:
    """Say in a sentence or two what the difference between the ends comes from."""
    first, second = explained.first.title, explained.second.title
    total = explained.accuracy_difference.mean
    parts = sorted(explained.parts, key=lambda part: -abs(part.accuracy.mean))
    if abs(total) < SHOWN:
        largest = ", ".join(f"{part.name} {WORTH.shown(part.accuracy.mean)}" for part in parts[:NAMED])
        return f"{first} and {second} are equally accurate; the largest changes between them, in points: {largest}."
    along = [part for part in parts if part.accuracy.mean * total > 0 and abs(part.accuracy.mean) >= SHOWN]
    against = [part for part in parts if part.accuracy.mean * total < 0 and abs(part.accuracy.mean) >= SHOWN]
    named = _listed(
        [
            f"{points(part)} come from {part.name}" if not place else f"{points(part)} from {part.name}"
            for place, part in enumerate(along[:NAMED])
        ]
    )
    direction = "below" if total < 0 else "above"
    text = f"Of the {abs(total) * 100:.1f} points by which {second} is {direction} {first}, {named}"
    rest = sum(abs(part.accuracy.mean) for part in along[NAMED:])
    if rest >= SHOWN:
        text += f"; {rest * 100:.1f} from the rest"
    if against:
        back = _listed([f"{part.name} ({points(part)})" for part in against[:NAMED]])
        rest = sum(abs(part.accuracy.mean) for part in against[NAMED:])
        text += f". Against it: {back}" + (f"; {rest * 100:.1f} from the rest" if rest >= SHOWN else "")
    return f"{text}.{_doubt(explained)}"


def _doubt(explained: Explained) -> str:
    """Say what of it may be chance."""
    total, parts = explained.accuracy_difference, explained.parts
    if total.low is None or total.high is None:
        return " One seed says nothing of others."
    sure = [part.name for part in parts if part.accuracy.leaves_zero_out]
    said = " With these seeds the difference itself may be chance." if not total.leaves_zero_out else ""
    if len(sure) == len(parts):
        return said
    return f"{said} More than chance: {_listed(sure) if sure else 'none of the parts'}."


def points(part: Part) -> str:
    """Return how many points a part is worth, without a sign."""
    return f"{abs(part.accuracy.mean) * 100:.1f}"


def _listed(names: Sequence[str]) -> str:
    return ", ".join(names[:-1]) + f" and {names[-1]}" if len(names) > 1 else "".join(names)
