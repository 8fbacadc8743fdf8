"""The whole making of the bird encoder, top to bottom: teach, join, calibrate, measure, export."""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from monitor.features.spec import BIRD
from monitor.inference.manifest import FINGERPRINT_KEY
from monitor.inference.session import Session
from training.data.splits import Part
from training.export import check_parity, write_index, write_onnx
from training.fewshot.background import Use, stream_of
from training.fewshot.bundle import write_encoder
from training.fewshot.calibration import fit_calibration
from training.fewshot.cohort_rows import make_cohort
from training.fewshot.embeddings import encode
from training.fewshot.encoder import Chooser, base_features, choose_join, joined, parts_of
from training.fewshot.false_tags import hear, join
from training.fewshot.levers import measure_levers
from training.fewshot.material import load_material
from training.fewshot.measure import measure
from training.fewshot.results import FewShotResults, load_results, save_results
from training.fewshot.train import train
from training.narrow import narrow

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from training.fewshot.calibration import Fitted
    from training.fewshot.cohort_rows import CohortRows
    from training.fewshot.figures import FewShotFigure
    from training.fewshot.material import Material
    from training.fewshot.recipe import FewShotRecipe

    Progress = Callable[[str], None]

PARITY_WINDOWS = 64


@dataclass(frozen=True, slots=True)
class Made:
    """Everything but the figures on test species."""

    material: Material
    onnx: Path
    """The model as it ships, weights narrowed."""
    parity: float
    """Largest difference between torch and onnxruntime before narrowing."""
    least_cosine: float
    """Between embeddings before and after narrowing."""
    dimension: int
    weights: dict[str, float]
    """Of the joined blocks."""
    levers: list[FewShotFigure]
    """On validation species."""
    cohort: CohortRows
    fitted: Fitted
    teacher: Path

    def encoder(self) -> Callable[[NDArray[np.float32]], NDArray[np.float32]]:
        """Windows -> unit embeddings, by the file that ships."""
        return shipped_encoder(self.onnx)


def shipped_encoder(onnx: Path) -> Callable[[NDArray[np.float32]], NDArray[np.float32]]:
    """Windows `(n, frames, bands)` in dB -> embeddings `(n, d)`, one window at a time, as the monitor runs it."""
    session = Session(onnx, dequantise="load")

    def encode_windows(windows: NDArray[np.float32]) -> NDArray[np.float32]:
        rows = [session.run({"features": np.ascontiguousarray(one[None])})["embedding"] for one in windows]
        return np.concatenate(rows)

    return encode_windows


def run_fewshot(recipe: FewShotRecipe, recipe_path: Path, progress: Progress) -> FewShotResults:
    """Everything; finished parts are taken from the cache. The bundle lies in the recipe's folder afterwards."""
    started = time.monotonic()
    made = make(recipe, progress)
    results = measure(recipe, made, progress)
    save_results(recipe, results)
    _export(recipe, recipe_path, made, results, progress)
    progress(f"done in {(time.monotonic() - started) / 60:.1f} minutes")
    return results


def evaluate_fewshot(recipe: FewShotRecipe, recipe_path: Path, progress: Progress) -> FewShotResults:
    """Figures of the recipe's encoder, made now where the cache lacks it; kept for `export_fewshot`."""
    results = measure(recipe, make(recipe, progress), progress)
    save_results(recipe, results)
    return results


def export_fewshot(recipe: FewShotRecipe, recipe_path: Path, progress: Progress) -> Path:
    """The bundle of an encoder that was measured before; its folder. Raises UsageError when none was."""
    results = load_results(recipe)
    return _export(recipe, recipe_path, make(recipe, progress), results, progress)


def make(recipe: FewShotRecipe, progress: Progress) -> Made:
    """Train, join, choose on validation species, write the ONNX file, fit cohort and calibration."""
    trained = train(recipe, progress)
    material = load_material(recipe, progress)
    base, validation = material.clips(Part.TRAIN), material.clips(Part.VALIDATION)
    cache = Path(recipe.cache)
    parts = parts_of(trained.student)
    rows = base_features(parts, base, cache / f"base-{trained.key}-{base.key}.npy", progress)
    chooser = Chooser(parts, validation)
    chosen = choose_join(rows, base, chooser, recipe.joining)
    weights = {block.name: block.weight for block in chosen.blocks}
    progress(f"weights {weights}; validation 5-way and 20-way 1-shot {chooser.accuracies(chosen)}")
    levers = measure_levers(rows, base, chosen, chooser, validation)
    network = joined(trained.student, chosen)
    wide, onnx = cache / "encoder-wide.onnx", cache / "encoder.onnx"
    write_onnx(network, recipe.frames, BIRD.bands, wide, {FINGERPRINT_KEY: BIRD.fingerprint}, "embedding")
    windows = np.stack([clip.features[: recipe.frames] for clip in validation.clips[:PARITY_WINDOWS]])
    parity = check_parity(network, wide, windows, "embedding")
    narrow(wide, onnx)
    before = Session(wide).run({"features": windows})["embedding"]
    after = Session(onnx, dequantise="load").run({"features": windows})["embedding"]
    cohort, fitted = _scored(recipe, material, onnx, progress)
    made = Made(
        material=material,
        onnx=onnx,
        parity=parity,
        least_cosine=float((before * after).sum(axis=1).min()),
        dimension=chosen.dimension,
        weights=weights,
        levers=levers,
        teacher=trained.teacher,
        cohort=cohort,
        fitted=fitted,
    )
    progress(f"known from {made.fitted.calibration.known:.3f} on; least cosine after narrowing {made.least_cosine:.4f}")
    return made


def _scored(recipe: FewShotRecipe, material: Material, onnx: Path, progress: Progress) -> tuple[CohortRows, Fitted]:
    """Cohort and calibration, by the file that ships."""
    encoder = shipped_encoder(onnx)
    validation = material.clips(Part.VALIDATION)
    quiet = material.background_clips(Use.COHORT)
    embedded = encode(validation, encoder)
    cohort = make_cohort(validation, embedded, quiet, encode(quiet, encoder))
    progress("cohort embedded")
    choosing = [
        hear(name, stream_of(some, material.store), material.gate, encoder, recipe.frames)
        for name, some in material.background(Use.CHOOSING).items()
    ]
    heard = join(choosing, "ESC-50 fold 3 without animals, café, music")
    recordings = [clip.recording for clip in validation.clips]
    scoring = recipe.scoring
    fitted = fit_calibration(recordings, embedded, cohort, heard, scoring.nearest, scoring.enrolled)
    return cohort, fitted


def _export(recipe: FewShotRecipe, recipe_path: Path, made: Made, results: FewShotResults, progress: Progress) -> Path:
    folder = write_encoder(recipe, recipe_path, made, results)
    write_index(Path(recipe.bundle.folder))
    progress(f"wrote {folder}")
    return folder
