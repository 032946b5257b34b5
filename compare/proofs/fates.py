"""The fates of one training in several frameworks: where they part, and how the distance grows.

One step is equal to rounding; after some hundred steps two frameworks may answer a review otherwise. Every array is
held against the float64 reference after many steps. Beside it runs the same reference in float32, its sums taken in
other orders: what it does, rounding does. A framework that goes much farther than that has another cause.

Rounding grows in two manners. It grows evenly, as each step builds on the one before. And it leaps where a maximum is
pooled and two outputs tie: rounding decides to which word the gradient goes, and from there two right programs train on
different gradients. So a training that pools a maximum is judged up to the first such tie, and the same training is
done once more with the mean pooled, and judged to its end.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from itertools import pairwise
from typing import Any

import numpy as np
from rich.progress import Progress

from compare.names import ARCHITECTURE_TITLES, TITLES
from compare.proofs.courses import Course, course, probabilities, reference_course
from compare.proofs.fates_figure import fates_figure
from compare.proofs.tables import title_of_run
from compare.tables import Cell, Column, Row, Table, as_markdown, escaped, print_table
from compare.workers import Ask, Workers
from shared.cell import initial_weights
from shared.data.encoded import EncodedReviews
from shared.differences import largest, largest_difference, refuse_non_finite, relative_difference, within
from shared.files import save_page
from shared.loading import load_corpus
from shared.output import Output
from shared.runs import this_commit, this_machine
from shared.specification import POOLED, Specification
from shared.terminal import console, say
from shared.weights import Weights

# Rounding of one step, carried back through time, as `parity` allows it for gradients. Above it, steps add up.
ROUNDING = 1e-4
# The same reference in float32 differs from itself in another order of summation by a factor of 4 at most, over all
# arrays and steps before a tie (presets `smoke` and `quick`). The faults of `tests/parity` begin a hundred times above.
FACTOR = 30.0
# Half of the last digit of a float32 number: a smaller difference is none.
UNIT = 2.0**-24
# Outputs lie between -1 and 1 and are right to some 1e-7 in float32, from weights that are so.
TIE = 1e-6
# Every step up to here, then each an eighth farther than the one before.
FIRST_STEPS, SPACING = 16, 1.125
ANSWERED_REVIEWS = 200

LOSS, PROBABILITIES = "loss", "probabilities"
FLOAT64 = "float64, other order"
FLOAT32 = ("float32", "float32, other order", "float32, third order")
ORDERS: dict[str, tuple[type[np.floating[Any]], int | None]] = {
    FLOAT64: (np.float64, 1),
    **{name: (np.float32, order) for order, name in zip((None, 1, 2), FLOAT32, strict=True)},
}

Curves = dict[str, list[float]]


@dataclass(frozen=True)
class Growth:
    """How one curve goes.

    Attributes
    ----------
    first_above : int or None
        The first compared step at which the difference is above `ROUNDING`.
    first, last : float
        The difference after the first and after the last step.
    doubling : float or None
        Steps in which it doubles, on average; None if it does not grow.
    leap : float
        The largest factor from one compared step to the next.
    leap_step : int
        The later one of the two.
    """

    first_above: int | None
    first: float
    last: float
    doubling: float | None
    leap: float
    leap_step: int


@dataclass(frozen=True)
class Excess:
    """A difference that rounding does not explain."""

    run: str
    quantity: str
    step: int
    difference: float
    by_rounding: float

    @property
    def ratio(self) -> float:
        """How many times as far as rounding goes."""
        return self.difference / np.maximum(self.by_rounding, UNIT)


@dataclass
class Fates:
    """One training in all frameworks, and in the reference in other arithmetic.

    Attributes
    ----------
    pooling : str
        Of its model.
    steps : list of int
        After which the weights were compared.
    judged : int
        The last step at which `FACTOR` holds: beyond it rounding decides a maximum. 0 if none is judged.
    ties : list of int
        Steps in which a maximum's winner leads by less than `TIE`.
    differences : dict of str to dict of str to list of float
        By run, then by array or `LOSS` (as a share of the largest entry) or `PROBABILITIES` (absolute), at each step.
    starts : dict of str to float
        By run, how far the weights are apart before the first step.
    """

    pooling: str
    steps: list[int]
    judged: int
    ties: list[int]
    differences: dict[str, Curves] = field(default_factory=dict)
    starts: dict[str, float] = field(default_factory=dict)

    @property
    def frameworks(self) -> list[str]:
        """The runs that are judged."""
        return [run for run in self.differences if run not in ORDERS]

    def by_rounding(self, quantity: str) -> list[float]:
        """Return how far float32 goes at each step, in any order of summation.

        Of the loss up to that step: a single number may agree by chance.
        """
        farthest = np.max([self.differences[run][quantity] for run in FLOAT32], axis=0)
        return (np.maximum.accumulate(farthest) if quantity == LOSS else farthest).tolist()

    def compared(self, run: str) -> Iterator[Excess]:
        """Yield what is judged of a framework, beside what rounding does."""
        for name, curve in self.differences[run].items():
            for step, found, allowed in zip(self.steps, curve, self.by_rounding(name), strict=True):
                if step <= self.judged:
                    yield Excess(run, name, step, found, allowed)

    def excesses(self, run: str) -> list[Excess]:
        """Return where a framework is too far away, by steps; a start from other weights is step 0."""
        start = Excess(run, "initial weights", 0, self.starts[run], 0.0)
        found = [one for one in (start, *self.compared(run)) if not within(one.ratio, FACTOR)]
        return sorted(found, key=lambda one: one.step)

    def growth(self, run: str, quantity: str) -> Growth:
        """Return how one curve goes."""
        curve = self.differences[run][quantity]
        above = [step for step, value in zip(self.steps, curve, strict=True) if not within(value, ROUNDING)]
        floored = np.maximum(curve, UNIT if run != FLOAT64 else np.finfo(float).eps)
        doublings = float(np.log2(floored[-1] / floored[0]))
        factors = [float(after / before) for before, after in pairwise(floored)] or [1.0]
        at = int(np.argmax(factors))
        return Growth(
            first_above=above[0] if above else None,
            first=curve[0],
            last=curve[-1],
            doubling=(self.steps[-1] - self.steps[0]) / doublings if doublings > 0 else None,
            leap=factors[at],
            leap_step=self.steps[np.minimum(at + 1, len(self.steps) - 1)],
        )


def compared_steps(steps: int) -> list[int]:
    """Return the steps after which weights are compared: each one at first, then farther and farther, and the last."""
    chosen, at = [], 0.0
    while round(at + 1e-9) < steps:
        at = at + 1 if at < FIRST_STEPS else at * SPACING
        chosen.append(int(np.minimum(round(at), steps)))
    return list(dict.fromkeys(chosen))


@dataclass(frozen=True)
class Training:
    """What every run begins with."""

    specification: Specification
    weights: Weights
    training: EncodedReviews
    validation: EncodedReviews

    @property
    def steps(self) -> int:
        """Of the whole training."""
        batches = self.specification.batches_of(len(self.training))
        return self.specification.epochs_of(batches) * batches

    @property
    def given(self) -> tuple[Specification, Weights, EncodedReviews, EncodedReviews, list[int]]:
        """What `courses` take."""
        return self.specification, self.weights, self.training, self.validation, compared_steps(self.steps)


def training_of(specification: Specification, steps: int | None = None) -> Training:
    """Return real reviews and initial weights.

    Parameters
    ----------
    specification : Specification
        As for a run.
    steps : int, optional
        Train so many, or a few more where that takes several passes over fewer reviews; default: as the specification
        says.
    """
    corpus = load_corpus(specification)
    rows = np.arange(len(corpus.train))
    if steps is not None:
        batches = specification.batches_of(len(rows))
        epochs = -(-steps // batches)
        specification = specification.replaced(epochs=epochs)
        # Drawn, as reviews of one class may stand side by side.
        drawn = np.random.default_rng(specification.seed).permutation(rows)
        rows = np.sort(drawn[: -(-steps // epochs) * specification.batch_size])
    validation = corpus.validation.take(np.arange(len(corpus.validation))[:ANSWERED_REVIEWS])
    return Training(specification, initial_weights(specification, corpus), corpus.train.take(rows), validation)


def follow(ask: Ask, frameworks: Sequence[str], training: Training, done: Any = lambda: None) -> Fates:
    """Train in all frameworks and in the reference's other arithmetic, and compare each with the float64 reference.

    Parameters
    ----------
    ask : callable
        Of `compare.workers.Workers`.
    frameworks : sequence of str
        Which.
    training : Training
        What they begin with.
    done : callable
        Is called after every run.

    Raises
    ------
    LockstepError
        If a training diverges, or a framework has other arrays.
    """
    expected = reference_course(*training.given)
    answers = {step: _answers(training, weights) for step, weights in expected.weights.items()}
    done()
    ties = [step for step, lead in enumerate(expected.leads, 1) if not lead > TIE]
    steps = compared_steps(training.steps)
    fates = Fates(training.specification.pooling, steps, ties[0] - 1 if ties else steps[-1], ties)
    for run in (*ORDERS, *frameworks):
        if run in ORDERS:
            precision, order = ORDERS[run]
            found = reference_course(*training.given, precision=precision, order=order)
        else:
            found = ask(course, run, *training.given)
        fates.starts[run] = relative_difference(found.weights[0], expected.weights[0])
        fates.differences[run] = _differences(training, steps, found, expected, answers)
        done()
    return fates


def _answers(training: Training, weights: Weights) -> np.ndarray:
    return probabilities(training.specification, weights, training.validation)


def _differences(
    training: Training, steps: Sequence[int], found: Course, expected: Course, answers: Mapping[int, np.ndarray]
) -> Curves:
    curves: Curves = {
        PROBABILITIES: [largest_difference(_answers(training, found.weights[step]), answers[step]) for step in steps],
        LOSS: [relative_difference(found.losses[step - 1], expected.losses[step - 1]) for step in steps],
    }
    for name in expected.weights[0]:
        pairs = [({name: found.weights[step][name]}, {name: expected.weights[step][name]}) for step in steps]
        curves[name] = [relative_difference(*pair) for pair in pairs]
    for name, values in curves.items():
        refuse_non_finite(f"fates: difference of the {name}", np.array(values))
    return curves


def run_fates(
    frameworks: Sequence[str], specification: Specification, steps: int | None, places: Mapping[str, Output]
) -> bool:
    """Follow the training, print what was found, and write it.

    Parameters
    ----------
    frameworks : sequence of str
        Which ones to hold against the reference.
    specification : Specification
        What is trained. Where it pools a maximum, the same is trained with the mean too.
    steps : int or None
        See `training_of`.
    places : mapping
        Where ``.json``, ``.md`` and ``.svg`` are written.

    Returns
    -------
    bool
        Whether rounding explains all differences that are judged.

    Raises
    ------
    LockstepError
        If a training diverges: nothing is written then.
    """
    poolings = [specification.pooling, *(["mean"] if "max" in POOLED[specification.pooling] else [])]
    trainings = [training_of(specification.replaced(pooling=pooling), steps) for pooling in poolings]
    runs = len(trainings) * (1 + len(ORDERS) + len(frameworks))
    with Progress(console=console(aside=True), transient=True) as bar, Workers(frameworks) as ask:
        task = bar.add_task("training", total=runs)
        all_fates = [follow(ask, frameworks, training, lambda: bar.advance(task)) for training in trainings]
    fine, sentences = verdict(all_fates)
    contents: dict[str, str | dict[str, Any]] = {
        ".json": _record(trainings[0].specification, all_fates, fine, sentences),
        ".svg": fates_figure(all_fates, FLOAT64, FLOAT32),
        ".md": _page(trainings[0], all_fates, sentences),
    }
    for suffix, content in contents.items():
        with places[suffix].written() as temporary:
            save_page(temporary, content)
    for fates in all_fates:
        print_table(summary_table(fates))
    for line in (*sentences, str(places[".md"])):
        say(line)
    return fine


def verdict(all_fates: Sequence[Fates]) -> tuple[bool, list[str]]:
    """Say of each training whether rounding explains what was found.

    Returns
    -------
    bool
        Whether it does everywhere.
    list of str
        Sentences.
    """
    sentences, fine = [], True
    for fates in all_fates:
        about = f"With pooling {fates.pooling}"
        right = []
        for run in fates.frameworks:
            excesses = fates.excesses(run)
            if not excesses:
                right.append(run)
                continue
            fine, first = False, excesses[0]
            sentences.append(
                f"{about}: {TITLES[run]} has a cause other than rounding. After step {first.step} its {first.quantity} "
                f"differs by {first.difference:.0e}, where rounding alone gives {first.by_rounding:.0e} "
                f"({FACTOR:.0f} times that is allowed)."
            )
        if right and fates.judged:
            names = ", ".join(TITLES[run] for run in right)
            most = largest(one.ratio for run in right for one in fates.compared(run))
            sentences.append(
                f"{about}, up to step {fates.judged}: {names}: at most {most:.1f} times as far from the float64 "
                f"reference as the float32 reference is ({FACTOR:.0f} times are allowed). What grows is rounding."
            )
        if fates.ties:
            sentences.append(
                f"{about}, from step {fates.ties[0]} on rounding decides maxima: in {len(fates.ties)} of "
                f"{fates.steps[-1]} steps a winner leads by less than {TIE:.0e}. Right programs part there: not judged."
            )
    return fine, sentences


def _record(
    specification: Specification, all_fates: Sequence[Fates], fine: bool, sentences: Sequence[str]
) -> dict[str, Any]:
    return {
        "specification": specification.model_dump(),
        "rounding": ROUNDING,
        "factor": FACTOR,
        "tie": TIE,
        "explained_by_rounding": fine,
        "verdict": list(sentences),
        "trainings": [
            {
                **asdict(fates),
                "growth": {
                    run: {name: asdict(fates.growth(run, name)) for name in curves}
                    for run, curves in fates.differences.items()
                },
            }
            for fates in all_fates
        ],
        "machine": this_machine().model_dump(),
        "commit": this_commit(),
    }


NUMBERS = (
    Column("first_above", f"Above {ROUNDING:.0e} from step", form=".0f"),
    Column("first", "After step 1", better="lower", form=".0e"),
    Column("last", "At the end", better="lower", form=".0e"),
    Column("doubling", "Doubles in", unit="steps", form=",.0f"),
    Column("leap", "Largest leap", form=",.1f", suffix=" ×"),
    Column("leap_step", "Leap at step", form=".0f"),
)


def _row(growth: Growth, *names: str) -> Row:
    values = asdict(growth)
    return Row((*map(Cell, names), *(column.cell(values[column.name], missing="never") for column in NUMBERS)))


def summary_table(fates: Fates) -> Table:
    """Of each run the array that goes farthest."""
    rows = []
    for run, curves in fates.differences.items():
        arrays = [name for name in curves if name not in (LOSS, PROBABILITIES)]
        farthest = arrays[int(np.argmax([curves[name][-1] for name in arrays]))]
        rows += [_row(fates.growth(run, name), title_of_run(run), name) for name in (farthest, PROBABILITIES)]
    return Table(
        f"fates-{fates.pooling}",
        f"Pooling {fates.pooling}: differences from the float64 reference, of the array that goes farthest",
        (Column("run", "Run", "text"), Column("quantity", "Of", "text"), *NUMBERS),
        rows,
    )


def array_table(fates: Fates) -> Table:
    """Every array of every run."""
    quantities = list(next(iter(fates.differences.values())))
    return Table(
        f"fates-{fates.pooling}-arrays",
        f"Pooling {fates.pooling}: differences from the float64 reference",
        (Column("quantity", "Of", "text"), Column("run", "Run", "text"), *NUMBERS),
        [_row(fates.growth(run, name), name, title_of_run(run)) for name in quantities for run in fates.differences],
        (
            "Of an array the largest difference of an entry, as a share of the array's largest entry; of the loss a "
            f"share; of the probabilities of {ANSWERED_REVIEWS} validation reviews, absolute. Compared after "
            f"{len(fates.steps)} of {fates.steps[-1]} steps. Doubles in: on average from the first step to the last.",
        ),
    )


def _page(training: Training, all_fates: Sequence[Fates], sentences: Sequence[str]) -> str:
    specification = training.specification
    tables = "\n".join(as_markdown(array_table(fates)) for fates in all_fates)
    said = "".join(f"- {escaped(sentence)}\n" for sentence in sentences)
    reviews = len(training.training)
    return f"""# Where the frameworks part

One training of {ARCHITECTURE_TITLES[specification.architecture]}, {training.steps:,} steps on {reviews:,} reviews, from
the same weights and batches everywhere. How far is each array from the NumPy reference in float64, and how far goes the
same reference in float32, its sums taken in other orders?

![difference from the float64 reference, on a logarithmic scale, against the step](fates.svg)

{said}
{tables}"""
