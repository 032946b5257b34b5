"""Times as one types them."""

from __future__ import annotations

import argparse
import re

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
