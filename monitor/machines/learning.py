"""Learns one view of a machine: a detector for each domain, their common scale, and which domain is which."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from monitor.machines.domain import KAPPA, DomainDetector, DomainRule, DomainScorer
from monitor.machines.fitting import fit_detector, fit_domain_classifier, fittable
from monitor.machines.whitening import fit_whitening

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from monitor.features.filterbank import Float64Array
    from monitor.machines.detectors import Detector, DetectorKind
    from monitor.machines.normals import Normals, View
    from monitor.machines.whitening import Whitening

PRIOR = 5
"""Contexts' worth of trust in the source domain's spread, where the target domain has few."""

LEAST_SPREAD = 0.05
"""Of left-out scores, relative to their mean: identical normals are no yardstick."""


@dataclass(frozen=True, slots=True)
class DetectorOptions:
    """How a view is learnt."""

    kind: DetectorKind = "knn"
    size: int = 2
    """Neighbours, or components of a mixture, 1 or more."""
    rule: DomainRule = "smaller"
    kappa: float = KAPPA
    """Of Eq. 7, above 0."""


@dataclass(frozen=True, slots=True, eq=False)
class Learnt:
    """A scorer, and how its own normals score when they are left out."""

    domains: DomainScorer
    left_out: Float64Array
    """float64 `(n,)`, one for each context of the normals."""
    notes: tuple[str, ...]
    """What could not be fitted as asked, each one clause."""


def learn(normals: Normals, view: View, options: DetectorOptions) -> Learnt:
    """Fit the detectors of a view, by the rule for domains. Raises ValueError for fewer than two contexts apart."""
    vectors = normals.vectors[view]
    everything = np.ones(len(normals), dtype=np.bool_)
    classifier = None
    if normals.target.any():
        classifier = fit_domain_classifier(vectors[~normals.target], vectors[normals.target], options.kappa)
    notes: list[str] = []
    if options.rule == "general" or not _enough(normals, normals.target, options.kind):
        if normals.target.any() and options.rule != "general":
            notes.append("too few target clips for a detector of their own: they were added to the source's")
        one, scores = _learn_domain(normals, view, everything, options, None, notes)
        return Learnt(DomainScorer(one, None, classifier, "general"), one.scaled(scores), tuple(notes))
    source, own_source = _learn_domain(normals, view, ~normals.target, options, None, notes)
    target, own_target = _learn_domain(normals, view, normals.target, options, source.spread, notes)
    scorer = DomainScorer(source, target, classifier, options.rule)
    # Each normal by its own domain's detector without it, and by the other domain's as it is.
    by_source = np.where(normals.target, source.score(vectors), source.scaled(own_source))
    by_target = np.where(normals.target, target.scaled(own_target), target.score(vectors))
    return Learnt(scorer, scorer.joined(by_source, by_target, scorer.probability(vectors)), tuple(notes))


def _enough(normals: Normals, chosen: NDArray[np.bool_], kind: DetectorKind) -> bool:
    """Whether a detector can be fitted and checked on what is left when one is left out."""
    apart = normals.apart(chosen)
    return apart >= 2 and fittable(kind, 1, apart - 1) >= 1


def _learn_domain(
    normals: Normals,
    view: View,
    chosen: NDArray[np.bool_],
    options: DetectorOptions,
    known_spread: float | None,
    notes: list[str],
) -> tuple[DomainDetector, Float64Array]:
    """The detector of some normals, and their raw scores `(n,)` when they are left out."""
    vectors = normals.vectors[view]
    smallest: list[int] = []

    def fit(known: NDArray[np.bool_]) -> tuple[Whitening, Detector]:
        size = fittable(options.kind, options.size, int(known.sum()))
        smallest.append(size)
        whitening = fit_whitening(vectors[known], normals.apart(known))
        return whitening, fit_detector(options.kind, whitening(vectors[known]), max(size, 1))

    def score(known: NDArray[np.bool_], judged: NDArray[np.bool_]) -> Float64Array:
        whitening, detector = fit(known)
        return detector.score(whitening(vectors[judged]))

    raw = normals.left_out(chosen, score)
    told = raw[chosen & np.isfinite(raw)]
    whitening, detector = fit(chosen)
    if smallest[-1] < options.size:
        what = "components" if options.kind == "gmm" else "neighbours"
        who = "target" if known_spread is not None else "source"
        notes.append(
            f"{options.kind}: {smallest[-1]} instead of {options.size} {what}, for the {who} domain has too few clips"
        )
    centre, spread = float(told.mean()), float(told.std())
    if known_spread is not None:
        few = normals.apart(chosen)
        spread = float(np.sqrt((few * spread**2 + PRIOR * known_spread**2) / (few + PRIOR)))
    spread = max(spread, LEAST_SPREAD * abs(centre), 1e-9)
    return DomainDetector(whitening, detector, centre, spread), raw
