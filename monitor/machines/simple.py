"""Plain figures of a machine that need no network: the spectrum's percentiles over time, impulsiveness, level.

They are taken over a context of some consecutive windows, because what a machine does not do all the time, a valve's
stroke, shows only over several cycles: on the development clips ten seconds tell far more than two.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np

from monitor.core.types import Span
from monitor.features.spec import MACHINE
from monitor.machines.window import HOP, MachineWindow

if TYPE_CHECKING:
    from collections.abc import Sequence

    from monitor.core.types import Float32Array
    from monitor.features.filterbank import Float64Array

LONGEST_CONTEXT = 8
"""Windows, 9.2 s: what fits into the usual clip of ten seconds."""

SHAPE_GROUPS = 14
"""Groups of 16 neighbouring bands, whose percentiles describe the spectrum."""

PERCENTILES = (5.0, 50.0, 95.0, 99.0)
"""Over the frames: what it does all, half and hardly any of the time."""

SPECTRUM_WIDTH = SHAPE_GROUPS * len(PERCENTILES) + 2
"""Values of `SimpleFeatures.spectrum`."""

GROUPS = 56
"""Finer groups, of 4 neighbouring bands, in which a difference is told to people."""

QUIETEST = 1e-9
"""Root mean square, full scale 1, that stands for silence: -180 dB."""


@dataclass(frozen=True, slots=True, eq=False)
class SimpleFeatures:
    """Plain figures of a context; the same for every machine, so that several share them."""

    span: Span
    """Its audio, engine samples."""
    spectrum: Float64Array
    """float64 `(58,)`: percentiles of group 0, of group 1, ..., dB relative to the context's own level; then the crest
    factor in dB and the natural log of the kurtosis."""
    level_db: float
    """Root mean square around the mean, dB relative to full scale, -180 and above."""
    bands_db: Float64Array
    """float64 `(56,)`: medians over time of fine groups, dB relative to a full-scale sine."""


def simple_features(context: Sequence[MachineWindow]) -> SimpleFeatures:
    """Of consecutive windows, one or more, each a hop after the one before. Raises ValueError when they are not."""
    values, wave = joined(context)
    centred = wave.astype(np.float64)
    centred -= centred.mean()
    squared = np.square(centred)
    root_mean_square = max(float(np.sqrt(squared.mean())), QUIETEST)
    level = 20.0 * np.log10(root_mean_square)
    fine = _grouped(values, GROUPS)
    percentiles = percentiles_of(_grouped(fine, SHAPE_GROUPS), PERCENTILES) - level
    return SimpleFeatures(
        Span(context[0].span.start, context[-1].span.end),
        np.concatenate([percentiles.T.ravel(), _impulsiveness(centred, squared, root_mean_square)]),
        float(level),
        percentiles_of(fine, (50.0,))[0],
    )


def joined(context: Sequence[MachineWindow]) -> tuple[Float32Array, Float32Array]:
    """Frames `(t, 224)` and samples `(n,)` of a context, what windows share taken once."""
    if not context:
        raise ValueError("a context needs a window")
    hop = HOP * MACHINE.engine_hop
    if any(after.span.start - before.span.start != hop for before, after in pairwise(context)):
        raise ValueError("the windows of a context must follow one another")
    values = [*(window.values[:HOP] for window in context[:-1]), context[-1].values]
    wave = [*(window.wave[: HOP * MACHINE.hop] for window in context[:-1]), context[-1].wave]
    return np.concatenate(values), np.concatenate(wave)


def level_db(wave: Float64Array) -> float:
    """Root mean square of samples around their mean, dB relative to full scale, -180 and above."""
    return float(20.0 * np.log10(max(float(np.std(wave)), QUIETEST)))


def spectrum_percentiles(window: MachineWindow, gain_db: float) -> Float64Array:
    """float64 `(GROUPS, len(PERCENTILES))`, dB with `gain_db` added: of each fine group of one window, over time."""
    return percentiles_of(_grouped(window.values, GROUPS), PERCENTILES).T + gain_db


def percentiles_of(values: Float64Array, percentiles: Sequence[float]) -> Float64Array:
    """`(t, g)` -> `(len(percentiles), g)`, linear between the nearest ranks, as `numpy.percentile` but much faster."""
    ordered = np.sort(values, axis=0)
    places = np.asarray(percentiles) / 100.0 * (len(values) - 1)
    below = np.floor(places).astype(np.intp)
    above = np.minimum(below + 1, len(values) - 1)
    share = (places - below)[:, None]
    return ordered[below] * (1.0 - share) + ordered[above] * share


def _grouped(values: np.ndarray[tuple[int, ...], np.dtype[np.floating]], groups: int) -> Float64Array:
    """`(t, b)` -> float64 `(t, groups)`: means over b / groups neighbours."""
    return values.reshape(len(values), groups, -1).mean(axis=2, dtype=np.float64)


def _impulsiveness(centred: Float64Array, squared: Float64Array, root_mean_square: float) -> tuple[float, float]:
    """Crest factor, dB, and natural log of the kurtosis (1.1 for noise of normal distribution); 0 for silence."""
    if root_mean_square <= QUIETEST:
        return 0.0, 0.0
    crest = 20.0 * np.log10(float(np.abs(centred).max()) / root_mean_square)
    return float(crest), float(np.log(np.square(squared).mean() / root_mean_square**4))
