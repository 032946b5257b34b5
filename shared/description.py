"""A corpus at a glance: sizes, balance, lengths, copies, and what vocabulary and vectors cover."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes

from shared.data.corpus import Corpus
from shared.data.encoded import EncodedReviews
from shared.data.reviews import SPLITS
from shared.output import Output
from shared.pictures import PALETTE, picture
from shared.specification import Specification
from shared.terminal import printable
from shared.text import PADDING_ID, UNKNOWN_ID, Pipeline, tokenize
from shared.vectors import VectorTable

QUANTILES = (0, 0.05, 0.25, 0.5, 0.75, 0.95, 1)
# So many classes have a colour each.
FEW_CLASSES = len(PALETTE)
# So many names of classes fit into a picture, and of each so many characters.
MOST_NAMES, LONGEST_NAME = 50, 24
REVIEWS_AT_ONCE = 10_000


@dataclass(frozen=True)
class Split:
    """One split of a corpus.

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
        Reviews with the words of another one of this split, less the first of each.
    in_training : int
        Reviews with the words of a training review; of the training reviews themselves, 0.
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
    splits : list of Split
        Training, validation, test; those without labels where there are some.
    """

    source: str
    max_length: int
    vocabulary: int
    vectors: str
    vocabulary_with_vector: int
    splits: list[Split]

    @property
    def classes(self) -> list[str]:
        """Names of the classes in the order in which they are shown: many of them from frequent to rare in training."""
        counts = self.splits[0].labels
        return list(counts) if len(counts) <= FEW_CLASSES else sorted(counts, key=lambda name: -counts[name])


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
    hashes = [_hashes(clean, texts) for texts in corpus.texts]
    encoded = (corpus.train, corpus.validation, corpus.test, corpus.unlabelled)
    splits = [
        _split(name, reviews, own, hashes[0] if number else own[:0], corpus.class_names, has_vector)
        for number, (name, reviews, own) in enumerate(zip((*SPLITS, "unlabelled"), encoded, hashes, strict=True))
        if len(reviews)
    ]
    known, found = len(corpus.vocabulary) - 2, int(has_vector.sum())
    return Description(corpus.source, corpus.train.max_length, known, specification.vectors, found, splits)


def _hashes(clean: Pipeline, texts: Sequence[str]) -> np.ndarray:
    """Hashes of the texts' words, ``<int64>[texts]``: the texts themselves may be more than memory holds."""
    return np.fromiter((hash(" ".join(tokenize(clean(text)))) for text in texts), np.int64, len(texts))


def _split(
    name: str,
    reviews: EncodedReviews,
    hashes: np.ndarray,
    training: np.ndarray,
    class_names: Sequence[str],
    has_vector: np.ndarray,
) -> Split:
    words = _word_counts(reviews, len(has_vector))  # [vocabulary]
    labels = np.bincount(reviews.labels[reviews.labels >= 0], minlength=len(class_names))  # [classes]
    return Split(
        name,
        len(reviews),
        dict(zip(class_names, labels.tolist(), strict=True)),
        reviews.sizes,
        _share(reviews.lengths.sum(), words.sum()),
        _share(words.sum() - words[UNKNOWN_ID], words.sum()),
        _share(words[has_vector].sum(), words.sum()),
        len(hashes) - len(np.unique(hashes)),
        int(np.isin(hashes, training).sum()),
    )


def _word_counts(reviews: EncodedReviews, vocabulary: int) -> np.ndarray:
    """How often these reviews have each word of the vocabulary, ``<int64>[vocabulary]``, also where it is not read."""
    counts, whole = np.zeros(vocabulary, np.int64), reviews.whole()
    while some := list(islice(whole, REVIEWS_AT_ONCE)):
        counts += np.bincount(np.concatenate(some), minlength=vocabulary)
    return counts


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
    splits = description.splits
    names = [split.name for split in splits]
    with picture(place, 10, 7) as figure:
        figure.suptitle(printable(description.source), parse_math=False)
        (sizes, lengths), (copies, coverage) = figure.subplots(2, 2)

        draw_classes = _stacked_classes if len(description.classes) <= FEW_CLASSES else _ranked_classes
        draw_classes(sizes, description)
        sizes.set_title("reviews and labels")

        longest = max(1, int(max(np.quantile(split.lengths, 0.99) for split in splits)))
        for number, split in enumerate(splits):
            lengths.hist(
                split.lengths, bins=60, range=(0, longest), density=True, histtype="step", color=PALETTE[number],
                label=f"{split.name}, median {np.median(split.lengths):,.0f}",
            )  # fmt: skip
        lengths.axvline(description.max_length, color=PALETTE[-1], linestyle="--", linewidth=1)
        lengths.annotate("max length", (description.max_length, 0.97), (3, 0), xycoords=("data", "axes fraction"),
                         textcoords="offset points", va="top", fontsize=8, color=PALETTE[-1])  # fmt: skip
        lengths.set_title("words of a review, to the 99th percentile")
        lengths.set_yticks([])
        lengths.legend(frameon=False, fontsize=8)

        _grouped_bars(
            copies, names, {"copies within": [split.copies for split in splits],
                            "copies of training reviews": [split.in_training for split in splits]}, "{:,.0f}",
        )  # fmt: skip
        copies.set_title("copies")

        _grouped_bars(
            coverage, names, {"read": [100 * split.read for split in splits],
                              "in the vocabulary": [100 * split.known for split in splits],
                              f"with a vector ({Path(description.vectors).name})": [
                                  100 * split.with_vector for split in splits]}, "{:.1f}",
        )  # fmt: skip
        coverage.set_ylim(0, 135)
        coverage.set_yticks(range(0, 101, 25))
        coverage.set_title("% of all words")


def _stacked_classes(axes: Axes, description: Description) -> None:
    """Draw a bar for each split, a piece of it for each class."""
    splits = description.splits
    below, handles = np.zeros(len(splits)), []
    for number, label in enumerate(description.classes):
        heights = np.array([split.labels[label] for split in splits])
        bars = axes.bar([split.name for split in splits], heights, bottom=below, color=PALETTE[number])
        axes.bar_label(bars, fmt="{:,.0f}", label_type="center", color="white", fontsize=8)
        handles.append(bars)
        below += heights
    axes.yaxis.set_major_formatter("{x:,.0f}")
    axes.legend(handles, [_shortened(name) for name in description.classes], frameon=False, fontsize=8)


def _ranked_classes(axes: Axes, description: Description) -> None:
    """Draw how many reviews of each class there are, class beside class, a line for each split that has labels."""
    classes = description.classes
    for number, split in enumerate(split for split in description.splits if any(split.labels.values())):
        counts = [split.labels[name] for name in classes]
        axes.plot(counts, color=PALETTE[number], linewidth=0.5, marker="o", markersize=2.5, label=split.name)
    axes.set_yscale("symlog", linthresh=1)  # 0 is on it
    axes.set_ylim(bottom=0)
    axes.yaxis.set_major_formatter("{x:,.0f}")
    if len(classes) <= MOST_NAMES:
        axes.set_xticks(range(len(classes)), [_shortened(name) for name in classes], rotation=90, fontsize=6)
    else:
        axes.set_xlabel(f"{len(classes):,} classes, from frequent to rare in training", fontsize=8)
        axes.set_xticks([])
    axes.legend(frameon=False, fontsize=8)


def _shortened(name: str) -> str:
    shown = printable(name)
    return shown if len(shown) <= LONGEST_NAME else f"{shown[: LONGEST_NAME - 1]}…"


def _grouped_bars(axes: Axes, names: list[str], groups: Mapping[str, Sequence[float]], form: str) -> None:
    width = 0.8 / len(groups)
    for number, (label, values) in enumerate(groups.items()):
        places = np.arange(len(names)) + (number - (len(groups) - 1) / 2) * width
        bars = axes.bar(places, values, 0.95 * width, color=PALETTE[number], label=label)
        axes.bar_label(bars, fmt=form, fontsize=8, padding=1)
    axes.set_xticks(range(len(names)), names)
    axes.legend(frameon=False, fontsize=8)
