"""Losses of distillation on logits `(batch, classes)`: decoupled, as the paper has it, and plain.

Zhao et al., "Decoupled knowledge distillation" (CVPR 2022); equation numbers are those of Yu et al. (DCASE 2023).
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional


def target_divergence(student: Tensor, teacher: Tensor, labels: Tensor, temperature: float) -> Tensor:
    """TCKD of each example `(batch,)`: KL between the two binary distributions "target class or not"."""
    return _divergence(_binary(teacher, labels, temperature), _binary(student, labels, temperature))


def other_divergence(student: Tensor, teacher: Tensor, labels: Tensor, temperature: float) -> Tensor:
    """NCKD of each example `(batch,)`: KL between the distributions over the classes that are not the target."""
    return _divergence(_others(teacher, labels, temperature), _others(student, labels, temperature))


def decoupled(
    student: Tensor, teacher: Tensor, labels: Tensor, alpha: float, beta: float, temperature: float
) -> Tensor:
    """Eq. 3, batch mean, times the squared temperature (released code; the paper's text does not scale)."""
    target = target_divergence(student, teacher, labels, temperature)
    others = other_divergence(student, teacher, labels, temperature)
    return temperature**2 * (alpha * target + beta * others).mean()


def plain(student: Tensor, teacher: Tensor, temperature: float) -> Tensor:
    """Eq. 1 between whole distributions, batch mean, times the squared temperature."""
    expected, found = (functional.log_softmax(logits / temperature, dim=1) for logits in (teacher, student))
    return temperature**2 * _divergence(expected, found).mean()


def mixed_cross_entropy(logits: Tensor, first: Tensor, second: Tensor, share: Tensor) -> Tensor:
    """Cross-entropy against `share` `(batch,)` of class `first` and the rest of class `second`, batch mean."""
    of_first = functional.cross_entropy(logits, first, reduction="none")
    of_second = functional.cross_entropy(logits, second, reduction="none")
    return (share * of_first + (1.0 - share) * of_second).mean()


def _binary(logits: Tensor, labels: Tensor, temperature: float) -> Tensor:
    """Log probabilities `(batch, 2)` of the target class, and of all others together."""
    log = functional.log_softmax(logits / temperature, dim=1)
    target = log.gather(1, labels[:, None])  # (batch, 1)
    others = log.masked_fill(_is_target(logits, labels), -torch.inf).logsumexp(dim=1, keepdim=True)
    return torch.cat([target, others], dim=1)


def _others(logits: Tensor, labels: Tensor, temperature: float) -> Tensor:
    """Log probabilities `(batch, classes - 1)` among the classes that are not the target."""
    rest = logits[~_is_target(logits, labels)].reshape(len(logits), -1)
    return functional.log_softmax(rest / temperature, dim=1)


def _is_target(logits: Tensor, labels: Tensor) -> Tensor:
    return functional.one_hot(labels, logits.shape[1]).bool()


def _divergence(expected: Tensor, found: Tensor) -> Tensor:
    """KL of log probabilities `(batch, n)`, `(batch,)`."""
    return (expected.exp() * (expected - found)).sum(dim=1)
