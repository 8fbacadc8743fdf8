"""The file of a species: plain npz with a JSON header, read with distrust."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Literal, cast

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from monitor.birds.prototype import MOST_CLIPS, WIDEST, Prototype, species_name
from monitor.core.text import writable
from monitor.errors import AuricleError
from monitor.kept.audio import LONGEST_CLIP, LONGEST_ORIGIN, ClipReference
from monitor.kept.kind import Kind
from monitor.kept.npz import decode_npz, encode_npz

if TYPE_CHECKING:
    from monitor.core.types import Float32Array

HEADER, VECTOR, EMBEDDINGS = "header", "vector", "embeddings"
"""Arrays of a file."""

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
    return PROTOTYPES.file_name(name)


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
    return encode_npz({HEADER: text, VECTOR: prototype.vector, EMBEDDINGS: prototype.embeddings})


def decode_prototype(content: bytes) -> Prototype:
    """The species of a file. Raises ValueError, with the reason, for whatever is wrong with it."""
    arrays = decode_npz(content, {HEADER: "|u1", VECTOR: "<f4", EMBEDDINGS: "<f4"})
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


def _storable(text: str) -> str:
    """File names on Linux need not be Unicode, JSON must."""
    return writable(text)[:LONGEST_ORIGIN]


PROTOTYPES = Kind(
    "species",
    "prototype",
    encode_prototype,
    decode_prototype,
    lambda prototype: prototype.name,
    species_name,
    lambda prototype: prototype.clips,
)
"""Species, as the folder of what is enrolled keeps them."""
