"""Masks of dropout, which are drawn in `shared.data.batches`, and how a model on PyTorch applies them."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor

from shared.data.batches import Masks

TensorMasks = Mapping[str, Tensor]
NO_MASKS: TensorMasks = {}


def tensors(masks: Masks, device: torch.device) -> dict[str, Tensor]:
    """Return the masks of a batch on a device, by the same names."""
    return {name: torch.from_numpy(mask).to(device) for name, mask in masks.items()}


def masked(values: Tensor, masks: TensorMasks, *names: str) -> Tensor:
    """Return values multiplied by the masks of these names, as far as there are any."""
    for name in names:
        if name in masks:
            values = values * masks[name]
    return values
