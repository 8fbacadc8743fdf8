"""A local folder of MUSAN: speech, music and noise, each in folders of their origin."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from monitor.audio.expand import AUDIO_SUFFIXES
from monitor.errors import AuricleError, UsageError, raise_all
from training.data.layouts.folders import deep, fault_of

if TYPE_CHECKING:
    from pathlib import Path

PARTS = ("speech", "music", "noise")


@dataclass(frozen=True, slots=True)
class MusanFile:
    """One recording."""

    path: str
    """Relative to the data set."""
    part: str
    """`speech`, `music` or `noise`."""
    origin: str
    """Folder of its collection, such as `librivox`."""


def load_musan(root: Path, part: str) -> list[MusanFile]:
    """Recordings of one part, `root/<part>/<origin>/...`, by path.

    Raises UsageError when there is none, or StartError naming every empty or unreadable file.
    """
    if part not in PARTS:
        raise ValueError(f"MUSAN has {', '.join(PARTS)}, not {part}")
    folder = root / part
    if not folder.is_dir():
        raise UsageError(f"data set {root}", f"it has no folder `{part}`", "Name the folder that holds MUSAN's parts.")
    errors: list[AuricleError] = []
    files = [p for p in deep(folder) if p.suffix.lower() in AUDIO_SUFFIXES and not fault_of(p, root, errors)]
    raise_all(errors)
    if not files:
        raise UsageError(f"data set {folder}", "it has no recordings", "Unpack MUSAN again.")
    names = [path.relative_to(root) for path in files]
    return [MusanFile(name.as_posix(), part, name.parts[1] if len(name.parts) > 2 else "") for name in names]
