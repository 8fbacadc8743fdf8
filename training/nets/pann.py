"""Convolutional networks of Kong et al., "PANNs: Large-scale pretrained audio neural networks" (TASLP 2020).

The primate paper (Pellegrini, Interspeech 2021, section 2) trains CNN6, CNN10 and MobileNetV1 of them on 64 mel bands.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from torch import Tensor, nn
from torch.nn import functional

if TYPE_CHECKING:
    from collections.abc import Callable

BANDS = 64


class PannNetwork(nn.Module):
    """Features `(batch, frames, 64)` in dB -> logits `(batch, classes)`, of whatever layers stand between.

    The first normalisation, the embedding and the head are apart, so that masks and mixtures lie between them.
    """

    def __init__(self, width: int, embedding: int, classes: int, dropout: float = 0.5) -> None:
        """`width`: channels that the layers give; `embedding`: of the layer before the head."""
        super().__init__()
        self.embedding = embedding
        self.bn0 = nn.BatchNorm1d(BANDS)
        self.dropout = nn.Dropout(dropout)
        self.fc1 = nn.Linear(width, embedding)
        self.head = nn.Linear(embedding, classes)

    def normalise(self, features: Tensor) -> Tensor:
        """Each band with the mean and deviation that it has in training; `(batch, frames, bands)`."""
        return self.bn0(features.transpose(1, 2)).transpose(1, 2)

    def cells(self, image: Tensor) -> Tensor:
        """`(batch, 1, frames, bands)` -> `(batch, width, t, f)`."""
        raise NotImplementedError

    def embed(self, normalised: Tensor) -> Tensor:
        """What `normalise` gave -> embeddings `(batch, embedding)`, 0 or more."""
        pooled = global_pool(self.cells(normalised.unsqueeze(1)))  # (batch, width)
        return functional.relu(self.fc1(self.dropout(pooled)))

    def logits(self, normalised: Tensor) -> Tensor:
        """What `normalise` gave -> logits. The head takes the embedding without a dropout of its own, as released."""
        return self.head(self.embed(normalised))

    def forward(self, features: Tensor) -> Tensor:
        """As the class says."""
        return self.logits(self.normalise(features))


def global_pool(cells: Tensor) -> Tensor:
    """`(batch, channels, t, f)` -> mean over f, then the sum of mean and maximum over t; section 2.1."""
    over_time = cells.mean(dim=3)  # (batch, channels, t)
    return over_time.mean(dim=2) + over_time.amax(dim=2)


class ConvBlock(nn.Module):
    """Convolutions of one width, each with normalisation and ReLU, then an average over `pool` x `pool` cells."""

    def __init__(self, taken: int, given: int, kernel: int, layers: int, pool: int = 2) -> None:
        super().__init__()
        self.pool = pool
        self.convolutions = nn.ModuleList(
            nn.Conv2d(taken if i == 0 else given, given, kernel, padding=kernel // 2, bias=False) for i in range(layers)
        )
        self.norms = nn.ModuleList(nn.BatchNorm2d(given) for _ in range(layers))

    def forward(self, cells: Tensor) -> Tensor:
        """`(batch, taken, t, f)` -> `(batch, given, t // pool, f // pool)`."""
        for convolution, norm in zip(self.convolutions, self.norms, strict=True):
            cells = functional.relu_(norm(convolution(cells)))
        return functional.avg_pool2d(cells, self.pool) if self.pool > 1 else cells


class PlainCNN(PannNetwork):
    """Blocks of convolutions, with dropout after each."""

    def __init__(
        self, widths: tuple[int, ...], kernel: int, layers: int, classes: int, last_pool: int = 2, dropout: float = 0.2
    ) -> None:
        super().__init__(widths[-1], widths[-1], classes)
        taken = (1, *widths[:-1])
        pools = [2] * (len(widths) - 1) + [last_pool]
        self.blocks = nn.ModuleList(
            ConvBlock(first, given, kernel, layers, pool)
            for first, given, pool in zip(taken, widths, pools, strict=True)
        )
        self.between = nn.Dropout(dropout)
        initialise(self)

    def cells(self, image: Tensor) -> Tensor:
        """As the base class says."""
        for block in self.blocks:
            image = self.between(block(image))
        return image


def cnn6(classes: int) -> PlainCNN:
    """Four convolutions of 5 x 5: 4 569 669 parameters with five classes."""
    return PlainCNN((64, 128, 256, 512), kernel=5, layers=1, classes=classes)


def cnn10(classes: int) -> PlainCNN:
    """Four pairs of convolutions of 3 x 3 (Table 1): 4 951 493 parameters with five classes."""
    return PlainCNN((64, 128, 256, 512), kernel=3, layers=2, classes=classes)


def cnn14(classes: int) -> PlainCNN:
    """Six pairs, to 2048 channels: 80 753 615 parameters with the 527 classes of AudioSet."""
    return PlainCNN((64, 128, 256, 512, 1024, 2048), kernel=3, layers=2, classes=classes, last_pool=1)


class MobileNetV1(PannNetwork):
    """Thirteen pairs of a convolution by channel and one by cell; a stride is an average over 2 x 2 cells.

    4 261 253 parameters with five classes. After Howard et al. (2017); `share` thins all widths, 1 in the papers.
    """

    STEPS = ((64, 1), (128, 2), (128, 1), (256, 2), (256, 1), (512, 2), *((512, 1),) * 5, (1024, 2), (1024, 1))
    """Channels and stride of each pair."""

    def __init__(self, classes: int, share: float = 1.0) -> None:
        super().__init__(_thin(1024, share), _thin(1024, share), classes)
        width = _thin(32, share)
        layers: list[nn.Module] = [nn.Conv2d(1, width, 3, padding=1, bias=False), nn.AvgPool2d(2), *_normed(width)]
        for full, stride in self.STEPS:
            given = _thin(full, share)
            layers.append(nn.Conv2d(width, width, 3, padding=1, groups=width, bias=False))
            layers += [nn.AvgPool2d(stride)] if stride > 1 else []
            layers += [*_normed(width), nn.Conv2d(width, given, 1, bias=False), *_normed(given)]
            width = given
        self.body = nn.Sequential(*layers)
        initialise(self)

    def cells(self, image: Tensor) -> Tensor:
        """As the base class says."""
        return self.body(image)


def initialise(network: nn.Module) -> None:
    """Weights as PANNs start: Xavier's uniform draw for every convolution and matrix, no offset."""
    for module in network.modules():
        if isinstance(module, nn.Conv2d | nn.Linear):
            nn.init.xavier_uniform_(module.weight)
            if module.bias is not None:
                nn.init.zeros_(module.bias)


def _thin(width: int, share: float) -> int:
    return max(8, round(width * share))


def _normed(width: int) -> tuple[nn.Module, nn.Module]:
    return nn.BatchNorm2d(width), nn.ReLU(inplace=True)


def networks() -> dict[str, Callable[[int], PannNetwork]]:
    """By the name that a recipe gives: how many classes -> the network, untrained."""
    from training.nets.pann_residual import ResNet22, WideResNet

    return {
        "cnn6": cnn6,
        "cnn10": cnn10,
        "cnn14": cnn14,
        "mobilenet-v1": MobileNetV1,
        "resnet22": ResNet22,
        "wide-resnet28-2": WideResNet,
    }
