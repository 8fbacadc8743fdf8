"""Reads the npz files of a bundle: plain arrays only, and never more than a limit."""

from __future__ import annotations

import zipfile
import zlib
from typing import TYPE_CHECKING

import numpy as np

from monitor.inference.faults import Fault

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

LARGEST_CONTENT = 64_000_000
"""Bytes of all arrays of a file together, unpacked."""

_DAMAGE = (OSError, ValueError, KeyError, EOFError, MemoryError, NotImplementedError, RuntimeError)


def read_arrays(path: Path) -> tuple[dict[str, NDArray[np.generic]] | None, list[Fault]]:
    """The arrays of a file by name, or None and what is wrong with the file."""
    try:
        return _arrays(path), []
    except (zipfile.BadZipFile, zlib.error) as error:
        return None, [Fault(path.name, f"damaged or cut short: {error}")]
    except _DAMAGE as error:
        text = str(error)
        why = "holds pickled objects, which are never loaded" if "allow_pickle" in text else f"cannot be read: {text}"
        return None, [Fault(path.name, why)]


def _arrays(path: Path) -> dict[str, NDArray[np.generic]]:
    with path.open("rb") as stream, zipfile.ZipFile(stream) as archive:
        size = sum(member.file_size for member in archive.infolist())
        if size > LARGEST_CONTENT:
            raise ValueError(f"unpacks to {size / 1e6:.0f} MB, more than {LARGEST_CONTENT // 1_000_000} MB")
    with np.load(path, allow_pickle=False) as archive:
        return {name: archive[name] for name in archive.files}
