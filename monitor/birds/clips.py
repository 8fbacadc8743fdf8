"""From a clip to what a species is learnt from: the gate finds the bird, the encoder hears its best windows."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

import numpy as np

from monitor.audio.clipping import ClippingWatch
from monitor.audio.rates import blocks_of, engine_blocks, repeated
from monitor.audio.sources import open_source
from monitor.birds.embedder import mean_direction
from monitor.birds.frames import frames_of, gate_probabilities
from monitor.birds.gate import GateThresholds
from monitor.birds.gate_grid import grid_of
from monitor.birds.peaks import best_windows
from monitor.birds.prototype import LONGEST_CLIP, EnrolledClip
from monitor.birds.sound_embedder import SoundEmbedder, frames_of_window
from monitor.core.clock import seconds
from monitor.core.types import ENGINE_RATE, Span
from monitor.errors import UsageError
from monitor.inference.manifest import WindowCut
from monitor.inference.session import InferenceError

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from monitor.birds.sound_embedder import AnyEmbedder
    from monitor.core.types import Float32Array
    from monitor.features.spec import FeatureSpec
    from monitor.inference.bundle import Bundle

GATE_CUT = WindowCut(frames=50, hop=25)
"""Windows of the shipped gate, in frames."""

LIKELY = 0.5
"""Gate probability below which a window, other than the best, is not learnt from: likelier no bird than one."""

SHORTEST = ENGINE_RATE // 20
"""Samples at 48 kHz, 50 ms: the shortest calls; nothing can be made of less."""

SHORT = ENGINE_RATE * 6 // 5
"""Samples of activity, 1.2 s, below which a clip is called short: one gate window, or less."""

SILENT = 10.0 ** (-75.0 / 20.0)
"""Largest swing around the mean, full scale 1, up to which a clip is silent: -75 dBFS."""


class Encoder(Protocol):
    """What turns windows into directions; an `Embedder` is one."""

    @property
    def frames(self) -> int:
        """Of a window."""
        ...

    def embed(self, windows: Float32Array) -> Float32Array:
        """`(n, frames, bands)` -> float32 `(n, d)`, rows of length 1."""
        ...


@dataclass(frozen=True, slots=True, eq=False)
class Recorded:
    """A clip as it was read."""

    samples: Float32Array
    """float32 `(n,)` at 48 kHz, finite, n up to `LONGEST_CLIP`."""
    origin: str
    """As the user gave it."""
    clipped: bool
    """Whether its peaks were cut off when it was recorded."""
    non_finite: int = 0
    """Values that were no numbers and were replaced by 0."""


@dataclass(frozen=True, slots=True, eq=False)
class PreparedClip:
    """A clip, ready to be enrolled, and how it was understood."""

    clip: EnrolledClip
    """Audio at 48 kHz and embedding."""
    windows: Float32Array
    """float32 `(k, d)`: embeddings of the chosen windows, best first; the clip's is the direction of their mean."""
    chosen: tuple[Span, ...]
    """Their audio within the clip, engine samples from its start."""
    peak: float
    """The highest gate probability, 0..1."""
    active: int
    """Engine samples in which the gate heard a bird."""
    warnings: tuple[str, ...]
    """What a person should know of it, each one clause."""


def read_clip(path: Path | str) -> Recorded:
    """A recording as a clip. Raises SourceError when it cannot be read to its end, UsageError when it is too long."""
    source = open_source(path)
    parts: list[Float32Array] = []
    count = 0
    watch = ClippingWatch()
    for block in engine_blocks(watch.over(source.blocks()), source.rate):
        parts.append(block.samples)
        count += len(block.samples)
        if count > LONGEST_CLIP:
            why = f"is longer than {LONGEST_CLIP // ENGINE_RATE // 60} minutes"
            raise UsageError(f"clip {path}", why, "Cut it to the calls of the species")
    samples = np.concatenate(parts) if parts else np.zeros(0, dtype=np.float32)
    return Recorded(samples, str(path), watch.clipped, source.non_finite)


def prepare(
    recorded: Recorded,
    gate: Bundle,
    embedder: AnyEmbedder,
    thresholds: GateThresholds | None = None,
    *,
    bird_known: bool = False,
) -> PreparedClip:
    """`prepare_clip` for a clip that was read.

    `thresholds` None: the gate's own; `bird_known`: a person said so before, whatever this gate hears.

    Raises UsageError when it is silent, too short or without a bird; BundleError when gate and encoder do not fit.
    """
    what = f"clip {recorded.origin}"
    samples = recorded.samples
    _refuse_empty(what, samples)
    length, grid = frames_of_window(embedder, gate), grid_of(gate)
    spec, cut = grid.spec, grid.cut
    frames = frames_of(samples, spec, least=max(length, cut.frames))
    probabilities = gate_probabilities(gate, frames, samples)
    thresholds = thresholds or GateThresholds.of(gate.manifest)
    peak = float(probabilities.max())
    if peak < thresholds.off and not bird_known:
        why = f"no bird is heard in it (gate {peak:.2f} at most, {thresholds.on:.2f} would be sure)"
        raise UsageError(what, why, "Cut it to the call, or choose a clearer recording")
    try:
        firsts = clip_windows(probabilities, len(frames), length, cut)
        heard = _cut_sound(samples, spec, embedder.samples, firsts) if isinstance(embedder, SoundEmbedder) else None
        windows = embedder.embed(_cut_frames(frames, length, firsts) if heard is None else heard)
        embedding = mean_direction(windows)
    except InferenceError as error:
        raise UsageError(what, f"the encoder can make nothing of it ({error})", "Choose another recording") from error
    active = min(_active(probabilities, thresholds.off, cut, spec), len(samples))
    warnings = _warnings(recorded, peak, active, thresholds)
    clip = EnrolledClip(samples, ENGINE_RATE, recorded.origin, embedding)
    chosen = tuple(_span(first, length, spec, len(samples)) for first in firsts)
    return PreparedClip(clip, windows, chosen, peak, active, warnings)


def prepare_clip(
    samples: Float32Array,
    origin: str,
    gate: Bundle,
    embedder: AnyEmbedder,
    thresholds: GateThresholds | None = None,
) -> PreparedClip:
    """Find the bird in samples `(n,)` at 48 kHz, such as were just heard, and embed it; raises as `prepare` does."""
    watch = ClippingWatch()
    for block in blocks_of(samples):
        watch.take(block.samples)
    return prepare(Recorded(samples, origin, watch.clipped), gate, embedder, thresholds)


def embed_clip(
    frames: Float32Array, probabilities: Float32Array, encoder: Encoder, cut: WindowCut = GATE_CUT
) -> Float32Array:
    """The direction of a clip, float32 `(d,)` of length 1: the mean over its best windows that likely have a bird.

    `frames` `(t, bands)` hold a window at least (`frames_of` repeats what is shorter); `probabilities` `(k,)` are those
    of the gate's windows, cut as `cut` says. Raises ValueError when there are too few frames.
    """
    if len(frames) < encoder.frames:
        raise ValueError(f"a window has {encoder.frames} frames, the clip {len(frames)}")
    firsts = clip_windows(probabilities, len(frames), encoder.frames, cut)
    return mean_direction(encoder.embed(_cut_frames(frames, encoder.frames, firsts)))


def _refuse_empty(what: str, samples: Float32Array) -> None:
    if len(samples) < SHORTEST:
        why = f"it is {1000 * len(samples) // ENGINE_RATE} ms long, too short to hear anything in it"
        raise UsageError(what, why, "Give a recording of a call")
    if float(np.ptp(samples)) / 2 <= SILENT:
        raise UsageError(what, "it is silent", "Check the recording; its channel may be the wrong one")


def _cut_frames(frames: Float32Array, length: int, firsts: Sequence[int]) -> Float32Array:
    """Windows `(n, length, bands)` that begin at these frames."""
    return np.stack([frames[first : first + length] for first in firsts])


def _cut_sound(samples: Float32Array, spec: FeatureSpec, length: int, firsts: Sequence[int]) -> Float32Array:
    """Windows `(n, length)` of sound at 48 kHz that begin at these frames; a shorter clip is repeated."""
    starts = [first * spec.engine_hop for first in firsts]
    whole = repeated(samples, max(starts) + length)
    return np.stack([whole[start : start + length] for start in starts])


def clip_windows(probabilities: Float32Array, available: int, frames: int, cut: WindowCut = GATE_CUT) -> list[int]:
    """First frames of the windows of `frames` frames that stand for a clip of `available`, best first.

    `probabilities` `(k,)` are those of the gate's windows, cut as `cut` says.
    """
    best = best_windows([float(value) for value in probabilities], cut, range(available), frames)
    # Of a long clip with one call the others would hold none.
    return [first for first in best if first == best[0] or _inside(probabilities, first, frames, cut) >= LIKELY]


def _inside(probabilities: Float32Array, first: int, frames: int, cut: WindowCut) -> float:
    """The highest probability of the gate windows within an encoder window."""
    begin = -(-first // cut.hop)
    end = (first + frames - cut.frames) // cut.hop + 1
    return float(probabilities[begin:end].max(initial=0.0))


def _active(probabilities: Float32Array, level: float, cut: WindowCut, spec: FeatureSpec) -> int:
    """Engine samples within gate windows at or above a level."""
    covered = np.zeros(len(probabilities) * cut.hop + cut.frames, dtype=bool)
    for index in np.flatnonzero(probabilities >= level):
        covered[index * cut.hop : index * cut.hop + cut.frames] = True
    frames = int(covered.sum())
    return frames * spec.engine_hop


def _span(first: int, frames: int, spec: FeatureSpec, length: int) -> Span:
    start = min(first * spec.engine_hop, length)
    return Span(start, min(start + (frames - 1) * spec.engine_hop + spec.engine_window, length))


def _warnings(recorded: Recorded, peak: float, active: int, thresholds: GateThresholds) -> tuple[str, ...]:
    told: list[str] = []
    if recorded.clipped:
        told.append("is clipped: recorded too loud, which changes how it sounds")
    if recorded.non_finite:
        told.append(f"has {recorded.non_finite} values that are no numbers; they were taken as silence")
    if peak < thresholds.on:
        told.append(
            f"the gate is not sure of a bird ({peak:.2f}, sure from {thresholds.on:.2f} on): live it may be missed"
        )
    if active < SHORT:
        told.append(f"is very short: {seconds(active):.1f} s of bird; longer clips teach more")
    return tuple(told)
