"""Which classes the labels of a source are: words are names, 0 and 1 are negative and positive, others must be said."""

from __future__ import annotations

import re
import shlex
import unicodedata
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import NoReturn

import numpy as np

from shared.classes import MOST_CLASSES, check_class_names
from shared.data.account import HIDDEN, NOT_KNOWN, WITHOUT
from shared.data.lines import SHOWN
from shared.data.reviews import UNLABELLED, split_of
from shared.errors import LockstepError

AUTO, AS_IS = "auto", "as-is"
BINARY = NEGATIVE, POSITIVE = ("negative", "positive")
BINARY_LABELS = {
    **dict.fromkeys(("0", "neg", NEGATIVE), NEGATIVE),
    **dict.fromkeys(("1", "pos", POSITIVE), POSITIVE),
}
SHORT = {"neg": NEGATIVE, "pos": POSITIVE}
ALSO_CALLED = {**SHORT, **{name: short for short, name in SHORT.items()}}
APART = "set apart as unlabelled"
MISSING = ("", "nan")
NUMBER = re.compile(r"[-+]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:e[-+]?[0-9]+)?", re.IGNORECASE)
WHOLE = re.compile(r"([-+]?[0-9]+)\.0+")
MOST_DIFFERENT = 10_000  # labels without a class that are counted one by one
SHOWN_LABELS = 5
MOST_STARS = 10  # so many numbers may be a scale
STARS = (5, 10)  # the best of a scale that begins with 1


class Classes:
    """Labels as they come, and the classes that they are.

    Parameters
    ----------
    source : str
        For messages.
    labels : str
        As `shared.data.reviews.Reading` has it.
    names_classes : bool
        Numbers are names too.
    known : sequence of str
        The classes, where they are known already; a label must be one of them.

    Attributes
    ----------
    left_out : Counter of str
        Rows that have no class, by why; complete after :meth:`finish`.
    notes : list of str
        What else there is to say, each a sentence; complete after :meth:`finish`.

    Raises
    ------
    LockstepError
        If `labels` cannot be read, or makes a class that is not among the known ones.
    """

    def __init__(
        self, source: str = "", labels: str = AUTO, names_classes: bool = False, known: Sequence[str] = ()
    ) -> None:
        self.source, self.labels, self.names_classes, self.known = source, labels, names_classes, tuple(known)
        self.left_out: Counter[str] = Counter()
        self.notes: list[str] = []
        self._mapping = {} if labels in (AUTO, AS_IS) else _parsed(labels)
        self._classes = self.known or tuple(dict.fromkeys(self._mapping.values()))
        self._exactly = {_composed(name): place for place, name in enumerate(self._classes)}
        alike = Counter(map(_key, self._classes))  # classes that differ in capitals only are told by their spelling
        self._place = {key: place for place, key in enumerate(map(_key, self._classes)) if alike[key] == 1}
        self._numbers: dict[str | None, int] = {}  # by label, as written
        self._keys: dict[str, int] = {}  # by label, small
        self._spelled: list[str] = []
        self._seen_at: list[str] = []  # the places of the first ones
        self._counts = [0] * len(self._classes)
        self._others: Counter[str] = Counter()
        strange = [name for name in self._mapping.values() if name not in self._classes]
        if strange:
            raise LockstepError(
                f"{source}: --labels makes the class {strange[0]!r:.{SHOWN}}, the classes are {_shown(self.known)}"
            )

    @classmethod
    def of(cls, class_names: Sequence[str], labels: str = AUTO, source: str = "") -> Classes:
        """Take the classes of a model or of the training data."""
        return cls(source, labels, known=class_names)

    def find(self, label: str | None) -> int | None:
        """Return which of the known classes a label is, or None."""
        key = _key(label)
        if self._mapping:
            name = self._mapping.get(key)
            return None if name is None else self._classes.index(name)
        found = self._exactly.get(_composed(label or ""), self._place.get(key))
        if found is None and set(self.known) == set(BINARY) and key in BINARY_LABELS:
            return self.known.index(BINARY_LABELS[key])
        if found is None and self.labels == AUTO:
            return self._place.get(ALSO_CALLED.get(key, ""))
        return found

    def add(self, label: str | None, place: str = "") -> int:
        """Count a label and return a number for it, of which :meth:`finish` tells the class; -1 if it has none.

        Parameters
        ----------
        label : str or None
            As it is written.
        place : str
            Where, for messages.

        Raises
        ------
        LockstepError
            If it is none of the known classes, or there are too many.
        """
        number = self._numbers.get(label)
        if number is None:
            number = self._number(label, place)
            if len(self._numbers) < MOST_DIFFERENT:
                self._numbers[label] = number
        if number >= 0:
            self._counts[number] += 1
        else:
            self._leave_out(_key(label))
        return number

    def _number(self, label: str | None, place: str) -> int:
        key = _key(label)
        if self.is_not_known(label) or (self._mapping and key not in self._mapping):
            return -1
        if self._classes:
            found = self.find(label)
            if found is None:
                raise LockstepError(
                    f"{self.source}: {place} has label {label!r:.{SHOWN}}; the classes are {_shown(self.known)}"
                )
            return found
        return self._new(key, _composed(label or ""), place)

    def _new(self, key: str, spelled: str, place: str) -> int:
        number = self._keys.setdefault(key, len(self._keys))
        if number == len(self._spelled):
            if number == MOST_CLASSES:
                raise LockstepError(
                    f"{self.source}: {place} has label {spelled!r:.{SHOWN}}, after {MOST_CLASSES:,} others, and "
                    "there may be no more classes; name another --label-column, or the labels that count with --labels"
                )
            self._spelled.append(key if WHOLE.fullmatch(spelled) else spelled)
            self._seen_at.append(place)
            self._counts.append(0)
        elif not NUMBER.fullmatch(spelled) and spelled != self._spelled[number]:
            self.notes.append(f"{self._spelled[number]:.{SHOWN}} and {spelled:.{SHOWN}} are one class.")
        return number

    def is_not_known(self, label: str | None) -> bool:
        """Whether a label says that it is not known; it may be a class, or have been given a meaning."""
        key = _key(label)
        if key in self._mapping or key in self._place or _composed(label or "") in self._exactly:
            return False
        if key == NOT_KNOWN:
            return not (self.names_classes or self.labels == AS_IS)
        return key in MISSING or split_of(key) == UNLABELLED

    def _leave_out(self, key: str) -> None:
        if key in MISSING or split_of(key) == UNLABELLED:
            self.left_out[WITHOUT] += 1
        elif not self._mapping:
            self.left_out[HIDDEN] += 1
        elif key in self._others or len(self._others) < MOST_DIFFERENT:
            self._others[key] += 1
        else:
            self._others[""] += 1

    def finish(self) -> tuple[tuple[str, ...], np.ndarray]:
        """Return the classes, and which of them each number is.

        Returns
        -------
        class_names : tuple of str
        order : <int16>[numbers]
            Class by number.

        Raises
        ------
        LockstepError
            If nothing says what numbers mean, a name cannot be one, or there are fewer than two classes.
        """
        self._name_others()
        never = sorted(self._mapping.keys() - set(map(_key, self._numbers)))
        if never and len(self._numbers) < MOST_DIFFERENT:
            self.notes.append(f"--labels speaks of {_shown(never)}, which no text is labelled.")
        if self._classes:
            if not any(self._counts) or (not self.known and 0 in self._counts):
                self._refuse_missing()
            return self._classes, np.arange(len(self._classes), dtype=np.int16)
        names = [BINARY_LABELS[key] for key in self._keys] if self._is_binary() else self._names()
        found = set(names)
        if len(found) < 2:
            self._refuse_one_class(found)
        if self.left_out[HIDDEN]:
            self.notes.append(f"-1: {self._meaning_of_hidden()}.")
        class_names = BINARY if self._is_binary() else tuple(_sorted(found))
        _check_names(self.source, class_names)
        return class_names, np.array([class_names.index(name) for name in names], np.int16)

    def _is_binary(self) -> bool:
        return self.labels == AUTO and self._keys.keys() <= BINARY_LABELS.keys()

    def _names(self) -> list[str]:
        numbers = [key for key in self._keys if NUMBER.fullmatch(key)]
        if numbers and self.labels == AUTO and not self.names_classes:
            self._refuse_numbers(sorted(numbers, key=float))
        names = list(self._spelled)
        for short, name in SHORT.items() if self.labels == AUTO else ():
            if short in self._keys and name in self._keys:
                names[self._keys[short]] = names[self._keys[name]]
                self.notes.append(f"{self._spelled[self._keys[short]]} and {names[self._keys[name]]} are one class.")
        return names

    def _name_others(self) -> None:
        """Say which labels the mapping left out: the commonest, and how many others."""
        rest = self._others.pop("", 0)
        common = self._others.most_common(SHOWN_LABELS)
        for key, count in common:
            self.left_out[f"labelled {key:.{SHOWN}}"] += count
        rest += self._others.total() - sum(count for _, count in common)
        if rest:
            self.left_out["with other labels"] += rest

    def _refuse_numbers(self, numbers: list[str]) -> NoReturn:
        if len(self._keys) > len(numbers) or len(numbers) > MOST_STARS:
            advice = "pass --labels as-is for a class of each, or name another --label-column"
        elif len(numbers) == 1:
            example = f'--labels "{numbers[0]:.{SHOWN}}={POSITIVE}"'
            advice = f"say what it means, such as {example}, and add texts with another label"
        else:
            low, high, between = _halves(numbers)
            mapping = f"{','.join(low)}={NEGATIVE} {','.join(high)}={POSITIVE}"
            dropped = f" ({' and '.join(between)} left out)" if between else ""
            advice = f'say what they mean, such as --labels "{mapping}"{dropped}, or --labels as-is for a class of each'
        strange = next(key for key in numbers if key not in BINARY_LABELS or len(numbers) < len(self._keys))
        others = [key for key in self._keys if key not in numbers]
        raise LockstepError(
            f"{self.source}: {self._seen_at[self._keys[strange]]} has label {strange:.{SHOWN}}; "
            f"all labels are {_shown([*numbers, *others])}: {advice}"
        )

    def _refuse_one_class(self, found: set[str]) -> NoReturn:
        count = sum(self._counts)
        one = next(iter(found), "")
        hidden = self.left_out[HIDDEN]
        if not found:
            said = "no text has a label" + (f": {hidden:,} have -1, which means that it is not known" if hidden else "")
            said += "; it can be --unlabelled, or be predicted with --input"
        else:
            said = f"all {count:,} texts with a label are {one}; a classifier needs two classes"
            said += f"; {hidden:,} have -1: {self._meaning_of_hidden()}" if hidden else ", add texts of another"
            without = self.left_out[WITHOUT]
            said += f" ({without:,} have no label)" if without else ""
        raise LockstepError(f"{self.source}: {said}")

    def _meaning_of_hidden(self) -> str:
        between = " 0=neutral" if "0" in self._keys else ""
        mapping = f"{NOT_KNOWN}={NEGATIVE}{between} 1={POSITIVE}"
        return f'it means "not known"; if it is a class, pass --labels "{mapping}"'

    def _refuse_missing(self) -> NoReturn:
        name = self._classes[self._counts.index(0)]
        keys = [key for key, other in self._mapping.items() if other == name]
        left_out = [f"{count:,} {why}" for why, count in self.left_out.items()]
        others = f"; left out are {_shown(left_out)}" if left_out else ""
        if not self._mapping:
            raise LockstepError(f"{self.source}: no text has a label; the classes are {_shown(self.known)}")
        raise LockstepError(
            f"{self.source}: --labels makes {name!r:.{SHOWN}} of {_shown(keys)}, which no text is labelled{others}"
        )


def meaning_of(label: str) -> str:
    """Return what two labels have in common that mean the same: 1, pos and Positive."""
    key = _key(label)
    return BINARY_LABELS.get(key, key)


def _key(label: str | None) -> str:
    key = _composed((label or "").casefold())
    whole = WHOLE.fullmatch(key)
    return whole[1] if whole else key


def _composed(label: str) -> str:
    """Return a label as it is compared: one that looks the same may be written with other code points."""
    return unicodedata.normalize("NFC", label).strip()


def _parsed(labels: str) -> Mapping[str, str]:
    """Return class by label, of ``1,2=negative 4,5=positive``; quotes hold a label with spaces together."""
    example = 'write it as "1,2=negative 4,5=positive", or as-is'
    try:
        parts = shlex.split(labels)
    except ValueError as error:
        raise LockstepError(f"--labels {labels!r:.{SHOWN}}: a quote never closes; {example}") from error
    found: dict[str, str] = {}
    for part in parts:
        written, _, name = part.rpartition("=")
        keys = [_key(label) for label in written.split(",")]
        if not all(keys) or not name.strip():
            raise LockstepError(f"--labels: cannot read {part!r:.{SHOWN}}; {example}")
        for key in keys:
            if key in found:
                raise LockstepError(f"--labels: {key!r:.{SHOWN}} stands twice; {example}")
            found[key] = _composed(name)
    if len(set(found.values())) < 2:
        raise LockstepError(f"--labels {labels!r:.{SHOWN}}: names fewer than two classes; {example}")
    if len(set(found.values())) > MOST_CLASSES:
        raise LockstepError(f"--labels: names over {MOST_CLASSES:,} classes")
    _check_names("--labels", tuple(dict.fromkeys(found.values())))
    return found


def _check_names(source: str, class_names: tuple[str, ...]) -> None:
    try:
        check_class_names(class_names)
    except LockstepError as error:
        raise LockstepError(f"{source}: {error}") from error


def _halves(numbers: list[str]) -> tuple[list[str], list[str], list[str]]:
    """Return the low and the high labels of a scale, and those between."""
    high = float(numbers[-1])
    low = 1.0 if high in STARS else float(numbers[0])
    middle, sides = (low + high) / 2, ([], [], [])  # type: tuple[float, tuple[list[str], list[str], list[str]]]
    for number in numbers:
        distance = float(number) - middle
        sides[2 if abs(distance) < min(1, (high - low) / 4) else int(distance > 0)].append(number)
    return sides


def _sorted(names: set[str]) -> list[str]:
    """Sort by name; numbers by their size."""
    if all(map(NUMBER.fullmatch, names)):
        return sorted(names, key=lambda name: (float(name), name))
    return sorted(names)


def _shown(names: Sequence[str]) -> str:
    shown = [f"{name:.{SHOWN}}" for name in names[:MOST_STARS]]
    return ", ".join(shown) + (f" and {len(names) - MOST_STARS:,} more" if len(names) > MOST_STARS else "")
