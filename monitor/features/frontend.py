"""The one kernel from samples to log-mel frames, and its two drivers: a whole recording, and a stream."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from monitor.core.clock import native_index
from monitor.core.types import AudioBlock, FeatureBlock
from monitor.features.filterbank import analysis_window, full_scale_power, mel_bank
from monitor.features.history import History

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from monitor.core.types import Float32Array
    from monitor.features.filterbank import Float64Array
    from monitor.features.spec import FeatureSpec

GROUP = 32
"""Frames transformed together: enough to hide the cost of a call, few enough to stay in the cache."""

SLICE = 16_384
"""Samples of a large push that are taken at a time, so that memory does not grow with it."""


class Kernel:
    """Frames, windows, transforms, weighs and compresses; float64 inside, float32 out.

    No step depends on how many frames are computed together, so that a frame has the same bits however it came: the
    bands are sums over bins, not a matrix product, whose order of evaluation varies with its size. Holds no state:
    threads may share one.
    """

    def __init__(self, spec: FeatureSpec) -> None:
        self.spec = spec
        self._window = analysis_window(spec)
        self._bands = BandSums(mel_bank(spec))
        self._reference = full_scale_power(spec)

    def __call__(self, samples: NDArray[np.floating]) -> Float32Array:
        """`(n,)` at the spec's rate -> float32 `(frames_in(n), bands)`; frame 0 begins at sample 0."""
        spec = self.spec
        features = np.empty((spec.frames_in(len(samples)), spec.bands), dtype=np.float32)
        for first in range(0, len(features), GROUP):
            count = min(GROUP, len(features) - first)
            start = first * spec.hop
            stretch = samples[start : start + spec.samples_in(count)].astype(np.float64)
            features[first : first + count] = self.compress(self.energies(self._frames(stretch)))
        return features

    def centred(self, samples: NDArray[np.floating], exponent: int = 2) -> Float64Array:
        """Uncompressed bands float64 `(n // hop + 1, bands)`, centred as the papers' front-ends are, to compare.

        The signal is pre-emphasised without padding (one sample fewer), then reflected by half a window at both ends;
        `exponent` is 2 for power, 1 for magnitude.
        """
        signal = samples.astype(np.float64)
        if self.spec.pre_emphasis:
            signal = signal[1:] - self.spec.pre_emphasis * signal[:-1]
        signal = np.pad(signal, self.spec.window // 2, mode="reflect")
        frames = sliding_window_view(signal, self.spec.window)[:: self.spec.hop]
        return self.energies(frames, exponent)

    def energies(self, frames: Float64Array, exponent: int = 2) -> Float64Array:
        """Frames float64 `(t, window)`, not yet windowed -> bands float64 `(t, bands)`, not yet compressed."""
        spectrum = np.fft.rfft(frames * self._window, n=self.spec.fft)
        power = spectrum.real**2 + spectrum.imag**2
        return self._bands(power if exponent == 2 else np.sqrt(power))

    def compress(self, energies: Float64Array) -> Float64Array:
        """Bands in raw power -> dB relative to a full-scale sine, or natural log, as the spec says."""
        if self.spec.compression == "db":
            return 10.0 * np.log10(np.maximum(energies / self._reference, self.spec.floor))
        return np.log(energies + self.spec.floor)

    def _frames(self, stretch: Float64Array) -> Float64Array:
        """Samples float64 `(samples_in(t),)` -> `(t, window)`."""
        if self.spec.pre_emphasis:
            # The first sample of a frame lacks its predecessor; the window is 0 there, so nothing depends on it.
            emphasised = stretch.copy()
            emphasised[1:] -= self.spec.pre_emphasis * stretch[:-1]
            stretch = emphasised
        return sliding_window_view(stretch, self.spec.window)[:: self.spec.hop]


class BandSums:
    """A filter bank in which each bin belongs to at most two neighbouring bands, applied without its zeros.

    Bands of even number never overlap one another, nor do those of odd number: either set is one weight a bin, and sums
    over consecutive stretches of bins.
    """

    def __init__(self, bank: Float64Array) -> None:
        self._count = bank.shape[1]
        self._passes = [self._one_pass(bank, parity) for parity in range(min(2, self._count))]

    def __call__(self, values: Float64Array) -> Float64Array:
        """`(t, bins)` -> `(t, bands)`."""
        bands = np.empty((len(values), self._count))
        for parity, (weights, starts) in enumerate(self._passes):
            low, high = int(starts[0]), len(weights)
            bands[:, parity::2] = np.add.reduceat(values[:, low:high] * weights[low:], starts - low, axis=1)
        return bands

    @staticmethod
    def _one_pass(bank: Float64Array, parity: int) -> tuple[Float64Array, NDArray[np.intp]]:
        chosen = bank[:, parity::2] != 0.0
        if (chosen.sum(axis=1) > 1).any() or not chosen.any(axis=0).all():
            raise ValueError("a filter bank needs bands with bins, of which only neighbours overlap")
        starts = chosen.argmax(axis=0)
        end = int(np.flatnonzero(chosen.any(axis=1))[-1]) + 1
        return bank[:end, parity::2].sum(axis=1), starts


class Frontend:
    """Stage: `AudioBlock` at the spec's rate -> `FeatureBlock`, at most one a push.

    The grid is anchored at 0 for ever: after `reset(at)` the first frame is at the first grid point at or after `at`.
    """

    def __init__(self, spec: FeatureSpec, kernel: Kernel | None = None) -> None:
        self.spec = spec
        self.kernel = kernel or Kernel(spec)
        self._samples = History(spec.window + spec.hop + SLICE)
        self._next_frame = 0

    @property
    def latency(self) -> int:
        """Engine samples by which the newest frame can end behind the newest sample: a hop."""
        return self.spec.engine_hop

    def push(self, item: AudioBlock) -> Sequence[FeatureBlock]:
        """Raises ValueError when the block has another rate or does not follow the one before."""
        if item.rate != self.spec.rate:
            raise ValueError(f"{self.spec.name} needs {self.spec.rate} Hz, got {item.rate} Hz")
        if item.start != self._samples.end:
            raise ValueError(f"expected sample {self._samples.end}, got {item.start}; a gap needs reset()")
        first_frame = self._next_frame
        parts: list[Float32Array] = []
        for start in range(0, len(item.samples), SLICE):
            self._samples.append(item.samples[start : start + SLICE])
            features = self._take()
            if features is not None:
                parts.append(features)
        if not parts:
            return ()
        return (FeatureBlock(parts[0] if len(parts) == 1 else np.concatenate(parts), first_frame),)

    def flush(self) -> Sequence[FeatureBlock]:
        """Nothing: a frame is never padded."""
        return ()

    def reset(self, at: int) -> None:
        """The next block begins at engine index `at`."""
        first_sample = native_index(at, self.spec.rate)
        self._samples.reset(first_sample)
        self._next_frame = -(-first_sample // self.spec.hop)

    def _take(self) -> Float32Array | None:
        """All frames that are complete, or None."""
        start = self._next_frame * self.spec.hop
        count = self.spec.frames_in(self._samples.end - start)
        if count == 0:
            return None
        stretch = self._samples.get(start, self.spec.samples_in(count))
        if stretch is None:
            raise RuntimeError(f"samples from {start} on were dropped before their frame was computed")
        self._next_frame += count
        return self.kernel(stretch)
