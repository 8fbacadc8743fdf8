"""What recordings there are, and what is known of each: one row a file, whatever folder it lies in."""

from __future__ import annotations

import csv
import os
import re
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from monitor.errors import UsageError

DATA_VARIABLE = "AURICLE_DATA"
"""Environment variable that names the folder of recordings; it wins over a recipe's `data`."""


class Kind(StrEnum):
    """Where a recording comes from, which decides what it may be used for."""

    SPECIES = "species"
    """A clip of one bird species, of a quiz or guide."""
    FROG = "frog"
    """A clip of one frog species, of the same origins."""
    ANIMAL = "animal"
    SOUNDSCAPE = "soundscape"
    OTHER = "other"
    FIELD = "field"
    """A field minute with annotated boxes; tested on, never trained on."""
    ESC50 = "esc50"
    MACHINE = "machine"
    SCENE = "scene"
    SPEECH = "speech"
    MUSIC = "music"


_BIRD_GROUPS = {
    "animal": Kind.ANIMAL,
    "soundscape": Kind.SOUNDSCAPE,
    "other": Kind.OTHER,
    "annotated-continuous": Kind.FIELD,
}


@dataclass(frozen=True, slots=True)
class Box:
    """A call marked in a field recording."""

    start_s: float
    """Seconds from the start of the recording."""
    end_s: float
    low_hz: float
    high_hz: float
    species: str


@dataclass(frozen=True, slots=True)
class Recording:
    """One file."""

    path: str
    """Relative to the data folder."""
    kind: Kind
    label: str
    """Species, ESC-50 class, machine or scene; empty where there is none."""
    licence: str
    groups: tuple[str, ...]
    """What must never lie on both sides of a split: recordist, original recording, speaker, machine take."""
    fold: int = 0
    """ESC-50 fold 1..4, 0 elsewhere."""
    birdnet: float | None = None
    """BirdNET's probability of the label, 0..1, None where it was not scored."""
    boxes: tuple[Box, ...] = ()
    """Of a field minute."""


FERRIES = "machine:ferry"


def data_folder(recipe_path: str) -> Path:
    """The folder of recordings: `AURICLE_DATA`, else the recipe's path.

    Raises UsageError when it is not there.
    """
    root = Path(os.environ.get(DATA_VARIABLE) or recipe_path).expanduser()
    if not root.is_dir():
        why = "there is no such folder"
        remedy = f"Set {DATA_VARIABLE} or the recipe's `data` to the folder with birds/, esc50/, scenes/ and so on."
        raise UsageError(f"recordings at {root}", why, remedy)
    return root


def load_catalog(root: Path) -> list[Recording]:
    """All recordings under `root`, in a stable order.

    Raises UsageError naming every manifest that is missing.
    """
    needed = ["birds/manifest.csv", "birds/annotations.csv", "esc50/manifest.csv", "machines/manifest.csv"]
    needed.append("scenes_speech_music.csv")
    missing = [name for name in needed if not (root / name).is_file()]
    if missing:
        remedy = "Use the whole data folder, with its CSV files."
        raise UsageError(f"recordings at {root}", f"{', '.join(missing)} missing", remedy)
    recordings = _birds(root) + _esc50(root) + _machines(root) + _scenes_speech_music(root)
    return sorted(recordings, key=lambda recording: recording.path)


def _rows(path: Path) -> list[dict[str, str]]:
    with path.open(newline="", encoding="utf-8") as stream:
        return list(csv.DictReader(stream))


def _birds(root: Path) -> list[Recording]:
    boxes: dict[str, list[Box]] = {}
    for row in _rows(root / "birds/annotations.csv"):
        if row["start_s"]:
            times = [float(row[key]) for key in ("start_s", "end_s", "low_hz", "high_hz")]
            boxes.setdefault(row["file"], []).append(Box(*times, row["species"]))
    recordings: list[Recording] = []
    for row in _rows(root / "birds/manifest.csv"):
        group = row["group"]
        kind = _BIRD_GROUPS[group] if group in _BIRD_GROUPS else Kind.FROG if row["kind"] == "frog" else Kind.SPECIES
        recordings.append(
            Recording(
                path=f"birds/{row['file']}",
                kind=kind,
                label=row["taxon"],
                licence=row["licence"],
                groups=_bird_groups(row),
                birdnet=float(row["birdnet"]) if row["birdnet"] else None,
                boxes=tuple(boxes.get(row["file"], ())),
            )
        )
    return recordings


SITE_PREFIX = "site:"
SITE_ORIGINS = ("QutEcoacoustics/audio-analysis", "DenaJGibbon/", "scikit-maad/", "GrunCrow/")
"""Origins whose clips were cut from few recordings of one site: each is one group."""


def _bird_groups(row: dict[str, str]) -> tuple[str, ...]:
    """Recordist, Xeno-canto or iNaturalist number, and original file."""
    groups: list[str] = []
    recordist = " ".join(row["recordist"].split()).casefold()
    if recordist:
        groups.append(f"recordist:{recordist}")
    words = row["attribution"].split()
    if words and words[0].upper().startswith("XC"):
        groups.append(f"xeno-canto:{words[0].upper()}")
    elif words:
        groups.append(f"attribution:{' '.join(words).casefold()}")
    site = next((origin for origin in SITE_ORIGINS if row["origin"].startswith(origin)), None)
    if site:
        groups.append(f"{SITE_PREFIX}{site}")
    original = Path(row["original_path"] or row["file"])
    # Cuts of one recording differ in a final number only.
    groups.append(f"file:{row['origin']}:{original.parent.as_posix()}:{re.sub(r'_[0-9]+$', '', original.stem)}")
    return tuple(groups)


def _esc50(root: Path) -> list[Recording]:
    return [
        Recording(
            path=f"esc50/{row['file']}",
            kind=Kind.ESC50,
            label=row["label"],
            licence=row["licence"],
            groups=(f"freesound:{row['freesound_id']}",),
            fold=int(row["fold"]),
        )
        for row in _rows(root / "esc50/manifest.csv")
    ]


def _machines(root: Path) -> list[Recording]:
    recordings: list[Recording] = []
    for row in _rows(root / "machines/manifest.csv"):
        # Takes of one machine, section and domain share a room and a microphone: one group.
        # The same three vessels were recorded for machines/ferry and for the scenes.
        ferry = row["machine"] == "ferry"
        group = FERRIES if ferry else f"machine:{row['machine']}:{row['section']}:{row['domain']}"
        recordings.append(
            Recording(f"machines/{row['file']}", Kind.MACHINE, row["machine"], "as published by the makers", (group,))
        )
    return recordings


def _scenes_speech_music(root: Path) -> list[Recording]:
    recordings: list[Recording] = []
    for row in _rows(root / "scenes_speech_music.csv"):
        kind = Kind(row["kind"])
        stem = Path(row["file"]).stem
        group = f"speaker:{stem.split('-')[0]}" if kind is Kind.SPEECH else f"{kind}:{row['origin'] or stem}"
        if stem.startswith("vroom_ferry_"):
            group = FERRIES
        label = row["label"] if kind is Kind.SCENE else ""
        recordings.append(Recording(row["file"], kind, label, "see scenes_speech_music.csv", (group,)))
    return recordings
