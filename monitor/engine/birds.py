"""The bird branch, wired by hand: a gate, and behind it tags of what it lets through.

16 kHz -> bird frames -+-> gate windows -> gate -+-> readings, activities
                       |                         v
                       +-----------------------> tagger -> tags
48 kHz -> (as far as the frames) ---------------> the same, in the place of frames, where its encoder takes sound

Either half has its own guard, so that a failing encoder takes only the tags with it.
"""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING

from monitor.birds.gate import Gate
from monitor.birds.sound_embedder import SoundEmbedder
from monitor.birds.tagger import Tagger
from monitor.core.clock import engine_index
from monitor.core.types import AudioBlock
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
    from monitor.core.types import FeatureBlock
    from monitor.engine.guard import Guarded
    from monitor.engine.models import GateModel, Models

    Timed = Callable[[str, Stage[Any, Any]], Stage[Any, Any]]


class Birds:
    """Takes blocks of 16 kHz audio; the gate's readings come as the gate gives them, tags right after their cause."""

    def __init__(self, gate: GateModel, models: Models, timed: Timed, behind: Guarded | None = None) -> None:
        """`behind` takes what the tagger would: frames or sound, and the gate's readings."""
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
        takes_sound = models.encoder is not None and isinstance(models.encoder.embedder, SoundEmbedder)
        self._sound = _Sound() if behind and takes_sound else None

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
        told = self._gate.push(block, start)
        return readings + self._tagged(told, engine_index(block.end, block.rate))

    def flush(self) -> list[Reading]:
        """The stream ends or breaks here: readings still held."""
        readings = self._tagged(self._gate.flush())
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
        return (self._gate, self._tags) if self._tags else (self._gate,)

    def _tagged(self, readings: Sequence[Reading], until: int | None = None) -> list[Reading]:
        """The gate's readings with the tags that they bring; it has heard up to engine index `until`, or everything."""
        frames = self._frames.take()
        if self._tags is None:
            return list(readings)
        told: list[Reading] = []
        for block in self._sound.take(until) if self._sound else frames:
            told += self._tags.push(block, self._now)
        for reading in readings:
            told.append(reading)
            told += self._tags.push(reading, self._now)
        return told


class _Sound:
    """Sound at the engine rate that waits until the gate has heard it too: its 16 kHz come later."""

    def __init__(self) -> None:
        self._blocks: deque[AudioBlock] = deque()

    def hold(self, block: AudioBlock) -> None:
        """The next block."""
        self._blocks.append(block)

    def take(self, until: int | None) -> Iterable[AudioBlock]:
        """What lies before an engine index; None: everything."""
        taken: list[AudioBlock] = []
        while self._blocks and (until is None or self._blocks[0].start < until):
            block = self._blocks.popleft()
            if until is not None and block.end > until:
                split = until - block.start
                self._blocks.appendleft(AudioBlock(block.samples[split:], until))
                block = AudioBlock(block.samples[:split], block.start)
            taken.append(block)
        return taken

    def clear(self) -> None:
        """Forget everything."""
        self._blocks.clear()


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
