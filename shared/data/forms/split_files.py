"""Folders and archives of a file a split, ``train.csv`` and ``test.csv``, or in numbered parts, as public hubs do."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import PurePosixPath
from typing import NamedTuple

from shared.data.forms import Form, Row, Table, class_folders, forms, open_content
from shared.data.packing import Content, unpacked_name
from shared.data.reviews import SPLIT_NAMES, UNLABELLED, Reading
from shared.data.trees import Tree
from shared.errors import LockstepError

# train, train-00000-of-00002, test-00000-of-00001-0123456789abcdef, train.ft; not test_labels, which is something else.
NAME = re.compile(rf"({'|'.join(SPLIT_NAMES)})(?:[-_.]?[0-9]+)?(?:-of-[0-9]+)?(?:-[0-9a-f]+)?(?:\.ft)?", re.IGNORECASE)
# train-00000-of-00002: how many parts there are is part of the name.
PART = re.compile(r"(.*?)-([0-9]+)-of-([0-9]+)(?:-[0-9a-f]+)?(\..*)?")
TEXT_SUFFIXES = (".txt", ".text")
PARTS_SUFFIX = ".parquet"  # many files without a split are parts of one table
SHOWN = 5
MOST_PARTS = 100_000


class _File(NamedTuple):
    name: str
    split: str  # as it is called; may be empty
    folder: str  # without the one that is called as a split
    suffix: str


def recognises(source: Content | Tree, head: bytes, reading: Reading) -> bool:
    """By the names of its files."""
    return isinstance(source, Tree) and not class_folders.recognises(source, head, reading)


def open_files(tree: Tree, reading: Reading) -> Table:
    """Open a folder or an archive of tables."""
    chosen = _chosen(tree)
    tables = [open_content(tree.content(file.name), reading) for file in chosen]
    first = tables[0]
    table = Table(
        str(tree.path), f"{first.form} in a folder", (), iter(()), gauges=[g for t in tables for g in t.gauges]
    )
    if len(chosen) > 1:
        table.form = f"{len(chosen):,} files, each {first.form}"
    columns = dict.fromkeys(name for one in tables for name in one.columns)
    for one in tables:
        table.roles.update(one.roles)
        for column, names in one.label_names.items():
            if table.label_names.setdefault(column, names) != names:
                raise LockstepError(f"{one.source}: its classes of {column!r:.40} are others than in {first.source}")
    split = ""
    if any(file.split for file in chosen):
        split = "split" if "split" not in columns else "split of the file"
        table.roles["split"] = split
        columns[split] = None
    table.columns, table.names_classes = tuple(columns), all(one.names_classes for one in tables)
    table.header, table.of_no_use = first.header, first.of_no_use
    table.sets_apart = any(SPLIT_NAMES.get(file.split) == UNLABELLED for file in chosen)
    used = {file.name for file in chosen}
    for name in tree.names:
        if name not in used:
            table.ignore_file(name)
    _merge_schemas(table, tables, split)
    table.rows = _rows(table, tables, chosen, split)
    return table


def _chosen(tree: Tree) -> list[_File]:
    """Return the files that hold the data."""
    suffixes = {suffix for form in forms() for suffix in form.suffixes}
    visible = list(map(_file, sorted(tree.visible)))
    files = [file for file in visible if file.suffix in suffixes or len(visible) == 1]
    named = [file for file in files if file.split]
    found = named or [file for file in files if file.suffix not in TEXT_SUFFIXES] or files
    if not found:
        raise LockstepError(
            f"{tree.path}: holds no texts in a layout that is read: <class>/*.txt, train/<class>/*.txt, "
            "or files such as train.csv and test.csv, train-00000-of-00001.parquet, train.txt"
        )
    folders, endings = {file.folder for file in found}, {file.suffix for file in found}
    several = len(found) > 1 and not named and endings != {PARTS_SUFFIX}
    if several or len(folders) > 1 or len(endings) > 1 or len({file.name for file in found}) < len(found):
        names = ", ".join(file.name for file in found[:SHOWN]) + (" and so on" if len(found) > SHOWN else "")
        raise LockstepError(f"{tree.path}: holds several data sets ({names:.300}); name one file or one folder of them")
    _refuse_missing_parts(tree, found)
    return sorted(found, key=lambda file: (SPLIT_NAMES.get(file.split, 0), file.name))


def _refuse_missing_parts(tree: Tree, files: list[_File]) -> None:
    """Refuse a set of numbered parts that is not whole, as a download leaves it that was interrupted."""
    there: dict[tuple[str, int], set[int]] = {}
    for file in files:
        if matched := PART.fullmatch(PurePosixPath(file.name).name):
            there.setdefault((matched[1], int(matched[3])), set()).add(int(matched[2]))
    for (name, parts), numbers in there.items():
        missing = next((number for number in range(min(parts, MOST_PARTS)) if number not in numbers), None)
        if missing is not None:
            raise LockstepError(
                f"{tree.path}: is not whole, part {missing:05} of {name:.40} ({parts:,} parts) is missing; "
                "fetch it, or name one file to read that alone"
            )


def _file(name: str) -> _File:
    path = PurePosixPath(name)
    inner = PurePosixPath(unpacked_name(path.name))
    folders = list(path.parent.parts)
    matched = NAME.fullmatch(inner.stem)
    split = matched[1].lower() if matched else ""
    if not split and folders and folders[-1].lower() in SPLIT_NAMES:
        split = folders.pop().lower()
    return _File(name, split, "/".join(folders), inner.suffix.lower())


def _merge_schemas(table: Table, tables: list[Table], split: str) -> None:
    """Take the types of the columns from the first file if the others have the same."""
    import pyarrow as pa

    first = tables[0].schema
    if first is None or any(one.schema is None or not one.schema.equals(first) for one in tables):
        return
    table.schema = first.append(pa.field(split, pa.string())) if split else first


def _rows(table: Table, tables: list[Table], files: list[_File], split: str) -> Iterator[Row]:
    for one, file in zip(tables, files, strict=True):
        one.wanted = table.wanted
        places = {name: place for place, name in enumerate(one.columns)}
        missing, last = len(places), len(places) + 1
        order = [last if name == split else places.get(name, missing) for name in table.columns]
        numbered = places.get(one.roles.get("id", ""))  # in each file anew
        for place, values in one.rows:
            row = [*values, None, file.split or None]
            if numbered is not None and len(files) > 1:
                row[numbered] = f"{PurePosixPath(file.name).stem}/{row[numbered]}"
            yield Row(f"{file.name}: {place}", tuple(map(row.__getitem__, order)))
        table.blank += one.blank
        table.left_out += one.left_out
        table.notes += one.notes


FORM = Form("folders of such files by split (train.csv, test.csv)", (), recognises, open_files)
