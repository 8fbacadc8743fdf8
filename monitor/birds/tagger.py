"""Says which enrolled species an activity sounds like: at once when it begins, and for good when it is over."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

import numpy as np

from monitor.birds.embedder import mean_direction
from monitor.birds.gate import LONGEST, GateThresholds
from monitor.birds.gate_grid import grid_of
from monitor.birds.heard import HeardFrames, HeardSound
from monitor.birds.peaks import best_windows
from monitor.birds.sound_embedder import SoundEmbedder, frames_of_window
from monitor.core.clock import samples
from monitor.core.events import ActivityChange, GateReading, TagDetection
from monitor.core.types import AudioBlock, FeatureBlock, Span

if TYPE_CHECKING:
    from collections.abc import Sequence

    from monitor.birds.enrolled import Enrolled
    from monitor.birds.heard import Heard
    from monitor.birds.sound_embedder import AnyEmbedder
    from monitor.inference.bundle import Bundle

SAME_CALL = samples(2.0)
"""Engine samples of silence that two tags of one call have between them at most."""

LONGEST_CALL = samples(60.0)
"""Engine samples of tags that count as one call: after that it is counted again."""


@dataclass(slots=True)
class _Activity:
    """What the gate let through."""

    span: Span
    """So far, or all of it."""
    first: int
    """Frame where its first gate window begins."""
    probabilities: list[float] = field(default_factory=list[float])
    """Of its gate windows, consecutive."""
    told: bool = False
    """Whether the provisional tag is out, or too late."""


class Tagger:
    """Stage: `FeatureBlock`, `GateReading` and `ActivityChange` of one front-end and gate -> `TagDetection`.

    For an encoder on sound `AudioBlock` at the engine rate comes in the place of frames. Either comes before what the
    gate made of it, at most `AHEAD` frames of it. What is embedded depends on the gate's
    windows alone: an onset is tagged by the encoder window that ends with the newest gate window, an end by the mean of
    those around its best gate windows (`best_windows`). A stream that is younger than an encoder window waits; if it
    ends first, what it has is repeated until it fills one.
    """

    name = "tags"

    def __init__(
        self,
        embedder: AnyEmbedder,
        gate: Bundle,
        thresholds: GateThresholds | None = None,
        shared_hop: int | None = None,
    ) -> None:
        """`gate` made the readings, with `thresholds` (None: its own). Raises BundleError when they do not fit.

        `shared_hop`: engine samples between the windows of a classifier that is another head of the same network: a
        final tag then takes the nearest of those windows, which are not run twice.
        """
        self._length_of_window = frames_of_window(embedder, gate)
        grid = grid_of(gate)
        self.enrolled: Enrolled | None = None
        """Who can be recognised, exchanged as a whole between two pushes; None: nothing is embedded, nothing tagged."""
        self.shedding = False
        """Whether encoder windows are dropped because of overload."""
        self.dropped_windows = 0
        """Encoder windows dropped because of overload, since the start."""
        self._embedder = embedder
        self._spec = grid.spec
        self._cut = grid.cut
        release = (thresholds or GateThresholds.of(gate.manifest)).release
        self._release = release * self._cut.hop * self._spec.engine_hop
        longest = (LONGEST + self._release) // self._spec.engine_hop + 2 * self._cut.frames
        self._reach = longest + self._length_of_window
        """Frames before the newest gate window's end that may be embedded."""
        self._heard: Heard = (
            HeardSound(self._spec, embedder, self._reach, shared_hop)
            if isinstance(embedder, SoundEmbedder)
            else HeardFrames(self._spec, self._length_of_window, self._reach)
        )
        self._begin()

    @property
    def latency(self) -> int:
        """Engine samples by which an end is told late: as the gate does, and a window of a stream that is young."""
        gate = max(self._release, self._length(self._cut.frames))
        return gate + self._length(self._length_of_window) + self._cut.hop * self._spec.engine_hop

    def push(self, item: FeatureBlock | AudioBlock | GateReading | ActivityChange) -> Sequence[TagDetection]:
        """Raises ValueError when it does not follow what came before, InferenceError when the network fails."""
        match item:
            case FeatureBlock() | AudioBlock():
                self._heard.append(item)
                return []
            case GateReading():
                return self._read(item)
            case ActivityChange(active=True):
                return self._onset(item)
            case ActivityChange():
                return self._end(item)

    def flush(self) -> Sequence[TagDetection]:
        """Tags of activities that ended in a stream too young for them; what the gate left open is forgotten."""
        self._open = None
        ended, self._ended = self._ended, []
        tags = [self._final(activity, self._heard.whole()) for activity in ended]
        return [tag for tag in tags if tag]

    def reset(self, at: int) -> None:
        """Forget everything but who is enrolled; the next frames or samples may begin anywhere."""
        self._begin()

    def _begin(self) -> None:
        self._heard.reset()
        self._newest: GateReading | None = None
        self._open: _Activity | None = None
        self._ended: list[_Activity] = []
        """Waiting for their final tag."""
        self._before: TagDetection | None = None
        """The final tag before."""

    def _read(self, reading: GateReading) -> list[TagDetection]:
        self._newest = reading
        if self._open:
            self._open.probabilities.append(reading.probability)
        return self._due()

    def _onset(self, change: ActivityChange) -> list[TagDetection]:
        if self._newest is None:
            return []
        first = self._newest.span.start // self._spec.engine_hop
        self._open = _Activity(change.span, first, [self._newest.probability])
        return self._due()

    def _end(self, change: ActivityChange) -> list[TagDetection]:
        activity, self._open = self._open, None
        if activity is None:  # its onset was lost in a failure
            return []
        activity.span = change.span
        hop = self._cut.hop * self._spec.engine_hop
        begun = -(-(change.span.end - activity.first * self._spec.engine_hop) // hop)
        del activity.probabilities[begun:]  # windows that begin after its end
        self._ended.append(activity)
        return self._due()

    def _due(self) -> list[TagDetection]:
        """Tags for which there are frames enough now."""
        available = self._available()
        if len(available) < self._length_of_window:
            return []
        ended, self._ended = self._ended, []
        tags = [self._final(activity, available) for activity in ended]
        if self._open and not self._open.told:
            self._open.told = True
            newest = available.stop - self._length_of_window
            tags.append(self._tag(self._open.span, [newest], provisional=True))
        return [tag for tag in tags if tag]

    def _available(self) -> range:
        """Frames up to the end of the newest gate window, as far back as they may be embedded."""
        first = self._heard.first
        if self._newest is None or first is None:
            return range(0)
        end = self._newest.span.start // self._spec.engine_hop + self._cut.frames
        return range(max(first, end - self._reach), end)

    def _final(self, activity: _Activity, available: range) -> TagDetection | None:
        length = self._length_of_window
        starts = best_windows(activity.probabilities, self._cut, available, length, first=activity.first)
        starts = self._heard.aligned(starts, available) or [available.start]
        tag = self._tag(activity.span, starts, provisional=False)
        if tag is None:
            return None
        before, self._before = self._before, tag
        if before is None or before.label != tag.label:
            return tag
        span = Span(before.span.start, tag.span.end)
        if tag.span.start - before.span.end > SAME_CALL or span.length > LONGEST_CALL:
            return tag
        self._before = replace(tag, span=span, continues=True)
        return self._before

    def _tag(self, span: Span, starts: list[int], *, provisional: bool) -> TagDetection | None:
        """None where nobody is enrolled, or the encoder is not run because of overload."""
        enrolled = self.enrolled
        if enrolled is None:
            return None
        if self.shedding:
            self.dropped_windows += len(starts)
            return None
        rows = self._embedder.embed(np.stack([self._heard.window(start) for start in starts]))
        verdict = enrolled.judge(mean_direction(rows))
        return TagDetection(span, verdict.label, verdict.score, verdict.margin, verdict.runner_up, provisional)

    def _length(self, frames: int) -> int:
        """Engine samples of so many frames."""
        return (frames - 1) * self._spec.engine_hop + self._spec.engine_window
