"""A small convolutional network for one question about one window."""

from __future__ import annotations

import torch
from torch import Tensor, nn

BANDS = 128
"""Of the `bird` spec."""


class Normalise(nn.Module):
    """Raw dB `(batch, frames, bands)` -> `(batch, 2 or 3, frames, bands)`, about -3..3, blind to gain.

    First channel: where a band lies, -1..1. Second: how each band differs from its own mean over the window, which no
    recorder, filter or level changes. Third, where asked for: the window's spectrum relative to the mean of all cells.
    """

    position: Tensor

    def __init__(self, shape_channel: bool) -> None:
        super().__init__()
        self.shape_channel = shape_channel
        self.channels = 3 if shape_channel else 2
        self.register_buffer("position", torch.linspace(-1.0, 1.0, BANDS), persistent=False)

    def forward(self, features: Tensor) -> Tensor:
        """As the class says."""
        position = torch.zeros_like(features) + self.position  # (batch, frames, bands)
        changes = (features - features.mean(dim=1, keepdim=True)) / 10.0
        channels = [position, changes]
        if self.shape_channel:
            channels.append((features - features.mean(dim=(1, 2), keepdim=True)) / 20.0)
        return torch.stack(channels, dim=1)


class TinyGate(nn.Module):
    """Raw dB features `(batch, frames, 128)` -> logit `(batch,)`.

    Convolutions do not know where on the frequency axis they are, but a cow and a thrush differ in just that: a channel
    tells them, and the head keeps the frequency axis.
    """

    def __init__(self, channels: tuple[int, ...], shape_channel: bool = True, dropout: float = 0.2) -> None:
        super().__init__()
        self.normalise = Normalise(shape_channel)
        blocks: list[nn.Module] = []
        width = self.normalise.channels
        for i, channel in enumerate(channels):
            # Time is halved in every second block only: syllables last a few frames, calls span many bands.
            stride = (2 if i % 2 == 0 else 1, 2)
            blocks += [nn.Conv2d(width, channel, 3, stride, 1, bias=False), nn.BatchNorm2d(channel), nn.ReLU()]
            width = channel
        self.body = nn.Sequential(*blocks)
        self.dropout = nn.Dropout(dropout)
        self.head = nn.Linear(2 * width * (BANDS >> len(channels)), 1)

    def forward(self, features: Tensor) -> Tensor:
        """As the class says."""
        cells = self.body(self.normalise(features))  # (batch, width, 7, 4)
        pooled = torch.cat([cells.mean(dim=2), cells.amax(dim=2)], dim=1).flatten(1)  # (batch, 2 * width * 4)
        return self.head(self.dropout(pooled)).squeeze(1)


class WithProbability(nn.Module):
    """What is exported: a network of logits followed by the logistic function."""

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network

    def forward(self, features: Tensor) -> Tensor:
        """Raw dB features `(batch, frames, bands)` -> probability `(batch,)`."""
        return torch.sigmoid(self.network(features))


def parameters(network: nn.Module) -> int:
    """How many numbers were trained."""
    return sum(p.numel() for p in network.parameters())


def multiplications(network: nn.Module, frames: int, bands: int) -> int:
    """Multiply-accumulates of the convolutions and matrices for one window."""
    total = 0

    def count(module: nn.Module, _inputs: object, output: Tensor) -> None:
        nonlocal total
        if isinstance(module, nn.Conv2d):
            total += output[0].numel() * module.weight[0].numel()
        elif isinstance(module, nn.Linear):
            total += module.weight.numel()

    hooks = [module.register_forward_hook(count) for module in network.modules()]
    training = network.training
    network.eval()
    with torch.no_grad():
        network(torch.zeros(1, frames, bands))
    network.train(training)
    for hook in hooks:
        hook.remove()
    return total
