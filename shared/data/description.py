"""A corpus at a glance: sizes, balance, lengths, copies, and what vocabulary and vectors cover."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes

from shared.data.encoding import Corpus, EncodedReviews
from shared.data.splits import SPLITS
from shared.output import Output
from shared.pictures import PALETTE, picture
from shared.specification import Specification
from shared.text import PADDING_ID, UNKNOWN_ID, Pipeline, tokenize
from shared.vectors import VectorTable

QUANTILES = (0, 0.05, 0.25, 0.5, 0.75, 0.95, 1)


@dataclass(frozen=True)
class Side:
    """One side of the split.

    Attributes
    ----------
    name : str
        ``train``, ``validation``, ``test`` or ``unlabelled``.
    reviews : int
        How many.
    labels : dict of str to int
        Reviews of each class.
    lengths : <int64>[reviews]
        Words of each review, all of them.
    read : float
        Share of all words that is read, of reviews no longer than ``max_length``.
    known : float
        Share of the words that the vocabulary has.
    with_vector : float
        Share of the words that the vectors have.
    copies : int
        Reviews with the words of another one on this side, less the first of each.
    in_training : int
        Reviews with the words of a training review; of the training side, 0.
    """

    name: str
    reviews: int
    labels: dict[str, int]
    lengths: np.ndarray
    read: float
    known: float
    with_vector: float
    copies: int
    in_training: int

    @property
    def quantiles(self) -> list[int]:
        """Lengths at `QUANTILES`, each one that occurs."""
        return [int(length) for length in np.quantile(self.lengths, QUANTILES, method="nearest")]


@dataclass(frozen=True)
class Description:
    """What :func:`describe` finds.

    Attributes
    ----------
    source : str
        What ``--data`` named.
    max_length : int
        Words of a review that are read.
    vocabulary : int
        Words in the vocabulary, without padding and the unknown word.
    vectors : str
        What ``--vectors`` named.
    vocabulary_with_vector : int
        Words of the vocabulary that the vectors have.
    sides : list of Side
        Training, validation, test; those without labels where there are some.
    """

    source: str
    max_length: int
    vocabulary: int
    vectors: str
    vocabulary_with_vector: int
    sides: list[Side]


def describe(corpus: Corpus, specification: Specification, table: VectorTable) -> Description:
    """Describe an encoded corpus.

    Parameters
    ----------
    corpus : Corpus
        As ``load_corpus`` returns it.
    specification : Specification
        That it was loaded by.
    table : VectorTable
        The vectors of the corpus' vocabulary.

    Returns
    -------
    Description
        Copies are texts of the same words: letter case, HTML and punctuation do not make a difference.
    """
    has_vector = table.found.copy()
    has_vector[[PADDING_ID, UNKNOWN_ID]] = False
    clean = Pipeline.parse(specification.cleaning)
    words = [[" ".join(tokenize(clean(text))) for text in texts] for texts in corpus.texts]
    encoded = (corpus.train, corpus.validation, corpus.test, corpus.unlabelled)
    sides = [
        _side(name, side, texts, set(words[0]) if number else set(), corpus.class_names, has_vector)
        for number, (name, side, texts) in enumerate(zip((*SPLITS, "unlabelled"), encoded, words, strict=True))
        if len(side)
    ]
    known, found = len(corpus.vocabulary) - 2, int(has_vector.sum())
    return Description(corpus.source, corpus.train.max_length, known, specification.vectors, found, sides)


def _side(
    name: str,
    side: EncodedReviews,
    texts: Sequence[str],
    training: set[str],
    class_names: Sequence[str],
    has_vector: np.ndarray,
) -> Side:
    tokens = np.concatenate(list(side.whole()))  # every word of these reviews
    return Side(
        name,
        len(side),
        {label: int((side.labels == number).sum()) for number, label in enumerate(class_names)},
        side.sizes,
        _share(side.lengths.sum(), side.sizes.sum()),
        _share((tokens != UNKNOWN_ID).sum(), len(tokens)),
        _share(has_vector[tokens].sum(), len(tokens)),
        len(texts) - len(set(texts)),
        sum(text in training for text in texts),
    )


def _share(part: int, whole: int) -> float:
    return float(part / whole) if whole else 0.0


def draw(description: Description, place: Output) -> None:
    """Draw a description as four panels.

    Parameters
    ----------
    description : Description
        Of a corpus.
    place : Output
        A ``.png`` or ``.svg`` file, written whole or not at all.
    """
    sides = description.sides
    names = [side.name for side in sides]
    with picture(place, 10, 7) as figure:
        figure.suptitle(description.source, parse_math=False)
        (sizes, lengths), (copies, coverage) = figure.subplots(2, 2)

        below = np.zeros(len(sides))
        for number, label in enumerate(sides[0].labels):
            heights = np.array([side.labels[label] for side in sides])
            bars = sizes.bar(names, heights, bottom=below, color=PALETTE[number], label=label)
            sizes.bar_label(bars, fmt="{:,.0f}", label_type="center", color="white", fontsize=8)
            below += heights
        sizes.set_title("reviews and labels")
        sizes.yaxis.set_major_formatter("{x:,.0f}")
        sizes.legend(frameon=False, fontsize=8)

        longest = max(1, int(max(np.quantile(side.lengths, 0.99) for side in sides)))
        for number, side in enumerate(sides):
            lengths.hist(
                side.lengths, bins=60, range=(0, longest), density=True, histtype="step", color=PALETTE[number],
                label=f"{side.name}, median {np.median(side.lengths):,.0f}",
            )  # fmt: skip
        lengths.axvline(description.max_length, color=PALETTE[-1], linestyle="--", linewidth=1)
        lengths.annotate("max length", (description.max_length, 0.97), (3, 0), xycoords=("data", "axes fraction"),
                         textcoords="offset points", va="top", fontsize=8, color=PALETTE[-1])  # fmt: skip
        lengths.set_title("words of a review, to the 99th percentile")
        lengths.set_yticks([])
        lengths.legend(frameon=False, fontsize=8)

        _grouped_bars(
            copies, names, {"copies within": [side.copies for side in sides],
                            "copies of training reviews": [side.in_training for side in sides]}, "{:,.0f}",
        )  # fmt: skip
        copies.set_title("copies")

        _grouped_bars(
            coverage, names, {"read": [100 * side.read for side in sides],
                              "in the vocabulary": [100 * side.known for side in sides],
                              f"with a vector ({Path(description.vectors).name})": [
                                  100 * side.with_vector for side in sides]}, "{:.1f}",
        )  # fmt: skip
        coverage.set_ylim(0, 135)
        coverage.set_yticks(range(0, 101, 25))
        coverage.set_title("% of all words")


def _grouped_bars(axes: Axes, names: list[str], groups: Mapping[str, Sequence[float]], form: str) -> None:
    width = 0.8 / len(groups)
    for number, (label, values) in enumerate(groups.items()):
        places = np.arange(len(names)) + (number - (len(groups) - 1) / 2) * width
        bars = axes.bar(places, values, 0.95 * width, color=PALETTE[number], label=label)
        axes.bar_label(bars, fmt=form, fontsize=8, padding=1)
    axes.set_xticks(range(len(names)), names)
    axes.legend(frameon=False, fontsize=8)
