"""A recording that joins unseen calls with background, and what the bundle finds in it by the monitor's own stages."""

from __future__ import annotations

import csv
import wave
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from monitor.core.types import ENGINE_RATE, FeatureBlock, Span
from monitor.features.frontend import Kernel
from monitor.features.spec import SPECIES
from monitor.features.windows import Windower
from monitor.species.classifier import Classifier
from monitor.species.merge import Merge
from training.data.mixtures import mix, to_level
from training.data.splits import Part
from training.species.render import Windows
from training.species.results import Joined

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

    from monitor.core.species_readings import SpeciesDetection
    from monitor.inference.bundle import Bundle
    from training.species.recipe import SpeciesRecipe
    from training.species.source import Clip, Source

CALL_DBFS = -30.0
SNR_DB = 10.0
"""Of a call to the background that goes on behind it."""
PAUSE_S = (4.0, 10.0)
"""Background between calls."""
LONGEST_S = 6.0
"""Of a call."""


@dataclass(frozen=True, slots=True)
class Call:
    """Where a clip lies."""

    clip: Clip
    start: int
    """Sample at 16 kHz."""
    end: int


def join(recipe: SpeciesRecipe, source: Source) -> tuple[NDArray[np.float32], list[Call]] | None:
    """Sound at 16 kHz and its calls: clips of the test part between and before its background; None without clips.

    Every class comes equally often, as far as its clips last; no clip comes twice.
    """
    queues: dict[int, list[Clip]] = {}
    generator = np.random.default_rng([recipe.seed, 5])
    clips = source.of(Part.TEST)
    for place in generator.permutation(len(clips)):
        clip = clips[place]
        if clip.label != source.reject:
            queues.setdefault(clip.label, []).append(clip)
    if not queues:
        return None
    windows = Windows(source, recipe.sound, Part.TEST)
    rate = SPECIES.rate
    parts: list[NDArray[np.float32]] = []
    calls: list[Call] = []
    position = 0
    while position < recipe.joined_s * rate and any(queues.values()):
        for label in sorted(queues):
            if not queues[label]:
                continue
            clip = queues[label].pop()
            pause = _quiet(windows, round(float(generator.uniform(*PAUSE_S)) * rate), generator)
            start = windows.starts(clip)[0]
            samples = np.asarray(source.store[clip.path])[start : start + round(LONGEST_S * rate)]
            if not len(samples):
                continue
            sound = to_level(samples, CALL_DBFS)
            sound = mix(sound, windows.behind(len(sound), generator), SNR_DB)
            calls.append(Call(clip, position + len(pause), position + len(pause) + len(sound)))
            parts += [pause, sound]
            position += len(pause) + len(sound)
    parts.append(_quiet(windows, round(PAUSE_S[1] * rate), generator))
    return np.concatenate(parts), calls


def listen(bundle: Bundle, sound: NDArray[np.float32]) -> list[SpeciesDetection]:
    """Detections that the monitor would tell of, with the bundle's own thresholds."""
    classifier = Classifier(bundle)
    merge = Merge(classifier.model_id, classifier.window_length + classifier.hop_length)
    cut = classifier.cut
    stage = Windower(SPECIES, cut.frames, cut.hop)
    found: list[SpeciesDetection] = []
    for window in stage.push(FeatureBlock(Kernel(SPECIES)(sound), 0)):
        for hits in classifier.push(window):
            found += merge.push(hits)
    return [*found, *merge.flush()]


def judge(
    calls: list[Call], detections: list[SpeciesDetection], labels: tuple[str, ...], sound: NDArray[np.float32]
) -> Joined:
    """A call is found if the detection with the highest score among those that overlap it has its label."""
    step = ENGINE_RATE // SPECIES.rate
    spans = [Span(call.start * step, call.end * step) for call in calls]
    right: dict[int, list[bool]] = {}
    for call, span in zip(calls, spans, strict=True):
        over = [one for one in detections if _overlap(one.best, span)]
        best = max(over, key=lambda one: one.score, default=None)
        right.setdefault(call.clip.label, []).append(best is not None and best.label == labels[call.clip.label])
    false = sum(not any(_overlap(one.span, span) for span in spans) for one in detections)
    background = len(sound) - sum(call.end - call.start for call in calls)
    return Joined(
        calls=len(calls),
        uar=float(np.mean([np.mean(hits) for hits in right.values()])) if right else float("nan"),
        false_hits=false,
        background_h=background / SPECIES.rate / 3600,
    )


def write_joined(
    folder: Path, sound: NDArray[np.float32], calls: list[Call], labels: tuple[str, ...]
) -> tuple[Path, Path]:
    """`joined.wav` (16 bits) and `joined.csv` (seconds and label of each call), for whoever wants to replay it."""
    folder.mkdir(parents=True, exist_ok=True)
    audio, table = folder / "joined.wav", folder / "joined.csv"
    with wave.open(str(audio), "wb") as stream:
        stream.setnchannels(1)
        stream.setsampwidth(2)
        stream.setframerate(SPECIES.rate)
        stream.writeframes(np.round(np.clip(sound, -1, 1) * 32_767).astype("<i2").tobytes())
    with table.open("w", newline="", encoding="utf-8") as stream:
        writer = csv.writer(stream)
        writer.writerow(["start_s", "end_s", "label", "file"])
        for call in calls:
            times = (f"{sample / SPECIES.rate:.3f}" for sample in (call.start, call.end))
            writer.writerow([*times, labels[call.clip.label], call.clip.path])
    return audio, table


def _quiet(windows: Windows, length: int, generator: np.random.Generator) -> NDArray[np.float32]:
    """Background at the level that it has behind calls."""
    return to_level(windows.behind(length, generator), CALL_DBFS - SNR_DB)


def _overlap(one: Span, other: Span) -> bool:
    return one.start < other.end and other.start < one.end
