"""MobileAST and MobileAST_Light: MobileViT on log-mel spectrograms.

Yu et al., "Tiny audio spectrogram transformer: MobileViT for low-complexity acoustic scene classification with
decoupled knowledge distillation" (DCASE 2023 task 1, technical report): Tables 1, 2 and 4, section 7.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import torch
from torch import Tensor, nn

from training.nets.mobilevit import BlockV1, BlockV3, ConvNorm, InvertedResidual

if TYPE_CHECKING:
    from collections.abc import Callable

    from training.scene.recipe import Activation, Level

BANDS = 256
FRAMES = 64
"""Of the `scene` spec; the map that the network sees is bands x frames."""

LEVEL_SPREAD = 3.0
"""Nepers by which relative levels are divided: about the deviation of cells around their window's mean."""


@dataclass(frozen=True, slots=True)
class Light:
    """Numbers of one MobileAST_Light (Table 4)."""

    c1: int
    c2: int
    """Channels of the map that the transformer block fuses."""
    c_out: int
    """Of the last convolution."""
    e1: int
    e2: int
    e3: int
    """Expansions of the three inverted residuals."""
    width: int
    """d_l, of the attention."""
    hidden: int
    """d_m, of the feed-forward layer."""
    depth: int
    act: Activation
    short: bool = False
    """Submission 4: a 5x5 stem, one inverted residual (of `c1` channels, stride 2), nothing after the transformer."""


SUBMISSIONS: dict[int, Light] = {
    1: Light(64, 64, 160, 1, 1, 1, 32, 64, 2, "silu"),
    2: Light(32, 32, 224, 2, 1, 2, 32, 64, 2, "relu"),
    3: Light(32, 32, 192, 1, 1, 1, 48, 64, 2, "relu"),
    4: Light(50, 50, 50, 1, 1, 1, 64, 64, 2, "relu", short=True),
}

STEM = 32
THIRD = 64
"""Channels of the third inverted residual; Table 1 prints c2 by mistake, the counts of Table 4 need 64."""


class Levels(nn.Module):
    """Log mel of the `scene` spec `(batch, frames, bands)` -> map `(batch, 1, bands, frames)`, about -3..3."""

    def __init__(self, level: Level) -> None:
        super().__init__()
        self.level = level

    def forward(self, features: Tensor) -> Tensor:
        """As the class says."""
        if self.level == "relative":
            scaled = (features - features.mean(dim=(1, 2), keepdim=True)) / LEVEL_SPREAD
        else:
            scaled = (features + 4.5) / 5.0
        return scaled.transpose(1, 2).unsqueeze(1)


class MobileASTLight(nn.Module):
    """Log mel `(batch, 64, 256)` -> logits `(batch, classes)`. The classifier has no bias."""

    def __init__(self, sizes: Light, classes: int, level: Level = "absolute") -> None:
        super().__init__()
        self.levels = Levels(level)
        self.body = _short(sizes) if sizes.short else _long(sizes)
        self.classifier = nn.Linear(sizes.c2 if sizes.short else sizes.c_out, classes, bias=False)

    def embed(self, features: Tensor) -> Tensor:
        """What is classified, `(batch, c_out)`: the last map's means."""
        return self.body(self.levels(features)).mean(dim=(2, 3))

    def forward(self, features: Tensor) -> Tensor:
        """As the class says."""
        return self.classifier(self.embed(features))


def _long(sizes: Light) -> nn.Sequential:
    """Table 1."""
    act = sizes.act
    return nn.Sequential(
        ConvNorm(1, STEM, 3, act, stride=2),  # (32, 128, 32)
        InvertedResidual(STEM, sizes.c1, 1, sizes.e1, act),
        InvertedResidual(sizes.c1, sizes.c2, 2, sizes.e2, act),  # (c2, 64, 16)
        nn.MaxPool2d((2, 1)),  # (c2, 32, 16)
        BlockV3(sizes.c2, sizes.width, sizes.hidden, sizes.depth, act),
        InvertedResidual(sizes.c2, THIRD, 2, sizes.e3, act),  # (64, 16, 8)
        ConvNorm(THIRD, sizes.c_out, 1, act),
    )


def _short(sizes: Light) -> nn.Sequential:
    """Submission 4; the stem's padding is 1, not 2: only that gives the paper's count."""
    act = sizes.act
    return nn.Sequential(
        ConvNorm(1, STEM, 5, act, stride=2, padding=1),  # (32, 127, 31)
        InvertedResidual(STEM, sizes.c1, 2, sizes.e1, act),  # (c1, 64, 16)
        nn.MaxPool2d((2, 1)),  # (c1, 32, 16)
        BlockV3(sizes.c1, sizes.width, sizes.hidden, sizes.depth, act),
    )


Size = Literal["xxs", "xs", "s"]


@dataclass(frozen=True, slots=True)
class Full:
    """Numbers of a MobileViT, from which MobileAST takes over everything but input and classes."""

    channels: tuple[int, int, int, int, int]
    """After the inverted residuals of the five stages."""
    widths: tuple[int, int, int]
    """Of the attention in the last three."""
    c_out: int
    expansion: int
    stem: int = 16


SIZES: dict[Size, Full] = {
    "xxs": Full((16, 24, 48, 64, 80), (64, 80, 96), 320, 2),
    "xs": Full((32, 48, 64, 80, 96), (96, 120, 144), 384, 4),
    "s": Full((32, 64, 96, 128, 160), (144, 192, 240), 640, 4),
}
DEPTHS = (2, 4, 3)


class MobileAST(nn.Module):
    """The full model, before it was cut to the Light one: MobileViT's five stages with blocks of version 1 or 3.

    Log mel `(batch, 64, 256)` -> logits `(batch, classes)`. The report gives no numbers for it: they are MobileViT's.
    """

    def __init__(
        self,
        classes: int,
        size: Size = "xxs",
        block: Literal["v1", "v3"] = "v3",
        level: Level = "absolute",
        inward: int = 1,
    ) -> None:
        super().__init__()
        self.levels = Levels(level)
        self.body = full_body(SIZES[size], BlockV1 if block == "v1" else BlockV3, inward)
        self.classifier = nn.Linear(SIZES[size].c_out, classes)

    def forward(self, features: Tensor) -> Tensor:
        """As the class says."""
        return self.classifier(self.body(self.levels(features)).mean(dim=(2, 3)))


def full_body(sizes: Full, block: Callable[..., nn.Module], inward: int) -> nn.Sequential:
    """Maps `(batch, inward, height, width)` -> `(batch, c_out, height / 32, width / 32)`."""
    act: Activation = "silu"
    first, second, *rest = sizes.channels
    layers: list[nn.Module] = [
        ConvNorm(inward, sizes.stem, 3, act, stride=2),
        InvertedResidual(sizes.stem, first, 1, sizes.expansion, act),
        InvertedResidual(first, second, 2, sizes.expansion, act),
        InvertedResidual(second, second, 1, sizes.expansion, act),
        InvertedResidual(second, second, 1, sizes.expansion, act),
    ]
    narrow = second
    for channels, width, depth in zip(rest, sizes.widths, DEPTHS, strict=True):
        layers += [
            InvertedResidual(narrow, channels, 2, sizes.expansion, act),
            block(channels, width, 2 * width, depth, act),
        ]
        narrow = channels
    layers.append(ConvNorm(narrow, sizes.c_out, 1, act))
    return nn.Sequential(*layers)


class WithProbabilities(nn.Module):
    """What is exported: a network of logits followed by the softmax."""

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network

    def forward(self, features: Tensor) -> Tensor:
        """Log mel `(batch, frames, bands)` -> probabilities `(batch, classes)`."""
        return torch.softmax(self.network(features), dim=1)
