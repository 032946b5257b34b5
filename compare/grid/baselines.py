"""Baselines on the same split: what a network has to beat to have taught anything."""

from __future__ import annotations

import time
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import sklearn
from scipy.optimize import minimize_scalar
from scipy.sparse import csr_matrix
from scipy.special import log_softmax, softmax
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.calibration import CalibratedClassifierCV
from sklearn.dummy import DummyClassifier
from sklearn.exceptions import ConvergenceWarning
from sklearn.feature_extraction.text import HashingVectorizer
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, Normalizer
from sklearn.svm import LinearSVC

from shared.cell import inputs_of, make_record, measure_latency, other_reviews
from shared.data.batches import class_weights
from shared.data.corpus import Corpus
from shared.errors import LockstepError
from shared.history import History
from shared.load import LoadMeter
from shared.loading import load_corpus
from shared.metrics import evaluate
from shared.output import Output
from shared.predictions import Predictions
from shared.runs import Parameters, Record, Seconds, write_run
from shared.specification import Specification
from shared.text import Pipeline
from shared.text.vectorizers import bag_of_words, counts, tf_idf
from shared.text.vocabulary import SPECIAL_WORDS
from shared.vectors.corpus import vectors_for

# Whole reviews, not cut to max_length. Words and pairs of words, seen in at least two.
TERMS: dict[str, Any] = {"ngrams": (1, 2), "min_df": 2}
# Of more than two classes each has a weight for every term. So many fit into memory several times over; of more terms
# the most frequent ones are kept.
LARGEST_WEIGHTS = 40_000_000
# scikit-learn's sigmoid is fitted to so many parts of the validation reviews, and every class must be in each.
SIGMOID_PARTS = 5
TEMPERATURES = (1e-3, 1e3)


class NaiveBayesSVM(ClassifierMixin, BaseEstimator):
    """Linear SVM on binary counts scaled by naive Bayes' log-count ratio; of several classes, each against the rest.

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

    def fit(self, X: csr_matrix, y: np.ndarray, sample_weight: np.ndarray | None = None) -> NaiveBayesSVM:
        """Fit to binary counts ``[reviews, terms]``, labels ``[reviews]`` and what each review counts ``[reviews]``."""
        self.classes_ = np.unique(y)
        weights = np.ones(len(y)) if sample_weight is None else sample_weight  # [reviews]
        counted = X.T @ weights  # [terms]
        # Of two classes the second one against the first says all.
        against_the_rest = self.classes_[1:] if len(self.classes_) == 2 else self.classes_
        found = [self._fit_one(X, y == one, weights, counted) for one in against_the_rest]
        self.coef_ = np.stack([coefficients for coefficients, _ in found])  # [outputs, terms]
        self.intercept_ = np.array([intercept for _, intercept in found])  # [outputs]
        return self

    def _fit_one(
        self, X: csr_matrix, inside: np.ndarray, weights: np.ndarray, counted: np.ndarray
    ) -> tuple[np.ndarray, float]:
        """Return the coefficients ``[terms]`` and the intercept that tell the reviews inside a class from the rest."""
        counted_inside = X[inside].T @ weights[inside]  # [terms]
        positive, negative = self.smoothing + counted_inside, self.smoothing + (counted - counted_inside)  # [terms]
        # r = log((p / ||p||_1) / (q / ||q||_1))
        ratio = np.log((positive / positive.sum()) / (negative / negative.sum()))  # [terms]
        scaled = csr_matrix((X.data * ratio[X.indices], X.indices, X.indptr), X.shape)  # [reviews, terms]
        svm = LinearSVC(C=self.C, random_state=0).fit(scaled, inside, weights)
        learnt = svm.coef_[0]  # [terms]
        return ratio * ((1 - self.beta) * np.abs(learnt).mean() + self.beta * learnt), self.beta * svm.intercept_[0]

    def decision_function(self, X: csr_matrix) -> np.ndarray:
        """Signed distances, ``<float64>[reviews, classes]``; of two classes ``[reviews]``, above 0 for the second."""
        margins = X @ self.coef_.T + self.intercept_  # [reviews, outputs]
        return margins[:, 0] if len(self.classes_) == 2 else margins

    def predict(self, X: csr_matrix) -> np.ndarray:
        """Labels, ``<int64>[reviews]``."""
        return self.classes_[_in_columns(self.decision_function(X)).argmax(axis=1)]


class SoftmaxOfMargins(ClassifierMixin, BaseEstimator):
    """Probabilities of a fitted classifier that gives margins: their softmax at one temperature.

    Guo et al. (2017), "On calibration of modern neural networks", section 4.2. It changes no prediction. As in Platt
    (1999), a classifier that is right every time is not taken to be always right: one review more counts, of which
    nothing is known.

    Parameters
    ----------
    classifier : classifier
        Fitted, with a ``decision_function``.
    """

    def __init__(self, classifier: Any) -> None:
        self.classifier = classifier

    def fit(self, X: csr_matrix, y: np.ndarray, sample_weight: np.ndarray | None = None) -> SoftmaxOfMargins:
        """Choose the temperature with the smallest log loss on reviews that the classifier has not seen."""
        self.classes_ = self.classifier.classes_
        seen = np.isin(y, self.classes_)  # the others have no margin
        margins = _in_columns(self.classifier.decision_function(X[seen]))  # [reviews, classes]
        right = np.arange(len(margins)), np.searchsorted(self.classes_, y[seen])
        weights = None if sample_weight is None else sample_weight[seen]

        def loss(logarithm: float) -> float:
            logarithms = log_softmax(margins / np.exp(logarithm), axis=1)  # [reviews, classes]
            return float(-np.average(logarithms[right], weights=weights) - logarithms.mean() / len(margins))

        self.temperature_ = 1.0
        if len(margins):
            self.temperature_ = float(np.exp(minimize_scalar(loss, bounds=np.log(TEMPERATURES), method="bounded").x))
        return self

    def predict_proba(self, X: csr_matrix) -> np.ndarray:
        """Probabilities, ``<float64>[reviews, classes]``."""
        return softmax(_in_columns(self.classifier.decision_function(X)) / self.temperature_, axis=1)


def _in_columns(margins: np.ndarray) -> np.ndarray:
    """Return margins ``[reviews, classes]``, also of two classes, whose margins have one number a review."""
    return margins if margins.ndim == 2 else np.stack([-margins, margins], axis=1) / 2


BASELINE = "baseline"


@dataclass(frozen=True)
class Baseline:
    """A classifier over features of whole reviews.

    Attributes
    ----------
    features : (specification, corpus) -> transformer
        From texts to a matrix, in scikit-learn's sense.
    classifier : (penalty, classes) -> classifier
        For so many classes. The best of `penalties` on the validation reviews is kept.
    penalties : tuple of float
        To choose among.
    """

    features: Callable[[Specification, Corpus], Any]
    classifier: Callable[[float, int], Any]
    penalties: tuple[float, ...]


def _mean_of_vectors(specification: Specification, corpus: Corpus) -> Any:
    """Return what makes of a review the mean of its words' vectors, as the networks first have them.

    Where these are drawn at random, so are the baseline's, and longer: a penalty knows nothing of their length.
    """
    table = vectors_for(specification, corpus)
    drawn = np.random.default_rng(specification.seed).uniform(-1, 1, table.vectors.shape)
    vectors = (table.vectors if table.found.any() else drawn)[len(SPECIAL_WORDS) :]  # [words, embedding]
    words = corpus.vocabulary.words[len(SPECIAL_WORDS) :]
    shares = make_pipeline(counts(Pipeline.parse(specification.cleaning), vocabulary=words), Normalizer("l1"))
    return make_pipeline(shares, FunctionTransformer(lambda found: found @ vectors))


def _terms(make: Callable[..., Any], **options: Any) -> Callable[[Specification, Corpus], Any]:
    """Return what makes the transformer from texts to terms."""

    def features(specification: Specification, corpus: Corpus) -> Any:
        classes = len(corpus.class_names)
        most = LARGEST_WEIGHTS // classes if classes > 2 else None
        return make(Pipeline.parse(specification.cleaning), **options, max_features=most)

    return features


def _logistic(penalty: float, classes: int) -> LogisticRegression:
    """Return a logistic regression of two classes, or a multinomial one of several."""
    if classes == 2:
        return LogisticRegression(C=penalty, solver="liblinear")
    return LogisticRegression(C=penalty, solver="saga", max_iter=30, tol=1e-3, random_state=0)


BASELINES = {
    # The most frequent class, however much the classes weigh.
    "majority": Baseline(
        lambda *_: HashingVectorizer(n_features=2), lambda *_: DummyClassifier(strategy="prior"), (0.0,)
    ),
    "mean-of-vectors": Baseline(
        _mean_of_vectors,
        lambda penalty, classes: LogisticRegression(C=penalty, max_iter=1_000 if classes == 2 else 200),
        (1.0, 10.0, 100.0),
    ),
    "tf-idf": Baseline(_terms(tf_idf, **TERMS, sublinear_tf=True), _logistic, (4.0, 16.0, 64.0)),
    # Of single words, as is usual since Joachims (1998), "Text categorization with support vector machines".
    "linear-svm": Baseline(
        _terms(tf_idf, sublinear_tf=True), lambda penalty, _: LinearSVC(C=penalty, random_state=0), (0.25, 1.0, 4.0)
    ),
    "nb-svm": Baseline(_terms(bag_of_words, **TERMS), lambda penalty, _: NaiveBayesSVM(penalty), (0.03, 0.1, 0.3)),
    # The strongest single model of Mesnil et al. (2014), "Ensemble of generative and discriminative techniques".
    "nb-svm-trigrams": Baseline(
        _terms(bag_of_words, ngrams=(1, 3)), lambda penalty, _: NaiveBayesSVM(penalty), (0.01, 0.03, 0.1)
    ),
}
MAJORITY = "majority"
LINEAR = ("tf-idf", "linear-svm", "nb-svm", "nb-svm-trigrams")


def train_baseline(name: str, specification: Specification, place: Output) -> Record:
    """Train one baseline on the specification's data and write its run.

    Parameters
    ----------
    name : str
        One of `BASELINES`.
    specification : Specification
        The data fields, ``cleaning`` and ``class_weights`` are used, and for the mean of word vectors ``vectors``.
    place : Output
        Where the run will stand.

    Returns
    -------
    Record
        As written; ``framework`` is ``baseline`` and ``architecture`` the baseline's name.

    Raises
    ------
    LockstepError
        If there is no such baseline, or nothing that it can learn from.
    """
    started = time.perf_counter()
    inputs = inputs_of(specification)
    corpus = load_corpus(specification)
    setup = time.perf_counter() - started
    with LoadMeter(threads=1) as meter:
        fitted = fit_baseline(name, specification, corpus)
    started = time.perf_counter()
    test = fitted.probabilities(corpus.texts[2])
    prediction_seconds = time.perf_counter() - started
    record = make_record(
        specification,
        corpus,
        framework=BASELINE,
        framework_version=f"scikit-learn {sklearn.__version__}",
        architecture=name,
        parameters=Parameters(total=fitted.parameters, trainable=fitted.parameters),
        validation=fitted.validation,
        test=test,
        seconds=Seconds(setup=setup, training=meter.load.wall_seconds, prediction=prediction_seconds),
        trained_reviews=len(corpus.train),
        device="cpu",
        threads=1,
        inputs=inputs,
        out_of_domain={
            source: evaluate(reviews.labels, fitted.probabilities(reviews.texts))
            for source, reviews in other_reviews(specification, corpus).items()
        },
        load=meter.load,
        latency_ms=measure_latency(lambda row: fitted.probabilities([corpus.texts[2][row]]), len(corpus.test)),
    )
    names = corpus.class_names
    predictions = Predictions.of(corpus.test, test, names), Predictions.of(corpus.validation, fitted.validation, names)
    write_run(place, record, History(), *predictions, None)
    return record


class Fitted(NamedTuple):
    """A fitted baseline.

    Attributes
    ----------
    model : Pipeline of scikit-learn
        From texts to probabilities of the classes that training reviews have.
    classes : int
        Of the corpus.
    validation : <float32>[reviews, classes]
        Probabilities of the validation reviews.
    parameters : int
        Weights of the classifier.
    """

    model: Any
    classes: int
    validation: np.ndarray
    parameters: int

    def probabilities(self, texts: Sequence[str]) -> np.ndarray:
        """Probabilities of texts, ``<float32>[texts, classes]``; 0 of a class that no training review has."""
        return _of_all_classes(self.model, texts, self.classes)


def _of_all_classes(model: Any, given: Any, classes: int) -> np.ndarray:
    found = model.predict_proba(given)  # [reviews, classes that training reviews have]
    whole = np.zeros((len(found), classes), np.float32)
    whole[:, model.classes_] = found
    return whole


def fit_baseline(name: str, specification: Specification, corpus: Corpus) -> Fitted:
    """Fit one baseline.

    With ``class_weights``, reviews count in everything that is learnt or chosen as they do for the networks; only the
    majority class is the most frequent one all the same.

    Parameters
    ----------
    name : str
        One of `BASELINES`.
    specification : Specification
        For ``cleaning`` and ``class_weights``, and of the mean of word vectors ``vectors``.
    corpus : Corpus
        Trained on its training reviews; the penalty is chosen on its validation reviews.

    Raises
    ------
    LockstepError
        If there is no such baseline, or nothing that it can learn from.
    """
    if name not in BASELINES:
        raise LockstepError(f"unknown baseline {name!r}: choose among {', '.join(BASELINES)}")
    baseline, classes = BASELINES[name], len(corpus.class_names)
    if name != MAJORITY:
        _check_learnable(name, corpus)
    features = baseline.features(specification, corpus)
    try:
        training, held_out = features.fit_transform(corpus.texts[0]), features.transform(corpus.texts[1])
    except ValueError as error:  # scikit-learn's, of a vocabulary without a term
        raise LockstepError(f"{corpus.source}: too few words come twice in training for {name} ({error})") from error
    weights = None if name == MAJORITY else class_weights(specification, corpus.train.labels, classes)
    seen, unseen = (
        Labelled(matrix, part.labels, None if weights is None else weights[part.labels])
        for matrix, part in ((training, corpus.train), (held_out, corpus.validation))
    )
    best = _best(baseline, seen, unseen)
    model = best if hasattr(best, "predict_proba") else _with_probabilities(best, unseen)
    return Fitted(make_pipeline(features, model), classes, _of_all_classes(model, held_out, classes), _weights(best))


class Labelled(NamedTuple):
    """Features of reviews, their labels, and what each counts where they do not count alike."""

    matrix: Any
    labels: np.ndarray
    weights: np.ndarray | None


def _best(baseline: Baseline, seen: Labelled, unseen: Labelled) -> Any:
    """Return the classifier, fitted to the reviews seen, that is right most often about the others."""
    best, best_score = None, -1.0
    for penalty in baseline.penalties:
        classifier = baseline.classifier(penalty, len(np.unique(seen.labels)))
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ConvergenceWarning)  # what has not converged is scored like the rest
            classifier.fit(seen.matrix, seen.labels, sample_weight=seen.weights)
        score = _share(classifier.predict(unseen.matrix) == unseen.labels, unseen.weights)
        if score > best_score:
            best, best_score = classifier, score
    return best


def _share(right: np.ndarray, weights: np.ndarray | None) -> float:
    """Return the weighted share of answers that are right; where none has a weight they count alike."""
    return float(np.average(right, weights=weights if weights is not None and weights.any() else None))


def _check_learnable(name: str, corpus: Corpus) -> None:
    """Refuse training reviews of which nothing can be learnt."""
    if not corpus.train.sizes.any():
        raise LockstepError(f"{corpus.source}: no training review has a word, so {name} has nothing to learn from")
    present = np.unique(corpus.train.labels)
    if len(present) < 2:
        only = corpus.class_names[present[0]]
        raise LockstepError(f"{corpus.source}: every training review is of the class {only!r}: {name} needs two")


def _with_probabilities(classifier: Any, unseen: Labelled) -> Any:
    """Give a classifier with margins probabilities, by reviews that it has not seen.

    Of two classes by Platt's sigmoid. Of more, or where the reviews are too few for it, by the softmax of the margins.
    """
    classes, sizes = np.unique(unseen.labels, return_counts=True)
    if len(classifier.classes_) == 2 and np.array_equal(classes, classifier.classes_) and sizes.min() >= SIGMOID_PARTS:
        calibrated = CalibratedClassifierCV(FrozenEstimator(classifier), method="sigmoid", cv=SIGMOID_PARTS)
    else:
        calibrated = SoftmaxOfMargins(classifier)
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Since FrozenEstimator")  # it is fitted, with the weights
        return calibrated.fit(unseen.matrix, unseen.labels, sample_weight=unseen.weights)


def _weights(classifier: Any) -> int:
    """Return how many numbers a classifier has learnt."""
    if hasattr(classifier, "coef_"):
        return int(classifier.coef_.size + classifier.intercept_.size)
    return int(classifier.class_prior_.size)
