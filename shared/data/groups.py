"""Texts that belong together: copies of one text, and reviews of one film."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np


def hashes_of(texts: Iterable[str]) -> np.ndarray:
    """Return a number of 64 bits for each text, ``<int64>[texts]``, which copies share.

    Two different texts among millions hardly ever do. The numbers are others in another process.
    """
    return np.fromiter(map(hash, texts), np.int64)


def different(hashes: np.ndarray) -> int:
    """Count the different ones."""
    ordered = np.sort(hashes)
    return int(np.count_nonzero(ordered[1:] != ordered[:-1])) + bool(len(ordered))


def text_groups(hashes: np.ndarray, groups: np.ndarray) -> np.ndarray:
    """Move every copy of a text into the group of its first copy, ``<int64>[texts]``.

    Parameters
    ----------
    hashes : <int64>[texts]
        As :func:`hashes_of` returns them.
    groups : <int64>[texts]
        Where the texts would be by themselves.
    """
    _, first, which = np.unique(hashes, return_index=True, return_inverse=True)
    return groups[first[which]].astype(np.int64)


def film_groups(films: Sequence[str], hashes: np.ndarray) -> np.ndarray:
    """Group texts that share a film or a text, directly or through others, ``<int64>[texts]``.

    Parameters
    ----------
    films : sequence of str
        What each text is about.
    hashes : <int64>[texts]
        As :func:`hashes_of` returns them.
    """
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    numbers: dict[str, int] = {}
    film = np.array([numbers.setdefault(name, len(numbers)) for name in films], np.int64)
    _, text = np.unique(hashes, return_inverse=True)
    size = len(numbers) + len(hashes)
    graph = coo_array((np.ones(len(film)), (film, len(numbers) + text)), shape=(size, size))
    return connected_components(graph, directed=False)[1][film].astype(np.int64)
