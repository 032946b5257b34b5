"""Which fields of two specifications differ, and which of them mean something only together."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from itertools import combinations

from compare.grid.reuse import DATA_FIELDS
from shared.errors import LockstepError
from shared.specification import Specification

# Seeds are gone through, the recipe is a line of its own, and into how many parts a batch is cut is rounding.
NOT_EXPLAINED = ("batch_parts", "recipe", "seed")


@dataclass(frozen=True)
class Player:
    """Fields that are changed together: most often one.

    Attributes
    ----------
    fields : tuple of str
        In the order of the specification.
    """

    fields: tuple[str, ...]

    @property
    def name(self) -> str:
        """The fields, with a plus between them."""
        return " + ".join(self.fields)


def differing_fields(first: Specification, second: Specification) -> list[str]:
    """Return the fields in which two trainings differ, but for those that are not explained.

    Parameters
    ----------
    first, second : Specification
        A field that changes nothing in one of them counts as its default there.
    """
    one, other = first.without_idle_fields(), second.without_idle_fields()
    return [
        name
        for name in Specification.model_fields
        if name not in NOT_EXPLAINED and getattr(one, name) != getattr(other, name)
    ]


def refuse_other_data(first: Specification, second: Specification) -> None:
    """Refuse two trainings that are not tested on the same reviews.

    Raises
    ------
    LockstepError
        With the name of the first field of the data that differs, both values, and advice.
    """
    for name in differing_fields(first, second):
        if name in DATA_FIELDS:
            values = f"{getattr(first, name)!r} and {getattr(second, name)!r}"
            raise LockstepError(
                f"{name.replace('_', '-')} differs ({values}): only trainings that are tested on the same reviews are "
                "explained; give both the same data"
            )


def changed(first: Specification, second: Specification, fields: Iterable[str]) -> Specification:
    """Return the first specification with some fields of the second, without those that change nothing then.

    Raises
    ------
    LockstepError
        If these fields together are refused.
    """
    values = {name: getattr(second, name) for name in fields}
    return first.replaced(**{"minimum_steps": first.minimum_steps, **values}).without_idle_fields()


def players_of(
    first: Specification, second: Specification, together: Sequence[Collection[str]] = ()
) -> tuple[Player, ...]:
    """Return what can be changed by itself on the way from one specification to another.

    Two fields are one player if

    - one of them changes nothing at one end, because of what the other is there: SGD has no ``epsilon_place``, so that
      goes with ``optimizer``;
    - one of them without the other is refused: ``vectors`` and ``embedding_size``;
    - it is asked for.

    Parameters
    ----------
    first, second : Specification
        Both ends; fields that change nothing there have their defaults (`Specification.without_idle_fields`).
    together : sequence of collection of str
        Fields that are to be one player; one that does not differ is passed over, if two others do.

    Raises
    ------
    LockstepError
        If a field is unknown, fewer than two of those that are to be one differ, or some fields can be changed in no
        order.
    """
    fields = differing_fields(first, second)
    groups = _Groups(fields)
    for asked in together:
        for name in asked:
            if name not in Specification.model_fields:
                raise LockstepError(f"--together: unknown field {name!r}; lockstep train keras --help lists them")
        differ = [name for name in asked if name in fields]
        if len(differ) < 2:
            which = f"only {differ[0]} differs" if differ else "none differs"
            raise LockstepError(f"--together {' '.join(asked)}: of these {which} between the two; leave it out")
        groups.join(differ)
    for name in fields:
        for near, far in ((first, second), (second, first)):
            groups.join([name, *_what_makes_idle(name, near, far, fields)])
    while wrong := _refused_together(first, second, groups):
        groups.join(wrong)
    return tuple(Player(tuple(name for name in fields if name in group)) for group in groups.found())


class _Groups:
    """Fields, as far as they were put together."""

    def __init__(self, fields: Sequence[str]) -> None:
        self.of = {name: frozenset({name}) for name in fields}

    def join(self, names: Iterable[str]) -> None:
        joined = frozenset().union(*(self.of[name] for name in names))
        self.of.update(dict.fromkeys(joined, joined))

    def found(self) -> list[frozenset[str]]:
        """Return the groups in the order of their first fields."""
        return list(dict.fromkeys(self.of.values()))


def _what_makes_idle(name: str, near: Specification, far: Specification, fields: Sequence[str]) -> Iterator[str]:
    """Yield the first field that makes another one change nothing at the far end, if one alone does."""
    if name not in far.idle_fields() or name in near.idle_fields():
        return
    for other in fields:
        if other != name:
            with suppress(LockstepError):
                values = {"minimum_steps": near.minimum_steps, other: getattr(far, other)}
                if name in near.replaced(**values).idle_fields():
                    yield other
                    return


def _refused_together(first: Specification, second: Specification, groups: _Groups) -> list[str]:
    """Return fields of two groups that must be one, because the one without the other is refused; none if all is well.

    Changes of one and of two groups are tried, and of all but these.
    """
    found = groups.found()
    for size in (1, 2):
        for few in combinations(found, size):
            rest = tuple(group for group in found if group not in few)
            for switched, still in ((few, rest), (rest, few)):
                if _is_refused(first, second, switched):
                    return [*_culprit(first, second, switched, still)]
    return []


def _culprit(
    first: Specification, second: Specification, switched: Sequence[frozenset[str]], still: Sequence[frozenset[str]]
) -> frozenset[str]:
    """Return the group without which a refused change is accepted, joined with the one with which it is."""
    for group in switched:
        for other in still:
            without = [one for one in switched if one != group]
            if not _is_refused(first, second, without) and not _is_refused(first, second, [*switched, other]):
                return group | other
    names = sorted(frozenset().union(*switched))
    raise LockstepError(
        f"{', '.join(names)}: cannot be changed without others; name the fields that belong together with --together"
    )


def _is_refused(first: Specification, second: Specification, groups: Iterable[frozenset[str]]) -> bool:
    try:
        changed(first, second, frozenset().union(*groups))
    except LockstepError:
        return True
    return False
