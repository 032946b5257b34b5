"""The short form of `tests.soak`; the long one is a command."""

from __future__ import annotations

import subprocess
import sys

from tests.conftest import ROOT


def test_a_short_soak_loses_nothing() -> None:
    """Three rounds; which troubles come in them, and when, follows from the seed."""
    words = ("--seed", "3", "--cells", "6", "--round", "2", "--again", "1")
    done = subprocess.run([sys.executable, "-m", "tests.soak", *words], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "6 cells: none lost, none half-written, 1 trained again and equal to the last bit" in done.stdout
