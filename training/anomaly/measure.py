"""What the encoder is worth: its rows beside the plain figures', and with machines that it never heard."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import product
from typing import TYPE_CHECKING

import numpy as np

from training.anomaly.as_enrolled import enrolled_scores
from training.anomaly.detect import Inlier
from training.anomaly.metrics import Summary, paper_figures, summarise
from training.anomaly.systems import by_other_machines, chosen_scores
from training.anomaly.views import MOMENTS, SIMPLE, embedding_view, joined_scores, simple_views, truth_of

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from training.anomaly.detect import Approach
    from training.anomaly.material import Material
    from training.anomaly.systems import SystemScores, Truth
    from training.anomaly.views import Encoder, Views
    from training.data.layouts.dcase2022 import MachineClip

SIZES = (1, 2, 4)
"""Neighbours that are tried ..."""
APPROACHES: tuple[Approach, ...] = ("generalisation", "smaller")
"""... with these, leave-one-machine-out."""
FIXED = Inlier("knn", 2, "mean")
"""What the monitor does unless told otherwise, with the smaller of the two domains."""

HEARD, UNHEARD = "embedding, machine heard", "embedding, machine never heard"
ROWS: dict[str, tuple[str, ...]] = {
    "level only": ("level",),
    "crest only": ("crest",),
    "kurtosis only": ("kurtosis",),
    "mean and deviation of the log-mel": (MOMENTS,),
    "spectrum percentiles only": ("spectrum",),
    "simple features": SIMPLE,
    HEARD: (HEARD,),
    UNHEARD: (UNHEARD,),
    "joined, machine heard": (*SIMPLE, HEARD),
    "joined, machine never heard": (*SIMPLE, UNHEARD),
}
"""Rows of the table, and the views whose scaled scores they average."""

PLAIN_ENROLLED = "as enrolled on site, no encoder"
HEARD_ENROLLED = "as enrolled on site, machine heard"
UNHEARD_ENROLLED = "as enrolled on site, machine never heard"
"""Rows of the monitor's own enrollment and scoring; on site no machine was ever heard by the encoder."""


@dataclass(frozen=True, slots=True)
class Line:
    """A row of the table."""

    name: str
    chosen: Summary
    """Neighbours and approach chosen for each machine by what they score on the others."""
    fixed: Summary
    """Two neighbours, the smaller of the two domains, for all."""
    choices: dict[str, str]
    """By machine."""
    paper: dict[str, float]
    """Of the chosen: the paper's own variant (`metrics.paper_figures`)."""


def measure(
    material: Material, encoder: Encoder, unheard: Mapping[str, Encoder], cache: Path, progress: Callable[[str], None]
) -> list[Line]:
    """All rows; those of machines never heard are left out where `unheard` lacks a machine."""
    clips = material.clips
    views: Views = simple_views(material, clips, cache, progress)
    everywhere = np.ones(len(clips), dtype=np.bool_)
    views[HEARD] = embedding_view(material, cache, encoder, everywhere)
    if set(unheard) >= set(material.machines()):
        of = np.array([clip.machine for clip in clips])
        views[UNHEARD] = np.sum([embedding_view(material, cache, unheard[m], of == m) for m in sorted(unheard)], axis=0)
    truth = truth_of(clips)
    lines: list[Line] = []
    for name, parts in ROWS.items():
        if not set(parts) <= set(views):
            continue
        fixed = joined_scores(clips, views, parts, FIXED, "smaller")
        scores, choices = neighbour_scores(clips, views, parts, truth)
        lines.append(
            Line(
                name,
                summarise(truth.clips(scores)),
                summarise(truth.clips({key: one.asked for key, one in fixed.items()})),
                choices,
                paper_figures(truth.clips(scores)),
            )
        )
        progress(f"{name}: all {lines[-1].chosen.everything:.3f}, headline {lines[-1].chosen.headline:.3f}")
    return lines + _enrolled(material, encoder, unheard if UNHEARD in views else {}, progress)


def neighbour_scores(
    clips: Sequence[MachineClip], views: Views, parts: Sequence[str], truth: Truth
) -> tuple[dict[tuple[str, int], NDArray[np.float64]], dict[str, str]]:
    """Test scores by section of the named views; neighbours and approach as the other machines chose, and which."""
    systems: dict[str, SystemScores] = {
        f"{size} neighbours, {approach}": joined_scores(clips, views, parts, Inlier("knn", size, "mean"), approach)
        for size, approach in product(SIZES, APPROACHES)
    }
    machines = sorted({key[0] for key in truth.target})
    scores, names = chosen_scores(systems, machines, lambda machine: by_other_machines(truth, machine))
    return scores, {machine: some[0] for machine, some in names.items()}


def _enrolled(
    material: Material, encoder: Encoder, unheard: Mapping[str, Encoder], progress: Callable[[str], None]
) -> list[Line]:
    """What the monitor itself scores; nothing is chosen."""
    ways: dict[str, Callable[[str], Encoder | None]] = {
        PLAIN_ENROLLED: lambda machine: None,
        HEARD_ENROLLED: lambda machine: encoder,
    }
    if unheard:
        ways[UNHEARD_ENROLLED] = lambda machine: unheard[machine]
    truth = truth_of(material.clips)
    lines: list[Line] = []
    for name, encoder_of in ways.items():
        scores = enrolled_scores(material, encoder_of, progress)
        if scores:
            clips = truth.clips(scores)
            summary = summarise(clips)
            lines.append(Line(name, summary, summary, {}, paper_figures(clips)))
            progress(f"{name}: all {summary.everything:.3f}, headline {summary.headline:.3f}")
    return lines
