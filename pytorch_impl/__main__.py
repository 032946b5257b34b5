"""``python -m pytorch_impl train | predict``."""

from __future__ import annotations

if __name__ == "__main__":  # before the imports that take time
    from shared.startup import begin

    begin()

import sys

from shared.contract import Implementation, Native
from shared.train_and_predict import main


def load() -> Implementation:
    """Import PyTorch, which takes a second or more, only when a command needs it."""
    import torch

    from pytorch_impl import documented
    from pytorch_impl.model import build
    from pytorch_impl.training import configure, forward_and_backward, predict_probabilities, train
    from pytorch_impl.weights import count_trainable, export_weights

    return Implementation(
        framework="pytorch",
        version=torch.__version__,
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
    sys.exit(main("pytorch", load))
