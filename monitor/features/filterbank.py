"""The window and the mel filter bank of a spec: the arrays that training and monitor share."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from monitor.features.spec import FeatureSpec

    Float64Array = NDArray[np.float64]

_SLANEY_HZ_PER_MEL = 200.0 / 3.0
_SLANEY_LOG_FROM_HZ = 1000.0
_SLANEY_LOG_STEP = np.log(6.4) / 27.0


def analysis_window(spec: FeatureSpec) -> Float64Array:
    """float64 `(window,)`, 0..1; a periodic Hann window has its period, a symmetric one its last zero, at the end."""
    period = spec.window if spec.shape == "hann" else spec.window - 1
    return 0.5 - 0.5 * np.cos(2.0 * np.pi * np.arange(spec.window) / period)


def full_scale_power(spec: FeatureSpec) -> float:
    """Power of a full-scale sine in its bin: (sum of the window / 2)^2."""
    return float((analysis_window(spec).sum() / 2.0) ** 2)


def mel_bank(spec: FeatureSpec) -> Float64Array:
    """float64 `(fft // 2 + 1, bands)`, weights from power bins to bands.

    Raises ValueError when a band has no bin at all: too many bands for the size of the transform.
    """
    bins_hz = np.arange(spec.fft // 2 + 1, dtype=np.float64) * (spec.rate / spec.fft)
    lowest, highest = hz_to_mel(np.array([spec.low_hz, spec.high_hz]), spec)
    edges_mel = np.linspace(float(lowest), float(highest), spec.bands + 2)
    if spec.scale == "kaldi":
        bank = _triangles(hz_to_mel(bins_hz, spec), edges_mel)
    else:
        edges_hz = mel_to_hz(edges_mel, spec)
        bank = _triangles(bins_hz, edges_hz)
        if spec.scale == "slaney":
            bank *= 2.0 / (edges_hz[2:] - edges_hz[:-2])
    empty = np.flatnonzero(~bank.any(axis=0))
    if len(empty):
        raise ValueError(f"feature spec {spec.name!r}: no bin falls into band(s) {', '.join(map(str, empty))}")
    return bank


def hz_to_mel(hz: Float64Array, spec: FeatureSpec) -> Float64Array:
    """Frequency in Hz on the mel scale of the spec."""
    if spec.scale == "htk":
        return 2595.0 * np.log10(1.0 + hz / 700.0)
    if spec.scale == "kaldi":
        return 1127.0 * np.log(1.0 + hz / 700.0)
    linear = hz / _SLANEY_HZ_PER_MEL
    above = np.maximum(hz, _SLANEY_LOG_FROM_HZ) / _SLANEY_LOG_FROM_HZ
    logarithmic = _SLANEY_LOG_FROM_HZ / _SLANEY_HZ_PER_MEL + np.log(above) / _SLANEY_LOG_STEP
    return np.where(hz < _SLANEY_LOG_FROM_HZ, linear, logarithmic)


def mel_to_hz(mel: Float64Array, spec: FeatureSpec) -> Float64Array:
    """The inverse of `hz_to_mel`."""
    if spec.scale == "htk":
        return 700.0 * (10.0 ** (mel / 2595.0) - 1.0)
    if spec.scale == "kaldi":
        return 700.0 * (np.exp(mel / 1127.0) - 1.0)
    bend = _SLANEY_LOG_FROM_HZ / _SLANEY_HZ_PER_MEL
    logarithmic = _SLANEY_LOG_FROM_HZ * np.exp(_SLANEY_LOG_STEP * (np.maximum(mel, bend) - bend))
    return np.where(mel < bend, mel * _SLANEY_HZ_PER_MEL, logarithmic)


def _triangles(positions: Float64Array, edges: Float64Array) -> Float64Array:
    """`(len(positions), len(edges) - 2)`: triangle j rises from edge j to 1 at edge j + 1 and falls to edge j + 2."""
    widths = np.diff(edges)
    rising = (positions[:, np.newaxis] - edges[:-2]) / widths[:-1]
    falling = (edges[2:] - positions[:, np.newaxis]) / widths[1:]
    return np.maximum(0.0, np.minimum(rising, falling))
