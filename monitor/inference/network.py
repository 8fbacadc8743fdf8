"""What every runtime offers: a network in memory, its inputs and outputs, and a run."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Mapping

    from monitor.core.types import Float32Array

MOST_THREADS = 2

FLOAT32 = "tensor(float)"
"""How a runtime's `TensorInfo` names float32."""


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
        return self.kind == FLOAT32


class Network(Protocol):
    """A model file that one runtime has opened."""

    @property
    def inputs(self) -> tuple[TensorInfo, ...]:
        """As the file declares them."""
        ...

    @property
    def outputs(self) -> tuple[TensorInfo, ...]:
        """As the file declares them."""
        ...

    @property
    def metadata(self) -> dict[str, str]:
        """The file's own notes: name -> text."""
        ...

    def setting(self, key: str) -> str:
        """A configuration entry of the runtime; empty where it has none of the name."""
        ...

    def run(self, inputs: Mapping[str, Float32Array]) -> dict[str, Float32Array]:
        """Outputs by name, float32, owned by the caller. Raises InferenceError."""
        ...
