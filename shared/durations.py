"""Times as one types them, and how often something is done. Of the standard library only: the command line reads it."""

from __future__ import annotations

import argparse
import re
from dataclasses import dataclass

UNITS = {"s": 1, "m": 60, "h": 3_600}
LONGEST = 1_000_000  # hours


def duration(text: str) -> float:
    """Read a time such as ``90s``, ``30m``, ``1.5h`` or ``1h30m`` in seconds, as the type of a flag."""
    parts = re.findall(r"(\d+(?:\.\d+)?)([smh])", text, re.ASCII)
    seconds = sum(float(number) * UNITS[unit] for number, unit in parts)
    if "".join(number + unit for number, unit in parts) != text or not 0 < seconds <= LONGEST * UNITS["h"]:
        raise argparse.ArgumentTypeError(f"{text!r:.80} is no time; write 90s, 30m, 2h or 1h30m")
    return seconds


def in_words(seconds: float) -> str:
    """Say a time as one would."""
    if seconds < 90:
        return f"{seconds:.0f} seconds"
    return f"{seconds / 60:.0f} minutes" if seconds < 5_400 else f"{seconds / 3_600:.1f} hours"


@dataclass(frozen=True)
class Interval:
    """How often something is done in a training.

    Attributes
    ----------
    text : str
        As it was typed.
    seconds : float
        That pass between two times; 0 if steps or epochs are counted.
    steps, epochs : int
        Likewise.
    """

    text: str
    seconds: float = 0.0
    steps: int = 0
    epochs: int = 0

    def __str__(self) -> str:
        return self.text

    def has_passed(self, seconds: float, steps: int, steps_per_epoch: int) -> bool:
        """Whether so many seconds, or so many steps, are an interval or more."""
        if self.seconds:
            return seconds >= self.seconds
        return steps >= (self.steps or self.epochs * steps_per_epoch)


def interval(text: str) -> Interval:
    """Read how often: a time, such as ``10m``, or ``500steps`` or ``1epoch``; as the type of a flag."""
    counted = re.fullmatch(r"0*([1-9]\d{0,8}) ?(step|epoch)s?", text, re.ASCII)
    if counted:
        return Interval(text, **{f"{counted[2]}s": int(counted[1])})
    try:
        return Interval(text, seconds=duration(text))
    except argparse.ArgumentTypeError as error:
        raise argparse.ArgumentTypeError(
            f"{text!r:.80} is no interval; write a number with its unit: 30s, 10m, 1h30m, 500steps or 1epoch"
        ) from error
