"""Says whether a bird is audible: probabilities of overlapping windows, and activities made of them by hysteresis."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from monitor.audio.resample import resampled
from monitor.birds.gate_grid import grid_of
from monitor.birds.gate_scores import GateScores
from monitor.core.clock import samples
from monitor.core.events import ActivityChange, GateReading
from monitor.core.types import ENGINE_RATE, Span, Window
from monitor.errors import BundleError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from monitor.core.stage import Stage
    from monitor.core.types import Float32Array, SampleWindow
    from monitor.features.spec import FeatureSpec
    from monitor.inference.bundle import Bundle
    from monitor.inference.manifest import Manifest, WindowCut

LONGEST = samples(10.0)
"""Engine samples of an activity: longer ones are split, so that a dawn chorus gives many."""

RELEASE = 2
"""Windows below `off` that end an activity, where the bundle does not say: bridges the pause within a song."""


@dataclass(frozen=True, slots=True)
class GateThresholds:
    """When an activity begins and ends."""

    on: float
    """Probability from which on an activity begins, 0..1."""
    off: float
    """Probability below which a window no longer belongs to it, 0..`on`."""
    release: int = RELEASE
    """That many such windows in a row end it, 1 or more."""

    def __post_init__(self) -> None:
        if not 0.0 <= self.off <= self.on <= 1.0 or self.release < 1:
            raise ValueError(f"need 0 <= off <= on <= 1 and release >= 1, got {self.off}, {self.on}, {self.release}")

    @classmethod
    def of(cls, manifest: Manifest, on: float | None = None, off: float | None = None) -> GateThresholds:
        """The bundle's own `on`, `off` and, if it has one, `release`; or the given values instead.

        A given value that passes the bundle's other one takes that along, so that `off` never exceeds `on`. Raises
        BundleError when the manifest is not a gate's.
        """
        _refuse_other_models(manifest)
        own = {name: threshold.value for name, threshold in manifest.thresholds.items()}
        if on is None:
            on = own["on"] if off is None else max(own["on"], off)
        if off is None:
            off = min(own["off"], on)
        return cls(on, off, int(own.get("release", RELEASE)))


@dataclass(frozen=True, slots=True)
class _Open:
    """An activity that is not over."""

    span: Span
    """To the end of the last window that belongs to it."""
    probability: float
    """The highest so far."""
    peak: Span
    """The window that had it."""

    def change(self, *, active: bool) -> ActivityChange:
        return ActivityChange(self.span, active, self.probability, self.peak)


class Activities:
    """Turns the probabilities of consecutive windows into activities.

    An activity begins with the first window at or above `on`. It reaches from that window's start to the end of the
    last window at or above `off`; it is over when `release` windows in a row are below, or when windows are missing.
    Where a window would make it longer than `LONGEST`, it ends at the start of that window and the next one begins
    there, without gap or overlap. Activities never overlap: where windows of two do, the later begins where the earlier
    ends.
    """

    def __init__(self, thresholds: GateThresholds) -> None:
        self._thresholds = thresholds
        self._open: _Open | None = None
        self._below = 0
        """Windows in a row below `off`."""
        self._newest = Span(0, 0)
        """The window before."""
        self._free_from = 0
        """End of the activity before."""

    def take(self, window: Span, probability: float) -> list[ActivityChange]:
        """What a window changes. Raises ValueError when it does not come after the one before."""
        if window.start < self._newest.start or window.end < self._newest.end:
            raise ValueError(f"window {window} comes after {self._newest}; a gap needs reset()")
        missing = window.start > self._newest.end
        self._newest = window
        # What was not scored is not claimed.
        changes = self.close() if missing else []
        if self._open is None:
            if probability >= self._thresholds.on:
                changes.append(self._begin(max(window.start, self._free_from), window, probability))
        elif probability < self._thresholds.off:
            self._below += 1
            if self._below == self._thresholds.release:
                changes += self.close()
        elif window.end - self._open.span.start > LONGEST:
            changes += self._close_at(self._open, window.start)
            changes.append(self._begin(window.start, window, probability))
        else:
            self._extend(self._open, window, probability)
        return changes

    def close(self) -> list[ActivityChange]:
        """The end of the activity that is open, if one is."""
        return self._close_at(self._open, self._open.span.end) if self._open else []

    def _begin(self, start: int, window: Span, probability: float) -> ActivityChange:
        self._below = 0
        self._open = _Open(Span(start, window.end), probability, window)
        return self._open.change(active=True)

    def _extend(self, activity: _Open, window: Span, probability: float) -> None:
        self._below = 0
        longer = replace(activity, span=Span(activity.span.start, window.end))
        higher = probability > activity.probability
        self._open = replace(longer, probability=probability, peak=window) if higher else longer

    def _close_at(self, activity: _Open, end: int) -> list[ActivityChange]:
        self._open = None
        self._free_from = end
        return [replace(activity, span=Span(activity.span.start, end)).change(active=False)]


class Gate:
    """Stage: `Window` or `SampleWindow` -> its `GateReading`, then the `ActivityChange` that it makes, if any.

    What it takes is cut by `windows()`: frames of the front-end, or, for a model that takes a waveform, sound at the
    engine rate, brought to the model's own rate window by window. Windows are scored one by one, so that results do not
    depend on how many come together.
    """

    def __init__(self, bundle: Bundle, thresholds: GateThresholds | None = None) -> None:
        """Raises BundleError when the bundle is no gate; `thresholds` None: the bundle's own."""
        manifest = bundle.manifest
        self.grid = grid_of(bundle)
        self.thresholds = thresholds or GateThresholds.of(manifest)
        self._bundle = bundle
        self._scores = GateScores(bundle)
        self._activities = Activities(self.thresholds)

    @property
    def spec(self) -> FeatureSpec:
        """Front-end on whose frames its windows begin."""
        return self.grid.spec

    @property
    def cut(self) -> WindowCut:
        """Of the windows that it takes, in frames."""
        return self.grid.cut

    @property
    def latency(self) -> int:
        """Engine samples by which an end is told late: `release` hops; where an activity is split, a window."""
        return max(self.thresholds.release * self.cut.hop * self.spec.engine_hop, self.grid.length)

    def windows(self) -> Stage[Any, Any]:
        """A stage that cuts its windows, from frames (`grid.takes_sound` False) or sound at the engine rate."""
        return self.grid.cutter()

    def push(self, item: Window | SampleWindow) -> Sequence[GateReading | ActivityChange]:
        """Raises ValueError when the window is of another kind or goes back, InferenceError when the network fails."""
        reading = GateReading(item.span, self._scores(self._values(item)), self.thresholds.on)
        return [reading, *self._activities.take(item.span, reading.probability)]

    def flush(self) -> Sequence[ActivityChange]:
        """The end of the activity that is open, if one is."""
        return self._activities.close()

    def reset(self, at: int) -> None:
        """Forget everything; windows that begin before `at` are not expected."""
        self._activities = Activities(self.thresholds)

    def _values(self, item: Window | SampleWindow) -> Float32Array:
        kind = self._bundle.manifest.input
        if isinstance(item, Window):
            if kind.kind == "waveform" or item.spec_id != self.spec.fingerprint:
                needed = "sound" if kind.kind == "waveform" else f"features {self.spec.fingerprint}"
                raise ValueError(f"the gate needs {needed}, got features {item.spec_id}")
            return item.values
        if kind.kind != "waveform" or item.rate != ENGINE_RATE or len(item.samples) != self.grid.length:
            why = f"{len(item.samples)} samples at {item.rate} Hz"
            raise ValueError(f"the gate needs {self.grid.length} samples at {ENGINE_RATE} Hz, got {why}")
        return resampled(item.samples, ENGINE_RATE, kind.rate, kind.window)


def _refuse_other_models(manifest: Manifest) -> None:
    if manifest.task != "gate" or manifest.input.kind == "modulation":
        why = f"is a model for `{manifest.task}` on {manifest.input.kind}, not a gate"
        raise BundleError(f"model {manifest.id}", why, "Set birds.gate to a gate, such as bird-gate")
