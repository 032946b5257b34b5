"""``python -m pytorch_impl train | predict``."""

from __future__ import annotations

if __name__ == "__main__":  # before the imports that take time
    from shared.startup import begin

    begin()

import sys

from shared.command_line import main
from shared.contract import Implementation


def load() -> Implementation:
    """Import PyTorch, which takes a second or more, only when a command needs it."""
    import torch

    from pytorch_impl.model import DECIDED_FIELDS, build, idiomatic
    from pytorch_impl.training import configure, forward_and_backward, predict_probabilities, train
    from pytorch_impl.weights import count_trainable, export_weights

    return Implementation(
        "pytorch",
        torch.__version__,
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
    sys.exit(main("pytorch", load))
