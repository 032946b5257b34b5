"""Texts as word ids and the vocabulary that they make.

Those of a source are encoded once, cached by content, and memory-mapped by every process.
"""

from __future__ import annotations

import json
from array import array
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from shared.files import cached, digest, save_json
from shared.specification import Specification
from shared.terminal import progress_bar
from shared.text import PADDING_ID, Pipeline, Vocabulary, tokenize
from shared.text.tokens import TEXT_RULES_VERSION, UNICODE_TABLES, visible_characters


class Encoded(NamedTuple):
    """Word ids of many texts.

    Attributes
    ----------
    tokens : <int32>[total]
        Ids of all words, text after text, and one more at the end. From the cache they are memory-mapped.
    boundaries : <int64>[texts + 1]
        Where each text begins and ends.
    vocabulary : Vocabulary
        Of the texts that were counted.
    lost_share : float
        Of the characters that are no white space, those that no token holds.
    """

    tokens: np.ndarray
    boundaries: np.ndarray
    vocabulary: Vocabulary
    lost_share: float


def encode(
    texts: Sequence[str], counted: np.ndarray, fingerprint: str, specification: Specification, progress: bool = False
) -> Encoded:
    """Encode texts, or take them from the cache.

    Parameters
    ----------
    texts : sequence of str
        Raw; read once, one after the other.
    counted : <bool>[texts]
        Those whose words the vocabulary is made of.
    fingerprint : str
        Hash of the texts and of what is counted.
    specification : Specification
        ``cleaning``, ``vocabulary_size`` and ``minimum_count``.
    progress : bool
        Show a bar.
    """
    rules = (TEXT_RULES_VERSION, *UNICODE_TABLES)
    words = (specification.cleaning, specification.vocabulary_size, specification.minimum_count)

    def make(directory: Path) -> None:
        _save(directory, encode_in_memory(texts, counted, specification, progress=progress))

    place = cached("encoded", digest(fingerprint, repr((rules, words))), make)
    return Encoded(
        np.load(place / "tokens.npy", mmap_mode="r"),
        np.load(place / "boundaries.npy"),
        Vocabulary.read(place / "vocabulary.txt"),
        json.loads((place / "counts.json").read_bytes())["lost_share"],
    )


def encode_in_memory(
    texts: Sequence[str],
    counted: np.ndarray,
    specification: Specification,
    vocabulary: Vocabulary | None = None,
    progress: bool = False,
) -> Encoded:
    """Encode texts, and keep nothing of them in the cache; parameters as of :func:`encode`.

    Parameters
    ----------
    vocabulary : Vocabulary, optional
        One that is there already; then nothing is counted.
    """
    clean = Pipeline.parse(specification.cleaning)
    provisional: defaultdict[str, int] = defaultdict(lambda: len(provisional))  # in order of first sight
    seen = array("i")
    sizes = np.zeros(len(texts), np.int64)
    visible = 0
    for row, text in enumerate(progress_bar(texts, desc="encoding", unit=" texts", hidden=not progress, leave=False)):
        cleaned = clean(text)
        tokens = tokenize(cleaned)
        seen.extend(map(provisional.__getitem__, tokens))
        sizes[row] = len(tokens)
        visible += visible_characters(cleaned)
    flat = np.frombuffer(seen, np.int32) if seen else np.zeros(0, np.int32)
    words = list(provisional)
    held = np.bincount(flat, minlength=len(words)) @ np.array([len(word) for word in words], np.int64)
    if vocabulary is None:
        counts = np.bincount(flat[np.repeat(counted, sizes)], minlength=len(words))
        vocabulary = Vocabulary.from_counts(words, counts, specification.vocabulary_size, specification.minimum_count)
    return Encoded(
        # One id more than there are words, so that the array is never empty and can be mapped.
        np.append(vocabulary.encode(words)[flat], np.int32(PADDING_ID)),
        np.concatenate([[0], np.cumsum(sizes)]),
        vocabulary,
        max(0.0, 1 - int(held) / max(1, visible)),
    )


def _save(directory: Path, encoded: Encoded) -> None:
    """Put what :func:`encode` reads into a new directory."""
    encoded.vocabulary.save(directory / "vocabulary.txt")
    np.save(directory / "tokens.npy", encoded.tokens)
    np.save(directory / "boundaries.npy", encoded.boundaries)
    save_json(directory / "counts.json", {"lost_share": encoded.lost_share})
