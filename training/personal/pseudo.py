"""Vectors drawn from a mixture and labelled by a network that is certain of them (Koppelman et al., 3.2)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    Draw = Callable[[int, np.random.Generator], NDArray[np.float64]]
    """So many vectors `(count, d)`."""
    Label = Callable[[NDArray[np.float32]], NDArray[np.floating]]
    """Vectors `(n, 5, 9)` -> probabilities `(n, classes)`."""

AT_A_TIME = 1_024

LOWEST_DB = -120.0
"""What the filter bank never goes below; a normal distribution may."""


@dataclass(frozen=True, slots=True, eq=False)
class PseudoLabelled:
    """What was kept."""

    vectors: NDArray[np.float32]
    """`(n, frames, values)`, n at most what was wanted."""
    labels: NDArray[np.int64]
    """`(n,)`."""
    drawn: int
    """Vectors that were drawn for it."""


def certain(probabilities: NDArray[np.floating], certainty: float) -> tuple[NDArray[np.bool_], NDArray[np.int64]]:
    """Which rows `(n, classes)` have a class of at least that probability, and each row's likeliest class."""
    return probabilities.max(axis=1) >= certainty, probabilities.argmax(axis=1)


def pseudo_labelled(
    draw: Draw,
    label: Label,
    shape: tuple[int, int],
    *,
    wanted: int,
    certainty: float,
    at_most: int,
    generator: np.random.Generator,
) -> PseudoLabelled:
    """Draw and label until `wanted` vectors are kept, or `at_most` were drawn: C2 may never be certain."""
    vectors: list[NDArray[np.float32]] = []
    labels: list[NDArray[np.int64]] = []
    kept = drawn = 0
    while kept < wanted and drawn < at_most:
        count = min(AT_A_TIME, at_most - drawn)
        some = np.maximum(draw(count, generator), LOWEST_DB).astype(np.float32).reshape(count, *shape)
        good, told = certain(label(some), certainty)
        places = np.flatnonzero(good)[: wanted - kept]
        # Draws behind the last one that was needed were not needed.
        drawn += int(places[-1]) + 1 if kept + len(places) == wanted and len(places) else count
        vectors.append(some[places])
        labels.append(told[places])
        kept += len(places)
    empty = np.zeros((0, *shape), dtype=np.float32)
    return PseudoLabelled(
        np.concatenate([empty, *vectors]), np.concatenate([np.zeros(0, dtype=np.int64), *labels]), drawn
    )
