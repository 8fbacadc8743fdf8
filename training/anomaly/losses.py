"""Losses of the extractor and the domain classifier. Equation numbers: Kuroyanagi et al. 2022."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from torch.nn import functional

if TYPE_CHECKING:
    from torch import Tensor


def section_loss(logits: Tensor, sections: Tensor, machine: Tensor) -> Tensor:
    """Eq. 1: mean binary cross-entropy of logits `(batch, K)` over the rows that are of the machine at all.

    `sections` `(batch, K)` is one-hot, or soft after Mixup; `machine` `(batch,)` 0..1 is t. 0 where no row counts.
    """
    counted = (machine > 0).to(logits)
    each = functional.binary_cross_entropy_with_logits(logits, sections, reduction="none").sum(dim=1)
    return (counted * each).sum() / (logits.shape[1] * counted.sum()).clamp_min(1.0)


def machine_loss(logits: Tensor, machine: Tensor) -> Tensor:
    """Eq. 2: mean binary cross-entropy of the machine head's logits `(batch,)` against t `(batch,)`, 0..1."""
    return functional.binary_cross_entropy_with_logits(logits, machine)


def domain_loss(logits: Tensor, domain: Tensor, machine: Tensor, weight: Tensor | None = None) -> Tensor:
    """Eq. 5: mean over the rows of the machine; `domain` `(batch,)` is 1 for target, the mixing ratio in between.

    `weight` `(batch,)` lets rows in gradually (the released code's ramp on target rows). 0 where no row counts.
    """
    counted = (machine > 0).to(logits)
    each = functional.binary_cross_entropy_with_logits(logits, domain, reduction="none")
    if weight is not None:
        each = weight * each
    return (counted * each).sum() / counted.sum().clamp_min(1.0)


def total_loss(
    machine: Tensor | float,
    section: Tensor | float,
    section_weight: float,
    domain: Tensor | float = 0.0,
    domain_weight: float = 0.0,
) -> Tensor | float:
    """Eq. 3, and with a domain weight Eq. 6."""
    return machine + section_weight * section + domain_weight * domain


def mixup_chance(step: int, steps: int) -> float:
    """Chance that a batch is mixed: a cosine from 1 to 0 (the released code)."""
    return math.cos(0.5 * math.pi * step / steps)


def target_ramp(step: int, steps: int) -> float:
    """Weight of target rows: 0 at first, 1 from half of the steps on (the released code)."""
    return 1.0 if 2 * step >= steps else 0.5 * (1.0 - math.cos(2.0 * math.pi * step / steps))
