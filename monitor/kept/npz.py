"""Plain npz: arrays as they are, nothing compressed, nothing pickled; read with distrust."""

from __future__ import annotations

import io
import struct
import tokenize
import zipfile
import zlib
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

DAMAGE = (
    *(zipfile.BadZipFile, zlib.error, struct.error, EOFError, OSError, IndexError, KeyError, OverflowError),
    # Flags that say encrypted; a method that zipfile lacks (NotImplementedError).
    RuntimeError,
    # What an npy header that is no Python literal makes of the parser.
    *(SyntaxError, tokenize.TokenError, MemoryError),
)
"""What zipfile and numpy raise at content that somebody damaged or made up; beside ValueError."""


def encode_npz(arrays: Mapping[str, NDArray[Any]]) -> bytes:
    """The content of an npz file."""
    buffer = io.BytesIO()
    np.savez(buffer, allow_pickle=False, **{name: np.asarray(value) for name, value in arrays.items()})
    return buffer.getvalue()


def decode_npz(content: bytes, kinds: Mapping[str, str]) -> dict[str, NDArray[Any]]:
    """Exactly the arrays of `kinds` (name -> dtype), read-only. Raises ValueError, with the reason.

    `numpy.load` allocates what a header claims before it looks; here what is claimed must be there.
    """
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            members = {member.filename: member for member in archive.infolist()}
            if len(members) != len(archive.infolist()) or set(members) != {f"{name}.npy" for name in kinds}:
                raise ValueError(f"does not hold exactly {', '.join(kinds)}")
            # Ours are stored as they are, so nothing in a file can be larger than the file.
            if any(member.compress_type != zipfile.ZIP_STORED for member in members.values()):
                raise ValueError("is compressed")
            return {name: _array(archive.read(members[f"{name}.npy"]), kind) for name, kind in kinds.items()}
    except DAMAGE as error:
        raise ValueError(f"is damaged or no npz file ({error})") from error


def one_of(content: bytes, name: str, kind: str) -> NDArray[Any]:
    """One array of a file that may hold others: what it says decides which. Raises ValueError, with the reason."""
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            member = archive.getinfo(f"{name}.npy")
            if member.compress_type != zipfile.ZIP_STORED:
                raise ValueError("is compressed")
            return _array(archive.read(member), kind)
    except DAMAGE as error:
        raise ValueError(f"is damaged or no npz file ({error})") from error


def _array(content: bytes, kind: str) -> NDArray[Any]:
    stream = io.BytesIO(content)
    if np.lib.format.read_magic(stream) != (1, 0):
        raise ValueError("is of another npy version")
    shape, columns_first, dtype = np.lib.format.read_array_header_1_0(stream)
    if dtype.hasobject:
        raise ValueError("holds pickled objects, which are never loaded")
    if dtype.str != kind or (columns_first and len(shape) > 1):
        raise ValueError(f"holds {dtype.str} where {kind} belongs")
    start = stream.tell()
    count = 1
    for size in shape:
        count *= size
    if count < 0 or len(content) - start != count * dtype.itemsize:
        raise ValueError(f"claims the shape {shape} but holds {len(content) - start} bytes")
    return np.frombuffer(content, dtype=dtype, offset=start).reshape(shape)
