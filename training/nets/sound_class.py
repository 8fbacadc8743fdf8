"""The two classifiers of Koppelman et al., Tables 2 and 3: C1 for the device, C2 for the back-end."""

from __future__ import annotations

from itertools import pairwise

import torch
from torch import Tensor, nn
from torchvision.models import mobilenet_v2

FRAMES = 5
VALUES = 9
CLASSES = 4
SIDE = 224
"""Of the square that C2 makes of a decision's vectors, in the paper."""


class SmallClassifier(nn.Module):
    """C1: vectors in dB `(batch, 5, 9)` -> logits `(batch, 4)`; 544 parameters."""

    def __init__(self, dropout: float = 0.05) -> None:
        super().__init__()
        self.normalise = nn.BatchNorm1d(FRAMES * VALUES)
        # "At the first layer" leaves open where; here the layer's inputs are dropped.
        self.dropout = nn.Dropout(dropout)
        self.hidden = nn.Linear(FRAMES * VALUES, 9)
        self.head = nn.Linear(9, CLASSES)

    def forward(self, features: Tensor) -> Tensor:
        """As the class says."""
        values = self.dropout(self.normalise(features.flatten(1)))  # (batch, 45)
        return self.head(torch.relu(self.hidden(values)))


class LargeClassifier(nn.Module):
    """C2: vectors in dB `(batch, 5, 9)` -> logits `(batch, 4)`; 3 590 + 3 504 872 + 4 004 parameters.

    `weights`: a state of torchvision's MobileNetV2, such as ImageNet's. `side`: of the square; one
    below the paper's 224 has 16 parameters fewer for each row less, and costs a fraction.
    """

    def __init__(self, weights: dict[str, Tensor] | None = None, side: int = SIDE) -> None:
        super().__init__()
        self.widen = nn.Linear(VALUES, side)
        self.lengthen = nn.Linear(FRAMES, side)
        self.colour = nn.Conv2d(1, 3, 1)
        self.body = mobilenet_v2(weights=None)
        if weights is not None:
            self.body.load_state_dict(weights)
        self.head = nn.Linear(1000, CLASSES)

    def forward(self, features: Tensor) -> Tensor:
        """As the class says."""
        # Constants, so that no parameter is added: dB around -60 would drown a dense layer's initial weights.
        square = torch.relu(self.widen((features + 60.0) / 20.0))  # (batch, 5, side)
        square = torch.relu(self.lengthen(square.transpose(1, 2)))  # (batch, side, side)
        return self.head(self.body(torch.relu(self.colour(square[:, None]))))


class WideClassifier(nn.Module):
    """Stands in for C2 where there is no graphics card: vectors in dB `(batch, 5, 9)` -> logits `(batch, 4)`.

    A perceptron of two hidden layers of `width`; a core trains it in a minute.
    """

    def __init__(self, width: int = 192) -> None:
        super().__init__()
        layers: list[nn.Module] = [nn.BatchNorm1d(FRAMES * VALUES)]
        for before, after in pairwise([FRAMES * VALUES, width, width]):
            layers += [nn.Linear(before, after), nn.BatchNorm1d(after), nn.ReLU(), nn.Dropout(0.3)]
        self.layers = nn.Sequential(*layers, nn.Linear(width, CLASSES))

    def forward(self, features: Tensor) -> Tensor:
        """As the class says."""
        return self.layers(features.flatten(1))


class WithProbabilities(nn.Module):
    """What is exported: a classifier followed by softmax."""

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network

    def forward(self, features: Tensor) -> Tensor:
        """Vectors in dB `(batch, 5, 9)` -> probabilities `(batch, 4)`."""
        return torch.softmax(self.network(features), dim=1)
