"""Pooling over real tokens, and its gradient in one pass."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor
from torch.autograd.function import FunctionCtx, once_differentiable

# Added to outputs at padding, which lie between -1 and 1: none of them can then be the largest. Adding numbers is many
# times faster than selecting by a Boolean mask.
BELOW_ALL = -4.0


def pool(outputs: Sequence[Tensor], real: Tensor, how: Sequence[str]) -> Tensor:
    """Make one vector of each review's outputs at real tokens; an empty review's is zero.

    Parameters
    ----------
    outputs : sequence of <float32>[time, batch, hidden]
        Of each direction, in its own order.
    real : <bool>[time, batch]
    how : sequence of str
        ``first``, ``last``, ``max`` or ``mean``; what is put side by side.

    Returns
    -------
    <float32>[batch, features]
        For each of `how`, each direction.
    """
    read = Read.of(real)
    pooled = [_Pooled.apply(y, tuple(how), read).chunk(len(how), dim=1) for y in outputs]
    return torch.cat([each[number] for number in range(len(how)) for each in pooled], dim=1)


class Read(NamedTuple):
    """What is read of a batch, as numbers to calculate with.

    Attributes
    ----------
    weights : <float32>[time, batch, 1]
        Of the mean.
    penalty : <float32>[time, batch, 1]
        Zero, or `BELOW_ALL` at padding.
    places : dict of str to <int64>[batch]
        Of the first and the last real token.
    not_empty : <float32>[batch, 1]
        One, or zero for a review without a token.
    """

    weights: Tensor
    penalty: Tensor
    places: dict[str, Tensor]
    not_empty: Tensor

    @classmethod
    def of(cls, real: Tensor) -> Read:
        """Look at ``<bool>[time, batch]``."""
        lengths = real.sum(dim=0)  # [batch]
        return cls(
            (real / lengths.clamp(min=1)).unsqueeze(2),
            torch.where(real, 0.0, BELOW_ALL).unsqueeze(2),
            {"first": torch.zeros_like(lengths), "last": (lengths - 1).clamp(min=0)},
            (lengths > 0).float().unsqueeze(1),
        )


class _Pooled(torch.autograd.Function):
    """Outputs of one direction, pooled in all the ways that are asked for."""

    @staticmethod
    def forward(ctx: FunctionCtx, y: Tensor, how: tuple[str, ...], read: Read) -> Tensor:
        reviews = torch.arange(y.shape[1], device=y.device)
        pooled = []
        for name in how:
            if name == "mean":
                each = torch.bmm(read.weights.permute(1, 2, 0), y.transpose(0, 1)).squeeze(1)
            elif name == "max":
                each = (y + read.penalty).amax(dim=0) * read.not_empty
            else:
                each = y[read.places[name], reviews] * read.not_empty
            pooled.append(each)  # [batch, hidden]
        features = torch.cat(pooled, dim=1)
        ctx.how, ctx.read = how, read
        ctx.save_for_backward(y, features)
        return features

    @staticmethod
    @once_differentiable
    def backward(ctx: FunctionCtx, d_features: Tensor) -> tuple[Tensor, None, None]:
        (y, features), read = ctx.saved_tensors, ctx.read
        reviews = torch.arange(y.shape[1], device=y.device)
        values, gradients = (
            dict(zip(ctx.how, array.chunk(len(ctx.how), dim=1), strict=True)) for array in (features, d_features)
        )
        d_y = torch.empty_like(y)
        if "max" in gradients:
            torch.eq(y + read.penalty, values["max"], out=d_y)  # one where it is the largest
            d_y *= gradients["max"] / d_y.sum(dim=0).clamp(min=1)  # several that are equally large share it
        else:
            d_y.zero_()
        if "mean" in gradients:
            d_y.addcmul_(read.weights, gradients["mean"])
        for name in (name for name in ctx.how if name in read.places):
            d_y[read.places[name], reviews] += gradients[name] * read.not_empty
        return d_y, None, None
