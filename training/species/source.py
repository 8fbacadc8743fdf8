"""The recordings of a species recipe: their labels, their parts, their sound."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from monitor.errors import AuricleError, StartError, UsageError, raise_all
from monitor.features.spec import SPECIES, FeatureSpec
from training.data.audio import AudioStore
from training.data.catalog import Kind, Recording, data_folder, load_catalog
from training.data.layouts.compare2021 import load_compare2021
from training.data.layouts.folders import (
    Known,
    alike,
    deep,
    fault_of,
    load_folders,
    load_manifest,
    to_recording,
    visible,
)
from training.data.splits import Part
from training.species.faults import audio_errors, class_errors
from training.species.parts import Divided, by_recorder_and_day, divide

if TYPE_CHECKING:
    from collections.abc import Callable

    from training.species.recipe import SpeciesSettings

HALF_RATE = FeatureSpec("species-8k", 8_000, 1024, 1024, 320, 64, "slaney", 10.0, 4_000.0)
"""The paper's faster front-end: same frame and hop; the upper edge is unstated there."""
FRAMES = {16_000: 150, 8_000: 75}
"""Of a window: three seconds."""


@dataclass(frozen=True, slots=True)
class Clip:
    """A recording, and what it is for."""

    path: str
    """Name in the store."""
    label: int
    """Place among the labels."""
    part: Part
    component: str
    """What it shares with other recordings; intervals resample by it."""
    licence: str


@dataclass(frozen=True, slots=True)
class Source:
    """All that training and measuring read."""

    clips: list[Clip]
    labels: tuple[str, ...]
    """In alphabetical order, the reject class last."""
    reject: int | None
    """Place of the reject class."""
    store: AudioStore
    spec: FeatureSpec
    frames: int
    """Of a window."""
    warnings: tuple[str, ...] = ()

    def of(self, part: Part) -> list[Clip]:
        """Clips of a part."""
        return [clip for clip in self.clips if clip.part is part]

    @property
    def name(self) -> str:
        """Changes with the sound, the labels and the parts."""
        content = repr([(clip.path, self.labels[clip.label], clip.part) for clip in self.clips])
        return f"{self.store.name} {self.spec.fingerprint} {content}"

    @property
    def window(self) -> int:
        """Samples of a window at the store's rate of 16 kHz."""
        return self.spec.samples_in(self.frames) * SPECIES.rate // self.spec.rate


def load_source(settings: SpeciesSettings, progress: Callable[[str], None]) -> Source:
    """Read the tables, look at every file, divide, and decode what the cache lacks.

    Raises UsageError, or StartError with everything that is wrong.
    """
    chosen = settings.recordings
    root, recordings, labels, parts = _read(settings)
    errors: list[AuricleError] = list(class_errors(labels, chosen.reject, str(root)))
    if chosen.layout != "catalog":
        errors += audio_errors(root, recordings, Path(settings.cache), progress)
    raise_all(errors)
    if parts is None:
        shares = {Part.TEST: chosen.test_share, Part.VALIDATION: chosen.validation_share}
        parts = divide(recordings, labels, shares, settings.seed)
    animals = sorted(set(labels) - {chosen.reject})
    named = (*animals, *([chosen.reject] if chosen.reject in labels else []))
    places = {label: i for i, label in enumerate(named)}
    store = AudioStore.open(root, recordings, SPECIES.rate, Path(settings.cache), progress)
    clips = [
        Clip(recording.path, places[label], divided.part, divided.component, recording.licence)
        for recording, label, divided in zip(recordings, labels, parts, strict=True)
    ]
    warnings = _warnings(clips, named, chosen.reject, chosen.test_share > 0)
    for warning in warnings:
        progress(f"note: {warning}")
    return Source(
        clips=clips,
        labels=named,
        reject=places.get(chosen.reject),
        store=store,
        spec=SPECIES if settings.rate == SPECIES.rate else HALF_RATE,
        frames=FRAMES[settings.rate],
        warnings=warnings,
    )


def _read(settings: SpeciesSettings) -> tuple[Path, list[Recording], list[str], list[Divided] | None]:
    """Data set, recordings by path, the label of each, and their parts where the data set has fixed ones."""
    chosen = settings.recordings
    parts: list[Divided] | None = None
    if chosen.layout == "catalog":
        root = data_folder(chosen.folder)
        found = of_catalog(settings, load_catalog(root))
        return root, [one for one, _ in found], [label for _, label in found], None
    root = Path(chosen.folder).expanduser()
    if chosen.layout == "compare2021":
        segments = load_compare2021(root)
        recordings = [one.recording for one in segments]
        parts = [Divided(one.recording.groups[0], one.part) for one in segments]
    elif chosen.layout == "manifest":
        recordings = load_manifest(root).recordings
        root = root.parent
    else:
        recordings = _folders(settings, root)
    unknown = sorted(set(chosen.names) - {one.label for one in recordings})
    if unknown:
        raise UsageError("recordings.names", f"no class is called {', '.join(unknown)}", "Spell it as the data set.")
    labels = [chosen.names.get(one.label, one.label) for one in recordings]
    raise_all(alike(labels, "recordings.names"))
    return root, recordings, labels, parts


def _folders(settings: SpeciesSettings, root: Path) -> list[Recording]:
    """As `load_folders`; where names are wrong, what is wrong inside the sound files is told at once too."""
    try:
        return load_folders(root, Kind.ANIMAL).recordings
    except AuricleError as error:
        if not root.is_dir():
            raise
        readable = [
            to_recording(path.relative_to(root), entry.name, Kind.ANIMAL, Known())
            for entry in visible(root)
            if entry.is_dir()
            for path in deep(entry)
            if not fault_of(path, root, [])
        ]
        more: list[AuricleError] = [error]
        more += class_errors([one.label for one in readable], settings.recordings.reject, str(root))
        more += audio_errors(root, readable, Path(settings.cache), lambda _: None)
        if len(more) == 1:
            raise
        raise StartError(more) from error


def of_catalog(settings: SpeciesSettings, catalog: list[Recording]) -> list[tuple[Recording, str]]:
    """Recordings and their labels. Raises UsageError naming the labels that the catalog lacks."""
    chosen = settings.recordings
    label_of = {name: label for label, names in chosen.classes.items() for name in names}
    label_of |= dict.fromkeys(chosen.background, chosen.reject)
    found: list[tuple[Recording, str]] = []
    for one in catalog:
        if one.kind is Kind.FIELD:
            continue
        label = label_of.get(one.label)
        if label is not None:
            found.append((by_recorder_and_day(one), label))
    lacking = sorted(set(label_of) - {one.label for one, _ in found})
    if lacking:
        why = f"the recordings have no {', '.join(lacking)}"
        raise UsageError("recordings.classes, recordings.background", why, "Spell it as the manifests do.")
    return found


def _warnings(clips: list[Clip], labels: tuple[str, ...], reject: str, tested: bool) -> tuple[str, ...]:
    found: list[str] = []
    if reject not in labels:
        found.append(f"no class `{reject}`: whatever else is heard may be taken for one of the classes")
    for part in (Part.VALIDATION, *((Part.TEST,) if tested else ())):
        counts = Counter(clip.label for clip in clips if clip.part is part)
        lacking = [label for i, label in enumerate(labels) if not counts[i]]
        if lacking:
            told = ", ".join(label.replace("_", " ") for label in lacking)
            found.append(f"too few recordings apart for {part} clips of {told}")
    return tuple(found)
