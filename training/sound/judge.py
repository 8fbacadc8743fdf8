"""How well banks serve C1: many small networks trained at a time, each on its own bank and without one fold."""

from __future__ import annotations

from math import cos, pi
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor, nn

from training.nets.sound_class import CLASSES

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

HIDDEN = 9
BATCH = 192
LEARNING_RATE = 0.03
GAIN_DB = 6.0


def costs(
    vectors: Sequence[NDArray[np.float32]], labels: NDArray[np.int64], folds: NDArray[np.int64], steps: int, seed: int
) -> list[float]:
    """Mean cross-entropy in nats of C1 on folds that it did not hear, of each of several banks `(n, 5, 9)`.

    All banks have the same first weights and meet the same examples in the same order, so that they differ by their
    values alone. The order of a decision's vectors is drawn anew in every step, and so is its gain.
    """
    parts = np.unique(folds)
    stacked = torch.from_numpy(np.stack(vectors)).repeat_interleave(len(parts), dim=0)  # (banks x folds, n, 5, 9)
    heard = [np.flatnonzero(folds != part) for _ in vectors for part in parts]
    told = _log_probabilities(stacked, torch.from_numpy(labels), heard, steps, seed)
    found: list[float] = []
    for bank in range(len(vectors)):
        total = 0.0
        for place, part in enumerate(parts):
            inside = torch.from_numpy(np.flatnonzero(folds == part))
            right = told[bank * len(parts) + place][inside, torch.from_numpy(labels)[inside]]
            total -= float(right.sum())
        found.append(total / len(labels))
    return found


def _log_probabilities(
    vectors: Tensor, labels: Tensor, heard: Sequence[NDArray[np.int64]], steps: int, seed: int
) -> Tensor:
    """`(networks, n, 5, 9)` and the examples that each trains on -> `(networks, n, 4)`."""
    torch.set_num_threads(1)
    generator = torch.Generator().manual_seed(seed)
    networks, examples = vectors.shape[:2]
    size = vectors.shape[2] * vectors.shape[3]
    choice = torch.stack([torch.from_numpy(np.resize(one, max(map(len, heard)))) for one in heard])
    counts = torch.tensor([len(one) for one in heard])
    mean = torch.stack([vectors[i][one].mean(dim=(0, 1)) for i, one in enumerate(heard)])[:, None, None]
    spread = torch.stack([vectors[i][one].std(dim=(0, 1)) for i, one in enumerate(heard)])[:, None, None] + 1e-3
    vectors = (vectors - mean) / spread
    first = (torch.rand(1, size, HIDDEN, generator=generator) * 2.0 - 1.0) / size**0.5
    second = (torch.rand(1, HIDDEN, CLASSES, generator=generator) * 2.0 - 1.0) / HIDDEN**0.5
    weights = [
        first.repeat(networks, 1, 1),
        torch.zeros(networks, 1, HIDDEN),
        second.repeat(networks, 1, 1),
        torch.zeros(networks, 1, CLASSES),
    ]
    for weight in weights:
        weight.requires_grad_()

    def forward(values: Tensor) -> Tensor:
        hidden = torch.relu(torch.baddbmm(weights[1], values, weights[0]))
        return torch.baddbmm(weights[3], hidden, weights[2])

    optimiser = torch.optim.Adam(weights, lr=LEARNING_RATE)
    rows = torch.arange(networks)[:, None]
    for step in range(steps):
        optimiser.param_groups[0]["lr"] = LEARNING_RATE * (0.02 + 0.98 * 0.5 * (1.0 + cos(pi * step / steps)))
        draws = torch.rand(BATCH, generator=generator)
        places = choice.gather(1, (draws[None] * counts[:, None]).long())
        values = vectors[rows, places][:, :, torch.randperm(vectors.shape[2], generator=generator)]
        gains = (torch.rand(BATCH, 1, 1, generator=generator) * 2.0 - 1.0) * GAIN_DB
        logits = forward((values + gains / spread).reshape(networks, BATCH, size))
        # Summed over networks, so that none slows another down.
        loss = nn.functional.cross_entropy(logits.reshape(-1, CLASSES), labels[places].reshape(-1)) * networks
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
    with torch.no_grad():
        return torch.log_softmax(forward(vectors.reshape(networks, examples, size)), dim=-1)
