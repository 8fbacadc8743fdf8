"""The basis in which mixtures are fitted: cosines over the frames and over the values of a decision.

It is a rotation, so distances and densities stay what they are. But the level of a sound moves all 45 values together,
and neighbours go together; after the rotation that is one value, and what diagonal variances cannot say is little.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from scipy.fft import dctn, idctn  # pyright: ignore[reportUnknownVariableType] (scipy has no types)

if TYPE_CHECKING:
    from numpy.typing import NDArray


def to_basis(vectors: NDArray[np.floating]) -> NDArray[np.float64]:
    """Decisions `(n, frames, values)` in dB -> `(n, frames * values)` in the basis of the mixtures."""
    turned: NDArray[np.float64] = np.asarray(dctn(vectors.astype(np.float64), axes=(1, 2), norm="ortho"))
    return turned.reshape(len(vectors), -1)


def from_basis(vectors: NDArray[np.floating], frames: int) -> NDArray[np.float64]:
    """Back: `(n, frames * values)` -> `(n, frames * values)` in dB, the earliest frame first."""
    shaped = vectors.astype(np.float64).reshape(len(vectors), frames, -1)
    turned: NDArray[np.float64] = np.asarray(idctn(shaped, axes=(1, 2), norm="ortho"))
    return turned.reshape(len(vectors), -1)
