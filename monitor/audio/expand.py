"""From what a user types to the recordings that are meant."""

from __future__ import annotations

import glob
import os
from pathlib import Path
from typing import TYPE_CHECKING

from monitor.errors import SourceError

if TYPE_CHECKING:
    from collections.abc import Iterable

STANDARD_INPUT = "-"
AUDIO_SUFFIXES = frozenset({".wav", ".wave", ".flac", ".ogg", ".oga", ".opus", ".mp3", ".aif", ".aiff"})
"""What is taken from a folder, in small or capital letters."""


def expand_paths(paths: Iterable[Path | str]) -> list[Path | str]:
    """Files, folders (all recordings inside, at any depth, sorted; hidden ones left out), shell patterns, and `-`.

    Each recording is named once, in the order given. A file that is named is taken whatever its suffix.
    Raises one SourceError for all that match nothing.
    """
    found: dict[str, Path | str] = {}
    faults: list[SourceError] = []
    for given in paths:
        try:
            for path in _expand(given):
                found.setdefault(path if isinstance(path, str) else os.path.realpath(path), path)
        except SourceError as fault:
            faults.append(fault)
    if len(faults) == 1:
        raise faults[0]
    if faults:
        why = "; ".join(f"{fault.what}: {fault.why}" for fault in faults)
        raise SourceError(f"{len(faults)} of the given paths", why, "Correct or leave out these")
    return list(found.values())


def _expand(given: Path | str) -> list[Path | str]:
    if given == STANDARD_INPUT:
        return [STANDARD_INPUT]
    path = Path(given)
    if not os.fspath(given):
        raise SourceError("''", "an empty path", "Give a recording, a folder, a pattern or -")
    if os.path.lexists(path):
        return list(_in_folder(path)) if path.is_dir() else [path]
    pattern = glob.has_magic(os.fspath(path))
    # Path.glob takes no absolute patterns.
    matches = sorted(glob.glob(os.fspath(path), recursive=True)) if pattern else []  # noqa: PTH207
    if not matches:
        why = "the pattern matches nothing" if pattern else "no such file or folder"
        raise SourceError(os.fspath(given), why, "Check the spelling and the current folder")
    files: list[Path | str] = []
    for match in map(Path, matches):
        files += _recordings(match) if match.is_dir() else [match]
    if not files:
        raise _empty(os.fspath(given))
    return files


def _in_folder(folder: Path) -> list[Path]:
    recordings = _recordings(folder)
    if not recordings:
        raise _empty(str(folder))
    return recordings


def _recordings(folder: Path) -> list[Path]:
    found: list[Path] = []
    for where, folders, files in os.walk(folder, onerror=_refuse):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        found += [
            Path(where, name)
            for name in files
            if not name.startswith(".") and Path(name).suffix.lower() in AUDIO_SUFFIXES
        ]
    return sorted(found)


def _refuse(fault: OSError) -> None:
    raise SourceError(str(fault.filename), f"it cannot be read: {fault.strerror}", "Check its permissions") from fault


def _empty(what: str) -> SourceError:
    suffixes = ", ".join(sorted(AUDIO_SUFFIXES))
    return SourceError(what, "it holds no recordings", f"Recordings end in {suffixes}; name other files one by one")
