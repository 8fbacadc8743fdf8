"""The machine paper's tables on whatever clips the recipe names: every row trained, every system asked."""

from __future__ import annotations

import json
import time
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from monitor.errors import UsageError
from training.anomaly.baselines import autoencoder_scores, baseline_frames, classes_of, section_scores
from training.anomaly.extractors import machine_answers
from training.anomaly.material import load_material
from training.anomaly.measure import ROWS, neighbour_scores
from training.anomaly.metrics import summarise
from training.anomaly.paper_results import PaperLine, PaperResults, markdown
from training.anomaly.paper_systems import (
    APPROACHES,
    by_machine_and_domain,
    domain_areas,
    probabilities,
    systems_of,
)
from training.anomaly.systems import by_its_own_test, by_other_machines, by_pseudo_anomalies, chosen_scores
from training.anomaly.views import sections_of, simple_views, truth_of
from training.export import recipe_name

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from numpy.typing import NDArray

    from training.anomaly.material import Material
    from training.anomaly.paper_systems import Key, Systems
    from training.anomaly.recipe import PaperRecipe
    from training.anomaly.systems import Truth

    Progress = Callable[[str], None]
    Scores = dict[Key, NDArray[np.float64]]

RESULTS_FILE = "results.json"


def run_anomaly_paper(recipe: PaperRecipe, recipe_path: Path, progress: Progress) -> PaperResults:
    """Everything; finished runs are taken from the cache. The report is written where the recipe says."""
    started = time.monotonic()
    results = evaluate_anomaly_paper(recipe, recipe_path, progress)
    (Path(recipe.cache) / RESULTS_FILE).write_text(json.dumps(asdict(results), indent=2), encoding="utf-8")
    report = Path(recipe.report)
    report.parent.mkdir(parents=True, exist_ok=True)
    report.write_text(markdown(recipe, recipe_name(recipe_path), results), encoding="utf-8")
    progress(f"wrote {recipe.report} after {(time.monotonic() - started) / 60:.1f} minutes")
    return results


def export_anomaly_paper(recipe: PaperRecipe, recipe_path: Path, progress: Progress) -> Path:
    """Raises UsageError: these extractors are compared, not shipped."""
    remedy = "Export the shipped encoder: auricle-train export configs/training/anomaly/default.toml."
    raise UsageError(str(recipe_path), "a recipe of the system anomaly-paper makes tables and no bundle", remedy)


def evaluate_anomaly_paper(recipe: PaperRecipe, recipe_path: Path, progress: Progress) -> PaperResults:
    """All figures, from what is trained and what is trained now; no report is written."""
    material = load_material(recipe.sources, Path(recipe.cache), progress)
    truth = truth_of(material.clips)
    machines = sorted({key[0] for key in truth.target})
    lines = _plain(recipe, material, truth, progress)
    if recipe.baselines:
        lines += [_line(name, scores, truth) for name, scores in _baselines(recipe, material, machines, progress)]
    probability = {machine: _domains(recipe, material, machine, progress) for machine in machines}
    by_split = {recipe.split: probability}
    everything: dict[str, Systems] = {approach: {} for approach in APPROACHES}
    for row in recipe.rows:
        made: dict[str, Systems] = {approach: {} for approach in APPROACHES}
        split = recipe.of(row).split
        if split not in by_split:
            # Other clips are held out: a domain classifier of its own, and probabilities of other clips.
            own_split = recipe.model_copy(update={"split": split})
            by_split[split] = {machine: _domains(own_split, material, machine, progress) for machine in machines}
        for machine in machines:
            answers = machine_answers(recipe.of(row), material, machine, False, progress)
            of_machine = systems_of(recipe.of(row), material, machine, answers, by_split[split][machine], row.name)
            for approach, systems in of_machine.items():
                for name, scores in systems.items():
                    made[approach].setdefault(_across(name, row.name), {}).update(scores)
        for approach in ("generalisation", "specialisation", "smaller"):
            scores, names = chosen_scores(made[approach], machines, lambda one: by_other_machines(truth, one))
            choices = {machine: some[0] for machine, some in names.items()}
            lines.append(_line(f"{row.name}, {approach}", scores, truth, choices))
        for approach, systems in made.items():
            everything[approach] |= systems
        progress(f"{row.name}: headline {lines[-3].summary.headline:.3f}, {lines[-2].summary.headline:.3f}")
    lines += _ensembles(recipe, material, truth, everything, probability, machines)
    own = {machine: [clip for clip in material.clips if clip.machine == machine] for machine in machines}
    areas = {
        f"{machine} {section:02d}": area
        for machine in machines
        if probability[machine]
        for section, area in domain_areas(own[machine], probability[machine]).items()
    }
    return PaperResults(tuple(lines), areas)


def _plain(recipe: PaperRecipe, material: Material, truth: Truth, progress: Progress) -> list[PaperLine]:
    """What needs no network: the level alone, the crest factor alone, and all plain figures."""
    views = simple_views(material, material.clips, Path(recipe.cache), progress)
    lines: list[PaperLine] = []
    for name in ("level only", "crest only", "simple features"):
        scores, choices = neighbour_scores(material.clips, views, ROWS[name], truth)
        lines.append(_line(name, scores, truth, choices))
    return lines


def _across(name: str, row: str) -> str:
    """A system's name without the number of features, which differs between machines of more or fewer sections."""
    features, _, inlier = name.removeprefix(f"{row}, ").partition(" features, ")
    return f"{row}, {'embedding' if int(features) == 128 else 'embedding and logits'}, {inlier}"


def _domains(
    recipe: PaperRecipe, material: Material, machine: str, progress: Progress
) -> dict[int, NDArray[np.float64]]:
    """Probability of the target domain; empty for a machine that trains in one domain only."""
    both = {bool(clip.target) for clip in material.clips if clip.machine == machine and clip.train}
    if len(both) < 2:
        return {}
    return probabilities(recipe, material, machine, machine_answers(recipe, material, machine, True, progress))


def _ensembles(
    recipe: PaperRecipe,
    material: Material,
    truth: Truth,
    everything: Mapping[str, Systems],
    probability: Mapping[str, dict[int, NDArray[np.float64]]],
    machines: list[str],
) -> list[PaperLine]:
    """Means of the best systems of all rows: shared, by machine, by machine and domain, and chosen as in the paper."""
    top = min(recipe.detection.top, len(everything["generalisation"]))
    lines: list[PaperLine] = []
    for approach in ("generalisation", "specialisation"):
        systems = everything[approach]
        shared, _ = chosen_scores(systems, machines, lambda one: by_other_machines(truth, one), top)
        lines.append(_line(f"ensemble of {top}, {approach}", shared, truth))
        single, _ = chosen_scores(systems, machines, by_pseudo_anomalies, top)
        lines.append(_line(f"ensemble of {top} per machine, {approach}", single, truth))
        paper, _ = chosen_scores(systems, machines, lambda one: by_its_own_test(truth, one), top)
        lines.append(_line(f"ensemble of {top} per machine, {approach}, CHOSEN ON TEST as in the paper", paper, truth))
    both: Scores = {}
    for machine in machines:
        both |= by_machine_and_domain(
            everything["source"], everything["target"], machine, probability[machine], recipe, material, top
        )
    lines.append(_line(f"ensemble of {top} per machine and domain, specialisation", both, truth))
    return lines


def _baselines(
    recipe: PaperRecipe, material: Material, machines: list[str], progress: Progress
) -> list[tuple[str, Scores]]:
    """Scores of the two official baselines, from the cache where they are."""
    found: dict[str, Scores] = {"official autoencoder": {}, "official MobileNetV2": {}}
    for machine in machines:
        key = recipe.key(f"{material.frames.name} {machine}", "baseline_epochs", "baseline_hop", "seed")
        path = Path(recipe.cache) / "runs" / f"{machine}-baselines-{key}.npz"
        if not path.is_file():
            path.parent.mkdir(parents=True, exist_ok=True)
            scratch = path.with_suffix(".partial.npz")
            np.savez(scratch, *_baseline_scores(recipe, material, machine))
            scratch.replace(path)
            progress(f"baselines of {machine}")
        clips = [clip for clip in material.clips if clip.machine == machine]
        asked = [i for i, clip in enumerate(clips) if not clip.train]
        with np.load(path, allow_pickle=False) as kept:
            for name, array in zip(found, ("arr_0", "arr_1"), strict=True):
                for (_, section), rows in sections_of(clips).items():
                    here = [asked.index(i) for i in rows if not clips[i].train]
                    found[name][machine, section] = kept[array][here]
    return list(found.items())


def _baseline_scores(
    recipe: PaperRecipe, material: Material, machine: str
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Of all test clips of a machine, in order."""
    classes = classes_of(machine, [clip for clip in material.clips if clip.train])
    trained = [clip for clip in material.clips if clip.train and (clip.machine, clip.section) in classes]
    frames = {clip.path: baseline_frames(material.wave(clip)) for clip in trained}
    asked = [clip for clip in material.clips if clip.machine == machine and not clip.train]
    test = [baseline_frames(material.wave(clip)) for clip in asked]
    own = [frames[clip.path] for clip in trained if clip.machine == machine]
    coder, net = recipe.baseline_epochs
    return (
        autoencoder_scores(own, test, coder, recipe.seed),
        section_scores(
            [frames[clip.path] for clip in trained],
            [classes[clip.machine, clip.section] for clip in trained],
            test,
            [classes.get((clip.machine, clip.section), 0) for clip in asked],
            net,
            recipe.seed,
            recipe.baseline_hop,
        ),
    )


def _line(
    name: str, scores: Mapping[Key, NDArray[np.float64]], truth: Truth, choices: dict[str, str] | None = None
) -> PaperLine:
    clips = truth.clips(scores)
    return PaperLine.of(name, clips, summarise(clips), choices or {})
