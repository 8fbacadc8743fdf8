"""Outlier-exposure extractors: a backbone, a neck to 128 values, and heads for section, machine and domain.

Kuroyanagi et al. 2022, section 2. The backbones read the window's own scaled decibels, where the paper's read
magnitudes of a wave standardised over the training set: no window may depend on others, and what gain a monitor froze
at enrollment the encoder does not know.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, NamedTuple

import torch
from torch import Tensor, nn
from torchaudio.models import Conformer
from torchvision.models import efficientnet_b0

from monitor.features.spec import MACHINE

if TYPE_CHECKING:
    from training.anomaly.recipe import Backbone

EMBEDDING = 128
SCALE_DB = 20.0
"""Decibels that are one unit of what a backbone reads."""


class Outputs(NamedTuple):
    """What an extractor says of a batch."""

    embedding: Tensor
    """`(batch, 128)`, not normalised: its length tells machine from other sound."""
    section: Tensor
    """Logits `(batch, sections)`."""
    machine: Tensor
    """Logit `(batch,)`."""
    domain: Tensor
    """Logit `(batch,)` of the target domain."""


class Extractor(nn.Module):
    """Raw dB `(batch, 126, 224)` -> `Outputs`.

    The machine head is an affine map of the embedding's squared length, summed (Eq. 2) or averaged (the released code).
    """

    def __init__(self, backbone: Backbone, sections: int, dropout: float = 0.3, norm: str = "mean") -> None:
        super().__init__()
        self.backbone = BACKBONES[backbone]()
        width = self.backbone.width
        # The released necks: with dropout behind the convolutional backbone, without behind the others.
        first = [nn.Dropout(dropout)] if backbone in ("efficientnet", "small") else []
        self.neck = nn.Sequential(
            *first, nn.Linear(width, EMBEDDING), nn.BatchNorm1d(EMBEDDING), nn.PReLU(), nn.Linear(EMBEDDING, EMBEDDING)
        )
        self.section_head = nn.Linear(EMBEDDING, sections, bias=False)
        self.machine_head = nn.Linear(1, 1)
        self.domain_head = nn.Linear(EMBEDDING, 1, bias=False)
        self.norm = norm

    def embed(self, features: Tensor) -> Tensor:
        """Embeddings alone `(batch, 128)`."""
        return self.neck(self.backbone(features))

    def forward(self, features: Tensor) -> Outputs:
        """As the class says."""
        embedding = self.embed(features)
        squares = embedding.square()
        length = squares.sum(dim=1) if self.norm == "sum" else squares.mean(dim=1)
        return Outputs(
            embedding,
            self.section_head(embedding),
            self.machine_head(length[:, None]).squeeze(1),
            self.domain_head(embedding).squeeze(1),
        )


class UnitEmbedding(nn.Module):
    """What is exported: raw dB `(batch, 126, 224)` -> unit vectors `(batch, 128)`."""

    def __init__(self, extractor: Extractor) -> None:
        super().__init__()
        self.extractor = extractor

    def forward(self, features: Tensor) -> Tensor:
        """As the class says."""
        return nn.functional.normalize(self.extractor.embed(features), dim=1)


def scaled(features: Tensor) -> Tensor:
    """Raw dB `(batch, frames, bands)` around the mean of all cells of the window: blind to gain."""
    return (features - features.mean(dim=(1, 2), keepdim=True)) / SCALE_DB


class EfficientNet(nn.Module):
    """EfficientNet-B0's features and their mean: `(batch, 1280)`; one channel is repeated to three.

    4 007 548 parameters as in timm's tf_efficientnet_b0_ns, which the paper's code starts from: layers and counts are
    the same. They differ in what has no parameters: timm's pads as TensorFlow does (more behind than in front) and
    normalises with an eps of 1e-3, and its weights come from ImageNet (noisy student); ours start at random.
    """

    width = 1280

    def __init__(self) -> None:
        super().__init__()
        self.features = efficientnet_b0(weights=None).features

    def forward(self, features: Tensor) -> Tensor:
        """As the class says."""
        image = scaled(features).unsqueeze(1).expand(-1, 3, -1, -1)
        return self.features(image).mean(dim=(2, 3))


class _Tokens(nn.Module):
    """Raw dB -> every second frame as a token `(batch, 64, 224)`, behind a header: the mean frame.

    The released front-end has a hop of 512 where ours has 256; positions are added as sines.
    """

    positions: Tensor

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("positions", _sines(64, MACHINE.bands), persistent=False)

    def forward(self, features: Tensor) -> Tensor:
        """As the class says."""
        frames = scaled(features)[:, ::2]  # (batch, 63, 224)
        tokens = torch.cat([frames.mean(dim=1, keepdim=True), frames], dim=1)
        return tokens * math.sqrt(MACHINE.bands) + self.positions[: tokens.shape[1]]


class TransformerBackbone(nn.Module):
    """Four layers of four heads over frames; the header token: `(batch, 224)`. 1 040 768 parameters."""

    width = MACHINE.bands

    def __init__(self) -> None:
        super().__init__()
        self.tokens = _Tokens()
        layer = nn.TransformerEncoderLayer(MACHINE.bands, 4, 128, activation="gelu", batch_first=True)
        self.layers = nn.TransformerEncoder(layer, 4, enable_nested_tensor=False)

    def forward(self, features: Tensor) -> Tensor:
        """As the class says."""
        return self.layers(self.tokens(features))[:, 0]


class ConformerBackbone(nn.Module):
    """Torchaudio's Conformer (4 blocks of 4 heads, feed-forward 64, kernel 31); the header token: `(batch, 224)`."""

    width = MACHINE.bands

    def __init__(self) -> None:
        super().__init__()
        self.tokens = _Tokens()
        self.layers = Conformer(MACHINE.bands, 4, 64, 4, 31)

    def forward(self, features: Tensor) -> Tensor:
        """As the class says."""
        tokens = self.tokens(features)
        lengths = torch.full((len(tokens),), tokens.shape[1], device=tokens.device)
        return self.layers(tokens, lengths)[0][:, 0]


class SmallBackbone(nn.Module):
    """Five convolutions that keep the frequency axis: `(batch, 1344)`; a megabyte or so with the neck.

    It sees where a band lies, how each band differs from its own mean over the window, and the window's spectrum
    relative to the mean of all cells; then mean and maximum over time of each channel in each of seven stretches of
    frequency.
    """

    channels = (16, 32, 48, 64, 96)
    width = 2 * channels[-1] * (MACHINE.bands >> len(channels))
    position: Tensor

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("position", torch.linspace(-1.0, 1.0, MACHINE.bands), persistent=False)
        blocks: list[nn.Module] = []
        width = 3
        for i, channel in enumerate(self.channels):
            stride = (2 if i < 4 else 1, 2)
            blocks += [nn.Conv2d(width, channel, 3, stride, 1, bias=False), nn.BatchNorm2d(channel), nn.ReLU()]
            width = channel
        self.body = nn.Sequential(*blocks)

    def forward(self, features: Tensor) -> Tensor:
        """As the class says."""
        shape = scaled(features)
        changes = (features - features.mean(dim=1, keepdim=True)) / (SCALE_DB / 2)
        position = torch.zeros_like(features) + self.position
        cells = self.body(torch.stack([position, changes, shape], dim=1))  # (batch, 96, 8, 7)
        return torch.cat([cells.mean(dim=2), cells.amax(dim=2)], dim=1).flatten(1)


BACKBONES = {
    "efficientnet": EfficientNet,
    "conformer": ConformerBackbone,
    "transformer": TransformerBackbone,
    "small": SmallBackbone,
}


def _sines(count: int, width: int) -> Tensor:
    """Sinusoidal positions `(count, width)` (Vaswani et al. 2017, section 3.5)."""
    angles = torch.arange(count)[:, None] * torch.exp(torch.arange(0, width, 2) * (-math.log(10_000.0) / width))
    return torch.stack([angles.sin(), angles.cos()], dim=2).flatten(1)
