"""Losses over two views of a batch: SimCLR, SupCon, Barlow Twins, FroSSL.

Equation numbers are those of Moummad, Farrugia and Serizel, "Self-supervised learning for few-shot bird sound
classification" (ICASSP workshops, 2024). Where the paper and its released code differ, the default is the paper's
reading and the released one a parameter.
"""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor
from torch.nn import functional

Reduction = Literal["sum", "mean"]
"""`sum` is the paper's; `mean`, the released code's, is over the views."""


def simclr(first: Tensor, second: Tensor, temperature: float = 1.0, reduction: Reduction = "sum") -> Tensor:
    """Eq. 2 over two views `(batch, width)` of the same examples in the same order; need not be normalised.

    `sum` adds the pairs' halved sums, so it is `batch` times `mean`, which the released code takes over all views.
    Raises ValueError on unlike shapes.
    """
    embeddings = _both(first, second)  # (2 * batch, width)
    pairs = torch.arange(len(first), device=first.device).repeat(2)  # (2 * batch,)
    each = contrast(embeddings, pairs, temperature)
    return each.mean() if reduction == "mean" else 0.5 * each.sum()


def supcon(
    embeddings: Tensor,
    labels: Tensor,
    temperature: float = 1.0,
    reduction: Reduction = "sum",
    own_positive: bool = False,
) -> Tensor:
    """Eq. 7 over views `(views, width)`, need not be normalised, and the class of each, `(views,)`.

    A view that shares its class with no other counts for nothing, in the mean too; where none does, the loss is 0.
    With a class of its own for each pair this is twice `simclr`'s sum. That holds only where a view is no positive of
    itself, as in the released code; Eq. 7 to the letter lets it be one, in the numerator: `own_positive`.
    Raises ValueError on unlike lengths or fewer than two views.
    """
    each = contrast(embeddings, labels, temperature, own_positive)
    if reduction == "sum":
        return each.sum()
    return each.sum() / (_positives(labels, own_positive).any(dim=1).sum()).clamp_min(1)


def contrast(embeddings: Tensor, labels: Tensor, temperature: float, own_positive: bool = False) -> Tensor:
    """Eq. 1 of each view `(views,)`, averaged over its positives (the summands of Eq. 7); 0 without a positive."""
    if embeddings.ndim != 2 or len(embeddings) < 2 or labels.shape != embeddings.shape[:1]:
        shapes = f"{tuple(embeddings.shape)} and {tuple(labels.shape)}"
        raise ValueError(f"needs embeddings (views, width) with two views or more and labels (views,), got {shapes}")
    unit = functional.normalize(embeddings, dim=1)
    similarity = unit @ unit.T / temperature  # (views, views)
    itself = torch.eye(len(unit), dtype=torch.bool, device=unit.device)
    # The denominator runs over k != i in either reading; the positive is part of it.
    others = torch.logsumexp(similarity.masked_fill(itself, -torch.inf), dim=1, keepdim=True)
    positives = _positives(labels, own_positive)
    log_share = torch.where(positives, similarity - others, 0.0)
    return -log_share.sum(dim=1) / positives.sum(dim=1).clamp_min(1)


def barlow_twins(
    first: Tensor,
    second: Tensor,
    weight: float = 0.01,
    scaling: Literal["centred", "unbiased", "biased"] = "centred",
) -> Tensor:
    """Eq. 3 over two views `(batch, width)`; `weight` is the paper's lambda.

    The paper only centres over the batch (`centred`), so the length of the embeddings matters. The released code also
    divides by the `unbiased` deviation, yet by the batch in the product: identical views have (batch - 1) / batch on
    the diagonal. `biased` gives 1 there, as the method's own authors have it.
    Raises ValueError on unlike shapes or fewer than two examples.
    """
    _both(first, second, least=2)
    correlation = _scaled(first, scaling).T @ _scaled(second, scaling) / len(first)  # (width, width)
    diagonal = correlation.diagonal()
    across = correlation.square().sum() - diagonal.square().sum()
    return (1.0 - diagonal).square().sum() + weight * across


def frossl(
    first: Tensor,
    second: Tensor,
    weight: float = 0.01,
    variance: Literal["paper", "released"] = "paper",
) -> Tensor:
    """Eq. 4 over two views `(batch, width)`; `weight` is the paper's lambda.

    The released code takes the logarithm of the norm, not of its square, after scaling by the root of the width: half
    of Eq. 6 and a constant. Its weight therefore pulls half as hard as the same weight here.
    Raises ValueError on unlike shapes or fewer than two examples.
    """
    _both(first, second, least=2)
    first, second = _of_unit_norm(first), _of_unit_norm(second)  # (batch, width)
    invariance = (first - second).square().sum(dim=1).mean()  # Eq. 5
    spread = _log(gram_energy(first)) + _log(gram_energy(second))  # Eq. 6
    if variance == "released":
        spread = 0.5 * spread + 2.0 * torch.log(spread.new_tensor(float(first.shape[1])))
    return invariance + weight * spread


def gram_energy(matrix: Tensor) -> Tensor:
    """Squared Frobenius norm of `Z'Z`, the same as that of `ZZ'`: the smaller of the two is formed."""
    rows, columns = matrix.shape
    gram = matrix @ matrix.T if rows < columns else matrix.T @ matrix
    return gram.square().sum()


def _positives(labels: Tensor, own_positive: bool) -> Tensor:
    """Boolean `(views, views)`, true where the column is a positive of the row."""
    alike = labels[:, None] == labels[None, :]
    return alike if own_positive else alike & ~torch.eye(len(labels), dtype=torch.bool, device=labels.device)


def _scaled(views: Tensor, scaling: str) -> Tensor:
    centred = views - views.mean(dim=0)
    if scaling == "centred":
        return centred
    # A dead output has no deviation: it stays zero instead of becoming NaN.
    deviation = views.std(dim=0, correction=1 if scaling == "unbiased" else 0)
    return centred / deviation.clamp_min(torch.finfo(views.dtype).eps)


def _of_unit_norm(views: Tensor) -> Tensor:
    centred = views - views.mean(dim=0)
    return centred / torch.linalg.matrix_norm(centred).clamp_min(torch.finfo(views.dtype).eps)


def _log(energy: Tensor) -> Tensor:
    # At least 1 / min(batch, width) for a matrix of unit norm; 0 only where all embeddings are one point.
    return torch.log(energy.clamp_min(torch.finfo(energy.dtype).eps))


def _both(first: Tensor, second: Tensor, least: int = 1) -> Tensor:
    """Both views one after the other, `(2 * batch, width)`."""
    if first.ndim != 2 or first.shape != second.shape or len(first) < least:
        shapes = f"{tuple(first.shape)} and {tuple(second.shape)}"
        raise ValueError(f"needs two views of one shape (batch, width), batch at least {least}, got {shapes}")
    return torch.cat([first, second])
