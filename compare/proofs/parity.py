"""The proof that all frameworks are the same model: how far each is from the NumPy reference.

The reference computes in float64 and is checked against central differences; whoever agrees with it
agrees with everyone else who does. Lesson 12 shows it at work.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import MISSING, asdict, dataclass, fields, replace
from functools import lru_cache
from itertools import product
from typing import Any

import numpy as np
from rich.progress import track
from rich.table import Table

from compare import workers
from compare.workers import Ask, Trained, Workers
from shared.command_line import announce
from shared.contract import REFERENCE
from shared.data.batches import Batches, Masks
from shared.data.encoded import EncodedReviews
from shared.differences import largest, largest_difference, refuse_non_finite, relative_difference, within
from shared.files import save_page
from shared.loading import load_corpus
from shared.output import Output
from shared.recipes import DOCUMENTED, documented
from shared.runs import this_commit, this_machine
from shared.specification import ARCHITECTURES, POOLINGS, Specification, preset
from shared.terminal import console
from shared.weights import Weights, shapes

# Sums of a few hundred float32 products (relative rounding 6e-8) in another order: some 1e-6.
LOGITS = 1e-5
PROBABILITIES = 1e-5
# The same rounding, carried back through time, relative to the largest entry of each array.
LOSS = 1e-4
GRADIENTS = 1e-4
# Adam divides by the gradient's size: rounding of a tiny gradient moves a weight by up to the
# learning rate, so differences grow with the steps.
STEP_LOSSES = 1e-3
TRAINED_PROBABILITIES = 0.01
# The first step of Adam moves a weight by about the learning rate times the gradient's sign. In units
# of the learning rate; where |gradient| is near epsilon, rounding of 1e-9 is 1 % of the step.
FIRST_STEP = 0.05

TOLERANCES = {
    "logits": LOGITS,
    "probabilities": PROBABILITIES,
    "loss": LOSS,
    "gradients": GRADIENTS,
    "step losses": STEP_LOSSES,
    "trained probabilities": TRAINED_PROBABILITIES,
    "first step": FIRST_STEP,
}
# Of the fields that do not depend on the architecture.
FOUR = ("rnn", "lstm", "gru", "bilstm")
LENGTHS = {"fixed": [11] * 8, "random": [0, 1, 1, 2, 3, 5, 8, 11]}
WORDS = 40
COMMONEST_WORD = 2  # of a vocabulary, after padding and the unknown word
COMPARED_STEPS = 100

Differences = dict[str, float]


@dataclass(frozen=True)
class Case:
    """One forward and backward pass: a model, whether its reviews have one length or many, and their classes."""

    architecture: str
    pooling: str
    layers: int
    lengths: str
    classes: int = 2
    head: str = "softmax"
    spatial_dropout: float = 0.0
    recurrent_dropout: float = 0.0
    class_weights: str = "none"
    reprojection: bool = False
    second_bias: bool = False
    embedding_dropout: float = 0.0
    token_dropout: float = 0.0

    def __str__(self) -> str:
        return f"{self.architecture}-{self.pooling}-{self.layers}-{self.lengths}{_other_than_default(self)}"

    @property
    def specification(self) -> Specification:
        """A small model with dropout."""
        return Specification(
            architecture=self.architecture,
            pooling=self.pooling,
            layers=self.layers,
            vectors="random",
            embedding_size=6,
            hidden_size=5,
            dropout=0.5,
            word_dropout=0.3,
            spatial_dropout=self.spatial_dropout,
            recurrent_dropout=self.recurrent_dropout,
            head=self.head,
            class_weights=self.class_weights,
            reprojection=self.reprojection,
            second_bias=self.second_bias,
            embedding_dropout=self.embedding_dropout,
            token_dropout=self.token_dropout,
            vocabulary_size=WORDS,
            max_length=max(LENGTHS[self.lengths]),
        )


def _other_than_default(case: Case | Training) -> str:
    """Return the fields in which a case is not like most, for its name."""
    values = {one.name: getattr(case, one.name) for one in fields(case)}
    usual = {one.name: one.default for one in fields(case)}
    also = dict(values.pop("also", ()))
    differing = {name: value for name, value in values.items() if usual[name] not in (MISSING, value)} | also
    return "".join(f"-{name}-{value}" for name, value in differing.items())


def _with_everything(architecture: str, lengths: str) -> Case:
    """Return a case in which everything that a field can put into the model is there at once."""
    also = {"reprojection": True, "second_bias": architecture != "gru", "embedding_dropout": 0.3, "token_dropout": 0.2}
    return Case(architecture, "ends", 2, lengths, 2, "softmax", 0.3, 0.3, **also)  # type: ignore[arg-type]


# Every architecture, pooling, depth and padding; then a head, a mask or weights, where that has an equation of its own.
CASES = (
    *(Case(*chosen) for chosen in product(ARCHITECTURES, POOLINGS, (1, 2), LENGTHS)),
    *(Case(name, "concat", 1, "random", classes=classes) for name, classes in product(FOUR, (5, 46))),
    *(Case(name, "last", 1, "random", head="sigmoid") for name in FOUR),
    *(Case(name, "mean", 1, "random", spatial_dropout=0.4) for name in FOUR),
    *(Case(name, "concat", layers, "random", recurrent_dropout=0.4) for name, layers in product(ARCHITECTURES, (1, 2))),
    *(Case(name, "last", 1, "random", classes, class_weights="balanced") for name, classes in product(FOUR, (2, 5))),
    *(Case(name, "concat", 2, lengths, 2, "sigmoid", 0.3, 0.3, "balanced") for name, lengths in product(FOUR, LENGTHS)),
    *(Case(name, "last", 2, "random", reprojection=True) for name in FOUR),
    *(Case(name, "mean", 2, "random", second_bias=True) for name in ("rnn", "birnn", "lstm", "bilstm")),
    *(Case(name, "last", 1, "random", embedding_dropout=0.4) for name in FOUR),
    *(Case(name, "last", 1, "random", token_dropout=0.4) for name in FOUR),
    *(_with_everything(name, lengths) for name, lengths in product(FOUR, LENGTHS)),
)


@dataclass(frozen=True)
class Training:
    """An epoch or two on 2,000 real reviews in batches of 20 or 19: clipping and schedule included.

    The losses of a hundred steps are compared, and what is trained in the end.

    With word dropout also the weights of all steps are averaged, and the mean is pooled: where two outputs tie
    to the last digit, rounding decides which one the maximum's gradient goes to, and two right
    programs part ways (with `concat` and this seed Keras' BiGRU does so within eight steps, with the
    next seed the reference; step losses are then 9e-3 apart, with the mean 2e-6).

    With a dropped state no simple RNN is trained: from random weights it is chaotic, and rounding grows to 2e-3 of
    a loss within the hundred steps.

    More than two classes are how often a review has the commonest word: of real reviews, in what is read of them,
    to be learnt, and some classes much rarer than others.
    """

    architecture: str
    dropout: float = 0.0
    word_dropout: float = 0.0
    classes: int = 2
    head: str = "softmax"
    spatial_dropout: float = 0.0
    recurrent_dropout: float = 0.0
    class_weights: str = "none"
    also: tuple[tuple[str, Any], ...] = ()  # more fields of the specification

    def __str__(self) -> str:
        return f"{self.architecture}{_other_than_default(self)}"

    @property
    def specification(self) -> Specification:
        """The smoke preset's model on fewer reviews."""
        return (
            preset("smoke")
            .replaced(
                architecture=self.architecture,
                pooling="mean" if self.word_dropout else "concat",
                dropout=self.dropout,
                word_dropout=self.word_dropout,
                spatial_dropout=self.spatial_dropout,
                recurrent_dropout=self.recurrent_dropout,
                head=self.head,
                class_weights=self.class_weights,
                weight_averaging=1.0 if self.word_dropout else 0.0,
                batch_size=20,
                epochs=1,
                gradient_clipping=0.5,
            )
            .replaced(**dict(self.also))
        )


def like(framework: str, architecture: str) -> tuple[tuple[str, Any], ...]:
    """Return what a framework's documentation writes, but for the size of a batch: a hundred steps are compared.

    Where a last batch that is not full is left out, there is one.
    """
    written = documented(framework, preset("smoke").replaced(architecture=architecture)).model_dump()
    fields = {name: written[name] for name in DOCUMENTED[framework] if name != "padding"}
    return tuple(sorted({**fields, "batch_size": 19 if fields["drop_last"] else 20}.items()))


# What no documentation asks for. Of two epochs that are equally accurate the first is kept.
DECAYED_SGD = (
    *(("optimizer", "sgd"), ("learning_rate", 0.1), ("momentum", 0.9), ("weight_decay", 0.01)),
    *(("epochs", 2), ("evaluation_weights", "best")),
)
DECAYED_ADAM = (("weight_decay", 0.1), ("repeated_words", "apart"))


TRAININGS = (
    *(Training(name) for name in ("rnn", "lstm", "gru", "bigru", "bilstm")),
    *(Training(name, dropout=0.3) for name in ("lstm", "bigru")),
    *(Training(name, dropout=0.3, word_dropout=0.3) for name in ("lstm", "bigru")),
    *(
        Training(name, 0.3, 0.3, head="sigmoid", spatial_dropout=0.2, recurrent_dropout=0.3)
        for name in ("lstm", "bigru")
    ),
    *(Training(name, classes=5, class_weights="balanced") for name in ("lstm", "gru")),
    # Every optimizer, schedule and array that a framework's documentation asks for.
    *(Training(name, also=like(framework, name)) for name in ("lstm", "gru") for framework in DOCUMENTED),
    *(Training(name, also=fields) for name in ("lstm", "gru") for fields in (DECAYED_SGD, DECAYED_ADAM)),
)


@dataclass(frozen=True)
class Proof:
    """What each framework is held against the reference in."""

    cases: tuple[Case, ...]
    trainings: tuple[Training, ...]

    def __str__(self) -> str:
        cases = f"{len(self.cases)} of {len(CASES)} models"
        return f"{cases} and {len(self.trainings)} of {len(TRAININGS)} trainings"


FULL = Proof(CASES, TRAININGS)
# The architectures that the report compares, and each head, mask and weight once. It notices every deliberate fault
# of `tests/parity`, as the whole does.
SHORT = Proof(
    (
        Case("lstm", "concat", 1, "random"),
        Case("gru", "concat", 1, "random"),
        Case("bilstm", "concat", 2, "random"),
        Case("lstm", "last", 1, "random", head="sigmoid"),
        Case("lstm", "mean", 1, "random", spatial_dropout=0.4),
        Case("bigru", "concat", 2, "random", recurrent_dropout=0.4),
        Case("gru", "last", 1, "random", 5, class_weights="balanced"),
        Case("bilstm", "concat", 2, "random", 2, "sigmoid", 0.3, 0.3, "balanced"),
        _with_everything("bilstm", "random"),
    ),
    # In the second the weights of all steps are averaged, which hides a step of another size; the others show it.
    (
        Training("lstm", dropout=0.3),
        Training("lstm", dropout=0.3, word_dropout=0.3),
        Training("lstm", classes=5, class_weights="balanced"),
        Training("lstm", also=like("fastai", "lstm")),
        Training("lstm", also=like("flair", "lstm")),
        Training("lstm", also=DECAYED_SGD),
        Training("lstm", also=DECAYED_ADAM),
    ),
)


def random_weights(
    specification: Specification, vocabulary_size: int, seed: int = 0, classes: int = 2, *, training: bool = False
) -> Weights:
    """Weights in which nothing is zero: random biases show a swapped gate or a lost bias.

    For `training` they have the arrays that only training needs too (see `shared.weights.shapes`).
    """
    generator = np.random.default_rng(seed)
    weights = {}
    for name, shape in shapes(specification, vocabulary_size, classes, training=training).items():
        scale = 0.5 if name.endswith("bias") or name == "embedding" else 1.5 / np.sqrt(shape[0])
        weights[name] = (generator.standard_normal(shape) * scale).astype(np.float32)
    return weights


def random_reviews(lengths: Sequence[int], words: int = WORDS, seed: int = 0, classes: int = 2) -> EncodedReviews:
    """Reviews of these lengths, of random words and classes."""
    generator = np.random.default_rng(seed)
    sizes = np.array(lengths, np.int64)
    return EncodedReviews(
        review_ids=np.array([f"random-{row}" for row in range(len(sizes))]),
        labels=generator.integers(0, classes, len(sizes)).astype(np.int16),
        tokens=generator.integers(1, words, sizes.sum()).astype(np.int32),
        starts=np.cumsum(sizes) - sizes,
        sizes=sizes,
        max_length=max(lengths),
        head=0,
    )


def measure(ask: Ask, framework: str, case: Case) -> Differences:
    """Return how far a framework is from the reference in one forward and backward pass."""
    specification, weights, reviews, masks = _inputs(case)
    logits, loss, gradients = ask(workers.forward_and_backward, framework, specification, weights, reviews, masks)
    (probabilities,) = ask(workers.predict, framework, specification, weights, [reviews])
    expected_logits, expected_loss, expected_gradients = _reference_pass(case)
    return {
        "logits": largest_difference(logits, expected_logits),
        "probabilities": largest_difference(probabilities, _reference_probabilities(case)),
        "loss": relative_difference(loss, expected_loss),
        "gradients": relative_difference(gradients, expected_gradients),
    }


def measure_training(ask: Ask, framework: str, training: Training) -> Differences:
    """Return how far a framework is from the reference after one step, a hundred steps, an epoch."""
    trained, one_step = (_trained(ask, framework, training, reviews) for reviews in (2_000, 20))
    expected, expected_step = (_reference_training(training, reviews) for reviews in (2_000, 20))
    losses, expected_losses = (np.array(one.step_losses[:COMPARED_STEPS]) for one in (trained, expected))
    moved = largest_difference(one_step.weights, expected_step.weights)
    return {
        "step losses": largest_difference(losses / expected_losses, np.ones(len(losses))),
        "trained probabilities": largest_difference(trained.probabilities, expected.probabilities),
        "first step": moved / training.specification.learning_rate,
    }


def violations(differences: Differences) -> list[str]:
    """Return what is out of tolerance, in words."""
    return [
        f"{name}: {value:.1e}, allowed {TOLERANCES[name]:.0e}"
        for name, value in differences.items()
        if not within(value, TOLERANCES[name])
    ]


def run_parity(frameworks: Sequence[str], place: Output, short: bool = False) -> bool:
    """Measure every case on every framework, print a table and write the numbers.

    Parameters
    ----------
    frameworks : sequence of str
        Which ones to hold against the reference.
    place : Output
        A JSON file.
    short : bool, default False
        Measure a few cases and one training only: about a minute.

    Returns
    -------
    bool
        Whether everything is within tolerance.

    Raises
    ------
    LockstepError
        If a difference is not a number: nothing is written then.
    """
    shown, proof = console(aside=place.streams), SHORT if short else FULL
    rows = []
    with Workers(frameworks) as ask:
        for framework, case in track(list(product(frameworks, proof.cases)), "forward and backward", console=shown):
            rows.append({"framework": framework, **asdict(case), "differences": measure(ask, framework, case)})
        for framework, one in track(list(product(frameworks, proof.trainings)), "training", console=shown):
            rows.append({"framework": framework, **asdict(one), "differences": measure_training(ask, framework, one)})
    for row in rows:
        _refuse_non_finite(row)
    summary = {name: _largest([row for row in rows if row["framework"] == name]) for name in frameworks}
    measured = {
        "tolerances": TOLERANCES,
        "short": short,
        "cases": len(proof.cases),
        "trainings": len(proof.trainings),
        "all_cases": len(CASES),
        "all_trainings": len(TRAININGS),
        "largest": summary,
        "rows": rows,
        "machine": this_machine().model_dump(),
        "commit": this_commit(),
    }
    with place.written() as temporary:
        save_page(temporary, measured)
    shown.print(_table(summary, f"parity: {proof}"))
    announce(place, "")
    return not any(violations(row["differences"]) for row in rows)


def _refuse_non_finite(row: Mapping[str, Any]) -> None:
    case = " ".join(str(value) for name, value in row.items() if name != "differences")
    for quantity, value in row["differences"].items():
        refuse_non_finite(f"parity: {case}: difference of the {quantity}", value)


def _largest(rows: Sequence[dict[str, Any]]) -> Differences:
    found = [(name, value) for row in rows for name, value in row["differences"].items()]
    return {quantity: largest(value for name, value in found if name == quantity) for quantity in TOLERANCES}


def _table(largest: dict[str, Differences], title: str) -> Table:
    table = Table("largest difference from the reference", title=title)
    for framework in largest:
        table.add_column(framework, justify="right")
    table.add_column("allowed", justify="right")
    for name, allowed in TOLERANCES.items():
        table.add_row(name, *(f"{values[name]:.1e}" for values in largest.values()), f"{allowed:.0e}")
    return table


@lru_cache
def _inputs(case: Case) -> tuple[Specification, Weights, EncodedReviews, Masks]:
    specification, reviews = case.specification, random_reviews(LENGTHS[case.lengths], classes=case.classes)
    masks = Batches(reviews, specification).masks(0, 0, reviews.padded(np.arange(len(reviews))))
    return specification, random_weights(specification, WORDS, classes=case.classes, training=True), reviews, masks


@lru_cache
def _reference_pass(case: Case) -> tuple[np.ndarray, float, Weights]:
    return workers.forward_and_backward(REFERENCE, *_inputs(case))


@lru_cache
def _reference_probabilities(case: Case) -> np.ndarray:
    specification, weights, reviews, _ = _inputs(case)
    return workers.predict(REFERENCE, specification, weights, [reviews])[0]


def _training_inputs(training: Training, reviews: int) -> Iterator[Any]:
    corpus, specification = load_corpus(training.specification), training.specification
    yield specification
    yield random_weights(specification, len(corpus.vocabulary), classes=training.classes, training=True)
    yield _labelled(corpus.train.take(np.arange(reviews)), training.classes)
    yield _labelled(corpus.validation.take(np.arange(200)), training.classes)


def _labelled(reviews: EncodedReviews, classes: int) -> EncodedReviews:
    """Return the reviews under their own labels, or where there are more than two classes under others."""
    if classes == 2:
        return reviews
    counts = [np.count_nonzero(reviews.words(row) == COMMONEST_WORD) for row in range(len(reviews))]
    return replace(reviews, labels=np.minimum(counts, classes - 1).astype(np.int16))


def _trained(ask: Ask, framework: str, training: Training, reviews: int) -> Trained:
    return ask(workers.train, framework, *_training_inputs(training, reviews))


@lru_cache
def _reference_training(training: Training, reviews: int) -> Trained:
    return workers.train(REFERENCE, *_training_inputs(training, reviews))
