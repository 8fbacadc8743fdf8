"""Embeddings and gate probabilities as one npz file, written row by row in bounded memory, whole or not at all."""

from __future__ import annotations

import os
import shutil
import tempfile
import uuid
import zipfile
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, Self

import numpy as np

from monitor.core.text import writable
from monitor.errors import StoreError

if TYPE_CHECKING:
    from types import TracebackType

    from monitor.core.types import Float32Array

_WINDOWS = {"start_s": "<f8", "end_s": "<f8", "gate": "<f4", "embedding": "<f4"}
_GATE = {"gate_start_s": "<f8", "gate_end_s": "<f8", "gate_probability": "<f4"}
_PIECE = 4096
"""Rows of text written at a time."""


class EmbeddingFile:
    """Context manager that takes rows; `save` makes the file, and without it nothing is left.

    Arrays: for each encoder window `path`, `start_s`, `end_s`, `gate` and `embedding` `(n, d)`; for each gate window
    `gate_path`, `gate_start_s`, `gate_end_s`, `gate_probability`. Raises StoreError when the disk refuses.
    """

    def __init__(self, path: Path, dimension: int) -> None:
        self._path = path
        self._dimension = dimension
        self._paths: list[tuple[str, int]] = []
        self._gate_paths: list[tuple[str, int]] = []
        self._stack = ExitStack()
        self._columns: dict[str, BinaryIO] = {}

    @property
    def windows(self) -> int:
        """Encoder windows so far."""
        return sum(count for _, count in self._paths)

    def __enter__(self) -> Self:
        try:
            # Beside the file itself: the folder is tried before the work, and the disk is the one that must have room.
            folder = self._stack.enter_context(
                tempfile.TemporaryDirectory(dir=self._path.parent, prefix=".embed-", ignore_cleanup_errors=True)
            )
            for name in (*_WINDOWS, *_GATE):
                self._columns[name] = self._stack.enter_context((Path(folder) / name).open("w+b"))
        except OSError as fault:
            self._stack.close()
            raise self._failure(fault) from fault
        if self._path.is_dir():
            self._stack.close()
            raise StoreError(str(self._path), "it is a folder", "Name a file for --out")
        return self

    def __exit__(
        self, kind: type[BaseException] | None, fault: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._stack.close()

    def add(self, path: str, start_s: float, end_s: float, gate: float, vector: Float32Array) -> None:
        """An encoder window: seconds from the start of the recording `path`, probability, unit vector `(d,)`."""
        self._write({"start_s": start_s, "end_s": end_s, "gate": gate, "embedding": vector}, _WINDOWS)
        _count(self._paths, path)

    def add_gate(self, path: str, start_s: float, end_s: float, probability: float) -> None:
        """A gate window."""
        self._write({"gate_start_s": start_s, "gate_end_s": end_s, "gate_probability": probability}, _GATE)
        _count(self._gate_paths, path)

    def save(self) -> None:
        """Write the file; one that is there is replaced."""
        temporary = self._path.parent / f"{uuid.uuid4().hex}.part"
        try:
            with temporary.open("xb") as file:
                with zipfile.ZipFile(file, "w", zipfile.ZIP_STORED) as archive:
                    _add_text(archive, "path", self._paths)
                    _add_text(archive, "gate_path", self._gate_paths)
                    for name, column in self._columns.items():
                        self._add_column(archive, name, column)
                file.flush()
                os.fsync(file.fileno())
            temporary.replace(self._path)
        except OSError as fault:
            raise self._failure(fault) from fault
        finally:
            temporary.unlink(missing_ok=True)

    def _write(self, values: dict[str, float | Float32Array], kinds: dict[str, str]) -> None:
        try:
            for name, value in values.items():
                self._columns[name].write(np.asarray(value, dtype=kinds[name]).tobytes())
        except OSError as fault:
            raise self._failure(fault) from fault

    def _add_column(self, archive: zipfile.ZipFile, name: str, column: BinaryIO) -> None:
        count = sum(count for _, count in (self._gate_paths if name in _GATE else self._paths))
        shape = (count, self._dimension) if name == "embedding" else (count,)
        column.seek(0)
        with archive.open(f"{name}.npy", "w", force_zip64=True) as member:
            _write_header(member, shape, (_WINDOWS | _GATE)[name])
            shutil.copyfileobj(column, member, 1 << 20)

    def _failure(self, fault: OSError) -> StoreError:
        why = f"cannot be written ({fault.strerror or fault})"
        return StoreError(str(self._path), why, "Check the folder of --out, its permissions and the free space")


def _count(runs: list[tuple[str, int]], path: str) -> None:
    """One more row of `path`."""
    if runs and runs[-1][0] == path:
        runs[-1] = (path, runs[-1][1] + 1)
    else:
        runs.append((path, 1))


def _add_text(archive: zipfile.ZipFile, name: str, runs: list[tuple[str, int]]) -> None:
    # File names on Linux need not be Unicode, text in an array must.
    texts = [(writable(text), count) for text, count in runs]
    kind = f"<U{max((len(text) for text, _ in texts), default=1)}"
    with archive.open(f"{name}.npy", "w", force_zip64=True) as member:
        _write_header(member, (sum(count for _, count in texts),), kind)
        for text, count in texts:
            for done in range(0, count, _PIECE):
                member.write(np.full(min(_PIECE, count - done), text, dtype=kind).tobytes())


def _write_header(member: object, shape: tuple[int, ...], kind: str) -> None:
    header = {"descr": kind, "fortran_order": False, "shape": shape}
    np.lib.format.write_array_header_1_0(member, header)  # pyright: ignore[reportArgumentType] (any binary stream)
