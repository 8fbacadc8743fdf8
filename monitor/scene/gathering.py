"""A mixture fitted to vectors one at a time, in memory that never grows.

Each vector is shared among the components by their responsibilities, and count, mean and squares of each are brought
up to date: one step of incremental EM (Neal and Hinton 1998). A vector that none of them explains begins a component of
its own. Where that makes one too many, the two whose merging costs the least likelihood become one (Runnalls 2007).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from monitor.errors import AuricleError
from monitor.scene.mixture import DiagonalMixture

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Float64Array = NDArray[np.float64]

COMPONENTS = 16
"""Where nobody says: the paper finds little gain beyond."""

LEAST_VECTORS = 30.0
"""Effective vectors of a component that may leave the device: the mean over one is that vector itself."""

LEAST_VARIANCE = 0.25
"""dB^2, mean over the values (which no rotation changes), below which a component would tell nearly what was heard; no
variance that leaves is less."""

PRIOR_VARIANCE = 9.0
"""dB^2 that a component is taken to have before it has heard anything ..."""
PRIOR_COUNT = 4.0
"""... and how many vectors that is worth."""

NOVEL = 4.0
"""Mean squared distance in standard deviations from which on a vector is none of a component's."""


class TooFewVectorsError(AuricleError):
    """Too little was heard for a mixture that hides every single moment."""

    exit_code = 1


class MixtureGatherer:
    """Takes vectors, keeps `components` counts, means and sums of squares; no vector is kept."""

    def __init__(self, dimension: int, components: int = COMPONENTS) -> None:
        if dimension < 1 or components < 1:
            raise ValueError(f"a mixture needs a value and a component, got {dimension} and {components}")
        self.dimension = dimension
        self.components = components
        self._counts: Float64Array = np.zeros(0)
        self._means: Float64Array = np.zeros((0, dimension))
        self._squares: Float64Array = np.zeros((0, dimension))
        """Sum of squared distances from the mean."""

    @property
    def gathered(self) -> float:
        """Vectors that it has heard."""
        return float(self._counts.sum())

    @classmethod
    def resume(cls, mixture: DiagonalMixture, gathered: float, components: int = COMPONENTS) -> MixtureGatherer:
        """Goes on from a mixture that stands for `gathered` vectors. Raises ValueError when they do not fit."""
        if mixture.components > components or not gathered > 0:
            raise ValueError(f"{mixture.components} components of {gathered:g} vectors do not fit {components}")
        found = cls(mixture.dimension, components)
        found._counts = mixture.weights * gathered
        found._means = mixture.means.copy()
        # What the prior adds to the variances is not counted twice.
        whole = mixture.variances * (found._counts + PRIOR_COUNT)[:, None] - PRIOR_COUNT * PRIOR_VARIANCE
        found._squares = np.maximum(whole, 0.0)
        return found

    def add(self, vector: Float64Array) -> None:
        """Take in one vector `(d,)`. Raises ValueError when it has another size or is not finite."""
        if vector.shape != (self.dimension,) or not np.isfinite(vector).all():
            raise ValueError(f"expected {self.dimension} finite values, got {vector.shape}")
        value = vector.astype(np.float64)
        if len(self._counts):
            now = self._mixture()
            distances = (np.square(value - now.means) / now.variances).mean(axis=1)
            if float(distances.min()) <= NOVEL:
                self._share(value, now.responsibilities(value[None])[0])
                return
        self._counts = np.append(self._counts, 1.0)
        self._means = np.vstack([self._means, value])
        self._squares = np.vstack([self._squares, np.zeros(self.dimension)])
        if len(self._counts) > self.components:
            self._merge(*self._cheapest_pair())

    def limit(self, components: int) -> None:
        """Have no more than so many components from now on; those that lose the least likelihood are merged."""
        if components < 1:
            raise ValueError(f"a mixture needs a component, got {components}")
        self.components = components
        while len(self._counts) > components:
            self._merge(*self._cheapest_pair())

    def sendable(self) -> DiagonalMixture:
        """A mixture no component of which stands for few vectors or for hardly any spread: those are merged away.

        Raises TooFewVectorsError when there is no such mixture yet. What was gathered stays as it is.
        """
        copy = MixtureGatherer(self.dimension, self.components)
        copy._counts, copy._means, copy._squares = self._counts, self._means, self._squares
        while len(copy._counts) and (bad := copy._telling()) is not None:
            if len(copy._counts) == 1:
                break
            copy._merge(*copy._cheapest_pair(bad))
        if not len(copy._counts) or copy._telling() is not None:
            why = f"only {self.gathered:.0f} vectors were heard, or they hardly differ"
            raise TooFewVectorsError("the mixture", why, "Let the monitor listen for some hours, then try again")
        told = copy._mixture()
        return DiagonalMixture(told.weights, told.means, np.maximum(told.variances, LEAST_VARIANCE))

    def _telling(self) -> int | None:
        """The first component that would tell too much."""
        least = (self._squares / self._counts[:, None]).mean(axis=1)
        bad = np.flatnonzero((self._counts < LEAST_VECTORS) | (least < LEAST_VARIANCE))
        return int(bad[0]) if len(bad) else None

    def _mixture(self) -> DiagonalMixture:
        return DiagonalMixture(
            self._counts / self._counts.sum(), self._means, self._variances(self._counts, self._squares)
        )

    @staticmethod
    def _variances(counts: Float64Array, squares: Float64Array) -> Float64Array:
        return (squares + PRIOR_COUNT * PRIOR_VARIANCE) / (counts + PRIOR_COUNT)[..., None]

    def _share(self, value: Float64Array, shares: Float64Array) -> None:
        counts = self._counts + shares
        away = value - self._means
        self._means = self._means + (shares / counts)[:, None] * away
        self._squares = self._squares + shares[:, None] * away * (value - self._means)
        self._counts = counts

    def _cheapest_pair(self, one: int | None = None) -> tuple[int, int]:
        """The two components, `one` among them where it is given, whose merging costs least."""
        firsts = range(len(self._counts)) if one is None else [one]
        best, pair = float("inf"), (0, 1)
        for first in firsts:
            for second in range(len(self._counts)):
                if second != first and (one is not None or second > first):
                    cost = self._cost(first, second)
                    if cost < best:
                        best, pair = cost, (min(first, second), max(first, second))
        return pair

    def _cost(self, first: int, second: int) -> float:
        """Upper bound of the likelihood that merging loses (Runnalls 2007, for diagonals), times vectors."""
        count, _, squares = self._joined(first, second)
        pair = [first, second]
        apart = self._counts[pair] @ np.log(self._variances(self._counts[pair], self._squares[pair])).sum(axis=1)
        together = count * np.log(self._variances(np.array(count), squares)).sum()
        return float(0.5 * (together - apart))

    def _joined(self, first: int, second: int) -> tuple[float, Float64Array, Float64Array]:
        a, b = float(self._counts[first]), float(self._counts[second])
        away = self._means[second] - self._means[first]
        mean = self._means[first] + away * (b / (a + b))
        return a + b, mean, self._squares[first] + self._squares[second] + away * away * (a * b / (a + b))

    def _merge(self, first: int, second: int) -> None:
        count, mean, squares = self._joined(first, second)
        kept = np.array([place for place in range(len(self._counts)) if place != second])
        counts, means, all_squares = self._counts.copy(), self._means.copy(), self._squares.copy()
        counts[first], means[first], all_squares[first] = count, mean, squares
        self._counts, self._means, self._squares = counts[kept], means[kept], all_squares[kept]
