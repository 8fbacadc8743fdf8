"""The branch of known species, wired by hand: for each classifier.

its own rate -> frames? -> windows -(-> those where the gate is open)-> classifier -> detections

Each has its own guard, so that a failing model takes no other one along.
"""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, Any

from monitor.audio.resample import Decimate
from monitor.core.events import ActivityChange, GateReading
from monitor.core.types import ENGINE_RATE, Span
from monitor.engine.guard import Guard
from monitor.features.frontend import Frontend
from monitor.features.sample_windows import SampleWindower
from monitor.features.windows import Windower
from monitor.species.gated import GatedWindows
from monitor.species.labels import is_human
from monitor.species.merge import Merge

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from monitor.core.events import BranchHealth, Reading
    from monitor.core.stage import Stage
    from monitor.core.types import AudioBlock, SampleWindow, Window
    from monitor.engine.models import Models
    from monitor.species.classifier import Classifier

    AnyStage = Stage[Any, Any]
    Timed = Callable[[str, AnyStage], AnyStage]

MOST_HUMANS = 64
"""Windows with a human sound that are kept until somebody asks for them."""

AT_16_KHZ = 16_000
"""The rate that the pipeline has beside its own; any other is made here."""


class Species:
    """Takes blocks at 48 and at 16 kHz, and what the gate says."""

    def __init__(self, models: Models, timed: Timed) -> None:
        several = len(models.classifiers) > 1
        self._branches = [_KnownSpecies(one, timed, models.gated, several) for one in models.classifiers]
        self._guards = [Guard(branch) for branch in self._branches]
        self._now = 0

    def push(self, block: AudioBlock, start: int) -> list[Reading]:
        """Readings for a block at 48 or 16 kHz that begins at engine index `start`."""
        self._now = start
        readings: list[Reading] = []
        for branch, guard in zip(self._branches, self._guards, strict=True):
            if branch.takes == block.rate:
                readings += guard.push(block, start)
        return readings

    def hear_gate(self, told: Iterable[Reading]) -> list[Reading]:
        """Readings for what the gate told of the same audio."""
        readings: list[Reading] = []
        for reading in told:
            if isinstance(reading, GateReading | ActivityChange):
                for branch, guard in zip(self._branches, self._guards, strict=True):
                    # After a failure a branch begins anew with audio.
                    if branch.gated and not guard.reset_due:
                        readings += guard.push(reading, self._now)
        return readings

    def take_voices(self, least: float) -> list[Span]:
        """Windows since the last call in which a human sound had that probability or more."""
        heard = [one for branch in self._branches for one in branch.take_humans()]
        return sorted((span for span, probability in heard if probability >= least), key=lambda span: span.start)

    def flush(self) -> list[Reading]:
        """The stream ends or breaks here: readings still held."""
        return [reading for guard in self._guards for reading in guard.flush()]

    def reset(self, at: int) -> None:
        """Forget everything; the next block begins at engine index `at`."""
        for guard in self._guards:
            guard.reset(at)

    def shed(self, overloaded: bool) -> None:
        """Begin or stop to drop windows in front of the models."""
        for guard in self._guards:
            guard.shedding = overloaded

    def take_health(self, now: int) -> tuple[BranchHealth, ...]:
        """How each fared since the last call, at engine index `now`."""
        return tuple(guard.take_health(now) for guard in self._guards)


class _KnownSpecies:
    """One classifier, from audio to detections."""

    def __init__(self, classifier: Classifier, timed: Timed, gated: bool, several: bool) -> None:
        self.name = f"species {classifier.bundle.manifest.name}" if several else "species"
        self.gated = gated
        self.shedding = False
        self.dropped_windows = 0
        self.takes = AT_16_KHZ if classifier.rate == AT_16_KHZ else ENGINE_RATE
        """Samples a second of the blocks that it wants."""
        self._windows = _windows(classifier, timed)
        self._choice = timed(f"{self.name} choice", GatedWindows()) if gated else None
        self._classifier = timed(f"{self.name} classifier", classifier)
        latency = classifier.window_length + classifier.hop_length
        self._merge = timed(f"{self.name} merge", Merge(classifier.model_id, latency))
        self._humans: deque[tuple[Span, float]] = deque(maxlen=MOST_HUMANS)

    def take_humans(self) -> list[tuple[Span, float]]:
        """Windows since the last call and the highest probability of a human sound in each, 0..1."""
        heard = list(self._humans)
        self._humans.clear()
        return heard

    def push(self, item: AudioBlock | GateReading | ActivityChange) -> Sequence[Reading]:
        """Audio, or what the gate says of it."""
        if isinstance(item, GateReading | ActivityChange):
            return self._heard(self._choice.push(item) if self._choice else ())
        return self._chosen(_carry([item], self._windows))

    def flush(self) -> Sequence[Reading]:
        """What is still held, first stage first."""
        readings: list[Reading] = []
        for place, stage in enumerate(self._windows):
            readings += self._chosen(_carry(list(stage.flush()), self._windows[place + 1 :]))
        if self._choice:
            readings += self._heard(self._choice.flush())
        return [*readings, *self._merge.flush()]

    def reset(self, at: int) -> None:
        """Forget everything; the next block begins at engine index `at`."""
        for stage in (*self._windows, self._choice, self._merge):
            if stage:
                stage.reset(at)

    def _chosen(self, windows: Iterable[Window | SampleWindow]) -> list[Reading]:
        if self._choice:
            windows = [kept for window in windows for kept in self._choice.push(window)]
        return self._heard(windows)

    def _heard(self, windows: Iterable[Window | SampleWindow]) -> list[Reading]:
        readings: list[Reading] = []
        for window in windows:
            if self.shedding:
                self.dropped_windows += 1
                continue
            for hits in self._classifier.push(window):
                human = max([hits.voice, *(value for label, value in hits.best if is_human(label))])
                if human > 0:
                    self._humans.append((hits.span, human))
                readings += self._merge.push(hits)
        return readings


def _windows(classifier: Classifier, timed: Timed) -> list[AnyStage]:
    """From a block of audio to the classifier's windows."""
    rate, cut, spec = classifier.rate, classifier.cut, classifier.bundle.spec
    stages: list[AnyStage] = []
    if rate not in (AT_16_KHZ, ENGINE_RATE):
        stages.append(timed(f"{rate // 1000} kHz", Decimate(rate)))
    if spec is None:
        return [*stages, timed("species windows", SampleWindower(rate, cut.frames, cut.hop))]
    frames = timed("species frames", Frontend(spec))
    return [*stages, frames, timed("species windows", Windower(spec, cut.frames, cut.hop))]


def _carry(items: list[Any], stages: Sequence[AnyStage]) -> list[Any]:
    for stage in stages:
        items = [output for item in items for output in stage.push(item)]
    return items
