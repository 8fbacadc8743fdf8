"""The encoder that is shipped: a trained network and hand-made features, each whitened, side by side."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
import torch
import torch.nn.functional as functional
from torch import Tensor, nn

from monitor.errors import UsageError
from training.fewshot.whitening import Origins, Whitening, WhiteningSettings, fit_whitening, unit

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from numpy.typing import NDArray


@dataclass(frozen=True, slots=True, eq=False)
class Block:
    """Some of the features that lie beside one another, whitened by themselves."""

    name: str
    whitening: Whitening
    weight: float
    """Of its rows of length 1, beside the other blocks; 0 or more."""

    @property
    def size(self) -> int:
        """Features that it takes."""
        return len(self.whitening.mean)


@dataclass(frozen=True, slots=True, eq=False)
class Join:
    """What turns features into an embedding, as plain arrays."""

    blocks: tuple[Block, ...]
    """In the order of the features."""
    last: Whitening | None = None
    """Of the blocks together; None where there is none."""

    @property
    def size(self) -> int:
        """Features of all blocks."""
        return sum(block.size for block in self.blocks)

    @property
    def dimension(self) -> int:
        """Of the embedding."""
        if self.last is not None:
            return self.last.projection.shape[1]
        return sum(block.whitening.projection.shape[1] for block in self.blocks if block.weight > 0)

    def apply(self, features: NDArray[np.floating]) -> NDArray[np.float64]:
        """`(n, size)` -> embeddings `(n, dimension)` of length 1."""
        beside = self.beside(features)
        return unit(beside) if self.last is None else self.last.apply(beside)

    def beside(self, features: NDArray[np.floating]) -> NDArray[np.float64]:
        """`(n, size)` -> weighted blocks beside one another; those of weight 0 are left out."""
        ends = np.cumsum([block.size for block in self.blocks])
        parts = [
            block.weight * block.whitening.apply(features[:, end - block.size : end])
            for block, end in zip(self.blocks, ends, strict=True)
            if block.weight > 0
        ]
        return np.concatenate(parts, axis=1)

    def weighted(self, weights: Mapping[str, float]) -> Join:
        """The same with other weights for the blocks that are named; without a last whitening.

        Raises UsageError when a name is no block's, or all weights are 0.
        """
        unknown = weights.keys() - {block.name for block in self.blocks}
        if unknown:
            why = f"no block is called {', '.join(sorted(unknown))}"
            raise UsageError("joined encoder", why, f"Name of {', '.join(block.name for block in self.blocks)}.")
        blocks = tuple(replace(block, weight=float(weights.get(block.name, block.weight))) for block in self.blocks)
        return Join(_weighable(blocks))


def fit_joined(
    features: NDArray[np.floating],
    origins: Origins,
    sizes: Mapping[str, int],
    settings: Mapping[str, WhiteningSettings] | None = None,
    weights: Mapping[str, float] | None = None,
    last: WhiteningSettings | None = None,
) -> Join:
    """Fit every block's whitening on rows `(n, sum of sizes)` of base species, then the last one if it is asked for.

    `sizes` names the blocks in their order; `settings` and `weights` (default 1) are by those names. Raises UsageError
    when the numbers do not fit together, and where `fit_whitening` does.
    """
    if features.ndim != 2 or features.shape[1] != sum(sizes.values()):
        why = f"features of shape {features.shape} for blocks of {sum(sizes.values())} features"
        raise UsageError("joined encoder", why, "Name every block with its size, in order.")
    given = settings or {}
    blocks: list[Block] = []
    start = 0
    for name, size in sizes.items():
        whitening = fit_whitening(features[:, start : start + size], origins, given.get(name))
        blocks.append(Block(name, whitening, 1.0))
        start += size
    join = Join(tuple(blocks)).weighted(weights or {})
    return join if last is None else replace(join, last=fit_whitening(join.beside(features), origins, last))


def choose_weights(
    join: Join, names: Sequence[str], score: Callable[[Join], float], factors: Sequence[float] = (0.5, 0.7, 1.4, 2.0)
) -> Join:
    """Weights of the named blocks, tried one after the other, each times every factor; the best by `score` are kept.

    A change must score higher than what there was. Deterministic if `score` is.
    """
    best, most = join, score(join)
    for name in names:
        weight = next(block.weight for block in best.blocks if block.name == name)
        for factor in factors:
            tried = best.weighted({name: weight * factor})
            reached = score(tried)
            if reached > most:
                best, most = tried, reached
    return best


class JoinedEncoder(nn.Module):
    """Raw dB windows `(batch, 147, 128)` of spec `bird` -> float32 `(batch, dimension)` of length 1.

    `parts` are modules windows -> `(batch, features)` that scale by themselves, such as a network and `HandMade`; their
    features beside one another are the join's. Nothing of the join is trained.

    Raises UsageError when the join has no block.
    """

    def __init__(self, parts: Sequence[nn.Module], join: Join) -> None:
        super().__init__()
        self.parts = nn.ModuleList(parts)
        self.sizes = [block.size for block in join.blocks]
        self.dimension = join.dimension
        self.weights = [block.weight for block in join.blocks]
        self.whitenings = nn.ModuleList(
            block.whitening.linear() if block.weight > 0 else nn.Identity() for block in _weighable(join.blocks)
        )
        self.last = None if join.last is None else join.last.linear()

    def forward(self, windows: Tensor) -> Tensor:
        """As the class says."""
        features = self.features(windows)
        blocks = [
            weight * functional.normalize(whitening(part), dim=1)
            for weight, whitening, part in zip(
                self.weights, self.whitenings, features.split(self.sizes, dim=1), strict=True
            )
            if weight > 0
        ]
        beside = torch.cat(blocks, dim=1)
        return functional.normalize(beside if self.last is None else self.last(beside), dim=1)

    def features(self, windows: Tensor) -> Tensor:
        """What the join is fitted on: `(batch, size)`."""
        return torch.cat([part(windows) for part in self.parts], dim=1)


def _weighable(blocks: tuple[Block, ...]) -> tuple[Block, ...]:
    faults = [f"{block.name} weighs {block.weight:g}" for block in blocks if not block.weight >= 0]
    if not any(block.weight > 0 for block in blocks):
        faults.append("no block has a weight above 0")
    if faults:
        raise UsageError("joined encoder", "; ".join(faults), "Give weights of 0 or more, one of them above 0.")
    return blocks
