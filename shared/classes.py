"""Names of classes: what can be one, and how many there may be."""

from __future__ import annotations

from collections.abc import Sequence

from shared.errors import LockstepError

MOST_CLASSES = 1_000
LONGEST_NAME = 100  # characters


def check_class_names(names: Sequence[str]) -> None:
    """Raise a LockstepError unless these can name classes: printable, not empty, each once, not too many."""
    if len(names) > MOST_CLASSES:
        raise LockstepError(f"{len(names):,} classes, at most {MOST_CLASSES:,} can be told apart")
    seen: set[str] = set()
    for name in names:
        if not name.strip() or not name.isprintable() or len(name) > LONGEST_NAME:
            raise LockstepError(f"{name!r:.200} cannot name a class: 1 to {LONGEST_NAME} printable characters can")
        if name in seen:
            raise LockstepError(f"the class name {name!r} stands twice")
        seen.add(name)
