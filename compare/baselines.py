"""Two linear baselines on the same split: what a network has to beat to have taught anything."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import sklearn
from scipy.sparse import csr_matrix
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.calibration import CalibratedClassifierCV
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.svm import LinearSVC

from shared.cell import make_record
from shared.data.encoding import load_corpus
from shared.errors import LockstepError
from shared.history import History
from shared.predictions import Predictions
from shared.runs import Parameters, Record, Seconds, write_run
from shared.specification import Specification
from shared.text import Pipeline
from shared.text.vectorizers import bag_of_words, tf_idf

# Whole reviews, not cut to max_length; words and pairs of words, seen in at least two.
TERMS: dict[str, Any] = {"ngrams": (1, 2), "min_df": 2}
# Chosen on the validation reviews, for each baseline anew.
TF_IDF_PENALTIES = (4.0, 16.0, 64.0)
NB_SVM_PENALTIES = (0.03, 0.1, 0.3)


class NaiveBayesSVM(ClassifierMixin, BaseEstimator):
    """Linear SVM on binary counts scaled by naive Bayes' log-count ratio.

    Wang & Manning (2012), "Baselines and bigrams", equations 5-7, with their interpolation
    ``w' = (1 - beta) * mean(|w|) + beta * w``, beta 0.25.

    Parameters
    ----------
    C : float, default 0.1
        Penalty of the SVM.
    beta : float, default 0.25
        Share of the SVM in the interpolation.
    smoothing : float, default 1.0
        Added to every count.
    """

    def __init__(self, C: float = 0.1, beta: float = 0.25, smoothing: float = 1.0) -> None:
        self.C = C
        self.beta = beta
        self.smoothing = smoothing

    def fit(self, X: csr_matrix, y: np.ndarray) -> NaiveBayesSVM:
        """Fit to binary counts ``[reviews, terms]`` and labels 0 or 1."""
        positive = self.smoothing + np.asarray(X[y == 1].sum(axis=0)).ravel()  # [terms]
        negative = self.smoothing + np.asarray(X[y == 0].sum(axis=0)).ravel()  # [terms]
        # r = log((p / ||p||_1) / (q / ||q||_1))
        ratio = np.log((positive / positive.sum()) / (negative / negative.sum()))  # [terms]
        svm = LinearSVC(C=self.C, random_state=0).fit(X.multiply(ratio).tocsr(), y)
        weights = svm.coef_[0]  # [terms]
        self.coef_ = ratio * ((1 - self.beta) * np.abs(weights).mean() + self.beta * weights)
        self.intercept_ = self.beta * svm.intercept_[0]
        self.classes_ = np.array([0, 1])
        return self

    def decision_function(self, X: csr_matrix) -> np.ndarray:
        """Signed distance, ``<float64>[reviews]``; positive reviews are above 0."""
        return X @ self.coef_ + self.intercept_

    def predict(self, X: csr_matrix) -> np.ndarray:
        """Labels, ``<int64>[reviews]``."""
        return (self.decision_function(X) > 0).astype(int)


def _tf_idf(penalty: float) -> LogisticRegression:
    return LogisticRegression(C=penalty, solver="liblinear")


BASELINES: dict[str, tuple[str, Callable[[Pipeline], Any], Callable[[float], Any], tuple[float, ...]]] = {
    "tf-idf": (
        "TF-IDF + logistic regression",
        lambda clean: tf_idf(clean, **TERMS, sublinear_tf=True),
        _tf_idf,
        TF_IDF_PENALTIES,
    ),
    "nb-svm": ("NB-SVM", lambda clean: bag_of_words(clean, **TERMS), NaiveBayesSVM, NB_SVM_PENALTIES),
}


def train_baseline(name: str, specification: Specification, target: Path) -> Record:
    """Train one baseline on the specification's data and write its run.

    Parameters
    ----------
    name : str
        ``tf-idf`` or ``nb-svm``.
    specification : Specification
        The data fields and ``cleaning`` are used.
    target : Path
        The run's directory.

    Returns
    -------
    Record
        As written; ``framework`` is ``baseline`` and ``architecture`` the baseline's name.

    Raises
    ------
    LockstepError
        If there is no such baseline.
    """
    if name not in BASELINES:
        raise LockstepError(f"unknown baseline {name!r}: choose among {', '.join(BASELINES)}")
    _, make_vectorizer, make_classifier, penalties = BASELINES[name]
    started = time.perf_counter()
    corpus = load_corpus(specification)
    texts = corpus.texts
    setup = time.perf_counter() - started

    started = time.perf_counter()
    vectorizer = make_vectorizer(Pipeline.parse(specification.cleaning))
    training = vectorizer.fit_transform(texts[0])
    validation = vectorizer.transform(texts[1])
    fitted = [make_classifier(penalty).fit(training, corpus.train.labels) for penalty in penalties]
    scores = [np.mean(classifier.predict(validation) == corpus.validation.labels) for classifier in fitted]
    best = fitted[int(np.argmax(scores))]
    if not hasattr(best, "predict_proba"):  # Platt's sigmoid on the validation reviews
        best = CalibratedClassifierCV(FrozenEstimator(best), method="sigmoid")
        best.fit(validation, corpus.validation.labels)
    training_seconds = time.perf_counter() - started

    model = make_pipeline(vectorizer, best)
    started = time.perf_counter()
    test = model.predict_proba(texts[2]).astype(np.float32)
    prediction_seconds = time.perf_counter() - started
    terms = len(vectorizer.vocabulary_) + 1
    record = make_record(
        specification,
        corpus,
        framework="baseline",
        framework_version=f"scikit-learn {sklearn.__version__}",
        architecture=name,
        parameters=Parameters(total=terms, trainable=terms),
        validation=best.predict_proba(validation),
        test=test,
        seconds=Seconds(setup=setup, training=training_seconds, prediction=prediction_seconds),
        trained_reviews=len(corpus.train),
        device="cpu",
        threads=1,
    )
    write_run(target, record, History(), Predictions.of(corpus.test, test), None)
    return record
