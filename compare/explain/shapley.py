"""Shapley values: a change in several parts is divided among them so that the parts add up to the whole.

A *player* is a part that can be switched, a *coalition* the set of those that are. In one order of the players each is
worth what the value changes when it is switched after those before it. Its Shapley value (Shapley 1953) is the mean of
that over all orders, or over some that are drawn (Castro et al. 2009). Drawn orders come in pairs, each with its
reverse: who is switched early in the one is switched late in the other, which makes the mean steadier (Mitchell et al.
2022).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import permutations
from typing import TypeAlias

import numpy as np

Coalition: TypeAlias = frozenset[int]
Order: TypeAlias = tuple[int, ...]

# So many players have so few orders that all of them are gone through: of 4 players 24, over 16 coalitions.
MOST_EXACT = 4
# Of the orders that are drawn; a training has a seed of its own.
ORDER_SEED = 17


def all_orders(players: int) -> list[Order]:
    """Return every order of so many players; together they go through every coalition."""
    return list(permutations(range(players)))


def drawn_orders(players: int, pairs: int, seed: int) -> list[Order]:
    """Draw orders in pairs, each followed by its reverse.

    Parameters
    ----------
    players : int
        How many there are.
    pairs : int
        How many pairs. More of them begin with the same ones.
    seed : int
        Another one draws other orders.
    """
    generator = np.random.default_rng([ORDER_SEED, players, seed])
    drawn = [tuple(map(int, generator.permutation(players))) for _ in range(pairs)]
    return [order for one in drawn for order in (one, one[::-1])]


def coalitions_along(orders: Iterable[Order]) -> list[Coalition]:
    """Return every coalition on the way of some orders, each once: none is switched first, all are at the end."""
    found: dict[Coalition, None] = {}
    for order in orders:
        for size in range(len(order) + 1):
            found[frozenset(order[:size])] = None
    return list(found)


def contributions(worth: Mapping[Coalition, float], orders: Sequence[Order]) -> np.ndarray:
    """Return what each player changes in each order.

    Parameters
    ----------
    worth : mapping of coalition to float
        Of all that `coalitions_along` names.
    orders : sequence of order
        At least one.

    Returns
    -------
    <float64>[orders, players]
        Each row adds up to the worth of all players less that of none; the mean of a column is a Shapley value.
    """
    changes = np.zeros((len(orders), len(orders[0])))
    for row, order in enumerate(orders):
        for place, player in enumerate(order):
            changes[row, player] = worth[frozenset(order[: place + 1])] - worth[frozenset(order[:place])]
    return changes


def early_and_late(changes: np.ndarray, orders: Sequence[Order]) -> tuple[np.ndarray, np.ndarray]:
    """Return what each player is worth in the first and in the second half of the orders.

    Parameters
    ----------
    changes : <float64>[orders, players]
        As `contributions` returns them.
    orders : sequence of order
        With each its reverse. In the middle of an odd number a player is neither early nor late.

    Returns
    -------
    early, late : <float64>[players]
        Means; the Shapley value itself where a player stands in the middle of every order.
    """
    places = np.argsort(np.array(orders, int).reshape(len(orders), -1), axis=1)  # [orders, players]
    middle = (changes.shape[1] - 1) / 2
    early, late = (_mean_where(changes, chosen) for chosen in (places < middle, places > middle))
    return early, late


def _mean_where(changes: np.ndarray, chosen: np.ndarray) -> np.ndarray:
    counts = chosen.sum(axis=0)
    means = np.where(chosen, changes, 0).sum(axis=0) / np.maximum(counts, 1)
    return np.where(counts > 0, means, changes.mean(axis=0))


def interaction_share(early: np.ndarray, late: np.ndarray) -> float:
    """Return how much of what the players are worth depends on what else is switched, from 0 to 1.

    The sum over the players of ``|early - late|`` as a share of the sum of ``|early| + |late|``. It is 0 if each is
    worth the same in both halves of the orders, and 1 if each is worth nothing in one of them, or changes its sign.
    """
    total = float(np.abs(early).sum() + np.abs(late).sum())
    return float(np.abs(early - late).sum()) / total if total else 0.0


def halves(orders: Sequence[Order]) -> Iterator[slice]:
    """Yield the places of each pair of drawn orders."""
    return (slice(place, place + 2) for place in range(0, len(orders), 2))
