"""The paper's learning rate: up exponentially, then down linearly."""

from __future__ import annotations

from math import exp


def learning_rate_share(epoch: float, warm_up: float, length: float, last: float) -> float:
    """Share of the base rate at an epoch (0..1): exponential until `warm_up`, linear to `last` over `length` epochs.

    The paper goes down until epoch 400, so over 370; the released code over 400. Section 6 of Yu et al. (DCASE 2023).
    """
    if epoch < warm_up:
        # Half an epoch at least: the very first rate is not e^-5.
        missing = 1.0 - max(0.5, epoch) / warm_up
        return exp(-5.0 * missing * missing)
    done = min(1.0, (epoch - warm_up) / length)
    return last + (1.0 - last) * (1.0 - done)
