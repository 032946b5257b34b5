"""Texts as rows of a sparse matrix, one column a term: scikit-learn's vectorizers with our words.

All take a cleaning pipeline, the shortest and the longest n-gram, and any option of scikit-learn's
``CountVectorizer`` (tf_idf: ``TfidfVectorizer``). ``!``, ``?``, emoji and emoticons are terms too. Lesson 3 computes
them by hand.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np
from scipy.sparse import csr_matrix
from sklearn.feature_extraction.text import CountVectorizer, TfidfVectorizer
from sklearn.preprocessing import normalize

from shared.text.pipeline import Pipeline
from shared.text.tokens import tokenize

Ngrams = tuple[int, int]


def bag_of_words(clean: Pipeline, ngrams: Ngrams = (1, 1), **options: Any) -> CountVectorizer:
    """1 where a text has the term, 0 elsewhere."""
    return CountVectorizer(**_words(clean, ngrams), binary=True, **options)


def counts(clean: Pipeline, ngrams: Ngrams = (1, 1), **options: Any) -> CountVectorizer:
    """How often a text has the term."""
    return CountVectorizer(**_words(clean, ngrams), **options)


def tf_idf(clean: Pipeline, ngrams: Ngrams = (1, 1), **options: Any) -> TfidfVectorizer:
    """scikit-learn's smoothed TF-IDF: ``count * (1 + log((1 + documents) / (1 + documents with term)))``.

    Each row is then scaled to Euclidean length 1. Compared with :func:`textbook_tf_idf`:

    - A term of every document is not lost: it weighs its count, there 0.
    - The ones inside the logarithm are one more document that has every term, so that nothing is
      divided by 0 and a rare term weighs a little less.
    - Counts are not divided by the terms of the text; instead the row is by its Euclidean length.

    Source: scikit-learn's user guide, "Tf-idf term weighting".
    """
    return TfidfVectorizer(**_words(clean, ngrams), **options)


def textbook_tf_idf(clean: Pipeline, ngrams: Ngrams = (1, 1), **options: Any) -> TextbookTfidfVectorizer:
    """``count / terms in the text * log(documents / documents with term)``, as textbooks have it."""
    return TextbookTfidfVectorizer(**_words(clean, ngrams), **options)


def _words(clean: Pipeline, ngrams: Ngrams) -> dict[str, Any]:
    return {"preprocessor": clean, "tokenizer": tokenize, "token_pattern": None, "ngram_range": ngrams}


class TextbookTfidfVectorizer(CountVectorizer):
    """Term frequency times inverse document frequency, neither smoothed.

    Salton & Buckley (1988), "Term-weighting approaches in automatic text retrieval": ``tf * log(N / n)``,
    here with tf as a share of the text's terms (those that the vocabulary has).

    Attributes
    ----------
    idf_ : <float64>[terms]
        ``log(documents / documents with term)`` of the fitted texts.
    """

    def fit_transform(self, raw_documents: Iterable[str], y: Any = None) -> csr_matrix:
        """Learn terms and their weights, and return the texts' rows, ``<float64>[texts, terms]``."""
        found = super().fit_transform(raw_documents, y)  # [texts, terms]
        self.idf_ = np.log(found.shape[0] / np.asarray((found > 0).sum(axis=0)).ravel())  # [terms]
        return self._weigh(found)

    def transform(self, raw_documents: Iterable[str]) -> csr_matrix:
        """Return the rows of texts, by what was learned from the fitted ones."""
        return self._weigh(super().transform(raw_documents))

    def _weigh(self, found: csr_matrix) -> csr_matrix:
        return normalize(found.astype(np.float64), norm="l1").multiply(self.idf_).tocsr()
