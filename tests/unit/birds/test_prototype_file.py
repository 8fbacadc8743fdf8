"""Damaged, hostile and foreign files in the folder of the prototype store."""

from __future__ import annotations

import io
import json
import zipfile
from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitor.birds.prototype_file import decode_prototype, encode_prototype, file_name
from monitor.errors import StoreError
from tests.helpers.species import ENCODER, NOW, audio_files, clip, directed, filled, npz, same

if TYPE_CHECKING:
    from pathlib import Path


def test_a_file_cut_anywhere_is_told_and_the_others_stay(tmp_path: Path):
    store = filled(tmp_path, "Robin", "Wren")
    path = tmp_path / file_name("Robin")
    whole = path.read_bytes()
    for length in range(0, len(whole), 10):
        path.write_bytes(whole[:length])
        store.reload()
        assert store.names() == ("Wren",)
        (fault,) = store.faults
        assert path.name in fault.what
        with pytest.raises(StoreError):
            store.get("Robin")
    for existing in ("refuse", "add"):
        with pytest.raises(StoreError, match="--replace"):
            store.add("Robin", ENCODER, [clip(3)], NOW, existing=existing)
    kept = audio_files(tmp_path)
    store.remove("Wren")
    assert audio_files(tmp_path) == kept, "what the damaged species needs cannot be told"
    store.add("Robin", ENCODER, [clip(3)], NOW, existing="replace")
    assert (store.names(), store.faults) == (("Robin",), ())
    path.write_bytes(whole[:100])
    store.remove("Robin")
    assert (store.names(), store.faults, audio_files(tmp_path)) == ((), (), set())


def test_a_flipped_byte_is_told_or_changes_nothing(tmp_path: Path):
    prototype = filled(tmp_path, "Robin").get("Robin")
    whole = encode_prototype(prototype)
    told = 0
    for position in range(len(whole)):
        damaged = bytearray(whole)
        damaged[position] ^= 1 << position % 8
        try:
            assert same(decode_prototype(bytes(damaged)), prototype)
        except ValueError:
            told += 1
    assert told > len(whole) // 2


@given(st.binary(max_size=300))
def test_any_bytes_are_refused_as_damaged(content: bytes):
    with pytest.raises(ValueError):
        decode_prototype(content)


def header_of(content: bytes, **changes: object) -> np.ndarray:
    with np.load(io.BytesIO(content)) as arrays:
        header = json.loads(arrays["header"].tobytes())
    return np.frombuffer(json.dumps(header | changes).encode(), dtype=np.uint8)


def npy_claiming(header: str) -> bytes:
    text = header.encode().ljust(118) + b"\n"
    return b"\x93NUMPY\x01\x00" + len(text).to_bytes(2, "little") + text + bytes(96)


def test_hostile_and_foreign_files_are_told_by_reason(tmp_path: Path):
    prototype = filled(tmp_path, "Robin").get("Robin")
    good = encode_prototype(prototype)
    vector, rows, header = prototype.vector, prototype.embeddings, header_of(good)
    assert same(decode_prototype(npz(header=header, vector=vector, embeddings=rows)), prototype)
    pickled = np.array([{"a": 1}, None], dtype=object)
    cases = {
        "pickled": npz(header=header, vector=pickled, embeddings=rows),
        "<f8": npz(header=header, vector=vector.astype(float), embeddings=rows),
        "length 1": npz(header=header, vector=2 * vector, embeddings=rows),
        "not the mean": npz(header=header, vector=directed(99), embeddings=rows),
        "2 clips": npz(header=header, vector=vector, embeddings=rows[:1]),
        "shape": npz(header=header, vector=vector, embeddings=rows[0]),
        "exactly": npz(header=header, vector=vector),
        "schema_version": npz(header=header_of(good, schema_version=2), vector=vector, embeddings=rows),
        "surprise": npz(header=header_of(good, surprise=1), vector=vector, embeddings=rows),
        "threshold": npz(header=header_of(good, threshold="high"), vector=vector, embeddings=rows),
        "cannot be written": npz(header=header_of(good, name="a\0b"), vector=vector, embeddings=rows),
    }
    for reason, content in cases.items():
        with pytest.raises(ValueError, match=reason):
            decode_prototype(content)
    for claim in (
        "{'descr': '<f4', 'fortran_order': False, 'shape': (1000000000000,), }",
        "{'descr': '<f4', 'fortran_order': False, 'shape': (-4, -6), }",
        "{'descr': '<f4', 'fortran_order': False, 'shape': (",
        "(" * 110,
        "\0\1\2",
    ):
        buffer = io.BytesIO()
        with zipfile.ZipFile(buffer, "w") as archive:
            archive.writestr("header.npy", npy_claiming("{'descr': '|u1', 'fortran_order': False, 'shape': (96,), }"))
            archive.writestr("vector.npy", npy_claiming(claim))
            archive.writestr("embeddings.npy", npy_claiming(claim))
        with pytest.raises(ValueError):
            decode_prototype(buffer.getvalue())


def test_a_copied_file_is_told_and_does_not_double_a_species(tmp_path: Path):
    store = filled(tmp_path, "Robin")
    (tmp_path / "robin-copy.npz").write_bytes((tmp_path / file_name("Robin")).read_bytes())
    store.reload()
    assert store.names() == ("Robin",)
    assert "is a copy of" in store.faults[0].why


def test_kept_audio_that_is_damaged_or_gone_is_told(tmp_path: Path):
    store = filled(tmp_path, "Robin")
    first, second = store.get("Robin").clips
    path = tmp_path / "audio" / f"{first.sha256}.npz"
    path.write_bytes((tmp_path / "audio" / f"{second.sha256}.npz").read_bytes())
    with pytest.raises(StoreError, match="checksum"):
        store.audio(first)
    with pytest.raises(StoreError, match="checksum"):
        store.export_to(tmp_path / "out.zip")
    assert not list(tmp_path.glob("out*"))
    path.unlink()
    with pytest.raises(StoreError, match=r"clip-0\.wav"):
        store.audio(first)
