"""``python -m shared.reference train | predict``."""

from __future__ import annotations

if __name__ == "__main__":  # before the imports that take time
    from shared.startup import begin

    begin()

import sys

from shared.contract import Implementation
from shared.train_and_predict import main


def load() -> Implementation:
    """Return the reference as if it were a fifth framework."""
    import numpy as np

    from shared.reference.model import build
    from shared.reference.training import configure, forward_and_backward, predict_probabilities, train
    from shared.reference.weights import count_trainable, export_weights

    return Implementation(
        framework="reference",
        version=f"numpy {np.__version__}",
        configure=configure,
        build=build,
        train=train,
        forward_and_backward=forward_and_backward,
        predict_probabilities=predict_probabilities,
        export_weights=export_weights,
        count_trainable=count_trainable,
    )


if __name__ == "__main__":
    sys.exit(main("reference", load))
