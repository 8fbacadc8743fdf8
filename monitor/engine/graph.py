"""The pipeline of one source, wired by hand. Read `Pipeline.push`: it is the architecture diagram.

source -> engine rate -+- level
+- spectrum columns (for the screen)
+- 16 kHz - bird frames - gate windows - gate
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from monitor.audio.level import LevelMeter
from monitor.audio.recut import Recut
from monitor.audio.resample import Decimate, EngineRate
from monitor.birds.gate import Gate
from monitor.core.clock import engine_index, next_grid_index
from monitor.engine.branch import Branch
from monitor.engine.guard import Guard
from monitor.features.frontend import Frontend
from monitor.features.spectrum import SpectrumColumns
from monitor.features.windows import Windower

if TYPE_CHECKING:
    from collections.abc import Callable

    from monitor.core.events import BranchHealth, Reading
    from monitor.core.stage import Stage
    from monitor.core.types import AudioBlock
    from monitor.engine.models import Models
    from monitor.engine.times import StageTimes

    AnyStage = Stage[Any, Any]
    Timed = Callable[[str, AnyStage], AnyStage]

STEP = 9_600
"""Engine samples that the pipeline takes at a time: 0.2 s, on a grid anchored at 0, so that readings of different
branches come in one order however the source cuts its audio."""


class Pipeline:
    """All stages of one source. Faults of `audio` leave it, faults of a branch stay in its guard."""

    def __init__(
        self, native_rate: int, models: Models, *, screen: bool = True, times: StageTimes | None = None
    ) -> None:
        timed = times.timed if times else _as_it_is
        self._engine_rate = timed("engine rate", EngineRate(native_rate))
        self._recut = timed("recut", Recut(STEP))
        self._at_16_khz = timed("16 kHz", Decimate(16_000))
        self._level = timed("level", LevelMeter())
        self._spectrum = timed("spectrum", SpectrumColumns()) if screen else None
        self._birds = _birds(models, timed)
        self.reached = 0
        """Engine index up to which audio was pushed through."""

    def push(self, block: AudioBlock) -> list[Reading]:
        """Readings that a block of the source's own rate completes."""
        readings: list[Reading] = []
        for at_engine_rate in self._engine_rate.push(block):
            for step in self._recut.push(at_engine_rate):
                readings += self._step(step)
        return readings

    def flush(self) -> list[Reading]:
        """The stream ends or breaks here: readings still held."""
        readings: list[Reading] = []
        for at_engine_rate in self._engine_rate.flush():
            for step in self._recut.push(at_engine_rate):
                readings += self._step(step)
        for step in self._recut.flush():
            readings += self._step(step)
        for at_16_khz in self._at_16_khz.flush():
            readings += self._branches_at_16_khz(at_16_khz)
        readings += self._level.flush()
        if self._spectrum:
            readings += self._spectrum.flush()
        if self._birds:
            readings += self._birds.flush()
        return readings

    def reset(self, at: int) -> None:
        """Forget everything; the next block begins at engine index `at`, a multiple of 3."""
        stages = [self._engine_rate, self._recut, self._at_16_khz, self._level, self._spectrum, self._birds]
        for stage in stages:
            if stage:
                stage.reset(at)
        self.reached = at

    def shed(self, overloaded: bool) -> None:
        """Begin or stop to drop windows in front of the models."""
        if self._birds:
            self._birds.shedding = overloaded

    def take_branch_health(self) -> tuple[BranchHealth, ...]:
        """How each branch fared since the last call."""
        return (self._birds.take_health(self.reached),) if self._birds else ()

    def _step(self, step: AudioBlock) -> list[Reading]:
        self.reached = step.end
        readings: list[Reading] = [*self._level.push(step)]
        if self._spectrum:
            readings += self._spectrum.push(step)
        for at_16_khz in self._at_16_khz.push(step):
            readings += self._branches_at_16_khz(at_16_khz)
        return readings

    def _branches_at_16_khz(self, block: AudioBlock) -> list[Reading]:
        start = next_grid_index(engine_index(block.start, block.rate))
        return self._birds.push(block, start) if self._birds else []


def _birds(models: Models, timed: Timed) -> Guard | None:
    """16 kHz audio -> bird frames -> gate windows -> gate."""
    if models.gate is None:
        return None
    gate = Gate(models.gate.bundle, models.gate.thresholds)
    cut = models.gate.bundle.manifest.window
    stages = [
        timed("bird frames", Frontend(gate.spec)),
        timed("gate windows", Windower(gate.spec, cut.frames, cut.hop)),
        timed("gate", gate),
    ]
    return Guard(Branch("birds", stages))


def _as_it_is(name: str, stage: AnyStage) -> AnyStage:
    return stage
