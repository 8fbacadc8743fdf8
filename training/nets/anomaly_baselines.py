"""The two official baselines of DCASE 2022 Task 2: an autoencoder, and a MobileNetV2 that tells sections apart."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor, nn
from torchvision.models import mobilenet_v2

if TYPE_CHECKING:
    from numpy.typing import NDArray

VECTOR_FRAMES = 5
BANDS = 128
VECTOR = VECTOR_FRAMES * BANDS
"""Width of the autoencoder's input: five frames side by side."""
IMAGE_FRAMES = 64
"""Of a MobileNetV2 window."""


class AutoEncoder(nn.Module):
    """640 - 128 x 4 - 8 - 128 x 4 - 640; batch normalisation and ReLU behind every layer but the last.

    Vectors `(batch, 640)` in dB -> their reconstruction. 267 928 parameters, 269 992 with the statistics.
    """

    def __init__(self) -> None:
        super().__init__()
        widths = [VECTOR, *[128] * 4, 8, *[128] * 4]
        layers: list[nn.Module] = []
        for before, after in pairwise(widths):
            # Keras' defaults: statistics move by 0.01, variance is kept from zero by 1e-3.
            layers += [nn.Linear(before, after), nn.BatchNorm1d(after, eps=1e-3, momentum=0.01), nn.ReLU()]
        self.layers = nn.Sequential(*layers, nn.Linear(widths[-1], VECTOR))

    def forward(self, vectors: Tensor) -> Tensor:
        """As the class says."""
        return self.layers(vectors)

    def score(self, vectors: Tensor) -> Tensor:
        """Squared error `(batch,)` of each vector, mean of its 640 values."""
        return (vectors - self(vectors)).square().mean(dim=1)


class SectionNet(nn.Module):
    """MobileNetV2 of half width over windows `(batch, 64, 128)` in dB, one channel given thrice -> logits of sections.

    691 523 parameters for three sections, 695 366 for six.
    """

    def __init__(self, sections: int) -> None:
        super().__init__()
        self.body = mobilenet_v2(weights=None, num_classes=sections, width_mult=0.5, dropout=0.0)

    def forward(self, windows: Tensor) -> Tensor:
        """As the class says."""
        return self.body(windows.unsqueeze(1).expand(-1, 3, -1, -1))

    def score(self, windows: Tensor, section: int) -> Tensor:
        """`(batch,)`: log of (1 - p) / p of the section that the window is said to be of."""
        p = torch.softmax(self(windows), dim=1)[:, section]
        least = torch.finfo(p.dtype).eps
        return (1.0 - p).clamp_min(least).log() - p.clamp_min(least).log()


def vectors_of(frames: NDArray[Any]) -> NDArray[Any]:
    """Frames `(t, 128)` -> every five side by side `(t - 4, 640)`, earliest first."""
    count = len(frames) - VECTOR_FRAMES + 1
    return np.concatenate([frames[i : i + count] for i in range(VECTOR_FRAMES)], axis=1)


def images_of(frames: NDArray[Any], hop: int) -> NDArray[Any]:
    """Frames `(t, 128)` -> windows `(n, 64, 128)`, one every `hop` frames."""
    starts = range(0, len(frames) - IMAGE_FRAMES + 1, hop)
    return np.stack([frames[start : start + IMAGE_FRAMES] for start in starts])
