"""How far numbers are apart, said so that what is not a number is never near anything.

Every measured difference is made and judged here: Python's own ``max`` passes over NaN, and a comparison
with it is False whichever way it is written.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import numpy as np

from shared.errors import LockstepError

Compared = np.ndarray | float | Mapping[str, np.ndarray]


def largest(values: Iterable[float]) -> float:
    """Return the largest of some numbers; NaN if one of them is.

    Raises
    ------
    ValueError
        If there are none: nothing was measured.
    """
    listed = np.array(list(values), np.float64)
    if not listed.size:
        raise ValueError("nothing was measured")
    return float(listed.max())


@np.errstate(invalid="ignore")
def largest_difference(found: Compared, expected: Compared) -> float:
    """Return the largest absolute difference; NaN if there is NaN on either side, or the same infinity on both.

    Parameters
    ----------
    found, expected : <float> array, float, or mapping of names to arrays
        Of one shape, or of the same names and shapes.

    Raises
    ------
    LockstepError
        If names or shapes differ, or there is nothing to compare.
    """
    return largest(float(np.abs(one - other).max()) for _, one, other in _pairs(found, expected))


@np.errstate(invalid="ignore")
def relative_difference(found: Compared, expected: Compared) -> float:
    """Return the largest difference, each array's as a share of the largest entry that is expected of it.

    Parameters and errors are those of :func:`largest_difference`.
    """
    tiny = np.finfo(np.float32).tiny
    return largest(
        float(np.abs(one - other).max() / np.maximum(np.abs(other).max(), tiny))
        for _, one, other in _pairs(found, expected)
    )


def within(difference: float, tolerance: float) -> bool:
    """Whether a difference is small enough; NaN is not."""
    return bool(difference <= tolerance)


def is_finite(values: np.ndarray | float) -> bool:
    """Whether no number among them is NaN or infinite."""
    return bool(np.isfinite(values).all())


def refuse_non_finite(name: str, values: np.ndarray | float) -> None:
    """Raise a LockstepError that begins with the name if a number among the values is NaN or infinite."""
    if is_finite(values):
        return
    wrong = np.asarray(values)[~np.isfinite(values)]
    raise LockstepError(f"{name}: {wrong.size:,} of {np.size(values):,} numbers are not finite (such as {wrong[0]})")


def _pairs(found: Compared, expected: Compared) -> list[tuple[str, np.ndarray, np.ndarray]]:
    """Return the arrays of both sides in float64, beside each other and by name; a single array's is empty."""
    ours, theirs = (
        {name: np.asarray(array, np.float64) for name, array in _named(side).items()} for side in (found, expected)
    )
    for name in [*theirs, *ours]:
        if name not in ours or name not in theirs:
            raise LockstepError(f"{name!r} is {'missing' if name in theirs else 'none of the expected arrays'}")
        if ours[name].shape != theirs[name].shape:
            shapes = f"{list(ours[name].shape)}, expected {list(theirs[name].shape)}"
            raise LockstepError(f"{name or 'an array'} has the shape {shapes}")
        if not ours[name].size:
            raise LockstepError(f"{name or 'an array'} has no numbers: nothing can be compared")
    if not theirs:
        raise LockstepError("no arrays: nothing can be compared")
    return [(name, ours[name], theirs[name]) for name in theirs]


def _named(side: Compared) -> Mapping[str, np.ndarray]:
    return side if isinstance(side, Mapping) else {"": np.asarray(side)}
