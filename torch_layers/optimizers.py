"""The optimizers of the specification in PyTorch, and their constants, which move from step to step."""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from shared.history import Step
from shared.specification import Specification
from torch_layers.weights import Parts, array


def make_optimizer(parts: Parts, specification: Specification) -> torch.optim.Optimizer:
    """Return PyTorch's optimizer for what is trained; fused, it passes over the embedding once instead of ten times.

    Parameters
    ----------
    parts : Parts
        Of the model. What needs no gradient is left out: weight decay would move it.
    specification : Specification
        ``optimizer`` and its constants.
    """
    bias = parts.head.bias
    modules = (parts.embedding, parts.reprojection, parts.rnn, parts.head)
    trained = [each for module in modules for each in module.parameters() if each.requires_grad and each is not bias]
    groups = [{"params": trained}, {"params": [bias], "weight_decay": 0.0}]  # which moves all answers alike
    options: dict[str, Any] = {
        "lr": specification.learning_rate,
        "weight_decay": specification.weight_decay,
        "fused": True,
    }
    if specification.optimizer == "sgd":
        return torch.optim.SGD(groups, momentum=specification.momentum, **options)
    kind = torch.optim.AdamW if specification.optimizer == "adamw" else torch.optim.Adam
    betas = (specification.beta_1, specification.beta_2)
    optimizer = kind(groups, betas=betas, eps=specification.epsilon, **options)
    if specification.repeated_words == "apart" and specification.train_embedding:
        _PlacesApart(optimizer, parts.embedding, clipped=specification.gradient_clipping > 0)
    return optimizer


def set_step(optimizer: torch.optim.Optimizer, step: Step) -> None:
    """Give the optimizer the constants of the step that comes next."""
    for group in optimizer.param_groups:
        group["lr"] = step.learning_rate
        if "betas" in group:
            group["betas"], group["eps"] = (step.momentum, group["betas"][1]), step.epsilon
        else:
            group["momentum"] = step.momentum


def export_optimizer(optimizer: torch.optim.Optimizer) -> dict[str, np.ndarray]:
    """Return what the optimizer keeps of each parameter, by ``<number of the parameter>.<name>``."""
    state = optimizer.state_dict()["state"]
    return {
        f"{number}.{name}": array(value)
        for number, values in state.items()
        for name, value in values.items()
        if value is not None  # as SGD has it where there is no momentum
    }


def load_optimizer(optimizer: torch.optim.Optimizer, arrays: dict[str, np.ndarray]) -> None:
    """Set what :func:`export_optimizer` returned."""
    state: dict[int, dict[str, Tensor]] = {}
    for name, values in arrays.items():
        number, _, kind = name.partition(".")
        state.setdefault(int(number), {})[kind] = torch.tensor(values)
    optimizer.load_state_dict({**optimizer.state_dict(), "state": state})


class _PlacesApart:
    """Has an Adam square the gradient of each place of a word, and not only their sum (see ``repeated_words``).

    Adam makes ``beta_2 v + (1 - beta_2) (sum g)^2`` of its second moment v. Before each step v is moved so that
    ``beta_2 v + (1 - beta_2) sum g^2`` comes out. A weight decay that is part of the gradient counts as a place more.

    Parameters
    ----------
    optimizer : Adam or AdamW
        Of which the embedding is a parameter.
    embedding : nn.Embedding
        Its outputs' gradients are looked at.
    clipped : bool
        Whether gradients are clipped between the backward pass and the step; the places are then clipped alike.
    """

    def __init__(self, optimizer: torch.optim.Optimizer, embedding: nn.Embedding, *, clipped: bool) -> None:
        self.weight, self.clipped = embedding.weight, clipped
        embedding.register_forward_hook(self._watch)
        optimizer.register_step_pre_hook(self._correct)

    def _watch(self, embedding: nn.Module, inputs: tuple[Tensor, ...], outputs: Tensor) -> None:
        if outputs.requires_grad and torch.is_grad_enabled():
            outputs.register_hook(partial(self._see, inputs[0].flatten()))

    def _see(self, tokens: Tensor, gradient: Tensor) -> None:
        """Add up the squares of gradients ``[batch, time, size]`` by the words ``[batch * time]``."""
        places = gradient.flatten(0, 1)
        if self.clipped:
            self.norm = torch.zeros_like(self.weight).index_add_(0, tokens, places).norm()
        self.squares = torch.zeros_like(self.weight).index_add_(0, tokens, places.square())

    @torch.no_grad()
    def _correct(self, optimizer: torch.optim.Optimizer, *_: object) -> None:
        gradient, group = self.weight.grad, optimizer.param_groups[0]
        if self.clipped:
            self.squares *= (gradient.norm() / self.norm.clamp(min=1e-30)) ** 2
        decay = 0.0 if isinstance(optimizer, torch.optim.AdamW) else group["weight_decay"]
        excess = self.squares + (decay * self.weight).square() - (gradient + decay * self.weight).square()
        state = optimizer.state[self.weight]
        if not state:  # as Adam itself begins
            state["step"] = torch.zeros((), dtype=torch.float32, device=self.weight.device)
            state["exp_avg"], state["exp_avg_sq"] = (torch.zeros_like(self.weight) for _ in range(2))
        beta_2 = group["betas"][1]
        state["exp_avg_sq"].add_(excess, alpha=(1 - beta_2) / beta_2)
