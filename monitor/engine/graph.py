"""The pipeline of one source, wired by hand. Read `Pipeline.push`: it is the architecture diagram.

source -> engine rate -+- level
+- spectrum columns (for the screen)
+- 16 kHz - birds: gate and tagger (`birds.py`)
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from monitor.audio.level import LevelMeter
from monitor.audio.recut import Recut
from monitor.audio.resample import Decimate, EngineRate
from monitor.core.clock import engine_index, next_grid_index
from monitor.engine.birds import Birds
from monitor.features.spectrum import SpectrumColumns

if TYPE_CHECKING:
    from collections.abc import Callable

    from monitor.birds.enrolled import Enrolled
    from monitor.core.events import BranchHealth, Reading
    from monitor.core.stage import Stage
    from monitor.core.types import AudioBlock
    from monitor.engine.guard import Guarded
    from monitor.engine.models import Models
    from monitor.engine.times import StageTimes

    AnyStage = Stage[Any, Any]
    Listener = Callable[[AudioBlock], None]

STEP = 9_600
"""Engine samples that the pipeline takes at a time: 0.2 s, on a grid anchored at 0, so that readings of different
branches come in one order however the source cuts its audio."""


class Pipeline:
    """All stages of one source. Faults of `audio` leave it, faults of a branch stay in its guard."""

    def __init__(
        self,
        native_rate: int,
        models: Models,
        *,
        screen: bool = True,
        times: StageTimes | None = None,
        listener: Listener | None = None,
        behind_gate: Guarded | None = None,
    ) -> None:
        """`listener` is handed each step of audio at the engine rate before its readings come out.

        `behind_gate` takes what the tagger would: the benchmark's place.
        """
        timed = times.timed if times else _as_it_is
        self._engine_rate = timed("engine rate", EngineRate(native_rate))
        self._recut = timed("recut", Recut(STEP))
        self._at_16_khz = timed("16 kHz", Decimate(16_000))
        self._level = timed("level", LevelMeter())
        self._spectrum = timed("spectrum", SpectrumColumns()) if screen else None
        self._birds = Birds(models.gate, models, timed, behind_gate) if models.gate else None
        self._listener = listener
        self.reached = 0
        """Engine index up to which audio was pushed through."""

    @property
    def enrolled(self) -> Enrolled | None:
        """Species that tags can name; may be exchanged between two pushes."""
        return self._birds.enrolled if self._birds else None

    @enrolled.setter
    def enrolled(self, value: Enrolled | None) -> None:
        if self._birds:
            self._birds.enrolled = value

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
            self._birds.shed(overloaded)

    def take_branch_health(self) -> tuple[BranchHealth, ...]:
        """How each branch fared since the last call."""
        return self._birds.take_health(self.reached) if self._birds else ()

    def _step(self, step: AudioBlock) -> list[Reading]:
        self.reached = step.end
        if self._listener:
            self._listener(step)
        readings: list[Reading] = [*self._level.push(step)]
        if self._spectrum:
            readings += self._spectrum.push(step)
        for at_16_khz in self._at_16_khz.push(step):
            readings += self._branches_at_16_khz(at_16_khz)
        return readings

    def _branches_at_16_khz(self, block: AudioBlock) -> list[Reading]:
        start = next_grid_index(engine_index(block.start, block.rate))
        return self._birds.push(block, start) if self._birds else []


def _as_it_is(name: str, stage: AnyStage) -> AnyStage:
    return stage
