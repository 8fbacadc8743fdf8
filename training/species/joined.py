"""A recording that joins unseen calls with unseen background, and the list of what is where in it."""

from __future__ import annotations

import csv
import wave
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from monitor.core.clock import samples as engine_samples
from monitor.core.clock import seconds
from monitor.core.types import ENGINE_RATE, Span
from monitor.errors import UsageError
from monitor.features.spec import SPECIES
from training.data.mixtures import mix, to_level
from training.data.splits import Part
from training.species.render import Windows

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

    from training.species.recipe import SpeciesRecipe
    from training.species.source import Clip, Source

CALL_DBFS = -30.0
SNR_DB = 10.0
"""Of a call to the background that goes on behind it."""
PAUSE_S = (8.0, 16.0)
"""Background between calls."""
LONGEST_S = 6.0
"""Of a call."""
STEP = ENGINE_RATE // SPECIES.rate
"""Engine samples of a sample."""
COLUMNS = ("start_s", "end_s", "label", "file")


@dataclass(frozen=True, slots=True)
class Call:
    """Where a clip lies."""

    span: Span
    label: str
    file: str


def join(
    recipe: SpeciesRecipe, source: Source, folders: tuple[str, ...] = ()
) -> tuple[NDArray[np.float32], list[Call]] | None:
    """Sound at 16 kHz and its calls: clips of the test part between and before its background; None without clips.

    Every class comes equally often, as far as its clips last; no clip comes twice. `folders`: beginnings of the paths
    of the background; empty: all of it.
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
    windows = Windows(source, recipe.sound, Part.TEST, folders)
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
            first = windows.starts(clip)[0]
            samples = np.asarray(source.store[clip.path])[first : first + round(LONGEST_S * rate)]
            if not len(samples):
                continue
            sound = to_level(samples, CALL_DBFS)
            sound = mix(sound, windows.behind(len(sound), generator), SNR_DB)
            start = position + len(pause)
            span = Span(start * STEP, (start + len(sound)) * STEP)
            calls.append(Call(span, source.labels[clip.label], clip.path))
            parts += [pause, sound]
            position += len(pause) + len(sound)
    parts.append(_quiet(windows, round(PAUSE_S[1] * rate), generator))
    return np.concatenate(parts), calls


def write_joined(folder: Path, sound: NDArray[np.float32], calls: list[Call]) -> tuple[Path, Path]:
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
        writer.writerow(COLUMNS)
        for call in calls:
            writer.writerow([f"{seconds(call.span.start):.4f}", f"{seconds(call.span.end):.4f}", call.label, call.file])
    return audio, table


def read_calls(table: Path) -> list[Call]:
    """What `write_joined` wrote. Raises UsageError when it cannot be read."""
    remedy = "Give the joined.csv that auricle-train wrote beside its joined.wav."
    try:
        with table.open(newline="", encoding="utf-8") as stream:
            return [
                Call(
                    Span(engine_samples(float(row["start_s"])), engine_samples(float(row["end_s"]))),
                    row["label"],
                    row["file"],
                )
                for row in csv.DictReader(stream)
            ]
    except (OSError, UnicodeDecodeError, KeyError, TypeError, ValueError, csv.Error) as error:
        raise UsageError(str(table), f"it is no list of calls ({error})", remedy) from error


def _quiet(windows: Windows, length: int, generator: np.random.Generator) -> NDArray[np.float32]:
    """Background at the level that it has behind calls."""
    return to_level(windows.behind(length, generator), CALL_DBFS - SNR_DB)
