"""Files that are written whole or not at all, and last through a power cut."""

from __future__ import annotations

import os
import uuid
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

TEMPORARY = ".part"
"""Ending of files that are being written."""


def read_limited(path: Path, largest: int) -> bytes:
    """The content of a file. Raises OSError, and ValueError when it has more than `largest` bytes."""
    with path.open("rb") as file:
        content = file.read(largest + 1)
    if len(content) > largest:
        raise ValueError(f"is larger than {largest} bytes")
    return content


def stage(folder: Path, content: bytes) -> Path:
    """A new temporary file in `folder` with this content, on the disk. Raises OSError, leaving none."""
    path = folder / f"{uuid.uuid4().hex}{TEMPORARY}"
    try:
        # Not tempfile: its files are the owner's alone, and an engine may run as another user.
        with path.open("xb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
    except OSError:
        path.unlink(missing_ok=True)
        raise
    return path


def settle(folder: Path) -> None:
    """Make renamed and removed names of `folder` last through a power cut. Raises OSError."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def write_whole(path: Path, content: bytes) -> None:
    """Write a file so that readers see the old one or the new one, never a part. Raises OSError."""
    temporary = stage(path.parent, content)
    try:
        temporary.replace(path)
    except OSError:
        temporary.unlink(missing_ok=True)
        raise
    settle(path.parent)
