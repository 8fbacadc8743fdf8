"""Many C1 trained at once: one set of tensors with a network along the first axis, each with data, start and order of
its own. A network trained among others is what it would be alone (up to rounding), at a fraction of the time.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import cos, pi
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor, nn

from training.nets.sound_class import CLASSES, FRAMES, VALUES, SmallClassifier

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from training.sound.recipe import SoundOptimiser

INPUTS = FRAMES * VALUES
HIDDEN = 9
MOMENTUM = 0.1
EPSILON = 1e-5
"""Of the batch normalisation, PyTorch's own."""


@dataclass(frozen=True, slots=True, eq=False)
class Lesson:
    """What one network learns from."""

    vectors: NDArray[np.float32]
    """`(n, 5, 9)`."""
    labels: NDArray[np.int64]
    """`(n,)`."""
    seed: int
    """Of its start, its batches and its dropout."""


class ManyClassifiers(nn.Module):
    """k copies of C1: `(k, batch, 45)` -> logits `(k, batch, 4)`. Each starts as `SmallClassifier` does by its seed."""

    def __init__(self, seeds: Sequence[int], dropout: float) -> None:
        super().__init__()
        self.dropout = dropout
        ones: list[SmallClassifier] = []
        for seed in seeds:
            torch.manual_seed(seed)
            ones.append(SmallClassifier(dropout))
        self.gamma = nn.Parameter(torch.stack([one.normalise.weight.detach() for one in ones])[:, None])
        self.beta = nn.Parameter(torch.stack([one.normalise.bias.detach() for one in ones])[:, None])
        self.hidden = nn.Parameter(torch.stack([one.hidden.weight.detach().T for one in ones]))
        self.hidden_bias = nn.Parameter(torch.stack([one.hidden.bias.detach() for one in ones])[:, None])
        self.head = nn.Parameter(torch.stack([one.head.weight.detach().T for one in ones]))
        self.head_bias = nn.Parameter(torch.stack([one.head.bias.detach() for one in ones])[:, None])
        self.register_buffer("mean", torch.zeros(len(seeds), 1, INPUTS))
        self.register_buffer("variance", torch.ones(len(seeds), 1, INPUTS))
        self.mean: Tensor
        self.variance: Tensor

    def forward(self, vectors: Tensor, kept: Tensor | None = None) -> Tensor:
        """As the class says; `kept`: what dropout multiplies the normalised inputs by, while training."""
        mean, variance = self.mean, self.variance
        if self.training:
            # Nothing before the normalisation learns: its statistics need no gradient.
            with torch.no_grad():
                variance, mean = torch.var_mean(vectors, dim=1, keepdim=True, correction=0)
                unbiased = variance * (vectors.shape[1] / (vectors.shape[1] - 1))
                self.mean.lerp_(mean, MOMENTUM)
                self.variance.lerp_(unbiased, MOMENTUM)
        scale = torch.rsqrt(variance + EPSILON) * self.gamma
        values = torch.addcmul(self.beta - mean * scale, vectors, scale)
        if self.training and kept is not None:
            values = values * kept
        hidden = torch.relu(torch.baddbmm(self.hidden_bias, values, self.hidden))
        return torch.baddbmm(self.head_bias, hidden, self.head)

    def one(self, place: int) -> SmallClassifier:
        """The network at a place, by itself, in evaluation mode."""
        single = SmallClassifier(self.dropout)
        given = {
            "normalise.weight": self.gamma[place, 0],
            "normalise.bias": self.beta[place, 0],
            "normalise.running_mean": self.mean[place, 0],
            "normalise.running_var": self.variance[place, 0],
            "hidden.weight": self.hidden[place].T,
            "hidden.bias": self.hidden_bias[place, 0],
            "head.weight": self.head[place].T,
            "head.bias": self.head_bias[place, 0],
        }
        state = {name: value.detach().clone() for name, value in given.items()}
        single.load_state_dict(state | {"normalise.num_batches_tracked": torch.tensor(0)})
        return single.eval()


def train_many(lessons: Sequence[Lesson], optimiser: SoundOptimiser) -> ManyClassifiers:
    """Networks in evaluation mode, one a lesson; all lessons have equally many vectors.

    Cross-entropy, Adam, epochs of random batches, the last partial one left out, as `training.sound.fit.train` has it.
    Raises ValueError when the lessons differ in size, or the settings ask for what is not done here.
    """
    sizes = {len(lesson.labels) for lesson in lessons}
    if len(sizes) != 1:
        raise ValueError(f"lessons must have equally many vectors, got {sorted(sizes)}")
    if optimiser.mixup or optimiser.gain_db or optimiser.shuffle:
        raise ValueError("many classifiers are trained without mixup, gains and shuffled vectors")
    (size,) = sizes
    batch = min(optimiser.batch, size)
    steps = size // batch
    # Each set of vectors once, however many networks learn from it.
    stacks = {id(lesson.vectors): lesson for lesson in lessons}
    stack_of = {key: place for place, key in enumerate(stacks)}
    where = torch.tensor([stack_of[id(lesson.vectors)] for lesson in lessons])
    vectors = torch.from_numpy(np.stack([one.vectors.reshape(size, INPUTS) for one in stacks.values()]))
    labels = torch.from_numpy(np.stack([one.labels for one in stacks.values()]))
    networks = ManyClassifiers([lesson.seed for lesson in lessons], optimiser.dropout).train()
    of_seed = {seed: np.random.default_rng(seed) for seed in dict.fromkeys(lesson.seed for lesson in lessons)}
    which = torch.tensor([list(of_seed).index(lesson.seed) for lesson in lessons])
    dropping = torch.Generator().manual_seed(lessons[0].seed)
    adam = torch.optim.Adam(networks.parameters(), lr=optimiser.learning_rate, weight_decay=optimiser.weight_decay)
    total = optimiser.epochs * steps
    for epoch in range(optimiser.epochs):
        orders = torch.from_numpy(np.stack([generator.permutation(size) for generator in of_seed.values()]))[which]
        for step in range(steps):
            now = epoch * steps + step
            share = optimiser.last + (1.0 - optimiser.last) * 0.5 * (1.0 + cos(pi * now / total))
            adam.param_groups[0]["lr"] = optimiser.learning_rate * share
            rows = orders[:, step * batch : (step + 1) * batch]
            some = vectors[where[:, None], rows]
            kept = None
            if optimiser.dropout:
                # One draw for networks of one seed: they are compared, and draws cost more than the networks.
                drawn = torch.rand((len(of_seed), batch, INPUTS), generator=dropping) >= optimiser.dropout
                kept = (drawn / (1.0 - optimiser.dropout))[which]
            logits = networks(some, kept)
            # The sum over networks of each one's mean: the gradients of one do not know of the others.
            told = nn.functional.cross_entropy(logits.reshape(-1, CLASSES), labels[where[:, None], rows].reshape(-1))
            adam.zero_grad()
            (told * len(lessons)).backward()
            adam.step()
    return networks.eval()


def say_many(networks: ManyClassifiers, vectors: NDArray[np.float32]) -> NDArray[np.int64]:
    """Likeliest class of every vector `(n, 5, 9)` by every network: `(k, n)`."""
    with torch.inference_mode():
        given = torch.from_numpy(vectors.reshape(len(vectors), INPUTS))
        return networks(given.expand(len(networks.gamma), -1, -1)).argmax(dim=2).numpy()
