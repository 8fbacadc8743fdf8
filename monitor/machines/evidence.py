"""Which bands of a window are louder or quieter than those of the normals, for people."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from monitor.core.machine_readings import BandDeviation
from monitor.features.filterbank import hz_to_mel, mel_to_hz
from monitor.features.spec import MACHINE
from monitor.machines.simple import GROUPS

if TYPE_CHECKING:
    from collections.abc import Sequence

    from monitor.features.filterbank import Float64Array

UNUSUAL = 3.0
"""Deviations of the normals from which on a group of bands is told."""

LEAST_DB = 3.0
"""Difference below which nobody hears it, however steady the normals are."""

MOST = 3
"""Stretches that are told."""


@dataclass(frozen=True, slots=True, eq=False)
class BandStatistics:
    """Medians over time of the normals' groups of bands, domain by domain."""

    mean_db: Float64Array
    """float64 `(domains, GROUPS)`: over the normals' windows."""
    deviation_db: Float64Array
    """float64 `(domains, GROUPS)`, 0 and above."""

    def __post_init__(self) -> None:
        if self.mean_db.shape != self.deviation_db.shape or self.mean_db.shape[1:] != (GROUPS,):
            raise ValueError(f"band statistics of {self.mean_db.shape} and {self.deviation_db.shape}")

    @classmethod
    def of(cls, domains: Sequence[Float64Array]) -> BandStatistics:
        """From each domain's windows, `(n, GROUPS)` dB."""
        return cls(np.stack([one.mean(axis=0) for one in domains]), np.stack([one.std(axis=0) for one in domains]))

    def deviations(self, levels_db: Float64Array) -> tuple[BandDeviation, ...]:
        """Stretches of a window's groups `(GROUPS,)` dB that differ from the domain that fits better, worst first."""
        apart = levels_db - self.mean_db
        # Half a decibel of uncertainty: normals of one clip vary less than a microphone's place does.
        sigmas = apart / np.hypot(self.deviation_db, 0.5)
        domain = int(np.argmin(np.mean(sigmas**2, axis=1)))
        unusual = (np.abs(sigmas[domain]) >= UNUSUAL) & (np.abs(apart[domain]) >= LEAST_DB)
        sign = np.where(unusual, np.sign(apart[domain]), 0.0)
        cuts = np.flatnonzero(np.diff(sign)) + 1
        found: list[tuple[float, BandDeviation]] = []
        for start, end in zip([0, *cuts], [*cuts, GROUPS], strict=True):
            if sign[start]:
                worst = start + int(np.argmax(np.abs(sigmas[domain, start:end])))
                told = BandDeviation(float(GROUP_EDGES[start]), float(GROUP_EDGES[end]), float(apart[domain, worst]))
                found.append((abs(float(sigmas[domain, worst])), told))
        return tuple(one for _, one in sorted(found, key=lambda item: -item[0])[:MOST])


def _group_edges() -> Float64Array:
    """float64 `(GROUPS + 1,)` Hz: half-way, in mel, between the bands on either side."""
    low, high = hz_to_mel(np.array([MACHINE.low_hz, MACHINE.high_hz]), MACHINE)
    positions = np.arange(GROUPS + 1) * (MACHINE.bands // GROUPS) + 0.5
    return mel_to_hz(low + (high - low) / (MACHINE.bands + 1) * positions, MACHINE)


GROUP_EDGES = _group_edges()
