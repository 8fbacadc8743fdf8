"""The files of the prototype store: plain npz with a JSON header, written whole or not at all, read with distrust."""

from __future__ import annotations

import hashlib
import io
import os
import re
import struct
import tokenize
import uuid
import zipfile
import zlib
from typing import TYPE_CHECKING, Annotated, Any, Literal, cast

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from monitor.birds.prototype import (
    LONGEST_CLIP,
    MOST_CLIPS,
    WIDEST,
    ClipReference,
    EnrolledClip,
    Prototype,
    audio_hash,
    name_key,
)
from monitor.core.text import writable
from monitor.errors import AuricleError

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from numpy.typing import NDArray

    from monitor.core.types import Float32Array

LARGEST_FILE = 4 * LONGEST_CLIP + 65_536
"""Bytes of one file: the longest clip and what an npz adds."""

HEADER, VECTOR, EMBEDDINGS, SAMPLES, RATE = "header", "vector", "embeddings", "samples", "rate"
"""Arrays of the files."""

TEMPORARY = ".part"
"""Ending of files that are being written."""

DAMAGE = (
    *(zipfile.BadZipFile, zlib.error, struct.error, EOFError, OSError, IndexError, KeyError, OverflowError),
    # Flags that say encrypted; a method that zipfile lacks (NotImplementedError).
    RuntimeError,
    # What an npy header that is no Python literal makes of the parser.
    *(SyntaxError, tokenize.TokenError, MemoryError),
)
"""What zipfile and numpy raise at content that somebody damaged or made up; beside ValueError."""

LONGEST_ORIGIN = 1000
"""Characters of a clip's origin that are kept."""

Text = Annotated[str, Field(min_length=1)]


class _Part(BaseModel):
    """Frozen, no key unknown, no silent conversion."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


class _Clip(_Part):
    sha256: Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
    rate: Annotated[int, Field(ge=1)]
    length: Annotated[int, Field(ge=1, le=LONGEST_CLIP)]
    origin: str


class _Header(_Part):
    schema_version: Literal[1]
    name: Text
    model_id: Text
    enrolled_utc_ns: Annotated[int, Field(ge=0)]
    threshold: Annotated[float, Field(allow_inf_nan=False)] | None
    clips: Annotated[list[_Clip], Field(min_length=1, max_length=MOST_CLIPS)]


def file_name(name: str) -> str:
    """Of a species: readable as far as it is plain Latin, the same for names that differ only in case."""
    key = name_key(name)
    readable = re.sub(r"[^a-z0-9_]+", "-", key.encode("ascii", "ignore").decode())[:60].strip("-")
    return f"{readable or 'species'}-{hashlib.sha256(key.encode()).hexdigest()[:16]}.npz"


def encode_prototype(prototype: Prototype) -> bytes:
    """The file of a species."""
    header = _Header(
        schema_version=1,
        name=prototype.name,
        model_id=prototype.model_id,
        enrolled_utc_ns=prototype.enrolled_utc_ns,
        threshold=prototype.threshold,
        clips=[
            _Clip(sha256=clip.sha256, rate=clip.rate, length=clip.length, origin=_storable(clip.origin))
            for clip in prototype.clips
        ],
    )
    text = np.frombuffer(header.model_dump_json().encode(), dtype=np.uint8)
    return _npz({HEADER: text, VECTOR: prototype.vector, EMBEDDINGS: prototype.embeddings})


def decode_prototype(content: bytes) -> Prototype:
    """The species of a file. Raises ValueError, with the reason, for whatever is wrong with it."""
    arrays = _arrays(content, {HEADER: "|u1", VECTOR: "<f4", EMBEDDINGS: "<f4"})
    try:
        header = _Header.model_validate_json(arrays[HEADER].tobytes())
    except ValidationError as error:
        first = error.errors()[0]
        raise ValueError(f"header: {'.'.join(map(str, first['loc'])) or 'JSON'}: {first['msg']}") from error
    if arrays[EMBEDDINGS].ndim != 2 or arrays[EMBEDDINGS].shape[1] > WIDEST:
        raise ValueError(f"embeddings have the shape {arrays[EMBEDDINGS].shape}")
    try:
        return Prototype(
            header.name,
            header.model_id,
            cast("Float32Array", arrays[VECTOR]),
            cast("Float32Array", arrays[EMBEDDINGS]),
            tuple(ClipReference(clip.sha256, clip.rate, clip.length, clip.origin) for clip in header.clips),
            header.enrolled_utc_ns,
            header.threshold,
        )
    except AuricleError as error:
        raise ValueError(f"{error.what} {error.why}") from error


def encode_audio(clip: EnrolledClip) -> bytes:
    """The file of a clip's audio: `samples` float32 `(n,)` and `rate`, readable by anything that reads npz."""
    return _npz({SAMPLES: clip.samples, RATE: np.array(clip.rate, dtype=np.int64)})


def decode_audio(content: bytes, clip: ClipReference) -> Float32Array:
    """Samples of `clip`. Raises ValueError, with the reason, when the file is damaged or holds something else."""
    arrays = _arrays(content, {SAMPLES: "<f4", RATE: "<i8"})
    samples = cast("Float32Array", arrays[SAMPLES])
    if samples.shape != (clip.length,) or arrays[RATE].shape != () or int(arrays[RATE]) != clip.rate:
        raise ValueError("is another clip")
    if audio_hash(samples, clip.rate) != clip.sha256:
        raise ValueError("does not have the checksum that its name says")
    if not np.isfinite(samples).all():
        raise ValueError("holds non-finite samples")
    return samples


def read_limited(path: Path) -> bytes:
    """The content of a file. Raises OSError, and ValueError when it is no file of ours by its size."""
    with path.open("rb") as file:
        content = file.read(LARGEST_FILE + 1)
    if len(content) > LARGEST_FILE:
        raise ValueError(f"is larger than {LARGEST_FILE} bytes")
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


def _storable(text: str) -> str:
    """File names on Linux need not be Unicode, JSON must."""
    return writable(text)[:LONGEST_ORIGIN]


def _npz(arrays: Mapping[str, NDArray[Any]]) -> bytes:
    buffer = io.BytesIO()
    np.savez(buffer, allow_pickle=False, **{name: np.asarray(value) for name, value in arrays.items()})
    return buffer.getvalue()


def _arrays(content: bytes, kinds: Mapping[str, str]) -> dict[str, NDArray[Any]]:
    """Exactly the arrays of `kinds` (name -> dtype), read-only.

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
