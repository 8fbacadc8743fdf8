"""Embeddings as directions: what a network gives, made to length 1."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from monitor.inference.session import InferenceError

if TYPE_CHECKING:
    from monitor.core.types import Float32Array

SHORTEST = 1e-6
"""Length below which an output has no direction."""


def directions(outputs: Float32Array, model_id: str) -> Float32Array:
    """What a network gave, float32 `(n, d)` -> the same with rows of length 1.

    Raises InferenceError when one has no direction.
    """
    rows = outputs.astype(np.float64)
    for number, row in enumerate(rows):
        length = float(np.linalg.norm(row))
        # Written so that a NaN fails too.
        if not SHORTEST < length < np.inf:
            raise InferenceError(f"{model_id} gave an embedding of length {length:g}")
        rows[number] = row / length
    return rows.astype(np.float32)
