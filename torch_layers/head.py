"""From features to logits and to the loss."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor, nn

from shared.data.batches import class_weights
from shared.specification import Specification


class Head(nn.Linear):
    """`torch.nn.Linear` from features to logits; where ``head`` is a sigmoid, its one number stands for two."""

    def __init__(self, specification: Specification, outputs: int) -> None:
        super().__init__(specification.features, outputs)
        self.specification = specification

    def forward(self, features: Tensor) -> Tensor:
        """Return logits ``<float32>[batch, classes]`` of features ``<float32>[batch, features]``."""
        outputs = super().forward(features)  # [batch, outputs]
        return both_logits(outputs) if self.specification.head == "sigmoid" else outputs


def both_logits(outputs: Tensor) -> Tensor:
    """Return the logits 0 and z of one number z, ``<float32>[batch, 2]`` of ``<float32>[batch, 1]``.

    Their softmax is z's sigmoid, and their cross-entropy its binary cross-entropy: exp(z) / (exp(0) + exp(z)).
    """
    return torch.cat([torch.zeros_like(outputs), outputs], dim=1)


class CrossEntropy(nn.CrossEntropyLoss):
    """`torch.nn.CrossEntropyLoss`, whose mean is over reviews also where classes have weights.

    PyTorch's own mean is then divided by the sum of the weights: a batch would count as much without the rare
    classes as with them.
    """

    def forward(self, logits: Tensor, labels: Tensor) -> Tensor:
        """Return the loss of logits ``<float32>[batch, classes]`` and labels ``<int64>[batch]``."""
        if self.weight is None or self.reduction != "mean":
            return super().forward(logits, labels)
        return nn.functional.cross_entropy(logits, labels, self.weight, reduction="sum") / len(labels)


def weights_of_classes(
    specification: Specification, labels: np.ndarray, classes: int, device: torch.device
) -> Tensor | None:
    """Return what each class's losses are multiplied by, ``<float32>[classes]``, or None.

    Parameters
    ----------
    specification : Specification
        ``class_weights``.
    labels : <int16>[reviews]
        Of the reviews that are trained on.
    classes : int
        Of the model.
    device : torch.device
        Where the losses are computed.
    """
    weights = class_weights(specification, labels, classes)
    return None if weights is None else torch.from_numpy(weights).to(device)
