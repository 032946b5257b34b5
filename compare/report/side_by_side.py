"""Two experiments beside each other: the same cells, the same reviews, and the settings that differ."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from compare.report.form import Beside, SettingBeside, SideBySide, Statistics
from compare.report.inference import holm, mcnemar, paired_bootstrap
from compare.report.statistics import Wishes, read_runs_of, summarise
from shared.errors import LockstepError
from shared.runs import Run

OTHER_REVIEWS = (
    "They were not tested on the same reviews: their accuracies stand beside each other, and whether a difference is "
    "more than chance cannot be said."
)


def summarise_both(first: Path, second: Path, wishes: Wishes | None = None) -> SideBySide:
    """Return what a page on two experiments shows.

    Parameters
    ----------
    first, second : Path
        Directories of runs.
    wishes : Wishes, optional
        `allow_mixed` also allows experiments on other reviews.

    Raises
    ------
    LockstepError
        If one has no runs, they share no cell, or they are of other reviews and that is not allowed.
    """
    wishes = wishes or Wishes()
    found = [read_runs_of(path, wishes) for path in (first, second)]
    summaries = [summarise(one, wishes) for one in found]
    mixed = _other_data(summaries)
    if mixed and not wishes.allow_mixed:
        raise LockstepError(f"{first} and {second}: {mixed[0]}; --allow-mixed shows them all the same, and marks it")
    runs = [_by_cell(one.runs) for one in found]
    shared = [cell.name for cell in summaries[0].cells if cell.name in {other.name for other in summaries[1].cells}]
    if not shared:
        raise LockstepError(f"{first} and {second} have no framework and architecture in common: nothing to compare")
    cells = _corrected([_beside(name, summaries, runs) for name in shared])
    names = _names(first, second)
    return SideBySide(
        first=summaries[0],
        second=summaries[1],
        names=names,
        cells=tuple(cells),
        settings=tuple(_settings(summaries)),
        missing=tuple(_missing(summaries, names, cells)),
        mixed=tuple(mixed),
    )


def _names(first: Path, second: Path) -> tuple[str, str]:
    """Return what the two are called: their folders, with what is above them if that is needed to tell them apart."""
    one, other = first.resolve(), second.resolve()
    if one == other:
        raise LockstepError(f"{first} and {second} are the same experiment")
    if one.name != other.name:
        return one.name, other.name
    return f"{one.parent.name}/{one.name}", f"{other.parent.name}/{other.name}"


def _other_data(summaries: Sequence[Statistics]) -> list[str]:
    one, other = (summary.data for summary in summaries)
    if one.class_names != other.class_names:
        raise LockstepError("the two experiments have other names of the classes: they cannot stand in one report")
    if one.fingerprint == other.fingerprint:
        return []
    return [f"not made with the same reviews (fingerprints {one.fingerprint[:12]} and {other.fingerprint[:12]})"]


def _by_cell(runs: Sequence[Run]) -> dict[str, dict[int, Run]]:
    """Return the runs by cell and seed."""
    found: dict[str, dict[int, Run]] = {}
    for run in runs:
        found.setdefault(f"{run.record.framework}/{run.record.architecture}", {})[run.record.seed] = run
    return found


def _beside(name: str, summaries: Sequence[Statistics], runs: Sequence[Mapping[str, Mapping[int, Run]]]) -> Beside:
    one, other = (next(cell for cell in summary.cells if cell.name == name) for summary in summaries)
    seeds = sorted(set(one.compared_seeds) & set(other.compared_seeds))
    pairs = [(runs[0][name][seed], runs[1][name][seed]) for seed in seeds] if all(name in some for some in runs) else []
    right = [_right(*pair) for pair in pairs]
    known = [found for found in right if found is not None]
    comparable = bool(known) and len(known) == len(right)
    return Beside(
        cell=name,
        first=one.accuracy,
        second=other.accuracy,
        seeds=tuple(seeds),
        difference=paired_bootstrap(np.mean([second - first for first, second in _as_numbers(known)], axis=0))
        if comparable
        else None,
        holm=max(mcnemar(first, second) for first, second in known) if comparable else None,
        training_seconds=(one.seconds["training"], other.seconds["training"]),
        busy=(bool(one.contended_seeds), bool(other.contended_seeds)),
    )


def _as_numbers(right: Sequence[tuple[np.ndarray, np.ndarray]]) -> list[tuple[np.ndarray, np.ndarray]]:
    return [(first.astype(float), second.astype(float)) for first, second in right]


def _right(first: Run, second: Run) -> tuple[np.ndarray, np.ndarray] | None:
    """Return which reviews each gets right, ``<bool>[reviews]``; None if they were not tested on the same ones."""
    one, other = first.predictions, second.predictions
    if not (np.array_equal(one.review_ids, other.review_ids) and np.array_equal(one.labels, other.labels)):
        return None
    return one.classes == one.labels, other.classes == other.labels


def _corrected(cells: Sequence[Beside]) -> list[Beside]:
    """Correct the p-values for the number of cells."""
    known = [cell.holm for cell in cells if cell.holm is not None]
    corrected = iter(holm(known))
    return [cell if cell.holm is None else cell.model_copy(update={"holm": next(corrected)}) for cell in cells]


def _settings(summaries: Sequence[Statistics]) -> list[SettingBeside]:
    """Return the fields whose values are not the same in both, and the recipe."""
    one, other = ({setting.field: setting for setting in summary.settings} for summary in summaries)
    found = []
    if summaries[0].recipe != summaries[1].recipe:
        recipes = [(summary.recipe,) for summary in summaries]
        found.append(SettingBeside(field="recipe", description="", first=recipes[0], second=recipes[1]))
    for field in dict.fromkeys((*one, *other)):
        values = [tuple(dict.fromkeys(some[field].values.values())) if field in some else () for some in (one, other)]
        if values[0] != values[1] and field != "recipe":
            description = (one.get(field) or other[field]).description
            found.append(SettingBeside(field=field, description=description, first=values[0], second=values[1]))
    return found


def _missing(summaries: Sequence[Statistics], names: Sequence[str], cells: Sequence[Beside]) -> list[str]:
    shared = {cell.cell for cell in cells}
    found = [
        f"{cell.name} is in {name} alone."
        for summary, name in zip(summaries, names, strict=True)
        for cell in summary.cells
        if cell.name not in shared
    ]
    if any(cell.difference is None for cell in cells):
        found.append(OTHER_REVIEWS)
    return [
        *found,
        *(f"{name}: {text}" for summary, name in zip(summaries, names, strict=True) for text in summary.missing),
    ]
