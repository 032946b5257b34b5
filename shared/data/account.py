"""What became of everything that a source holds: said once, and kept in the record."""

from __future__ import annotations

from collections.abc import Iterator

from pydantic import BaseModel, ConfigDict

# Above these shares something is wrong more often than not. Of English reviews 4 % of the characters are punctuation,
# which no token holds, and 2 to 5 % of the words are unknown.
LARGEST_LOST_SHARE = 0.2
LARGEST_UNKNOWN_SHARE = 0.2
# IMDB's official test set has 123 texts of 25,000 that are trained on too.
LARGEST_SHARE_TRAINED_ON = 0.01
SHOWN = 8  # names of columns, classes or files in a list
SHOWN_LENGTH = 40  # characters of one of them
NOT_KNOWN = "-1"  # where hubs hide the labels of a test
WITHOUT = "without a label"
HIDDEN = f"{WITHOUT} ({NOT_KNOWN})"


class Account(BaseModel):
    """What was read of one source, what is used, and what is not and why.

    Attributes
    ----------
    source : str
        As it was named.
    form : str
        What it was taken for, with its article: ``a CSV file``.
    read : int
        Rows, lines, documents or files with a text.
    used : int
        Of these.
    left_out : dict of str to int
        Why, and how many.
    columns : dict of str to str
        ``text``, ``label``, ``id``, ``split``: which column is what.
    columns_ignored : list of str
        The others.
    files_ignored : int
        Files that fit no pattern.
    files_ignored_names : list of str
        Some of them.
    ids_twice : int
        Rows whose id another row had before; their place was added to it.
    classes : dict of str to int
        Of what is used; none where there are no labels.
    empty : int
        Texts without a character but white space.
    empty_names : list of str
        Where some of them stand.
    copies : int
        Texts that stood before.
    also_trained_on : int
        Texts that the source holds out and that stand among the training texts too.
    notes : list of str
        What else there is to know, each a sentence.
    lost_share : float or None
        Of the characters that are no white space, those that no token holds; None until it is counted.
    unknown_share : float or None
        Of the tokens, those that are not in the vocabulary.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    source: str
    form: str
    read: int = 0
    used: int = 0
    left_out: dict[str, int] = {}
    columns: dict[str, str] = {}
    columns_ignored: list[str] = []
    files_ignored: int = 0
    files_ignored_names: list[str] = []
    ids_twice: int = 0
    classes: dict[str, int] = {}
    empty: int = 0
    empty_names: list[str] = []
    copies: int = 0
    also_trained_on: int = 0
    notes: list[str] = []
    lost_share: float | None = None
    unknown_share: float | None = None

    def paragraph(self) -> str:
        """Return all of it that is worth saying, in one paragraph."""
        return " ".join(self._sentences())

    def warnings(self) -> list[str]:
        """Return what is probably wrong, each with what to do."""
        found = []
        if self.also_trained_on > LARGEST_SHARE_TRAINED_ON * self.used:
            found.append(
                f"{self.source}: {self.also_trained_on:,} of the texts that are held out are trained on too; "
                "what is measured on them is too good"
            )
        if hidden := self.left_out.get(HIDDEN):
            found.append(
                f"{self.source}: {hidden:,} texts are left out, since their label -1 means that it is not known"
            )
        if self.lost_share is not None and self.lost_share > LARGEST_LOST_SHARE:
            found.append(
                f"{self.source}: {self.lost_share:.0%} of the characters are in no word or sign that the model reads; "
                "look at the texts: another --encoding or other --cleaning steps may help"
            )
        if self.unknown_share is not None and self.unknown_share > LARGEST_UNKNOWN_SHARE:
            found.append(
                f"{self.source}: {self.unknown_share:.0%} of the words are not in the vocabulary; "
                "a lower --minimum-count, a larger --vocabulary-size or more texts (--unlabelled) may help"
            )
        return found

    def _sentences(self) -> Iterator[str]:
        yield f"{self.source}: {self.form}, {self.read:,} read, {self.used:,} used."
        if self.left_out:
            yield "Left out: " + ", ".join(f"{count:,} {why}" for why, count in self.left_out.items()) + "."
        if self.columns:
            used = ", ".join(f"{role} from {_short(column)}" for role, column in self.columns.items())
            ignored = f"; ignored: {_listed(self.columns_ignored)}" if self.columns_ignored else ""
            yield f"Columns: {used}{ignored}."
        if self.files_ignored:
            others = _and_so_on(self.files_ignored, self.files_ignored_names)
            yield f"Files that fit no pattern: {self.files_ignored:,} ({_listed(self.files_ignored_names)}{others})."
        if self.classes:
            counted = [f"{_short(name)} {count:,}" for name, count in self.classes.items()]
            yield f"Classes: {_listed(counted)}."
        if self.ids_twice:
            yield f"Ids that stood before, and got their row added: {self.ids_twice:,}."
        if self.empty:
            others = _and_so_on(self.empty, self.empty_names)
            yield f"Empty texts: {self.empty:,} ({_listed(self.empty_names)}{others})."
        if self.copies:
            yield f"Copies of texts that stood before: {self.copies:,}."
        if self.also_trained_on:
            yield f"Texts that are held out and stand among the training texts too: {self.also_trained_on:,}."
        yield from self.notes
        if self.lost_share is not None:
            unknown = "" if self.unknown_share is None else f", {self.unknown_share:.1%} of the words are unknown"
            yield f"{self.lost_share:.1%} of the characters are in no word{unknown}."


def _and_so_on(count: int, names: list[str]) -> str:
    return "" if len(names) == count else " and so on"


def _listed(names: list[str]) -> str:
    return ", ".join(map(_short, names[:SHOWN])) + (f" … ({len(names):,} in all)" if len(names) > SHOWN else "")


def _short(name: str) -> str:
    if not name:
        return "(no name)"
    return name if len(name) <= SHOWN_LENGTH else f"{name[: SHOWN_LENGTH - 1]}…"
