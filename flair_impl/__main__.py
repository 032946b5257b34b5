"""``python -m flair_impl train | predict``."""

from __future__ import annotations

if __name__ == "__main__":  # before the imports that take time
    from shared.startup import begin

    begin()

import os
import sys
import warnings

from shared.contract import Implementation, Native
from shared.train_and_predict import main


def load() -> Implementation:
    """Import Flair, which takes seconds, only when a command needs it."""
    os.environ["USE_TF"] = "0"  # else Flair imports TensorFlow too, through transformers
    warnings.filterwarnings("ignore", category=FutureWarning, module="flair")
    import flair

    from flair_impl import documented
    from flair_impl.model import build
    from flair_impl.training import configure, forward_and_backward, predict_probabilities, train
    from flair_impl.weights import count_trainable, export_weights

    return Implementation(
        framework="flair",
        version=flair.__version__,
        configure=configure,
        build=build,
        train=train,
        forward_and_backward=forward_and_backward,
        predict_probabilities=predict_probabilities,
        export_weights=export_weights,
        count_trainable=count_trainable,
        native=Native(decided_fields=documented.DECIDED_FIELDS, build=documented.build, train=documented.train),
    )


if __name__ == "__main__":
    sys.exit(main("flair", load))
