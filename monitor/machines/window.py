"""What a machine is judged by: two seconds of log-mel frames and the samples that they were made of."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from monitor.audio.rates import repeated
from monitor.core.clock import native_index
from monitor.core.types import AudioBlock, Span, read_only
from monitor.features.frontend import Frontend, Kernel
from monitor.features.history import History
from monitor.features.spec import MACHINE
from monitor.features.windows import Windower

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from monitor.core.types import Float32Array

FRAMES = 126
"""Of a window."""

HOP = 63
"""Frames between the starts of two windows, 1.008 s: a whole second is no whole number of frames."""

SAMPLES = MACHINE.samples_in(FRAMES)
"""Of a window at 16 kHz, 34 048: 2.128 s."""

SLICE = 16_384
"""Samples of a large push that are taken at a time, so that memory does not grow with it."""


@dataclass(frozen=True, slots=True, eq=False)
class MachineWindow:
    """Two seconds of a machine, in both shapes that its detectors read."""

    span: Span
    """The audio, engine samples."""
    values: Float32Array
    """float32 `(126, 224)`, log-mel energy in dB relative to a full-scale sine, -90 and above, finite, read-only."""
    wave: Float32Array
    """float32 `(34048,)` at 16 kHz, full scale +-1 (nominal), finite, read-only."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "values", read_only(self.values, dimensions=2))
        object.__setattr__(self, "wave", read_only(self.wave, dimensions=1))
        if self.values.shape != (FRAMES, MACHINE.bands) or len(self.wave) != SAMPLES:
            raise ValueError(f"a machine's window has other shapes: {self.values.shape}, {self.wave.shape}")


class MachineWindows:
    """Stage: `AudioBlock` at 16 kHz -> `MachineWindow`, one every 63 frames of the front-end.

    Window k begins at absolute frame k * 63, and none spans a reset.
    """

    def __init__(self, kernel: Kernel | None = None) -> None:
        self._frontend = Frontend(MACHINE, kernel)
        self._windower = Windower(MACHINE, FRAMES, HOP)
        # Of a slice a window may still need what came just before it.
        self._samples = History(SAMPLES + (HOP + 1) * MACHINE.hop + SLICE)

    @property
    def latency(self) -> int:
        """Engine samples by which the newest window can end behind the newest sample: a hop of each grid."""
        return self._windower.latency + self._frontend.latency

    def push(self, item: AudioBlock) -> Sequence[MachineWindow]:
        """Raises ValueError when the block has another rate or does not follow the one before."""
        windows: list[MachineWindow] = []
        for start in range(0, len(item.samples), SLICE):
            samples = item.samples[start : start + SLICE]
            # The front-end goes first: it refuses what does not follow.
            blocks = self._frontend.push(AudioBlock(samples, item.start + start, item.rate))
            self._samples.append(samples)
            windows += [
                self._with_wave(window.values, window.span) for b in blocks for window in self._windower.push(b)
            ]
        return windows

    def flush(self) -> Sequence[MachineWindow]:
        """Nothing: a window is never padded."""
        return ()

    def reset(self, at: int) -> None:
        """The next block begins at engine index `at`."""
        self._frontend.reset(at)
        self._windower.reset(at)
        self._samples.reset(native_index(at, MACHINE.rate))

    def _with_wave(self, values: Float32Array, span: Span) -> MachineWindow:
        wave = self._samples.get(native_index(span.start, MACHINE.rate), SAMPLES)
        if wave is None:
            raise RuntimeError(f"samples from {span.start} on were dropped before their window was cut")
        return MachineWindow(span, values, wave)


def clip_windows(samples: Float32Array, kernel: Kernel | None = None) -> tuple[MachineWindow, ...]:
    """The windows of a clip, `(n,)` at 16 kHz, n 1 or more, from its start; the same as of a stream.

    A clip shorter than a window is repeated from its start until it fills one.
    """
    return tuple(each_window(samples, kernel))


def each_window(samples: Float32Array, kernel: Kernel | None = None) -> Iterator[MachineWindow]:
    """`clip_windows`, one after the other, for long clips."""
    if not len(samples):
        raise ValueError("a clip without samples has no window")
    whole = repeated(samples, SAMPLES)
    stage = MachineWindows(kernel)
    for start in range(0, len(whole), SLICE):
        yield from stage.push(AudioBlock(whole[start : start + SLICE], start, MACHINE.rate))


def window_count(samples: int) -> int:
    """Windows of a clip of so many samples at 16 kHz, 1 or more."""
    return max(0, MACHINE.frames_in(samples) - FRAMES) // HOP + 1
