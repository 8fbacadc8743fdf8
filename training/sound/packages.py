"""Music from Debian's packages, fetched with Debian's own tools and unpacked; nothing is installed."""

from __future__ import annotations

import shutil
import subprocess
import tempfile
import zipfile
from pathlib import Path
from typing import TYPE_CHECKING

from monitor.audio.files import FileSource
from monitor.errors import SourceError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

TOOLS = ("apt-get", "dpkg-deb")
PATIENCE_S = 1_800
"""Seconds that one package may take."""

ARCHIVES = (".pk3", ".zip")
"""Games' archives of their own, in which music lies."""

LEAST_S = 30.0
"""Shorter OGG files of a game are effects, voices and jingles."""


def fetch_packages(names: Sequence[str], folder: Path, progress: Callable[[str], None]) -> list[str]:
    """Names of the packages that lie unpacked in `folder / name` afterwards; of every other one the reason is told."""
    return [name for name in names if (folder / name).is_dir() or _fetched(name, folder, progress)]


def music_files(name: str, folder: Path) -> list[Path]:
    """OGG files of music of an unpacked package, relative to `folder`, in a stable order."""
    files = (path for path in (folder / name).rglob("*.ogg") if path.is_file())
    return sorted(path.relative_to(folder) for path in files if _is_music(path))


def _is_music(path: Path) -> bool:
    try:
        source = FileSource(path)
    except SourceError:
        return False
    return (source.length or 0) >= LEAST_S * source.rate


def _unpack_archives(folder: Path) -> None:
    """Lay the OGG files of every archive below `folder` beside it."""
    for archive in sorted(path for path in folder.rglob("*") if path.suffix in ARCHIVES and path.is_file()):
        with zipfile.ZipFile(archive) as kept:
            names = [name for name in kept.namelist() if name.endswith(".ogg")]
            kept.extractall(archive.with_suffix(""), names)


def _fetched(name: str, folder: Path, progress: Callable[[str], None]) -> bool:
    missing = [tool for tool in TOOLS if shutil.which(tool) is None]
    if missing:
        progress(f"without the music of {name}: {' and '.join(missing)} not there, which Debian has")
        return False
    progress(f"fetching {name}")
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=folder, prefix=".fetching-") as scratch:
            _call(["apt-get", "download", name], Path(scratch))
            archive = next(Path(scratch).glob("*.deb"), None)
            if archive is None:
                progress(f"without the music of {name}: apt-get fetched nothing")
                return False
            _call(["dpkg-deb", "-x", archive.name, "unpacked"], Path(scratch))
            _unpack_archives(Path(scratch) / "unpacked")
            # Last, so that an interrupted unpacking is never taken for a whole one.
            (Path(scratch) / "unpacked").rename(folder / name)
    except (OSError, subprocess.SubprocessError, zipfile.BadZipFile) as error:
        said = error.stderr.strip().splitlines() if isinstance(error, subprocess.CalledProcessError) else []
        progress(f"without the music of {name}: {said[-1] if said else error}")
        return False
    return True


def _call(command: list[str], folder: Path) -> None:
    subprocess.run(command, cwd=folder, check=True, capture_output=True, text=True, timeout=PATIENCE_S)
