"""What finished trainings say of a question: every part with its interval, adding up to the whole."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from compare.explain.form import Changed, Explained, ExplainedCell, ExplainedEnd, Part
from compare.explain.question import Question
from compare.explain.shapley import (
    coalitions_along,
    contributions,
    early_and_late,
    halves,
    interaction_share,
)
from compare.formats import Interval
from compare.grid.cells import Setting, place_of
from compare.intervals import over_seeds
from compare.names import TITLES
from shared.errors import LockstepError
from shared.runs import Record
from shared.specification import Specification

METRICS = ("accuracy", "log_loss")

Records = Mapping[Setting, Record | None]


@dataclass(frozen=True)
class _Measured:
    """What one seed's trainings say, of one metric.

    Attributes
    ----------
    changes : <float64>[orders, players]
        Of the fields.
    steps : tuple of float
        Of what stands outside them: the first end's own code, the other framework, the second end's own code.
    ends : tuple of float
        The metric at both ends.
    """

    changes: np.ndarray
    steps: tuple[float, float, float]
    ends: tuple[float, float]


def complete_seeds(question: Question, seeds: Sequence[int], pairs: int, records: Records) -> list[int]:
    """Return the seeds of which every training is finished."""
    return [
        seed for seed in seeds if all(records.get(setting) is not None for setting in question.settings([seed], pairs))
    ]


def explained(question: Question, seeds: Sequence[int], pairs: int, records: Records, folder: Path) -> Explained:
    """Divide the difference between two ends among what lies between them.

    Parameters
    ----------
    question : Question
        What was asked.
    seeds : sequence of int
        At least one; those of which every training is finished.
    pairs : int
        Of orders, where these are drawn.
    records : mapping of Setting to Record
        What was trained.
    folder : Path
        Holds the runs.

    Returns
    -------
    Explained
        Its parts in the order of a waterfall: own code of the first end, fields from the largest change to the
        smallest, the other framework, own code of the second end.

    Raises
    ------
    LockstepError
        If the trainings were not tested on the same reviews.
    """
    settings = question.settings(seeds, pairs)
    found = {setting: record for setting in settings if (record := records.get(setting)) is not None}
    if len({record.data.fingerprint for record in found.values()}) > 1:
        raise LockstepError("the runs were not made with the same reviews (their fingerprints differ)")
    measured = {name: [_measured(question, seed, pairs, found, name) for seed in seeds] for name in METRICS}
    orders = [question.orders(seed, pairs) for seed in seeds]
    changes = np.concatenate([one.changes for one in measured["accuracy"]])
    early, late = early_and_late(changes, [order for of_seed in orders for order in of_seed])
    fields = [
        Part(
            name=player.name,
            kind="field",
            fields=_described(question, player.fields),
            accuracy=_of_player(measured["accuracy"], place, question.exact),
            log_loss=_of_player(measured["log_loss"], place, question.exact),
            early=float(early[place]),
            late=float(late[place]),
        )
        for place, player in enumerate(question.players)
    ]
    fields.sort(key=lambda part: -abs(part.accuracy.mean))
    first_code, framework, second_code = _steps(question, measured)
    some = next(iter(found.values()))
    return Explained(
        first=_end(question, measured, 0),
        second=_end(question, measured, 1),
        framework=question.framework,
        seeds=list(seeds),
        orders=len(orders[0]),
        exact=question.exact,
        accuracy_difference=_difference(measured["accuracy"]),
        log_loss_difference=_difference(measured["log_loss"]),
        interaction_share=interaction_share(early, late),
        parts=[*first_code, *fields, *framework, *second_code],
        specification=_common(question),
        source=some.data.source,
        fingerprint=some.data.fingerprint,
        sizes=some.data.sizes,
        machine=some.machine,
        cells=[_cell(question, setting, record, folder) for setting, record in found.items()],
    )


def _measured(question: Question, seed: int, pairs: int, found: Mapping[Setting, Record], name: str) -> _Measured:
    def of(setting: Setting) -> float:
        return found[setting].metrics["test"][name]

    orders = question.orders(seed, pairs)
    coalitions = coalitions_along(orders)
    worth = {coalition: of(question.setting(coalition, seed)) for coalition in coalitions}
    first, last = worth[frozenset()], worth[question.everyone]
    before, other, after = (None if setting is None else of(setting) for setting in question.outside(seed))
    begin = first if before is None else before
    moved = last if other is None else other
    end = moved if after is None else after
    return _Measured(contributions(worth, orders), (first - begin, moved - last, end - moved), (begin, end))


def _interval(values: Sequence[float] | np.ndarray) -> Interval:
    return Interval(**over_seeds(values)._asdict())


def _of_player(measured: Sequence[_Measured], player: int, exact: bool) -> Interval:
    """Return a Shapley value. Over several seeds, each with its own orders, the interval holds the spread of both."""
    changes = [one.changes[:, player] for one in measured]
    if len(changes) == 1 and not exact:
        return _interval([float(changes[0][pair].mean()) for pair in halves(changes[0].tolist())])
    return _interval([float(one.mean()) for one in changes])


def _steps(
    question: Question, measured: Mapping[str, Sequence[_Measured]]
) -> tuple[list[Part], list[Part], list[Part]]:
    """Return what stands outside the fields, each in a list that is empty where there is no such thing."""
    first, second = (TITLES[end.framework] for end in (question.first, question.second))
    outside = question.outside(0)
    names = (
        ("own code", f"{first}'s fields instead of its own code"),
        ("framework", f"{second} instead of {first}, same fields"),
        ("own code", f"{second}'s own code instead of its fields"),
    )
    found: list[list[Part]] = []
    for place, (kind, name) in enumerate(names):
        values = {metric: _interval([one.steps[place] for one in measured[metric]]) for metric in METRICS}
        part = Part(name=name, kind=kind, fields=[], **values)  # type: ignore[arg-type]
        found.append([] if outside[place] is None else [part])
    return found[0], found[1], found[2]


def _difference(measured: Sequence[_Measured]) -> Interval:
    return _interval([one.ends[1] - one.ends[0] for one in measured])


def _end(question: Question, measured: Mapping[str, Sequence[_Measured]], place: int) -> ExplainedEnd:
    end = (question.first, question.second)[place]
    values = {metric: _interval([one.ends[place] for one in measured[metric]]) for metric in METRICS}
    return ExplainedEnd(title=end.title, framework=end.framework, native=end.native, **values)


def _described(question: Question, names: Sequence[str]) -> list[Changed]:
    first, second = question.first.specification, question.second.specification
    return [described(name, first, second) for name in names]


def described(name: str, first: Specification, second: Specification) -> Changed:
    """Return a field at both ends; None where it changes nothing there."""
    one, other = (None if name in end.idle_fields() else getattr(end, name) for end in (first, second))
    return Changed(name=name, first=one, second=other, meaning=Specification.model_fields[name].description or "")


def _common(question: Question) -> dict[str, bool | int | float | str | None]:
    switched = {name for player in question.players for name in player.fields}
    values = question.setting(frozenset(), 0).specification.model_dump()
    return {name: value for name, value in values.items() if name not in {*switched, "seed", "recipe"}}


def _cell(question: Question, setting: Setting, record: Record, folder: Path) -> ExplainedCell:
    specification = setting.specification
    start = question.first.specification
    test = record.metrics["test"]
    return ExplainedCell(
        framework=setting.framework,
        recipe=specification.recipe,
        seed=specification.seed,
        changed=[
            name
            for player in question.players
            for name in player.fields
            if getattr(specification, name) != getattr(start, name)
        ],
        accuracy=test["accuracy"],
        log_loss=test["log_loss"],
        framework_version=record.framework_version,
        commit=record.commit,
        place=place_of(folder, setting).relative_to(folder).as_posix(),
    )
