"""Parameters and multiply-accumulates, in the paper's counting and in full."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from training.nets.mobilevit import Attention, Global, fused


@dataclass(frozen=True, slots=True)
class Counts:
    """Of one window, normalisations folded into their convolutions."""

    parameters: int
    table_macs: int
    """As torchinfo and the challenge count: a convolution's weights and biases at each output cell, but matrices and
    normalisations once, whatever the number of tokens, and no products of attention."""
    macs: int
    """With a matrix at every token and both products of attention."""
    transformer: int
    """Parameters inside transformers."""


def count(network: nn.Module, frames: int, bands: int) -> Counts:
    """Counts of a network of log-mel windows `(batch, frames, bands)`; it is not changed."""
    folded = fused(network)
    tally = {"cells": 0, "once": 0, "tokens": 0, "attention": 0}
    transformers = {part for module in folded.modules() if isinstance(module, Global) for part in module.modules()}

    def hear(module: nn.Module, inputs: tuple[Tensor, ...], output: Tensor) -> None:
        if isinstance(module, nn.Conv2d):
            tally["cells"] += _parameters(module) * output.shape[2] * output.shape[3]
        elif isinstance(module, nn.Linear | nn.LayerNorm):
            tally["once"] += _parameters(module)
            if module in transformers and isinstance(module, nn.Linear):
                tally["tokens"] += module.weight.numel() * inputs[0].numel() // inputs[0].shape[-1]
        elif isinstance(module, Attention):
            sequences, tokens, width = output.shape
            tally["attention"] += 2 * sequences * tokens * tokens * width

    hooks = [module.register_forward_hook(hear) for module in folded.modules()]
    with torch.no_grad():
        folded(torch.zeros(1, frames, bands))
    for hook in hooks:
        hook.remove()
    transformer = sum(_parameters(module) for module in folded.modules() if isinstance(module, Global))
    table = tally["cells"] + tally["once"]
    return Counts(
        parameters=_parameters(folded),
        table_macs=table,
        macs=table - transformer + tally["tokens"] + tally["attention"],
        transformer=transformer,
    )


def _parameters(module: nn.Module) -> int:
    return sum(parameter.numel() for parameter in module.parameters())
