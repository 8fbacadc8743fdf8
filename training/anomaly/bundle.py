"""The machine encoder's bundle: model, manifest, self-test, card."""

from __future__ import annotations

from math import isfinite
from pathlib import Path
from typing import TYPE_CHECKING

from monitor.features.spec import MACHINE
from monitor.inference.manifest import (
    DataSource,
    FeatureInput,
    Manifest,
    Metric,
    ModelFile,
    Tensor,
    Training,
)
from monitor.inference.manifest_file import sha256_of
from monitor.machines.window import FRAMES, HOP
from training.anomaly.card import machine_card
from training.bundle import LICENCE
from training.export import recipe_name, software, write_bundle
from training.nets.asd import EMBEDDING

if TYPE_CHECKING:
    from training.anomaly.recipe import AnomalyRecipe
    from training.anomaly.results import AnomalyResults

LICENCES = {
    "fan": "CC BY-SA 4.0 and CC BY-NC-SA 4.0, as published (MIMII, DCASE)",
    "valve": "CC BY-SA 4.0 and CC BY-NC-SA 4.0, as published (MIMII, DCASE)",
    "bearing": "free for research, to be cited; mixed with ESC-50 clips",
    "lathe": "MIT (Vroom)",
    "ferry": "MIT (Vroom)",
}


def write_machine_encoder(recipe: AnomalyRecipe, recipe_path: Path, onnx: Path, results: AnomalyResults) -> Path:
    """Write the bundle; its folder."""
    folder = Path(recipe.bundle.folder) / recipe.bundle.name / recipe.bundle.version
    manifest = machine_manifest(recipe, recipe_path, onnx, results)
    return write_bundle(folder, onnx, manifest, machine_card(recipe, recipe_path, results), MACHINE)


def machine_manifest(recipe: AnomalyRecipe, recipe_path: Path, onnx: Path, results: AnomalyResults) -> Manifest:
    """Everything that the monitor and a reader must know."""
    return Manifest(
        name=recipe.bundle.name,
        version=recipe.bundle.version,
        summary=recipe.bundle.summary,
        task="machine",
        model=ModelFile(sha256=sha256_of(onnx)),
        input=FeatureInput(fingerprint=MACHINE.fingerprint, spec=MACHINE.to_dict(), window=FRAMES, hop=HOP),
        inputs=(
            Tensor(
                name="features",
                axes=("batch", "frame", "band"),
                shape=(None, FRAMES, MACHINE.bands),
                meaning="raw output of the front-end, dB relative to a full-scale sine, -90 and above",
            ),
        ),
        outputs=(
            Tensor(
                name="embedding",
                axes=("batch", "direction"),
                shape=(None, EMBEDDING),
                meaning="direction of length 1; detectors fitted on a machine's normals say how unusual it is",
                role="embedding",
            ),
        ),
        metrics=_metrics(results),
        training=Training(
            recipe=recipe_name(recipe_path), recipe_sha256=sha256_of(recipe_path), seed=recipe.seed, software=software()
        ),
        data=_sources(results),
        licence=LICENCE,
    )


def _sources(results: AnomalyResults) -> tuple[DataSource, ...]:
    machines = [
        DataSource(
            name=f"{machine}: {count} recordings of normal sound, `train` only",
            used_for="sections and attributes told apart",
            licence=LICENCES.get(machine, "as published by its makers"),
        )
        for machine, count in results.clips.items()
    ]
    other = DataSource(
        name=f"ESC-50, folds 1-4, without the takes that were mixed into bearing clips: {results.others} clips",
        used_for="sound of no machine",
        licence="per clip: CC0, CC BY, CC BY-NC, CC Sampling+",
    )
    return (*machines, other)


def _metrics(results: AnomalyResults) -> tuple[Metric, ...]:
    protocol = (
        "harmonic mean of the official DCASE Task 2 figures that stand on 8 normals and 5 anomalies or more, without "
        "lathe; nearest neighbours, their number and the handling of domains chosen on the other machines; 95 % "
        "interval from a bootstrap over clips"
    )
    return tuple(
        Metric(
            name=f"headline, {one.name}",
            value=one.chosen.headline,
            interval=one.chosen.headline_interval,
            protocol=protocol,
            data=f"test clips of {', '.join(sorted({cell.machine for cell in one.chosen.cells if cell.headline}))}",
        )
        for one in results.lines
        if isfinite(one.chosen.headline)
    )
