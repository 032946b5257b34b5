"""A table of labelled texts, gone through once: its texts go to the disk, a few numbers of each row stay in memory."""

from __future__ import annotations

import json
from array import array
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import compress
from pathlib import Path
from typing import Any

import numpy as np

from shared.data.account import Account
from shared.data.forms import Table
from shared.data.groups import different, film_groups, text_groups
from shared.data.labels import APART
from shared.data.meaning import Classes, Meaning, Purpose
from shared.data.reviews import SPLITS, TRAIN, UNLABELLED, Reading, Reviews, Texts, split_of
from shared.errors import LockstepError
from shared.files import save_json
from shared.terminal import progress_bar

ROWS = 8_192  # in memory at once
LETTERS = 50_000_000  # of their texts
SHOWN_PLACES = 5  # of empty texts
NOT_APART = "not among those that are set apart as without labels"


@dataclass
class _Block:
    """Some rows: what of each is used."""

    texts: list[str] = field(default_factory=list)
    labels: list[str | None] = field(default_factory=list)
    splits: list[int | None] = field(default_factory=list)
    ids: list[str | None] = field(default_factory=list)
    places: list[str] = field(default_factory=list)


class Gathered:
    """What is gathered of the rows of a table while they pass by.

    Parameters
    ----------
    table : Table
        None of its rows is read yet.
    reading : Reading
        The flags.
    purpose : str
        ``train`` keeps what has a label; ``unlabelled`` what is set apart as without, or all where nothing is.
    class_names : tuple of str
        The classes, where they are known already.

    Raises
    ------
    LockstepError
        If the columns, or the classes that flags name, are not there.
    """

    def __init__(self, table: Table, reading: Reading, purpose: Purpose, class_names: tuple[str, ...]) -> None:
        self.table, self.purpose = table, purpose
        # The flags serve the sources of test and unlabelled texts too, which may be of other forms.
        if table.of_no_use and purpose == "train" and not class_names:
            raise LockstepError(f"{table.source}: {table.of_no_use[0]} is of no use for {table.form}; leave it out")
        self.meaning = Meaning.of(table, reading, purpose)
        self.classes = Classes(table.source, reading.labels, table.names_classes, class_names)
        self.read = self.empty = self.ids_twice = 0
        self.empty_names: list[str] = []
        self._rows, self._labels, self._splits, self._apart = array("q"), array("h"), array("b"), array("b")
        self._sizes, self._hashes = array("q"), array("q")
        self._ids, self._id_sizes, self._id_hashes = bytearray(), array("q"), array("q")

    def save(self, directory: Path) -> None:
        """Go through the table and put all that is kept into a new directory.

        Raises
        ------
        LockstepError
            If the table is damaged, or what it holds cannot be learnt from.
        """
        _save_blocks(directory / "texts.utf8", self._blocks(), self.table)
        if not self.read:
            raise LockstepError(f"{self.table.source}: holds no texts")
        if self.purpose == "unlabelled" and self.table.published and 1 not in self._apart:
            raise LockstepError(f"{self.table.source}: has no texts without labels (train/unsup/<id>_0.txt)")
        class_names, numbers = ((), np.zeros(0, np.int16)) if self.purpose == "unlabelled" else self.classes.finish()
        if self.empty == len(self._rows):
            raise LockstepError(f"{self.table.source}: all {self.empty:,} texts are empty")
        kept = self._kept()
        labels, hashes, splits = (np.array(one)[kept] for one in (self._labels, self._hashes, self._splits))
        labels = numbers[labels] if class_names else labels
        if class_names and _contradicted(hashes, labels) == different(hashes):
            raise LockstepError(
                f"{self.table.source}: every text stands under more than one class, so nothing can be learnt; "
                "look at the labels"
            )
        _save_ends(directory / "texts-ends.npy", self._sizes)
        self._save_ids(directory, kept)
        groups = self._groups(kept, hashes)
        for name, values in (("rows", kept), ("labels", labels), ("groups", groups), ("splits", splits)):
            np.save(directory / f"{name}.npy", values)
        known = {
            "class_names": class_names,
            "in_folds": self.table.published,
            "account": self._account(class_names, labels, hashes, splits).model_dump(),
        }
        save_json(directory / "known.json", known)

    def _blocks(self) -> Iterator[list[bytes]]:
        """Yield the texts that are kept, in UTF-8, and gather the rest of their rows."""
        meaning = self.meaning
        block, size = _Block(), 0
        for row in self.table.rows:
            text = meaning.text(row)
            block.texts.append(text)
            block.labels.append(meaning.label(row))
            block.splits.append(meaning.split(row))
            block.ids.append(meaning.review_id(row))
            block.places.append(row.place)
            size += len(text)
            if len(block.texts) == ROWS or size > LETTERS:
                yield self._taken(block)
                block, size = _Block(), 0
        yield self._taken(block)

    def _taken(self, block: _Block) -> list[bytes]:
        """Gather what there is to know of some rows, and return the texts that are kept."""
        pairs = zip(block.splits, block.labels, strict=True)
        apart = [split == UNLABELLED or _is_apart(label) for split, label in pairs]
        numbers = self._numbers(block, apart)
        kept = [number is not None for number in numbers]
        self._labels.extend(number for number in numbers if number is not None)
        self._apart.extend(compress(apart, kept))
        self._splits.extend(map(_in_training, compress(block.splits, kept)))
        rows = list(compress(range(self.read, self.read + len(kept)), kept))
        self._take_ids(list(compress(block.ids, kept)), rows)
        self.read += len(kept)
        texts = list(compress(block.texts, kept))
        for place, text in zip(compress(block.places, kept), texts, strict=True):
            if not text or text.isspace():
                self.empty += 1
                self.empty_names += [place] if self.empty <= SHOWN_PLACES else []
        self._hashes.extend(map(hash, texts))
        encoded = [text.encode("utf-8") for text in texts]
        self._sizes.extend(map(len, encoded))
        return encoded

    def _numbers(self, block: _Block, apart: list[bool]) -> list[int | None]:
        """Return the number of each row's label; None if the row is left out."""
        if self.purpose == "unlabelled":
            left_out = [self.table.sets_apart and not is_apart for is_apart in apart]
            self.classes.left_out[NOT_APART] += sum(left_out)
            return [None if one else -1 for one in left_out]
        numbers: list[int | None] = []
        for label, split, place, is_apart in zip(block.labels, block.splits, block.places, apart, strict=True):
            if split == UNLABELLED:
                self.classes.left_out[APART] += 1
                numbers.append(None)
            else:
                number = self.classes.add(None if is_apart else label, place)
                numbers.append(None if number < 0 else number)
        return numbers

    def _take_ids(self, ids: list[str | None], rows: list[int]) -> None:
        named = [one or self.table.row_id.format(row) for one, row in zip(ids, rows, strict=True)]
        encoded = [one.encode("utf-8", "backslashreplace") for one in named]  # names of files need not be UTF-8
        self._rows.extend(rows)
        self._ids += b"".join(encoded)
        self._id_sizes.extend(map(len, encoded))
        self._id_hashes.extend(map(hash, encoded))

    def _kept(self) -> np.ndarray:
        """Which of the texts on the disk are used, in which order, ``<int64>[texts]``."""
        apart = np.array(self._apart, bool)
        kept = np.arange(len(apart))
        if self.purpose == "unlabelled" and apart.any() and not apart.all():
            self.classes.left_out[NOT_APART] += int(np.count_nonzero(~apart))
            kept = kept[apart]
        if self.table.order is not None:
            place = np.full(self.read, -1)
            place[np.array(self._rows)[kept]] = kept
            kept = place[self.table.order()]
            kept = kept[kept >= 0]
        return kept

    def _groups(self, kept: np.ndarray, hashes: np.ndarray) -> np.ndarray:
        if self.table.films is None:
            return text_groups(hashes, np.arange(len(kept)) // self.table.neighbours)
        films = self.table.films()
        return film_groups([films[row] for row in np.array(self._rows)[kept].tolist()], hashes)

    def _save_ids(self, directory: Path, kept: np.ndarray) -> None:
        """Save the ids in the order of the texts; one that stood before gets its row added."""
        letters = np.frombuffer(self._ids or b"\n", np.uint8)
        ids = Texts.mapped(letters, np.concatenate([[0], np.cumsum(self._id_sizes, dtype=np.int64)])).take(kept)
        renamed = self._renamed(ids, np.array(self._id_hashes)[kept], np.array(self._rows)[kept])
        sizes = array("q")
        with (directory / "ids.utf8").open("xb") as file:
            for place, review_id in enumerate(ids):
                encoded = renamed.get(place, review_id).encode()
                sizes.append(len(encoded))
                file.write(encoded)
            file.write(b"\n")
        _save_ends(directory / "ids-ends.npy", sizes)

    def _renamed(self, ids: Texts, hashes: np.ndarray, rows: np.ndarray) -> dict[int, str]:
        """Return other ids for those that stood before, by their places."""
        renamed: dict[int, str] = {}
        while True:
            order = np.argsort(hashes, kind="stable")
            again = order[1:][hashes[order[1:]] == hashes[order[:-1]]]
            if not len(again):
                self.ids_twice = len(renamed)
                return renamed
            for place in again.tolist():
                renamed[place] = f"{renamed.get(place, ids[place])} (row {rows[place] + 1})"
                hashes[place] = hash(renamed[place].encode())

    def _account(
        self, class_names: tuple[str, ...], labels: np.ndarray, hashes: np.ndarray, splits: np.ndarray
    ) -> Account:
        counts = np.bincount(labels, minlength=len(class_names)).tolist() if class_names else []
        return Account(
            source=self.table.source,
            form=self.table.form,
            read=self.read + self.table.left_out.total(),
            used=len(labels),
            left_out=dict(self.classes.left_out + self.table.left_out),
            columns={role: name for role, name in self.meaning.columns.items() if role not in self.table.roles},
            columns_ignored=self.meaning.ignored,
            files_ignored=self.table.files_ignored,
            files_ignored_names=self.table.files_ignored_names,
            ids_twice=self.ids_twice,
            classes=dict(zip(class_names, counts, strict=True)),
            empty=self.empty,
            empty_names=self.empty_names,
            copies=len(hashes) - different(hashes),
            notes=list(dict.fromkeys(self._notes(labels, hashes, splits))),
        )

    def _notes(self, labels: np.ndarray, hashes: np.ndarray, splits: np.ndarray) -> Iterator[str]:
        if self.table.blank:
            yield f"Blank lines, which are skipped: {self.table.blank:,}."
        yield from self.classes.notes
        yield from self.table.notes
        counts = Counter(splits.tolist())
        if self.purpose == "train" and set(counts) != {TRAIN}:
            yield "It says its own split: " + ", ".join(f"{counts[n]:,} {name}" for n, name in enumerate(SPLITS)) + "."
        contradicted = _contradicted(hashes, labels)
        if contradicted:
            yield f"Texts that stand under more than one class: {contradicted:,}."


def _is_apart(label: str | None) -> bool:
    return label is not None and label[:5].lower() == "unsup" and split_of(label) == UNLABELLED


def _in_training(split: int | None) -> int:
    return TRAIN if split is None or split == UNLABELLED else split


def _contradicted(hashes: np.ndarray, labels: np.ndarray) -> int:
    """Count the texts that have copies under another label."""
    order = np.lexsort([labels, hashes])
    same = hashes[order[1:]] == hashes[order[:-1]]
    return different(hashes[order[1:]][same & (labels[order[1:]] != labels[order[:-1]])])


def _save_blocks(path: Path, blocks: Iterator[list[bytes]], table: Table) -> None:
    """Put texts one after the other into a new file, and show how far their table is read."""
    with path.open("xb") as file, progress_bar(desc="reading", unit_scale=True, leave=False) as bar:
        for block in blocks:
            file.write(b"".join(block))
            bar.unit, bar.total = table.gauges[0].unit, sum(gauge.total for gauge in table.gauges)
            bar.update(sum(gauge.done for gauge in table.gauges) - bar.n)
        file.write(b"\n")  # an empty file cannot be mapped


def _save_ends(path: Path, sizes: array[int]) -> None:
    ends = np.zeros(len(sizes) + 1, np.int64)
    np.cumsum(sizes, out=ends[1:])
    np.save(path, ends)


def read_gathered(source: str, directory: Path) -> Reviews:
    """Return what :meth:`Gathered.save` put into a directory."""
    known: dict[str, Any] = json.loads((directory / "known.json").read_bytes())
    splits = np.load(directory / "splits.npy")
    return Reviews(
        source,
        _mapped(directory, "ids"),
        _mapped(directory, "texts").take(np.load(directory / "rows.npy")),
        np.load(directory / "labels.npy"),
        np.load(directory / "groups.npy"),
        tuple(known["class_names"]),
        splits if (splits != TRAIN).any() else None,
        known["in_folds"],
        Account.model_validate(known["account"]).model_copy(update={"source": source}),
    )


def _mapped(directory: Path, name: str) -> Texts:
    letters = np.memmap(directory / f"{name}.utf8", np.uint8, "r")
    return Texts.mapped(letters, np.load(directory / f"{name}-ends.npy", mmap_mode="r"))
