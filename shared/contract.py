"""What every implementation is to the rest: a few functions with one meaning."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Collection
from dataclasses import dataclass
from typing import Any

import numpy as np

from shared.data.batches import Masks
from shared.data.encoded import EncodedReviews
from shared.errors import LockstepError
from shared.history import History, Progress
from shared.specification import Specification
from shared.weights import Weights

FRAMEWORKS = ("keras", "pytorch", "flair", "fastai")

# The NumPy model keeps the same contract, so that whatever runs the four can run it beside them.
REFERENCE = "reference"


@dataclass(frozen=True)
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
    idiomatic : (specification) -> specification
        The specification with the values that the framework's documentation would have you write,
        for every field of `decided_fields` among them.
    decided_fields : tuple of str
        Fields for which the documented way has no place: in the idiomatic recipe another value than
        the framework's own is refused.
    build : (specification, weights) -> model
        In the lockstep recipe the weights are the model's; in the idiomatic recipe they give the
        sizes and, if they are pretrained, the word vectors, and the framework draws the rest.
    train : (model, train_reviews, validation_reviews, specification, progress) -> History
        Train in place.
    forward_and_backward : (model, reviews, masks) -> (logits, loss, gradients)
        What one training step computes, all reviews in one batch, without the update: logits
        ``<float>[reviews, classes]``, the mean cross-entropy, and its gradient by canonical name
        and layout. The masks are those of `shared.data.batches.Batch`. A head of one logit z has the
        two logits 0 and z, whose softmax is z's sigmoid.
    predict_probabilities : (model, reviews) -> <float32>[reviews, classes]
        Rows in the order of the reviews.
    export_weights : (model) -> dict of str to <float32> array
        Canonical weights of the model as it is now.
    count_trainable : (model) -> int
        Numbers that the framework's own optimizer would train.
    documented_optimizer : str
        What changes the weights in the idiomatic recipe; in the lockstep recipe it is Adam everywhere.
    """

    framework: str
    version: str
    configure: Callable[[str, int | None, Specification], str]
    idiomatic: Callable[[Specification], Specification]
    decided_fields: tuple[str, ...]
    build: Callable[[Specification, Weights], Any]
    train: Callable[[Any, EncodedReviews, EncodedReviews, Specification, Progress], History]
    forward_and_backward: Callable[[Any, EncodedReviews, Masks], tuple[np.ndarray, float, Weights]]
    predict_probabilities: Callable[[Any, EncodedReviews], np.ndarray]
    export_weights: Callable[[Any], Weights]
    count_trainable: Callable[[Any], int]
    documented_optimizer: str = "Adam"


def followed(implementation: Implementation, specification: Specification, given: Collection[str]) -> Specification:
    """Return what a framework trains when it is asked for a specification.

    Parameters
    ----------
    implementation : Implementation
        Of the framework.
    specification : Specification
        As asked for. In the lockstep recipe it is trained as it is.
    given : collection of str
        Fields whose values were asked for; in the idiomatic recipe the framework's own replace the others.

    Raises
    ------
    LockstepError
        If a field was given that the framework does not honour in the idiomatic recipe, by name.
    """
    if specification.recipe != "idiomatic":
        return specification
    own = implementation.idiomatic(specification)
    kept = {name: getattr(specification, name) for name in given}
    for name in implementation.decided_fields:
        if name in kept and kept[name] != getattr(own, name):
            flag = name.replace("_", "-")
            raise LockstepError(f"in the idiomatic recipe {implementation.framework} decides on {flag}: leave it out")
    return own.replaced(**kept)


def module_name(framework: str) -> str:
    """Return the package of a framework's implementation, or raise a LockstepError that lists them."""
    if framework == REFERENCE:
        return "shared.reference"
    if framework not in FRAMEWORKS:
        raise LockstepError(f"unknown framework {framework!r}: choose among {', '.join(FRAMEWORKS)}")
    return f"{framework}_impl"


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
