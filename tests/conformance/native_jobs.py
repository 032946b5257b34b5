"""What both tests of native files share: token ids, a room's ``native.py``, and `convert` as the command calls it."""

from __future__ import annotations

import importlib
import resource
import sys
from pathlib import Path
from typing import Any

import numpy as np

from compare.exchange import convert as conversion
from compare.exchange.convert import Wishes
from shared.errors import LockstepError
from shared.files import digest
from shared.output import Output
from shared.weights import Checkpoint
from tests.conformance.jobs import implementation

WORDS, SIZE, HIDDEN = 30, 5, 4


def tokens() -> np.ndarray:
    """Padded, full, single-word and empty rows, ``<int32>[8, 12]``."""
    generator = np.random.default_rng(3)
    rows = generator.integers(1, WORDS, (8, 12)).astype(np.int32)
    lengths = np.array([12, 7, 1, 0, 3, 12, 1, 9])
    return np.where(np.arange(12) < lengths[:, None], rows, 0).astype(np.int32)


def convert(
    source: Path, target: Path, wishes: Wishes | None = None, overwrite: bool = False
) -> tuple[Checkpoint, list[str]]:
    with Output(target, conversion.kind_of(target), overwrite=overwrite) as place:
        return conversion.convert(source, place, wishes or Wishes())


def native(framework: str, function: str, *arguments: object) -> Any:
    """A function of the room's ``native.py``."""
    implementation(framework)
    return getattr(importlib.import_module(f"{framework}_impl.native"), function)(*arguments)


def outcomes(framework: str, path: Path, contents: list[bytes]) -> list[str]:
    """What a room says of a file with each of these contents: how it was refused, or a digest of what was read."""
    said = []
    for content in contents:
        path.write_bytes(content)
        said.append(outcome(framework, path))
    return said


def outcome(framework: str, path: Path) -> str:
    try:
        model = native(framework, "read_native", path)
    except LockstepError as error:
        said = str(error)
        one_line = said.startswith(f"{path}: ") and len(said) > len(f"{path}: ") and "\n" not in said
        return f"refused: {said}" if one_line else f"wrong: {said!r}"
    except Exception as error:
        return f"wrong: {error!r}"
    arrays = [part for name, array in sorted(model.weights.items()) for part in (name, array.tobytes())]
    return "read: " + digest(*arrays, model.specification.model_dump_json(), str(model.class_names))


def peaks(framework: str, paths: list[Path]) -> list[tuple[str, int]]:
    """What a room says of each file, and how far the peak of this process' memory rose meanwhile, in bytes."""
    implementation(framework)
    importlib.import_module(f"{framework}_impl.native")
    found = []
    for path in paths:
        before = peak()
        said = outcome(framework, path)
        found.append((said, peak() - before))
    return found


def peak() -> int:
    used = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return used if sys.platform == "darwin" else 1024 * used
