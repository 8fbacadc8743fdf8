"""TAU Urban Acoustic Scenes 2022 Mobile, development set: one-second files, put together to ten seconds again.

Heittola, Mesaros and Virtanen (DCASE 2020 and 2022). Files are called
`audio/<scene>-<city>-<location>-<segment>-<second>-<device>.wav`; tables are separated by tabs.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import TYPE_CHECKING

from monitor.errors import AuricleError, UsageError, raise_all
from training.data.catalog import Kind, Recording
from training.data.layouts.folders import read_rows
from training.data.splits import Part

if TYPE_CHECKING:
    from pathlib import Path

LICENCE = "Tampere University: non-commercial use"
NAME_PARTS = 6
MOST_FAULTS = 10
"""Files that one message names."""


@dataclass(frozen=True, slots=True)
class Segment:
    """Up to ten seconds of one place and device."""

    recording: Recording
    """`path` is that of its first second; its group is the city and location."""
    pieces: tuple[str, ...]
    """Its seconds, in order, relative to the data set."""
    device: str
    """`a`, `b`, `c`, `s1` and so on."""
    part: Part


def load_tau2022(root: Path) -> list[Segment]:
    """Segments of fold 1 under `root`, which has `meta.csv`, `evaluation_setup` and `audio`; by path.

    The official split: what `fold1_train.csv` names trains, what `fold1_evaluate.csv` names tests, the rest is unused.

    Raises UsageError when a table cannot be read or lacks a column, or StartError with everything that is wrong: files
    that are missing, that `meta.csv` does not know, that are called otherwise, or that are in both parts.
    """
    meta = {row["filename"]: row for _, row in _rows(root / "meta.csv", ("filename", "scene_label", "identifier"))}
    parts = {
        part: [row["filename"] for _, row in _rows(root / "evaluation_setup" / name, ("filename",))]
        for part, name in ((Part.TRAIN, "fold1_train.csv"), (Part.TEST, "fold1_evaluate.csv"))
    }
    errors = _faults(root, meta, parts)
    raise_all(errors)
    seconds: dict[tuple[str, Part], list[tuple[int, str]]] = {}
    for part, names in parts.items():
        for name in names:
            segment, second, _ = _of_name(name)
            seconds.setdefault((segment, part), []).append((second, name))
    found: list[Segment] = []
    for (_, part), numbered in sorted(seconds.items()):
        pieces = tuple(name for _, name in sorted(numbered))
        row = meta[pieces[0]]
        groups = (f"location:{row['scene_label']}:{row['identifier']}",)
        recording = Recording(pieces[0], Kind.SCENE, row["scene_label"], LICENCE, groups)
        found.append(Segment(recording, pieces, _of_name(pieces[0])[2], part))
    return found


def _rows(table: Path, needed: tuple[str, ...]) -> list[tuple[int, dict[str, str]]]:
    return read_rows(table, needed, delimiter="\t")


def _of_name(name: str) -> tuple[str, int, str]:
    """Segment (its name without the second), second and device. Raises ValueError when it is called otherwise."""
    words = PurePosixPath(name).stem.split("-")
    if len(words) != NAME_PARTS or not words[4].isdigit():
        raise ValueError(name)
    return "-".join([*words[:4], words[5]]), int(words[4]), words[5]


def _faults(root: Path, meta: dict[str, dict[str, str]], parts: dict[Part, list[str]]) -> list[AuricleError]:
    faults: dict[str, list[str]] = {}
    for name in dict.fromkeys(name for names in parts.values() for name in names):
        try:
            _of_name(name)
        except ValueError:
            faults.setdefault("is not called scene-city-location-segment-second-device", []).append(name)
        if name not in meta:
            faults.setdefault("is not in meta.csv", []).append(name)
        elif not (root / name).is_file():
            faults.setdefault("is missing", []).append(name)
    twice = sorted(set(parts[Part.TRAIN]) & set(parts[Part.TEST]))
    if twice:
        faults["is in both parts"] = twice
    errors: list[AuricleError] = []
    for why, names in faults.items():
        more = f" and {len(names) - MOST_FAULTS} more" if len(names) > MOST_FAULTS else ""
        listed = ", ".join(names[:MOST_FAULTS]) + more
        errors.append(UsageError(f"{listed} in {root}", why, "Unpack all archives of the data set into one folder."))
    if not any(parts.values()):
        errors.append(UsageError(f"data set {root}", "it names no recording", "Unpack its evaluation_setup."))
    return errors
