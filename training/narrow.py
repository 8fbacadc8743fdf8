"""Large weights of an ONNX model stored as eight bits; the runtime widens them once, when the session is made."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import onnx
from onnx import helper, numpy_helper

if TYPE_CHECKING:
    from pathlib import Path

LARGE = 4096
"""Weights with fewer elements stay as they are."""


def narrow(source: Path, target: Path) -> None:
    """Write `source` with the large weights of convolutions and products as int8, one scale an output channel."""
    model = onnx.load(source)
    graph = model.graph
    weights = {tensor.name: tensor for tensor in graph.initializer}
    axes = _channel_axes(graph)
    nodes: list[onnx.NodeProto] = []
    for name, axis in axes.items():
        values = numpy_helper.to_array(weights[name])
        if values.dtype != np.float32 or values.size < LARGE:
            continue
        quantised, scales = per_channel(values, axis)
        graph.initializer.remove(weights[name])
        graph.initializer.extend(
            [
                numpy_helper.from_array(quantised, f"{name}.int8"),
                numpy_helper.from_array(scales, f"{name}.scale"),
            ]
        )
        nodes.append(
            helper.make_node(
                "DequantizeLinear", [f"{name}.int8", f"{name}.scale"], [name], f"{name}.widened", axis=axis
            )
        )
    for node in reversed(nodes):
        graph.node.insert(0, node)
    onnx.checker.check_model(model, full_check=True)
    onnx.save(model, target)


def per_channel(values: np.ndarray, axis: int) -> tuple[np.ndarray, np.ndarray]:
    """Symmetric int8 of `values` and float32 scales `(channels,)` along `axis`."""
    others = tuple(i for i in range(values.ndim) if i != axis)
    largest = np.abs(values).max(axis=others, keepdims=True)
    scales = np.where(largest > 0, largest / 127.0, 1.0).astype(np.float32)
    return np.clip(np.round(values / scales), -127, 127).astype(np.int8), scales.ravel()


def _channel_axes(graph: onnx.GraphProto) -> dict[str, int]:
    """Output-channel axis of each weight that only one operator reads."""
    uses: dict[str, list[int | None]] = {}
    for node in graph.node:
        for position, name in enumerate(node.input):
            axis: int | None = None
            if position == 1 and node.op_type == "Conv":
                axis = 0
            elif position == 1 and node.op_type == "Gemm":
                transposed = any(a.name == "transB" and a.i for a in node.attribute)
                axis = 0 if transposed else 1
            elif position == 1 and node.op_type == "MatMul":
                axis = 1
            uses.setdefault(name, []).append(axis)
    initial = {tensor.name: len(tensor.dims) for tensor in graph.initializer}
    return {
        name: axes[0]
        for name, axes in uses.items()
        if name in initial and len(axes) == 1 and axes[0] is not None and initial[name] > axes[0]
    }
