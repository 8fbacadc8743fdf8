"""The bundle of a personal classifier: model, manifest, self-test, card."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from monitor.features.ams import ams_of
from monitor.inference.golden import windows_of, write_golden
from monitor.inference.manifest import (
    CARD_FILE,
    GOLDEN_FILE,
    MODEL_FILE,
    DataSource,
    Manifest,
    ModelFile,
    Training,
)
from monitor.inference.manifest_file import sha256_of, write_manifest
from monitor.inference.session import Session
from training.bundle import LICENCE
from training.export import recipe_name, software
from training.nets.sound_class import FRAMES
from training.sound.bundle import PROBABILITIES, features_tensor, golden_sound, sound_input
from training.sound.recipe import LABELS

if TYPE_CHECKING:
    from pathlib import Path

    from monitor.scene.personal_answer import Made
    from training.sound.backend import Backend

NAME = "sound-class-personal"


def write_personal(root: Path, version: str, backend: Backend, recipe_path: Path, onnx_file: Path, made: Made) -> Path:
    """Write the bundle below `root`; its folder."""
    folder = root / NAME / version
    folder.mkdir(parents=True)
    model = folder / MODEL_FILE
    model.write_bytes(onnx_file.read_bytes())
    spec = backend.spec
    sound = golden_sound(spec)
    features = ams_of(sound.astype(np.float32) / np.float32(32_768), spec)
    outputs = Session(model).run({"features": windows_of(features, FRAMES, FRAMES)})
    write_golden(folder / GOLDEN_FILE, sound, features, outputs)
    (folder / CARD_FILE).write_text(_card(version, backend, recipe_path, made), encoding="utf-8")
    write_manifest(_manifest(version, backend, recipe_path, sha256_of(model), made), folder)
    return folder


def _manifest(version: str, backend: Backend, recipe_path: Path, model_hash: str, made: Made) -> Manifest:
    spec = backend.spec
    return Manifest(
        name=NAME,
        version=version,
        summary="Noise, music, speech or speech in noise, at the place where one monitor is.",
        task="sound_class",
        model=ModelFile(sha256=model_hash),
        input=sound_input(spec),
        inputs=(features_tensor(spec),),
        outputs=(PROBABILITIES,),
        labels=LABELS,
        training=Training(
            recipe=recipe_name(recipe_path),
            recipe_sha256=sha256_of(recipe_path),
            seed=backend.recipe.seed,
            software=software(),
        ),
        data=(
            DataSource(name=f"baseline set, {made.baseline} decisions", used_for="training", licence="see the recipe"),
            DataSource(
                name=f"{made.kept} vectors drawn from the mixture of one device",
                used_for="training, with labels of C2",
                licence="the user's own",
            ),
        ),
        licence=LICENCE,
    )


def _card(version: str, backend: Backend, recipe_path: Path, made: Made) -> str:
    kinds = ", ".join(f"{label} {count}" for label, count in made.labels.items())
    return f"""# {NAME} {version}

C1 of Koppelman et al. (2023), trained anew for one place: {made.kept} vectors drawn from the mixture of
{made.vectors} decisions that a monitor gathered there, labelled by C2 with at least {made.certainty:.0%} certainty
({kinds}; {made.drawn} were drawn), and the {made.baseline} decisions of the recipe `{recipe_name(recipe_path)}`.

It was measured nowhere: nobody labelled what is heard at that place. What the method is worth where somebody did is in
`docs/personalisation.md`. `auricle scene personalize revert` goes back. Features as the manifest says, fingerprint
`{backend.spec.fingerprint}`. Licence of the weights: CC BY-NC-SA 4.0.
"""
