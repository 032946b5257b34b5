"""The frameworks that are compared: the one list of them, from which all others are made.

It imports nothing of other packages: the Makefile and the checks of the code read it too. What a framework's
documentation writes is in `shared.recipes`; a framework that has no values there has no idiomatic recipe.
"""

from __future__ import annotations

from dataclasses import dataclass

from shared.errors import LockstepError, did_you_mean


@dataclass(frozen=True, kw_only=True)
class Framework:
    """What is said of a framework in one place.

    Attributes
    ----------
    name : str
        As flags, files and records have it; an extra of ``pyproject.toml`` has it too.
    title : str
        As readers are told it.
    module : str
        The package of its implementation. It ends in ``_impl``, by which packaging and the type check find it.
    imports : tuple of str
        The framework's own packages. Nobody else may import them, but for what lies `beneath`.
    beneath : tuple of str
        What else its implementation may import: the packages that the framework is built on, and ours for them.
    colour, marker : str
        How it is drawn; the marker is Matplotlib's, and one of `compare.report.marks.SHAPES`.
    """

    name: str
    title: str
    module: str
    imports: tuple[str, ...]
    beneath: tuple[str, ...] = ()
    colour: str
    marker: str


# The colours are of Okabe & Ito's palette, safe for colour-blind readers.
REGISTRY = (
    Framework(
        name="keras",
        title="Keras",
        module="keras_impl",
        imports=("keras", "tensorflow"),
        colour="#D55E00",
        marker="s",
    ),
    Framework(
        name="pytorch",
        title="PyTorch",
        module="pytorch_impl",
        imports=("torch",),
        beneath=("torch_layers",),
        colour="#0072B2",
        marker="o",
    ),
    Framework(
        name="flair",
        title="Flair",
        module="flair_impl",
        imports=("flair",),
        beneath=("torch", "torch_layers"),
        colour="#009E73",
        marker="^",
    ),
    Framework(
        name="fastai",
        title="fastai",
        module="fastai_impl",
        imports=("fastai",),
        beneath=("torch", "torch_layers"),
        colour="#CC79A7",
        marker="D",
    ),
)
FRAMEWORKS = tuple(framework.name for framework in REGISTRY)
IMPLEMENTATIONS = tuple(framework.module for framework in REGISTRY)

# The NumPy model keeps the same contract, so that whatever runs the frameworks can run it beside them.
REFERENCE = "reference"


def framework_named(name: str) -> Framework:
    """Return a framework by its name; raises KeyError if there is none such."""
    return {framework.name: framework for framework in REGISTRY}[name]


def module_name(framework: str) -> str:
    """Return the package of a framework's implementation, or raise a LockstepError that lists them."""
    if framework == REFERENCE:
        return "shared.reference"
    if framework not in FRAMEWORKS:
        guess = did_you_mean(framework, FRAMEWORKS)
        raise LockstepError(f"unknown framework {framework!r}: choose among {', '.join(FRAMEWORKS)}{guess}")
    return framework_named(framework).module
