"""``python -m keras_impl train | predict``."""

from __future__ import annotations

if __name__ == "__main__":  # before the imports that take time
    from shared.startup import begin

    begin()

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext

from shared.contract import Implementation, Native
from shared.terminal import is_verbose
from shared.train_and_predict import main


def load() -> Implementation:
    """Import Keras and TensorFlow, which takes seconds, only when a command needs them."""
    os.environ["KERAS_BACKEND"] = "tensorflow"
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "0" if is_verbose() else "2")
    with nullcontext() if is_verbose() else _silent_stderr():
        import keras

    from keras_impl import documented
    from keras_impl.model import build
    from keras_impl.training import configure, forward_and_backward, predict_probabilities, train
    from keras_impl.weights import count_trainable, export_weights

    return Implementation(
        framework="keras",
        version=keras.__version__,
        configure=configure,
        build=build,
        train=train,
        forward_and_backward=forward_and_backward,
        predict_probabilities=predict_probabilities,
        export_weights=export_weights,
        count_trainable=count_trainable,
        native=Native(decided_fields=documented.DECIDED_FIELDS, build=documented.build, train=documented.train),
    )


@contextmanager
def _silent_stderr() -> Iterator[None]:
    """Drop what TensorFlow's C++ side prints while it is imported; no log level reaches it."""
    kept = os.dup(2)
    with open(os.devnull, "w") as nowhere:
        os.dup2(nowhere.fileno(), 2)
    try:
        yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)


if __name__ == "__main__":
    sys.exit(main("keras", load))
