"""GloVe (Pennington, Socher & Manning, EMNLP 2014): vectors whose products are logarithms of counts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy import sparse

from shared.terminal import progress_bar

# Pairs of words in one step: enough that NumPy's overhead does not count, few enough that an epoch
# has hundreds of steps.
BATCH_PAIRS = 65_536


@dataclass(frozen=True)
class Cooccurrences:
    """Pairs of words that stand near each other; each pair also stands the other way round.

    Attributes
    ----------
    rows, columns : <int32>[pairs]
        The word and the context word.
    counts : <float32 or float64>[pairs]
        X[row, column], above 0.
    """

    rows: np.ndarray
    columns: np.ndarray
    counts: np.ndarray

    def take(self, chosen: np.ndarray | slice) -> Cooccurrences:
        """Return some of the pairs."""
        return Cooccurrences(self.rows[chosen], self.columns[chosen], self.counts[chosen])


@dataclass
class Parameters:
    """What is trained, or its gradient, or anything else of these shapes.

    Attributes
    ----------
    words, contexts : <float>[vocabulary, embedding_size]
        A word has one vector as a word and another as a context.
    word_biases, context_biases : <float>[vocabulary]
        Take up how frequent a word is.
    """

    words: np.ndarray
    contexts: np.ndarray
    word_biases: np.ndarray
    context_biases: np.ndarray

    def arrays(self) -> tuple[np.ndarray, ...]:
        """All four."""
        return self.words, self.contexts, self.word_biases, self.context_biases


def count_cooccurrences(texts: Sequence[np.ndarray], vocabulary_size: int, window: int) -> sparse.csr_array:
    """Count which words stand near each other.

    Parameters
    ----------
    texts : sequence of <int>[words]
        Ids of each text's words. A window does not reach from one text into another. Words outside
        the vocabulary are left out beforehand, so they take no place in a window (as in the authors'
        ``cooccur.c``).
    vocabulary_size : int
        Ids are below it.
    window : int
        Words on either side.

    Returns
    -------
    <float64>[vocabulary_size, vocabulary_size], sparse
        Symmetric. A pair `d` words apart counts 1/d (section 4.2 of the paper).
    """
    words = np.concatenate([*texts, np.zeros(0, np.int32)]).astype(np.int32)
    text = np.repeat(np.arange(len(texts)), [len(ids) for ids in texts])
    shape = (vocabulary_size, vocabulary_size)
    total = sparse.csr_array(shape)
    for distance in range(1, min(window, len(words) - 1) + 1):
        together = text[distance:] == text[:-distance]
        left, right = words[:-distance][together], words[distance:][together]
        total += sparse.coo_array((np.full(len(left), 1 / distance), (left, right)), shape).tocsr()
    return (total + total.T).tocsr()


def weights(counts: np.ndarray, x_max: float = 100, alpha: float = 0.75) -> np.ndarray:
    """How much each pair counts: f(x) = min(1, (x / x_max) ** alpha), equation 9; <float>[pairs]."""
    return np.minimum(1, (counts / x_max) ** alpha)


def cost_and_gradient(
    parameters: Parameters, pairs: Cooccurrences, x_max: float = 100, alpha: float = 0.75
) -> tuple[float, Parameters]:
    """The objective over some pairs, and its gradient.

        J = sum over pairs of  f(X_ij) (w_i · c_j + b_i + d_j - log X_ij)²          (equation 8)

    Parameters
    ----------
    parameters : Parameters
        w, c, b and d.
    pairs : Cooccurrences
        Where X is not 0, or a batch of that.
    x_max, alpha : float
        Of :func:`weights`; the defaults are the paper's.

    Returns
    -------
    float, Parameters
        J, and its derivatives by each parameter.
    """
    rows, columns = pairs.rows, pairs.columns
    words, contexts, word_biases, context_biases = parameters.arrays()
    predicted = np.einsum("pe,pe->p", words[rows], contexts[columns]) + word_biases[rows] + context_biases[columns]
    difference = predicted - np.log(pairs.counts)  # [pairs]
    weighted = weights(pairs.counts, x_max, alpha) * difference
    # dJ/d(predicted) as a matrix: its products with the vectors add up what the pairs of a word ask for.
    slope = sparse.coo_array((2 * weighted, (rows, columns)), shape=(len(words), len(contexts))).tocsr()
    gradient = Parameters(slope @ contexts, slope.T @ words, slope.sum(axis=1), slope.sum(axis=0))
    return float(weighted @ difference), gradient


def train_glove(
    cooccurrences: sparse.csr_array,
    embedding_size: int,
    epochs: int,
    learning_rate: float = 0.5,
    x_max: float = 100,
    alpha: float = 0.75,
    seed: int = 0,
    progress: bool = False,
) -> tuple[np.ndarray, list[float]]:
    """Minimise the objective with AdaGrad.

    Parameters
    ----------
    cooccurrences : <float>[vocabulary, vocabulary], sparse
        As :func:`count_cooccurrences` returns it.
    embedding_size : int
        Numbers of a vector.
    epochs : int
        Passes over all pairs.
    learning_rate : float
        AdaGrad's. The paper's 0.05 is for a step after each pair; for a step after `BATCH_PAIRS` of
        them, of 0.05, 0.5 and 1.5 the middle one lowered the cost furthest on the packaged reviews.
    x_max, alpha : float
        Of :func:`weights`.
    seed : int
        Of the initial values and the order of the pairs.
    progress : bool
        Show a bar.

    Returns
    -------
    <float32>[vocabulary, embedding_size], list of float
        Word vector plus context vector of each word (section 4.2), and the mean cost of a pair
        in each epoch.
    """
    generator = np.random.default_rng(seed)
    parameters = _initial(cooccurrences.shape[0], embedding_size, generator)
    # Sums of squares start at 1, as in the authors' glove.c, so that the first steps are not larger
    # than the gradient asks for.
    squares = Parameters(*(np.ones_like(array) for array in parameters.arrays()))
    matrix = cooccurrences.tocoo()
    pairs = Cooccurrences(matrix.row.astype(np.int32), matrix.col.astype(np.int32), matrix.data.astype(np.float32))
    batches = _batches(pairs, generator)
    costs = []
    for _ in progress_bar(range(epochs), desc="GloVe", unit=" epochs", hidden=not progress, leave=False):
        total = 0.0
        for chosen in generator.permutation(len(batches)):
            cost, gradient = cost_and_gradient(parameters, batches[chosen], x_max, alpha)
            _adagrad_step(parameters, gradient, squares, learning_rate)
            total += cost
        costs.append(total / max(1, len(pairs.counts)))
    return parameters.words + parameters.contexts, costs


def _initial(vocabulary_size: int, embedding_size: int, generator: np.random.Generator) -> Parameters:
    """Uniform between -0.5 and 0.5, divided by the dimensions, as in the authors' ``glove.c``."""
    shapes = ((vocabulary_size, embedding_size),) * 2 + ((vocabulary_size,),) * 2
    return Parameters(*((generator.random(shape, np.float32) - np.float32(0.5)) / embedding_size for shape in shapes))


def _batches(pairs: Cooccurrences, generator: np.random.Generator) -> list[Cooccurrences]:
    """Deal the pairs out at random; a batch is sorted, so that neighbouring rows are in the cache."""
    order = generator.permutation(len(pairs.counts)).astype(np.int32)
    return [pairs.take(np.sort(order[start : start + BATCH_PAIRS])) for start in range(0, len(order), BATCH_PAIRS)]


def _adagrad_step(parameters: Parameters, gradient: Parameters, squares: Parameters, learning_rate: float) -> None:
    """Divide each step by the root of all squared gradients so far (Duchi et al. 2011), in place."""
    for value, slope, total in zip(parameters.arrays(), gradient.arrays(), squares.arrays(), strict=True):
        total += slope * slope
        value -= learning_rate * slope / np.sqrt(total)
