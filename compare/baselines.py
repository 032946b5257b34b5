"""Baselines on the same split: what a network has to beat to have taught anything."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import sklearn
from scipy.sparse import csr_matrix
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.calibration import CalibratedClassifierCV
from sklearn.dummy import DummyClassifier
from sklearn.feature_extraction.text import HashingVectorizer
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, Normalizer
from sklearn.svm import LinearSVC

from shared.cell import inputs_of, make_record
from shared.data.encoding import Corpus, load_corpus
from shared.errors import LockstepError
from shared.history import History
from shared.output import Output
from shared.predictions import Predictions
from shared.runs import Parameters, Record, Seconds, write_run
from shared.specification import Specification
from shared.text import Pipeline
from shared.text.vectorizers import bag_of_words, counts, tf_idf
from shared.text.vocabulary import SPECIAL_WORDS
from shared.vectors.corpus import vectors_for

# Whole reviews, not cut to max_length; words and pairs of words, seen in at least two.
TERMS: dict[str, Any] = {"ngrams": (1, 2), "min_df": 2}


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


BASELINE = "baseline"


@dataclass(frozen=True)
class Baseline:
    """A classifier over features of whole reviews.

    Attributes
    ----------
    features : (specification, corpus) -> transformer
        From texts to a matrix, in scikit-learn's sense.
    classifier : (penalty) -> classifier
        The best of `penalties` on the validation reviews is kept.
    penalties : tuple of float
        To choose among.
    """

    features: Callable[[Specification, Corpus], Any]
    classifier: Callable[[float], Any]
    penalties: tuple[float, ...]


def _mean_of_vectors(specification: Specification, corpus: Corpus) -> Any:
    """Return what makes of a review the mean of its words' vectors, as the networks first have them."""
    vectors = vectors_for(specification, corpus).vectors[len(SPECIAL_WORDS) :]  # [words, embedding]
    words = corpus.vocabulary.words[len(SPECIAL_WORDS) :]
    shares = make_pipeline(counts(Pipeline.parse(specification.cleaning), vocabulary=words), Normalizer("l1"))
    return make_pipeline(shares, FunctionTransformer(lambda found: found @ vectors))


def _logistic(penalty: float) -> LogisticRegression:
    return LogisticRegression(C=penalty, solver="liblinear")


BASELINES = {
    "majority": Baseline(
        lambda *_: HashingVectorizer(n_features=2), lambda _: DummyClassifier(strategy="prior"), (0.0,)
    ),
    "mean-of-vectors": Baseline(
        _mean_of_vectors, lambda penalty: LogisticRegression(C=penalty, max_iter=1_000), (1.0, 10.0, 100.0)
    ),
    "tf-idf": Baseline(
        lambda specification, _: tf_idf(Pipeline.parse(specification.cleaning), **TERMS, sublinear_tf=True),
        _logistic,
        (4.0, 16.0, 64.0),
    ),
    "nb-svm": Baseline(
        lambda specification, _: bag_of_words(Pipeline.parse(specification.cleaning), **TERMS),
        NaiveBayesSVM,
        (0.03, 0.1, 0.3),
    ),
    # The strongest single model of Mesnil et al. (2014), "Ensemble of generative and discriminative techniques".
    "nb-svm-trigrams": Baseline(
        lambda specification, _: bag_of_words(Pipeline.parse(specification.cleaning), ngrams=(1, 3)),
        NaiveBayesSVM,
        (0.01, 0.03, 0.1),
    ),
}
LINEAR = ("tf-idf", "nb-svm", "nb-svm-trigrams")


def train_baseline(name: str, specification: Specification, place: Output) -> Record:
    """Train one baseline on the specification's data and write its run.

    Parameters
    ----------
    name : str
        One of `BASELINES`.
    specification : Specification
        The data fields and ``cleaning`` are used, and for the mean of word vectors ``vectors``.
    place : Output
        Where the run will stand.

    Returns
    -------
    Record
        As written; ``framework`` is ``baseline`` and ``architecture`` the baseline's name.

    Raises
    ------
    LockstepError
        If there is no such baseline.
    """
    started = time.perf_counter()
    inputs = inputs_of(specification)
    corpus = load_corpus(specification)
    setup = time.perf_counter() - started
    started = time.perf_counter()
    fitted = fit_baseline(name, specification, corpus)
    training_seconds = time.perf_counter() - started
    started = time.perf_counter()
    test = fitted.model.predict_proba(corpus.texts[2]).astype(np.float32)
    prediction_seconds = time.perf_counter() - started
    record = make_record(
        specification,
        corpus,
        framework="baseline",
        framework_version=f"scikit-learn {sklearn.__version__}",
        architecture=name,
        parameters=Parameters(total=fitted.terms, trainable=fitted.terms),
        validation=fitted.validation,
        test=test,
        seconds=Seconds(setup=setup, training=training_seconds, prediction=prediction_seconds),
        trained_reviews=len(corpus.train),
        device="cpu",
        threads=1,
        inputs=inputs,
    )
    predictions = Predictions.of(corpus.test, test), Predictions.of(corpus.validation, fitted.validation)
    write_run(place, record, History(), *predictions, None)
    return record


class Fitted(NamedTuple):
    """A pipeline from texts to probabilities, those of the validation reviews, and how many weights it has."""

    model: Any
    validation: np.ndarray
    terms: int


def fit_baseline(name: str, specification: Specification, corpus: Corpus) -> Fitted:
    """Fit one baseline.

    Parameters
    ----------
    name : str
        One of `BASELINES`.
    specification : Specification
        For the mean of word vectors, ``vectors``.
    corpus : Corpus
        Trained on its training reviews; the penalty is chosen on its validation reviews.

    Raises
    ------
    LockstepError
        If there is no such baseline.
    """
    if name not in BASELINES:
        raise LockstepError(f"unknown baseline {name!r}: choose among {', '.join(BASELINES)}")
    baseline = BASELINES[name]
    features = baseline.features(specification, corpus)
    if name != "majority" and not corpus.train.sizes.any():
        raise LockstepError(f"{corpus.source}: no training review has a word, so {name} has nothing to learn from")
    try:
        training, held_out = features.fit_transform(corpus.texts[0]), features.transform(corpus.texts[1])
    except ValueError as error:  # scikit-learn's, of a vocabulary without a term
        raise LockstepError(f"{corpus.source}: too few words come twice in training for {name} ({error})") from error
    fitted = [baseline.classifier(penalty).fit(training, corpus.train.labels) for penalty in baseline.penalties]
    scores = [np.mean(classifier.predict(held_out) == corpus.validation.labels) for classifier in fitted]
    best = fitted[int(np.argmax(scores))]
    if not hasattr(best, "predict_proba"):  # Platt's sigmoid on the validation reviews
        best = CalibratedClassifierCV(FrozenEstimator(best), method="sigmoid")
        best.fit(held_out, corpus.validation.labels)
    validation = best.predict_proba(held_out).astype(np.float32)
    return Fitted(make_pipeline(features, best), validation, training.shape[1] + 1)
