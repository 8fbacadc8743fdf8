"""The bundle of a species classifier: eight-bit weights, manifest, self-test, card."""

from __future__ import annotations

from math import isfinite
from typing import TYPE_CHECKING

from monitor.errors import BundleError
from monitor.features.spec import SPECIES
from monitor.inference.manifest import (
    DataSource,
    FeatureInput,
    Manifest,
    Metric,
    ModelFile,
    Tensor,
    Threshold,
    Training,
)
from monitor.inference.manifest_file import sha256_of
from training.export import recipe_name, software, write_bundle
from training.species.card import species_card
from training.species.source import FRAMES

if TYPE_CHECKING:
    from pathlib import Path

    from training.species.recipe import SpeciesRecipe
    from training.species.results import SpeciesResults

OUTPUT = "probabilities"
GOLDEN_S = 3.1
"""Sound of the self-test: a window, small enough for a repository."""
CONFIDENCE = 0.5
"""Threshold of labels that no validation clip chose one for."""


def check_size(recipe: SpeciesRecipe, model: Path) -> None:
    """Raises BundleError when the model is larger than the recipe lets it be."""
    size = model.stat().st_size
    if size > recipe.most_bytes:
        why = f"the model has {size / 1e6:.1f} MB, at most {recipe.most_bytes / 1e6:.1f}"
        remedy = "Choose a smaller network, or raise most_bytes; the bundle was not written."
        raise BundleError(recipe.bundle.name, why, remedy)


def write_species(recipe: SpeciesRecipe, recipe_path: Path, model: Path, results: SpeciesResults) -> Path:
    """Write the bundle; its folder. Raises BundleError when the model is too large."""
    check_size(recipe, model)
    folder = recipe.models / recipe.bundle.name / recipe.bundle.version
    manifest = species_manifest(recipe, recipe_path, model, results)
    card = species_card(recipe, recipe_path, results)
    return write_bundle(folder, model, manifest, card, SPECIES, seconds=GOLDEN_S)


def species_manifest(recipe: SpeciesRecipe, recipe_path: Path, model: Path, results: SpeciesResults) -> Manifest:
    """Everything that the monitor and a reader must know."""
    frames = FRAMES[recipe.rate]
    return Manifest(
        name=recipe.bundle.name,
        version=recipe.bundle.version,
        summary=recipe.bundle.summary,
        task="species",
        model=ModelFile(sha256=sha256_of(model)),
        input=FeatureInput(fingerprint=SPECIES.fingerprint, spec=SPECIES.to_dict(), window=frames, hop=recipe.hop),
        inputs=(
            Tensor(
                name="features",
                axes=("batch", "frame", "band"),
                shape=(None, frames, SPECIES.bands),
                meaning="raw output of the front-end, dB relative to a full-scale sine, -90 and above",
            ),
        ),
        outputs=(
            Tensor(
                name=OUTPUT,
                axes=("batch", "label"),
                shape=(None, len(results.labels)),
                meaning="probability of each label, 0..1"
                + ("" if recipe.outcome == "independent" else "; they sum to 1"),
                role="probabilities",
            ),
        ),
        labels=results.labels,
        reject=results.reject,
        binomials=recipe.binomials,
        thresholds=_thresholds(recipe, results),
        metrics=_metrics(results),
        training=Training(
            recipe=recipe_name(recipe_path), recipe_sha256=sha256_of(recipe_path), seed=recipe.seed, software=software()
        ),
        data=_sources(recipe, results),
        licence=recipe.licence,
        dequantise="load",
    )


def _thresholds(recipe: SpeciesRecipe, results: SpeciesResults) -> dict[str, Threshold]:
    decision = recipe.decision
    chosen_on = (
        f"validation clips: at most {decision.false_share:.1%} of the windows of other classes reach it and "
        f"{decision.false_an_hour:g} in an hour of background, within {decision.least:g}..{decision.most:g}"
    )
    own = {
        label: Threshold(value=round(value, 4), chosen_on=chosen_on)
        for label, value in results.thresholds.items()
        if label != results.reject
    }
    return {"confidence": Threshold(value=CONFIDENCE, chosen_on="no data"), **own}


def _metrics(results: SpeciesResults) -> tuple[Metric, ...]:
    found: list[Metric] = []
    one = results.test
    if one is not None:
        data = f"{sum(counts[2] for counts in results.clips.values())} clips of other recordings than trained or chose"
        protocol = f"means over a clip's windows; 95 % interval from a bootstrap, {one.uar.how}"
        interval = (one.uar.low, one.uar.high) if isfinite(one.uar.low) and isfinite(one.uar.high) else None
        found.append(Metric(name="uar", value=one.uar.value, interval=interval, protocol=protocol, data=data))
        found.append(Metric(name="map", value=one.map, protocol="means over a clip's windows", data=data))
    joined = results.joined
    if joined is not None and isfinite(joined.uar):
        where = f"{joined.calls} unseen calls joined with unseen background"
        protocol = "detections of the monitor's own stages at the bundle's thresholds"
        found.append(Metric(name="uar, joined", value=joined.uar, protocol=protocol, data=where))
        if isfinite(joined.false_hits_per_hour):
            rate = joined.false_hits_per_hour
            found.append(Metric(name="false hits an hour, joined", value=rate, protocol=protocol, data=where))
    return tuple(found)


def _sources(recipe: SpeciesRecipe, results: SpeciesResults) -> tuple[DataSource, ...]:
    licences = "; ".join(results.licences) or recipe.data_licence
    return tuple(
        DataSource(
            name=f"{label}: {sum(counts)} recordings",
            used_for=f"{counts[0]} train, {counts[1]} validate, {counts[2]} test",
            licence=licences if recipe.recordings.layout != "catalog" else recipe.data_licence,
        )
        for label, counts in results.clips.items()
    )
