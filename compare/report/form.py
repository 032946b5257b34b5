"""``statistics.json``: every number that a report shows, each with its type."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

from compare.explain.form import Explained
from compare.formats import Architecture, FrameworkOrBaseline, Parity, Portability, Witnesses
from shared.runs import Count, Finite, Machine, Parameters, Positive, Share

STATISTICS_VERSION = 2

Metric = str  # a key of what `shared.metrics.evaluate` returns
CellName = str  # "keras/lstm", "baseline/nb-svm"
Scalar = str | int | float | bool | None


class Part(BaseModel):
    """A part of the statistics: what is in a file beside its fields is an error."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


class Interval(Part):
    """A value and its 95 % interval, without one where it cannot be known."""

    value: float
    low: float | None = None
    high: float | None = None


class Range(Part):
    """Mean, smallest and largest over the seeds."""

    mean: Positive
    low: Positive
    high: Positive


class Point(Part):
    """The end of an epoch: steps and seconds of training so far; seconds are without validation."""

    epoch: Count
    steps: Count
    seconds: Positive
    training_loss: Finite
    validation_loss: Finite
    validation_accuracy: Share


class SeedRun(Part):
    """One trained model.

    ``seconds`` has ``setup``, ``training`` and ``prediction``; ``busy_elsewhere`` is how many of the machine's
    cores other processes used while it trained, ``processor_seconds`` what this one used in that time.
    ``seconds_to`` has the seconds of training to a validation accuracy, null where it was not reached.
    """

    seed: Count
    metrics: dict[Metric, Finite]
    validation_metrics: dict[Metric, Finite]
    out_of_domain: dict[str, dict[Metric, Finite]] = {}
    seconds: dict[str, Positive]
    reviews_per_second: dict[str, Positive]
    latency_ms: dict[str, Positive] = {}
    peak_memory_mb: Positive
    processor_seconds: Positive | None = None
    busy_elsewhere: Positive | None = None
    contended: bool | None = None
    curve: tuple[Point, ...] = ()
    seconds_to: dict[str, Positive | None] = {}
    commit: str


class Cell(Part):
    """The models of one framework and architecture.

    ``compared_seeds`` are those that all frameworks have of this architecture: means and intervals are over
    them. Where there are none they are the cell's own, and ``comparable`` is false.
    """

    framework: FrameworkOrBaseline
    architecture: Architecture
    version: str
    runs: Annotated[tuple[SeedRun, ...], Field(min_length=1)]
    compared_seeds: Annotated[tuple[Count, ...], Field(min_length=1)]
    comparable: bool = True
    accuracy: Interval
    metrics: dict[Metric, Finite]
    validation_accuracy: Share
    out_of_domain: dict[str, dict[Metric, Finite]] = {}
    parameters: Parameters
    seconds: dict[str, Range]
    reviews_per_second: dict[str, Range]
    latency_ms: dict[str, Range] = {}
    peak_memory_mb: Range
    seconds_to: dict[str, Range | None] = {}
    contended_seeds: tuple[Count, ...] = ()

    @property
    def name(self) -> CellName:
        """As other parts refer to it."""
        return f"{self.framework}/{self.architecture}"

    @property
    def seeds(self) -> tuple[int, ...]:
        """All that were trained."""
        return tuple(run.seed for run in self.runs)


class Ensemble(Part):
    """Several models that answer together."""

    name: str
    models: Count
    accuracy: Interval
    validation_log_loss: Positive
    metrics: dict[Metric, Finite]


class Pair(Part):
    """Two cells on the same test reviews and the same seeds (baselines have one seed, held against each).

    ``difference`` is the accuracy of the first less that of the second, its interval from a paired bootstrap over
    the reviews. ``mcnemar`` is the exact p-value, the largest over the seeds; ``holm`` the same corrected for all
    pairs. ``first_only`` and ``second_only`` count reviews that only one gets right, as a mean over the seeds.
    ``reviews_needed`` and ``seeds_needed`` are for 80 % power at the 5 % level; null where there is no difference
    or nothing to estimate from.
    """

    first: CellName
    second: CellName
    kind: Literal["framework", "architecture", "baseline", "other"]
    seeds: tuple[Count, ...]
    difference: Interval
    first_only: Positive
    second_only: Positive
    mcnemar: Share
    holm: Share
    kappa: Finite | None
    agreement: Share
    reviews_needed: Count | None
    seeds_needed: Count | None


class Variance(Part):
    """How far an accuracy moves by the seed, by the framework, by the sample of test reviews: standard deviations.

    ``remainder`` is what a seed does in one framework only; null where it is a part of ``seed`` or ``framework``.
    """

    architecture: Architecture
    frameworks: Count
    seeds: tuple[Count, ...]
    seed: Positive | None
    framework: Positive | None
    reviews: Positive
    remainder: Positive | None = None


class Setting(Part):
    """A field of the specification and its value in every cell; ``differs`` where cells have not all the same."""

    field: str
    description: str
    default: Scalar
    values: dict[CellName, Scalar]
    differs: bool


class Confused(Part):
    """Which class is taken for which."""

    label: Count
    prediction: Count
    reviews: Positive
    share: Share


class Confusion(Part):
    """Test reviews by class (rows) and predicted class (columns), summed over the seeds; of many classes pairs only."""

    cell: CellName
    seeds: tuple[Count, ...]
    matrix: tuple[tuple[Count, ...], ...] | None
    pairs: tuple[Confused, ...]


class Slice(Part):
    """Accuracy on some of the test reviews."""

    kind: Literal["length", "unknown words", "cut off", "negation", "contrast"]
    label: str
    reviews: Count
    accuracy: dict[CellName, Interval]


class CalibrationBin(Part):
    """Predictions of a confidence between two bounds: how many, their mean confidence, and how many are right."""

    low: Share
    high: Share
    predictions: Count
    confidence: Share | None
    accuracy: Share | None


class Calibration(Part):
    """The reliability diagram of a cell, over its compared seeds."""

    cell: CellName
    bins: tuple[CalibrationBin, ...]


class LabelNoise(Part):
    """Errors of the networks that look like errors of the labels, by a rule that is said.

    ``errors`` counts the test reviews that at least one network gets wrong; ``share`` is that of ``reviews`` in it.
    """

    rule: str
    errors: Count
    reviews: Count
    share: Share


class WordEffect(Part):
    """A word, where it stands, and how the probability of the shown class changes when it is taken away.

    ``place`` counts the words that are read, from 0. ``change`` is the model's own, measured; ``expected`` is what
    gradient times input foretells of it.
    """

    word: str
    place: Count
    change: Finite
    expected: Finite | None = None


class Explanation(Part):
    """The words that moved one model most."""

    cell: CellName
    seed: Count
    words: tuple[WordEffect, ...]


class ExplanationCheck(Part):
    """How well gradient times input foretells what a model does without a word, over the shown words of a cell.

    ``rank_correlation`` is Spearman's within a review, as a mean over the reviews; null where nothing can be ranked.
    ``same_direction`` is the share of the words that move the probability up or down as foretold.
    """

    cell: CellName
    reviews: Count
    words: Count
    rank_correlation: Finite | None
    same_direction: Share


class Example(Part):
    """A review that is shown: probabilities of the shown class are means over the compared seeds.

    ``shown_class`` is the right class, or the positive one of a text without a label.
    ``published`` is what a text elsewhere says its model gave to that class.
    """

    review_id: str
    kinds: tuple[Literal["all wrong", "split", "confident", "label noise", "hand-picked", "given"], ...]
    label: Count | None
    shown_class: Count
    text: str | None
    words_read: Count | None = None
    words: Count | None = None
    probabilities: dict[CellName, Share]
    answers: dict[CellName, Count]
    explanations: tuple[Explanation, ...] = ()
    published: Share | None = None
    note: str = ""


class Data(Part):
    """Which reviews all models were trained and tested on; ``accounts`` say what was read and left out."""

    source: str
    fingerprint: str
    sizes: dict[str, Count]
    empty: Count
    class_names: tuple[str, ...]
    accounts: tuple[str, ...]


class PublishedResult(Part):
    """An accuracy on the official test reviews, as a paper gives it."""

    name: str
    accuracy: Share
    source: str
    url: str


class Statistics(Part):
    """``statistics.json``.

    Parts that need what was not kept are empty, and ``missing`` says so; ``left_out`` names runs that could not
    be read, ``mixed`` what differs between runs that are compared all the same. ``explained`` is what ``lockstep
    explain`` measured, without its cells.
    """

    version: Literal[2] = 2
    name: str
    recipe: Literal["lockstep", "idiomatic"]
    task: str
    data: Data
    missing: tuple[str, ...] = ()
    left_out: tuple[str, ...] = ()
    mixed: tuple[str, ...] = ()
    cells: Annotated[tuple[Cell, ...], Field(min_length=1)]
    baselines: tuple[Cell, ...]
    ensembles: tuple[Ensemble, ...] = ()
    published: tuple[PublishedResult, ...] = ()
    spread: dict[Architecture, Share]
    pairs: tuple[Pair, ...] = ()
    variances: tuple[Variance, ...] = ()
    parity: Parity | None = None
    portability: Portability | None = None
    witnesses: Witnesses | None = None
    explained: tuple[Explained, ...] = ()
    settings: tuple[Setting, ...]
    confusions: tuple[Confusion, ...] = ()
    slices: tuple[Slice, ...] = ()
    calibrations: tuple[Calibration, ...] = ()
    label_noise: LabelNoise | None = None
    examples: tuple[Example, ...] = ()
    explanation_checks: tuple[ExplanationCheck, ...] = ()
    machines: tuple[Machine, ...]
    threads: tuple[Count, ...]
    commits: tuple[str, ...]
    commands: tuple[str, ...] = ()

    @model_validator(mode="after")
    def _is_whole(self) -> Statistics:
        known = {cell.name for cell in (*self.cells, *self.baselines)}
        named = {name for pair in self.pairs for name in (pair.first, pair.second)}
        named |= {name for setting in self.settings for name in setting.values}
        named |= {one.cell for one in self.confusions} | {one.cell for one in self.calibrations}
        named |= {name for one in self.slices for name in one.accuracy}
        named |= {one.cell for one in self.explanation_checks}
        for one in self.examples:
            named |= {*one.probabilities, *one.answers, *(explanation.cell for explanation in one.explanations)}
        if named - known:
            raise ValueError(f"{sorted(named - known)[0]!r} is none of its cells")
        classes = len(self.data.class_names)
        if any(one.shown_class >= classes or max(one.answers.values(), default=0) >= classes for one in self.examples):
            raise ValueError("an example has a class that is none of the data's")
        return self


class Beside(Part):
    """A cell in two experiments.

    ``difference`` is the accuracy in the second less that in the first, its interval from a paired bootstrap over
    the reviews; ``holm`` the p-value of McNemar's exact test, the largest over the seeds, corrected for all cells.
    Both are null where the experiments were not tested on the same reviews or with no seed in common.
    ``busy`` says of which one other programs used the processor while it trained.
    """

    cell: CellName
    first: Interval
    second: Interval
    seeds: tuple[Count, ...]
    difference: Interval | None
    holm: Share | None
    training_seconds: tuple[Range, Range]
    busy: tuple[bool, bool]


class SettingBeside(Part):
    """A field of the specification that two experiments set otherwise; several values where cells differ."""

    field: str
    description: str
    first: tuple[Scalar, ...]
    second: tuple[Scalar, ...]


class SideBySide(Part):
    """``statistics.json`` of two experiments beside each other."""

    version: Literal[2] = 2
    first: Statistics
    second: Statistics
    names: tuple[str, str]
    cells: Annotated[tuple[Beside, ...], Field(min_length=1)]
    settings: tuple[SettingBeside, ...]
    missing: tuple[str, ...] = ()
    mixed: tuple[str, ...] = ()
