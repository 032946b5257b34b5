"""``python -m fastai_impl train | predict``."""

from __future__ import annotations

if __name__ == "__main__":  # before the imports that take time
    from shared.startup import begin

    begin()

import sys

from shared.command_line import main
from shared.contract import Implementation


def load() -> Implementation:
    """Import fastai, which takes seconds, only when a command needs it."""
    import fastai

    from fastai_impl.model import DECIDED_FIELDS, build, idiomatic
    from fastai_impl.training import configure, forward_and_backward, predict_probabilities, train
    from fastai_impl.weights import count_trainable, export_weights

    return Implementation(
        "fastai",
        fastai.__version__,
        configure,
        idiomatic,
        DECIDED_FIELDS,
        build,
        train,
        forward_and_backward,
        predict_probabilities,
        export_weights,
        count_trainable,
        "Adam with decoupled weight decay 0.01",
    )


if __name__ == "__main__":
    sys.exit(main("fastai", load))
