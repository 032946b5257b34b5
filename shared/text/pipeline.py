"""Cleaning steps by name, and pipelines of them."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from shared.errors import LockstepError
from shared.text.characters import (
    lower_case,
    remove_accents,
    remove_digits,
    remove_html,
    remove_special_characters,
    straighten_apostrophes,
)
from shared.text.contractions import expand_contractions
from shared.text.words import lemmatize, remove_stop_words, stem

# In an order that makes sense: what a step looks for, no earlier one has taken away.
STEPS: dict[str, Callable[[str], str]] = {
    "html": remove_html,
    "apostrophes": straighten_apostrophes,
    "accents": remove_accents,
    "contractions": expand_contractions,
    "special_characters": remove_special_characters,
    "digits": remove_digits,
    "lower_case": lower_case,
    "stop_words": remove_stop_words,
    "lemmatization": lemmatize,
    "stemming": stem,
}
DEFAULT_CLEANING = "html,apostrophes,lower_case"


class Pipeline:
    """Cleaning steps, one after the other: a function of text that prints as its steps' names.

    Parameters
    ----------
    names : iterable of str
        Keys of `STEPS`, in the order in which the steps are applied.

    Raises
    ------
    LockstepError
        If there is no such step, or one stands twice.
    """

    def __init__(self, names: Iterable[str] = STEPS) -> None:
        self.names = tuple(names)
        for name in self.names:
            if name not in STEPS:
                raise LockstepError(f"unknown cleaning step {name!r}: choose among {', '.join(STEPS)}")
            if self.names.count(name) > 1:
                raise LockstepError(f"the cleaning step {name!r} stands twice")

    @classmethod
    def parse(cls, text: str) -> Pipeline:
        """Read what `str` of a pipeline gives: names with commas between; no name is no cleaning."""
        return cls(name.strip() for name in text.split(",")) if text.strip() else cls(())

    def __call__(self, text: str) -> str:
        """Clean a text."""
        for name in self.names:
            text = STEPS[name](text)
        return text

    def __str__(self) -> str:
        return ",".join(self.names)

    def __repr__(self) -> str:
        return f"Pipeline.parse({str(self)!r})"
