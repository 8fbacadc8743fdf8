"""The pipeline of one source, wired by hand. Read `Pipeline.push`: it is the architecture diagram.

source -> engine rate -+- level
+- spectrum columns (for the screen)
+- 16 kHz - birds: gate and tagger (`birds.py`)
+- known species: a classifier each, at its own rate (`species.py`)
+- 16 kHz - sound class: noise, music or speech (`sound_class.py`)
+- 16 kHz - machines: shared windows and embeddings, a detector for each machine (`machines.py`)
+- 32 kHz - scene: classifier, smoothing (`scene.py`); what it means for the others (`policies.py`)
and, where people shall not be overheard, a gate in front of whoever hears the readings (`privacy.py`)
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from monitor.audio.level import LevelMeter
from monitor.audio.recut import Recut
from monitor.audio.resample import Decimate, EngineRate
from monitor.core.clock import engine_index, next_grid_index
from monitor.engine.birds import Birds
from monitor.engine.guard import Guard
from monitor.engine.machines import MachineBranch
from monitor.engine.policies import ScenePolicies
from monitor.engine.scene import SceneBranch
from monitor.engine.sound_class import sound_class_branch
from monitor.engine.species import Species
from monitor.features.spectrum import SpectrumColumns

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from monitor.birds.enrolled import Enrolled
    from monitor.core.events import BranchHealth, Reading
    from monitor.core.stage import Stage
    from monitor.core.types import AudioBlock, Window
    from monitor.engine.guard import Guarded
    from monitor.engine.machines import Watched
    from monitor.engine.models import Models
    from monitor.engine.privacy import PrivacyGate
    from monitor.engine.times import StageTimes
    from monitor.inference.bundle import Bundle

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
        heard: Callable[[Window], None] | None = None,
        privacy: PrivacyGate | None = None,
    ) -> None:
        """`listener` is handed each step of audio at the engine rate before its readings come out.

        `heard` is handed each window that the classifier of sound classes is.

        `behind_gate` takes what the tagger would: the benchmark's place. `privacy` says what may be told of.
        """
        timed = times.timed if times else _as_it_is
        self._engine_rate = timed("engine rate", EngineRate(native_rate))
        self._recut = timed("recut", Recut(STEP))
        self._at_16_khz = timed("16 kHz", Decimate(16_000))
        self._level = timed("level", LevelMeter())
        self._spectrum = timed("spectrum", SpectrumColumns()) if screen else None
        self._birds = Birds(models.gate, models, timed, behind_gate) if models.gate else None
        self._species = Species(models, timed) if models.classifiers else None
        self._machines = MachineBranch(models.machine_encoder, timed)
        self._machines_guard = Guard(self._machines)
        self._scene = Guard(SceneBranch(models.scene, timed)) if models.scene else None
        sound = models.sound_class
        self._sounds = sound_class_branch(sound, models.sound_time_constant_s, timed, heard) if sound else None
        self._sound = Guard(self._sounds) if self._sounds else None
        self._policies = ScenePolicies(models.scene.policies if models.scene else ())
        self._listener = listener
        self._privacy = privacy
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

    @property
    def sound_class(self) -> Bundle | None:
        """What tells sound classes; may be exchanged between two pushes. Raises BundleError when it does not fit."""
        return self._sounds.bundle if self._sounds else None

    @sound_class.setter
    def sound_class(self, value: Bundle | None) -> None:
        if self._sounds and value:
            self._sounds.bundle = value

    def watch(self, machines: Mapping[str, Watched]) -> None:
        """Machines to listen for from now on; between two pushes."""
        self._machines.watch(machines)

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
        last = self._may_be_told(self._policies.marked(self._flush_branches(), self.reached))
        return readings + last + (self._privacy.flush(self.reached) if self._privacy else [])

    def reset(self, at: int) -> None:
        """Forget everything; the next block begins at engine index `at`, a multiple of 3."""
        stages = [self._engine_rate, self._recut, self._at_16_khz, self._level, self._spectrum]
        for stage in (*stages, self._scene, self._sound, self._birds, self._species):
            if stage:
                stage.reset(at)
        self._policies.forget()
        if self._privacy:
            self._privacy.reset(at)
        self._machines_guard.reset(at)
        self.reached = at

    def shed(self, overloaded: bool) -> None:
        """Begin or stop to drop windows in front of the models."""
        for branch in (self._birds, self._species):
            if branch:
                branch.shed(overloaded)
        self._machines_guard.shedding = overloaded
        for guard in (self._scene, self._sound):
            if guard:
                guard.shedding = overloaded

    def take_branch_health(self) -> tuple[BranchHealth, ...]:
        """How each branch fared since the last call."""
        branches = (self._birds, self._species)
        told = [health for branch in branches if branch for health in branch.take_health(self.reached)]
        machines = self._machines_guard.take_health(self.reached)
        if self._machines.awake:
            told.append(machines)
        told += [guard.take_health(self.reached) for guard in (self._scene, self._sound) if guard]
        return tuple(told)

    def _flush_branches(self) -> list[Reading]:
        readings = self._scene.flush() if self._scene else []
        self._policies.note(readings)
        for at_16_khz in self._at_16_khz.flush():
            readings += self._branches_at_16_khz(at_16_khz)
        readings += self._level.flush()
        if self._spectrum:
            readings += self._spectrum.flush()
        if self._birds:
            readings += self._told_to_species(self._birds.flush())
        if self._species:
            readings += self._species.flush()
        if self._sound:
            readings += self._sound.flush()
        return readings + self._machines_guard.flush()

    def _step(self, step: AudioBlock) -> list[Reading]:
        self.reached = step.end
        if self._listener:
            self._listener(step)
        readings: list[Reading] = [*self._level.push(step)]
        if self._spectrum:
            readings += self._spectrum.push(step)
        if self._scene:
            told = self._scene.push(step, step.start)
            self._policies.note(told)
            readings += told
            self._machines.raised = self._policies.raised(self.reached)
        if self._species:
            readings += self._species.push(step, step.start)
        if self._birds:
            self._birds.hear(step)
        for at_16_khz in self._at_16_khz.push(step):
            readings += self._branches_at_16_khz(at_16_khz)
        return self._may_be_told(self._policies.marked(readings, self.reached))

    def _may_be_told(self, readings: list[Reading]) -> list[Reading]:
        if self._privacy is None:
            return readings
        voices = self._species.take_voices(self._privacy.voice) if self._species else ()
        return self._privacy.hear(readings, self.reached, voices)

    def _branches_at_16_khz(self, block: AudioBlock) -> list[Reading]:
        start = next_grid_index(engine_index(block.start, block.rate))
        readings = self._machines_guard.push(block, start)
        if self._sound:
            readings += self._sound.push(block, start)
        if self._species:
            readings += self._species.push(block, start)
        return readings + self._told_to_species(self._birds.push(block, start)) if self._birds else readings

    def _told_to_species(self, told: list[Reading]) -> list[Reading]:
        """What the bird branch tells, and what it decides for the classifiers."""
        return told + self._species.hear_gate(told) if self._species else told


def _as_it_is(name: str, stage: AnyStage) -> AnyStage:
    return stage
