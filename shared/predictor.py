"""Prediction without a framework: a checkpoint's model in NumPy, as fast as that goes.

Three things make it fast, beside what `shared.forward` does.

- What a word gives to the gates is computed once for each word of the texts, not at each of its places.
- Reviews are sorted by length, and a row that has ended leaves the batch: nothing is padded and nothing is masked.
- Batches are computed side by side, each by one thread: NumPy lets the others run while it computes.
"""

from __future__ import annotations

import os
import warnings
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from threading import Lock

import numpy as np
from threadpoolctl import ThreadpoolController

from shared.data.encoded import Coverage, EncodedReviews, encode_texts
from shared.differences import refuse_non_finite
from shared.errors import LockstepError
from shared.forward import Kept, Pool, direction_of, run
from shared.specification import POOLED
from shared.weights import Checkpoint, read_checkpoint

LARGEST_BATCH = 256
SMALLEST_BATCH = 16
# Of few texts. The long ones come first, and the short ones then fill the time in which other threads are busy.
BATCHES_A_THREAD = 4
# Texts whose words have a table in common.
TEXTS_AT_ONCE = 8_192
# Of such a table, for one thread.
WORDS_AT_ONCE = 2_048
# A layer above the first has a table for each batch, of a row for each place of it.
LARGEST_TABLE = 64_000_000  # bytes


class Predictor:
    """A trained model that answers texts. It needs NumPy and no framework, and may be used by many threads at once.

    Parameters
    ----------
    checkpoint : Checkpoint
        Of any framework (see :meth:`load`).
    threads : int, optional
        Batches that are computed side by side; default: one for each core.

    Examples
    --------
    >>> predictor = Predictor.load("runs/mine")  # doctest: +SKIP
    >>> predictor.predict(["A film to remember.", "Dull and badly acted."])  # doctest: +SKIP
    ['positive', 'negative']
    """

    def __init__(self, checkpoint: Checkpoint, threads: int | None = None) -> None:
        self.checkpoint = checkpoint
        self.threads = threads or _cores()
        specification = checkpoint.specification
        self._layers = [
            [
                direction_of(checkpoint.weights, f"rnn.{layer}.{way}", specification.cell)
                for way in specification.directions
            ]
            for layer in range(specification.layers)
        ]

    @classmethod
    def load(cls, path: str | os.PathLike[str], threads: int | None = None) -> Predictor:
        """Read a checkpoint, or a run that has one.

        Parameters
        ----------
        path : str or path
            A folder that ``train``, ``convert`` or a framework's `SentimentClassifier` wrote.
        threads : int, optional
            As above.

        Raises
        ------
        LockstepError
            If it is none, or a file of it is missing, damaged or changed.
        """
        return cls(read_checkpoint(Path(path)), threads)

    @property
    def classes(self) -> tuple[str, ...]:
        """Names of the classes, in the order of the probabilities' columns."""
        return self.checkpoint.class_names

    def predict(self, texts: Iterable[str]) -> list[str]:
        """Return the name of the most probable class of each text (see :meth:`predict_proba`)."""
        return [self.classes[label] for label in self.predict_proba(texts).argmax(axis=1).tolist()]

    def predict_proba(self, texts: Iterable[str]) -> np.ndarray:
        """Return the probability of each class.

        Parameters
        ----------
        texts : iterable of str
            Raw texts; they are cleaned and cut into words as the training reviews were. One without a word gets the
            model's answer for no input. A warning says so, and how many texts have no word that the model knows.

        Returns
        -------
        <float32>[texts, classes]
            Rows sum to 1. They do not depend on the texts beside them, but for rounding.

        Raises
        ------
        LockstepError
            If it is one text and not a list of them, one of them is no text, or an answer is not finite.
        """
        if isinstance(texts, str):
            raise LockstepError("a list of texts is expected, not a text: put it into brackets")
        listed = list(texts)
        for number, text in enumerate(listed):
            if not isinstance(text, str):
                raise LockstepError(f"text {number} (from 0) is no text: {text!r:.80}")
        vocabulary, specification = self.checkpoint.vocabulary, self.checkpoint.specification
        answers = np.zeros((len(listed), len(self.classes)), np.float32)
        coverage = Coverage()
        for start in range(0, len(listed), TEXTS_AT_ONCE):
            some = slice(start, start + TEXTS_AT_ONCE)
            encoded = encode_texts(listed[some], vocabulary, specification)
            coverage.add(encoded)
            answers[some] = self.probabilities(encoded)
        for warning in coverage.warnings():
            warnings.warn(warning, stacklevel=2)
        return answers

    def probabilities(self, reviews: EncodedReviews) -> np.ndarray:
        """Return the probability of each class of texts that are encoded already.

        Parameters
        ----------
        reviews : EncodedReviews
            Encoded with the checkpoint's vocabulary and specification.

        Returns
        -------
        <float32>[reviews, classes]

        Raises
        ------
        LockstepError
            If an answer is not finite: weights that large overflow.
        """
        weights = self.checkpoint.weights
        features = np.zeros((len(reviews), len(weights["head.kernel"])), np.float32)
        with _one_thread_a_product(), np.errstate(all="ignore"):
            for start in range(0, len(reviews), TEXTS_AT_ONCE):
                rows = np.arange(start, min(start + TEXTS_AT_ONCE, len(reviews)))
                features[rows] = self._features(reviews.take(rows))
            outputs = (features @ weights["head.kernel"] + weights["head.bias"]).astype(np.float64)
            if self.checkpoint.specification.head == "sigmoid":
                outputs = np.concatenate([np.zeros_like(outputs), outputs], axis=1)  # the softmax is the sigmoid
            shares = np.exp(outputs - outputs.max(axis=1, keepdims=True))
            shares /= shares.sum(axis=1, keepdims=True)
        refuse_non_finite("the model's probabilities", shares)
        return shares.astype(np.float32)

    def _features(self, reviews: EncodedReviews) -> np.ndarray:
        """Return the pooled outputs of the uppermost layer, ``<float32>[reviews, features]``."""
        masked = self.checkpoint.specification.padding == "masked"
        lengths = reviews.lengths if masked else np.full(len(reviews), reviews.max_length)  # [reviews]
        order = np.argsort(-lengths, kind="stable")
        size = self._batch_size(len(order), int(lengths.max()))
        batches = [order[start : start + size] for start in range(0, len(order), size)]
        words = [reviews.padded(rows) for rows in batches]  # of each [batch, time]
        tables, places = self._tables(words)
        features = np.zeros((len(reviews), len(self.checkpoint.weights["head.kernel"])), np.float32)

        def walk(number: int) -> None:
            rows = batches[number]
            features[rows] = self._walk(tables, places[words[number]], lengths[rows])

        _side_by_side(walk, len(batches), self.threads)
        return features

    def _batch_size(self, texts: int, longest: int) -> int:
        """Return how many reviews of at most so many words are computed at once."""
        size = min(LARGEST_BATCH, max(SMALLEST_BATCH, -(-texts // (BATCHES_A_THREAD * self.threads))))
        if len(self._layers) > 1:
            of_a_review = max(1, longest) * self._layers[1][0].bias.nbytes
            size = min(size, max(1, LARGEST_TABLE // of_a_review))
        return size

    def _tables(self, words: Sequence[np.ndarray]) -> tuple[list[np.ndarray], np.ndarray]:
        """Return what each word gives to the gates of the first layer.

        Returns
        -------
        tables : list of <float32>[gates, words, hidden]
            For each direction, of the words that occur.
        places : <int64>[vocabulary]
            Where a word that occurs stands in them.
        """
        embedding = self.checkpoint.weights["embedding"]
        occurs = np.zeros(len(embedding), bool)
        for some in words:
            occurs[some] = True
        vectors = embedding[occurs]
        tables = [np.empty((len(one.bias), len(vectors), one.bias.shape[-1]), np.float32) for one in self._layers[0]]

        def fill(number: int) -> None:
            some = slice(number * WORDS_AT_ONCE, (number + 1) * WORDS_AT_ONCE)
            for direction, table in zip(self._layers[0], tables, strict=True):
                direction.table(vectors[some], out=table[:, some])

        _side_by_side(fill, -(-len(vectors) // WORDS_AT_ONCE), self.threads)
        return tables, np.cumsum(occurs) - 1

    def _walk(self, tables: list[np.ndarray], words: np.ndarray, lengths: np.ndarray) -> np.ndarray:
        """Return the pooled outputs of one batch, ``<float32>[batch, features]``.

        Parameters
        ----------
        tables : list of <float32>[gates, words, hidden]
            Of each direction of the first layer.
        words : <int64>[batch, time]
            Which rows of them.
        lengths : <int64>[batch]
            From long to short.
        """
        (batch, longest), hidden = words.shape, self.checkpoint.specification.hidden_size
        time, column = np.arange(longest)[:, None], np.arange(batch)  # [time, 1], [batch]
        counts = (lengths > time).sum(axis=1).tolist()  # rows of the batch that still read, [time]
        # Which word each direction reads in its t-th step: the backward one begins at each review's own end.
        steps = [np.broadcast_to(time, (longest, batch)), np.maximum(lengths - 1 - time, 0)][: len(tables)]
        reads = [words[column, step] for step in steps]  # each [time, batch]
        for number, layer in enumerate(self._layers[:-1]):
            outputs = np.zeros((longest * batch, len(layer), hidden), np.float32)
            places = [step * batch + column for step in steps]  # in the outputs, each [time, batch]
            for way, direction in enumerate(layer):
                run(direction, tables[way], reads[way], counts, Kept(outputs[:, way], places[way]))
            outputs, reads = outputs.reshape(longest * batch, -1), places
            tables = [direction.table(outputs) for direction in self._layers[number + 1]]
        pooling = POOLED[self.checkpoint.specification.pooling]
        pooled = []
        for way, direction in enumerate(self._layers[-1]):
            pool = Pool(pooling, batch, hidden)
            state = run(direction, tables[way], reads[way], counts, pool)
            pooled.append(pool.parts(state, lengths))
        return np.concatenate([parts[how] for how in pooling for parts in pooled], axis=1)


def _side_by_side(work: Callable[[int], None], pieces: int, threads: int) -> None:
    """Do pieces of work, from 0 up, in so many threads; what one of them raises is raised."""
    if pieces == 1 or threads == 1:
        for number in range(pieces):
            work(number)
        return
    from concurrent.futures import ThreadPoolExecutor  # one text does not wait for it

    @np.errstate(all="ignore")  # a thread has its own
    def quietly(number: int) -> None:
        work(number)

    with ThreadPoolExecutor(min(threads, pieces)) as executor:
        list(executor.map(quietly, range(pieces)))


class _OneThreadAProduct:
    """Holds NumPy's products at one thread each while somebody needs it; this is a state of the whole process.

    Two threads would wait for each other at every word. Predictors that work at the same time share the limit: who
    comes first sets it and who goes last lifts it.
    """

    def __init__(self) -> None:
        self.lock, self.users, self.limit = Lock(), 0, ExitStack()
        self.libraries: ThreadpoolController | None = None  # to look for them takes milliseconds: once is enough

    @contextmanager
    def __call__(self) -> Iterator[None]:
        with self.lock:
            if not self.users:
                self._set()
            self.users += 1
        try:
            yield
        finally:
            with self.lock:
                self.users -= 1
                if not self.users:
                    self.limit.close()
                    self._let_others()

    def _set(self) -> None:
        self.libraries = self.libraries or ThreadpoolController()
        self.limit.callback(self.libraries.limit(limits=1, user_api="blas").restore_original_limits)
        self._let_others()

    def _let_others(self) -> None:
        """Let another thread lift the limit: from version 3.8 on, threadpoolctl heeds only the thread that set it."""
        for library in self.libraries.lib_controllers if self.libraries else ():
            getattr(library, "clear_controlling_thread", lambda: None)()


_one_thread_a_product = _OneThreadAProduct()


def _cores() -> int:
    """Return how many cores this process may use."""
    try:
        return len(os.sched_getaffinity(0))
    except AttributeError:  # macOS
        return os.cpu_count() or 1
