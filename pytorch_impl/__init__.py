"""The classifier in PyTorch: an `nn.Module` and a plain loop."""

from typing import TYPE_CHECKING

from shared.rooms import estimator_of

if TYPE_CHECKING:
    from shared.estimator import SentimentClassifier as SentimentClassifier
else:
    __getattr__ = estimator_of(__name__)
