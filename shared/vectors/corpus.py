"""Word vectors of the corpus itself: texts that they may be trained on, never a test review, and the classifier's."""

from __future__ import annotations

from importlib.metadata import version
from pathlib import Path
from sys import intern

import numpy as np

from shared.data.corpus import Corpus, read_and_split
from shared.data.reviews import TEST, Reading, taken
from shared.data.sources import load_unlabelled
from shared.files import cached, digest
from shared.specification import Specification
from shared.terminal import progress_bar
from shared.text import UNKNOWN_ID, Pipeline, tokenize
from shared.text.tokens import TEXT_RULES_VERSION, UNICODE_TABLES
from shared.vectors.pretrained import VectorTable, load_vectors
from shared.vectors.training import TrainingOptions, train_vectors

# Of the classifier's own vectors. More passes and more noise words than word2vec's defaults: the
# corpus is small.
OPTIONS = TrainingOptions(architecture="cbow", negative=10, epochs=10, minimum_count=1)
# The norms that come out grow with a word's frequency, up to 25, and saturate the gates; so every vector
# is brought to one root mean square, half of what GloVe's have.
ROOT_MEAN_SQUARE = 0.3


def training_texts(specification: Specification, progress: bool = False) -> list[list[str]]:
    """Return all words of the training, validation and unlabelled reviews.

    Parameters
    ----------
    specification : Specification
        Its data fields and ``cleaning``; the split is the one that a classifier with these fields gets.
    progress : bool
        Show a bar.

    Returns
    -------
    list of lists of str
        Words of each text. A text whose words are those of a test review is left out, wherever it
        stands.

    Raises
    ------
    LockstepError
        If a source cannot be read.
    """
    reviews, splits, _ = read_and_split(specification)
    clean = Pipeline.parse(specification.cleaning)
    test = {tuple(words_of(text, clean)) for text in taken(reviews.texts, np.flatnonzero(splits == TEST))}
    texts = list(taken(reviews.texts, np.flatnonzero(splits != TEST)))
    if specification.unlabelled != "none":
        texts += load_unlabelled(specification.unlabelled, Reading.of(specification)).texts
    shown = progress_bar(texts, desc="words", unit=" texts", hidden=not progress, leave=False)
    return [words for words in (words_of(text, clean) for text in shown) if tuple(words) not in test]


def words_of(text: str, clean: Pipeline) -> list[str]:
    """Words of a text, as the classifier reads them; in memory, each word stands once."""
    return list(map(intern, tokenize(clean(text))))


def vectors_for(specification: Specification, corpus: Corpus, progress: bool = False) -> VectorTable:
    """Return the vectors that ``--vectors`` names; those of the corpus are trained once and kept in the cache.

    Parameters
    ----------
    specification : Specification
        ``vectors`` and ``embedding_size``.
    corpus : Corpus
        Its vocabulary gets rows; on its reviews outside the test set ``corpus`` trains.
    progress : bool
        Show a bar while a file is read.

    Raises
    ------
    LockstepError
        If there is no such source, or a file is damaged.
    """
    if specification.vectors != "corpus":
        return load_vectors(specification.vectors, corpus.vocabulary, specification.embedding_size, progress)
    options = OPTIONS.model_copy(update={"embedding_size": specification.embedding_size})
    rules = (TEXT_RULES_VERSION, *UNICODE_TABLES, options, ROOT_MEAN_SQUARE, specification.cleaning, version("gensim"))
    key = digest(corpus.texts_fingerprint, *corpus.vocabulary.words, repr(rules))

    def make(directory: Path) -> None:
        np.save(directory / "vectors.npy", _vectors_of(corpus, options))

    vectors = np.load(cached("vectors", key, make) / "vectors.npy")
    return VectorTable(vectors, vectors.any(axis=1))


def _vectors_of(corpus: Corpus, options: TrainingOptions) -> np.ndarray:
    """Return ``<float32>[vocabulary, embedding_size]``; zero where a word does not occur outside the test set."""
    words = np.array(corpus.vocabulary.words, object)
    trained = train_vectors([words[ids[ids != UNKNOWN_ID]].tolist() for ids in corpus.outside_test.whole()], options)
    rows = [corpus.vocabulary.ids[word] for word in trained.words]
    size = np.sqrt(np.mean(trained.vectors**2, axis=1, keepdims=True))  # [words, 1]
    vectors = np.zeros((len(words), options.embedding_size), np.float32)
    vectors[rows] = ROOT_MEAN_SQUARE * trained.vectors / size
    return vectors
