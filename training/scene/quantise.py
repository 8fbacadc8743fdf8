"""Eight bits: a float ONNX file becomes one of int8 weights and activations, QDQ, calibrated on training windows.

Post-training static quantisation, per channel (section 5 of Yu et al., DCASE 2023), by onnxruntime; PyTorch's FX mode,
which the paper uses, gives modules that do not export to ONNX.
"""

from __future__ import annotations

import logging
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import onnx
from onnx import numpy_helper
from onnxruntime.quantization import CalibrationDataReader, CalibrationMethod, QuantFormat, QuantType, quantize_static
from onnxruntime.quantization.shape_inference import quant_pre_process

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from training.scene.recipe import Quantisation

METHODS = {
    "minmax": CalibrationMethod.MinMax,
    "entropy": CalibrationMethod.Entropy,
    "percentile": CalibrationMethod.Percentile,
}
QUANTISED = ("Conv", "MatMul", "Gemm", "Add", "MaxPool")
"""Operators that are computed in eight bits where nothing else is said."""

BATCH = 32


@dataclass(frozen=True, slots=True)
class Sizes:
    """Bytes of an ONNX model."""

    file: int
    initialisers: int
    """Weights, biases, scales and zero points: what the 128 KB count."""


class _Windows(CalibrationDataReader):
    """Calibration windows `(n, frames, bands)`, a batch at a time."""

    def __init__(self, windows: NDArray[np.float32]) -> None:
        self._batches = iter([windows[i : i + BATCH] for i in range(0, len(windows), BATCH)])

    def get_next(self) -> dict[str, NDArray[np.float32]] | None:  # pyright: ignore[reportIncompatibleMethodOverride]
        batch = next(self._batches, None)
        return None if batch is None else {"features": np.ascontiguousarray(batch)}


def quantise(source: Path, target: Path, windows: NDArray[np.float32], settings: Quantisation) -> Sizes:
    """Write `source` in eight bits as `target`, metadata kept; its sizes. Activations are uint8, weights int8."""
    logging.getLogger().setLevel(max(logging.getLogger().level, logging.ERROR))
    with tempfile.TemporaryDirectory() as folder:
        prepared = Path(folder) / "prepared.onnx"
        quant_pre_process(str(source), str(prepared), skip_symbolic_shape=True)
        model = onnx.load(prepared)
        quantised = [operator for operator in QUANTISED if operator not in settings.left]
        quantize_static(
            str(prepared),
            str(target),
            _Windows(windows),
            quant_format=QuantFormat.QDQ,
            op_types_to_quantize=quantised,
            nodes_to_exclude=_attention(model.graph) if "attention" in settings.left else [],
            per_channel=True,
            reduce_range=settings.reduce_range,
            activation_type=QuantType.QUInt8,
            weight_type=QuantType.QInt8,
            calibrate_method=METHODS[settings.observer],
        )
    finished = onnx.load(target)
    onnx.helper.set_model_props(finished, {entry.key: entry.value for entry in onnx.load(source).metadata_props})
    onnx.checker.check_model(finished, full_check=True)
    onnx.save(finished, target)
    return sizes(target)


def sizes(path: Path) -> Sizes:
    """Bytes of the file, and of its initialisers."""
    graph = onnx.load(path).graph
    return Sizes(path.stat().st_size, sum(numpy_helper.to_array(one).nbytes for one in graph.initializer))


def _attention(graph: onnx.GraphProto) -> list[str]:
    """Products of two activations: they have no weights to save, and their rounding costs most."""
    fixed = {tensor.name for tensor in graph.initializer}
    return [
        node.name for node in graph.node if node.op_type == "MatMul" and not any(name in fixed for name in node.input)
    ]
