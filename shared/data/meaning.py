"""What the columns of a table mean; which classes its labels are is told by `shared.data.labels`."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from itertools import chain, islice
from typing import Any, Literal, NoReturn

from shared.data.forms import Row, Table
from shared.data.labels import NUMBER, meaning_of
from shared.data.labels import Classes as Classes
from shared.data.lines import LONGEST_ID, LONGEST_REVIEW, SHOWN
from shared.data.reviews import Reading, split_of
from shared.errors import LockstepError

Purpose = Literal["train", "unlabelled", "predict"]
Role = Literal["text", "label", "id", "split"]

TEXT_COLUMNS = ("text", "review", "sentence")
LABEL_COLUMNS = ("label", "sentiment")
ID_COLUMNS = ("review_id", "id")
SPLIT_COLUMNS = ("split", "type")
USUAL: Mapping[Role, tuple[str, ...]] = {
    "text": TEXT_COLUMNS,
    "label": LABEL_COLUMNS,
    "id": ID_COLUMNS,
    "split": SPLIT_COLUMNS,
}
AUTO, NONE = "auto", "none"
SHOWN_COLUMNS = 20
LOOKED_AT = 1_000  # rows by which it is told whether a column says the split


def is_usual(column: str) -> bool:
    """Whether a column of this name is taken for something without being named."""
    return _key(column) in chain.from_iterable(USUAL.values())


def _key(column: str) -> str:
    return column.strip().lower()


class Meaning:
    """Which column of a table is what.

    Attributes
    ----------
    columns : dict of str to str
        ``text``, ``label``, ``id`` and ``split``, where there are such, and the names of their columns.
    ignored : list of str
        The other columns.
    """

    def __init__(self, table: Table, reading: Reading, purpose: Purpose) -> None:
        self.table, self.reading, self.purpose = table, reading, purpose
        self.columns: dict[str, str] = {}
        self._found: dict[Role, list[int]] = {}
        for role in USUAL:
            self._found[role] = self._places(role)
        self._check()
        used = {place for places in self._found.values() for place in places}
        if purpose != "predict":  # whose output keeps all columns
            table.wanted = {table.columns[place] for place in used}
        if self._found["split"] and "split" not in table.roles and reading.split_column == AUTO:
            self._keep_split_if_it_is_one()
        for role, places in self._found.items():
            if places:
                self.columns[role] = ", ".join(self._names(places if self._joins(role) else places[:1]))
        used = {place for places in self._found.values() for place in places}
        self.ignored = [name for place, name in enumerate(table.columns) if place not in used]
        self._text, self._label = self._found["text"], self._found["label"]
        self._id = next(iter(self._found["id"]), None)
        self._split = next(iter(self._found["split"]), None)
        self._label_names = [table.label_names.get(table.columns[place], ()) for place in self._label]

    @classmethod
    def of(cls, table: Table, reading: Reading, purpose: Purpose) -> Meaning:
        """Find it by the flags, the form and the usual names.

        Parameters
        ----------
        table : Table
            None of its rows is read yet.
        reading : Reading
            The flags.
        purpose : str
            ``train`` needs labels; ``unlabelled`` and ``predict`` never stop at one.

        Raises
        ------
        LockstepError
            If a column that is named or needed is not there, or several are called the same.
        """
        return cls(table, reading, purpose)

    def text(self, row: Row) -> str:
        """Return the text of a row; several columns are joined by line breaks.

        Raises
        ------
        LockstepError
            If it is too long or no text, or two columns that might be it differ.
        """
        if len(self._text) == 1:
            return self._as_text(row, self._text[0])
        texts = [self._as_text(row, place) for place in self._text]
        if self._joins("text"):
            return "\n".join(texts)
        if any(text != texts[0] for text in texts):
            self._differ("text", row)
        return texts[0]

    def label(self, row: Row) -> str | None:
        """Return the label of a row as it is written; None where there is none.

        Raises
        ------
        LockstepError
            If it is a list or an object, or two columns that might be it differ, and labels are needed.
        """
        if not self._label:
            return None
        if len(self._label) == 1:
            return self._as_label(row, self._label[0], self._label_names[0])
        both = zip(self._label, self._label_names, strict=True)
        found = [self._as_label(row, place, names) for place, names in both]
        known = [label for label in found if label is not None]
        if len(set(map(meaning_of, known))) > 1:
            if self.purpose == "train":
                self._differ("label", row)
            return None
        return known[0] if known else None

    def review_id(self, row: Row) -> str | None:
        """Return the id of a row, to the letter; None where it has none.

        Raises
        ------
        LockstepError
            If it is too long.
        """
        if self._id is None:
            return None
        value = row.values[self._id]
        found = _written(value)
        if len(found) > LONGEST_ID:
            raise LockstepError(
                f"{self.table.source}: {row.place} has a {self.columns['id']} of {len(found):,} characters, "
                f"at most {LONGEST_ID} are read"
            )
        return found or None

    def split(self, row: Row) -> int | None:
        """Return `TRAIN`, `VALIDATION`, `TEST` or `UNLABELLED` as a row says; None where nothing is said.

        Raises
        ------
        LockstepError
            If it says something else.
        """
        if self._split is None:
            return None
        value = row.values[self._split]
        found = split_of(value) if isinstance(value, str) else None
        if found is None and "split" not in self.table.roles:
            raise LockstepError(
                f"{self.table.source}: {row.place} has {_written(value)!r:.{SHOWN}} as {self.columns['split']}, "
                "which is none of train, validation and test; if it is something else, pass --split-column none"
            )
        return found

    def described(self, source: str) -> list[str]:
        """Return what to say of the columns, and of what was skipped, when all rows are read."""
        used = ", ".join(f"{role} from {name}" for role, name in self.columns.items())
        said = [
            f"{source}: {self.table.form}; {used}" + (f"; ignored: {_listed(self.ignored)}" if self.ignored else "")
        ]
        if self.table.blank:
            said.append(f"{source}: {self.table.blank:,} blank lines are skipped")
        return said + [f"{source}: {note.removesuffix('.')}" for note in self.table.notes]

    def _joins(self, role: str) -> bool:
        return role == "text" and self.reading.text_column != AUTO

    def _names(self, places: Iterable[int]) -> list[str]:
        return [self.table.columns[place] for place in places]

    def _places(self, role: Role) -> list[int]:
        """Places of the columns that may have a role: those that are named, or that the form or their names say."""
        said = getattr(self.reading, f"{role}_column")
        if said == NONE and role != "text" and NONE not in self.table.columns:
            return []
        if said != AUTO:
            names = [said] if said in self.table.columns else said.split(",") if role == "text" else [said]
            places = [self._named(role, name) for name in names]
            if len(set(places)) < len(places):
                raise LockstepError(
                    f"{self.table.source}: --{role}-column {said!r:.{SHOWN}}: names a column twice; name each once"
                )
            return places
        if role in self.table.roles:
            return [self.table.columns.index(self.table.roles[role])]
        found = [self._only(name, "") for name in USUAL[role] if name in map(_key, self.table.columns)]
        return found[:1] if role in ("id", "split") else found

    def _named(self, role: Role, name: str) -> int:
        if name in self.table.columns or _key(name) in map(_key, self.table.columns):
            return self._only(name, name)
        raise LockstepError(
            f"{self.table.source}: --{role}-column: no column {name!r:.{SHOWN}}; it has {_listed(self.table.columns)}"
            + self._no_header()
        )

    def _only(self, name: str, spelled: str) -> int:
        """Return the place of the only column of a name, as it is spelled or else in small letters."""
        columns = self.table.columns
        same = [place for place, column in enumerate(columns) if spelled and column == spelled]
        same = same or [place for place, column in enumerate(columns) if _key(column) == _key(name)]
        if len(same) > 1:
            raise LockstepError(f"{self.table.source}: has {len(same)} columns {name!r:.{SHOWN}}; rename all but one")
        return same[0]

    def _check(self) -> None:
        """Refuse a table without a text, or without a label where one is needed."""
        needed: list[Role] = ["text", "label"] if self.purpose == "train" else ["text"]
        for role in needed:
            if self._found[role]:
                continue
            columns = self.table.columns
            if role == "label" and set(self.table.roles.values()) >= set(columns):
                raise LockstepError(
                    f"{self.table.source}: {self.table.form} has no labels to train on; it can be --unlabelled, or be "
                    "predicted with --input; if it is a table, say what is between its fields with --delimiter"
                )
            several = " (several with commas between)" if role == "text" else ""
            raise LockstepError(
                f"{self.table.source}: no {role} column ({', '.join(USUAL[role])}); it has {_listed(columns)}; "
                + (self._no_header().removeprefix("; ") or f"name one with --{role}-column{several}")
                + self._other_delimiter()
            )

    def _no_header(self) -> str:
        """Return what to do if the first row looks like data: it has a number or a sentence."""
        cells = self.table.header
        if not any(NUMBER.fullmatch(cell) or len(cell.split()) > 4 for cell in cells):
            return ""
        text = max(range(len(cells)), key=lambda place: len(cells[place])) + 1
        label = next((place for place, cell in enumerate(cells, 1) if NUMBER.fullmatch(cell)), 0)
        flags = f"--text-column {text}" + (f" --label-column {label}" if label else "")
        return f"; its first row looks like data: pass --no-header, columns are then called 1, 2, 3 … ({flags} …)"

    def _other_delimiter(self) -> str:
        if len(self.table.header) != 1 or self.reading.delimiter != AUTO:
            return ""
        for name, delimiter in (("tab", "\t"), ("semicolon", ";"), ("pipe", "|"), ("comma", ",")):
            if delimiter in self.table.header[0]:
                return f"; if its fields have a {name} between them, pass --delimiter {name}"
        return ""

    def _keep_split_if_it_is_one(self) -> None:
        """Take a column of the usual name for the split if at least half of its first values are names of splits."""
        place = self._found["split"][0]
        rows = self.table.rows
        beginning = list(islice(rows, LOOKED_AT))
        self.table.rows = chain(beginning, rows)
        values = [row.values[place] for row in beginning]
        known = sum(isinstance(value, str) and split_of(value) is not None for value in values)
        if 2 * known < len(values):
            self._found["split"] = []

    def _as_text(self, row: Row, place: int) -> str:
        value = row.values[place]
        if not isinstance(value, str):
            value = self._no_text(row, place, value)
        if len(value) > LONGEST_REVIEW:
            raise LockstepError(
                f"{self.table.source}: {row.place} has a text of {len(value):,} characters, "
                f"at most {LONGEST_REVIEW:,} are read"
            )
        return value

    def _no_text(self, row: Row, place: int, value: Any) -> str:
        if isinstance(value, (list, dict, tuple, bytes)):
            raise LockstepError(
                f"{self.table.source}: {row.place} has a {type(value).__name__} as {self.table.columns[place]}, "
                "which is no text; name another --text-column"
            )
        return _written(value)

    def _as_label(self, row: Row, place: int, names: Sequence[str]) -> str | None:
        value = row.values[place]
        if isinstance(value, (list, dict, tuple)):
            if self.purpose != "train":
                return None
            raise LockstepError(
                f"{self.table.source}: {row.place} has a {type(value).__name__} as {self.table.columns[place]}, "
                "which is no class; write one word or number, or name another --label-column"
            )
        if names and isinstance(value, int) and not isinstance(value, bool):
            return names[value].strip() if 0 <= value < len(names) else None
        label = value.strip() if isinstance(value, str) else _written(value)
        return label or None

    def _differ(self, role: Role, row: Row) -> NoReturn:
        names = self._names(self._found[role])
        raise LockstepError(
            f"{self.table.source}: columns {' and '.join(names)} differ ({row.place}); say which is the {role} with "
            f"--{role}-column {names[0]}"
        )


def _written(value: Any) -> str:
    """Return a value as text; what is missing is empty, and a whole number has no point."""
    if isinstance(value, str):
        return value
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return ""
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    if isinstance(value, bytes):
        return value.decode("utf-8", "replace")
    return str(value)


def _listed(names: Sequence[str]) -> str:
    shown = [f"{name:.{SHOWN}}" or "(no name)" for name in names[:SHOWN_COLUMNS]]
    return ", ".join(shown) + (", …" if len(names) > SHOWN_COLUMNS else "")
