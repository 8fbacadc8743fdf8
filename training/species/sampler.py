"""Which clip comes next: every class equally often, or every clip."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence


class Sampler(Protocol):
    """An endless row of places."""

    def next(self) -> int:
        """The place of the next clip."""
        ...


class BalancedSampler:
    """A shuffled queue of classes, made anew when empty, and one of each class's clips.

    In any stretch of draws two classes differ by few, and a class's clips all come before one comes again.
    Section 3.2 of the primate paper, after Kong et al. (2020).
    """

    def __init__(self, labels: Sequence[int], generator: np.random.Generator) -> None:
        """`labels`: class of each clip. Raises ValueError when there is no clip."""
        if not len(labels):
            raise ValueError("there is no clip to draw")
        self._generator = generator
        classes = np.asarray(labels)
        self._members = {int(one): np.flatnonzero(classes == one) for one in np.unique(classes)}
        self._classes: list[int] = []
        self._clips: dict[int, list[int]] = {one: [] for one in self._members}

    def next(self) -> int:
        """The place of the next clip."""
        if not self._classes:
            self._classes = self._generator.permutation(list(self._members)).tolist()
        one = self._classes.pop()
        clips = self._clips[one]
        if not clips:
            clips += self._generator.permutation(self._members[one]).tolist()
        return clips.pop()


class UniformSampler:
    """A shuffled queue of all clips, made anew when empty."""

    def __init__(self, count: int, generator: np.random.Generator) -> None:
        """Raises ValueError when there is no clip."""
        if count < 1:
            raise ValueError("there is no clip to draw")
        self._count, self._generator = count, generator
        self._queue: list[int] = []

    def next(self) -> int:
        """The place of the next clip."""
        if not self._queue:
            self._queue = self._generator.permutation(self._count).tolist()
        return self._queue.pop()
