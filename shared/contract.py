"""What every implementation is to the rest: a few functions with one meaning."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Collection
from dataclasses import dataclass
from functools import partial
from typing import Any, Protocol

import numpy as np

from shared.data.batches import Masks
from shared.data.encoded import EncodedReviews
from shared.durations import Interval
from shared.errors import LockstepError
from shared.frameworks import FRAMEWORKS as FRAMEWORKS  # for those who import them from here
from shared.frameworks import REFERENCE as REFERENCE
from shared.frameworks import module_name as module_name
from shared.history import History, Progress
from shared.recipes import documented
from shared.resuming import Keeper
from shared.specification import Specification
from shared.weights import Weights

Configure = Callable[[str, int | None, Specification], str]
Build = Callable[[Specification, Weights], Any]
Train = Callable[[Any, EncodedReviews, EncodedReviews, Specification, Progress], History]


class TrainOrResume(Protocol):
    """As `Train`, or with a keeper of states: then training goes on from the one that it has, and keeps more."""

    def __call__(
        self,
        model: Any,
        train_reviews: EncodedReviews,
        validation_reviews: EncodedReviews,
        specification: Specification,
        progress: Progress,
        keeper: Keeper | None = None,
    ) -> History:
        """Train in place."""


# What a framework's own code decides itself, whichever it is: other values than the documented ones are refused. A room
# adds its own (see `Native`).
DECIDED_FIELDS = (
    *("padding", "initialisation", "start_from", "second_bias", "reprojection", "head", "class_weights"),
    *("word_dropout", "embedding_dropout", "token_dropout", "spatial_dropout", "recurrent_dropout"),
    *("batch_parts", "batch_order", "drop_last", "loss_reduction", "optimizer", "weight_decay", "momentum"),
    *("momentum_schedule", "epsilon_place", "repeated_words", "weight_averaging"),
)


@dataclass(frozen=True, kw_only=True)
class Native:
    """A framework's own code for the same classifier, as its documentation writes it.

    It is trained in the idiomatic recipe, and is the witness that the values of `shared.recipes` are complete: any
    framework told to act like this one gives what this code gives.

    Attributes
    ----------
    decided_fields : tuple of str
        Fields beside `DECIDED_FIELDS` for which this code has no place.
    build : (specification, weights) -> model
        The weights give the sizes and the word vectors; the framework draws the rest.
    train : (model, train_reviews, validation_reviews, specification, progress) -> History
        Train in place.
    """

    decided_fields: tuple[str, ...] = ()
    build: Build
    train: Train


@dataclass(frozen=True, kw_only=True)
class Implementation:
    """The classifier in one framework. `Any` stands for that framework's own model object.

    Attributes
    ----------
    framework : str
        One of `FRAMEWORKS`, or `REFERENCE`.
    version : str
        The framework's version.
    configure : (device, threads, specification) -> str
        Called once, before anything else: sets device (``auto``, ``cpu``, ``cuda``, ``mps``),
        threads (None leaves the framework's default), what they are for in this recipe, and the
        framework's own random generators by the specification's seed.
        Returns the device that is used; raises LockstepError if there is none such.
    build : (specification, weights) -> model
        From canonical weights: those that training begins with (`shared.weights.initialise`), or those of a checkpoint,
        in which a second bias and a reprojection are part of other arrays (`shared.weights.folded`).
    train : (model, train_reviews, validation_reviews, specification, progress, keeper=None) -> History
        Train in place. With a keeper it goes on from the state that this one has, after any step, as if it had never
        stopped: the result is the same, bit for bit.
    forward_and_backward : (model, reviews, masks) -> (logits, loss, gradients)
        What one training step computes, all reviews in one batch, without the update: logits
        ``<float>[reviews, classes]``, the mean cross-entropy, and its gradient by canonical name
        and layout. The masks are those of `shared.data.batches.Batch`. A head of one logit z has the
        two logits 0 and z, whose softmax is z's sigmoid.
    predict_probabilities : (model, reviews) -> <float32>[reviews, classes]
        Rows in the order of the reviews.
    export_weights : (model) -> dict of str to <float32> array
        Canonical weights of the model as it is now, by the names that training begins with.
    count_trainable : (model) -> int
        Numbers that the framework's own optimizer would train.
    native : Native or None
        The framework's own code; the reference has none.
    """

    framework: str
    version: str
    configure: Configure
    build: Build
    train: TrainOrResume
    forward_and_backward: Callable[[Any, EncodedReviews, Masks], tuple[np.ndarray, float, Weights]]
    predict_probabilities: Callable[[Any, EncodedReviews], np.ndarray]
    export_weights: Callable[[Any], Weights]
    count_trainable: Callable[[Any], int]
    native: Native | None = None

    def builder(self, specification: Specification) -> Build:
        """Return what builds the model in this recipe."""
        return self.native.build if specification.recipe == "idiomatic" and self.native else self.build

    def trainer(self, specification: Specification, keeper: Keeper | None = None) -> Train:
        """Return what trains it; a framework's own code keeps no states (see `refuse_interval`)."""
        if specification.recipe == "idiomatic" and self.native:
            return self.native.train
        return partial(self.train, keeper=keeper)


def refuse_interval(every: Interval | None, specification: Specification) -> None:
    """Raise a LockstepError if states are to be kept of a framework's own code, which draws as it goes."""
    if every is not None and specification.recipe == "idiomatic":
        raise LockstepError(
            "--checkpoint-every: in the idiomatic recipe a framework's own code trains, and cannot go on midway; "
            "leave it out, or pass --like FRAMEWORK instead of the recipe"
        )


def followed(implementation: Implementation, specification: Specification, given: Collection[str]) -> Specification:
    """Return what a framework trains when it is asked for a specification.

    Parameters
    ----------
    implementation : Implementation
        Of the framework.
    specification : Specification
        As asked for. In the lockstep recipe it is trained as it is.
    given : collection of str
        Fields whose values were asked for; in the idiomatic recipe the documented ones replace the others.

    Raises
    ------
    LockstepError
        If a field was given that the framework's own code does not honour, by name, or it has no such code.
    """
    if specification.recipe != "idiomatic":
        return specification
    framework, native = implementation.framework, implementation.native
    if native is None:
        raise LockstepError(f"recipe: {framework} has no documentation of its own to follow; train the lockstep recipe")
    own = documented(framework, specification).replaced(batch_parts=1)
    kept = {name: getattr(specification, name) for name in given}
    for name in (*DECIDED_FIELDS, *native.decided_fields):
        if name in kept and kept[name] != getattr(own, name):
            flag = name.replace("_", "-")
            raise LockstepError(
                f"in the idiomatic recipe {framework} decides on {flag}: leave it out, or pass --like {framework} "
                "instead of the recipe"
            )
    return own.replaced(**kept)


def load_implementation(framework: str) -> Implementation:
    """Import a framework and its implementation; one framework a process.

    Raises
    ------
    LockstepError
        If there is no such framework, or it is not installed.
    """
    main = importlib.import_module(f"{module_name(framework)}.__main__")
    try:
        return main.load()
    except ModuleNotFoundError as error:
        advice = f"pip install 'lockstep[{framework}]', or run make"
        raise LockstepError(f"{framework} cannot be imported ({error.name} is missing): {advice}") from error
