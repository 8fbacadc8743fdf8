"""The bird branch, wired by hand: a gate, and behind it tags of what it lets through.

16 kHz -> bird frames -+-> gate windows -> gate -+-> readings, activities
                       |                         v
                       +-----------------------> tagger -> tags

Either half has its own guard, so that a failing encoder takes only the tags with it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from monitor.birds.gate import Gate
from monitor.birds.tagger import Tagger
from monitor.engine.branch import Branch
from monitor.engine.guard import Guard
from monitor.features.frontend import Frontend
from monitor.features.windows import Windower

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence
    from typing import Any

    from monitor.birds.enrolled import Enrolled
    from monitor.core.events import BranchHealth, Reading
    from monitor.core.stage import Stage
    from monitor.core.types import AudioBlock, FeatureBlock
    from monitor.engine.guard import Guarded
    from monitor.engine.models import GateModel, Models

    Timed = Callable[[str, Stage[Any, Any]], Stage[Any, Any]]


class Birds:
    """Takes blocks of 16 kHz audio; the gate's readings come as the gate gives them, tags right after their cause."""

    def __init__(self, gate: GateModel, models: Models, timed: Timed, behind: Guarded | None = None) -> None:
        """`behind` takes frames and the gate's readings in place of the tagger."""
        self._tagger: Tagger | None = None
        if behind is None and models.encoder:
            behind = self._tagger = Tagger(models.encoder.embedder, gate.bundle, gate.thresholds)
        scored = Gate(gate.bundle, gate.thresholds)
        cut = gate.bundle.manifest.window
        self._frames = _Tap()
        stages: list[Stage[Any, Any]] = [
            timed("bird frames", Frontend(scored.spec)),
            timed("gate windows", Windower(scored.spec, cut.frames, cut.hop)),
            timed("gate", scored),
        ]
        self._gate = Guard(Branch("birds", [stages[0], self._frames, *stages[1:]]))
        self._tags = Guard(behind) if behind else None
        self._now = 0

    @property
    def enrolled(self) -> Enrolled | None:
        """Who can be recognised; may be exchanged between two pushes."""
        return self._tagger.enrolled if self._tagger else None

    @enrolled.setter
    def enrolled(self, value: Enrolled | None) -> None:
        if self._tagger:
            self._tagger.enrolled = value

    def push(self, block: AudioBlock, start: int) -> list[Reading]:
        """Readings for a block that begins at engine index `start`."""
        self._now = start
        readings: list[Reading] = []
        if self._tags and self._gate.reset_due:
            # The gate begins anew with this block, and so do its frames.
            readings += self._tags.flush()
            self._tags.reset(start)
        return readings + self._tagged(self._gate.push(block, start))

    def flush(self) -> list[Reading]:
        """The stream ends or breaks here: readings still held."""
        readings = self._tagged(self._gate.flush())
        return readings + self._tags.flush() if self._tags else readings

    def reset(self, at: int) -> None:
        """Forget everything; the next block begins at engine index `at`."""
        self._frames.take()
        for guard in self._guards:
            guard.reset(at)

    def shed(self, overloaded: bool) -> None:
        """Begin or stop to drop windows in front of the models."""
        for guard in self._guards:
            guard.shedding = overloaded

    def take_health(self, now: int) -> tuple[BranchHealth, ...]:
        """How each half fared since the last call, at engine index `now`."""
        return tuple(guard.take_health(now) for guard in self._guards)

    @property
    def _guards(self) -> tuple[Guard, ...]:
        return (self._gate, self._tags) if self._tags else (self._gate,)

    def _tagged(self, readings: Sequence[Reading]) -> list[Reading]:
        """The gate's readings with the tags that they bring."""
        frames = self._frames.take()
        if self._tags is None:
            return list(readings)
        told: list[Reading] = []
        for block in frames:
            told += self._tags.push(block, self._now)
        for reading in readings:
            told.append(reading)
            told += self._tags.push(reading, self._now)
        return told


class _Tap:
    """A stage that passes frames on and keeps them for another taker."""

    latency = 0

    def __init__(self) -> None:
        self._kept: list[FeatureBlock] = []

    def take(self) -> Iterable[FeatureBlock]:
        """Those that came since the last call."""
        kept, self._kept = self._kept, []
        return kept

    def push(self, item: FeatureBlock) -> Sequence[FeatureBlock]:
        self._kept.append(item)
        return (item,)

    def flush(self) -> Sequence[FeatureBlock]:
        return ()

    def reset(self, at: int) -> None:
        self._kept.clear()
