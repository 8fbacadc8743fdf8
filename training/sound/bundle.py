"""The bundle of a classifier of sound classes: model, manifest, self-test, card."""

from __future__ import annotations

from pathlib import Path
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
    Metric,
    ModelFile,
    ModulationInput,
    Tensor,
    Training,
)
from monitor.inference.manifest_file import sha256_of, write_manifest
from monitor.inference.session import Session
from training.bundle import LICENCE
from training.export import recipe_name, software
from training.sound.card import sound_card
from training.sound.recipe import LABELS
from training.sound.render import FRAMES

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from monitor.features.ams_spec import AmsSpec
    from training.sound.recipe import SoundRecipe
    from training.sound.results import SoundResults

OUTPUT = "probability"

PROBABILITIES = Tensor(
    name=OUTPUT,
    axes=("batch", "label"),
    shape=(None, len(LABELS)),
    meaning="probability of each label, 0..1; they sum to 1",
)
"""What every classifier of sound classes gives."""

PROTOCOL = (
    "decisions of 10 s; folds by recording, speaker and package of music, each tested by a network that never heard "
    "it; level and ratio of speech to noise drawn at random; mean of the classes' recalls"
)


def write_sound(recipe: SoundRecipe, recipe_path: Path, onnx_file: Path, spec: AmsSpec, results: SoundResults) -> Path:
    """Write the bundle; its folder."""
    folder = Path(recipe.bundle.folder) / recipe.bundle.name / recipe.bundle.version
    folder.mkdir(parents=True, exist_ok=True)
    model = folder / MODEL_FILE
    model.write_bytes(onnx_file.read_bytes())
    sound = golden_sound(spec)
    features = ams_of(sound.astype(np.float32) / np.float32(32_768), spec)
    manifest = sound_manifest(recipe, recipe_path, sha256_of(model), spec, results)
    cut = manifest.window
    outputs = Session(model).run({manifest.inputs[0].name: windows_of(features, cut.frames, cut.hop)})
    write_golden(folder / GOLDEN_FILE, sound, features, outputs)
    (folder / CARD_FILE).write_text(sound_card(recipe, recipe_path, spec, results), encoding="utf-8")
    write_manifest(manifest, folder)
    return folder


def golden_sound(spec: AmsSpec) -> NDArray[np.int16]:
    """int16, a decision long, by arithmetic: tones in every audio band that come and go at the pace of syllables.

    It repeats twice a second, which makes it small on disk; only its level steps from frame to frame.
    """
    time = np.arange(spec.rate // 2) / spec.rate
    middles = [round(0.5 * (a * b) ** 0.5) * 2 for a, b in zip(spec.audio_low_hz, spec.audio_high_hz, strict=True)]
    swell = 0.55 - 0.45 * np.cos(2 * np.pi * 4 * time)
    turn = sum(np.sin(2 * np.pi * hertz * time) for hertz in middles) * swell / len(middles)
    turns = FRAMES * spec.hop // len(turn)
    steps = np.repeat([0.5, 0.5, 0.25, 0.25, 0.5], turns // FRAMES)
    return np.round(np.concatenate([turn * step for step in steps]) * 32_767).astype(np.int16)


def sound_input(spec: AmsSpec) -> ModulationInput:
    """Windows of one decision each, that do not overlap."""
    return ModulationInput(fingerprint=spec.fingerprint, spec=spec.to_dict(), window=FRAMES, hop=FRAMES)


def features_tensor(spec: AmsSpec) -> Tensor:
    """What every classifier of sound classes takes."""
    return Tensor(
        name="features",
        axes=("batch", "frame", "band"),
        shape=(None, FRAMES, spec.bands),
        meaning="level of each modulation band in dB relative to full scale, -120 and above",
    )


def sound_manifest(
    recipe: SoundRecipe, recipe_path: Path, model_hash: str, spec: AmsSpec, results: SoundResults
) -> Manifest:
    """Everything that the monitor and a reader must know."""
    return Manifest(
        name=recipe.bundle.name,
        version=recipe.bundle.version,
        summary=recipe.bundle.summary,
        task="sound_class",
        model=ModelFile(sha256=model_hash),
        input=sound_input(spec),
        inputs=(features_tensor(spec),),
        outputs=(PROBABILITIES,),
        labels=LABELS,
        metrics=(
            Metric(name="mean recall", value=results.macro, protocol=PROTOCOL, data=f"{results.examples} decisions"),
            Metric(
                name="mean recall",
                value=results.macro_unsearched,
                protocol=f"{PROTOCOL}; folds on which no cut-off was chosen",
                data="of those decisions",
            ),
            *(
                Metric(name=f"recall of {label}", value=value, protocol=PROTOCOL, data=f"decisions that are {label}")
                for label, value in results.recall.items()
            ),
        ),
        training=Training(
            recipe=recipe_name(recipe_path), recipe_sha256=sha256_of(recipe_path), seed=recipe.seed, software=software()
        ),
        data=_sources(recipe),
        licence=LICENCE,
    )


def _sources(recipe: SoundRecipe) -> tuple[DataSource, ...]:
    if recipe.recordings.layout == "audioset":
        return (
            DataSource(name="AudioSet", used_for="noise and music; training and tests", licence="each video's own"),
            DataSource(name="MUSAN, speech", used_for="speech; training and tests", licence="CC BY 4.0, public domain"),
        )
    use = "training, and tests by fold"
    return (
        DataSource(name="LibriSpeech, one clip a speaker", used_for=f"speech; {use}", licence="CC BY 4.0"),
        DataSource(
            name="ESC-50, folds 1-4", used_for=f"noise; {use}", licence="per clip: CC0, CC BY, CC BY-NC, CC Sampling+"
        ),
        DataSource(
            name="Scene recordings: ambiences of public applications, and three ferries",
            used_for=f"noise; {use}",
            licence="CC0, CC BY, Pixabay or unstated; ferries MIT",
        ),
        DataSource(
            name="Four pieces and four loops", used_for=f"music; {use}", licence="CC BY, CC BY-NC or public domain"
        ),
        *(
            DataSource(
                name=f"Music of Debian's package {name}",
                used_for=f"music; {use}",
                licence=f"as in usr/share/doc/{name}/copyright of the package; free by Debian's guidelines",
            )
            for name in recipe.recordings.packages
        ),
    )
