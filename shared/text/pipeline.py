"""Cleaning steps by name, and pipelines of them; lesson 2 walks through them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from itertools import groupby

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

Step = Callable[[str], str]

# In an order that makes sense: what a step looks for, no earlier one has taken away.
STEPS: dict[str, Step] = {
    "html": remove_html,
    "apostrophes": straighten_apostrophes,
    "accents": remove_accents,
    "contractions": expand_contractions,
    "lower_case": lower_case,
    "special_characters": remove_special_characters,
    "digits": remove_digits,
    "stop_words": remove_stop_words,
    "lemmatization": lemmatize,
    "stemming": stem,
}
DEFAULT_CLEANING = "html,apostrophes,lower_case"

# These make single spaces of white space, and of a piece between two spaces always the same.
BY_PIECE = {"digits", "stop_words", "lemmatization", "stemming"}
# Of the pieces that a pipeline remembers; some tens of megabytes. Frequent ones come early.
LONGEST_PIECE = 50
MOST_PIECES = 200_000


class _ByPiece(dict[str, str]):
    """Steps of `BY_PIECE` in a row, as one: what they make of a piece is worked out when it is first seen."""

    def __init__(self, steps: Sequence[Step]) -> None:
        super().__init__()
        self.steps = steps

    def __missing__(self, piece: str) -> str:
        cleaned = piece
        for step in self.steps:
            cleaned = step(cleaned)
        if len(piece) <= LONGEST_PIECE and len(self) < MOST_PIECES:
            self[piece] = cleaned
        return cleaned

    def __call__(self, text: str) -> str:
        return " ".join(filter(None, map(self.__getitem__, text.split())))


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
        self._steps: list[Step] = []
        for by_piece, row in groupby(self.names, BY_PIECE.__contains__):
            steps = [STEPS[name] for name in row]
            self._steps += [_ByPiece(steps)] if by_piece else steps

    @classmethod
    def parse(cls, text: str) -> Pipeline:
        """Read what `str` of a pipeline gives: names with commas between; no name is no cleaning."""
        return cls(name.strip() for name in text.split(",")) if text.strip() else cls(())

    def __call__(self, text: str) -> str:
        """Clean a text."""
        for step in self._steps:
            text = step(text)
        return text

    def __str__(self) -> str:
        return ",".join(self.names)

    def __repr__(self) -> str:
        return f"Pipeline.parse({str(self)!r})"
