"""What several commands let a user choose, and how a wrong choice is refused."""

from __future__ import annotations

from collections.abc import Sequence

from shared.contract import module_name
from shared.errors import LockstepError
from shared.specification import ARCHITECTURES

COMPARED_ARCHITECTURES = ("lstm", "gru", "bilstm")


def refuse_doubles(flag: str, values: Sequence[object]) -> None:
    """Refuse a list in which a value stands twice: its cells would count twice."""
    for place, value in enumerate(values):
        if value in values[:place]:
            raise LockstepError(f"{flag}: {value} stands twice")


def check_names(frameworks: Sequence[str], architectures: Sequence[str]) -> None:
    """Refuse names of frameworks and architectures that are unknown or stand twice."""
    refuse_doubles("--frameworks", frameworks)
    refuse_doubles("--architectures", architectures)
    for framework in frameworks:
        module_name(framework)
    for architecture in architectures:
        if architecture not in ARCHITECTURES:
            raise LockstepError(f"unknown architecture {architecture!r}: choose among {', '.join(ARCHITECTURES)}")
