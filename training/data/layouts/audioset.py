"""A local folder of AudioSet: clips named by video, and the published tables that say what is heard in them."""

from __future__ import annotations

import csv
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from monitor.audio.expand import AUDIO_SUFFIXES
from monitor.errors import AuricleError, UsageError, raise_all
from training.data.layouts.folders import deep, fault_of, read_rows

if TYPE_CHECKING:
    from collections.abc import Collection
    from pathlib import Path

SEGMENT_TABLES = ("balanced_train_segments.csv", "unbalanced_train_segments.csv", "eval_segments.csv")
"""As published: YTID, start_seconds, end_seconds, positive_labels; lines that begin with # say what they are."""
CLASS_TABLE = "class_labels_indices.csv"
"""As published: index, mid, display_name."""
VIDEO_LENGTH = 11
"""Characters of a video's name."""


@dataclass(frozen=True, slots=True)
class AudioSetClip:
    """One clip of ten seconds or less."""

    path: str
    """Relative to the data set."""
    labels: tuple[str, ...]
    """Names of classes, or their identifiers where there is no table of classes; empty where nothing is known."""


def load_audioset(root: Path, without: Collection[str] = ()) -> list[AudioSetClip]:
    """Clips anywhere under `root` whose labels hold none of `without`, by path.

    Files are called `<video>.wav`, `Y<video>.wav` or `<video>_<start>...wav`, of any kind of audio that is read. Tables
    lie in `root`; a clip that no table names has no labels.

    Raises UsageError when there is no clip or a class of `without` is unknown, or StartError with everything that is
    wrong: empty files, tables that cannot be read.
    """
    errors: list[AuricleError] = []
    files = [path for path in deep(root) if path.suffix.lower() in AUDIO_SUFFIXES and not fault_of(path, root, errors)]
    names = _class_names(root / CLASS_TABLE, errors) if (root / CLASS_TABLE).is_file() else {}
    labels: dict[str, tuple[str, ...]] = {}
    for table in SEGMENT_TABLES:
        if (root / table).is_file():
            labels |= _segments(root / table, names, errors)
    raise_all(errors)
    if not files:
        raise UsageError(f"data set {root}", "it has no recordings", "Name the folder that holds AudioSet's clips.")
    known = set(names.values()) | {label for row in labels.values() for label in row}
    unknown = sorted(set(without) - known)
    if unknown:
        why = f"no clip and no class is called {', '.join(unknown)}"
        raise UsageError(f"data set {root}", why, f"Spell them as in {CLASS_TABLE}.")
    clips = [AudioSetClip(path.relative_to(root).as_posix(), labels.get(_video(path.stem), ())) for path in files]
    return [clip for clip in clips if not set(clip.labels) & set(without)]


def _video(stem: str) -> str:
    """The video that a file is named after."""
    if len(stem) == VIDEO_LENGTH:
        return stem
    if len(stem) == VIDEO_LENGTH + 1 and stem.startswith("Y"):
        return stem[1:]
    match = re.match(rf"^Y?(?P<video>[\w-]{{{VIDEO_LENGTH}}})_[0-9].*$", stem)
    return match["video"] if match else stem


def _class_names(table: Path, errors: list[AuricleError]) -> dict[str, str]:
    try:
        return {row["mid"]: row["display_name"] for _, row in read_rows(table, ("mid", "display_name"))}
    except UsageError as error:
        errors.append(error)
        return {}


def _segments(table: Path, names: dict[str, str], errors: list[AuricleError]) -> dict[str, tuple[str, ...]]:
    """Labels by video."""
    found: dict[str, tuple[str, ...]] = {}
    try:
        lines = table.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        errors.append(UsageError(f"{table}", f"it cannot be read ({error})", "Take the table as it is published."))
        return found
    for number, row in enumerate(csv.reader(lines, skipinitialspace=True), 1):
        if not row or row[0].startswith("#"):
            continue
        if len(row) != 4:
            why = f"it has {len(row)} columns, not 4"
            errors.append(UsageError(f"{table}, line {number}", why, "Take the table as it is published."))
            continue
        found[row[0]] = tuple(names.get(label, label) for label in row[3].split(",") if label)
    return found
