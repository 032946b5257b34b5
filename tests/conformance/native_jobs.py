"""What both tests of native files share: a batch of token ids, and a room's ``native.py``."""

from __future__ import annotations

import importlib
from typing import Any

import numpy as np

from tests.conformance.jobs import implementation

WORDS, SIZE, HIDDEN = 30, 5, 4


def tokens() -> np.ndarray:
    """Padded, full, single-word and empty rows, ``<int32>[8, 12]``."""
    generator = np.random.default_rng(3)
    rows = generator.integers(1, WORDS, (8, 12)).astype(np.int32)
    lengths = np.array([12, 7, 1, 0, 3, 12, 1, 9])
    return np.where(np.arange(12) < lengths[:, None], rows, 0).astype(np.int32)


def native(framework: str, function: str, *arguments: object) -> Any:
    """A function of the room's ``native.py``."""
    implementation(framework)
    return getattr(importlib.import_module(f"{framework}_impl.native"), function)(*arguments)
