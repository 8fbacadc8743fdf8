"""The model card of a classifier of sound classes, in Hugging Face's form, from what was measured."""

from __future__ import annotations

from typing import TYPE_CHECKING

from training.export import recipe_name
from training.sound.recipe import LABELS

if TYPE_CHECKING:
    from pathlib import Path

    from monitor.features.ams_spec import AmsSpec
    from training.sound.recipe import SoundRecipe
    from training.sound.results import SoundResults


def sound_card(recipe: SoundRecipe, recipe_path: Path, spec: AmsSpec, results: SoundResults) -> str:
    """Markdown with its front matter."""
    name = recipe_name(recipe_path)
    parts = [_front_matter(recipe, results), _what(recipe, results), _features(spec), _made(recipe, name, results)]
    return "\n\n".join([*parts, _measured(recipe, name, results), _limits(recipe)]) + "\n"


def _front_matter(recipe: SoundRecipe, results: SoundResults) -> str:
    return f"""---
license: cc-by-nc-sa-4.0
library_name: onnx
pipeline_tag: audio-classification
tags: [sound-class, amplitude-modulation, onnx]
model-index:
  - name: {recipe.bundle.name}
    results:
      - task: {{type: audio-classification, name: sound class}}
        dataset: {{name: recordings that were never heard, type: mixtures}}
        metrics:
          - {{type: recall, value: {results.macro:.4f}}}
---"""


def _what(recipe: SoundRecipe, results: SoundResults) -> str:
    which = {
        "small": "C1",
        "large": "C2",
        "wide": "A perceptron of two hidden layers in the place of C2",
    }[recipe.classifier]
    return f"""# {recipe.bundle.name} {recipe.bundle.version}

{recipe.bundle.summary} Labels: {", ".join(LABELS)}.

{which} of Koppelman et al. (personalized acoustic scene classification in ultra-low
power embedded devices, 2023), {results.parameters} parameters. The input are five vectors of nine values, one every two
seconds; one decision per ten seconds. Meant for: knowing when people speak or music plays, so that other branches can
be read with that in mind. Not meant for: finding every word spoken, decisions below ten seconds, or commercial use."""


def _features(spec: AmsSpec) -> str:
    audio = ", ".join(f"{a:g}-{b:g}" for a, b in zip(spec.audio_low_hz, spec.audio_high_hz, strict=True))
    slow = ", ".join(f"{a:g}-{b:g}" for a, b in zip(spec.modulation_low_hz, spec.modulation_high_hz, strict=True))
    return f"""## Features

Amplitude modulation, 16 kHz. Audio bands (Butterworth, order {spec.audio_order}): {audio} Hz. Envelope:
{spec.envelope}, mean over {spec.decimation} samples. Modulation bands (order {spec.modulation_order}): {slow} Hz, the
one from 0 a low-pass that keeps the mean. Each value is the level of one modulation band of one audio band over two
seconds, in dB. Fingerprint `{spec.fingerprint}`."""


def _made(recipe: SoundRecipe, name: str, results: SoundResults) -> str:
    mixing, optimiser, search = recipe.mixing, recipe.optimiser, recipe.search
    bank = (
        f"""The cut-offs were searched for by evolution over a grid of bands: {search.trials} banks were judged, on
{search.examples} decisions a class in each of the first {search.folds} folds, by the cross-entropy of networks
of 544 numbers on folds that they were not trained on: {results.bank_cost:.3f} nats against {results.plain_cost:.3f} of
the plain bank (`training/sound/search.py`)."""
        if recipe.bank == "optimised" and search.trials
        else "The bank is the plain one."
    )
    # The larger ones have their own within, and take no other.
    dropout = f"dropout {optimiser.dropout:g} on the inputs; " if recipe.classifier == "small" else ""
    return f"""## Training

`auricle-train run {name}`. {mixing.examples} decisions a class and fold. Speech has noise {mixing.clean_db[0]:g} to
{mixing.clean_db[1]:g} dB below it, speech plus noise {mixing.noisy_db[0]:g} to {mixing.noisy_db[1]:g} dB, by root mean
square over ten seconds. Noise and music whose loudest quarter second has more than {mixing.largest_ratio:g} times the
mean energy are left out (Eq. 5 of the paper). Level {mixing.level_dbfs[0]:g} to {mixing.level_dbfs[1]:g} dBFS. Shorter
clips are repeated with a cross-fade. Adam, {optimiser.epochs} epochs, batch {optimiser.batch}, learning rate
{optimiser.learning_rate:g}, {dropout}the weights after the last step are kept.

{bank}"""


def _measured(recipe: SoundRecipe, name: str, results: SoundResults) -> str:
    rows = "\n".join(
        f"| {label} | {results.recall[label]:.3f} | "
        + " | ".join(str(results.confusion[label][said]) for said in LABELS)
        + " |"
        for label in LABELS
    )
    folds = ", ".join(f"{value:.3f}" for value in results.macro_by_fold.values())
    hushed = ", ".join(f"{value:.3f} of {label}" for label, value in results.speech.items())
    music = "\n".join(f"| {package} | {value:.3f} |" for package, value in results.music.items())
    return f"""## Measured

`auricle-train evaluate {name}`. {recipe.recordings.folds} folds by recording, speaker and package of music; each
tested by a network that heard none of it. {results.examples} decisions of ten seconds.

Mean recall {results.macro:.3f} (by fold {folds}); on the folds that the search for cut-offs never heard
{results.macro_unsearched:.3f}.

| what it is | recall | {" | ".join(f"said {label}" for label in LABELS)} |
|---|---|---|---|---|---|
{rows}

| music of | recall, no track of it heard |
|---|---|
{music}

The privacy mode withholds ten seconds in which speech, alone or in noise, has a probability of 0.5 or more: {hushed}.
What it withholds around them is not counted."""


def _limits(recipe: SoundRecipe) -> str:
    speech = "read speech" if recipe.recordings.layout == "catalog" else "speech"
    return f"""## Limits

Speech in training is {speech} of one speaker, mixed with noise by adding; conversation, shouting, whispering and rooms
were not heard. Singing is music where it is heard with instruments; alone it was not heard. Voices of a crowd are
noise.

Licence of the weights: CC BY-NC-SA 4.0, for some recordings are non-commercial."""
