"""Reversal and pooling over real tokens, for the models that are built on PyTorch."""

from __future__ import annotations

import torch
from torch import Tensor


def mirrored_places(real: Tensor) -> Tensor:
    """Return for each place the one that reverses a review within its length; padding stays.

    Parameters
    ----------
    real : <bool>[batch, time]

    Returns
    -------
    <int64>[batch, time]
    """
    time = torch.arange(real.shape[1], device=real.device)  # [time]
    return torch.where(real, real.sum(dim=1, keepdim=True) - 1 - time, time)


def take_places(values: Tensor, places: Tensor) -> Tensor:
    """Reorder ``[batch, time, size]`` along time by places ``[batch, places]``."""
    return values.gather(1, places.unsqueeze(2).expand(-1, -1, values.shape[2]))


def pool(outputs: Tensor, real: Tensor, how: str) -> Tensor:
    """Make one vector of the outputs at real tokens; an empty review's is zero.

    Parameters
    ----------
    outputs : <float32>[batch, time, hidden]
    real : <bool>[batch, time]
    how : str
        ``first``, ``last``, ``max`` or ``mean``.

    Returns
    -------
    <float32>[batch, hidden]
    """
    lengths = real.sum(dim=1, keepdim=True)  # [batch, 1]
    mask = real.unsqueeze(2)  # [batch, time, 1]
    if how == "mean":
        return (outputs * mask).sum(dim=1) / lengths.clamp(min=1)
    if how == "max":  # outputs lie between -1 and 1
        return outputs.masked_fill(~mask, -1).amax(dim=1) * (lengths > 0)
    place = torch.zeros_like(lengths) if how == "first" else (lengths - 1).clamp(min=0)  # [batch, 1]
    return take_places(outputs, place).squeeze(1) * (lengths > 0)
