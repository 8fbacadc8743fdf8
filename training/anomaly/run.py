"""The whole making of the machine encoder, top to bottom: train, ask, export."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from monitor.features.spec import MACHINE
from monitor.inference.manifest import FINGERPRINT_KEY
from monitor.inference.session import Session
from monitor.machines.window import FRAMES
from training.anomaly.bundle import write_machine_encoder
from training.anomaly.encoder import shared_encoders
from training.anomaly.fit import answers
from training.anomaly.material import load_material, segments
from training.anomaly.measure import measure
from training.anomaly.page import machine_page
from training.anomaly.replayed import replays
from training.anomaly.results import AnomalyResults, Report, load_results, save_results
from training.export import check_parity, recipe_name, write_index, write_onnx
from training.nets.asd import UnitEmbedding
from training.nets.tiny import multiplications, parameters

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from training.anomaly.material import Material
    from training.anomaly.recipe import AnomalyRecipe
    from training.anomaly.views import Encoder
    from training.nets.asd import Extractor

PARITY_CLIPS = 32


def run_anomaly(recipe: AnomalyRecipe, recipe_path: Path, progress: Callable[[str], None]) -> Report:
    """Everything; finished parts are taken from the cache. The bundle lies in the recipe's folder afterwards."""
    started = time.monotonic()
    report = evaluate_anomaly(recipe, recipe_path, progress)
    export_anomaly(recipe, recipe_path, progress)
    progress(f"done in {(time.monotonic() - started) / 60:.1f} minutes")
    return report


def evaluate_anomaly(recipe: AnomalyRecipe, recipe_path: Path, progress: Callable[[str], None]) -> Report:
    """Figures of the recipe's encoder, trained now where the cache lacks it; kept for `export_anomaly`."""
    cache = Path(recipe.cache)
    material = load_material(recipe.sources, cache, progress)
    shipped, without = shared_encoders(recipe, material, progress)
    onnx, parity = _onnx(recipe, material, shipped)
    unheard = {name: _by_torch(extractor) for name, extractor in without.items()}
    lines = measure(material, _by_file(onnx), unheard, cache, progress)
    heard = [clip.machine for clip in material.clips if clip.train]
    results = AnomalyResults(
        lines=lines,
        clips={machine: heard.count(machine) for machine in sorted(set(heard))},
        others=len(material.others),
        parity=parity,
        parameters=parameters(shipped.backbone) + parameters(shipped.neck),
        multiplications=multiplications(UnitEmbedding(shipped), FRAMES, MACHINE.bands),
        bytes=onnx.stat().st_size,
        replays=replays(material, progress),
    )
    save_results(recipe, results)
    return Report(results)


def export_anomaly(recipe: AnomalyRecipe, recipe_path: Path, progress: Callable[[str], None]) -> Path:
    """The bundle of an encoder that was measured before, its folder, and the page. Raises UsageError when none was."""
    results = load_results(recipe)
    material = load_material(recipe.sources, Path(recipe.cache), progress)
    shipped, _ = shared_encoders(recipe.model_copy(update={"leave_out": False}), material, progress)
    onnx, _ = _onnx(recipe, material, shipped)
    folder = write_machine_encoder(recipe, recipe_path, onnx, results)
    write_index(Path(recipe.bundle.folder))
    progress(f"wrote {folder}")
    if recipe.report:
        page = Path(recipe.report)
        page.parent.mkdir(parents=True, exist_ok=True)
        page.write_text(machine_page(recipe_name(recipe_path), results), encoding="utf-8")
        progress(f"wrote {page}")
    return folder


def _onnx(recipe: AnomalyRecipe, material: Material, extractor: Extractor) -> tuple[Path, float]:
    """The model as it ships, and its largest difference from torch."""
    network = UnitEmbedding(extractor)
    onnx = Path(recipe.cache) / "encoder.onnx"
    write_onnx(network, FRAMES, MACHINE.bands, onnx, {FINGERPRINT_KEY: MACHINE.fingerprint}, "embedding")
    clips = [clip for clip in material.clips if clip.train][:PARITY_CLIPS]
    windows = np.concatenate([segments(material.frames[material.path(clip)], 1) for clip in clips])
    return onnx, check_parity(network, onnx, windows, "embedding")


def _by_file(onnx: Path) -> Encoder:
    """Windows `(n, 126, 224)` -> unit embeddings, one window at a time, by the file that ships."""
    session = Session(onnx)

    def encode(windows: NDArray[np.float32]) -> NDArray[np.float32]:
        rows = [session.run({"features": np.ascontiguousarray(one[None])})["embedding"] for one in windows]
        return np.concatenate(rows)

    return encode


def _by_torch(extractor: Extractor) -> Encoder:
    def encode(windows: NDArray[np.float32]) -> NDArray[np.float32]:
        embedding = answers(extractor, windows).embedding
        return embedding / np.maximum(np.linalg.norm(embedding, axis=1, keepdims=True), 1e-12)

    return encode
