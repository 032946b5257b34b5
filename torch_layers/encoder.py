"""From word vectors to a review's features: recurrent layers and pooling, a batch in parts."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from itertools import repeat

import torch
from torch import Tensor, nn
from torch.autograd.function import FunctionCtx, once_differentiable

from shared.specification import POOLED, Specification
from shared.weights import Weights
from torch_layers.cells import GRU, LSTM, RNN
from torch_layers.parts import in_parts
from torch_layers.pooling import pool
from torch_layers.steps import outputs_with_mask

CELLS: dict[str, Callable[..., nn.RNNBase]] = {"rnn": nn.RNN, "lstm": nn.LSTM, "gru": nn.GRU}
FAST_CELLS: dict[str, Callable[..., nn.RNNBase]] = {
    "rnn": RNN,
    "lstm": LSTM,
    "gru": GRU,
}  # the same layers, trained faster on a CPU


def reprojection(specification: Specification, weights: Weights) -> nn.Module:
    """Return the linear map of the word vectors, or what leaves them as they are where the weights have none."""
    if "reprojection.kernel" in weights:
        return nn.Linear(specification.embedding_size, specification.embedding_size)
    return nn.Identity()


class Encoder(nn.ModuleList):
    """Recurrent layers, one above the other; in each, a layer of PyTorch for each direction.

    No packing: on a CPU it is the slow way. Each direction reads from left to right, the backward one after each
    review was reversed within its own length. Padding then comes after the real tokens in both, and what is never
    read cannot matter.

    On a CPU the batch is cut into ``specification.batch_parts``, and each part is computed by one thread from here to
    the features (see `torch_layers.parts`). With PyTorch's own layers the batch is computed as a whole; on a GPU that
    has not been tried.

    Parameters
    ----------
    specification : Specification
        Of the model.
    cells : mapping of str to layers
        By cell: `FAST_CELLS`, or `CELLS`, which are PyTorch's own.
    """

    def __init__(
        self, specification: Specification, cells: Mapping[str, Callable[..., nn.RNNBase]] = FAST_CELLS
    ) -> None:
        super().__init__()
        self.specification, self.whole = specification, cells is CELLS
        cell, size = cells[specification.cell], specification.embedding_size
        for _ in range(specification.layers):
            self.append(nn.ModuleList(cell(size, specification.hidden_size) for _ in specification.directions))
            size = specification.hidden_size * len(specification.directions)

    def forward(self, inputs: Tensor, real: Tensor, state_mask: Tensor | None = None) -> Tensor:
        """Return features ``<float32>[batch, features]``.

        Parameters
        ----------
        inputs : <float32>[batch, time, size]
            Word vectors.
        real : <bool>[batch, time]
            Which of them are read; the rest is padding on the right.
        state_mask : <float32>[batch, state_size], optional
            Factors for the state that enters a step (see `shared.data.batches`).
        """
        return self._in_parts(self._features, inputs, real, *(() if state_mask is None else (state_mask,)))

    def states(self, inputs: Tensor, real: Tensor) -> Tensor:
        """Return instead the last layer's outputs, ``<float32>[batch, time, directions * hidden]``.

        Each direction's are in its own order.
        """
        return self._in_parts(self._states, inputs, real)

    def _in_parts(self, function: Callable[..., Tensor], inputs: Tensor, *others: Tensor) -> Tensor:
        if self.whole:
            return function(inputs, *others)
        return in_parts(function, self.specification.batch_parts, list(self.parameters()), inputs, *others)

    def _features(self, inputs: Tensor, real: Tensor, *state_mask: Tensor) -> Tensor:
        return pool(self._outputs(inputs, real, *state_mask), real.t(), POOLED[self.specification.pooling])

    def _states(self, inputs: Tensor, real: Tensor) -> Tensor:
        return torch.cat(self._outputs(inputs, real), dim=2).transpose(0, 1)

    def _outputs(self, inputs: Tensor, real: Tensor, state_mask: Tensor | None = None) -> list[Tensor]:
        """Return the last layer's outputs of each direction, in its own order, ``<float32>[time, batch, hidden]``."""
        mirror = mirrored_places(real.t())
        values = inputs.transpose(0, 1).contiguous()  # [time, batch, size]
        hidden = self.specification.hidden_size
        masks = iter(state_mask.split(hidden, dim=1)) if state_mask is not None else repeat(None)  # of each cell
        outputs: list[Tensor] = []
        for layer in self:
            if outputs:
                values = torch.cat([outputs[0], *(mirrored(y, mirror) for y in outputs[1:])], dim=2)
            outputs = [
                _read(cell, mirrored(values, mirror) if back else values, next(masks))
                for back, cell in enumerate(layer)
            ]
        return outputs


def _read(cell: nn.Module, values: Tensor, mask: Tensor | None) -> Tensor:
    return cell(values)[0] if mask is None else outputs_with_mask(cell, values, mask)


def mirrored_places(real: Tensor) -> Tensor:
    """Return for each place the one that reverses a review within its length; padding stays.

    Parameters
    ----------
    real : <bool>[time, batch]

    Returns
    -------
    <int64>[time, batch]
    """
    time = torch.arange(len(real), device=real.device)[:, None]  # [time, 1]
    return torch.where(real, real.sum(dim=0) - 1 - time, time)


def mirrored(values: Tensor, places: Tensor) -> Tensor:
    """Reverse each review of ``[time, batch, size]`` within its length, given `mirrored_places` of it."""
    return _Mirrored.apply(values, places * places.shape[1] + torch.arange(places.shape[1], device=places.device))


class _Mirrored(torch.autograd.Function):
    """A reversal within the length undoes itself, so its gradient is the same copying of rows."""

    @staticmethod
    def forward(ctx: FunctionCtx, values: Tensor, rows: Tensor) -> Tensor:
        ctx.save_for_backward(rows)
        return values.reshape(-1, values.shape[2]).index_select(0, rows.flatten()).view_as(values)

    @staticmethod
    @once_differentiable
    def backward(ctx: FunctionCtx, gradient: Tensor) -> tuple[Tensor, None]:
        (rows,) = ctx.saved_tensors
        return _Mirrored.apply(gradient, rows), None
