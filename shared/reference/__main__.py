"""``python -m shared.reference train | predict``."""

from __future__ import annotations

if __name__ == "__main__":  # before the imports that take time
    from shared.startup import begin

    begin()

import sys

from shared.command_line import main
from shared.contract import Implementation


def load() -> Implementation:
    """Return the reference as if it were a fifth framework."""
    import numpy as np

    from shared.reference.model import DECIDED_FIELDS, build, idiomatic
    from shared.reference.training import configure, forward_and_backward, predict_probabilities, train
    from shared.reference.weights import count_trainable, export_weights

    return Implementation(
        "reference",
        f"numpy {np.__version__}",
        configure,
        idiomatic,
        DECIDED_FIELDS,
        build,
        train,
        forward_and_backward,
        predict_probabilities,
        export_weights,
        count_trainable,
    )


if __name__ == "__main__":
    sys.exit(main("reference", load))
