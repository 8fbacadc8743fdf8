"""The one place that runs networks; nothing else imports onnxruntime."""

from __future__ import annotations

from dataclasses import dataclass
from importlib import import_module
from typing import TYPE_CHECKING, Any, Literal, cast

import numpy as np
import onnxruntime

from monitor.errors import BundleError

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from monitor.core.types import Float32Array

# Its stubs are absent and half of its types are inferred as unknown: everything typed is below.
_ort = cast("Any", onnxruntime)
_ort.set_default_logger_severity(3)

_FAILURES: tuple[type[Exception], ...] = (
    ValueError,  # names that are no UTF-8; inputs that are missing
    RuntimeError,
    *(
        kind
        for kind in vars(import_module("onnxruntime.capi.onnxruntime_pybind11_state")).values()
        if isinstance(kind, type) and issubclass(kind, Exception)
    ),
)
"""Everything by which onnxruntime says that it cannot; its own kinds have no common base."""

MOST_THREADS = 2

_FLOAT32 = "tensor(float)"


class InferenceError(RuntimeError):
    """The network could not be run on these inputs."""


@dataclass(frozen=True, slots=True)
class TensorInfo:
    """An input or output as the model file declares it."""

    name: str
    shape: tuple[int | None, ...]
    """None where an axis is free."""
    kind: str
    """`tensor(float)` for float32."""

    @property
    def is_float32(self) -> bool:
        """Whether its elements are float32."""
        return self.kind == _FLOAT32


class Session:
    """A network in memory, on the CPU. One thread of the program may run it at a time.

    Raises BundleError, with the reason, when the file is unreadable, damaged, or keeps weights in other files.
    """

    def __init__(self, path: Path, threads: int = 1, dequantise: Literal["load", "run"] | None = None) -> None:
        if not 1 <= threads <= MOST_THREADS:
            raise ValueError(f"a model runs on 1 to {MOST_THREADS} threads, not {threads}")
        self.path = path
        self._session = _open(path, self._options(path, threads, dequantise))
        self.inputs: tuple[TensorInfo, ...] = tuple(_info(item) for item in self._session.get_inputs())
        self.outputs: tuple[TensorInfo, ...] = tuple(_info(item) for item in self._session.get_outputs())
        self.metadata: dict[str, str] = dict(self._session.get_modelmeta().custom_metadata_map)
        """The file's `metadata_props`."""
        self._names = [output.name for output in self.outputs]

    @staticmethod
    def _options(path: Path, threads: int, dequantise: str | None) -> Any:
        options = _ort.SessionOptions()
        options.intra_op_num_threads = threads
        options.inter_op_num_threads = 1
        options.log_severity_level = 3
        # Spinning threads would keep a core busy between two windows.
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        options.add_session_config_entry("session.inter_op.allow_spinning", "0")
        # A folder that cannot exist: weights outside the file whose hash was checked are refused.
        options.add_session_config_entry("session.model_external_initializers_file_folder_path", str(path / "none"))
        # Otherwise narrow weights stay narrow and are widened anew at each run.
        options.add_session_config_entry("session.disable_quant_qdq", "1" if dequantise == "load" else "0")
        # By default products with narrow weights round the activations to 8 bits too, which was 1 % off.
        options.add_session_config_entry("session.qdq_matmulnbits_accuracy_level", "1")
        return options

    def setting(self, key: str) -> str:
        """A configuration entry of the running session, such as `session.intra_op.allow_spinning`."""
        return str(self._session.get_session_options().get_session_config_entry(key))

    def run(self, inputs: Mapping[str, Float32Array]) -> dict[str, Float32Array]:
        """Outputs by name, float32, owned by the caller.

        Raises InferenceError when the inputs do not fit or the network fails.
        """
        try:
            results: list[Any] = self._session.run(self._names, dict(inputs))
        except _FAILURES as failure:
            raise InferenceError(f"{self.path}: {_reason(failure)}") from failure
        return {name: np.asarray(result, dtype=np.float32) for name, result in zip(self._names, results, strict=True)}


def _open(path: Path, options: Any) -> Any:
    remedy = "Put the original file back, or export the model again"
    try:
        # As bytes: other files cannot be reached relative to the model.
        content = path.read_bytes()
    except OSError as error:
        raise BundleError(f"model {path}", f"cannot be read: {error.strerror or error}", remedy) from error
    try:
        # Falling back prints to standard output, where readings go.
        return _ort.InferenceSession(content, options, providers=["CPUExecutionProvider"], enable_fallback=0)
    except _FAILURES as failure:
        reason = _reason(failure)
        if "external data" in reason.lower():
            reason = "it keeps weights in other files, which are not covered by its hash"
            remedy = "Export the model as one file"
        raise BundleError(f"model {path}", reason, remedy) from failure


def _info(described: Any) -> TensorInfo:
    shape = tuple(size if isinstance(size, int) else None for size in cast("list[object]", described.shape))
    return TensorInfo(str(described.name), shape, str(described.type))


def _reason(failure: Exception) -> str:
    """The sentence behind `[ONNXRuntimeError] : 7 : INVALID_PROTOBUF : `, on one line."""
    text = " ".join(str(failure).split())
    if text.startswith("[ONNXRuntimeError]"):
        text = text.split(" : ", 3)[-1]
    return text.rstrip(".")
