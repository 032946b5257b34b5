"""The JSON files that commands leave for others to read, as far as they are read: one form each."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, RootModel, model_validator

from compare.names import ARCHITECTURE_TITLES, NO_FRAMEWORK, TITLES
from shared.runs import Count, Machine, Percentile, Positive, Share


def _known(value: str, names: dict[str, str]) -> str:
    if value not in names:
        raise ValueError(f"{value!r} is none of {', '.join(names)}")
    return value


Framework = Annotated[str, AfterValidator(lambda value: _known(value, TITLES))]
FrameworkOrBaseline = Annotated[str, AfterValidator(lambda value: _known(value, {**TITLES, "baseline": ""}))]
Architecture = Annotated[str, AfterValidator(lambda value: _known(value, ARCHITECTURE_TITLES))]
# What is not a number cannot be said in JSON, and stands as null: never near anything.
Difference = Annotated[float, Field(ge=0)] | None


class Form(BaseModel):
    """What is in a file beside these fields is not read."""

    model_config = ConfigDict(extra="ignore", strict=True, allow_inf_nan=False)


class Values(RootModel[dict[str, Any]]):
    """A file of which whoever makes a table checks what it reads."""


class Parity(Form):
    """``parity.json``: of each framework and quantity the largest difference, and what is allowed.

    ``short`` says that a few cases and one training were measured, not all.
    """

    short: bool = False
    tolerances: Annotated[dict[str, Positive], Field(min_length=1)]
    cases: Count
    trainings: Count
    largest: Annotated[dict[Framework, dict[str, Difference]], Field(min_length=1)]
    machine: Machine
    commit: str

    @model_validator(mode="after")
    def _is_whole(self) -> Parity:
        for framework, differences in self.largest.items():
            if differences.keys() != self.tolerances.keys():
                raise ValueError(f"the differences of {framework} are not those that have a tolerance")
        return self


class Followed(Form):
    """One training of ``fates.json``: by run and quantity, how far it is from the reference after each step."""

    pooling: str
    steps: Annotated[list[Count], Field(min_length=1)]
    differences: Annotated[dict[str, dict[str, list[Annotated[float, Field(ge=0)]]]], Field(min_length=1)]

    @model_validator(mode="after")
    def _is_whole(self) -> Followed:
        for run, curves in self.differences.items():
            if any(len(curve) != len(self.steps) for curve in curves.values()):
                raise ValueError(f"{run}, pooling {self.pooling}: not one difference for each step")
        return self


class Fates(Form):
    """``fates.json``: where trainings in several frameworks part, and what explains it."""

    verdict: Annotated[list[str], Field(min_length=1)]
    trainings: Annotated[list[Followed], Field(min_length=1)]


class WithoutFramework(Form):
    """Checkpoints of one architecture opened in NumPy alone (`shared.predictor`).

    ``differences`` are the largest of a probability, in the order of the trainers; the rate and the percentiles of the
    time of one review alone are of the first one's checkpoint.
    """

    differences: list[Difference]
    reviews_per_second: Positive
    latency_ms: dict[Percentile, Positive]


class Portability(Form):
    """``portability.json``: of each architecture the largest differences, trained in by opened in.

    ``without_framework`` is empty in files of earlier versions.
    """

    names: Annotated[list[Framework], Field(min_length=1)]
    reviews: Count
    tolerance: Positive
    matrices: Annotated[dict[Architecture, list[list[Difference]]], Field(min_length=1)]
    without_framework: dict[Architecture, WithoutFramework] = {}
    machine: Machine
    commit: str

    @model_validator(mode="after")
    def _is_whole(self) -> Portability:
        size = len(self.names)
        for architecture, rows in self.matrices.items():
            if [len(row) for row in rows] != [size] * size:
                raise ValueError(f"the matrix of {architecture} is not {size} by {size}")
        if self.without_framework and self.without_framework.keys() != self.matrices.keys():
            raise ValueError("without_framework: its architectures are not those of the matrices")
        for architecture, found in self.without_framework.items():
            if len(found.differences) != size:
                raise ValueError(f"without_framework: the differences of {architecture} are not {size}")
        return self

    def differences(self, architecture: str) -> list[list[float | None]]:
        """Return the rows of an architecture's matrix, each with what NumPy alone gives at its end, if measured."""
        rows: list[list[float | None]] = [list(row) for row in self.matrices[architecture]]
        if self.without_framework:
            for row, difference in zip(rows, self.without_framework[architecture].differences, strict=True):
                row.append(difference)
        return rows


class Interval(Form):
    """A mean and its 95 % interval; one seed has none."""

    mean: float
    low: float | None
    high: float | None

    @property
    def leaves_zero_out(self) -> bool:
        """Whether the mean is more than chance."""
        return self.low is not None and self.high is not None and not self.low <= 0 <= self.high


class Witness(Form):
    """One framework that acts like another, seed by seed, and that one's own code."""

    framework: Framework
    like: Framework
    seeds: Annotated[list[Count], Field(min_length=1)]
    accuracies: list[Share]
    own_accuracies: list[Share]
    difference: Interval
    verdict: Literal["same", "unclear", "different"]

    @model_validator(mode="after")
    def _is_whole(self) -> Witness:
        if not len(self.seeds) == len(self.accuracies) == len(self.own_accuracies):
            raise ValueError(f"{self.framework} like {self.like}: not one accuracy for each seed")
        return self


class Witnesses(Form):
    """``witnesses.json``: whether every framework, told to act like another, gives what that one's own code gives."""

    architecture: Architecture
    tolerance: Share
    sizes: dict[str, Count]
    rows: Annotated[list[Witness], Field(min_length=1)]
    machine: Machine
    commit: str


class Scored(Form):
    """Accuracy and its interval."""

    accuracy: Share
    accuracy_low: Share
    accuracy_high: Share


class ScoredEnsemble(Scored):
    """Models that answer together."""

    name: str
    models: Count
    validation_log_loss: Positive


class Ensembles(Form):
    """``ensemble.json``."""

    ensembles: Annotated[list[ScoredEnsemble], Field(min_length=1)]


class Quartiles(Form):
    """Of repeated measurements."""

    low: Positive
    median: Positive
    high: Positive


class OfRecipes(Form):
    """A measurement in the lockstep recipe, and in the framework's documented way."""

    lockstep: Quartiles
    idiomatic: Quartiles


class SpeedRow(OfRecipes):
    """Speed of a cell; a file of an earlier version lacks what has a default."""

    framework: Framework
    architecture: Architecture
    ratio: Quartiles
    prediction: OfRecipes
    share_of_same_shape_products: Quartiles | None = None
    contended_ratio: Quartiles | None = None
    harness_share: Positive


class LearningRow(Form):
    """Seconds to an accuracy; null where it was not reached."""

    framework: Framework
    seconds_to: Annotated[
        dict[Annotated[str, Field(pattern=r"^0\.\d+$|^1\.0*$")], Positive | None], Field(min_length=1)
    ]


class GrowthRow(Form):
    """How cost grows with a size."""

    framework: Framework
    size: str
    values: Annotated[list[Count], Field(min_length=1)]
    exponent: float


class SpeedRows(Form):
    """A part of ``benchmark.json``."""

    busy: Count | None = None
    rows: Annotated[list[SpeedRow], Field(min_length=1)]


class LearningRows(Form):
    """A part of ``benchmark.json``."""

    rows: Annotated[list[LearningRow], Field(min_length=1)]

    @model_validator(mode="after")
    def _is_whole(self) -> LearningRows:
        if any(row.seconds_to.keys() != self.rows[0].seconds_to.keys() for row in self.rows):
            raise ValueError("the rows have not all the same accuracies")
        return self


class GrowthRows(Form):
    """A part of ``benchmark.json``."""

    rows: Annotated[list[GrowthRow], Field(min_length=1)]

    @model_validator(mode="after")
    def _is_whole(self) -> GrowthRows:
        sizes = {row.size for row in self.rows}
        for framework in {row.framework for row in self.rows}:
            if sorted(row.size for row in self.rows if row.framework == framework) != sorted(sizes):
                raise ValueError(f"{framework} was not measured once for each of {', '.join(sorted(sizes))}")
        return self


class Speed(Form):
    """``benchmark.json`` as the table of speed reads it."""

    speed: SpeedRows


class Learning(Form):
    """``benchmark.json`` as the table of learning reads it."""

    learning: LearningRows


class Growth(Form):
    """``benchmark.json`` as the table of growth reads it."""

    growth: GrowthRows


class ReadingRow(Form):
    """One measurement of reading; its peak memory is null where it was not looked at."""

    what: str
    texts: Count
    seconds: Positive
    texts_a_second: Positive
    peak_memory_mb: Positive | None


class ReadingRows(Form):
    """A part of ``benchmark.json``."""

    rows: Annotated[list[ReadingRow], Field(min_length=1)]


class Reading(Form):
    """``benchmark.json`` as the table of reading has it."""

    reading: ReadingRows


class AnsweringRow(Form):
    """How a model answers, opened in one framework or in none: every measurement, in the order of the rounds."""

    name: str
    first_answer: Annotated[list[Positive], Field(min_length=1)]
    peak_memory_mb: list[Positive | None]
    reviews_per_second: list[Positive]
    latency_ms: list[Positive]
    difference: Difference


class AnsweringRows(Form):
    """The part of a benchmark about answers; no framework is among the rows."""

    reviews: Count
    rows: Annotated[list[AnsweringRow], Field(min_length=1)]

    @model_validator(mode="after")
    def _is_whole(self) -> AnsweringRows:
        if NO_FRAMEWORK not in [row.name for row in self.rows]:
            raise ValueError(f"{NO_FRAMEWORK} was not measured")
        rounds = len(self.rows[0].first_answer)
        for row in self.rows:
            measured = row.first_answer, row.peak_memory_mb, row.reviews_per_second, row.latency_ms
            if {len(values) for values in measured} != {rounds}:
                raise ValueError(f"{row.name} was not measured in every round")
        return self


class Answering(Form):
    """``benchmark.json`` as the table of answers has it."""

    answering: AnsweringRows


class Timed(Form):
    """A command, its time and the disk after it."""

    command: str
    seconds: Positive
    disk_mb: Positive


class Commands(Form):
    """``commands.json``."""

    commands: Annotated[list[Timed], Field(min_length=1)]


class Ratio(Interval):
    """Of speeds, null where no two runs of a seed were made on one machine."""

    mean: float | None  # type: ignore[assignment]


class LadderRow(Form):
    """A rung; the recipe itself has no differences."""

    name: str
    title: str
    whose: str
    against: str
    against_title: str
    seeds: Annotated[list[Count], Field(min_length=1)]
    accuracy_of_seeds: Annotated[list[Share], Field(min_length=1)]
    accuracy_difference: Interval | None = None
    log_loss_difference: Interval | None = None
    speed_ratio: Ratio | None = None

    @model_validator(mode="after")
    def _is_whole(self) -> LadderRow:
        if len({one is None for one in (self.accuracy_difference, self.log_loss_difference, self.speed_ratio)}) > 1:
            raise ValueError(f"{self.name}: has some of its differences and lacks others")
        return self


class LadderData(Form):
    """The reviews of a study."""

    source: str
    sizes: dict[str, Count]

    @model_validator(mode="after")
    def _is_whole(self) -> LadderData:
        if not {"train", "test"} <= self.sizes.keys():
            raise ValueError("does not say how many reviews were trained and tested on")
        return self


class Ladder(Form):
    """``ladder.json`` and ``ablation.json``."""

    heading: str = "whose"
    framework: Framework
    framework_version: str
    architecture: Architecture
    data: LadderData
    rungs: Annotated[list[LadderRow], Field(min_length=1)]
