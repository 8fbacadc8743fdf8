"""The bird branch, wired by hand: a gate, and behind it tags of what it lets through.

16 kHz -> bird frames -+-> gate windows -> gate -+-> readings, activities
                       |                         v
                       +-----------------------> tagger -> tags
48 kHz -> (as far as the frames) -+--------------> the same, in the place of frames, where its encoder takes sound
                                  +-> gate windows -> gate, where the gate takes sound

Either half has its own guard, so that a failing encoder takes only the tags with it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from monitor.birds.frames import Follower
from monitor.birds.gate import Gate
from monitor.birds.sound_embedder import SoundEmbedder
from monitor.birds.tagger import Tagger
from monitor.core.clock import engine_index
from monitor.engine.branch import Branch
from monitor.engine.guard import Guard
from monitor.features.frontend import Frontend

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
        """`behind` takes what the tagger would: frames or sound, and the gate's readings."""
        self._tagger: Tagger | None = None
        if behind is None and models.encoder:
            shared_hop = models.shared_hop
            behind = self._tagger = Tagger(models.encoder.embedder, gate.bundle, gate.thresholds, shared_hop)
        scored = Gate(gate.bundle, gate.thresholds)
        self._frames = _Tap()
        takes_sound = models.encoder is not None and isinstance(models.encoder.embedder, SoundEmbedder)
        frames: list[Stage[Any, Any]] = [timed("bird frames", Frontend(scored.spec)), self._frames]
        judging: list[Stage[Any, Any]] = [timed("gate windows", scored.windows()), timed("gate", scored)]
        self._gate_takes_sound = scored.grid.takes_sound
        self._beside: Guard | None = None
        """Makes frames for the tagger, where the gate takes none."""
        if not self._gate_takes_sound:
            judging = [*frames, *judging]
        elif behind and not takes_sound:
            self._beside = Guard(Branch("bird frames", frames))
        self._gate = Guard(Branch("birds", judging))
        self._tags = Guard(behind) if behind else None
        self._now = 0
        self._tagger_takes_sound = takes_sound
        self._sound = Follower() if self._gate_takes_sound or (behind and takes_sound) else None

    @property
    def enrolled(self) -> Enrolled | None:
        """Who can be recognised; may be exchanged between two pushes."""
        return self._tagger.enrolled if self._tagger else None

    @enrolled.setter
    def enrolled(self, value: Enrolled | None) -> None:
        if self._tagger:
            self._tagger.enrolled = value

    def hear(self, block: AudioBlock) -> None:
        """A block at the engine rate, before what becomes of it at 16 kHz."""
        if self._sound:
            self._sound.hold(block)

    def push(self, block: AudioBlock, start: int) -> list[Reading]:
        """Readings for a block at 16 kHz that begins at engine index `start`."""
        self._now = start
        readings: list[Reading] = []
        if self._tags and self._gate.reset_due:
            # The gate begins anew with this block, and so do its frames.
            readings += self._tags.flush()
            self._tags.reset(start)
        sound = self._sound.take(engine_index(block.end, block.rate)) if self._sound else []
        if self._beside:
            self._beside.push(block, start)
        told = self._judged(sound) if self._gate_takes_sound else self._gate.push(block, start)
        return readings + self._tagged(told, sound)

    def flush(self) -> list[Reading]:
        """The stream ends or breaks here: readings still held."""
        sound = self._sound.take() if self._sound else []
        told = (
            [reading for part in sound for reading in self._gate.push(part, part.start)]
            if self._gate_takes_sound
            else []
        )
        readings = self._tagged(told + self._gate.flush(), sound)
        return readings + self._tags.flush() if self._tags else readings

    def reset(self, at: int) -> None:
        """Forget everything; the next block begins at engine index `at`."""
        self._frames.take()
        if self._sound:
            self._sound.clear()
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
        return tuple(guard for guard in (self._beside, self._gate, self._tags) if guard)

    def _judged(self, sound: Sequence[AudioBlock]) -> list[Reading]:
        """Readings of a gate that takes sound."""
        return [reading for block in sound for reading in self._gate.push(block, block.start)]

    def _tagged(self, readings: Sequence[Reading], sound: Sequence[AudioBlock]) -> list[Reading]:
        """The gate's readings with the tags that they bring; the tagger hears first what the gate has heard."""
        frames = self._frames.take()
        if self._tags is None:
            return list(readings)
        told: list[Reading] = []
        for block in sound if self._tagger_takes_sound else frames:
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
