"""Networks that ONNX Runtime runs; nothing else imports onnxruntime."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any, Literal, cast

import numpy as np
import onnxruntime

from monitor.errors import BundleError
from monitor.inference.network import InferenceError, TensorInfo

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


class OnnxNetwork:
    """An ONNX file on the CPU. Raises BundleError as `Session` does."""

    def __init__(self, path: Path, threads: int, dequantise: Literal["load", "run"] | None) -> None:
        self._path = path
        self._session = _open(path, _options(path, threads, dequantise))
        self.inputs: tuple[TensorInfo, ...] = tuple(_info(item) for item in self._session.get_inputs())
        self.outputs: tuple[TensorInfo, ...] = tuple(_info(item) for item in self._session.get_outputs())
        self.metadata: dict[str, str] = dict(self._session.get_modelmeta().custom_metadata_map)
        self._names = [output.name for output in self.outputs]

    def setting(self, key: str) -> str:
        """A configuration entry of the running session, such as `session.intra_op.allow_spinning`."""
        return str(self._session.get_session_options().get_session_config_entry(key))

    def run(self, inputs: Mapping[str, Float32Array]) -> dict[str, Float32Array]:
        """As `Session.run`."""
        try:
            results: list[Any] = self._session.run(self._names, dict(inputs))
        except _FAILURES as failure:
            raise InferenceError(f"{self._path}: {_reason(failure)}") from failure
        return {name: np.asarray(result, dtype=np.float32) for name, result in zip(self._names, results, strict=True)}


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
