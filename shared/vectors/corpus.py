"""Word vectors trained on the corpus itself: on all its reviews but those of the test set."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from shared.data.encoding import Corpus
from shared.files import cache_directory, digest, written_whole
from shared.specification import Specification
from shared.text import UNKNOWN_ID
from shared.vectors.pretrained import VectorTable, load_vectors

# word2vec's continuous bag of words with negative sampling (Mikolov et al. 2013). One worker:
# more would finish in another order each time, and no two machines would have equal vectors.
# The norms that come out grow with a word's frequency, up to 25, and saturate the gates; so every vector
# is brought to one root mean square, half of what GloVe's have.
SETTINGS = {"sg": 0, "window": 5, "negative": 10, "sample": 1e-3, "epochs": 10, "seed": 0, "workers": 1}
ROOT_MEAN_SQUARE = 0.3


def vectors_for(specification: Specification, corpus: Corpus) -> VectorTable:
    """Return the vectors that ``--vectors`` names; those of the corpus are trained once and kept in the cache.

    Parameters
    ----------
    specification : Specification
        ``vectors`` and ``embedding_size``.
    corpus : Corpus
        Its vocabulary gets rows; on its reviews outside the test set ``corpus`` trains.

    Raises
    ------
    LockstepError
        If there is no such source, or a file is damaged.
    """
    if specification.vectors != "corpus":
        return load_vectors(specification.vectors, corpus.vocabulary, specification.embedding_size)
    key = digest(
        corpus.texts_fingerprint,
        *corpus.vocabulary.words,
        repr((specification.embedding_size, SETTINGS, ROOT_MEAN_SQUARE)),
    )
    cached = cache_directory() / "vectors" / f"{key}.npy"
    if not cached.exists():
        vectors = _train(corpus, specification.embedding_size)
        with written_whole(cached) as temporary, temporary.open("wb") as file:
            np.save(file, vectors)
    vectors = np.load(cached)
    return VectorTable(vectors, vectors.any(axis=1))


class _Sentences:
    """Every review outside the test set, whole, as the words of the vocabulary that it has."""

    def __init__(self, corpus: Corpus) -> None:
        self.corpus = corpus

    def __iter__(self) -> Iterator[list[str]]:
        words, reviews = np.array(self.corpus.vocabulary.words, object), self.corpus.outside_test
        for start, size in zip(reviews.starts, reviews.sizes, strict=True):
            ids = reviews.tokens[start : start + size]
            yield words[ids[ids != UNKNOWN_ID]].tolist()


def _train(corpus: Corpus, embedding_size: int) -> np.ndarray:
    """Return ``<float32>[vocabulary, embedding_size]``; zero where a word does not occur."""
    from gensim.models import Word2Vec

    model = Word2Vec(_Sentences(corpus), vector_size=embedding_size, min_count=1, **SETTINGS)
    vectors = np.zeros((len(corpus.vocabulary), embedding_size), np.float32)
    rows = [corpus.vocabulary.ids[word] for word in model.wv.index_to_key]
    size = np.sqrt(np.mean(model.wv.vectors**2, axis=1, keepdims=True))  # [words, 1]
    vectors[rows] = ROOT_MEAN_SQUARE * model.wv.vectors / size
    return vectors
