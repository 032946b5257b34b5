"""The project's code in another folder, where a test may change it."""

from __future__ import annotations

import shutil
from pathlib import Path

from tests.walls import OURS

ROOT = Path(__file__).parents[1]
# Of the tests, what checks code.
CHECKS = ("tests/__init__.py", "tests/twins.py", "tests/walls.py")


def copy_code(folder: Path) -> Path:
    """Copy the packages that have walls, and what checks them, into an empty folder; return it."""
    for package in OURS:
        shutil.copytree(ROOT / package, folder / package, ignore=shutil.ignore_patterns("__pycache__"))
    (folder / "tests").mkdir()
    for name in CHECKS:
        shutil.copy(ROOT / name, folder / name)
    return folder
