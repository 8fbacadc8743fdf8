"""Teaches the demo some of its own birds, so that it has species to name and others that it does not know."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from monitor.audio.synthetic import phrases
from monitor.birds.clips import prepare_clip
from monitor.birds.enroll import enroll
from monitor.birds.expectation import Judge
from monitor.birds.prototypes import PrototypeStore
from monitor.errors import UsageError

if TYPE_CHECKING:
    from pathlib import Path

    from monitor.birds.clips import PreparedClip
    from monitor.engine.models import Models

TAUGHT = ("two-note", "trill")
"""Motifs of the birds that the demo knows; the others are `unknown` to it."""

CLIPS = 3
"""Phrases that each is learnt from; none of them is heard again."""


def teach(models: Models, folder: Path) -> tuple[str, ...]:
    """Enroll the demo's birds in the store at `folder`; returns their names, none without an encoder.

    Raises StoreError when the store cannot be written.
    """
    gate, encoder = models.gate, models.encoder
    if gate is None or encoder is None:
        return ()
    store, judge = PrototypeStore(folder), Judge(encoder.cohort, encoder.calibration)
    taught: list[str] = []
    for motif in TAUGHT:
        clips: list[PreparedClip] = []
        for number, samples in enumerate(phrases(motif, CLIPS)):
            try:
                origin = f"demo {motif} {number + 1}"
                clips.append(prepare_clip(samples, origin, gate.bundle, encoder.embedder, gate.thresholds))
            except UsageError:  # another gate or encoder may hear no bird in it; the other clips will do
                continue
        if clips:
            enroll(store, motif, clips, encoder.embedder, judge, time.time_ns())
            taught.append(motif)
    return tuple(taught)
