"""``python -m flair_impl train | predict``."""

from __future__ import annotations

if __name__ == "__main__":  # before the imports that take time
    from shared.startup import begin

    begin()

import os
import sys
import warnings

from shared.command_line import main
from shared.contract import Implementation


def load() -> Implementation:
    """Import Flair, which takes seconds, only when a command needs it."""
    os.environ["USE_TF"] = "0"  # else Flair imports TensorFlow too, through transformers
    warnings.filterwarnings("ignore", category=FutureWarning, module="flair")
    import flair

    from flair_impl.model import DECIDED_FIELDS, build, idiomatic
    from flair_impl.training import configure, forward_and_backward, predict_probabilities, train
    from flair_impl.weights import count_trainable, export_weights

    return Implementation(
        "flair",
        flair.__version__,
        configure,
        idiomatic,
        DECIDED_FIELDS,
        build,
        train,
        forward_and_backward,
        predict_probabilities,
        export_weights,
        count_trainable,
        "SGD",
    )


if __name__ == "__main__":
    sys.exit(main("flair", load))
