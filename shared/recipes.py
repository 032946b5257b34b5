"""What each framework's documentation writes, as a complete set of values of the specification's fields.

A set names every field of model and training that decides what is learnt, but for sizes, seeds and the number of
passes, which are held equal. Trained in the lockstep recipe (``--like``), it makes any framework act like another one;
in the idiomatic recipe that framework's own code is trained with it (see `shared.contract.Native`).
"""

from __future__ import annotations

from collections.abc import Mapping

from shared.errors import LockstepError
from shared.specification import Specification

# What all are told alike. Padding is masked and the head has a softmax in each, so that texts and answers are the same
# things; the rest is what none does unless it is asked to.
_PLAIN: dict[str, object] = {
    "padding": "masked",
    "start_from": "none",
    "train_embedding": True,
    "reprojection": False,
    "word_dropout": 0.0,
    "embedding_dropout": 0.0,
    "token_dropout": 0.0,
    "spatial_dropout": 0.0,
    "recurrent_dropout": 0.0,
    "head": "softmax",
    "batch_order": "shuffled",
    "drop_last": False,
    "class_weights": "none",
    "loss_reduction": "mean",
    "optimizer": "adam",
    "schedule": "constant",
    "weight_decay": 0.0,
    "momentum": 0.0,
    "momentum_schedule": "constant",
    "beta_1": 0.9,
    "beta_2": 0.999,
    "epsilon": 1e-7,
    "epsilon_place": "after",
    "repeated_words": "summed",
    "gradient_clipping": 0.0,
    "weight_averaging": 0.0,
    "evaluation_weights": "last",
}

DOCUMENTED: Mapping[str, Mapping[str, object]] = {
    # keras.io, "Text classification from scratch" and "Bidirectional LSTM on IMDB": `Adam()`, `fit(batch_size=32)`, the
    # layer's last output. That its Adam squares the gradient of each place of a word, no documentation says: TensorFlow
    # hands it one slice a place (`keras.src.backend.tensorflow.optimizer_distribute`, `ops.square` of IndexedSlices).
    "keras": {
        **_PLAIN,
        "repeated_words": "apart",
        "initialisation": "keras",
        "second_bias": False,
        "pooling": "last",
        "batch_size": 32,
        "learning_rate": 1e-3,
        "epsilon_place": "before",
    },
    # pytorch.org, "Quickstart" (`DataLoader(batch_size=64, shuffle=True)`, a rate of 0.001) and `torch.nn.LSTM`: `h_n`,
    # two biases.
    "pytorch": {
        **_PLAIN,
        "initialisation": "pytorch",
        "second_bias": True,
        "pooling": "last",
        "batch_size": 64,
        "learning_rate": 1e-3,
        "epsilon": 1e-8,
    },
    # flairnlp.github.io, "Training a text classifier": `WordEmbeddings("glove")` stay as they are,
    # `DocumentRNNEmbeddings` with its defaults, `ModelTrainer.train` with its own. The loss is a sum over the batch.
    "flair": {
        **_PLAIN,
        "initialisation": "flair",
        "second_bias": True,
        "train_embedding": False,
        "reprojection": True,
        "embedding_dropout": 0.5,
        "dropout": 0.5,
        "pooling": "last",
        "batch_size": 32,
        "loss_reduction": "sum",
        "optimizer": "sgd",
        "learning_rate": 0.1,
        "schedule": "plateau",
        "gradient_clipping": 5.0,
        "evaluation_weights": "best",
    },
    # docs.fast.ai, "Text data" and "Learner": `SortedDL` without the last batch, batches of 64, `fit_one_cycle`, its
    # Adam with decoupled weight decay 0.01; the pooling of its `PoolingLinearClassifier`.
    "fastai": {
        **_PLAIN,
        "initialisation": "fastai",
        "second_bias": True,
        "pooling": "concat",
        "batch_size": 64,
        "batch_order": "sorted_dl",
        "drop_last": True,
        "optimizer": "adamw",
        "learning_rate": 1e-3,
        "schedule": "one_cycle_cosine",
        "momentum_schedule": "one_cycle",
        "weight_decay": 0.01,
        "beta_2": 0.99,
        "epsilon": 1e-5,
    },
}


# All of them: what the idiomatic recipe may set by itself.
DOCUMENTED_FIELDS = frozenset(name for values in DOCUMENTED.values() for name in values)
# And what only the lockstep recipe's code has.
IDIOMATIC_FIELDS = DOCUMENTED_FIELDS | {"batch_parts"}


def documented(framework: str, specification: Specification) -> Specification:
    """Return a specification with the values that a framework's documentation writes.

    Parameters
    ----------
    framework : str
        One of `DOCUMENTED`.
    specification : Specification
        The rest: data, text, sizes, seed, passes, and the share of the features that is dropped, where the framework
        has no default of its own. The architecture decides what a field means: a GRU has its second bias anyway, and a
        bidirectional layer of Flair is read at both ends.

    Raises
    ------
    LockstepError
        If there is no such framework, or it has no such architecture.
    """
    if framework not in DOCUMENTED:
        raise LockstepError(f"no documented values of {framework!r}: choose among {', '.join(DOCUMENTED)}")
    fields = dict(DOCUMENTED[framework])
    if specification.cell == "gru":
        fields["second_bias"] = False
    if framework == "flair" and len(specification.directions) == 2:
        fields["pooling"] = "ends"
    return specification.replaced(**fields)
