"""The scene classifier's bundle: eight-bit model, manifest, self-test, card."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from monitor.errors import BundleError
from monitor.features.spec import SCENE
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
from training.bundle import LICENCE
from training.export import recipe_name, software, write_bundle
from training.nets.mobileast import FRAMES
from training.scene.card import scene_card
from training.scene.eight import OUTPUT
from training.scene.recipe import UNKNOWN
from training.scene.scores import HOP

if TYPE_CHECKING:
    from training.results import Figure
    from training.scene.recipe import SceneRecipe
    from training.scene.results import SceneResults

GOLDEN_S = 1.6
"""Sound of the self-test: a window and half of the next, small enough for the repository."""

SOURCES = {
    "scenes": DataSource(
        name="Scene recordings: ambiences of public applications, and three ferries",
        used_for="scenes; training, tests by fold",
        licence="CC0, CC BY, Pixabay or unstated; ferries MIT",
    ),
    "sounds": DataSource(
        name="ESC-50, folds 1-4",
        used_for="unknown, and what the teacher tells apart beside the scenes; training, other classes for tests",
        licence="per clip: CC0, CC BY, CC BY-NC, CC Sampling+",
    ),
    "voices": DataSource(name="LibriSpeech, one clip a speaker", used_for="babble; training", licence="CC BY 4.0"),
    "devices": DataSource(
        name="Impulse responses of microphones",
        used_for="windows are heard through them; other families are kept for tests",
        licence="Creative Commons",
    ),
}


def check_limits(recipe: SceneRecipe, results: SceneResults) -> None:
    """Raises BundleError naming every limit of the recipe that the model breaks."""
    limits, cost = recipe.limits, results.cost
    lost = results.student.windows.value - results.quantised.windows.value
    broken: list[str] = []
    if cost.initialiser_bytes > limits.initialiser_bytes:
        broken.append(f"{cost.initialiser_bytes} bytes of initialisers, at most {limits.initialiser_bytes}")
    if cost.table_macs > limits.macs:
        broken.append(f"{cost.table_macs / 1e6:.1f} M MACs, at most {limits.macs / 1e6:.1f} M")
    if lost > limits.lost:
        broken.append(f"eight bits cost {100 * lost:.1f} points of accuracy, at most {100 * limits.lost:g}")
    if broken:
        remedy = "Choose another submission, or leave more operators in float; the bundle was not written."
        raise BundleError(recipe.bundle.name, "; ".join(broken), remedy)


def write_scene(recipe: SceneRecipe, recipe_path: Path, narrow: Path, results: SceneResults) -> Path:
    """Write the bundle; its folder. Raises BundleError when the model breaks a limit."""
    check_limits(recipe, results)
    folder = Path(recipe.bundle.folder) / recipe.bundle.name / recipe.bundle.version
    manifest = scene_manifest(recipe, recipe_path, sha256_of(narrow), results)
    return write_bundle(folder, narrow, manifest, scene_card(recipe, recipe_path, results), SCENE, seconds=GOLDEN_S)


def scene_manifest(recipe: SceneRecipe, recipe_path: Path, model_hash: str, results: SceneResults) -> Manifest:
    """Everything that the monitor and a reader must know."""
    seconds = recipe.decision.seconds
    chosen_on = (
        f"decisions of {seconds:g} s on recordings that a fold's networks never heard: "
        f"{recipe.decision.rejected:.0%} of those on known scenes lie below"
    )
    return Manifest(
        name=recipe.bundle.name,
        version=recipe.bundle.version,
        summary=recipe.bundle.summary,
        task="scene",
        model=ModelFile(sha256=model_hash),
        input=FeatureInput(fingerprint=SCENE.fingerprint, spec=SCENE.to_dict(), window=FRAMES, hop=HOP),
        inputs=(
            Tensor(
                name="features",
                axes=("batch", "frame", "band"),
                shape=(None, FRAMES, SCENE.bands),
                meaning="raw output of the front-end: natural log of mel power, -11.5 and above",
            ),
        ),
        outputs=(
            Tensor(
                name=OUTPUT,
                axes=("batch", "label"),
                shape=(None, len(results.labels)),
                meaning="probability of each label, 0..1; they sum to 1",
            ),
        ),
        labels=results.labels,
        thresholds={"known": Threshold(value=round(results.rejection.threshold, 4), chosen_on=chosen_on)},
        metrics=_metrics(recipe, results),
        training=Training(
            recipe=recipe_name(recipe_path), recipe_sha256=sha256_of(recipe_path), seed=recipe.seed, software=software()
        ),
        data=_sources(recipe),
        licence=LICENCE,
        dequantise="run",
    )


def _sources(recipe: SceneRecipe) -> tuple[DataSource, ...]:
    chosen = recipe.recordings
    sounds = chosen.layout == "catalog" and (chosen.negatives or chosen.kin or recipe.teacher.events_weight)
    devices = recipe.sound.device_share or recipe.teacher.sound.device_share
    return (
        SOURCES["scenes"],
        *((SOURCES["sounds"],) if sounds else ()),
        *((SOURCES["voices"],) if chosen.babble else ()),
        *((SOURCES["devices"],) if devices else ()),
    )


def _metrics(recipe: SceneRecipe, results: SceneResults) -> tuple[Metric, ...]:
    protocol = (
        f"{recipe.recordings.folds} folds by recording, each tested by eight-bit networks that never heard it, "
        "`unknown` left out of the choice; 95 % interval from a bootstrap, resampled by recording"
    )
    heard = f"{sum(n for label, n in results.recordings.items() if label != UNKNOWN)} recordings of scenes"

    def figure(name: str, found: Figure, how: str) -> Metric:
        return Metric(name=name, value=found.value, interval=(found.low, found.high), protocol=how, data=heard)

    return (
        figure(f"accuracy {recipe.decision.seconds:g} s", results.quantised.decisions, protocol),
        figure("accuracy 1 s", results.quantised.windows, protocol),
        *(
            Metric(
                name="rejected",
                value=share,
                protocol="share of decisions below `known`, each fold's chosen on the decisions of the others",
                data=name,
            )
            for name, share in results.rejection.rejected.items()
        ),
    )
