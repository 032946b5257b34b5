"""Which words move a network: foretold by gradient times input, then measured by taking each one away.

The networks are asked through the NumPy reference, which gives what a checkpoint's own framework gives.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace

import numpy as np
from scipy.special import expit, logsumexp, softmax
from scipy.stats import spearmanr
from threadpoolctl import threadpool_limits

from compare.report.form import CellName, Example, Explanation, ExplanationCheck, WordEffect
from shared.data.batches import PREDICTION_BATCH_SIZE, prediction_batches
from shared.data.encoded import EncodedReviews, as_array, encode_texts
from shared.reference.model import SentimentClassifier, build
from shared.runs import Run
from shared.text import Pipeline, tokenize
from shared.weights import Checkpoint, read_checkpoint

SHOWN_WORDS = 8  # of a review
LONGEST_WORD = 40  # characters that are shown
# The reference keeps all that its way back may need: reviews, words and units at once, some 250 MB.
UNITS_AT_ONCE = 4_000_000
# Of fewer words there is no order worth a number.
FEWEST_RANKED = 3


def explained(
    examples: Sequence[Example], texts: Mapping[str, str], cells: Mapping[CellName, Sequence[Run]]
) -> tuple[Example, ...]:
    """Add the words that moved the networks: one network of each architecture, of the first seed.

    It is that of the first cell that has a checkpoint; baselines have none.

    Parameters
    ----------
    examples : sequence of Example
        With ``shown_class``, whose probability it is.
    texts : mapping of str to str
        Whole texts by review id; reviews without one stay as they are.
    cells : mapping of cell names to runs
        Of the compared seeds.

    Raises
    ------
    LockstepError
        If a checkpoint is damaged.
    """
    known = [example for example in examples if example.review_id in texts]
    found: defaultdict[str, list[Explanation]] = defaultdict(list)
    for cell, run in _one_of_each_architecture(cells).items() if known else ():
        words = word_effects(
            read_checkpoint(run.directory / "checkpoint"),
            [texts[example.review_id] for example in known],
            np.array([example.shown_class for example in known], np.int64),
        )
        for example, effects in zip(known, words, strict=True):
            found[example.review_id].append(Explanation(cell=cell, seed=run.record.seed, words=effects))
    return tuple(
        example.model_copy(update={"explanations": tuple(found.get(example.review_id, ()))}) for example in examples
    )


def explanation_checks_of(examples: Iterable[Example]) -> tuple[ExplanationCheck, ...]:
    """Hold gradient times input against what the models did, over all words that are shown of each cell."""
    by_cell: defaultdict[CellName, list[tuple[WordEffect, ...]]] = defaultdict(list)
    for example in examples:
        for explanation in example.explanations:
            by_cell[explanation.cell].append(explanation.words)
    return tuple(_check(cell, reviews) for cell, reviews in by_cell.items() if any(reviews))


def word_effects(checkpoint: Checkpoint, texts: Sequence[str], classes: np.ndarray) -> list[tuple[WordEffect, ...]]:
    """Find the words of each text without which a model would change its mind most.

    Candidates are the words with the largest ``|g x|``, where x is a word's vector and g the gradient by it of the
    log-odds of the class (gradient times input; Denil et al. 2014, Shrikumar et al. 2016). Each is then taken away
    and the model asked again (occlusion; Zeiler & Fergus 2014, Li et al. 2016): the words after it move up, and no
    word that was cut off comes in.

    Parameters
    ----------
    checkpoint : Checkpoint
        Of any model.
    texts : sequence of str
        Raw and whole; they are cleaned and cut as in training.
    classes : <int64>[texts]
        Whose probability it is.

    Returns
    -------
    list of tuple of WordEffect
        Of each text at most `SHOWN_WORDS`, from the largest measured change to the smallest.
    """
    model = build(checkpoint.specification, checkpoint.weights)
    reviews = encode_texts(texts, checkpoint.vocabulary, checkpoint.specification)
    # A step's products are small: two threads would only wait for each other.
    with threadpool_limits(1, "blas"):
        log_odds, products = _gradient_times_input(model, reviews, classes)
        places = [np.argsort(-np.abs(product), kind="stable")[:SHOWN_WORDS] for product in products]
        of_review = np.repeat(np.arange(len(texts)), [len(several) for several in places])  # [words]
        without = _log_odds(model, _each_taken_away(reviews, places), classes[of_review])  # [words]
    changes = expit(without) - expit(log_odds)[of_review]
    # dp = p (1 - p) d(log-odds), and without the word's vector the log-odds are g x less.
    slopes = expit(log_odds) * expit(-log_odds)
    clean = Pipeline.parse(checkpoint.specification.cleaning)
    found = []
    for row, text in enumerate(texts):
        words = _words_read(tokenize(clean(text)), reviews, row)
        effects = [
            WordEffect(
                word=_shortened(words[place]), place=place, change=change, expected=-slopes[row] * products[row][place]
            )
            for place, change in zip(places[row].tolist(), changes[of_review == row].tolist(), strict=True)
        ]
        found.append(tuple(sorted(effects, key=lambda effect: -abs(effect.change))))
    return found


def _one_of_each_architecture(cells: Mapping[CellName, Sequence[Run]]) -> dict[CellName, Run]:
    chosen: dict[str, tuple[CellName, Run]] = {}
    for name, runs in cells.items():
        if (runs[0].directory / "checkpoint").is_dir():
            chosen.setdefault(runs[0].record.architecture, (name, runs[0]))
    return dict(chosen.values())


def _log_odds_of(logits: np.ndarray, classes: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return ``log(p / (1 - p))`` of each row's class, ``[batch]``, and its gradient by the logits."""
    own = np.arange(logits.shape[1]) == classes[:, None]  # [batch, classes]
    others = np.where(own, -np.inf, logits)
    # log(p_c / (1 - p_c)) = z_c - log sum_{k != c} exp z_k; of two classes the difference of the logits
    return logits[own] - logsumexp(others, axis=1), own - softmax(others, axis=1)


def _batches(model: SentimentClassifier, reviews: EncodedReviews) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Yield rows and tokens, so few at once that the reference has room for what it keeps."""
    most = UNITS_AT_ONCE // (reviews.max_length * model.specification.state_size)
    return prediction_batches(reviews, min(max(1, most), PREDICTION_BATCH_SIZE))


def _log_odds(model: SentimentClassifier, reviews: EncodedReviews, classes: np.ndarray) -> np.ndarray:
    """Ask the model; ``<float64>[reviews]``."""
    found = np.zeros(len(reviews))
    for rows, tokens in _batches(model, reviews):
        found[rows] = _log_odds_of(model.logits(tokens), classes[rows])[0]
    return found


def _gradient_times_input(
    model: SentimentClassifier, reviews: EncodedReviews, classes: np.ndarray
) -> tuple[np.ndarray, list[np.ndarray]]:
    """Return log-odds ``[reviews]``, and of each review ``g x`` of every word that is read."""
    log_odds, products = np.zeros(len(reviews)), [np.zeros(0)] * len(reviews)
    for rows, tokens in _batches(model, reviews):
        log_odds[rows], d_logits = _log_odds_of(model.logits(tokens), classes[rows])
        gradients = model.word_vector_gradients(d_logits)  # [batch, time, embedding]
        product = np.einsum("bte,bte->bt", gradients, model.weights["embedding"][tokens])
        for row, length, one in zip(rows.tolist(), reviews.lengths[rows].tolist(), product, strict=True):
            start = tokens.shape[1] - length if reviews.padding == "left" else 0
            products[row] = one[start : start + length]
    return log_odds, products


def _each_taken_away(reviews: EncodedReviews, places: Sequence[np.ndarray]) -> EncodedReviews:
    """Return a review for each of these places: the words that are read, without the one that stands there."""
    shorter = [np.delete(reviews.words(row), place) for row, several in enumerate(places) for place in several.tolist()]
    sizes = np.array([len(words) for words in shorter], np.int64)
    return replace(
        reviews,
        review_ids=as_array([""] * len(shorter)),
        labels=np.full(len(shorter), -1, np.int16),
        tokens=np.concatenate([*shorter, np.zeros(1, np.int32)]),
        starts=np.cumsum(sizes) - sizes,
        sizes=sizes,
    )


def _words_read(words: Sequence[str], reviews: EncodedReviews, row: int) -> Sequence[str]:
    """Of a review's words, as they are written, take those that are read."""
    length = int(reviews.lengths[row])
    if length == len(words):
        return words
    return [*words[: reviews.head], *words[len(words) - (length - reviews.head) :]]


def _shortened(word: str) -> str:
    return word if len(word) <= LONGEST_WORD else f"{word[: LONGEST_WORD - 1]}…"


def _check(cell: CellName, reviews: Sequence[tuple[WordEffect, ...]]) -> ExplanationCheck:
    pairs = [np.array([(effect.expected, effect.change) for effect in words], np.float64) for words in reviews]
    ranked = [both for both in pairs if len(both) >= FEWEST_RANKED and (np.ptp(both, axis=0) > 0).all()]
    correlations = [float(spearmanr(both).statistic) for both in ranked]
    every = np.concatenate([both for both in pairs if len(both)])  # [words, 2]
    return ExplanationCheck(
        cell=cell,
        reviews=len(reviews),
        words=len(every),
        rank_correlation=float(np.mean(correlations)) if correlations else None,
        same_direction=float((np.sign(every[:, 0]) == np.sign(every[:, 1])).mean()),
    )
