"""A picture of words: t-SNE puts neighbours side by side in the plane."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from shared.errors import LockstepError
from shared.output import Output
from shared.pictures import PALETTE, picture
from shared.vectors.space import WordVectors

# In points, 72 to the inch; the letters are those of an 8-point sans-serif, the wider ones.
PAGE = (760, 560)
MARGIN = 40
LETTER_WIDTH = 5
LINE_HEIGHT = 9


def chosen_words(table: WordVectors, around: Sequence[str], count: int) -> dict[str, str]:
    """Choose words for the picture, and the group of each.

    Parameters
    ----------
    table : WordVectors
        Where they are looked up.
    around : sequence of str
        Each of these and its `count` nearest neighbours are a group; without any, the `count` first
        words of the table are one.
    count : int
        See `around`.

    Returns
    -------
    dict of str to str
        Group by word; a word that is near two of `around` is of the first's group.

    Raises
    ------
    LockstepError
        If a word has no vector.
    """
    if not around:
        return dict.fromkeys(table.words[:count], "")
    groups: dict[str, str] = {}
    for word in around:
        centre = table.words[table.row(word)]
        for member in (centre, *(near for near, _ in table.neighbours(word, count))):
            groups.setdefault(member, centre)
    return groups


def project(vectors: np.ndarray, seed: int) -> np.ndarray:
    """Project vectors into the plane by t-SNE (van der Maaten & Hinton, 2008), on cosine distances.

    Parameters
    ----------
    vectors : <float>[words, embedding_size]
        At least 3.
    seed : int
        The same seed gives the same picture.

    Returns
    -------
    <float32>[words, 2]

    Raises
    ------
    LockstepError
        If there are fewer than 3.
    """
    from sklearn.manifold import TSNE

    if len(vectors) < 3:
        raise LockstepError(f"a picture of {len(vectors)} words says nothing: choose at least 3")
    # Perplexity is about the number of neighbours that count; it must be below the number of words.
    perplexity = min(15.0, (len(vectors) - 1) / 3)
    start = "pca" if vectors.shape[1] > 1 else "random"
    # Little exaggeration at the start, or groups fly apart and leave the page to white space.
    tsne = TSNE(perplexity=perplexity, early_exaggeration=2, metric="cosine", init=start, random_state=seed)
    return tsne.fit_transform(vectors)


def label_places(points: np.ndarray, words: Sequence[str]) -> np.ndarray:
    """Find for each word a place beside its point where it covers no earlier word.

    Parameters
    ----------
    points : <float>[words, 2]
        On the page.
    words : sequence of str
        Their labels.

    Returns
    -------
    <float>[words, 2]
        Left lower corners: the first free one of some places right and left of the point, near ones
        first; the nearest where none is free.
    """
    taken: list[np.ndarray] = []
    for point, word in zip(points, words, strict=True):
        width = LETTER_WIDTH * len(word)
        size = np.array([width, LINE_HEIGHT])
        corners = point + np.array(
            [(side, step * LINE_HEIGHT / 2 - 3) for step in (0, 1, -1, 2, -2, 3, -3, 4, -4) for side in (4, -4 - width)]
        )
        boxes = np.hstack([corners, corners + size])  # left, lower, right, upper
        free = [box for box in boxes if box[0] > 0 and box[2] < PAGE[0] and not _covers(box, taken)]
        taken.append((free or [boxes[0]])[0])
    return np.array(taken)[:, :2]


def _covers(box: np.ndarray, others: Sequence[np.ndarray]) -> bool:
    """Whether a box (left, lower, right, upper) has a point in common with one of the others."""
    return any((box[:2] < other[2:]).all() and (other[:2] < box[2:]).all() for other in others)


def plot_words(table: WordVectors, groups: dict[str, str], place: Output, seed: int = 0) -> None:
    """Draw words in the plane, each at its place, coloured by group.

    Parameters
    ----------
    table : WordVectors
        Where their vectors are.
    groups : dict of str to str
        As :func:`chosen_words` gives them.
    place : Output
        A ``.png`` or ``.svg`` file, written whole or not at all.
    seed : int
        Of the projection.
    """
    places = project(table.unit[[table.row(word) for word in groups]], seed)
    low, high = places.min(axis=0), places.max(axis=0)
    points = MARGIN + (places - low) / np.maximum(high - low, 1e-9) * (np.array(PAGE) - 2 * MARGIN)
    names = list(dict.fromkeys(groups.values()))
    with picture(place, PAGE[0] / 72, PAGE[1] / 72) as figure:
        figure.set_layout_engine("none")
        axes = figure.add_axes((0, 0, 1, 1), xlim=(0, PAGE[0]), ylim=(0, PAGE[1]))
        axes.set_axis_off()
        for point, corner, (word, group) in zip(
            points, label_places(points, list(groups)), groups.items(), strict=True
        ):
            colour = PALETTE[names.index(group) % len(PALETTE)]
            axes.plot(*point, ".", color=colour, markersize=4)
            weight = "bold" if word == group else "normal"
            style = {"color": colour, "fontsize": 8, "weight": weight, "verticalalignment": "bottom"}
            axes.text(corner[0], corner[1], word, style, parse_math=False)
