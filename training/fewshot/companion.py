"""The cohort of BirdNET's embedding: what its similarities are worth, so that taught species can be tagged with it.

It holds embeddings of clips of validation species and of bird-free sound, and slope, offset and threshold fitted as
those of our own encoder are; no weights. `auricle models import birdnet` puts it into the bundle
(`monitor.inference.companion`).
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from monitor.audio.rates import blocks_of
from monitor.birds.background import final_tags
from monitor.birds.clips import Recorded, prepare
from monitor.birds.sound_embedder import SoundEmbedder
from monitor.core.types import ENGINE_RATE
from monitor.errors import UsageError
from monitor.inference.bundle import load_bundle
from monitor.inference.cohort_file import write_cohort
from monitor.inference.companion import COMPANION_FILE, Companion, companion_folder
from monitor.inference.manifest import COHORT_FILE, CohortFile, Threshold
from monitor.inference.manifest_file import sha256_of
from monitor.inference.published import MODEL
from training.data.audio import AudioStore
from training.data.catalog import data_folder
from training.data.splits import Part
from training.fewshot.background import Use
from training.fewshot.calibration import fit_calibration
from training.fewshot.cohort_rows import LIMIT, CohortRows
from training.fewshot.embeddings import unit_rows
from training.fewshot.false_tags import Heard, Listener, join
from training.fewshot.material import load_material
from training.fewshot.teacher import fetch_teacher

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray

    from monitor.birds.gate import GateThresholds
    from monitor.birds.sound_embedder import AnyEmbedder
    from monitor.inference.bundle import Bundle
    from training.data.catalog import Recording
    from training.fewshot.recipe import FewShotRecipe

LICENCE = "CC BY-NC-SA 4.0"
"""Of the rows: some of the recordings and the model behind them ask for it."""

FOLDER = "companions"
"""Beside the bundles."""


def make_companion(recipe: FewShotRecipe, progress: Callable[[str], None]) -> Path:
    """Embed, fit and write; the companion's folder. `recipe` says data, gate, cache, and how scores are fitted."""
    material = load_material(recipe, progress)
    bundle = load_bundle(fetch_teacher(Path(recipe.cache), progress))
    embedder = SoundEmbedder(bundle)
    species = material.by_part[Part.VALIDATION]
    quiet = [one for some in material.background(Use.COHORT).values() for one in some]
    choosing = material.background(Use.CHOOSING)
    wanted = [*species, *quiet, *(one for some in choosing.values() for one in some)]
    store = AudioStore.open(data_folder(recipe.data), wanted, ENGINE_RATE, Path(recipe.cache), progress)
    kept, rows, _ = embed_clips(species, store, material.gate, embedder)
    progress(f"embedded {len(rows)} clips of {len({one.label for one in kept})} species")
    _, background, peaks = embed_clips(quiet, store, material.gate, embedder)
    order = np.argsort(-peaks, kind="stable")[: max(0, LIMIT - len(rows))]
    whole = unit_rows(np.concatenate([rows, background[order]])).astype(np.float16)
    cohort = CohortRows(whole, (*(one.label for one in kept), *("" for _ in order)))
    progress(f"a cohort of {len(whole)} rows")
    heard = [
        hear_sound(name, [np.asarray(store[one.path]) for one in some], material.gate, embedder)
        for name, some in choosing.items()
    ]
    scoring = recipe.scoring
    together = join(heard, "ESC-50 fold 3 without animals, café, music")
    fitted = fit_calibration(kept, rows, cohort, together, scoring.nearest, scoring.enrolled)
    progress(f"slope {fitted.calibration.slope:.3f}, known from {fitted.calibration.known:.3f} on")
    folder = companion_folder(Path(recipe.bundle.folder) / FOLDER, bundle.manifest.id)
    folder.mkdir(parents=True, exist_ok=True)
    file = write_cohort(folder / COHORT_FILE, cohort.embedding, cohort.taxon)
    declared = Companion(
        encoder=bundle.manifest.id,
        model_sha256=MODEL.sha256,
        cohort=CohortFile(
            sha256=sha256_of(file),
            nearest=fitted.nearest,
            slope=fitted.calibration.slope,
            offset=fitted.calibration.offset,
            made_of=f"{len(kept)} clips of {len({one.label for one in kept})} validation species, {len(order)} rows of "
            "ESC-50 folds 1 and 2 without birds; slope and offset from each half of the species against the other; "
            "BirdNET has met most of these species, so that it knows them better than what it has not met",
        ),
        known=Threshold(value=round(fitted.calibration.known, 4), chosen_on=fitted.chosen_on),
        licence=LICENCE,
    )
    text = json.dumps(declared.model_dump(mode="json"), indent=2, sort_keys=True, ensure_ascii=False)
    (folder / COMPANION_FILE).write_text(text + "\n", encoding="utf-8")
    return folder


def embed_clips(
    recordings: Sequence[Recording], store: AudioStore, gate: Bundle, embedder: AnyEmbedder
) -> tuple[list[Recording], NDArray[np.float32], NDArray[np.float64]]:
    """Those of which something can be made, their embeddings `(n, d)` as the monitor enrolls, and gate peaks `(n,)`."""
    kept: list[Recording] = []
    rows: list[NDArray[np.float32]] = []
    peaks: list[float] = []
    for recording in recordings:
        samples = np.ascontiguousarray(store[recording.path], dtype=np.float32)
        try:
            clip = prepare(Recorded(samples, recording.path, clipped=False), gate, embedder, bird_known=True)
        except UsageError:
            continue  # silent, or shorter than any call
        kept.append(recording)
        rows.append(clip.clip.embedding)
        peaks.append(clip.peak)
    return kept, np.stack(rows), np.array(peaks)


def hear_sound(
    name: str,
    recordings: Sequence[NDArray[np.float32]],
    gate: Bundle,
    embedder: AnyEmbedder,
    thresholds: GateThresholds | None = None,
) -> Heard:
    """Everything that would get a final tag in recordings at 48 kHz, heard as one stream.

    `thresholds` None: the gate's own.
    """
    listener = Listener()
    stream = np.concatenate([np.asarray(one, dtype=np.float32) for one in recordings])
    tags = list(final_tags(blocks_of(stream), gate, embedder, listener, thresholds))
    rows = [listener.heard[int(tag.label or 0) - 1] for tag in tags]
    embedding = np.stack(rows) if rows else np.zeros((0, 1), dtype=np.float32)
    return Heard(name, embedding, tuple(tag.span for tag in tags), len(stream) / ENGINE_RATE / 3600.0)
