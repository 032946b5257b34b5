"""Every optimizer, schedule, mask and array that a field can ask for: one training in all four and in the reference.

Small models, so that all of them fit; `compare.proofs.parity` has the same on real reviews.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from compare import workers
from compare.proofs.parity import STEP_LOSSES, TRAINED_PROBABILITIES, WORDS, random_reviews
from compare.workers import Ask, Trained
from shared.contract import FRAMEWORKS, REFERENCE
from shared.data.encoded import EncodedReviews
from shared.recipes import DOCUMENTED, documented
from shared.specification import Specification
from shared.vectors import VectorTable
from shared.weights import initialise

BASE: dict[str, Any] = {
    "vectors": "random",
    "embedding_size": 8,
    "hidden_size": 7,
    "vocabulary_size": WORDS,
    "max_length": 12,
    "pooling": "mean",
    "dropout": 0.2,
    "batch_size": 16,
    "epochs": 4,
    "learning_rate": 0.01,
    "gradient_clipping": 0.5,
}
EVERYTHING: dict[str, Any] = {
    "architecture": "bilstm",
    "layers": 2,
    "pooling": "concat",
    "initialisation": "flair",
    "reprojection": True,
    "second_bias": True,
    "embedding_dropout": 0.3,
    "token_dropout": 0.2,
    "word_dropout": 0.2,
    "spatial_dropout": 0.2,
}
CASES: dict[str, dict[str, Any]] = {
    "AdamW": {"optimizer": "adamw", "weight_decay": 0.1},
    "Adam with weight decay": {"weight_decay": 0.1},
    "SGD": {"optimizer": "sgd", "learning_rate": 0.1},
    "SGD with momentum and weight decay": {"optimizer": "sgd", "momentum": 0.9, "weight_decay": 0.05},
    "beta_1 that moves": {"momentum_schedule": "one_cycle"},
    "momentum that moves": {"optimizer": "sgd", "momentum_schedule": "one_cycle"},
    "one cycle in cosines": {"schedule": "one_cycle_cosine"},
    "plateau": {"schedule": "plateau", "epochs": 9, "learning_rate": 0.03},
    "epsilon before": {"epsilon_place": "before", "epsilon": 1e-3},
    "places apart": {"repeated_words": "apart"},
    "places apart, clipped and decayed": {
        "repeated_words": "apart",
        "gradient_clipping": 0.02,
        "loss_reduction": "sum",
        "weight_decay": 0.1,
    },
    "reprojection": {"reprojection": True},
    "second bias": {"second_bias": True},
    "second bias of an RNN": {"second_bias": True, "architecture": "birnn"},
    "second bias and a dropped state": {"second_bias": True, "recurrent_dropout": 0.3},
    "dropout of numbers": {"embedding_dropout": 0.4},
    "dropout of places": {"token_dropout": 0.4},
    "everything": EVERYTHING,
    "GRU": {"architecture": "gru", "optimizer": "adamw", "weight_decay": 0.1, "reprojection": True},
    "fastai's order": {"batch_order": "sorted_dl"},
    "no last batch": {"drop_last": True},
    "best epoch": {"evaluation_weights": "best", "learning_rate": 0.03, "epochs": 6},
    "mean of the weights": {"weight_averaging": 0.5, "second_bias": True, "reprojection": True},
    "sum of the losses": {"loss_reduction": "sum", "train_embedding": False, "optimizer": "sgd", "reprojection": True},
    **{f"like {name}": {"like": name} for name in DOCUMENTED},
}


def specification_of(case: str) -> Specification:
    changes = dict(CASES[case])
    like = changes.pop("like", None)
    specification = Specification().replaced(**{**BASE, **changes})
    return documented(like, specification) if like else specification


def reviews_of(count: int, shortest: int, seed: int) -> EncodedReviews:
    lengths = np.random.default_rng(seed).integers(shortest, 13, count)
    return random_reviews(lengths.tolist(), seed=seed)


@pytest.fixture(scope="module")
def reviews() -> tuple[EncodedReviews, EncodedReviews]:
    """109, so that the last batch is not full; some are empty."""
    return reviews_of(109, 0, 1), reviews_of(60, 1, 2)


def trained(
    ask: Ask | None, framework: str, specification: Specification, reviews: tuple[EncodedReviews, EncodedReviews]
) -> Trained:
    nothing = VectorTable(np.zeros((WORDS, specification.embedding_size), np.float32), np.zeros(WORDS, bool))
    arguments = (specification, initialise(specification, nothing, 2), *reviews)
    return workers.train(framework, *arguments) if ask is None else ask(workers.train, framework, *arguments)


@pytest.fixture(scope="module")
def expected(reviews: tuple[EncodedReviews, EncodedReviews]) -> dict[str, Trained]:
    return {case: trained(None, REFERENCE, specification_of(case), reviews) for case in CASES}


@pytest.mark.parametrize("framework", FRAMEWORKS)
@pytest.mark.parametrize("case", CASES)
def test_every_framework_trains_the_same(
    ask: Ask,
    expected: dict[str, Trained],
    reviews: tuple[EncodedReviews, EncodedReviews],
    framework: str,
    case: str,
) -> None:
    found, reference = trained(ask, framework, specification_of(case), reviews), expected[case]
    assert found.weights.keys() == reference.weights.keys()
    ratios = np.array(found.step_losses) / np.array(reference.step_losses)
    assert np.abs(ratios - 1).max() <= STEP_LOSSES
    assert np.abs(found.probabilities - reference.probabilities).max() <= TRAINED_PROBABILITIES


@pytest.mark.parametrize("case", CASES)
def test_the_case_is_another_training(
    expected: dict[str, Trained], reviews: tuple[EncodedReviews, EncodedReviews], case: str
) -> None:
    """Else that all train it alike would prove nothing. What is kept, or when the rate falls, shows in the end only."""
    plain = Specification().replaced(
        **{**BASE, **({"epochs": CASES[case]["epochs"]} if "epochs" in CASES[case] else {})}
    )
    rate = {"learning_rate": CASES[case]["learning_rate"]} if case in ("plateau", "best epoch") else {}
    without = trained(None, REFERENCE, plain.replaced(**rate), reviews)
    away = np.abs(without.probabilities - expected[case].probabilities).max()
    assert away > 0 if case == "momentum that moves" else away > 1e-4
