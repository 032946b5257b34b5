"""What an implementation's package offers without importing its framework: `SentimentClassifier`.

The package of every command and of every worker is imported first, so this imports the standard library only.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from shared.estimator import SentimentClassifier

ESTIMATOR = "SentimentClassifier"


def estimator_of(package: str) -> Callable[[str], type[SentimentClassifier]]:
    """Return a package's ``__getattr__``: it makes the class that is bound to this package when it is asked for.

    Parameters
    ----------
    package : str
        Of an implementation. Pickles find the class in it by its name.
    """

    def made_when_asked_for(name: str) -> type[SentimentClassifier]:
        if name != ESTIMATOR:
            raise AttributeError(f"module {package!r} has no attribute {name!r}")
        from shared.estimator import bound_to  # scikit-learn takes a second

        setattr(sys.modules[package], name, bound_to(package))
        return getattr(sys.modules[package], name)

    return made_when_asked_for
