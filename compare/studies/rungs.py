"""What the studies switch: rungs, each a recipe with one thing changed, as data."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace

from shared.errors import LockstepError
from shared.specification import PRESETS, Specification

BASE = "lockstep"


@dataclass(frozen=True)
class Rung:
    """One choice that is switched.

    Attributes
    ----------
    name : str
        Its directory's.
    title : str
        What is switched.
    whose : str
        Whose default it is, or who proposed it.
    changes : mapping
        Fields of the specification.
    against : str
        The rung that it is compared with: the recipe, or the one that differs from it in this
        default alone.
    not_in : tuple of str
        Frameworks that cannot do it, and cells that have no such choice.
    """

    name: str
    title: str
    whose: str = ""
    changes: Mapping[str, object] = field(default_factory=dict)
    against: str = BASE
    not_in: tuple[str, ...] = ()


RUNGS = (
    Rung(BASE, "the lockstep recipe"),
    # What the model is.
    Rung("last-state", "last state alone, not last, max and mean", "Keras, PyTorch, Flair", {"pooling": "last"}),
    Rung("second-bias", "a second bias, trained", "PyTorch, Flair, fastai", {"second_bias": True}, not_in=("gru",)),
    Rung("reprojection", "a linear map of the word vectors, trained", "Flair", {"reprojection": True}),
    Rung("frozen-vectors", "word vectors stay as they are", "Flair", {"train_embedding": False}),
    Rung("head-sigmoid", "one number and its sigmoid, not two and their softmax", "Keras", {"head": "sigmoid"}),
    # What is dropped of it in training.
    Rung("dropout-0.5", "half of the features dropped, not a fifth", "Flair", {"dropout": 0.5}),
    Rung("embedding-dropout-0.5", "half of the word vectors' numbers dropped", "Flair", {"embedding_dropout": 0.5}),
    Rung("spatial-dropout", "whole channels of the words dropped", "Tompson et al. 2015", {"spatial_dropout": 0.3}),
    Rung("recurrent-dropout", "units of the state dropped", "Gal & Ghahramani 2016", {"recurrent_dropout": 0.3}),
    # Where it starts. Keras' distributions are the recipe's.
    Rung("initialisation-pytorch", "initial weights of PyTorch", "PyTorch", {"initialisation": "pytorch"}),
    Rung("initialisation-flair", "initial weights of Flair", "Flair", {"initialisation": "flair"}),
    Rung("initialisation-fastai", "initial weights of fastai", "fastai", {"initialisation": "fastai"}),
    Rung("random-vectors", "word vectors drawn, not pretrained", "Keras, PyTorch, fastai", {"vectors": "random"}),
    Rung(
        "random-vectors-pytorch",
        "initial weights of PyTorch, vectors standard normal",
        "PyTorch",
        {"vectors": "random", "initialisation": "pytorch"},
        "random-vectors",
    ),
    Rung(
        "random-vectors-fastai",
        "initial weights of fastai, vectors 0.01 wide",
        "fastai",
        {"vectors": "random", "initialisation": "fastai"},
        "random-vectors",
    ),
    # What it reads.
    Rung("padding-right", "padding right, read as words", "PyTorch's pad_sequence", {"padding": "right"}),
    Rung("padding-left", "padding left, read as words", "Keras' pad_sequences", {"padding": "left"}),
    Rung(
        "last-state-padding-right",
        "padding right, read as words",
        "PyTorch's pad_sequence",
        {"pooling": "last", "padding": "right"},
        "last-state",
    ),
    Rung(
        "last-state-padding-left",
        "padding left, read as words",
        "Keras' pad_sequences",
        {"pooling": "last", "padding": "left"},
        "last-state",
    ),
    Rung("truncation-head", "beginnings are read, not ends", "Keras' TextVectorization", {"truncation": "head"}),
    # In which steps it is trained.
    Rung("batch-order-shuffled", "batches of any length", "Keras, PyTorch, Flair", {"batch_order": "shuffled"}),
    Rung("batch-order-sorted-dl", "batches as SortedDL makes them", "fastai", {"batch_order": "sorted_dl"}),
    Rung("drop-last", "the last batch left out if it is not full", "fastai", {"drop_last": True}),
    Rung("batch-size-32", "batches of 32", "Keras, Flair", {"batch_size": 32}),
    Rung("batch-size-64", "batches of 64", "PyTorch, fastai", {"batch_size": 64}),
    Rung("schedule-constant", "constant learning rate", "Keras, PyTorch", {"schedule": "constant"}),
    Rung("schedule-one-cycle", "one cycle, in straight lines", "Smith 2018", {"schedule": "one_cycle"}),
    Rung(
        "one-cycle-fastai",
        "one cycle, in cosines, momentum against it",
        "fastai",
        {"schedule": "one_cycle_cosine", "momentum_schedule": "one_cycle"},
    ),
    Rung("learning-rate-1e-3", "learning rate 0.001", "Keras, PyTorch, fastai", {"learning_rate": 1e-3}),
    Rung("best-epoch", "weights of the best epoch, not of the last", "Flair", {"evaluation_weights": "best"}),
    # By which arithmetic.
    Rung("sgd", "plain descent at 0.1, not Adam", "Flair", {"optimizer": "sgd", "learning_rate": 0.1}),
    Rung("weight-decay", "decoupled weight decay 0.01", "fastai", {"optimizer": "adamw", "weight_decay": 0.01}),
    Rung("epsilon-1e-8", "Adam's epsilon 1e-8", "PyTorch", {"epsilon": 1e-8}),
    Rung("epsilon-before", "epsilon before the bias correction", "Keras", {"epsilon_place": "before"}),
    Rung("places-apart", "a word's gradient squared at each place apart", "Keras", {"repeated_words": "apart"}),
    Rung("adam-fastai", "beta_2 0.99 and epsilon 1e-5", "fastai", {"beta_2": 0.99, "epsilon": 1e-5}),
    Rung("no-clipping", "no clipping", "Keras, PyTorch, fastai", {"gradient_clipping": 0.0}),
    Rung("clipping-5", "clipping at 5, not at 1", "Flair", {"gradient_clipping": 5.0}),
    Rung("class-weights", "classes weigh alike, not reviews", "King & Zeng 2001", {"class_weights": "balanced"}),
    Rung("loss-sum", "sum of the losses, not their mean", "Flair", {"loss_reduction": "sum"}),
    Rung(
        "loss-sum-no-clipping",
        "sum of the losses, not their mean",
        "Flair",
        {"loss_reduction": "sum", "gradient_clipping": 0.0},
        "no-clipping",
    ),
)

# Of the second round, which starts from a language model.
WIDE = {name: getattr(PRESETS["wide"], name) for name in ("hidden_size", "learning_rate", "word_dropout")}
# What makes the full recipe good, each taken away or, where the recipe is another, put in; and what it leaves out.
ABLATION = (
    Rung(BASE, "the lockstep recipe"),
    Rung("no-word-dropout", "no word dropout", "Gal & Ghahramani 2016", {"word_dropout": 0.0}),
    Rung("word-dropout", "half of the vocabulary dropped", "Gal & Ghahramani 2016", {"word_dropout": 0.5}),
    Rung("no-dropout", "no dropout of features", "Srivastava et al. 2014", {"dropout": 0.0}),
    Rung("last-state", "last state alone, not last, max and mean", "Howard & Ruder 2018", {"pooling": "last"}),
    Rung("max-pooling", "maximum alone", "Conneau et al. 2017", {"pooling": "max"}),
    Rung("random-vectors", "word vectors drawn, not learnt before", "Mikolov et al. 2013", {"vectors": "random"}),
    Rung("corpus-vectors", "word vectors learnt from the reviews", "Mikolov et al. 2013", {"vectors": "corpus"}),
    Rung("labelled-vectors", "word vectors of the labelled reviews", "Dai & Le 2015", {"unlabelled": "none"}),
    Rung("schedule-constant", "constant learning rate", "Goyal et al. 2017", {"schedule": "constant"}),
    Rung("batch-size-32", "batches of 32", "Masters & Luschi 2018", {"batch_size": 32}),
    Rung("batch-size-128", "batches of 128", "Masters & Luschi 2018", {"batch_size": 128}),
    Rung("truncation-head", "beginnings are read, not ends", "Sun et al. 2019", {"truncation": "head"}),
    Rung("max-length-256", "256 words are read", "Dai & Le 2015", {"max_length": 256}),
    Rung("max-length-400", "400 words are read", "Dai & Le 2015", {"max_length": 400}),
    Rung("two-layers", "two recurrent layers", "Graves et al. 2013", {"layers": 2}),
    Rung("weight-averaging", "mean of the last half's weights", "Polyak & Juditsky 1992", {"weight_averaging": 0.5}),
    Rung("pseudo-labels", "trained on pseudo-labels too", "Yarowsky 1995, Hinton et al. 2015"),
    Rung("wide", "256 units, word dropout 0.25, learning rate 0.001", "Dai & Le 2015", WIDE),
    Rung("language-model", "starts from a language model", "Dai & Le 2015", against="wide"),
    Rung("both", "pseudo-labels too", "Dai & Le 2015, Yarowsky 1995", against="language-model"),
)


@dataclass(frozen=True)
class Study:
    """A set of rungs and how its table is called.

    Attributes
    ----------
    name : str
        Of its files.
    title, heading : str
        Of the page, and of the column that says whose a rung is.
    rungs : tuple of Rung
        The recipe first.
    """

    name: str
    title: str
    heading: str
    rungs: tuple[Rung, ...]

    def from_there(self, flags: Sequence[str]) -> Study:
        """Return the study as it is called where flags make its recipe another one."""
        base, *others = self.rungs
        title = f"{base.title} with {' '.join(flags)}" if flags else base.title
        return replace(self, rungs=(replace(base, title=title), *others))


DEFAULTS = Study("ladder", "What each default is worth", "whose", RUNGS)


def ablation(language_model: str, pseudo_labels: str) -> Study:
    """Return the study of what makes the full recipe; what was not made, said by ``none``, is left out.

    Parameters
    ----------
    language_model : str
        For ``--start-from``, of as many units as the second round has, or ``none``.
    pseudo_labels : str
        For ``--pseudo-labels``, or ``none``.
    """
    made: dict[str, dict[str, object]] = {
        "pseudo-labels": {"pseudo_labels": pseudo_labels},
        "language-model": {**WIDE, "start_from": language_model},
        "both": {**WIDE, "start_from": language_model, "pseudo_labels": pseudo_labels},
    }
    rungs = [replace(rung, changes=made.get(rung.name, rung.changes)) for rung in ABLATION]
    kept = tuple(rung for rung in rungs if "none" not in made.get(rung.name, {}).values())
    return Study("ablation", "What each part of the full recipe is worth", "source", kept)


# Reviews with other labels or none may be learnt from in one rung and not in another; all are tested on the same.
LEARNT_FROM = {"unlabelled", "pseudo_labels"}


def rungs_of(
    specification: Specification, framework: str, names: Collection[str] = (), study: Study = DEFAULTS
) -> list[Rung]:
    """Return the rungs that change something here, each against one that is kept too.

    Parameters
    ----------
    specification : Specification
        The recipe; a default that it has already cannot be switched.
    framework : str
        Leaves out what it cannot do.
    names : collection of str
        Only these, and what they are compared with; none is all.
    study : Study
        Whose rungs.

    Raises
    ------
    LockstepError
        If there is no rung with such a name.
    """
    known = [rung.name for rung in study.rungs]
    for name in names:
        if name not in known:
            raise LockstepError(f"unknown rung {name!r}: choose among {', '.join(known)}")
    wanted = _with_what_they_are_against(study, names) if names else set(known)
    possible = [rung for rung in study.rungs if not {framework, specification.cell} & set(rung.not_in)]
    made = {rung.name: specification.replaced(**rung.changes) for rung in possible}
    same_as: dict[str, str] = {}  # a rung that changes nothing is the one that it is compared with
    kept = []
    for rung in possible:
        idle = rung.name != BASE and made[rung.name] == made[rung.against]
        same_as[rung.name] = same_as[rung.against] if idle else rung.name
        if rung.name in wanted and not idle:
            kept.append(replace(rung, against=same_as[rung.against]))
    return kept


def _with_what_they_are_against(study: Study, names: Collection[str]) -> set[str]:
    against = {rung.name: rung.against for rung in study.rungs}
    wanted = {BASE}
    for name in names:
        while name not in wanted:
            wanted.add(name)
            name = against[name]
    return wanted
