"""Tables: one form for all of them, and how it is written for a page, Markdown, a terminal, CSV, JSON and LaTeX.

Each writer escapes for its own format: names and texts in a table may hold anything.
"""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal, NamedTuple

from markupsafe import Markup, escape
from rich.box import SIMPLE_HEAD
from rich.cells import cell_len
from rich.console import Console
from rich.table import Table as Printed
from rich.text import Text

from shared.terminal import console, printable

Value = float | int | str | bool | None

MISSING = "–"
ARROWS = {"higher": "↑", "lower": "↓"}
# Where there is no terminal a line is as long as it is.
WIDEST = 100_000  # columns
PADDING = 3  # columns of a terminal around each column of a table

# What begins something in GitHub's Markdown, wherever in a line it stands. An underscore does at the edges of a
# word, an ampersand before the name of a letter.
LIVE = re.compile(r"[\\`*\[\]|~$]|(?<![^\W_])_|_(?![^\W_])|&(?=#?\w+;)")
# What may begin something at the beginning of a line too.
LIVE_AT_THE_BEGINNING = re.compile(r"^(\d*)([#+\-.!:=(){}])")
# An address that is safe inside quotes and brackets of every format here; what else is given is shown as text alone.
ADDRESS = re.compile(r"https?://[A-Za-z0-9./_~:?=&+,;-]+")
# What a spreadsheet takes for the beginning of a formula.
FORMULA = ("=", "+", "-", "@", "\t", "\r")
STYLES = {"code": Markup("<code>{}</code>"), "emphasis": Markup("<em>{}</em>"), "": Markup("{}")}
LATEX = {
    "\\": r"\textbackslash{}",
    "{": r"\{",
    "}": r"\}",
    "$": r"\$",
    "&": r"\&",
    "#": r"\#",
    "%": r"\%",
    "_": r"\_",
    "^": r"\textasciicircum{}",
    "~": r"\textasciitilde{}",
    "<": r"\textless{}",
    ">": r"\textgreater{}",
    "|": r"\textbar{}",
    "`": r"\textasciigrave{}",
    '"': r"\textquotedbl{}",
    # After the end of a row these would be its options.
    "[": "{[}",
    "]": "{]}",
    "*": "{*}",
    "↑": r"$\uparrow$",
    "↓": r"$\downarrow$",
    "→": r"$\rightarrow$",
    "×": r"$\times$",
    "✗": r"$\otimes$",
    "…": r"\dots{}",
    "–": r"\textendash{}",
}


@dataclass(frozen=True)
class Cell:
    """What stands in one place of a table.

    Attributes
    ----------
    text : str
        As it is shown.
    value : float, int, str, bool or None
        By which it is sorted, and which data formats have in full precision; None where there is none, in a column
        of words the text itself.
    low, high : float or None
        An interval or a range, in the unit of the value.
    note : str
        Small text beside it, such as the interval as it is shown.
    remark : str
        The part of the note that no number says; data formats have it.
    link : str
        An address. One that is not plain ``http`` or ``https`` is dropped.
    style : str
        ``code`` for what is typed, ``emphasis`` for a row of another kind.
    """

    text: str
    value: Value = None
    low: float | None = None
    high: float | None = None
    note: str = ""
    remark: str = ""
    link: str = ""
    style: Literal["", "code", "emphasis"] = ""

    @property
    def whole(self) -> str:
        """Text and note, on one line, with nothing that a terminal acts on."""
        return _line(f"{self.text} ({self.note})" if self.note else self.text)

    @property
    def address(self) -> str:
        """The link if it is one."""
        return self.link if ADDRESS.fullmatch(self.link) else ""


@dataclass(frozen=True)
class Column:
    """What a column holds and how its numbers are shown.

    Attributes
    ----------
    name : str
        Its key in data formats.
    title : str
        Its heading.
    kind : str
        ``number`` or ``text``.
    better : str or None
        Which direction is better: ``higher``, ``lower``, or neither.
    unit : str
        Of what is shown, after the title.
    form, suffix : str
        How a number is shown: a format and what follows it.
    scale : float
        What is shown is the value times this.
    data_unit : str or None
        Of the value; None where it is the same unit.
    """

    name: str
    title: str
    kind: Literal["number", "text"] = "number"
    better: Literal["higher", "lower"] | None = None
    unit: str = ""
    form: str = ",.2f"
    suffix: str = ""
    scale: float = 1
    data_unit: str | None = None

    @property
    def heading(self) -> str:
        """Title and unit."""
        return _line(f"{self.title}, {self.unit}" if self.unit else self.title)

    @property
    def unit_of_values(self) -> str:
        """The unit in data formats."""
        return self.unit if self.data_unit is None else self.data_unit

    def cell(
        self,
        value: float | None,
        low: float | None = None,
        high: float | None = None,
        *,
        note: str = "",
        missing: str = MISSING,
    ) -> Cell:
        """Return a number as this column shows it, its interval in the note.

        Parameters
        ----------
        value : float or None
            None is shown as `missing`.
        low, high : float or None
            Its interval or range.
        note : str
            What else is to stand beside it.
        missing : str
            Says why there is no value.
        """
        if value is None:
            return Cell(missing, note=note, remark=note or (missing if missing not in (MISSING, "") else ""))
        between = ""
        if low is not None and high is not None and {self.shown(low), self.shown(high)} != {self.shown(value)}:
            joined = " to " if "+" in self.form else "–"
            between = f"{self.shown(low)}{joined}{self.shown(high)}"
        notes = "; ".join(part for part in (between, note) if part)
        return Cell(self.shown(value) + self.suffix, value, low, high, notes, note)

    def shown(self, value: float) -> str:
        """Return a number as it is shown; a zero has no sign."""
        return format(value * self.scale, self.form) if value else format(0, self.form).lstrip("+")


@dataclass(frozen=True)
class Row:
    """Cells, and what they can be filtered by: names such as ``framework`` and their values."""

    cells: Sequence[Cell]
    attributes: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Table:
    """A table.

    Attributes
    ----------
    name : str
        By which it is asked for; it makes the ids of a page.
    caption : str
        What it shows, in a line.
    columns : sequence of Column
        The first one says what a row is about.
    rows : sequence of Row
        Each with a cell for every column.
    notes : sequence of str
        Sentences beneath it: how its numbers were made.
    """

    name: str
    caption: str
    columns: Sequence[Column]
    rows: Sequence[Row]
    notes: Sequence[str] = ()

    def __post_init__(self) -> None:
        if any(len(row.cells) != len(self.columns) for row in self.rows):
            raise ValueError(f"{self.name}: a row has not as many cells as there are columns")
        if len({column.name for column in self.columns}) != len(self.columns):
            raise ValueError(f"{self.name}: two columns have one name")

    @property
    def sentences(self) -> list[str]:
        """The notes, and what the arrows mean if there are any."""
        shown = [way for way in ARROWS if any(column.better == way for column in self.columns)]
        legend = ", ".join(f"{ARROWS[way]} {way} is better" for way in shown)
        return [*map(_line, self.notes), *([f"{legend}."] if legend else [])]

    @property
    def identifier(self) -> str:
        """The name as an id of a page and a label of LaTeX may be."""
        return re.sub(r"[^a-z0-9]+", "-", self.name.lower()).strip("-") or "table"


def _line(text: str) -> str:
    """Return a text on one line, without what a terminal, a browser or a reader of Markdown would act on."""
    return printable(" ".join(text.split("\n")))


def _arrow(column: Column) -> str:
    return f" {ARROWS[column.better]}" if column.better else ""


def as_html(table: Table, cards: bool = False) -> Markup:
    """Write a table for a page, without its notes.

    Cells have ``data-value`` to be sorted by and ``data-label``, the heading, for narrow screens; headings have
    ``data-kind``, ``data-better`` and ``data-first``, the direction in which the best comes first; rows have each
    of their attributes as ``data-<name>``.

    Parameters
    ----------
    table : Table
        Any.
    cards : bool
        On a narrow screen each row becomes a card.
    """
    rows = (
        Markup("<tr{}>{}</tr>\n").format(
            Markup("").join(
                Markup(' data-{}="{}"').format(name, _line(value)) for name, value in row.attributes.items()
            ),
            Markup("").join(
                _html_cell(column, cell, first=place == 0)
                for place, (column, cell) in enumerate(zip(table.columns, row.cells, strict=True))
            ),
        )
        for row in table.rows
    )
    return Markup(
        '<table id="table-{}" class="sortable{}">\n<caption>{}</caption>\n<thead>\n<tr>{}</tr>\n</thead>\n'
        "<tbody>\n{}</tbody>\n</table>\n"
    ).format(
        table.identifier,
        " cards" if cards else "",
        _line(table.caption),
        Markup("").join(map(_html_head, table.columns)),
        Markup("").join(rows),
    )


def _html_head(column: Column) -> Markup:
    better = first = Markup("")
    if column.better:
        first = Markup(' data-better="{}" data-first="{}"').format(
            column.better, "descending" if column.better == "higher" else "ascending"
        )
        better = Markup(
            ' <span class="direction" role="img" title="{0} is better" aria-label="{0} is better">{1}</span>'
        ).format(column.better, ARROWS[column.better])
    return Markup('<th scope="col" class="{0}" data-kind="{0}"{1}>{2}{3}</th>').format(
        column.kind, first, column.heading, better
    )


def _html_cell(column: Column, cell: Cell, *, first: bool) -> Markup:
    text = escape(_line(cell.text))
    if cell.address:
        text = Markup('<a href="{}" rel="noopener">{}</a>').format(cell.address, text)
    text = STYLES[cell.style].format(text)
    note = Markup(" <small>({})</small>").format(_line(cell.note)) if cell.note else ""
    value = _data(column, cell)
    return Markup('<{0} class="{1}" data-label="{2}" data-value="{3}">{4}{5}</{6}>').format(
        Markup('th scope="row"') if first else Markup("td"),
        column.kind,
        column.heading,
        "" if value is None else _line(repr(value) if isinstance(value, float) else str(value)),
        text,
        note,
        Markup("th") if first else Markup("td"),
    )


def as_markdown(table: Table, *, caption: bool = True) -> str:
    """Write a table in GitHub's Markdown: the caption in bold, the table, the notes.

    Parameters
    ----------
    table : Table
        Any.
    caption : bool
        False where the text around it says what it shows.
    """
    heads = [escaped(column.heading) + _arrow(column) for column in table.columns]
    rules = ["---" if column.kind == "text" else "--:" for column in table.columns]
    lines = [heads, rules, *([_markdown_cell(cell) for cell in row.cells] for row in table.rows)]
    title = f"**{escaped(table.caption)}**\n\n" if caption else ""
    notes = [paragraph(escaped(one)) for one in table.sentences]
    bullet = "- " if len(notes) > 1 else ""
    beneath = "".join(f"{bullet}{note}\n" for note in notes)
    return title + "".join(f"| {' | '.join(line)} |\n" for line in lines) + (f"\n{beneath}" if notes else "")


def _markdown_cell(cell: Cell) -> str:
    text = escaped(cell.text)
    line = _line(cell.text)
    whole = bool(line) and line == line.strip(" ")  # at the edges a space would end the mark
    if cell.style == "code" and whole and cell.text == line and not {"`", "|"} & set(cell.text):
        text = f"`{cell.text}`"  # code has no escapes
    elif cell.style == "emphasis" and whole:
        text = f"*{text}*"
    if cell.address:
        text = f"[{text}]({cell.address})"
    return f"{text} ({escaped(cell.note)})" if cell.note else text


def escaped(text: str) -> str:
    """Return a text that Markdown shows as it is, on one line, in a table or out of one."""
    return LIVE.sub(lambda found: f"\\{found[0]}", _line(text)).replace("<", "&lt;").replace(">", "&gt;")


def paragraph(escaped_text: str) -> str:
    """Return an escaped text as it may stand at the beginning of a line, where more means something."""
    return LIVE_AT_THE_BEGINNING.sub(r"\1\\\2", escaped_text.lstrip(" "))


def as_text(table: Table, width: int = WIDEST) -> str:
    """Write a table as a terminal of this width shows it, in plain text; nothing is cut off."""
    written = io.StringIO()
    shown = Console(file=written, width=width, markup=False, emoji=False, highlight=False, color_system=None)
    _print(table, shown)
    return written.getvalue()


def print_table(table: Table, *, aside: bool = False) -> None:
    """Print a table: as wide as the terminal, or, into a file or a pipe, as wide as it is."""
    _print(table, console(aside=aside, width=WIDEST))


def _print(table: Table, shown: Console) -> None:
    shown.print(Text(_line(table.caption)))
    for places in _parts(table, shown.width):
        printed = Printed(box=SIMPLE_HEAD, pad_edge=False)
        for place in places:
            column = table.columns[place]
            heading = Text(column.heading + _arrow(column), style="bold")
            printed.add_column(heading, justify="left" if column.kind == "text" else "right", overflow="fold")
        for row in table.rows:
            printed.add_row(*(Text(row.cells[place].whole) for place in places))
        shown.print(printed)
    for sentence in table.sentences:
        shown.print(Text(sentence))


def _parts(table: Table, width: int) -> Iterator[list[int]]:
    """Yield the columns that stand side by side, each time behind the first one, so that no line is too long."""
    widths = [
        max(map(cell_len, (f"{column.heading}{_arrow(column)}", *(row.cells[place].whole for row in table.rows))))
        + PADDING
        for place, column in enumerate(table.columns)
    ]
    part = [0]
    for place in range(1, len(widths)):
        if len(part) > 1 and sum(widths[one] for one in part) + widths[place] > width:
            yield part
            part = [0]
        part.append(place)
    yield part


def as_csv(table: Table) -> str:
    """Write a table as CSV: values in full precision, their units in the heading, what is missing empty.

    A text that begins with ``=``, ``+``, ``-`` or ``@`` gets an apostrophe before it: a spreadsheet would take it
    for a formula and run it (OWASP, *CSV Injection*). Numbers are left as they are.
    """
    fields = list(_fields(table))
    written = io.StringIO()
    writer = csv.writer(written, lineterminator="\n")
    writer.writerow(_harmless(f"{field.name} ({field.unit})" if field.unit else field.name) for field in fields)
    for row in table.rows:
        writer.writerow(_csv_value(field.read(row)) for field in fields)
    return written.getvalue()


def _csv_value(value: Value) -> Value:
    return _harmless(value) if isinstance(value, str) else value


def _harmless(text: str) -> str:
    return f"'{_line(text)}" if text.startswith(FORMULA) else _line(text)


def as_json(table: Table) -> str:
    """Write a table as JSON: its name, caption, columns and notes, and a record for each row in full precision."""
    return json.dumps(described(table), indent=2, ensure_ascii=False, allow_nan=False) + "\n"


def described(table: Table) -> dict[str, object]:
    """Return what :func:`as_json` writes."""
    fields = list(_fields(table))
    return {
        "name": table.name,
        "caption": _line(table.caption),
        "columns": {
            _line(column.name): {
                "title": _line(column.title),
                "unit": column.unit_of_values,
                "kind": column.kind,
                "better": column.better,
            }
            for column in table.columns
        },
        "rows": [
            {field.name: _line(value) if isinstance(value := field.read(row), str) else value for field in fields}
            for row in table.rows
        ],
        "notes": [_line(note) for note in table.notes],
    }


class _Field(NamedTuple):
    """A column of a data format."""

    name: str
    unit: str
    read: Callable[[Row], Value]


def _fields(table: Table) -> Iterator[_Field]:
    """Yield the columns of a data format: a value may have its interval, a remark and an address beside it."""
    for place, column in enumerate(table.columns):
        cells = [row.cells[place] for row in table.rows]
        name, unit = _line(column.name), column.unit_of_values
        yield _Field(name, unit, lambda row, place=place, column=column: _data(column, row.cells[place]))  # type: ignore[misc]
        for part in ("low", "high", "remark", "address"):
            if any(getattr(cell, part) not in (None, "") for cell in cells):
                own = unit if part in ("low", "high") else ""
                yield _Field(f"{name}_{part}", own, lambda row, place=place, part=part: getattr(row.cells[place], part))  # type: ignore[misc]
    taken = {column.name for column in table.columns}
    for name in dict.fromkeys(name for row in table.rows for name in row.attributes):
        if name not in taken:
            yield _Field(name, "", lambda row, name=name: row.attributes.get(name))  # type: ignore[misc]


def _data(column: Column, cell: Cell) -> Value:
    return cell.text if cell.value is None and column.kind == "text" else cell.value


def as_latex(table: Table) -> str:
    r"""Write a table for LaTeX with the package booktabs, every text escaped.

    ``\textquotedbl`` needs the encoding T1, as LuaLaTeX and XeLaTeX have it; a link needs hyperref.
    """
    columns = "".join("l" if column.kind == "text" else "r" for column in table.columns)
    heads = " & ".join(_latex(column.heading + _arrow(column)) for column in table.columns)
    rows = "".join(f"{' & '.join(map(_latex_cell, row.cells))} \\\\\n" for row in table.rows)
    notes = " ".join(map(_latex, table.sentences))
    return (
        "\\begin{table}\n\\centering\n"
        f"\\caption{{{_latex(table.caption)}}}\n\\label{{table:{table.identifier}}}\n"
        f"\\begin{{tabular}}{{{columns}}}\n\\toprule\n{heads} \\\\\n\\midrule\n{rows}\\bottomrule\n\\end{{tabular}}\n"
        + (f"\n\\smallskip\n{{\\footnotesize {notes}}}\n" if notes else "")
        + "\\end{table}\n"
    )


def _latex_cell(cell: Cell) -> str:
    text = _latex(cell.text)
    if cell.style:
        text = f"\\{'texttt' if cell.style == 'code' else 'emph'}{{{text}}}"
    if cell.address:
        text = f"\\href{{{cell.address}}}{{{text}}}"
    return f"{text} ({_latex(cell.note)})" if cell.note else text


def _latex(text: str) -> str:
    plain = "".join(LATEX.get(letter, letter) for letter in _line(text))
    return re.sub("-(?=-)", "-{}", plain)  # two of them would be one dash


WRITERS: dict[str, Callable[[Table], str]] = {
    "table": as_text,
    "markdown": as_markdown,
    "csv": as_csv,
    "json": as_json,
    "latex": as_latex,
}


def written_out(tables: Sequence[Table], form: str) -> str:
    """Write tables one below the other; in JSON several of them are a list.

    Parameters
    ----------
    tables : sequence of Table
        At least one; of several, CSV cannot say where one ends.
    form : str
        A key of `WRITERS`.
    """
    if form == "json" and len(tables) > 1:
        return json.dumps(list(map(described, tables)), indent=2, ensure_ascii=False, allow_nan=False) + "\n"
    return "\n".join(map(WRITERS[form], tables))
