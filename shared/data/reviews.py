"""Labelled texts, whatever they came from, and how a file of them is to be read."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from typing import TYPE_CHECKING, Any, overload

import numpy as np

from shared.data.account import Account

if TYPE_CHECKING:
    import pyarrow as pa

TRAIN, VALIDATION, TEST, UNLABELLED = 0, 1, 2, 3
SPLITS = ("train", "validation", "test")
BLOCK = 4_096  # texts that are in memory at once

# What files, folders and columns call the splits.
SPLIT_NAMES = {
    **dict.fromkeys(("train", "training"), TRAIN),
    **dict.fromkeys(("val", "valid", "validation", "dev", "eval", "evaluation"), VALIDATION),
    **dict.fromkeys(("test", "testing"), TEST),
    **dict.fromkeys(("unsup", "unsupervised"), UNLABELLED),
}


@dataclass(frozen=True)
class Reviews:
    """Texts with stable ids and, where the source knows them, labels, films and an official split.

    Attributes
    ----------
    source : str
        What ``--data`` named.
    review_ids : sequence of str
        Unique and stable: the same review has the same id in every run.
    texts : sequence of str
        As the source gives them.
    labels : <int16>[reviews]
        Index into `class_names`; -1 where the label is not known.
    groups : <int64>[reviews]
        Reviews of one group (a film, or copies of a text) are in the same split.
    class_names : tuple of str
        By label.
    official : <int8>[reviews] or None
        `TRAIN`, `VALIDATION` or `TEST`, where the source itself says so. What it does not hold out is
        held out from its training reviews.
    in_folds : bool
        Split as the published results were, where that is possible (see `shared.data.splits`).
    account : Account or None
        Of what was read; None for texts that were made on the spot.
    """

    source: str
    review_ids: Sequence[str]
    texts: Sequence[str]
    labels: np.ndarray
    groups: np.ndarray
    class_names: tuple[str, ...]
    official: np.ndarray | None = None
    in_folds: bool = False
    account: Account | None = None

    def __len__(self) -> int:
        return len(self.labels)

    def take(self, rows: np.ndarray) -> Reviews:
        """Return the reviews of these rows, in their order."""
        return replace(
            self,
            review_ids=taken(self.review_ids, rows),
            texts=taken(self.texts, rows),
            labels=self.labels[rows],
            groups=self.groups[rows],
            official=None if self.official is None else self.official[rows],
        )


def taken(values: Sequence[str], rows: np.ndarray) -> Sequence[str]:
    """Return the values of these rows; of a sequence that lies on the disk nothing is read yet."""
    take = getattr(values, "take", None)
    return take(rows) if take else [values[row] for row in rows.tolist()]


def split_of(name: str) -> int | None:
    """Return the split that a file, a folder or a column calls so, or None."""
    return SPLIT_NAMES.get(name.strip().lower())


class Texts(Sequence[str]):
    """Texts that lie on the disk, and come into memory when they are asked for.

    Parameters
    ----------
    parts : sequence of pyarrow.LargeStringArray
        All texts, one part after the other.
    rows : <int64>[texts], optional
        Which of them, in which order; all, by default.
    """

    def __init__(self, parts: Sequence[pa.LargeStringArray], rows: np.ndarray | None = None) -> None:
        self.parts = tuple(parts)
        self.starts = np.cumsum([0, *(len(part) for part in self.parts)])  # [parts + 1]
        self.rows = np.arange(self.starts[-1]) if rows is None else rows

    @classmethod
    def mapped(cls, letters: np.ndarray, ends: np.ndarray) -> Texts:
        """Take them from arrays on the disk.

        Parameters
        ----------
        letters : <uint8>[bytes]
            UTF-8 of all texts, one after the other.
        ends : <int64>[texts + 1]
            0, and where each of them ends.
        """
        import pyarrow as pa

        return cls([pa.LargeStringArray.from_buffers(len(ends) - 1, pa.py_buffer(ends), pa.py_buffer(letters))])

    def __len__(self) -> int:
        return len(self.rows)

    @overload
    def __getitem__(self, place: int) -> str: ...
    @overload
    def __getitem__(self, place: slice) -> Texts: ...
    def __getitem__(self, place: int | slice) -> str | Texts:
        if isinstance(place, slice):
            return self.take(np.arange(len(self))[place])
        return self._block(self.rows[[place]])[0]

    def __iter__(self) -> Iterator[str]:
        for start in range(0, len(self), BLOCK):
            yield from self._block(self.rows[start : start + BLOCK])

    def _block(self, rows: np.ndarray) -> list[str]:
        if len(self.parts) == 1:
            return self.parts[0].take(rows).to_pylist()
        found = [""] * len(rows)
        which = np.searchsorted(self.starts, rows, "right") - 1
        for number in np.unique(which).tolist():
            places = np.flatnonzero(which == number)
            texts = self.parts[number].take(rows[places] - self.starts[number]).to_pylist()
            for place, text in zip(places.tolist(), texts, strict=True):
                found[place] = text
        return found

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Sequence) or isinstance(other, str):
            return NotImplemented
        return len(self) == len(other) and all(one == two for one, two in zip(self, other, strict=True))

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        return f"Texts({len(self):,})"

    def take(self, rows: np.ndarray) -> Texts:
        """Return the texts of these rows, in their order; none of them is read."""
        return Texts(self.parts, self.rows[rows])

    def joined(self, others: Sequence[str]) -> Texts:
        """Return these texts and others after them."""
        import pyarrow as pa

        more = others if isinstance(others, Texts) else Texts([pa.array(others, pa.large_string())])
        return Texts((*self.parts, *more.parts), np.concatenate([self.rows, more.rows + self.starts[-1]]))


@dataclass(frozen=True)
class Reading:
    """How a file is to be read: the fields of the specification of the same names.

    ``auto`` finds the usual names; ``none`` (of ids, labels and splits) takes no column for it.

    Attributes
    ----------
    text_column : str
        Names with commas between; the texts of several are joined by a line break.
    label_column, id_column, split_column : str
    encoding : str
        As Python calls it.
    delimiter : str
        Between the fields of a row.
    header : bool
        Whether the first row has the columns' names; else they are called 1, 2, 3 …
    labels : str
        ``1,2=negative 4,5=positive``: labels of the file, and the classes that they are. ``as-is`` makes a class of
        each.
    """

    text_column: str = "auto"
    label_column: str = "auto"
    id_column: str = "auto"
    split_column: str = "auto"
    encoding: str = "utf-8"
    delimiter: str = "auto"
    header: bool = True
    labels: str = "auto"

    @classmethod
    def of(cls, values: Any) -> Reading:
        """Take the fields of that name of a specification or of parsed flags; None is the default."""
        given = {field.name: getattr(values, field.name, None) for field in fields(cls)}
        return cls(**{name: value for name, value in given.items() if value is not None})

    def flags(self) -> Mapping[str, object]:
        """Return the fields that are not at their defaults."""
        return {field.name: getattr(self, field.name) for field in fields(self)
                if getattr(self, field.name) != field.default}  # fmt: skip
