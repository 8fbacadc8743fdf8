"""Mixtures fitted to a user's vectors: batch expectation-maximisation with diagonal or full covariances, and the
monitor's own, one vector at a time.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import numpy as np

from monitor.scene.gathering import MixtureGatherer
from monitor.scene.personal_basis import from_basis, to_basis
from training.nets.sound_class import FRAMES

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    Draw = Callable[[int, np.random.Generator], NDArray[np.float64]]

Kind = Literal["diagonal", "full", "cosine", "incremental"]
"""`diagonal` and `full` as in the paper, on the values; `cosine`: diagonal, in the basis that the monitor uses;
`incremental`: the monitor's own, in that basis too."""

LEAST_VARIANCE_DB2 = 0.25
"""Added to variances in the batch fits: what may leave a device has no less."""


def fitted(vectors: NDArray[np.floating], kind: Kind, components: int, seed: int) -> Draw:
    """What draws from the mixture of vectors `(n, d)`, in the order in which they were heard."""
    if kind in ("cosine", "incremental"):
        draw_turned = _fitted(to_basis(vectors.reshape(len(vectors), FRAMES, -1)), kind, components, seed)
        return lambda count, generator: from_basis(draw_turned(count, generator), FRAMES)
    return _fitted(vectors, kind, components, seed)


def _fitted(vectors: NDArray[np.floating], kind: Kind, components: int, seed: int) -> Draw:
    if kind == "incremental":
        gatherer = MixtureGatherer(vectors.shape[1], components)
        for vector in vectors:
            gatherer.add(vector.astype(np.float64))
        return gatherer.sendable().sample
    from sklearn.mixture import GaussianMixture

    covariances = "full" if kind == "full" else "diag"
    mixture = GaussianMixture(
        components,
        covariance_type=covariances,
        reg_covar=LEAST_VARIANCE_DB2,
        init_params="k-means++",
        n_init=2,
        random_state=seed,
    ).fit(vectors.astype(np.float64))

    def draw(count: int, generator: np.random.Generator) -> NDArray[np.float64]:
        chosen = generator.choice(components, size=count, p=mixture.weights_ / mixture.weights_.sum())
        noise = generator.standard_normal((count, vectors.shape[1]))
        if kind != "full":
            return mixture.means_[chosen] + noise * np.sqrt(mixture.covariances_[chosen])
        roots = np.linalg.cholesky(mixture.covariances_)
        return mixture.means_[chosen] + np.einsum("nij,nj->ni", roots[chosen], noise)

    return draw


def numbers(kind: Kind, components: int, dimension: int) -> int:
    """How many numbers a mixture is; of a full covariance, all entries are counted, as in the paper."""
    spread = dimension * dimension if kind == "full" else dimension
    return components * (1 + dimension + spread)
