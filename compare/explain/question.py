"""What is asked: two ends, what can be changed on the way between them, and which trainings answer it."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

from compare.explain.ends import End
from compare.explain.players import Player, changed, players_of, refuse_other_data
from compare.explain.shapley import MOST_EXACT, Coalition, Order, all_orders, coalitions_along, drawn_orders
from compare.grid.cells import Setting, own_code
from shared.errors import LockstepError
from shared.loading import load_corpus

USUAL_PAIRS = 4


@dataclass(frozen=True)
class Question:
    """Two ends and the players between them.

    Attributes
    ----------
    first, second : End
        Fields that change nothing there have their defaults.
    players : tuple of Player
        All in the first end's framework, in the lockstep recipe.
    """

    first: End
    second: End
    players: tuple[Player, ...]

    @property
    def framework(self) -> str:
        """In which the fields are changed."""
        return self.first.framework

    @property
    def exact(self) -> bool:
        """Whether every order of the players is gone through."""
        return len(self.players) <= MOST_EXACT

    @cached_property
    def everyone(self) -> Coalition:
        """All players."""
        return frozenset(range(len(self.players)))

    def orders(self, seed: int, pairs: int) -> list[Order]:
        """Return the orders in which the players are changed; if they are drawn, each seed has its own."""
        return all_orders(len(self.players)) if self.exact else drawn_orders(len(self.players), pairs, seed)

    def fields(self, coalition: Coalition) -> list[str]:
        """Return the fields that are changed in a coalition."""
        return [name for place, player in enumerate(self.players) if place in coalition for name in player.fields]

    def setting(self, coalition: Coalition, seed: int) -> Setting:
        """Return what is trained where these players are changed."""
        made = changed(self.first.specification, self.second.specification, self.fields(coalition))
        return Setting(self.framework, made.replaced(seed=seed))

    def outside(self, seed: int) -> tuple[Setting | None, Setting | None, Setting | None]:
        """Return what is trained beside the fields.

        Returns
        -------
        Setting or None
            The first end by its framework's own code, if that is asked for.
        Setting or None
            The second end's fields in its own framework, if that is another one.
        Setting or None
            The second end by its framework's own code.
        """
        last = self.setting(self.everyone, seed).specification
        other = Setting(self.second.framework, last) if self.second.framework != self.framework else None
        return _own_code(self.first, seed), other, _own_code(self.second, seed)

    def ends(self, seed: int) -> list[Setting]:
        """Return what is trained in any case: none and all of the players changed, and what stands outside them."""
        inside = [self.setting(frozenset(), seed), self.setting(self.everyone, seed)]
        return list(dict.fromkeys([*inside, *(one for one in self.outside(seed) if one is not None)]))

    def settings(self, seeds: Sequence[int], pairs: int) -> list[Setting]:
        """Return everything that is trained, each once, seed by seed."""
        return list(dict.fromkeys(one for seed in seeds for one in self._of_seed(seed, pairs)))

    def _of_seed(self, seed: int, pairs: int) -> Iterator[Setting]:
        yield from self.ends(seed)
        for coalition in coalitions_along(self.orders(seed, pairs)):
            yield self.setting(coalition, seed)


def asked(first: End, second: End, together: Sequence[Collection[str]] = ()) -> Question:
    """Return the question of two ends.

    Parameters
    ----------
    first, second : End
        As `compare.explain.ends.read_ends` returns them.
    together : sequence of collection of str
        Fields that are to be changed together.

    Raises
    ------
    LockstepError
        If they are one training, are not tested on the same reviews, or their fields can be changed in no order.
    """
    refuse_other_data(first.specification, second.specification)
    _refuse_other_reviews(first, second)
    first, second = (replace(end, specification=end.specification.without_idle_fields()) for end in (first, second))
    players = players_of(first.specification, second.specification, together)
    if not players and (first.framework, first.native) == (second.framework, second.native):
        raise LockstepError(f"{first.title} and {second.title} are the same training: there is nothing to explain")
    return Question(first, second, players)


def _refuse_other_reviews(first: End, second: End) -> None:
    """Refuse a run that was made with other reviews than its data gives now."""
    for end in (first, second):
        if end.record is None:
            continue
        found = load_corpus(first.specification).fingerprint
        if found != end.record.data.fingerprint:
            raise LockstepError(
                f"{end.name}: was made with other reviews than {first.specification.data} has now (another "
                "fingerprint); name a run that was made with these, or train it again"
            )


def _own_code(end: End, seed: int) -> Setting | None:
    return own_code(end.framework, end.specification.replaced(seed=seed)) if end.native else None
