"""Where the models fail: slices of the test reviews, calibration, confusion, doubtful labels, and reviews to read."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import chain, islice, zip_longest

import numpy as np

from compare.grid.baselines import BASELINE
from compare.report.explanations import explained
from compare.report.form import (
    Calibration,
    CalibrationBin,
    CellName,
    Confused,
    Confusion,
    Example,
    Interval,
    LabelNoise,
    Slice,
)
from shared.data.corpus import Corpus
from shared.data.encoded import encode_texts
from shared.errors import LockstepError
from shared.metrics import CALIBRATION_BINS
from shared.predictions import Predictions
from shared.reference.model import build
from shared.reference.training import predict_probabilities
from shared.runs import Run
from shared.text import PADDING_ID, UNKNOWN_ID, Vocabulary
from shared.weights import read_checkpoint

Cells = Mapping[CellName, Sequence[Run]]  # of each cell the runs of the compared seeds

# Of more classes than this the most confused pairs are listed instead.
LARGEST_TABLE = 20
CONFUSED_PAIRS = 10
NORMAL_QUANTILE = 1.959963984540054  # of 97.5 %
WORDS_AT_ONCE = 1_000_000
# A network that gives a wrong class more than this is sure of it.
SURE = 0.95
EXAMPLES = 60
LONGEST_TEXT = 6_000  # characters that are shown

# As English writes them, with and without the apostrophe, which a cleaning step may take away.
NEGATED = "do does did is are was were has have had ca could would should wo must need ai"
NEGATIONS = {"not", "no", "never", "none", "nobody", "nothing", "nowhere", "neither", "nor", "cannot"} | {
    f"{verb}n{apostrophe}t" for verb in NEGATED.split() for apostrophe in ("'", "")
}
CONTRASTS = {"but", "although", "though", "however", "yet", "nevertheless", "nonetheless", "despite", "whereas"}
# One such word alone may belong to another language, as the Portuguese "no" and the French "but".
FEWEST_LISTED = 2
LEAST_OCCURRENCES = 0.01  # per review


@dataclass(frozen=True)
class _HandPicked:
    """A review of the official test set that the blog post shows: its class, and what the post's model gives to it."""

    class_name: str
    published: float
    note: str


HAND_PICKED = {
    "test/neg/8348_2": _HandPicked("negative", 0.99, "The post and the reviewer agree."),
    "test/pos/9074_9": _HandPicked("positive", 0.20, "The post marks its answer as a miss."),
    "test/neg/5828_4": _HandPicked(
        "negative", 0.02, "The reviewer gave 4 of 10: the post misses this one too, and does not mark it."
    ),
}


def slices_of(cells: Cells, corpus: Corpus) -> tuple[Slice, ...]:
    """Return the accuracy on parts of the test reviews.

    By length and by share of unknown words in quarters, by how much was cut off, with and without words of negation
    and of contrast. The lists of words are English; where hardly any of them occurs they say nothing and are left out,
    and so is a kind by which all reviews are alike.

    Parameters
    ----------
    cells : mapping of cell names to runs
        Of the compared seeds.
    corpus : Corpus
        Of the same reviews.

    Raises
    ------
    LockstepError
        If a review has predictions and is none of the corpus's.
    """
    right = {
        name: np.mean([run.predictions.classes == run.predictions.labels for run in runs], axis=0)
        for name, runs in cells.items()
    }  # each <float64>[reviews]
    return tuple(
        Slice(kind=kind, label=label, reviews=int(inside.sum()), accuracy=_accuracies(right, inside))
        for kind, parts in _parts(cells, corpus)
        if sum(inside.any() for _, inside in parts) > 1
        for label, inside in parts
        if inside.any()
    )


def calibrations_of(cells: Cells) -> tuple[Calibration, ...]:
    """Return a reliability diagram of each cell, over its seeds (DeGroot & Fienberg 1983, Guo et al. 2017).

    The bins are those of :func:`shared.metrics.calibration_error`, so that of one seed the error is the sum of the
    bins' gaps, weighted by their predictions. No confidence is below 1 / classes, and the bins there are left out.
    """
    return tuple(Calibration(cell=name, bins=_bins([run.predictions for run in runs])) for name, runs in cells.items())


def confusions_of(cells: Cells) -> tuple[Confusion, ...]:
    """Return which classes are taken for which, summed over the seeds.

    Of more than `LARGEST_TABLE` classes there is no matrix; the most confused pairs are there for any number.
    """
    return tuple(_confusion(name, runs) for name, runs in cells.items())


def label_noise_of(cells: Cells) -> LabelNoise | None:
    """Count the test reviews whose label may be wrong: every network is sure of the same other class.

    A stricter form of confident learning (Northcutt, Jiang & Chuang 2021), which asks one model, and for no more
    than its own mean confidence. Baselines are not asked. None of fewer than two networks.
    """
    networks = [run.predictions for runs in _networks(cells).values() for run in runs]
    if len(networks) < 2:
        return None
    suspicious = _suspicious(networks)
    wrong = np.array([one.classes != one.labels for one in networks])  # [networks, reviews]
    errors, reviews = int(wrong.any(axis=0).sum()), int(suspicious.sum())
    of_one = reviews / max(1.0, float(wrong.sum(axis=1).mean()))
    return LabelNoise(
        rule=f"every one of the {len(networks)} networks gives more than {SURE:.0%} to the same other class "
        f"(a strict form of confident learning, Northcutt et al. 2021). They are {100 * of_one:.1f} % of the errors "
        "of one network on average. Only a reader can tell whether the label or the networks are wrong.",
        errors=errors,
        reviews=reviews,
        share=reviews / max(1, errors),
    )


def examples_of(cells: Cells, corpus: Corpus | None, limit: int = EXAMPLES) -> tuple[Example, ...]:
    """Choose errors to read, and explain them where the texts are there.

    Four kinds take turns: all networks are wrong; frameworks split on one architecture; a network is sure and wrong;
    every network is sure of the same other class. Answers are those of a cell's mean probabilities.

    Parameters
    ----------
    cells : mapping of cell names to runs
        Of the compared seeds, one network among them; baselines are shown, and do not choose.
    corpus : Corpus or None
        Of the same reviews; None where it is no longer there.
    limit : int
        Reviews at most.

    Returns
    -------
    tuple of Example
        From the smallest mean probability of the right class to the largest.

    Raises
    ------
    LockstepError
        If a checkpoint is damaged, or a review has predictions and is none of the corpus's.
    """
    networks = _networks(cells)
    if not networks:
        return ()
    labels = next(iter(networks.values()))[0].predictions.labels
    right, answers, surest = _answers(networks, labels)
    mean, all_wrong = right.mean(axis=0), (answers != labels).all(axis=0)  # [reviews]
    members = {
        "all wrong": all_wrong,
        "split": _frameworks_split(networks, answers),
        "confident": surest > SURE,
        "label noise": _suspicious([run.predictions for runs in networks.values() for run in runs]),
    }
    # Those that all get wrong come by themselves: of sure and wrong networks, show some that another one contradicts.
    turns = (
        _ranking(1 - mean, members["all wrong"]),
        _ranking(_spread(networks, right), members["split"]),
        _ranking(surest, members["confident"] & ~all_wrong),
        _ranking(1 - mean, members["label noise"]),
    )
    in_turn = dict.fromkeys(row for row in chain(*zip_longest(*turns)) if row is not None)
    chosen = sorted(islice(in_turn, limit), key=lambda row: (mean[row], row))
    kinds = {row: tuple(kind for kind, inside in members.items() if inside[row]) for row in chosen}
    return _examples(cells, corpus, chosen, kinds)


def hand_picked(cells: Cells, corpus: Corpus | None, texts: Sequence[str] = ()) -> tuple[Example, ...]:
    """Return the reviews that the blog post shows, as far as they are test reviews here, and texts that were given.

    Parameters
    ----------
    cells, corpus
        As for :func:`examples_of`.
    texts : sequence of str
        Raw, of any length (see :func:`examples_of_texts`).

    Raises
    ------
    LockstepError
        If a checkpoint is damaged, or a review has predictions and is none of the corpus's.
    """
    predictions = next(iter(cells.values()))[0].predictions
    rows = {name: row for row, name in enumerate(predictions.review_ids.tolist()) if name in HAND_PICKED}
    # A folder of one's own may be laid out as the official one.
    chosen = [
        rows[name]
        for name, picked in HAND_PICKED.items()
        if name in rows and predictions.class_names[predictions.labels[rows[name]]] == picked.class_name
    ]
    picked = _examples(cells, corpus, chosen, dict.fromkeys(chosen, ("hand-picked",)))
    said = [HAND_PICKED[example.review_id] for example in picked]
    return (
        *(
            example.model_copy(update={"published": one.published, "note": one.note})
            for example, one in zip(picked, said, strict=True)
        ),
        *examples_of_texts(texts, cells),
    )


def examples_of_texts(texts: Sequence[str], cells: Cells) -> tuple[Example, ...]:
    """Predict and explain texts without a label, each cell by the checkpoint of its first compared seed.

    The NumPy reference opens the checkpoints and gives what their own frameworks give. Baselines have none, and
    do not answer. The class shown is the second of two, and of more the one that is likeliest on average.

    Parameters
    ----------
    texts : sequence of str
        Raw, of any length.
    cells : mapping of cell names to runs
        Of the compared seeds.

    Raises
    ------
    LockstepError
        If no network has kept its checkpoint, or one is damaged.
    """
    if not texts:
        return ()
    names = [f"Review {number}" for number in range(1, len(texts) + 1)]
    probabilities: dict[CellName, np.ndarray] = {}
    for name, runs in _networks(cells).items():
        if (runs[0].directory / "checkpoint").is_dir():
            checkpoint = read_checkpoint(runs[0].directory / "checkpoint")
            reviews = encode_texts(texts, checkpoint.vocabulary, checkpoint.specification)
            model = build(checkpoint.specification, checkpoint.weights)
            probabilities[name] = predict_probabilities(model, reviews)  # [texts, classes]
    if not probabilities:
        raise LockstepError("--review: no network here has kept its checkpoint; train one, or leave --review out")
    mean = np.mean(list(probabilities.values()), axis=0)  # [texts, classes]
    shown = np.ones(len(texts), np.int64) if mean.shape[1] == 2 else mean.argmax(axis=1)
    examples = [
        Example(
            review_id=name,
            kinds=("given",),
            label=None,
            shown_class=int(shown[row]),
            text=_excerpt(texts[row]),
            words_read=int(reviews.lengths[row]),
            words=int(reviews.sizes[row]),
            probabilities={cell: _share(one[row, shown[row]]) for cell, one in probabilities.items()},
            answers={cell: int(one[row].argmax()) for cell, one in probabilities.items()},
        )
        for row, name in enumerate(names)
    ]
    return explained(examples, dict(zip(names, texts, strict=True)), cells)


def _networks(cells: Cells) -> dict[CellName, Sequence[Run]]:
    return {name: runs for name, runs in cells.items() if runs[0].record.framework != BASELINE}


def _rows_of(corpus: Corpus, run: Run, review_ids: Collection[str]) -> np.ndarray:
    """Where reviews stand among the test reviews of a corpus, ``<int64>[reviews]``; predictions have another order."""
    rows = {review_id: row for row, review_id in enumerate(corpus.test.review_ids.tolist())}
    unknown = next((one for one in review_ids if one not in rows), None)
    if unknown is not None:
        raise LockstepError(f"{run.directory}: has a prediction of {unknown!r:.80}, which is no test review")
    return np.array([rows[review_id] for review_id in review_ids], np.int64)


def _share(value: float) -> float:
    """A float32 softmax may come to a little more than 1 as a mean."""
    return float(min(max(value, 0.0), 1.0))


def _wilson(share: float, count: int) -> Interval:
    """Return a share of so many with its 95 % interval (Wilson 1927); the share may be a mean over seeds."""
    # (p + z^2 / 2n -+ z sqrt(p (1 - p) / n + z^2 / 4n^2)) / (1 + z^2 / n)
    z = NORMAL_QUANTILE
    middle = share + z**2 / (2 * count)
    width = z * np.sqrt(share * (1 - share) / count + z**2 / (4 * count**2))
    low, high = ((middle + side * width) / (1 + z**2 / count) for side in (-1, 1))
    return Interval(value=share, low=_share(low), high=_share(high))


def _accuracies(right: Mapping[CellName, np.ndarray], inside: np.ndarray) -> dict[CellName, Interval]:
    count = int(inside.sum())
    return {name: _wilson(_share(one[inside].mean()), count) for name, one in right.items()}


Parts = list[tuple[str, np.ndarray]]  # labels, and which reviews they are of: <bool>[reviews]


def _parts(cells: Cells, corpus: Corpus) -> Iterator[tuple[str, Parts]]:
    """Yield the kinds of slices, each with its parts of the reviews in the order of the predictions."""
    first = next(iter(cells.values()))[0]
    test = corpus.test.take(_rows_of(corpus, first, first.predictions.review_ids.tolist()))
    lists = {"negation": NEGATIONS, "contrast": CONTRASTS}
    listed = {kind: _among(corpus.vocabulary, words) for kind, words in lists.items()}
    unknown, found, occurrences = np.zeros(len(test)), np.zeros((2, len(test)), bool), np.zeros(len(corpus.vocabulary))
    at_once = max(1, WORDS_AT_ONCE // max(1, int(test.lengths.max())))
    for start in range(0, len(test), at_once):
        rows = np.arange(start, min(start + at_once, len(test)))
        words = replace(test, padding="masked").padded(rows)  # [rows, time]
        unknown[rows] = (words == UNKNOWN_ID).sum(axis=1)
        found[:, rows] = [flags[words].any(axis=1) for flags in listed.values()]
        occurrences += np.bincount(words[words != PADDING_ID], minlength=len(occurrences))
    cut = 1 - test.lengths / np.maximum(1, test.sizes)
    shares = 100 * unknown / np.maximum(1, test.lengths)
    yield "length", _quarters(test.sizes, 0, "words", lambda edge: f"{edge + 1:,.0f}")
    yield "unknown words", _quarters(shares, 1, "%", lambda edge: f"over {edge:.1f}")
    yield (
        "cut off",
        [
            ("nothing", cut == 0),
            ("up to half", (cut > 0) & (cut <= 0.5)),
            ("more than half", cut > 0.5),
        ],
    )
    for (kind, flags), inside in zip(listed.items(), found, strict=True):
        if (occurrences[flags] >= LEAST_OCCURRENCES * len(test)).sum() >= FEWEST_LISTED:
            yield kind, [("yes", inside), ("no", ~inside)]


def _among(vocabulary: Vocabulary, words: Collection[str]) -> np.ndarray:
    """Which words of a vocabulary are of a list, ``<bool>[vocabulary]``."""
    return np.array([word.casefold() in words for word in vocabulary.words])


def _quarters(values: np.ndarray, digits: int, unit: str, after: Callable[[float], str]) -> Parts:
    """Cut reviews into quarters by a value; edges are round, so that labels are true, and stand once."""
    edges = np.unique(np.quantile(values, [0.25, 0.5, 0.75]).round(digits))
    place = np.searchsorted(edges, values)  # edges[place - 1] < value <= edges[place]
    said = [f"{edge:,.{digits}f} {unit}" for edge in edges.tolist()]
    between = [f"{after(edge)} to {end}" for edge, end in zip(edges[:-1].tolist(), said[1:], strict=True)]
    labels = [f"up to {said[0]}", *between, f"over {said[-1]}"]
    return [(label, place == one) for one, label in enumerate(labels)]


def _bins(predictions: Sequence[Predictions]) -> tuple[CalibrationBin, ...]:
    confidence = np.concatenate([one.probabilities.max(axis=1).astype(np.float64) for one in predictions])
    right = np.concatenate([one.classes == one.labels for one in predictions])
    places = np.minimum((confidence * CALIBRATION_BINS).astype(int), CALIBRATION_BINS - 1)
    counts, confident, correct = (
        np.bincount(places, weights, CALIBRATION_BINS) for weights in (None, confidence, right.astype(np.float64))
    )
    # A bin ends above the smallest confidence that there can be.
    first = min(CALIBRATION_BINS // len(predictions[0].class_names), int(places.min()))
    return tuple(
        CalibrationBin(
            low=one / CALIBRATION_BINS,
            high=(one + 1) / CALIBRATION_BINS,
            predictions=int(counts[one]),
            confidence=_share(confident[one] / counts[one]) if counts[one] else None,
            accuracy=_share(correct[one] / counts[one]) if counts[one] else None,
        )
        for one in range(first, CALIBRATION_BINS)
    )


def _confusion(name: CellName, runs: Sequence[Run]) -> Confusion:
    classes = len(runs[0].predictions.class_names)
    flat = np.concatenate([run.predictions.labels.astype(np.int64) * classes + run.predictions.classes for run in runs])
    matrix = np.bincount(flat, minlength=classes**2).reshape(classes, classes)
    wrong = matrix * ~np.eye(classes, dtype=bool)
    most = np.argsort(-wrong, axis=None, kind="stable")[:CONFUSED_PAIRS]
    pairs = [divmod(int(one), classes) for one in most if wrong.flat[one]]
    return Confusion(
        cell=name,
        seeds=tuple(run.record.seed for run in runs),
        matrix=tuple(map(tuple, matrix.tolist())) if classes <= LARGEST_TABLE else None,
        pairs=tuple(
            Confused(
                label=label,
                prediction=prediction,
                reviews=float(matrix[label, prediction]),
                share=float(matrix[label, prediction] / matrix[label].sum()),
            )
            for label, prediction in pairs
        ),
    )


def _suspicious(networks: Sequence[Predictions]) -> np.ndarray:
    """Reviews of which every network is sure of the same other class, ``<bool>[reviews]``."""
    least = np.min([one.probabilities for one in networks], axis=0)  # [reviews, classes]
    labels = networks[0].labels
    least[np.arange(len(labels)), labels] = 0
    return (least > SURE).any(axis=1)


def _mean_probabilities(runs: Sequence[Run]) -> np.ndarray:
    """Over the seeds, ``<float64>[reviews, classes]``."""
    return np.stack([run.predictions.probabilities for run in runs]).mean(axis=0, dtype=np.float64)


def _answers(networks: Cells, labels: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return the right class's probability and the answer of each network, ``[networks, reviews]``.

    And how sure of a wrong answer the surest of them is, ``[reviews]``; minus infinity where all are right.
    """
    rows = np.arange(len(labels))
    right, answers = np.zeros((len(networks), len(labels))), np.zeros((len(networks), len(labels)), np.int64)
    surest = np.full(len(labels), -np.inf)
    for number, runs in enumerate(networks.values()):
        probabilities = _mean_probabilities(runs)
        right[number], answers[number] = probabilities[rows, labels], probabilities.argmax(axis=1)
        surest = np.maximum(surest, np.where(answers[number] != labels, probabilities.max(axis=1), -np.inf))
    return right, answers, surest


def _of_architectures(networks: Cells) -> list[np.ndarray]:
    """Which networks are of each architecture, ``<bool>[networks]``."""
    architectures = np.array([runs[0].record.architecture for runs in networks.values()])
    return [architectures == name for name in np.unique(architectures)]


def _frameworks_split(networks: Cells, answers: np.ndarray) -> np.ndarray:
    """Reviews on which networks of one architecture answer differently, ``<bool>[reviews]``."""
    return np.any([(answers[same] != answers[same][0]).any(axis=0) for same in _of_architectures(networks)], axis=0)


def _spread(networks: Cells, right: np.ndarray) -> np.ndarray:
    """How far the right class's probabilities lie apart, at most, within one architecture, ``[reviews]``."""
    return np.max([np.ptp(right[same], axis=0) for same in _of_architectures(networks)], axis=0)


def _ranking(values: np.ndarray, members: np.ndarray) -> list[int]:
    """Rows of the members, from the largest value to the smallest."""
    order = np.argsort(-values, kind="stable")
    return order[members[order]].tolist()


def _examples(
    cells: Cells, corpus: Corpus | None, chosen: Sequence[int], kinds: Mapping[int, tuple[str, ...]]
) -> tuple[Example, ...]:
    """Return reviews of these rows of the predictions, explained where the texts are there."""
    first = next(iter(cells.values()))[0]
    labels = first.predictions.labels[chosen].astype(int).tolist()
    names = first.predictions.review_ids[chosen].tolist()
    probabilities = {name: _mean_probabilities(runs)[chosen] for name, runs in cells.items()}  # [chosen, classes]
    texts: dict[str, str] = {}
    sizes: dict[str, dict[str, int]] = {}
    if corpus is not None:
        for name, row in zip(names, _rows_of(corpus, first, names).tolist(), strict=True):
            texts[name] = corpus.texts[2][row]
            sizes[name] = {"words_read": int(corpus.test.lengths[row]), "words": int(corpus.test.sizes[row])}
    examples = [
        Example.model_validate(
            {
                "review_id": name,
                "kinds": kinds[row],
                "label": label,
                "shown_class": label,
                "text": _excerpt(texts[name]) if name in texts else None,
                **sizes.get(name, {}),
                "probabilities": {cell: _share(one[place, label]) for cell, one in probabilities.items()},
                "answers": {cell: int(one[place].argmax()) for cell, one in probabilities.items()},
            }
        )
        for place, (row, name, label) in enumerate(zip(chosen, names, labels, strict=True))
    ]
    return explained(examples, texts, cells)


def _excerpt(text: str) -> str:
    """Return a text, or of a long one its beginning and its end."""
    if len(text) <= LONGEST_TEXT:
        return text
    return f"{text[: LONGEST_TEXT // 2]} […] {text[-LONGEST_TEXT // 2 :]}"
