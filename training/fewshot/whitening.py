"""Whitening learnt on base species: what varies within a species is shrunk, what tells species apart is kept."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import nn

from monitor.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

LEAST_LENGTH = 1e-9
"""Rows shorter than this are not scaled to length 1."""


@dataclass(frozen=True, slots=True)
class WhiteningSettings:
    """How a whitening is fitted; the defaults are what validation species prefer for hand-made features, broadly so."""

    shrinkage: float = 0.4
    """0..1: share of the diagonal in the covariance within species; 0 needs more rows than features."""
    within_recording: float = 0.3
    """Weight of the covariance within recordings, beside 1 for that between recordings of a species; 0 or more. It is
    all that species with one recording can tell."""
    softness: float = 1.0
    """Exponent of b / (b + 1), by which each direction is scaled; b is its variance between species, where that within
    is 1. 0 scales none; 1 expects of a direction what a Gaussian model of species would."""
    dimensions: int | None = None
    """Directions that are kept, those of the largest variance between species; None keeps all."""

    def __post_init__(self) -> None:
        """Raise UsageError when a number is out of range."""
        faults: list[str] = []
        if not 0 <= self.shrinkage <= 1:
            faults.append(f"shrinkage {self.shrinkage:g} is not within 0..1")
        if not self.within_recording >= 0:
            faults.append(f"within_recording {self.within_recording:g} is below 0")
        if not self.softness >= 0:
            faults.append(f"softness {self.softness:g} is below 0")
        if self.dimensions is not None and self.dimensions < 1:
            faults.append(f"dimensions {self.dimensions} is below 1")
        if faults:
            raise UsageError("whitening", "; ".join(faults), "Correct the settings.")


@dataclass(frozen=True, slots=True, eq=False)
class Origins:
    """Whose features the rows are."""

    species: NDArray[np.str_]
    """`(n,)`."""
    recordings: NDArray[np.str_]
    """`(n,)`; windows and clips of one recording share a name, which no other recording has."""

    def __post_init__(self) -> None:
        """Raise UsageError when the two differ in length, or a recording is said to be of two species."""
        if self.species.shape != self.recordings.shape or self.species.ndim != 1:
            why = f"{self.species.shape} species and {self.recordings.shape} recordings"
            raise UsageError("whitening", why, "Give one species and one recording for each row.")
        pairs = np.unique(np.stack([self.species.astype(str), self.recordings.astype(str)]), axis=1)
        if pairs.shape[1] != len(np.unique(self.recordings)):
            why = "a recording has rows of two species"
            raise UsageError("whitening", why, "Name recordings so that each is of one species.")

    def __len__(self) -> int:
        return len(self.species)


@dataclass(frozen=True, slots=True, eq=False)
class Whitening:
    """An affine map, as plain arrays."""

    mean: NDArray[np.float32]
    """`(k,)`, subtracted first."""
    projection: NDArray[np.float32]
    """`(k, d)`."""

    def apply(self, features: NDArray[np.floating]) -> NDArray[np.float64]:
        """`(n, k)` -> rows `(n, d)` of length 1."""
        return unit(_affine(self, features))

    def linear(self) -> nn.Linear:
        """The same map without the scaling to length 1; its weights learn nothing."""
        size, dimensions = self.projection.shape
        layer = nn.Linear(size, dimensions)
        with torch.no_grad():
            layer.weight.copy_(torch.from_numpy(self.projection.T.copy()))
            layer.bias.copy_(torch.from_numpy(-(self.mean.astype(np.float64) @ self.projection).astype(np.float32)))
        return layer.requires_grad_(False)


def fit_whitening(
    features: NDArray[np.floating], origins: Origins, settings: WhiteningSettings | None = None
) -> Whitening:
    """Fit on rows `(n, k)` of base species; features that are constant there are ignored.

    Raises UsageError when rows and origins differ in number, fewer than two species are there, no species has two
    recordings, a number is not finite, or without shrinkage there are too few rows.
    """
    chosen = settings or WhiteningSettings()
    values = np.asarray(features, dtype=np.float64)
    _check(values, origins)
    mean, deviation = values.mean(axis=0), values.std(axis=0)
    varies = deviation > 1e-6 * np.maximum(1.0, np.abs(mean))
    scale = np.where(varies, 1.0 / np.where(varies, deviation, 1.0), 0.0)
    within, species, counts = _scatter((values - mean) * scale, origins, chosen.within_recording)
    diagonal = np.diag(np.where(varies, np.diag(within), 1.0))
    shrunk = (1.0 - chosen.shrinkage) * within + chosen.shrinkage * diagonal
    variances, axes = np.linalg.eigh(shrunk)
    if variances[0] <= 1e-10 * variances[-1]:
        why = f"{len(values)} rows do not determine the covariance of {values.shape[1]} features"
        raise UsageError("whitening", why, "Raise the shrinkage, or give more recordings.")
    to_white = axes / np.sqrt(variances)
    projection = to_white @ _directions(species @ to_white, counts, chosen)
    return Whitening(mean.astype(np.float32), (scale[:, None] * projection).astype(np.float32))


def unit(rows: NDArray[np.floating]) -> NDArray[np.float64]:
    """`(n, d)` scaled to length 1; a row of zeros stays."""
    values = np.asarray(rows, dtype=np.float64)
    return values / np.maximum(np.linalg.norm(values, axis=1, keepdims=True), LEAST_LENGTH)


def _affine(whitening: Whitening, features: NDArray[np.floating]) -> NDArray[np.float64]:
    return (np.asarray(features, dtype=np.float64) - whitening.mean) @ whitening.projection.astype(np.float64)


def _check(values: NDArray[np.float64], origins: Origins) -> None:
    faults: list[str] = []
    if values.ndim != 2 or len(values) != len(origins):
        faults.append(f"features of shape {values.shape} for {len(origins)} origins")
    elif not np.isfinite(values).all():
        faults.append("features that are not finite")
    if len(np.unique(origins.species)) < 2:
        faults.append("fewer than two species")
    if len(np.unique(origins.recordings)) == len(np.unique(origins.species)):
        faults.append("no species with two recordings")
    if faults:
        raise UsageError("whitening", "; ".join(faults), "Give finite features of several recordings of many species.")


def _scatter(
    values: NDArray[np.float64], origins: Origins, within_recording: float
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.intp]]:
    """Covariance within species `(k, k)`, mean of each species `(s, k)`, and its number of recordings `(s,)`."""
    names, first, recording = np.unique(origins.recordings, return_index=True, return_inverse=True)
    recordings = _means(values, recording, len(names))
    labels, of_recording = np.unique(origins.species[first], return_inverse=True)
    species = _means(recordings, of_recording, len(labels))
    counts = np.bincount(of_recording)
    several = counts[of_recording] > 1
    # Deviations from the mean of n are smaller than from the truth by (n - 1) / n.
    unbiased = np.sqrt(counts / np.maximum(counts - 1, 1))[of_recording, None]
    between_recordings = ((recordings - species[of_recording]) * unbiased)[several]
    covariance = between_recordings.T @ between_recordings / len(between_recordings)
    rows_of = np.bincount(recording)
    repeated = rows_of[recording] > 1
    if within_recording > 0 and repeated.any():
        inside = (values - recordings[recording])[repeated]
        covariance += within_recording * (inside.T @ inside) / len(inside)
    return covariance, species, counts


def _means(values: NDArray[np.float64], group: Sequence[int] | NDArray[np.intp], groups: int) -> NDArray[np.float64]:
    """Mean row of each group: `(groups, k)`."""
    sums = np.zeros((groups, values.shape[1]))
    np.add.at(sums, group, values)
    return sums / np.bincount(group, minlength=groups)[:, None]


def _directions(
    species: NDArray[np.float64], counts: NDArray[np.intp], settings: WhiteningSettings
) -> NDArray[np.float64]:
    """`(k, d)`: rotation of whitened features to their directions between species, scaled and cut."""
    # The mean of a species with many recordings says more.
    weight = counts / (counts + 1.0)
    centred = species - np.average(species, axis=0, weights=weight)
    variances, axes = np.linalg.eigh((centred * weight[:, None]).T @ centred / weight.sum())
    variances, axes = np.maximum(variances[::-1], 0.0), axes[:, ::-1]
    scaled = axes * (variances / (variances + 1.0)) ** settings.softness
    return scaled[:, : settings.dimensions]
