"""The manifest of a gate bundle."""

from __future__ import annotations

from typing import TYPE_CHECKING

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
from training.export import software
from training.prepare import SPEC
from training.protocol import LEAST_OVERLAP_S

if TYPE_CHECKING:
    from training.config import GateRecipe
    from training.results import Figure, GateResults

LICENCE = "CC BY-NC-SA 4.0"

HOP = 25
"""Frames between the windows that the monitor scores."""

SOURCES = {
    "bird": (
        "Bird species clips (Xeno-canto, iNaturalist, other public collections)",
        "positives, and their pauses as negatives",
        "per recording: CC BY-NC-SA 4.0 and other Creative Commons flavours; 928 rows state no flavour",
    ),
    "esc50": (
        "ESC-50, non-bird classes, folds 1-4",
        "negatives and backgrounds",
        "per clip: CC0, CC BY, CC BY-NC, CC Sampling+",
    ),
    "esc50_bird": (
        "ESC-50, chirping_birds, crow, rooster, hen, folds 1-4",
        "positives",
        "per clip: CC0, CC BY, CC BY-NC, CC Sampling+",
    ),
    "animal": (
        "ESC-50, voices that are no bird's (dog, cat, cow, pig, sheep, frog, crying baby, laughing)",
        "negatives",
        "as ESC-50",
    ),
    "frog": ("Frog species clips of the same collections", "negatives", "as the bird species clips"),
    "outdoors": (
        "ESC-50 outdoor classes and street traffic",
        "negatives and backgrounds",
        "as ESC-50 and scenes",
    ),
    "scene": (
        "Cafe, office, library and vehicle ambiences",
        "negatives and backgrounds",
        "CC0, CC BY, Pixabay or unstated; ferries MIT",
    ),
    "speech": ("LibriSpeech, one clip a speaker", "negatives and backgrounds", "CC BY 4.0"),
    "music": ("Four pieces and four loops", "negatives and backgrounds", "CC BY, CC BY-NC or public domain"),
    "machine": (
        "Machine sounds in the DCASE 2022 layout (fan, valve, lathe, ferry)",
        "negatives and backgrounds",
        "CC BY-SA, CC BY-NC-SA (MIMII, DCASE) and MIT (Vroom)",
    ),
}


def data_sources(used: dict[str, int]) -> tuple[DataSource, ...]:
    """What the model has seen, with the number of recordings."""
    return tuple(
        DataSource(
            name=f"{name}: {used[content]} recordings", used_for=f"{use}; training and validation", licence=licence
        )
        for content, (name, use, licence) in SOURCES.items()
        if used.get(content)
    )


def gate_manifest(
    recipe: GateRecipe, recipe_name: str, recipe_hash: str, model_hash: str, results: GateResults, used: dict[str, int]
) -> Manifest:
    """Everything that the monitor and a reader must know."""
    decision = recipe.decision
    chosen_on = (
        f"Held-out recordings mixed as in the field ({recipe.validation_windows} windows): "
        f"{decision.false_positive_rate:.0%} of the windows without bird reach `on`"
    )
    frames = recipe.windows.frames
    return Manifest(
        name=recipe.bundle.name,
        version=recipe.bundle.version,
        summary=recipe.bundle.summary,
        task="gate",
        model=ModelFile(sha256=model_hash),
        input=FeatureInput(fingerprint=SPEC.fingerprint, spec=SPEC.to_dict(), window=frames, hop=HOP),
        inputs=(
            Tensor(
                name="features",
                axes=("batch", "frame", "band"),
                shape=(None, frames, SPEC.bands),
                meaning="raw output of the front-end, dB relative to a full-scale sine, -90 and above",
            ),
        ),
        outputs=(
            Tensor(
                name="probability",
                axes=("batch",),
                shape=(None,),
                meaning="probability that a bird is audible in the window, 0..1",
            ),
        ),
        labels=("bird",),
        thresholds={
            "on": Threshold(value=round(results.threshold_on, 4), chosen_on=chosen_on),
            "off": Threshold(
                value=round(results.threshold_off, 4),
                chosen_on=f"{decision.off_ratio:g} times the odds at `on`; no data",
            ),
        },
        metrics=_metrics(results),
        training=Training(recipe=recipe_name, recipe_sha256=recipe_hash, seed=recipe.seed, software=software()),
        data=data_sources(used),
        licence=LICENCE,
    )


def _metrics(results: GateResults) -> tuple[Metric, ...]:
    esc50 = (
        "four folds, each clip scored by a network that never saw its fold; a clip counts by the mean of its three "
        "best windows"
    )
    field = (
        f"windows of about a second without overlap; a bird where at least {LEAST_OVERLAP_S} s of a marked call lie "
        "inside; these minutes neither train nor validate"
    )
    held_out = "recordings of other recordists, speakers and places than those trained on"
    point = results.field_point
    return (
        _with_interval("auc", results.esc50_auc, esc50, "ESC-50, folds 1-4, birds against all other classes"),
        _with_interval("average_precision", results.esc50_ap, esc50, "ESC-50, folds 1-4"),
        _with_interval("auc", results.field_auc, field, "nine annotated field minutes of one site"),
        _with_interval("average_precision", results.field_ap, field, "nine annotated field minutes of one site"),
        Metric(name="recall", value=point.recall, protocol=f"{field}; at `on`", data="nine annotated field minutes"),
        Metric(
            name="precision", value=point.precision, protocol=f"{field}; at `on`", data="nine annotated field minutes"
        ),
        Metric(
            name="auc", value=results.validation_auc, protocol=held_out, data="validation windows, mixed as in training"
        ),
        Metric(
            name="auc",
            value=results.field_like_auc,
            protocol=held_out,
            data="validation windows, mixed as in the field",
        ),
    )


def _with_interval(name: str, figure: Figure, protocol: str, data: str) -> Metric:
    interval = f"{protocol}; 95 % interval from a bootstrap, {figure.how}"
    return Metric(name=name, value=figure.value, interval=(figure.low, figure.high), protocol=interval, data=data)
