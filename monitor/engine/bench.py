"""Runs the pipeline over audio in memory and counts: the figures of `auricle bench` and `tests/bench`."""

from __future__ import annotations

import resource
import sys
from dataclasses import dataclass
from time import process_time
from typing import TYPE_CHECKING

import numpy as np

from monitor.birds.sound_embedder import SoundEmbedder
from monitor.core.types import ENGINE_RATE, AudioBlock, FeatureBlock
from monitor.engine.graph import Pipeline
from monitor.engine.times import StageTimes
from monitor.features.sample_windows import SampleWindower
from monitor.features.windows import Windower

if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any

    from monitor.birds.sound_embedder import AnyEmbedder
    from monitor.core.events import Reading
    from monitor.core.stage import Stage
    from monitor.core.types import Float32Array
    from monitor.engine.models import Models

CHECKPOINTS = 10
"""How often memory is read over a run."""


BIRD_STAGES = ("bird frames", "gate windows", "gate", "encoder windows", "encoder")
"""What the bird branch costs, whatever the source."""

SCENE_STAGES = ("32 kHz", "scene frames", "scene windows", "scene classifier", "scene smoothing")
"""What the scene branch costs by itself, its own resampling included."""

SOUND_STAGES = ("sound-class features", "sound-class windows", "sound-class classifier")
"""What sound classes cost; their 16 kHz are those of the birds."""


@dataclass(frozen=True, slots=True)
class Figures:
    """What a run cost. Processor seconds, so that a busy machine disturbs them less than a clock would."""

    audio_s: float
    """Seconds of audio run through."""
    processor_s: float
    """Processor seconds that it took, the timers of the stages included."""
    stages_s: dict[str, float]
    """Seconds in each stage, in the order of the pipeline."""
    memory_mb: tuple[float, ...]
    """Resident memory (MB) at even distances through the run."""

    @property
    def real_time_factor(self) -> float:
        """Audio seconds for one processor second."""
        return self.audio_s / self.processor_s

    def to_dict(self) -> dict[str, object]:
        """The figures for programs: seconds, milliseconds for a second of audio, MB."""
        per_second = {name: round(cost / self.audio_s * 1e3, 4) for name, cost in self.stages_s.items()}
        return {
            "audio_s": self.audio_s,
            "processor_s": round(self.processor_s, 3),
            "real_time_factor": round(self.real_time_factor, 2),
            "stages_ms": per_second,
            "memory_mb": [round(megabytes, 1) for megabytes in self.memory_mb],
        }

    def lines(self) -> list[str]:
        """The figures as a table in text."""
        head = f"{self.audio_s / 60:g} minutes of audio in {self.processor_s:.2f} processor seconds"
        rows = [f"{head}: {self.real_time_factor:.0f} times real time on one core"]
        if "encoder" in self.stages_s:
            birds = sum(self.stages_s.get(name, 0.0) for name in BIRD_STAGES)
            each = f"encoder on every window, gate and their frames: {self.audio_s / birds:.0f} times real time"
            rows += [f"{each} on one core"]
        if "scene classifier" in self.stages_s:
            scene = sum(self.stages_s[name] for name in SCENE_STAGES)
            rows += [f"scenes, a window a second: {self.audio_s / scene:.0f} times real time on one core"]
        if "sound-class classifier" in self.stages_s:
            sound = sum(self.stages_s[name] for name in SOUND_STAGES)
            rows += [f"sound classes: {sound / self.audio_s:.2%} of one core"]
        rows += [""]
        name_width = max(map(len, self.stages_s))
        rows += [f"{'stage':<{name_width}} {'ms per second of audio':>23} {'share':>7}"]
        for name, cost in self.stages_s.items():
            rows.append(f"{name:<{name_width}} {cost / self.audio_s * 1e3:>23.3f} {cost / self.processor_s:>7.1%}")
        rest = self.processor_s - sum(self.stages_s.values())
        rows.append(f"{'the rest':<{name_width}} {rest / self.audio_s * 1e3:>23.3f} {rest / self.processor_s:>7.1%}")
        memory = "  ".join(f"{megabytes:.0f}" for megabytes in self.memory_mb)
        return [*rows, "", f"resident memory through the run (MB): {memory}"]


def run(blocks: Sequence[Float32Array], rate: int, minutes: float, models: Models, *, screen: bool = False) -> Figures:
    """Push `blocks` (mono, `rate` Hz) through a pipeline, again and again, until `minutes` are full.

    An encoder runs on every window of its hop, bird or not: the most that tagging can cost.
    """
    times = StageTimes()
    behind = EveryWindow(models.encoder.embedder, times) if models.encoder else None
    pipeline = Pipeline(rate, models, screen=screen, times=times, behind_gate=behind)
    wanted = round(minutes * 60 * rate)
    memory = [resident_mb()]
    start = number = 0
    began = process_time()
    while start < wanted:
        samples = blocks[number % len(blocks)][: wanted - start]
        pipeline.push(AudioBlock(np.array(samples), start, rate))
        start += len(samples)
        number += 1
        if start >= wanted * len(memory) // CHECKPOINTS:
            memory.append(resident_mb())
    pipeline.flush()
    cost = process_time() - began
    # What stands behind the gate was made before it.
    stages = dict(sorted(times.seconds.items(), key=lambda stage: stage[0].startswith("encoder")))
    return Figures(wanted / rate, cost, stages, tuple(memory))


class EveryWindow:
    """Stands behind the gate in the tagger's place, and embeds whatever comes."""

    name = "encoder"

    def __init__(self, embedder: AnyEmbedder, times: StageTimes) -> None:
        self.shedding = False
        self.dropped_windows = 0
        self._windows: Stage[Any, Any] = times.timed("encoder windows", _every_window(embedder))
        self._takes = AudioBlock if isinstance(embedder, SoundEmbedder) else FeatureBlock
        self._embedder: Stage[Any, Any] = times.timed("encoder", embedder)

    def push(self, item: FeatureBlock | AudioBlock | Reading) -> Sequence[Reading]:
        """Frames, or sound, are embedded; the gate's readings are not looked at."""
        if isinstance(item, self._takes):
            for window in self._windows.push(item):
                self._embedder.push(window)
        return ()

    def flush(self) -> Sequence[Reading]:
        """Nothing."""
        return ()

    def reset(self, at: int) -> None:
        """Windows begin anew."""
        self._windows.reset(at)


def _every_window(embedder: AnyEmbedder) -> Stage[Any, Any]:
    if isinstance(embedder, SoundEmbedder):
        return SampleWindower(ENGINE_RATE, embedder.samples, embedder.hop, fill=False)
    return Windower(embedder.spec, embedder.frames, embedder.hop)


def resident_mb() -> float:
    """Resident memory of this process now (Linux), else its highest, in MB of 10^6 bytes."""
    if sys.platform == "linux":
        with open("/proc/self/statm", encoding="ascii") as file:  # noqa: PTH123 (no path, a kernel's counter)
            return int(file.read().split()[1]) * resource.getpagesize() / 1e6
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / 1e6 if sys.platform == "darwin" else peak / 1e3
