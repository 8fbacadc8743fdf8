"""Every inlier model of a recipe on what an extractor says, by section: the candidates that are chosen among."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import product
from typing import TYPE_CHECKING

import numpy as np

from monitor.machines.domain import weighted_score
from training.anomaly.detect import (
    Approach,
    Inlier,
    Memory,
    SectionVectors,
    approach_scores,
    averaged,
    frozen_probability,
)
from training.anomaly.extractors import altered_clips, held_out
from training.anomaly.systems import SectionScores, SystemScores, best, by_pseudo_anomalies
from training.anomaly.views import sections_of
from training.evaluate import roc_auc

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from training.anomaly.extractors import ClipAnswers
    from training.anomaly.material import Material
    from training.anomaly.recipe import PaperRecipe
    from training.data.layouts.dcase2022 import MachineClip

APPROACHES: tuple[Approach, ...] = ("generalisation", "specialisation", "smaller", "source", "target")
"""The last two are one domain's detectors alone, which ensembles of a machine and domain are made of."""

Systems = dict[str, SystemScores]
"""By name: what the row, the features and the inlier model are."""
Key = tuple[str, int]


@dataclass(frozen=True, slots=True, eq=False)
class Rows:
    """Where the clips of a section lie among a machine's answers."""

    normal: NDArray[np.int64]
    normal_target: NDArray[np.bool_]
    asked: NDArray[np.int64]
    pseudo: NDArray[np.int64]
    """Altered normals."""


def rows_of(recipe: PaperRecipe, material: Material, machine: str) -> dict[int, Rows]:
    """By section. Detectors see the held-out normals; all training clips where the recipe says so."""
    own = [clip for clip in material.clips if clip.machine == machine]
    altered = altered_clips(material, machine, recipe.split, recipe.seed)
    kept = held_out(material.clips, recipe.split, recipe.seed)
    found: dict[int, Rows] = {}
    for (_, section), rows in sections_of(own).items():
        training = [i for i in rows if own[i].train]
        normal = [i for i in training if own[i].path in kept] if recipe.detection.normals == "held-out" else training
        normal = normal or training
        found[section] = Rows(
            np.array(normal),
            np.array([bool(own[i].target) for i in normal]),
            np.array([i for i in rows if not own[i].train]),
            len(own) + np.array([i for i, clip in enumerate(altered) if clip.section == section], dtype=np.int64),
        )
    return found


def systems_of(
    recipe: PaperRecipe,
    material: Material,
    machine: str,
    answers: ClipAnswers,
    probability: Mapping[int, NDArray[np.float64]],
    prefix: str,
) -> dict[str, Systems]:
    """By approach: scores of all inlier models of the recipe on one machine's answers.

    `probability` of the target domain by section, of all rows of the answers; empty where nothing tells domains apart.
    """
    detection = recipe.detection
    made: dict[str, Systems] = {approach: {} for approach in APPROACHES}
    places = rows_of(recipe, material, machine)
    memories: dict[tuple[int, bool], Memory] = {}
    for logits, kind, size, aggregator in product(
        detection.logits, detection.kinds, detection.sizes, detection.aggregators
    ):
        inlier = Inlier(kind, size, aggregator)
        vectors = answers.vectors(logits)
        name = f"{prefix}, {vectors.shape[2]} features, {inlier.name}"
        for section, rows in places.items():
            memory = memories.setdefault((section, logits), {})
            of_section = _section(recipe, vectors, rows, inlier, probability.get(section), memory)
            for approach, scores in of_section.items():
                made[approach].setdefault(name, {})[machine, section] = scores
    return made


def _section(
    recipe: PaperRecipe,
    vectors: NDArray[np.float64],
    rows: Rows,
    inlier: Inlier,
    probability: NDArray[np.float64] | None,
    memory: Memory,
) -> dict[Approach, SectionScores]:
    """All approaches that a section allows: one of a single domain has but one detector, whatever it is called."""
    asked = np.concatenate([rows.asked, rows.pseudo])
    data = SectionVectors(vectors[rows.normal], rows.normal_target, vectors[asked])
    of = None if probability is None else probability[np.concatenate([rows.normal, asked])]
    m, pseudo = len(rows.asked), recipe.detection.pseudo_normals
    made: dict[Approach, SectionScores] = {}
    for approach in APPROACHES:
        # Where nothing tells domains apart, the specialised system is the general one.
        way = "generalisation" if of is None and approach != "smaller" else approach
        scores, left_out = approach_scores(data, inlier, way, of, pseudo, recipe.seed, memory)
        made[approach] = SectionScores(scores[:m], left_out, scores[m:])
    return made


def probabilities(
    recipe: PaperRecipe, material: Material, machine: str, answers: ClipAnswers
) -> dict[int, NDArray[np.float64]]:
    """Eq. 7 by section, of all rows of a domain classifier's answers; logits are means of a clip's segments.

    Standardised by all training clips of the section, not by the test set.
    """
    own = [clip for clip in material.clips if clip.machine == machine]
    logits = answers.domain.astype(np.float64).mean(axis=1)
    found: dict[int, NDArray[np.float64]] = {}
    for (_, section), rows in sections_of(own).items():
        training = np.array([i for i in rows if own[i].train])
        found[section] = frozen_probability(logits[training], logits, recipe.detection.kappa)[len(training) :]
    return found


def domain_areas(clips: list[MachineClip], probability: Mapping[int, NDArray[np.float64]]) -> dict[int, float]:
    """Area under the curve of telling the domains of a machine's test clips apart, by section that has both."""
    areas: dict[int, float] = {}
    for (_, section), rows in sections_of(clips).items():
        asked = [i for i in rows if not clips[i].train]
        area = roc_auc([float(bool(clips[i].target)) for i in asked], probability[section][asked])
        if np.isfinite(area):
            areas[section] = area
    return areas


def by_machine_and_domain(
    source: Systems,
    target: Systems,
    machine: str,
    probability: Mapping[int, NDArray[np.float64]],
    recipe: PaperRecipe,
    material: Material,
    count: int,
) -> dict[Key, NDArray[np.float64]]:
    """Eq. 8 of two ensembles, the best for either domain of each section; chosen on altered normals."""
    found: dict[Key, NDArray[np.float64]] = {}
    for section, rows in rows_of(recipe, material, machine).items():
        key = (machine, section)
        ends: list[NDArray[np.float64]] = []
        for systems in (source, target):
            names = best(systems, by_pseudo_anomalies(machine, section), count)
            ends.append(averaged([(systems[name][key].asked, systems[name][key].left_out) for name in names]))
        if section in probability:
            found[key] = weighted_score(probability[section][rows.asked], ends[0], ends[1])
        else:
            found[key] = ends[0]
    return found
