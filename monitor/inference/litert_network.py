"""Networks that LiteRT runs: TFLite files, one window at a time. The interpreter is imported when the first is opened.

`ai-edge-litert` is the extra `litert`; without it everything else works.
"""

from __future__ import annotations

import os
import platform
import sys
import tempfile
import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, cast

import numpy as np

from monitor.errors import BundleError
from monitor.inference.network import FLOAT32, InferenceError, TensorInfo

if TYPE_CHECKING:
    from collections.abc import Generator, Mapping
    from pathlib import Path

    from monitor.core.types import Float32Array

PLATFORMS = ("Linux x86_64", "Linux aarch64", "Darwin arm64")
"""Systems and machines that there are wheels for."""

INSTALL = "pip install 'auricle[litert]'"

_FAILURES = (ValueError, RuntimeError, TypeError)
"""Everything by which the interpreter says that it cannot."""

_CHATTER = b"INFO: Created TensorFlow Lite"
"""What the native library writes to standard error whenever a model is opened."""

_stderr_lock = threading.Lock()


class LiteRtNetwork:
    """A TFLite file on the CPU. Raises BundleError as `Session` does, and when LiteRT is not there."""

    def __init__(self, path: Path, threads: int) -> None:
        self._path = path
        self._interpreter = _open(path, threads)
        details: list[dict[str, Any]] = self._interpreter.get_input_details()
        self._inputs = {str(entry["name"]): entry for entry in details}
        found: list[dict[str, Any]] = self._interpreter.get_output_details()
        self._outputs = {str(entry["name"]): int(entry["index"]) for entry in found}
        self.inputs: tuple[TensorInfo, ...] = tuple(_info(entry) for entry in details)
        self.outputs: tuple[TensorInfo, ...] = tuple(_info(entry) for entry in found)
        self.metadata: dict[str, str] = {}
        """None: what TFLite files keep there is not text."""

    def setting(self, key: str) -> str:
        """Empty: there is nothing to set."""
        return ""

    def run(self, inputs: Mapping[str, Float32Array]) -> dict[str, Float32Array]:
        """One run with inputs of exactly the shapes that the file fixes."""
        if inputs.keys() != self._inputs.keys():
            wanted, given = ", ".join(self._inputs), ", ".join(inputs) or "none"
            raise InferenceError(f"{self._path}: takes the inputs {wanted}, got {given}")
        try:
            for name, values in inputs.items():
                entry = self._inputs[name]
                self._interpreter.set_tensor(entry["index"], np.ascontiguousarray(values))
            self._interpreter.invoke()
            return {name: self._output(index) for name, index in self._outputs.items()}
        except _FAILURES as failure:
            raise InferenceError(f"{self._path}: {_reason(failure)}") from failure

    def _output(self, index: int) -> Float32Array:
        # `get_tensor` copies.
        return np.asarray(self._interpreter.get_tensor(index), dtype=np.float32)


def litert_fault() -> tuple[str, str] | None:
    """Why LiteRT cannot be used here, and the remedy; None where it can."""
    try:
        import ai_edge_litert.interpreter  # noqa: F401  # pyright: ignore[reportUnusedImport] whether it is there
    except (ImportError, OSError) as error:
        here = f"{platform.system()} {platform.machine()}"
        if here not in PLATFORMS:
            why = f"TFLite models need LiteRT, and there is none for {here}, only for {', '.join(PLATFORMS)}"
            return why, "Use the model as ONNX, or another machine"
        if isinstance(error, ModuleNotFoundError) and (error.name or "").startswith("ai_edge_litert"):
            return "TFLite models need LiteRT, which is not installed", f"Install it: {INSTALL}"
        return f"LiteRT is installed, but cannot be loaded: {_reason(error)}", f"Install it again: {INSTALL}"
    return None


def _open(path: Path, threads: int) -> Any:
    fault = litert_fault()
    if fault:
        raise BundleError(f"model {path}", *fault)
    from ai_edge_litert.interpreter import Interpreter

    remedy = "Put the original file back, or import the model again"
    try:
        with path.open("rb"):
            pass
    except OSError as error:
        raise BundleError(f"model {path}", f"cannot be read: {error.strerror or error}", remedy) from error
    try:
        with _without_chatter():
            # By its path, so that the weights stay in pages of the file rather than in memory of ours.
            interpreter = cast("Any", Interpreter)(model_path=str(path), num_threads=threads)
            interpreter.allocate_tensors()
    except _FAILURES as failure:
        raise BundleError(f"model {path}", _reason(failure), remedy) from failure
    return interpreter


@contextmanager
def _without_chatter() -> Generator[None]:
    """Keep the native library's greeting from the terminal; whatever else is written meanwhile is written after."""
    sys.stderr.flush()
    with _stderr_lock, tempfile.TemporaryFile() as caught:
        terminal = os.dup(2)
        os.dup2(caught.fileno(), 2)
        try:
            yield
        finally:
            os.dup2(terminal, 2)
            os.close(terminal)
            caught.seek(0)
            kept = b"".join(line for line in caught if not line.startswith(_CHATTER))
            if kept:
                os.write(2, kept)


def _info(entry: Mapping[str, Any]) -> TensorInfo:
    fixed = [int(size) for size in entry["shape"]]
    # -1 marks the axes that the file leaves free; the interpreter runs them at 1.
    free = [int(size) for size in entry["shape_signature"]] or fixed
    shape: tuple[int | None, ...] = tuple(fixed)
    if free[:1] == [-1]:
        shape = (None, *shape[1:])
    kind = np.dtype(entry["dtype"]).name
    return TensorInfo(str(entry["name"]), shape, FLOAT32 if kind == "float32" else f"tensor({kind})")


def _reason(failure: Exception) -> str:
    """One line."""
    return " ".join(str(failure).split()).rstrip(".") or type(failure).__name__
