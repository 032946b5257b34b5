"""Folders of one class each, with a file a text: IMDB's archive, its cousins, and any ``<class>/*.txt``."""

from __future__ import annotations

import codecs
import re
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from hashlib import blake2b
from typing import NamedTuple

import numpy as np

from shared.data.forms import Form, Row, Table
from shared.data.lines import LONGEST_ID, LONGEST_REVIEW, SHOWN, codec_of, other_encoding
from shared.data.packing import Content
from shared.data.reviews import UNLABELLED, Reading, split_of
from shared.data.trees import Tree, is_visible
from shared.errors import LockstepError

SUFFIX = ".txt"
NUMBER_AND_STARS = re.compile(r"([0-9]+)_([0-9]+)\.txt")
FILMS_FILE = re.compile(r"(?:(?:^|/)([^/]+)/|^)urls_([^/]+)\.txt$")
PUBLISHED_PARTS, PUBLISHED_CLASSES = ("train", "test"), ("neg", "pos", "unsup")
SHOWN_FOLDERS = 5


class _Place(NamedTuple):
    """Where a file stands: the folders above, ``train`` and so on or nothing, its class, its own name."""

    above: str
    part: str
    label: str
    file: str

    @property
    def is_apart(self) -> bool:
        return UNLABELLED in (split_of(self.part), split_of(self.label))


class _Key(NamedTuple):
    """What files are sorted by, and told apart: those numbered as in IMDB's archive come first."""

    part: str
    label: str
    own: bool
    number: int
    rest: str

    @property
    def review_id(self) -> str:
        name = self.rest if self.own else f"{self.number}_{self.rest}"
        return "/".join(filter(None, (self.part, self.label, name)))


Places = Callable[[str], _Place | None]


def recognises(source: Content | Tree, head: bytes, reading: Reading) -> bool:
    """By the names of its files."""
    return isinstance(source, Tree) and _places(source) is not None


def open_folders(tree: Tree, reading: Reading) -> Table:
    """Open class folders, in a folder or an archive."""
    places = _places(tree)
    assert places is not None
    table = Table(str(tree.path), "class folders", ("text", "label", "file", "split"), iter(()), names_classes=True)
    table.roles = {"text": "text", "label": "label", "id": "file", "split": "split"}
    table.gauges = [tree.gauge]
    reader = _Reader(table, tree, places, reading.encoding, _decoder(reading.encoding))
    table.rows, table.order, table.films = reader.rows(), reader.order, reader.films
    return table


def _decoder(encoding: str) -> Callable[..., codecs.IncrementalDecoder]:
    found = codec_of(encoding).incrementaldecoder
    assert found is not None
    return found


def _places(tree: Tree) -> Places | None:
    """Return what tells the place of a file by its name; None if the tree has no class folders.

    Where some classes stand within ``train`` and so on, only such count, and the first one is enough to know.
    Else the folders with texts in the usual depth are the classes; one of those without labels may stand beside them.
    """
    depths: Counter[int] = Counter()
    apart: Counter[int] = Counter()
    for name in tree.each_name():
        place = _place(name)
        if place is not None:
            if place.part:
                return _place_in_parts
            (apart if place.is_apart else depths)[name.count("/")] += 1
    if not (depths or apart):
        return None
    usual = (depths or apart).most_common(1)[0][0]
    return lambda name: _place(name) if name.count("/") == usual else None


def _place(name: str) -> _Place | None:
    *above, label, file = name.rsplit("/", 3) if "/" in name else ("", name)
    if not label or not file.lower().endswith(SUFFIX) or not is_visible(name):
        return None
    if split_of(label) not in (None, UNLABELLED):
        return None
    if above and split_of(above[-1]) is not None:
        return _Place("/".join(above[:-1]), above[-1], label, file)
    if split_of(file[: -len(SUFFIX)]) is not None:  # train.txt, test.txt: each a file of a form of its own
        return None
    return _Place("/".join(above), "", label, file)


def _place_in_parts(name: str) -> _Place | None:
    place = _place(name)
    return place if place is not None and (place.part or place.is_apart) else None


@dataclass
class _Reader:
    """Reads the files in the order in which they come, and remembers what sorts and groups them."""

    table: Table
    tree: Tree
    places: Places
    encoding: str
    decoder: Callable[..., codecs.IncrementalDecoder]
    keys: list[_Key] = field(default_factory=list)
    seen: dict[_Key, bytes] = field(default_factory=dict)
    lists: dict[tuple[str, str], list[str]] = field(default_factory=dict)
    above: set[str] = field(default_factory=set)

    def rows(self) -> Iterator[Row]:
        for name, content in self.tree.contents(self._wanted, LONGEST_REVIEW):
            place = self.places(name)
            if place is None:
                self._take_list(name, content)
            elif self._is_new(name, place, content):
                label = "unsup" if split_of(place.label) == UNLABELLED else place.label
                yield Row(name, (self._decoded(name, content), label, self.keys[-1].review_id, place.part or None))
        self._check_lists()
        if len(self.above) > 1:
            names = ", ".join(sorted(self.above)[:SHOWN_FOLDERS])
            raise LockstepError(f"{self.table.source}: holds several data sets ({names:.300} …); name one of them")
        self.table.published = all(
            key.part in PUBLISHED_PARTS and key.label in PUBLISHED_CLASSES and not key.own for key in self.keys
        )
        if self.table.published:
            self.table.form = "class folders as IMDB's archive has them"

    def _wanted(self, name: str) -> bool:
        if self.places(name) is not None or FILMS_FILE.search(name):
            return True
        self.table.ignore_file(name)
        return False

    def _take_list(self, name: str, content: bytes) -> None:
        """Take a list of films, which has the film of the review with number n in line n."""
        matched = FILMS_FILE.search(name)
        assert matched is not None
        listed = content.decode("utf-8", "replace").split()
        if self.lists.setdefault((matched[1] or "", matched[2]), listed) != listed:
            raise self._twice(name)

    def _is_new(self, name: str, place: _Place, content: bytes) -> bool:
        if len(place.part) + len(place.label) + len(place.file) > LONGEST_ID:
            raise LockstepError(f"{self.table.source}: {name!r:.{SHOWN}} … has a name of over {LONGEST_ID} characters")
        self.above.add(place.above)
        matched = NUMBER_AND_STARS.fullmatch(place.file)
        if matched:
            key = _Key(place.part, place.label, False, int(matched[1]), matched[2])
        else:
            key = _Key(place.part, place.label, True, 0, place.file[: -len(SUFFIX)])
        digest = blake2b(content, digest_size=16).digest()
        if key not in self.seen:
            self.seen[key] = digest
            self.keys.append(key)
            return True
        if self.seen[key] != digest:
            raise self._twice(name)
        self.table.left_out["the same file again"] += 1
        return False

    def _twice(self, name: str) -> LockstepError:
        return LockstepError(f"{self.table.source}: {name} is there twice, with different contents; remove one")

    def _decoded(self, name: str, content: bytes) -> str:
        try:
            # Incrementally: else UTF-16 without a mark of its byte order is taken for what it may not be.
            return self.decoder(errors="strict").decode(content, True).removeprefix("\ufeff")
        except UnicodeError as error:
            where = f" (byte {error.start:,})" if isinstance(error, UnicodeDecodeError) else ""
            encoding = "UTF-8" if self.encoding == "utf-8" else self.encoding
            raise LockstepError(
                f"{self.table.source}: {name} is not {encoding}{where}; {other_encoding(content, self.encoding)}"
            ) from error

    def _check_lists(self) -> None:
        """Refuse a copy that has fewer reviews than its list of films, which has a line for each."""
        found = Counter((key.part, key.label) for key in self.keys)
        for (part, label), listed in sorted(self.lists.items()):
            if 0 < found[part, label] < len(listed):
                above = f"{part}/" if part else ""
                raise LockstepError(
                    f"{self.table.source}: not whole, {above}{label} has {found[part, label]:,} reviews and "
                    f"{above}urls_{label}.txt lists {len(listed):,}; {self.tree.advice}, or remove "
                    f"{above}urls_{label}.txt to read what is there"
                )

    def order(self) -> np.ndarray:
        """Sort by part, class, number and name, ``<int64>[rows]``."""
        return np.array(sorted(range(len(self.keys)), key=self.keys.__getitem__), np.int64)

    def films(self) -> list[str]:
        """Return the film of each review, or what stands for it where no list has it."""
        return [self._film(key) for key in self.keys]

    def _film(self, key: _Key) -> str:
        if key.own:
            return key.review_id
        listed = self.lists.get((key.part, key.label), [])
        return listed[key.number] if key.number < len(listed) else f"{key.part}/{key.label}/{key.number}"


FORM = Form("class folders (<class>/*.txt)", (), recognises, open_folders, ("delimiter", "header"))
