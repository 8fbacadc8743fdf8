"""Residual networks of the primate paper (Pellegrini, Interspeech 2021, sections 2.3 and 2.4)."""

from __future__ import annotations

from torch import Tensor, nn
from torch.nn import functional

from training.nets.pann import ConvBlock, PannNetwork, initialise


class ResidualBlock(nn.Module):
    """Two convolutions of 3 x 3 beside a shortcut; a stride of 2 is an average over 2 x 2 cells before both."""

    def __init__(self, taken: int, given: int, stride: int, dropout: float = 0.1) -> None:
        super().__init__()
        self.pool = nn.AvgPool2d(2) if stride == 2 else nn.Identity()
        self.first = nn.Conv2d(taken, given, 3, padding=1, bias=False)
        self.first_norm = nn.BatchNorm2d(given)
        self.dropout = nn.Dropout(dropout)
        self.second = nn.Conv2d(given, given, 3, padding=1, bias=False)
        self.second_norm = nn.BatchNorm2d(given)
        changes = stride != 1 or taken != given
        self.shortcut: nn.Module = (
            nn.Sequential(nn.Conv2d(taken, given, 1, bias=False), nn.BatchNorm2d(given)) if changes else nn.Identity()
        )

    def forward(self, cells: Tensor) -> Tensor:
        """`(batch, taken, t, f)` -> `(batch, given, t // stride, f // stride)`."""
        cells = self.pool(cells)
        inner = self.dropout(functional.relu(self.first_norm(self.first(cells))))
        return functional.relu(self.second_norm(self.second(inner)) + self.shortcut(cells))


class ResNet22(PannNetwork):
    """Two convolutions, eight residual blocks, two convolutions: 62 605 509 parameters with five classes."""

    def __init__(self, classes: int, dropout: float = 0.2) -> None:
        super().__init__(2048, 2048, classes)
        self.stem = ConvBlock(1, 64, kernel=3, layers=2)
        blocks: list[nn.Module] = []
        width = 64
        for given, stride in ((64, 1), (128, 2), (256, 2), (512, 2)):
            blocks += [ResidualBlock(width, given, stride), ResidualBlock(given, given, 1)]
            width = given
        self.blocks = nn.Sequential(*blocks)
        self.after = ConvBlock(512, 2048, kernel=3, layers=2, pool=1)
        self.between = nn.Dropout(dropout)
        initialise(self)

    def cells(self, image: Tensor) -> Tensor:
        """As the base class says."""
        cells = functional.avg_pool2d(self.blocks(self.between(self.stem(image))), 2)
        return self.between(self.after(self.between(cells)))


class WideBlock(nn.Module):
    """Two convolutions of 3 x 3 beside a shortcut, the first and the shortcut strided; no dropout."""

    def __init__(self, taken: int, given: int, stride: int) -> None:
        super().__init__()
        self.first = nn.Conv2d(taken, given, 3, stride=stride, padding=1, bias=False)
        self.first_norm = nn.BatchNorm2d(given)
        self.second = nn.Conv2d(given, given, 3, padding=1, bias=False)
        self.second_norm = nn.BatchNorm2d(given)
        self.shortcut: nn.Module = (
            nn.Sequential(nn.Conv2d(taken, given, 1, stride=stride, bias=False), nn.BatchNorm2d(given))
            if stride != 1 or taken != given
            else nn.Identity()
        )

    def forward(self, cells: Tensor) -> Tensor:
        """`(batch, taken, t, f)` -> `(batch, given, t / stride, f / stride)`."""
        inner = functional.relu(self.first_norm(self.first(cells)))
        return functional.relu(self.second_norm(self.second(inner)) + self.shortcut(cells))


class WideResNet(PannNetwork):
    """WRN-28-2 with the widths of Zagoruyko and Komodakis (2016): 1 483 765 parameters with five classes.

    The paper's 1.5 M; the class released with it has widths of 64 to 256 and 5.94 M.
    """

    def __init__(self, classes: int, widen: int = 2, blocks: int = 4) -> None:
        widths = tuple(width * widen for width in (16, 32, 64))
        super().__init__(widths[-1], widths[-1], classes)
        self.stem = nn.Sequential(nn.Conv2d(1, 16, 3, padding=1, bias=False), nn.BatchNorm2d(16), nn.ReLU())
        layers: list[nn.Module] = []
        taken = 16
        for i, given in enumerate(widths):
            for j in range(blocks):
                layers.append(WideBlock(taken, given, 2 if i > 0 and j == 0 else 1))
                taken = given
        self.blocks = nn.Sequential(*layers)
        initialise(self)

    def cells(self, image: Tensor) -> Tensor:
        """As the base class says."""
        return self.blocks(self.stem(image))
