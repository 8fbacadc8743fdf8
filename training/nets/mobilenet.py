"""MobileNetV3-Large as an encoder of spectrograms, and the projector it is trained through."""

from __future__ import annotations

from torch import Tensor, nn
from torchvision.models import mobilenet_v3_large

WIDTH = 960
"""Of the embedding and of the projection."""


class MobileNetEncoder(nn.Module):
    """Scaled features `(batch, frames, bands)` as the kernel lays them out -> embedding `(batch, 960)`.

    Trained from scratch; at least one frame and one band. Time is the image's height. In training mode the outputs
    depend on the batch (batch normalisation); after `.eval()` each window's embedding is its own.
    """

    def __init__(self) -> None:
        super().__init__()
        self.features = mobilenet_v3_large(weights=None).features
        stem = self.features[0][0]
        # One channel instead of three; initialised as torchvision initialises its convolutions.
        self.features[0][0] = nn.Conv2d(1, stem.out_channels, stem.kernel_size, stem.stride, stem.padding, bias=False)
        nn.init.kaiming_normal_(self.features[0][0].weight, mode="fan_out")

    def forward(self, features: Tensor) -> Tensor:
        """As the class says."""
        cells = self.features(features.unsqueeze(1))  # (batch, 960, frames / 32, bands / 32), both rounded up
        over_bands = cells.mean(dim=3)  # (batch, 960, frames / 32)
        return over_bands.amax(dim=2) + over_bands.mean(dim=2)  # (batch, 960)


class Projector(nn.Sequential):
    """Embedding `(batch, 960)` -> `(batch, 960)` for the loss; dropped after training."""

    def __init__(self) -> None:
        super().__init__(nn.Linear(WIDTH, WIDTH, bias=False), nn.ReLU(), nn.Linear(WIDTH, WIDTH))
