"""Reuters-21578: newswires of 1987 by topic, as Keras' data set has them and cleaned of its mistakes (lesson 13)."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from shared.data.account import Account
from shared.data.reviews import TEST, TRAIN, Reading, Reviews
from shared.errors import LockstepError
from shared.tasks import EVERY, Preset, Task, archive_of

URL = "https://kdd.ics.uci.edu/databases/reuters21578/reuters21578.tar.gz"
CHECKSUM = "sha256:3bae43c9b14e387f76a61b6d82bf98a4fb5d3ef99ef7e7075ff2ccbcf59f9d30"

KERAS, CLEAN = "reuters", "reuters-clean"

LARGEST_FILE = 10_000_000  # bytes; the largest of the 22 has 1.5 million
FILE = re.compile(r"(?:^|/)([^/.][^/]*\.sgm)$", re.IGNORECASE)
BEGINNING = re.compile(r"\s*(?:<!DOCTYPE[^<>]*>\s*)?<REUTERS((?:\s[^<>]*)?)>")
NUMBER = re.compile(r'\sNEWID="([0-9]{1,9})"')
TOPIC = re.compile(r"<D>([^<>\s]{1,50})</D>")
# What began and ended a message on the wire.
CONTROL = re.compile("&#(?:[0-9]|[12][0-9]|3[01]|127);")

# As in the script that made Keras' data set (https://github.com/keras-team/keras, 2015) and in its load_data.
FEWEST_DOCUMENTS = 15
TEST_SHARE, SHUFFLE_SEED = 0.2, 113
PUBLISHED_DOCUMENTS, PUBLISHED_TOPICS = 11_228, 46


@dataclass(frozen=True)
class Document:
    """A newswire.

    Attributes
    ----------
    number : int
        Its NEWID, 1 to 21,578.
    topics : tuple of str
        As Reuters gave them; often none.
    title : str
    body : str or None
        As the file has it, with its references to characters (``&lt;``); None where there is none.
    """

    number: int
    topics: tuple[str, ...]
    title: str
    body: str | None

    @property
    def name(self) -> str:
        """The same in every form."""
        return f"reuters-{self.number:05d}"

    @property
    def whole(self) -> str:
        """Title and body, without the control characters of the wire."""
        return CONTROL.sub("", f"{self.title}\n{self.body or ''}").strip()


@dataclass(frozen=True)
class Labelled:
    """A document's text and the topic that it counts for."""

    document: Document
    topic: str
    text: str


def load(name: str, path: Path | None, reading: Reading) -> Reviews:
    """Load one of the two forms.

    Parameters
    ----------
    name : str
        ``reuters``: the 11,228 documents of Keras' data set in its 46 classes, with its training and test documents.
        As there, a document of several topics counts for its first one, and one without a body has the next one's.
        ``reuters-clean``: documents of one topic with a body of their own.
    path : Path or None
        The archive, or a folder of its ``.sgm`` files; None downloads it.
    reading : Reading
        Not asked: the form is known.

    Raises
    ------
    LockstepError
        If the archive cannot be had, or is not Reuters-21578.
    """
    return _prepared(name, path, labelled=True)


def load_unlabelled(name: str, path: Path | None, reading: Reading) -> Reviews:
    """Load the documents with a body that `load` leaves out; its parameters are those of `load`."""
    return _prepared(name, path, labelled=False)


def _prepared(name: str, path: Path | None, labelled: bool) -> Reviews:
    source = name if path is None else f"{name}:{path}"
    archive, advice = archive_of(KERAS, path, URL, CHECKSUM)
    files = read_files(archive.expanduser(), advice)
    documents = [document for file in files for document in file]
    candidates = list(_as_keras(files) if name == KERAS else _clean(documents))
    counts = Counter(one.topic for one in candidates)
    kept = [one for one in candidates if counts[one.topic] >= FEWEST_DOCUMENTS]
    if not kept:
        raise LockstepError(f"{source}: no topic has {FEWEST_DOCUMENTS} documents; is it all of Reuters-21578?")
    if not labelled:
        return _others(source, name, documents, kept)
    return _reviews(source, name, kept, _left_out(name, documents, len(candidates) - len(kept)), len(documents))


def read_files(path: Path, advice: str) -> list[list[Document]]:
    """Read the documents of an archive or a folder, file by file in the order of their names.

    Raises
    ------
    LockstepError
        If it cannot be read, or a file in it is not of Reuters-21578.
    """
    contents: dict[str, bytes] = {}
    for member, content in _members(path, advice):
        name = member.rsplit("/", 1)[-1]
        if contents.setdefault(name, content) != content:
            raise LockstepError(f"{path}: {name} is there twice, with different contents; remove one")
    if not contents:
        raise LockstepError(f"{path}: has no .sgm file; name the archive reuters21578.tar.gz, or a folder of its files")
    files = [list(parse(f"{path}: {name}", contents[name].decode("latin-1"))) for name in sorted(contents)]
    numbers = Counter(document.number for file in files for document in file)
    number, times = numbers.most_common(1)[0]
    if times > 1:
        raise LockstepError(f"{path}: document {number} is there {times} times; remove all but one")
    return files


def _members(path: Path, advice: str) -> Iterator[tuple[str, bytes]]:
    from shared.data.archive import tar_members
    from shared.data.trees import Folder

    if path.is_dir():
        yield from Folder(path, advice).contents(FILE.search, LARGEST_FILE)
    else:
        yield from tar_members(path, FILE.search, LARGEST_FILE, advice)


def parse(place: str, content: str) -> Iterator[Document]:
    """Yield the documents of one SGML file.

    Parameters
    ----------
    place : str
        The file, for messages.
    content : str
        ``<REUTERS … NEWID="1">``, in it one ``TOPICS`` and at most one ``TITLE`` and ``BODY``, ``</REUTERS>``; again
        and again.

    Raises
    ------
    LockstepError
        If it is anything else.
    """
    *documents, rest = content.split("</REUTERS>")
    if not documents or rest.strip():
        raise LockstepError(f"{place} is not a whole file of Reuters-21578: it does not end with </REUTERS>")
    for place_in_file, document in enumerate(documents, 1):
        here = f"{place}, document {place_in_file}"
        beginning = BEGINNING.match(document)
        number = NUMBER.search(beginning[1]) if beginning else None
        if beginning is None or number is None:
            raise LockstepError(f'{here} does not begin with <REUTERS … NEWID="…">')
        inner = document[beginning.end() :]
        if "<REUTERS" in inner:
            raise LockstepError(f"{here} has no end")
        topics = _element(here, inner, "TOPICS")
        if topics is None:
            raise LockstepError(f"{here} has no TOPICS")
        if TOPIC.sub("", topics).strip():
            raise LockstepError(f"{here} has TOPICS that are not <D>…</D>")
        title = _element(here, inner, "TITLE") or ""
        yield Document(int(number[1]), tuple(TOPIC.findall(topics)), title, _element(here, inner, "BODY"))


def _element(place: str, content: str, name: str) -> str | None:
    """Return what stands in the element of that name, or None if there is none."""
    before, opening, after = content.partition(f"<{name}>")
    inner, closing, rest = after.partition(f"</{name}>")
    if bool(opening) != bool(closing) or f"<{name}>" in inner + rest or f"</{name}>" in before + rest:
        raise LockstepError(f"{place} has a {name} that does not end, or two of them")
    return inner if opening else None


def _as_keras(files: Iterable[Sequence[Document]]) -> Iterator[Labelled]:
    """Yield every document with a topic, under its first, with the first body that comes behind its topics."""
    for documents in files:
        found, body = [], None
        for document in reversed(documents):
            body = body if document.body is None else document.body
            if document.topics:
                topic = document.topics[0]
                # Where no body comes, `find` gives -1, and the script takes what stands there: the topic's own end.
                found.append(Labelled(document, topic, f"<D>{topic}"[5:] if body is None else body))
        yield from reversed(found)


def _clean(documents: Iterable[Document]) -> Iterator[Labelled]:
    """Yield every document of exactly one topic that has a body of its own."""
    for document in documents:
        if len(document.topics) == 1 and document.body is not None:
            yield Labelled(document, document.topics[0], document.whole)


def _reviews(source: str, name: str, kept: Sequence[Labelled], left_out: dict[str, int], read: int) -> Reviews:
    labels_of: dict[str, int] = {}  # Keras numbers the topics as they come
    labels = np.array([labels_of.setdefault(one.topic, len(labels_of)) for one in kept], np.int16)
    groups = _groups([one.text if name == KERAS else one.document.body or "" for one in kept])
    return Reviews(
        source,
        [one.document.name for one in kept],
        [one.text for one in kept],
        labels,
        groups,
        tuple(labels_of),
        _keras_split(len(kept)) if name == KERAS else None,
        account=Account(
            source=source,
            form="Reuters-21578",
            read=read,
            used=len(kept),
            left_out={why: count for why, count in left_out.items() if count},
            classes=dict(zip(labels_of, np.bincount(labels).tolist(), strict=True)),
            empty=sum(not one.text.strip() for one in kept),
            copies=len(kept) - len(np.unique(groups)),
            notes=_notes(kept, len(labels_of)) if name == KERAS else [],
        ),
    )


def _left_out(name: str, documents: Sequence[Document], rare: int) -> dict[str, int]:
    one_topic = [document for document in documents if len(document.topics) == 1]
    left_out = {"without a topic": sum(not document.topics for document in documents)}
    if name == CLEAN:
        left_out["of several topics"] = len(documents) - len(one_topic) - left_out["without a topic"]
        left_out["without a body"] = sum(document.body is None for document in one_topic)
    return {**left_out, f"of topics with under {FEWEST_DOCUMENTS} documents": rare}


def _notes(kept: Sequence[Labelled], topics: int) -> list[str]:
    several = sum(len(one.document.topics) > 1 for one in kept)
    without_body = sum(one.document.body is None for one in kept)
    notes = [
        f"As in Keras' data set, {several:,} documents of several topics count for their first, and {without_body:,} "
        f"without a body have the next document's; {CLEAN} leaves them out."
    ]
    if (len(kept), topics) != (PUBLISHED_DOCUMENTS, PUBLISHED_TOPICS):
        notes.append(
            f"Keras' data set has {PUBLISHED_DOCUMENTS:,} documents of {PUBLISHED_TOPICS} topics: this is not all of "
            "the archive, and its training and test documents are others."
        )
    return notes


def _keras_split(documents: int) -> np.ndarray:
    """Say which documents ``keras.datasets.reuters.load_data`` has for training and testing, ``<int8>[documents]``."""
    order = np.arange(documents)
    # NumPy's old generator is the published one; its numbers never change.
    np.random.RandomState(SHUFFLE_SEED).shuffle(order)
    official = np.full(documents, TRAIN, np.int8)
    official[order[int(documents * (1 - TEST_SHARE)) :]] = TEST
    return official


def _groups(texts: Iterable[str]) -> np.ndarray:
    """Put texts that differ in case and white space only into one group, ``<int64>[texts]``."""
    first: dict[str, int] = {}
    return np.array([first.setdefault(" ".join(text.lower().split()), row) for row, text in enumerate(texts)], np.int64)


def _others(source: str, name: str, documents: Sequence[Document], kept: Sequence[Labelled]) -> Reviews:
    """Return the documents with a body that are none of those kept."""
    known = {one.document.number for one in kept}
    found = [one for one in documents if one.number not in known and one.body is not None]
    texts = [(one.body or "") if name == KERAS else one.whole for one in found]
    groups = _groups(texts)
    left_out = {"with a label": len(known), "without a body": len(documents) - len(known) - len(found)}
    account = Account(
        source=source,
        form="Reuters-21578, the documents without labels",
        read=len(documents),
        used=len(found),
        left_out={why: count for why, count in left_out.items() if count},
        empty=sum(not text.strip() for text in texts),
        copies=len(texts) - len(np.unique(groups)),
    )
    labels = np.full(len(found), -1, np.int16)
    return Reviews(source, [one.name for one in found], texts, labels, groups, (), account=account)


# Keras' word numbers hold what the SGML's "&lt;" and "&#3;" leave: "lt" and "3". So nothing decodes them here.
PUBLISHED: Preset = {
    EVERY: {
        "cleaning": "lower_case",
        "vocabulary_size": 10_000,
        "minimum_count": 1,
        "max_length": 500,
        "padding": "left",
        "vectors": "random",
        "embedding_size": 100,
        "hidden_size": 32,
        "pooling": "last",
        "dropout": 0.0,
        "epochs": 5,
        "batch_size": 128,
        "batch_order": "shuffled",
        "learning_rate": 1e-3,
        "schedule": "constant",
        "epsilon_place": "before",
        "gradient_clipping": 0.0,
    },
    "rnn": {},
    "lstm": {"dropout": 0.5},
    "bilstm": {},
}

TUNED: Preset = {
    EVERY: {
        "architecture": "bilstm",
        "vocabulary_size": 20_000,
        "max_length": 300,
        "truncation": "head",
        "vectors": "corpus",
        "embedding_size": 100,
        "hidden_size": 64,
        "pooling": "concat",
        "dropout": 0.3,
        "epochs": 6,
        "batch_size": 64,
        "learning_rate": 4e-3,
    },
}

TASK = Task(
    name="reuters",
    title="topics of newswires",
    sources={
        KERAS: "Keras' data set, rebuilt: 11,228 documents of 46 topics; or reuters:PATH of the archive",
        CLEAN: "one topic, its own body, no copies in two splits: 8,505 documents of 36 topics; or reuters-clean:PATH",
    },
    load=load,
    load_unlabelled=load_unlabelled,
    classes=(),
    metric="accuracy",
    licence="free distribution for research purposes only; copyright Reuters Ltd.; name it Reuters-21578, "
    "Distribution 1.0",
    citation="David D. Lewis, Reuters-21578 Text Categorization Test Collection, Distribution 1.0 (1997); "
    "Reuters Ltd. and Carnegie Group, Inc. (1987)",
    url=URL,
    checksum=CHECKSUM,
    presets={"published": PUBLISHED, "tuned": TUNED},
)
