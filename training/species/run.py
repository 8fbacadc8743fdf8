"""The whole making of a species classifier, top to bottom: train, choose thresholds, measure, export."""

from __future__ import annotations

import json
import time
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import torch

from monitor.features.spec import SPECIES
from monitor.inference.bundle import load_bundle
from monitor.inference.manifest import FINGERPRINT_KEY
from monitor.inference.session import Session
from training.data.splits import Part
from training.export import check_parity, write_index, write_onnx
from training.narrow import narrow
from training.nets.tiny import multiplications, parameters
from training.species.bundle import OUTPUT, check_size, write_species
from training.species.fit import checkpoint, fit
from training.species.heard import judge, listen
from training.species.joined import join, write_joined
from training.species.measure import answer, ask_about, background_of, confused, counts, cues, scores, thresholds_of
from training.species.picture import draw_confusion, draw_map, picture_paths
from training.species.report import write_report
from training.species.results import SpeciesResults, load_results, save_results
from training.species.source import load_source
from training.systems.species import WithProbabilities

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from training.nets.pann import PannNetwork
    from training.species.measure import Asked, Score
    from training.species.recipe import SpeciesRecipe
    from training.species.results import Joined
    from training.species.source import Source

    Progress = Callable[[str], None]

PARITY_WINDOWS = 16


def run_species(recipe: SpeciesRecipe, recipe_path: Path, progress: Progress) -> SpeciesResults:
    """Everything; finished parts are taken from the cache. The bundle lies in the recipe's folder afterwards."""
    started = time.monotonic()
    results = evaluate_species(recipe, recipe_path, progress)
    folder = export_species(recipe, recipe_path, progress)
    page = write_report(recipe, recipe_path, results)
    if page is not None:
        progress(f"wrote {page}")
    progress(f"wrote {folder} after {(time.monotonic() - started) / 60:.1f} minutes")
    progress(f"hear with it: auricle replay RECORDING --species {recipe.bundle.name}")
    return results


def evaluate_species(recipe: SpeciesRecipe, recipe_path: Path, progress: Progress) -> SpeciesResults:
    """Figures of the recipe's model as it ships, trained now where the cache lacks it; kept for `export_species`."""
    source = load_source(recipe, progress)
    network, kept = fit(recipe, source, progress)
    validation = ask_about(recipe, source, Part.VALIDATION)
    test = ask_about(recipe, source, Part.TEST)
    model, parity = _onnx(recipe, source, network, validation or test)
    check_size(recipe, model)
    score = _by_file(model)
    progress("measuring the eight-bit model")
    validated = answer(validation, score) if validation else None
    tested = answer(test, score) if test else None
    quiet = background_of(recipe, source, Part.VALIDATION, recipe.hop, score)
    shown = tested or validated
    found = SpeciesResults(
        labels=source.labels,
        reject=None if source.reject is None else source.labels[source.reject],
        clips=counts(source),
        groups=len({clip.component for clip in source.clips}),
        licences=tuple(sorted({clip.licence for clip in source.clips if clip.licence})),
        kept=kept,
        validation=scores(validated, source.labels) if validated else None,
        test=scores(tested, source.labels) if tested else None,
        confusion=confused(shown, len(source.labels)) if shown else (),
        cues=cues(recipe, source, test),
        thresholds=thresholds_of(validated, quiet, source, recipe.decision),
        joined=None,
        parameters=parameters(network),
        multiplications=multiplications(network, source.frames, SPECIES.bands),
        file_bytes=model.stat().st_size,
        parity=parity,
        warnings=source.warnings,
    )
    chosen = recipe.joined_background
    results = replace(
        found,
        joined=_joined(recipe, recipe_path, source, model, found, chosen),
        joined_anywhere=_joined(recipe, recipe_path, source, model, found, ()) if chosen else None,
    )
    _pictures(recipe, source, network, test or validation, results)
    save_results(recipe, results)
    return results


def export_species(recipe: SpeciesRecipe, recipe_path: Path, progress: Progress) -> Path:
    """The bundle of a classifier that was measured before; its folder. Raises UsageError when none was."""
    results = load_results(recipe)
    source = load_source(recipe, lambda _: None)
    network, _ = fit(recipe, source, progress)
    model, _ = _onnx(recipe, source, network, None)
    folder = write_species(recipe, recipe_path, model, results)
    if recipe.bundle.folder:
        # The user's own folder needs no index, and may hold what is not ours.
        write_index(recipe.models)
    return folder


def _onnx(recipe: SpeciesRecipe, source: Source, network: PannNetwork, some: Asked | None) -> tuple[Path, float]:
    """The model as it ships, and the largest difference between torch and it before its weights were narrowed.

    Made once of each network.
    """
    folder = Path(recipe.cache) / "onnx"
    folder.mkdir(parents=True, exist_ok=True)
    name = checkpoint(recipe, source).stem
    narrowed, note = folder / f"{name}.onnx", folder / f"{name}.json"
    if note.is_file():
        return narrowed, float(json.loads(note.read_text())["parity"])
    wide = folder / f"{name}-wide.onnx"
    whole = WithProbabilities(network, recipe.outcome).eval()
    write_onnx(whole, source.frames, SPECIES.bands, wide, {FINGERPRINT_KEY: SPECIES.fingerprint}, OUTPUT)
    windows = some.features[:PARITY_WINDOWS] if some is not None else _silence(source)
    parity = check_parity(whole, wide, windows, OUTPUT)
    narrow(wide, narrowed)
    wide.unlink()
    # Written last: an export without it was interrupted and is made again.
    note.write_text(json.dumps({"parity": parity}))
    return narrowed, parity


def _silence(source: Source) -> NDArray[np.float32]:
    """What stands for held-out windows where none was held out."""
    return np.full((2, source.frames, source.spec.bands), -90.0, dtype=np.float32)


def _by_file(model: Path) -> Score:
    """Probabilities by the file that ships, one window at a time, as the monitor asks."""
    session = Session(model, dequantise="load")

    def score(windows: NDArray[np.float32]) -> NDArray[np.float64]:
        rows = [session.run({"features": np.ascontiguousarray(one[None])})[OUTPUT] for one in windows]
        return np.concatenate(rows).astype(np.float64)

    return score


def _joined(
    recipe: SpeciesRecipe,
    recipe_path: Path,
    source: Source,
    model: Path,
    results: SpeciesResults,
    folders: tuple[str, ...],
) -> Joined | None:
    """The bundle, written to the cache, on calls and background that it never heard."""
    together = join(recipe, source, folders)
    if together is None:
        return None
    sound, calls = together
    folder = Path(recipe.cache) / ("joined" if folders == recipe.joined_background else "joined-anywhere")
    write_joined(folder, sound, calls)
    draft = recipe.model_copy(update={"bundle": recipe.bundle.model_copy(update={"folder": str(folder)})})
    bundle = load_bundle(write_species(draft, recipe_path, model, results))
    return judge(calls, listen(bundle, sound), len(sound) / SPECIES.rate)


def _pictures(
    recipe: SpeciesRecipe, source: Source, network: PannNetwork, some: Asked | None, results: SpeciesResults
) -> None:
    if some is None:
        return
    matrix, points = picture_paths(recipe)
    title = "Clips that were never heard" if results.test else "Validation clips"
    draw_confusion(np.array(results.confusion), source.labels, title, matrix)
    classes = some.labels[some.places]
    draw_map(embeddings_of(network, some.features), classes, source.labels, points, recipe.seed)


def embeddings_of(network: PannNetwork, features: NDArray[np.float32]) -> NDArray[np.float32]:
    """What stands before the head, `(n, d)`."""
    parts: list[NDArray[np.float32]] = []
    with torch.inference_mode():
        for start in range(0, len(features), PARITY_WINDOWS):
            batch = torch.from_numpy(features[start : start + PARITY_WINDOWS])
            parts.append(network.embed(network.normalise(batch)).numpy())
    return np.concatenate(parts)
