"""The form of ``explain.json``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field

from compare.formats import Form, Framework, Interval
from shared.files import read_json
from shared.runs import Count, Machine, Share


class Changed(Form):
    """A field at both ends, and its description."""

    name: str
    first: bool | int | float | str | None
    second: bool | int | float | str | None
    meaning: str


class Part(Form):
    """One step from the first end to the second.

    Attributes
    ----------
    kind : str
        ``field`` for fields that were changed together; ``own code`` for what a framework's own code does other than
        its fields say; ``framework`` for the other framework with the same fields.
    accuracy, log_loss : Interval
        What it changes, as a mean over the seeds, and its 95 % interval.
    early, late : float or None
        Of fields: what they change in accuracy while few others are changed, and when most are.
    """

    name: str
    kind: Literal["field", "own code", "framework"]
    fields: list[Changed]
    accuracy: Interval
    log_loss: Interval
    early: float | None = None
    late: float | None = None


class ExplainedEnd(Form):
    """One end: what it is, and what it gave in the trainings of this explanation."""

    title: str
    framework: Framework
    native: bool
    accuracy: Interval
    log_loss: Interval


class ExplainedCell(Form):
    """One training.

    Attributes
    ----------
    changed : list of str
        The fields that have the second end's values.
    place : str
        Of its run, below the folder.
    """

    framework: Framework
    recipe: str
    seed: Count
    changed: list[str]
    accuracy: Share
    log_loss: float
    framework_version: str
    commit: str
    place: str


class Explained(Form):
    """``explain.json``.

    Attributes
    ----------
    framework : str
        In which the fields were changed.
    orders : int
        Of the fields, in which they were changed one after the other, for each seed.
    exact : bool
        Whether these are all that there are.
    interaction_share : float
        See `compare.explain.shapley.interaction_share`; of accuracy.
    parts : list of Part
        From the first end to the second; what they change adds up to the difference between the ends.
    specification : dict
        What is equal at both ends, but for the seed.
    """

    first: ExplainedEnd
    second: ExplainedEnd
    framework: Framework
    seeds: Annotated[list[Count], Field(min_length=1)]
    orders: Count
    exact: bool
    accuracy_difference: Interval
    log_loss_difference: Interval
    interaction_share: Share
    parts: list[Part]
    specification: dict[str, bool | int | float | str | None]
    source: str
    fingerprint: str
    sizes: dict[str, Count]
    machine: Machine
    cells: list[ExplainedCell]


def read_explained(path: Path) -> Explained:
    """Read what ``lockstep explain`` wrote.

    Raises
    ------
    LockstepError
        If it is missing, damaged or changed.
    """
    return read_json(path, "what lockstep explain wrote", Explained, "make it again")
