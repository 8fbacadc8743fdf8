"""How well BirdNET names by itself what it knows: species clips, and field minutes with and without the gate."""

from __future__ import annotations

import hashlib
import json
import tempfile
import wave
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from monitor.core.types import ENGINE_RATE
from training.data.audio import PATH_VERSION, decode
from training.encoders.candidates import CACHE
from training.encoders.program import benchmark, readings

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray

    from monitor.inference.bundle import Bundle
    from training.data.catalog import Box, Recording

RUNS = ("always", "gated")
"""How a classifier is run: setting `species.run`."""

CONFIDENCE = 0.1
"""Probability from which on a label counts here."""

HOP_S = 1.5
"""Between windows, on field minutes."""

REPLAYED = 1
"""Raised when recordings are replayed, or counted, in another way."""


@dataclass(frozen=True, slots=True)
class SpeciesNamed:
    """Clips of a species."""

    species: str
    clips: int
    right: int
    """Whose most probable label is the species."""


@dataclass(frozen=True, slots=True)
class OnMinutes:
    """Annotated field minutes, heard always or behind the gate."""

    run: str
    calls: int
    """That are marked."""
    bird: int
    """Of these, with a bird named at the time."""
    right: int
    """With the marked species, or genus where only that is marked."""
    elsewhere: int
    """Detections of birds that touch no marked call."""
    classifier_ms: float
    """For a second of audio."""


@dataclass(frozen=True, slots=True)
class Known:
    """Everything of BirdNET's own names."""

    clips: dict[str, tuple[SpeciesNamed, ...]]
    """By how it was run."""
    unknown: tuple[str, ...]
    """Species that it has no label for by their name here; not counted."""
    minutes: tuple[OnMinutes, ...]
    hours: float
    """Of the minutes."""


def measure_known(
    birdnet: Bundle,
    clips: Sequence[Recording],
    fields: Sequence[Recording],
    root: Path,
    progress: Callable[[str], None],
) -> Known:
    """`clips` of one species each and annotated `fields` minutes, below `root`."""
    scientific = {label.partition("_")[0] for label in birdnet.labels}
    asked = [clip for clip in clips if clip.label in scientific]
    unknown = sorted({clip.label for clip in clips} - scientific)
    by_run: dict[str, tuple[SpeciesNamed, ...]] = {}
    minutes: list[OnMinutes] = []
    for run in RUNS:
        told = _replayed(birdnet, asked, root, _settings(run), progress)
        by_run[run] = named(asked, told)
        told = _replayed(birdnet, fields, root, _settings(run, HOP_S), progress)
        minutes.append(on_minutes(run, fields, told, _classifier_ms(fields, root, _settings(run, HOP_S))))
    hours = sum(len(decode(root / one.path, ENGINE_RATE)) for one in fields) / ENGINE_RATE / 3_600
    return Known(by_run, tuple(unknown), tuple(minutes), hours)


Told = dict[str, list[dict[str, Any]]]
"""`species` readings by recording."""


def _settings(run: str, hop_s: float | None = None) -> str:
    """All else is off, so that nothing but the classifier, and the gate that it needs, is paid for."""
    overlap = "" if hop_s is None else f"overlap_s = {3.0 - hop_s:g}\n"
    others = "[birds]\ntagging = false\n[machines]\nenabled = false\n[scene]\nenabled = false\n"
    return f'{others}[species]\nrun = "{run}"\nconfidence = {CONFIDENCE:g}\n{overlap}'


def _replayed(
    birdnet: Bundle, recordings: Sequence[Recording], root: Path, settings: str, progress: Callable[[str], None]
) -> Told:
    """What `auricle replay` tells; kept, as it takes a minute for half an hour."""
    content = json.dumps(
        [REPLAYED, PATH_VERSION, birdnet.manifest.model.sha256, settings, [o.path for o in recordings]]
    )
    file = CACHE / f"replayed-{hashlib.sha256(content.encode()).hexdigest()[:16]}.json"
    if not file.is_file():
        progress(f"replaying {len(recordings)} recordings")
        lines = readings([str(root / one.path) for one in recordings], settings)
        told: Told = {one.path: [] for one in recordings}
        for line in lines:
            if line["type"] == "species":
                told[str(Path(line["source"]).relative_to(root))].append(line)
        scratch = file.with_suffix(".part")
        scratch.write_text(json.dumps(told), encoding="utf-8")
        scratch.replace(file)
    return json.loads(file.read_text(encoding="utf-8"))


def named(clips: Sequence[Recording], told: Told) -> tuple[SpeciesNamed, ...]:
    """Whether the most probable reading of each clip is its species, by species."""
    count: Counter[str] = Counter(clip.label for clip in clips)
    right: Counter[str] = Counter()
    for clip in clips:
        first = max(told[clip.path], key=lambda line: line["score"], default=None)
        right[clip.label] += first is not None and first["scientific"] == clip.label
    return tuple(SpeciesNamed(species, count[species], right[species]) for species in sorted(count))


def on_minutes(run: str, fields: Sequence[Recording], told: Told, classifier_ms: float) -> OnMinutes:
    """Which marked calls have a bird named at the time, and which the right one."""
    calls = bird = right = elsewhere = 0
    for field in fields:
        birds = [line for line in told[field.path] if line["kind"] == "bird"]
        for box in field.boxes:
            near = [line for line in birds if _touches(line, box)]
            calls += 1
            bird += bool(near)
            # A genus alone stands where the annotators were not sure.
            right += any(f"{line['scientific']} ".startswith(f"{box.species} ") for line in near)
        elsewhere += sum(not any(_touches(line, box) for box in field.boxes) for line in birds)
    return OnMinutes(run, calls, bird, right, elsewhere, classifier_ms)


def _touches(line: dict[str, Any], box: Box) -> bool:
    return line["start_s"] < box.end_s and box.start_s < line["end_s"]


def _classifier_ms(fields: Sequence[Recording], root: Path, settings: str) -> float:
    """Processor milliseconds of the classifier for a second of these minutes, heard one after another."""
    sound = np.concatenate([decode(root / one.path, ENGINE_RATE) for one in fields])
    with tempfile.TemporaryDirectory(prefix="auricle-") as scratch:
        file = Path(scratch) / "minutes.wav"
        _write_wav(file, sound)
        told = benchmark(len(sound) / ENGINE_RATE / 60, settings, file)
    return float(told["stages_ms"]["species classifier"])


def _write_wav(file: Path, sound: NDArray[np.float32]) -> None:
    with wave.open(str(file), "wb") as stream:
        stream.setnchannels(1)
        stream.setsampwidth(2)
        stream.setframerate(ENGINE_RATE)
        stream.writeframes((np.clip(sound, -1.0, 1.0) * 32_767).astype("<i2").tobytes())
