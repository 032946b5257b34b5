"""What is trained, on what, and how: one validated object, and its presets."""

from __future__ import annotations

import argparse
from collections.abc import Container, Mapping, Sequence
from typing import Any, Literal, get_args, get_origin

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from shared.errors import LockstepError
from shared.text import DEFAULT_CLEANING, PADDING_ID, STEPS, Pipeline

Architecture = Literal["rnn", "lstm", "gru", "birnn", "bigru", "bilstm"]
Pooling = Literal["last", "max", "mean", "concat", "ends"]
Truncation = Literal["head", "tail", "head_tail"]
Padding = Literal["masked", "right", "left"]
Initialisation = Literal["keras", "pytorch", "flair", "fastai"]
Head = Literal["softmax", "sigmoid"]
ClassWeights = Literal["none", "balanced"]
BatchOrder = Literal["like_length", "shuffled", "sorted_dl"]
LossReduction = Literal["mean", "sum"]
EpsilonPlace = Literal["after", "before"]
Recipe = Literal["lockstep", "idiomatic"]
Schedule = Literal["constant", "linear", "one_cycle", "one_cycle_cosine", "plateau"]
MomentumSchedule = Literal["constant", "one_cycle"]
Optimizer = Literal["adam", "adamw", "sgd"]
EvaluationWeights = Literal["last", "best"]
RepeatedWords = Literal["summed", "apart"]

ARCHITECTURES: tuple[str, ...] = get_args(Architecture)
# What each pooling puts side by side, of every direction; a direction's first output in its own order.
POOLED: dict[str, list[str]] = {
    "last": ["last"],
    "max": ["max"],
    "mean": ["mean"],
    "concat": ["last", "max", "mean"],
    "ends": ["first", "last"],
}
POOLINGS = tuple(POOLED)
RECIPES: tuple[str, ...] = get_args(Recipe)

# These may name files and folders that are read.
SOURCE_FIELDS = ("data", "test_data", "validation_data", "unlabelled", "pseudo_labels", "vectors", "start_from")

# How a file of one's own is read (see `shared.data.reviews.Reading`); predict has them too.
READING_FIELDS = (
    *("text_column", "label_column", "id_column", "split_column"),
    *("encoding", "delimiter", "header", "labels"),
)

# Generators take no larger seed: Keras' and NumPy's old ones have 32 bits.
LARGEST_SEED = 2**32 - 1
# What a flag or a checkpoint may ask for, far above what is of use: a slip of the pen must not take all memory.
LARGEST_COUNT = 1_000_000_000
LARGEST_VOCABULARY = 10_000_000
LARGEST_LAYER = 4_096
LARGEST_LENGTH = 100_000
LARGEST_PADDED_LENGTH = 10_000  # where every review is padded to it
LARGEST_RATE = 1e6
# In float32 the one is not 0 and the other not 1: Adam divides by the one and by 1 less the other.
SMALLEST_EPSILON = 1e-30
LARGEST_BETA = 0.999999


def _field(group: str, description: str, default: Any, **constraints: Any) -> Any:
    return Field(default, description=description, json_schema_extra={"group": group}, **constraints)


# Passed to build() and train() alike, so one flat object; the groups only order the help text.
class Specification(BaseModel):
    """Every choice that changes a result. Validated, immutable, stored in records and checkpoints.

    Two runs with equal specifications and equal data fingerprints differ only by framework.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    data: str = _field(
        "data", "a source of a task (lockstep tasks lists them), or the path of labelled texts in any usual form",
        "packaged",
    )  # fmt: skip
    test_data: str = _field("data", "tested on this, and nothing of --data is held out for it; or none", "none")
    validation_data: str = _field("data", "validated on this, likewise; or none", "none")
    unlabelled: str = _field("data", "more texts, to learn words from: none, or a source as for --data", "none")
    text_column: str = _field("data", "column of the text; several, with commas between, are joined", "auto")
    label_column: str = _field("data", "column of the label", "auto")
    id_column: str = _field("data", "column of an id that predictions carry, or none", "auto")
    split_column: str = _field("data", "column that says train, validation or test, or none", "auto")
    encoding: str = _field("data", "of a text file, as Python calls it: latin-1, cp1252, utf-16 …", "utf-8")
    delimiter: str = _field("data", "between the fields of a row; by default a comma, or a tab in .tsv", "auto")
    header: bool = _field("data", "the first row has the columns' names; without one they are 1, 2, 3 …", True)
    labels: str = _field(
        "data", "classes of the labels, such as '1,2=negative 4,5=positive' (others are left out), or as-is", "auto"
    )
    pseudo_labels: str = _field(
        "data", "train on those reviews too, under labels drawn from a predictions.parquet of them; or none", "none"
    )
    reviews: int | None = _field(
        "data", "use a sample of this many reviews instead of all", None, ge=10, le=LARGEST_COUNT
    )
    test_fraction: float = _field("data", "share held out for testing where there is no official test", 0.2, gt=0, lt=1)
    validation_fraction: float = _field("data", "share of the rest held out for validation", 0.1, gt=0, lt=1)
    split_seed: int = _field("data", "seed of the splits; the same for every model seed", 0, ge=0, le=LARGEST_SEED)

    cleaning: str = _field(
        "text", f"what is done to a review before it is cut into words, in order: {', '.join(STEPS)}", DEFAULT_CLEANING
    )
    vocabulary_size: int = _field(
        "text", "words at most, <pad> and <unk> included", 20_000, ge=3, le=LARGEST_VOCABULARY
    )
    minimum_count: int = _field(
        "text", "words seen less often in training are unknown words", 2, ge=1, le=LARGEST_COUNT
    )
    max_length: int = _field("text", "tokens of a review that are read", 192, ge=1, le=LARGEST_LENGTH)
    truncation: Truncation = _field("text", "which tokens of a longer review are read", "tail")
    padding: Padding = _field(
        "text", "masked, or to max_length at one end and read as a word, as where no mask is asked for", "masked"
    )
    vectors: str = _field(
        "text",
        "random, glove (6B, 50 dimensions), corpus (word2vec of the reviews outside the test set), glove.6B.100d … "
        "glove.840B.300d (downloaded), or the path of a GloVe/word2vec text file",
        "glove",
    )

    architecture: Architecture = _field("model", "the recurrent layers; bi… reads both ways", "lstm")
    embedding_size: int = _field("model", "dimensions of a word's vector", 50, ge=1, le=LARGEST_LAYER)
    train_embedding: bool = _field("model", "train the word vectors too", True)
    hidden_size: int = _field("model", "units of one direction of a recurrent layer", 48, ge=1, le=LARGEST_LAYER)
    layers: int = _field("model", "recurrent layers on top of each other", 1, ge=1, le=8)
    pooling: Pooling = _field("model", "how a review's outputs become one vector, over real tokens only", "concat")
    initialisation: Initialisation = _field(
        "model", "whose distributions the initial weights are drawn from; Keras' are the recipe's", "keras"
    )
    start_from: str = _field(
        "model", "checkpoint whose word vectors and recurrent layers the model starts from, or none", "none"
    )
    second_bias: bool = _field(
        "model", "train a second bias of LSTM and RNN too, as PyTorch's layers have; a GRU has two anyway", False
    )
    reprojection: bool = _field(
        "model", "a trained linear map between word vectors and recurrent layers, as Flair has", False
    )
    dropout: float = _field("model", "share of pooled features dropped in training", 0.2, ge=0, lt=1)
    word_dropout: float = _field(
        "model", "share of the vocabulary whose vectors are zero in a training step", 0.0, ge=0, lt=1
    )
    spatial_dropout: float = _field(
        "model",
        "share of the word vectors' dimensions that are zero for a whole review in training (Flair: LockedDropout)",
        0.0,
        ge=0,
        lt=1,
    )
    embedding_dropout: float = _field(
        "model", "share of the word vectors' numbers that are zero in training, at each place anew", 0.0, ge=0, lt=1
    )
    token_dropout: float = _field(
        "model", "share of a review's places whose vectors are zero in training; the rest is not scaled up, as in "
        "Flair's WordDropout", 0.0, ge=0, lt=1,
    )  # fmt: skip
    recurrent_dropout: float = _field(
        "model", "share of each layer's state that a review's steps do not pass on in training", 0.0, ge=0, lt=1
    )
    head: Head = _field("model", "a number for each class and softmax, or one for two classes and a sigmoid", "softmax")
    recipe: Recipe = _field(
        "training",
        "lockstep: every field as it is said, the same in all frameworks; idiomatic: the framework's own code with the "
        "values that its documentation writes",
        "lockstep",
    )
    seed: int = _field("training", "seed of initial weights, batches and dropout", 0, ge=0, le=LARGEST_SEED)
    epochs: int = _field("training", "passes over the training reviews", 2, ge=1, le=100_000)
    minimum_steps: int = _field(
        "training", "steps at least: of few reviews more passes are made; 0, if epochs are given", 0, ge=0, le=100_000
    )
    batch_size: int = _field("training", "reviews in one step", 128, ge=1, le=100_000)
    batch_parts: int = _field(
        "training", "parts of a batch that are computed side by side, each by one thread", 2, ge=1, le=64
    )
    batch_order: BatchOrder = _field(
        "training", "which reviews share a batch; sorted_dl is the order of fastai's SortedDL", "like_length"
    )
    drop_last: bool = _field("training", "leave out an epoch's last batch if it is not full", False)
    class_weights: ClassWeights = _field(
        "training", "how much a review's loss counts: all alike, or each class as much as every other", "none"
    )
    loss_reduction: LossReduction = _field("training", "what is minimised, of a batch's losses", "mean")
    optimizer: Optimizer = _field("training", "what makes a step of a gradient", "adam")
    learning_rate: float = _field("training", "the optimizer's step size, at its highest", 6e-3, gt=0, le=LARGEST_RATE)
    schedule: Schedule = _field(
        "training",
        "how the learning rate moves over the steps; one_cycle_cosine is fastai's fit_one_cycle, plateau Flair's "
        "AnnealOnPlateau on the validation accuracy",
        "linear",
    )
    weight_decay: float = _field(
        "training",
        "how much of each weight but the head's bias is taken off: in adamw in proportion to the learning rate, in "
        "adam and sgd as a part of the gradient",
        0.0,
        ge=0,
        le=1,
    )
    momentum: float = _field("training", "share of the last step that SGD makes again", 0.0, ge=0, le=LARGEST_BETA)
    momentum_schedule: MomentumSchedule = _field(
        "training",
        "whether Adam's decay of the first moment, or SGD's momentum, moves against the learning rate as in fastai's "
        "fit_one_cycle: 0.95, 0.85, 0.95",
        "constant",
    )
    beta_1: float = _field("training", "Adam's decay of the first moment", 0.9, ge=0, le=LARGEST_BETA)
    beta_2: float = _field("training", "Adam's decay of the second moment", 0.999, ge=0, le=LARGEST_BETA)
    epsilon: float = _field("training", "Adam's epsilon", 1e-7, ge=SMALLEST_EPSILON, le=LARGEST_RATE)
    epsilon_place: EpsilonPlace = _field(
        "training", "where epsilon is added: after Adam's bias correction, or before it as stock Keras does", "after"
    )
    repeated_words: RepeatedWords = _field(
        "training",
        "whether Adam squares a word's gradient once its places in a batch are summed, or at each place apart, as "
        "Keras does on TensorFlow",
        "summed",
    )
    gradient_clipping: float = _field(
        "training", "largest global norm of the gradients; 0 is no clipping", 1.0, ge=0, le=LARGEST_COUNT
    )
    weight_averaging: float = _field(
        "training", "share of the steps, the last ones, whose weights are averaged; 0 keeps the last", 0.0, ge=0, le=1
    )
    evaluation_weights: EvaluationWeights = _field(
        "training", "weights that are kept: of the last epoch, or of the best by validation accuracy", "last"
    )

    @field_validator("cleaning")
    @classmethod
    def _steps_exist(cls, names: str) -> str:
        try:
            return str(Pipeline.parse(names))
        except LockstepError as error:
            raise ValueError(str(error)) from error

    @model_validator(mode="after")
    def _vectors_fit(self) -> Specification:
        if self.vectors == "glove" and self.embedding_size != 50:
            raise ValueError("the packaged GloVe vectors have 50 dimensions: set embedding_size to 50")
        return self

    @model_validator(mode="after")
    def _pseudo_labels_fit(self) -> Specification:
        if self.pseudo_labels != "none" and self.unlabelled == "none":
            raise ValueError("pseudo-labels are of reviews without labels: pass --unlabelled too")
        return self

    @model_validator(mode="after")
    def _columns_fit(self) -> Specification:
        for name in ("text_column", "label_column"):
            if getattr(self, name) == "none":
                raise ValueError(f"{name.replace('_', '-')}: a classifier cannot do without; name a column")
        return self

    @model_validator(mode="after")
    def _held_out_once(self) -> Specification:
        for name in ("test", "validation"):
            field = f"{name}_fraction"
            usual = getattr(self, field) == Specification.model_fields[field].default
            if getattr(self, f"{name}_data") != "none" and not usual:
                raise ValueError(f"{name}-fraction: --{name}-data is what is held out; leave one of them out")
        return self

    @model_validator(mode="after")
    def _moments_fit(self) -> Specification:
        if self.repeated_words == "apart" and self.beta_2 == 0:
            raise ValueError("repeated-words: places are squared apart with a beta-2 above 0 only")
        return self

    @model_validator(mode="after")
    def _lengths_fit(self) -> Specification:
        padded = self.recipe == "idiomatic" or self.padding != "masked"  # Keras' own code pads all to one length
        if padded and self.max_length > LARGEST_PADDED_LENGTH:
            raise ValueError(
                f"max-length: every review is padded to it here, at most {LARGEST_PADDED_LENGTH:,}, "
                f"not {self.max_length:,}"
            )
        return self

    @property
    def directions(self) -> tuple[str, ...]:
        """``("forward",)``, or ``("forward", "backward")`` for an architecture that reads both ways."""
        return ("forward", "backward") if self.architecture.startswith("bi") else ("forward",)

    @property
    def cell(self) -> str:
        """The recurrent cell: ``rnn``, ``lstm`` or ``gru``."""
        return self.architecture.removeprefix("bi")

    @property
    def unread_id(self) -> int:
        """The token id that the model does not read: padding, or none where padding is read as a word."""
        return PADDING_ID if self.padding == "masked" else -1

    def batches_of(self, reviews: int) -> int:
        """Return the batches in one pass over so many training reviews."""
        whole, rest = divmod(reviews, self.batch_size)
        return whole + (rest > 0 and not (self.drop_last and whole > 0))

    def epochs_of(self, batches: int) -> int:
        """Return the passes over training reviews that make so many batches."""
        return max(self.epochs, -(-self.minimum_steps // max(1, batches)))

    @property
    def state_size(self) -> int:
        """Units of all recurrent layers and directions together."""
        return self.layers * len(self.directions) * self.hidden_size

    def outputs(self, classes: int) -> int:
        """Return the columns of the head: one logit for two classes and a sigmoid, else one for each class."""
        return 1 if self.head == "sigmoid" else classes

    def classes(self, outputs: int) -> int:
        """Return how many classes a head with so many columns tells apart."""
        return 2 if self.head == "sigmoid" else outputs

    @property
    def features(self) -> int:
        """Size of the pooled vector that the linear head reads."""
        return len(POOLED[self.pooling]) * len(self.directions) * self.hidden_size

    def idle_fields(self) -> dict[str, str]:
        """Return the fields that change nothing because of what others are, each with the reason."""
        idle = {}
        if self.cell == "gru":
            idle["second_bias"] = "a GRU has two biases in every framework"
        if self.optimizer == "sgd":
            for name in ("beta_1", "beta_2", "epsilon", "epsilon_place", "repeated_words"):
                idle[name] = "SGD has no such thing, Adam has"
        else:
            idle["momentum"] = "Adam has none of that name: its own is --beta-1"
        if not self.train_embedding:
            idle["repeated_words"] = "the word vectors are not trained"
        if self.momentum_schedule == "one_cycle":
            for name in ("beta_1", "momentum"):
                idle[name] = "--momentum-schedule one_cycle sets it in every step"
        return idle

    def without_idle_fields(self) -> Specification:
        """Return the same training with the default for every field that changes nothing in it."""
        return self.replaced(
            **{name: Specification.model_fields[name].default for name in self.idle_fields()},
        )

    def replaced(self, **changes: Any) -> Specification:
        """Return a validated copy with some fields changed. Who changes `epochs` alone gets just these.

        Raises
        ------
        LockstepError
            If a field is unknown or its value is out of range.
        """
        exactly = {"minimum_steps": 0} if "epochs" in changes else {}
        try:
            return Specification.model_validate({**self.model_dump(), **exactly, **changes})
        except ValidationError as error:
            raise LockstepError(_one_line(error)) from error


# Of 1,000 texts the common two epochs would be 14 steps, after which a network knows little more than before.
STEPS_AT_LEAST = 100

_FULL = Specification(
    minimum_steps=STEPS_AT_LEAST,
    data="stanford",
    unlabelled="stanford",
    vocabulary_size=30_000,
    vectors="corpus",
    embedding_size=100,
    max_length=400,
    hidden_size=128,
    dropout=0.3,
    word_dropout=0.5,
    batch_size=32,
    learning_rate=4e-3,
)

PRESETS: dict[str, Specification] = {
    # Seconds a cell: for tests and a first look.
    "smoke": Specification(
        minimum_steps=STEPS_AT_LEAST,
        reviews=4_000,
        max_length=64,
        vocabulary_size=8_000,
        hidden_size=32,
        epochs=4,
        batch_size=64,
    ),
    # The default comparison: twelve cells in minutes on two cores.
    "quick": Specification(minimum_steps=STEPS_AT_LEAST),
    # The official data and larger models: minutes a cell on two cores.
    "full": _FULL,
    # Twice the units, for a start from a language model (--start-from): less to unlearn, so smaller steps.
    "wide": _FULL.replaced(hidden_size=256, word_dropout=0.25, learning_rate=1e-3),
}


DEFAULT_PRESET = "quick"


def preset(name: str) -> Specification:
    """Return the preset with this name, or raise a LockstepError that lists the names."""
    if name not in PRESETS:
        raise LockstepError(f"unknown preset {name!r}: choose one of {', '.join(PRESETS)}")
    return PRESETS[name]


def specification_of(given: Mapping[str, Any]) -> Specification:
    """Return the specification that flags ask for.

    Parameters
    ----------
    given : mapping
        ``preset``, ``task`` and ``like``, where they were given, and fields. With a task the preset may be one of the
        task's own (by default its first), and ``data`` may be the path of its file alone.

    Raises
    ------
    LockstepError
        If there is no such preset, task or framework, a value is out of range, or a field that was given would
        change nothing.
    """
    fields = {name: value for name, value in given.items() if name in Specification.model_fields}
    base, name = {}, str(given.get("preset") or "")
    if given.get("task"):
        from shared.tasks import find_task  # only here: each is a module of its own

        task = find_task(str(given["task"]))
        source = next(iter(task.sources))
        data = str(fields.get("data", source))
        fields["data"] = data if data.partition(":")[0] in task.sources else f"{source}:{data}"
        if task.presets and name not in PRESETS:
            base, name = task.fields(name or next(iter(task.presets)), fields.get("architecture")), ""
    specification = preset(name or DEFAULT_PRESET).replaced(**base)
    if given.get("like"):
        from shared.recipes import documented  # it builds on this module

        chosen = {name: fields[name] for name in ("architecture",) if name in fields}
        specification = documented(str(given["like"]), specification.replaced(**chosen))
    specification = specification.replaced(**fields)
    refuse_idle(specification, fields)
    return specification


def refuse_idle(specification: Specification, given: Container[str]) -> None:
    """Refuse a field that was asked for and would change nothing.

    Parameters
    ----------
    specification : Specification
        With the fields that were given.
    given : container of str
        Their names. One that has its default anyway is no mistake.

    Raises
    ------
    LockstepError
        If one would change nothing; it says why.
    """
    for name, why in specification.idle_fields().items():
        if name in given and getattr(specification, name) != Specification.model_fields[name].default:
            raise LockstepError(f"{name.replace('_', '-')} would change nothing here: {why}; leave it out")


def from_record(values: Mapping[str, Any]) -> Specification:
    """Read a specification that a record or a checkpoint stored.

    In records from before there were ``batch_parts``, a batch was computed as a whole.

    Raises
    ------
    LockstepError
        If a field is missing, unknown or out of range.
    """
    try:
        whole = {"batch_parts": 1} if values.get("recipe") == "lockstep" else {}
        return Specification.model_validate({**whole, **values})
    except ValidationError as error:
        raise LockstepError(_one_line(error)) from error


def add_specification_flags(parser: argparse.ArgumentParser, without: tuple[str, ...] = ()) -> None:
    """Give a parser ``--task``, ``--preset`` and one flag for each field of the specification.

    Parameters
    ----------
    parser : argparse.ArgumentParser
        Gets the flags, in groups.
    without : tuple of str
        Fields that the command asks for in its own way.
    """
    parser.add_argument(
        "--task", metavar="NAME", help="a data set with the model that was published on it; lockstep tasks lists them"
    )
    parser.add_argument(
        "--preset",
        metavar="NAME",
        help=f"{', '.join(PRESETS)}, or one of the task's own (default: {DEFAULT_PRESET}, or the task's first)",
    )
    if "like" not in without:
        parser.add_argument(
            "--like",
            metavar="FRAMEWORK",
            help="start from the values that this framework's documentation writes, whichever framework trains",
        )
    add_field_flags(parser, [name for name in Specification.model_fields if name not in without])


def add_field_flags(parser: argparse.ArgumentParser, names: Sequence[str]) -> None:
    """Give a parser one flag for each of some fields of the specification, in their groups."""
    groups: dict[str, Any] = {}
    for name in names:
        field = Specification.model_fields[name]
        assert isinstance(field.json_schema_extra, dict)
        title = str(field.json_schema_extra["group"])
        if title not in groups:
            groups[title] = parser.add_argument_group(
                f"{title} (in brackets: the preset {DEFAULT_PRESET}, and what others have)"
            )
        group = groups[title]
        flag, said = "--" + name.replace("_", "-"), f"{field.description} ({by_preset(name)})".replace("%", "%%")
        if field.annotation is bool:
            group.add_argument(flag, default=None, action=argparse.BooleanOptionalAction, help=said)
            continue
        choices = get_args(field.annotation) if get_origin(field.annotation) is Literal else ()
        metavar = "|".join(choices) if choices else name.upper().split("_")[-1]
        group.add_argument(flag, metavar=metavar, help=said)


def by_preset(name: str) -> str:
    """Return in words which value a field has in the presets, such as ``64, smoke: 32``."""
    values = {preset: _as_typed(getattr(specification, name)) for preset, specification in PRESETS.items()}
    usual = values[DEFAULT_PRESET]
    others = [f"{preset}: {value}" for preset, value in values.items() if value != usual]
    return ", ".join([usual, *others])


def _as_typed(value: object) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    return "all" if value is None else f"{value:g}" if isinstance(value, float) else str(value)


def flags_of(values: Mapping[str, object]) -> list[str]:
    """Return the flags that set these fields, for a command in another process; None cannot be said."""
    flags = []
    for name, value in values.items():
        if value is None:
            continue
        flag = name.replace("_", "-")
        if isinstance(value, bool):
            flags.append(f"--{flag}" if value else f"--no-{flag}")
        else:
            flags += [f"--{flag}", str(value)]
    return flags


def specification_from_flags(arguments: argparse.Namespace) -> Specification:
    """Return what the flags that were given ask for; values are checked here."""
    return specification_of(given_flags(arguments))


def given_flags(arguments: argparse.Namespace) -> dict[str, Any]:
    """Return the flags that make a specification, as far as they were given: preset, task, like, and fields by name."""
    values = {name: getattr(arguments, name, None) for name in ("task", "preset", "like", *Specification.model_fields)}
    return {name: value for name, value in values.items() if value is not None}


def _one_line(error: ValidationError) -> str:
    first = error.errors()[0]
    where = ".".join(str(part) for part in first["loc"]) or "specification"
    ours = first["type"] == "value_error"  # a whole sentence already
    got = f", not {first['input']!r:.80}" if first["loc"] and not ours else ""
    return f"{where.replace('_', '-'):.80}: {first['msg'].removeprefix('Value error, ')}{got}"
