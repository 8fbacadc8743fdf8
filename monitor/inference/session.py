"""The one place that runs networks: one kind of session, whatever runtime is behind it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import numpy as np

from monitor.inference.litert_network import LiteRtNetwork
from monitor.inference.network import MOST_THREADS, InferenceError, TensorInfo
from monitor.inference.onnx_network import OnnxNetwork

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from monitor.core.types import Float32Array
    from monitor.inference.network import Network

__all__ = ["MOST_THREADS", "InferenceError", "Runtime", "Session", "TensorInfo"]

Runtime = Literal["onnx", "litert"]


class Session:
    """A network in memory, on the CPU. One thread of the program may run it at a time.

    Networks whose batch is fixed at 1, or that take a window without a batch, are run row by row; to the caller their
    batch is free like any other. Raises BundleError, with the reason, when the file is unreadable, damaged, or keeps
    weights in other files, or when its runtime is not installed.
    """

    def __init__(
        self,
        path: Path,
        threads: int = 1,
        dequantise: Literal["load", "run"] | None = None,
        runtime: Runtime = "onnx",
    ) -> None:
        if not 1 <= threads <= MOST_THREADS:
            raise ValueError(f"a model runs on 1 to {MOST_THREADS} threads, not {threads}")
        self.path = path
        self._network: Network = (
            OnnxNetwork(path, threads, dequantise) if runtime == "onnx" else LiteRtNetwork(path, threads)
        )
        self.metadata = self._network.metadata
        """The file's own notes, `metadata_props` in ONNX."""
        self._unbatched = frozenset(info.name for info in self._network.inputs if len(info.shape) == 1)
        """Inputs that are a window without a batch."""
        fixed = any(info.shape[:1] == (1,) for info in self._network.inputs)
        self._row_by_row = runtime == "litert" or fixed or bool(self._unbatched)
        self.inputs: tuple[TensorInfo, ...] = self._network.inputs
        self.outputs: tuple[TensorInfo, ...] = self._network.outputs
        if self._row_by_row:
            self.inputs = tuple(_batched(info, info.name in self._unbatched) for info in self.inputs)
            self.outputs = tuple(_batched(info, info.shape[:1] not in ((1,), (None,))) for info in self.outputs)
        self._rows = {info.name: info.shape[1:] for info in self.inputs}

    def setting(self, key: str) -> str:
        """A configuration entry of the running session, such as `session.intra_op.allow_spinning`."""
        return self._network.setting(key)

    def run(self, inputs: Mapping[str, Float32Array]) -> dict[str, Float32Array]:
        """Outputs by name, float32, owned by the caller; all heads of the network in one pass.

        Raises InferenceError when the inputs do not fit or the network fails.
        """
        if not self._row_by_row:
            return self._network.run(inputs)
        self._refuse_misfits(inputs)
        count = len(next(iter(inputs.values())))
        rows = [self._network.run(self._row(inputs, number)) for number in range(count)]
        return {info.name: self._stacked(info, [row[info.name] for row in rows]) for info in self.outputs}

    def _refuse_misfits(self, inputs: Mapping[str, Float32Array]) -> None:
        if inputs.keys() != self._rows.keys():
            wanted, given = ", ".join(self._rows), ", ".join(inputs) or "none"
            raise InferenceError(f"{self.path}: takes the inputs {wanted}, got {given}")
        if len({len(values) for values in inputs.values()}) != 1:
            raise InferenceError(f"{self.path}: inputs of different numbers of windows")
        for name, values in inputs.items():
            wanted = self._rows[name]
            fits = values.ndim == len(wanted) + 1 and all(
                size in (None, given) for size, given in zip(wanted, values.shape[1:], strict=True)
            )
            if values.dtype != np.float32 or not fits:
                why = f"input `{name}` is {values.dtype} {values.shape}, needed is float32 (n, {_sizes(wanted)})"
                raise InferenceError(f"{self.path}: {why}")

    def _row(self, inputs: Mapping[str, Float32Array], number: int) -> dict[str, Float32Array]:
        return {
            name: values[number] if name in self._unbatched else values[number : number + 1]
            for name, values in inputs.items()
        }

    def _stacked(self, info: TensorInfo, rows: list[Float32Array]) -> Float32Array:
        sizes = tuple(size or 0 for size in info.shape[1:])
        if not rows:
            return np.zeros((0, *sizes), dtype=np.float32)
        whole = [row if row.ndim == len(info.shape) and len(row) == 1 else row[None] for row in rows]
        if any(row.ndim != len(info.shape) or row.shape != whole[0].shape for row in whole):
            raise InferenceError(f"{self.path}: output `{info.name}` is {rows[0].shape} for one window")
        return np.concatenate(whole)


def _batched(info: TensorInfo, without: bool) -> TensorInfo:
    """With a free batch: put in front, or in the place of a fixed one."""
    return TensorInfo(info.name, (None, *(info.shape if without else info.shape[1:])), info.kind)


def _sizes(shape: tuple[int | None, ...]) -> str:
    return ", ".join(str(size or "any") for size in shape)
