"""The classifier for people who do not want a command line: scikit-learn's contract, on texts in memory.

The same for all frameworks: each room's package binds it to its own (see `shared.rooms`). A framework is imported when
something is computed, not before. What a fitted estimator keeps is a checkpoint, which any framework can open; the
framework's own model is built from it when it is needed.
"""

from __future__ import annotations

import inspect
import os
import sys
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Literal, Self, get_args
from weakref import WeakKeyDictionary

import numpy as np
from pydantic import BaseModel, ConfigDict
from safetensors.numpy import load, save
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.utils import check_random_state
from sklearn.utils.validation import check_is_fitted

from shared.classes import check_class_names
from shared.files import read_json, seal
from shared.frameworks import REGISTRY, framework_named
from shared.history import Epoch, Silent
from shared.output import written
from shared.samples import CALLED, InputError, as_input_errors, pairs_of, shown, texts_of
from shared.specification import (
    DEFAULT_PRESET,
    Architecture,
    BatchOrder,
    EpsilonPlace,
    EvaluationWeights,
    Head,
    Initialisation,
    LossReduction,
    MomentumSchedule,
    Optimizer,
    Padding,
    Pooling,
    Recipe,
    RepeatedWords,
    Schedule,
    Specification,
    Truncation,
    by_preset,
    from_record,
    specification_of,
)
from shared.terminal import say
from shared.text import Vocabulary
from shared.weights import CHECKPOINT, Checkpoint, Weights, check, folded, read_checkpoint, save_checkpoint, shapes

if TYPE_CHECKING:
    from shared.contract import Implementation

if TYPE_CHECKING:
    from shared.contract import Implementation
    from shared.data.corpus import Corpus

# Fields of the specification that say where texts are and how a file is read: here they are in memory.
SOURCES = (
    *("data", "test_data", "validation_data", "unlabelled", "pseudo_labels", "reviews", "test_fraction"),
    *("text_column", "label_column", "id_column", "split_column", "encoding", "delimiter", "header", "labels"),
)
IN_MEMORY = {**{name: Specification.model_fields[name].default for name in SOURCES}, "data": "memory"}
FIELDS = tuple(name for name in Specification.model_fields if name not in (*SOURCES, *CALLED))
# What the words and the first weights were made by: once there are some, nothing of it counts any more.
MADE_ONCE = (
    *("cleaning", "vocabulary_size", "minimum_count", "padding"),
    *("vectors", "embedding_size", "initialisation", "start_from"),
    *("architecture", "hidden_size", "layers", "head"),
)

LabelKind = Literal["str", "bool", "int", "float"]
KINDS: Mapping[str, LabelKind] = {"U": "str", "S": "str", "b": "bool", "i": "int", "u": "int", "f": "float"}
READ_LABEL: Mapping[LabelKind, Any] = {"str": str, "bool": "True".__eq__, "int": int, "float": float}


class _Notes(BaseModel):
    """What stands beside a checkpoint that an estimator wrote: of which Python type its labels are."""

    model_config = ConfigDict(extra="ignore", frozen=True)

    label_kind: LabelKind = "str"


class _Lines(Silent):
    """Says a line an epoch."""

    def message(self, text: str) -> None:
        """Print it."""
        say(text)


@dataclass(eq=False, repr=False, kw_only=True)
class SentimentClassifier(ClassifierMixin, BaseEstimator):
    """Text classifier with recurrent layers, trained in <framework>, with scikit-learn's contract on raw texts.

    It is the model of ``python -m <package> train``: from the same texts, labels and settings come the same weights.

    Parameters
    ----------
    preset : str, default "quick"
        Gives the values of all parameters that are None: ``smoke``, ``quick``, ``full`` or ``wide``.
    like : str, optional
        A framework whose documentation gives them instead, as far as it says something.
    random_state : int, RandomState or None, default 0
        Seed of initial weights, batches and dropout. None draws another one at every fit.
    class_weight : "balanced" or None
        How much a text's loss counts: all alike, or each class as much as every other.
    warm_start : bool, default False
        Whether another `fit` goes on from the weights that are there.
    verbose : bool or int, default False
        Whether a line is said after each epoch.
    device : {"auto", "cpu", "cuda", "mps"}, default "auto"
        On which it is computed.
    threads : int, optional
        That compute; by default one for each core. With ``n_jobs`` of scikit-learn, 1 is right.
    <fields>

    Attributes
    ----------
    classes_ : array of shape (n_classes,)
        The labels, sorted.
    checkpoint_ : shared.weights.Checkpoint
        Specification, vocabulary, weights and class names: what :meth:`save` writes.
    history_ : list of shared.history.Epoch
        Loss and accuracy of each epoch, in training and on the texts that were held out for validation.
    n_iter_ : int
        Epochs that were trained; those of a warm start are added.

    Examples
    --------
    >>> from <package> import SentimentClassifier
    >>> texts = ["a lovely, funny film", "dull and badly acted"] * 20
    >>> texts = [f"{text}, number {number}" for number, text in enumerate(texts)]
    >>> labels = ["good", "bad"] * 20
    >>> model = SentimentClassifier(vectors="random", hidden_size=8, epochs=10, batch_size=8).fit(texts, labels)
    >>> model.predict(["funny and lovely", "badly acted, dull"]).tolist()
    ['good', 'bad']
    """

    framework: ClassVar[str] = ""

    preset: str = DEFAULT_PRESET
    like: str | None = None
    random_state: int | np.random.RandomState | None = 0
    class_weight: Literal["balanced"] | None = None
    warm_start: bool = False
    verbose: bool | int = False
    device: str = "auto"
    threads: int | None = None
    validation_fraction: float | None = None
    split_seed: int | None = None
    cleaning: str | None = None
    vocabulary_size: int | None = None
    minimum_count: int | None = None
    max_length: int | None = None
    truncation: Truncation | None = None
    padding: Padding | None = None
    vectors: str | None = None
    architecture: Architecture | None = None
    embedding_size: int | None = None
    train_embedding: bool | None = None
    hidden_size: int | None = None
    layers: int | None = None
    pooling: Pooling | None = None
    initialisation: Initialisation | None = None
    start_from: str | None = None
    second_bias: bool | None = None
    reprojection: bool | None = None
    dropout: float | None = None
    word_dropout: float | None = None
    spatial_dropout: float | None = None
    embedding_dropout: float | None = None
    token_dropout: float | None = None
    recurrent_dropout: float | None = None
    head: Head | None = None
    recipe: Recipe | None = None
    epochs: int | None = None
    minimum_steps: int | None = None
    batch_size: int | None = None
    batch_parts: int | None = None
    batch_order: BatchOrder | None = None
    drop_last: bool | None = None
    loss_reduction: LossReduction | None = None
    optimizer: Optimizer | None = None
    learning_rate: float | None = None
    schedule: Schedule | None = None
    weight_decay: float | None = None
    momentum: float | None = None
    momentum_schedule: MomentumSchedule | None = None
    beta_1: float | None = None
    beta_2: float | None = None
    epsilon: float | None = None
    epsilon_place: EpsilonPlace | None = None
    repeated_words: RepeatedWords | None = None
    gradient_clipping: float | None = None
    weight_averaging: float | None = None
    evaluation_weights: EvaluationWeights | None = None

    def fit(self, X: Any, y: Any) -> Self:  # noqa: N803 (scikit-learn's name)
        """Train on texts and their labels; a part of them is held out for validation.

        Parameters
        ----------
        X : sequence of str, of shape (n_texts,)
            A list, an array or a pandas Series of raw texts.
        y : sequence of str, int, bool or whole float, of shape (n_texts,)
            Two classes or more.

        Returns
        -------
        SentimentClassifier
            Itself. With ``warm_start`` and after an earlier `fit` (or `load`), weights and vocabulary go on from there;
            the optimizer's moments, the schedule of the learning rate, the split, and the order of batches and what is
            dropped in them, which `random_state` decides, begin anew.

        Raises
        ------
        InputError
            If a parameter, a text or a label is none that can be trained on.
        """
        texts, labels = pairs_of(X, y)
        if not any(text.strip() for text in texts):
            raise InputError(f"X: all {len(texts):,} texts are empty")
        with as_input_errors():
            self._fit(texts, labels)
        return self

    def _fit(self, texts: Sequence[str], labels: np.ndarray) -> None:
        from shared.contract import followed

        given, specification = self._asked_for()
        room = self._room()
        specification = followed(room, specification, given)
        earlier = self._earlier(specification, labels) if self.warm_start and self.__sklearn_is_fitted__() else None
        corpus, weights = _beginning(specification, texts, labels, earlier)
        _warn_of(corpus)
        self._configure(specification, again=True)
        model = room.builder(specification)(specification, weights)
        told = _Lines() if self.verbose else Silent()
        history = room.trainer(specification)(model, corpus.train, corpus.validation, specification, told)
        weights = folded(room.export_weights(model))
        before = self.history_ if earlier else []
        self._take(
            Checkpoint(specification, corpus.vocabulary, weights, corpus.class_names),
            self._labels if earlier else np.unique(labels),
            [*before, *(replace(epoch, epoch=len(before) + epoch.epoch) for epoch in history.epochs)],
        )

    def predict_proba(self, X: Any) -> np.ndarray:  # noqa: N803
        """Return the probability of each class.

        Parameters
        ----------
        X : sequence of str, of shape (n_texts,)
            Raw texts. One without a word gets the model's answer for no input. A warning says so, and how many texts
            have no word that the model knows.

        Returns
        -------
        <float32>[n_texts, n_classes]
            Columns in the order of `classes_`.

        Raises
        ------
        sklearn.exceptions.NotFittedError
            Before `fit`.
        InputError
            If these are no texts.
        """
        from shared.data.encoded import Coverage, encode_texts

        check_is_fitted(self)
        texts = texts_of(X)
        with as_input_errors():
            checkpoint = self.checkpoint_
            encoded = encode_texts(texts, checkpoint.vocabulary, checkpoint.specification)
            for warning in Coverage().add(encoded).warnings():
                warnings.warn(warning, stacklevel=2)
            return self._room().predict_probabilities(self._built(), encoded)[:, self._order]

    def predict(self, X: Any) -> np.ndarray:  # noqa: N803
        """Return the label of the most probable class of each text, of shape (n_texts,); see :meth:`predict_proba`."""
        probabilities = self.predict_proba(X)
        return self.classes_[probabilities.argmax(axis=1)]

    def score(self, X: Any, y: Any, sample_weight: Any = None) -> float:  # noqa: N803
        """Return the share of the texts whose label is predicted.

        Parameters
        ----------
        X : sequence of str, of shape (n_texts,)
            Raw texts.
        y : sequence of labels, of shape (n_texts,)
            One that is none of `classes_` counts as wrong, which is said by a warning.
        sample_weight : sequence of float, optional
            How much each text counts.

        Raises
        ------
        InputError
            If no label is one of the classes: then they are others than the model was trained on.
        """
        check_is_fitted(self)
        texts, labels = pairs_of(X, y)
        strange = sorted(set(labels.tolist()) - set(self.classes_.tolist()))
        if len(strange) == len(np.unique(labels)):
            raise InputError(
                f"y: none of its labels ({shown(strange)}) is one of the classes ({shown(self.classes_.tolist())})"
            )
        if strange:
            warnings.warn(f"y has labels that the model does not know, which count as wrong: {shown(strange)}",
                          stacklevel=2)  # fmt: skip
        right = self.predict(texts) == labels
        return float(np.average(right, weights=sample_weight))

    def save(self, path: str | os.PathLike[str], *, overwrite: bool = False) -> None:
        """Write the model as a checkpoint that every framework and every command opens.

        Parameters
        ----------
        path : path
            A new folder.
        overwrite : bool, default False
            Replace a checkpoint that stands there.

        Raises
        ------
        sklearn.exceptions.NotFittedError
            Before `fit`.
        InputError
            If something stands there, or nothing can be written there.
        """
        check_is_fitted(self)
        kind = KINDS.get(self.classes_.dtype.kind, "str")
        notes = {} if kind == "str" else seal({"label_kind": kind})
        with as_input_errors(), written(Path(path), CHECKPOINT, overwrite=overwrite) as temporary:
            save_checkpoint(temporary, self.checkpoint_, **notes)

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> Self:
        """Open a checkpoint or a run, whichever framework and whichever command wrote it.

        Parameters
        ----------
        path : path
            What :meth:`save`, ``train``, ``convert`` and others wrote.

        Returns
        -------
        SentimentClassifier
            Fitted, with the parameters that the model was trained with. Its classes are of the type that they were
            fitted with; those of a command are strings.

        Raises
        ------
        InputError
            If it is missing, damaged or changed.
        """
        folder = Path(path)
        with as_input_errors():
            checkpoint = read_checkpoint(folder)
            notes = _Notes()
            if (folder / "pretraining.json").exists():
                notes = read_json(folder / "pretraining.json", "what stands beside a checkpoint", _Notes)
            read = READ_LABEL[notes.label_kind]
            made = cls(**_parameters_of(checkpoint.specification))
            made._take(checkpoint, np.array([read(name) for name in checkpoint.class_names]), [])
        return made

    @property
    def vocabulary_(self) -> dict[str, int]:
        """Words that the model knows, and their ids."""
        check_is_fitted(self)
        return self.checkpoint_.vocabulary.ids

    @property
    def specification_(self) -> Specification:
        """Every value that the model was trained with."""
        check_is_fitted(self)
        return self.checkpoint_.specification

    def _asked_for(self) -> tuple[set[str], Specification]:
        """Return the fields that were given, and the specification that the parameters ask for."""
        if self.class_weight not in (None, "balanced"):
            raise InputError(
                f"class_weight: {self.class_weight!r:.100} cannot be trained with, None and 'balanced' can"
            )
        fields = {name: getattr(self, name) for name in FIELDS if getattr(self, name) is not None}
        if self.class_weight is not None:
            fields["class_weights"] = self.class_weight
        fields["seed"] = self._seed()
        self._check_kinds(fields)
        plain = {name: value.item() if isinstance(value, np.generic) else value for name, value in fields.items()}
        return set(plain), specification_of({**plain, **IN_MEMORY, "preset": self.preset, "like": self.like})

    def _check_kinds(self, fields: Mapping[str, Any]) -> None:
        """Refuse what Python would take for something else: ``"no"`` is true, and ``True`` is 1."""
        if not isinstance(self.warm_start, (bool, np.bool_)):
            raise InputError(f"warm_start: True or False, not {self.warm_start!r:.40}")
        if not isinstance(self.verbose, (bool, np.bool_, int, np.integer)):
            raise InputError(f"verbose: True, False or a number, not {self.verbose!r:.40}")
        whole = isinstance(self.threads, (int, np.integer)) and not isinstance(self.threads, bool)
        if self.threads is not None and not whole:
            raise InputError(f"threads: a whole number, not {self.threads!r:.40}")
        for field, value in fields.items():
            kind = Specification.model_fields[field].annotation
            name = "random_state" if field == "seed" else field
            if isinstance(value, (bool, np.bool_)) != (kind is bool):
                raise InputError(f"{name}: {value!r:.40} is not what it takes: {_taken(kind)}")
            if isinstance(value, str) and kind in (int, float):
                raise InputError(f"{name}: a number, not the text {value!r:.40}")

    def _seed(self) -> int:
        if self.random_state is None or isinstance(self.random_state, np.random.RandomState):
            return int(check_random_state(self.random_state).randint(2**31))
        return self.random_state

    def _earlier(self, specification: Specification, labels: np.ndarray) -> tuple[Checkpoint, np.ndarray]:
        """Return the checkpoint that is trained on, and the label of each of its classes.

        Raises
        ------
        InputError
            If what is asked for now does not go on from there.
        """
        if specification.recipe == "idiomatic":
            raise InputError("warm_start: the framework's own code draws its first weights; use recipe='lockstep'")
        checkpoint = self.checkpoint_
        if not np.array_equal(np.unique(labels), self.classes_):
            raise InputError(
                f"warm_start: y has the classes {shown(np.unique(labels).tolist())}, the model has "
                f"{shown(self.classes_.tolist())}; they must be the same"
            )
        for name in MADE_ONCE:
            asked, there = getattr(specification, name), getattr(checkpoint.specification, name)
            if asked != there:
                raise InputError(
                    f"warm_start: {name} was {there!r} and would have to stay so, not be {asked!r}: words and weights "
                    "that it made go on"
                )
        check(checkpoint.weights, specification)
        return checkpoint, self._labels

    def _take(self, checkpoint: Checkpoint, labels: np.ndarray, history: list[Epoch]) -> None:
        """Take what is fitted; `labels` are those of the checkpoint's classes, in its order."""
        self.checkpoint_, self.history_ = checkpoint, history
        self.n_iter_ = len(history)
        self._order = np.argsort(labels, kind="stable")  # a command sorts numbers by size, or as it was told
        self.classes_ = labels[self._order]
        _models.pop(self, None)

    @property
    def _labels(self) -> np.ndarray:
        """Labels of the checkpoint's classes, in its order."""
        return self.classes_[self._order.argsort()]

    def _built(self) -> Any:
        """Return the framework's model of the checkpoint, built when it is first needed."""
        specification = self.checkpoint_.specification.replaced(recipe="lockstep")
        self._configure(specification)
        if self not in _models:
            _models[self] = self._room().build(specification, self.checkpoint_.weights)
        return _models[self]

    def _room(self) -> Implementation:
        refuse_strangers(self.framework)
        return _implementation(self.framework)

    def _configure(self, specification: Specification, again: bool = False) -> None:
        """Tell the framework device and threads; with `again` also what it was told before, which seeds it anew."""
        if self.device not in DEVICES:
            raise InputError(f"device: {self.device!r:.40} is none of {', '.join(DEVICES)}")
        if self.threads is not None and not self.threads >= 1:
            raise InputError(f"threads: at least 1, not {self.threads}")
        wanted = (self.device, self.threads or os.cpu_count() or 1)
        if not again and _configured.get(self.framework) == wanted:
            return
        try:
            self._room().configure(*wanted, specification)
        except RuntimeError as error:
            raise InputError(
                f"{self.framework} has computed in this process already, and takes no other device, threads or recipe "
                "any more; use the same, or another process"
            ) from error
        if _configured.get(self.framework) != wanted:
            _models.clear()  # which may be on another device
        _configured[self.framework] = wanted

    def __sklearn_is_fitted__(self) -> bool:
        return "checkpoint_" in vars(self)

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.string = tags.input_tags.one_d_array = True
        tags.input_tags.two_d_array = False
        return tags

    def __getstate__(self) -> dict[str, Any]:
        """Return parameters and plain values: the checkpoint becomes bytes, as in its file."""
        fitted = {"checkpoint_": _packed(self.checkpoint_)} if self.__sklearn_is_fitted__() else {}
        return {**super().__getstate__(), **fitted}

    def __setstate__(self, state: Mapping[str, Any]) -> None:
        """Take what :meth:`__getstate__` returned; a checkpoint is checked as one that is read from the disk."""
        packed = state.get("checkpoint_")
        super().__setstate__(state if packed is None else {**state, "checkpoint_": _unpacked(packed)})


DEVICES = ("auto", "cpu", "cuda", "mps")
# The frameworks' models, each for as long as its estimator lives: pickles and copies have nothing of them.
_models: WeakKeyDictionary[SentimentClassifier, Any] = WeakKeyDictionary()
# Device and threads that each framework was told last, in this process.
_configured: dict[str, tuple[str, int]] = {}


@cache
def _implementation(framework: str) -> Implementation:
    from shared.contract import load_implementation

    return load_implementation(framework)


def bound_to(package: str) -> type[SentimentClassifier]:
    """Return the estimator of the framework whose implementation is in a package."""
    framework = next(one for one in REGISTRY if one.module == package)

    said = {"__doc__": documentation(framework.title, package), "__module__": package, "framework": framework.name}
    return type(SentimentClassifier.__name__, (SentimentClassifier,), said)


def documentation(title: str, package: str) -> str:
    """Return the documentation of the class of a framework; that of the fields is the specification's own."""
    fields = []
    for name in FIELDS:
        field = Specification.model_fields[name]
        choices = ", ".join(f'"{value}"' for value in get_args(field.annotation))
        kind = f"{{{choices}}}" if choices else SentimentClassifier.__annotations__[name].removesuffix(" | None")
        fields += [f"{name} : {kind}, optional", f"    {field.description} ({by_preset(name)})"]
    text = inspect.cleandoc(SentimentClassifier.__doc__ or "").replace("<fields>", "\n".join(fields))
    return text.replace("<framework>", title).replace("<package>", package)


def refuse_strangers(framework: str) -> None:
    """Refuse to import a framework into a process that has one beside which it can block.

    Parameters
    ----------
    framework : str
        Its name. Those that are built on the same package work together.

    Raises
    ------
    InputError
        If there is such a one.
    """
    own = framework_named(framework)
    packages = {*own.imports, *own.beneath}
    for other in REGISTRY:
        theirs = {*other.imports, *other.beneath}
        if theirs & packages:
            continue
        for package in sorted(theirs & sys.modules.keys()):
            raise InputError(
                f"{own.title} cannot be used beside {package}, which this process has imported: the two can block each "
                "other; use it in a process of its own, or open the saved model with shared.predictor.Predictor, which "
                "needs no framework"
            )


def _beginning(
    specification: Specification,
    texts: Sequence[str],
    labels: np.ndarray,
    earlier: tuple[Checkpoint, np.ndarray] | None,
) -> tuple[Corpus, Weights]:
    """Return the corpus of the texts, and the weights that training begins with."""
    from shared.cell import initial_weights
    from shared.data.account import Account
    from shared.data.corpus import corpus_of
    from shared.data.groups import hashes_of, text_groups
    from shared.data.reviews import Reviews

    classes = earlier[1] if earlier else np.unique(labels)
    names = earlier[0].class_names if earlier else tuple(map(str, classes.tolist()))
    if len(classes) < 2:
        raise InputError(
            f"y: all {len(labels):,} labels are {shown(classes.tolist())}, one class; a classifier needs two"
        )
    check_class_names(names)
    number = {label: place for place, label in enumerate(classes.tolist())}
    reviews = Reviews(
        "X",
        [f"text-{row}" for row in range(len(texts))],
        texts,
        np.array([number[label] for label in labels.tolist()], np.int16),
        text_groups(hashes_of(texts), np.arange(len(texts))),
        names,
        account=Account(source="X", form="texts in memory", read=len(texts), used=len(texts)),
    )
    corpus = corpus_of(reviews, specification, earlier[0].vocabulary if earlier else None)
    if earlier is None:
        return corpus, initial_weights(specification, corpus)
    return corpus, _unfolded(earlier[0].weights, specification, len(names))


def _warn_of(corpus: Corpus) -> None:
    """Warn of what is probably wrong with the texts, as the command does; its advice is in flags that are none here."""
    for account in corpus.accounts:
        for warning in account.warnings():
            problem = warning.partition("; ")[0]
            warnings.warn(f"{problem}; look at the texts, at cleaning, minimum_count and vocabulary_size", stacklevel=4)


def _unfolded(weights: Weights, specification: Specification, classes: int) -> Weights:
    """Return a checkpoint's weights with what only training has: a second bias of 0, a reprojection to the same."""
    found = {}
    for name, shape in shapes(specification, len(weights["embedding"]), classes, training=True).items():
        neutral = np.eye(shape[0]) if name == "reprojection.kernel" else np.zeros(shape)
        found[name] = weights[name] if name in weights else neutral.astype(np.float32)
    return found


def _parameters_of(specification: Specification) -> dict[str, Any]:
    """Return parameters that ask for a specification; those that its preset gives already are left out."""
    wanted = specification.without_idle_fields().replaced(**IN_MEMORY)
    usual = specification_of({"preset": DEFAULT_PRESET})
    parameters = {
        name: getattr(wanted, name)
        for name in FIELDS
        if getattr(wanted, name) != getattr(usual, name) or (name == "minimum_steps" and wanted.epochs != usual.epochs)
    }
    weight = None if wanted.class_weights == "none" else wanted.class_weights
    return {**parameters, "random_state": wanted.seed, "class_weight": weight}


def _packed(checkpoint: Checkpoint) -> dict[str, Any]:
    return {
        "specification": checkpoint.specification.model_dump(),
        "vocabulary": checkpoint.vocabulary.words,
        "weights": save(checkpoint.weights),
        "class_names": checkpoint.class_names,
    }


def _unpacked(values: Mapping[str, Any]) -> Checkpoint:
    weights, specification = load(values["weights"]), from_record(values["specification"])
    check(weights, specification)
    return Checkpoint(specification, Vocabulary(values["vocabulary"]), dict(weights), tuple(values["class_names"]))


def _taken(kind: object) -> str:
    return "True or False" if kind is bool else "a number" if kind in (int, float) else "another kind of value"
