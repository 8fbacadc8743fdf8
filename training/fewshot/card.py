"""The encoder's model card, in Hugging Face's form, from what was measured."""

from __future__ import annotations

from typing import TYPE_CHECKING

from training.bundle import LICENCE
from training.export import recipe_name
from training.fewshot.tables import false_tag_table, few_shot_table, inserted_table, open_set_table

if TYPE_CHECKING:
    from pathlib import Path

    from training.fewshot.figures import FewShotFigure
    from training.fewshot.recipe import FewShotRecipe
    from training.fewshot.results import FewShotResults
    from training.fewshot.run import Made


def encoder_card(recipe: FewShotRecipe, recipe_path: Path, made: Made, results: FewShotResults) -> str:
    """Markdown with its front matter."""
    parts = [
        _front_matter(recipe, results),
        _what(recipe, made),
        _training(recipe, recipe_path, made),
        _measured(recipe, recipe_path, results),
        _limits(),
        _cost(results),
    ]
    return "\n\n".join(parts) + "\n"


def headline(results: FewShotResults) -> FewShotFigure:
    """5-way 1-shot, another recordist, as the monitor compares."""
    return results.test.few_shot[0]


def _front_matter(recipe: FewShotRecipe, results: FewShotResults) -> str:
    return f"""---
license: cc-by-nc-sa-4.0
library_name: onnx
pipeline_tag: audio-classification
tags: [bioacoustics, birds, few-shot, embedding, onnx]
model-index:
  - name: {recipe.bundle.name}
    results:
      - task: {{type: audio-classification, name: few-shot bird species}}
        dataset: {{name: 60 test species, type: xeno-canto}}
        metrics:
          - {{type: accuracy, name: 5-way 1-shot, value: {headline(results).accuracy.value:.4f}}}
---"""


def _what(recipe: FewShotRecipe, made: Made) -> str:
    weights = ", ".join(f"{name} {weight:g}" for name, weight in made.weights.items())
    calibration = made.fitted.calibration
    return f"""# {recipe.bundle.name} {recipe.bundle.version}

{recipe.bundle.summary}
It turns {recipe.frames} frames (2.98 s) of 128 HTK mel bands (`bird` spec: 16 kHz, 1024-point frames every 20
ms, raw dB) into a direction of {made.dimension} dimensions. A species is the mean direction of a few clips; a
call is tagged with the species whose direction is nearest, or as unknown.

Inside the graph lie side by side: MobileNetV3-Large (one input channel, 960 pooled values) with a linear layer
to 1 024 values, taught by BirdNET; and five groups of features made by hand (Gabor filters, spectrum, cepstrum,
its movement, modulation). Each of the seven blocks is whitened by what varies within a species, then weighed
({weights}), and the whole is scaled to length 1. The frozen mean is part of the whitening: nothing is centred on
the support, which with one species would erase it.

## Use

`known` = {calibration.known:.3f}: a tag names a species from this probability on. The probability comes from how
far the similarity lies above that to the cohort (`cohort.npz`: {len(made.cohort.taxon)} rows of species that the
encoder never heard and of bird-free sound), on both
sides, with the one most similar species left out. The threshold was chosen on {made.fitted.chosen_on}."""


def _training(recipe: FewShotRecipe, recipe_path: Path, made: Made) -> str:
    mixtures = recipe.mixtures
    return f"""## Training

`auricle-train run {recipe_name(recipe_path)}`

Species are apart: 908 train, 40 validate (choices, cohort, threshold), 60 test; the table is
`configs/training/fewshot/species.csv`. The gate that chooses windows has not heard the validation and test
species either.

BirdNET V2.4 hears {mixtures.count:,} mixtures of 3 s (one or two birds of the train species, played at other
speeds, before other backgrounds, filtered) and the train clips as they are; the student hears the same at 16 kHz
and learns to point where BirdNET's embedding points, after its values were raised to the power
{recipe.target.power:g}, centred and whitened within species (which lifts the teacher itself from 84 to 94 % on
validation species). {recipe.distillation.epochs:g} passes, AdamW, moving average of the weights. **BirdNET has
met most of the test species in its own training; the student has not.**

{recipe.bundle.notes.strip()}"""


def _measured(recipe: FewShotRecipe, recipe_path: Path, results: FewShotResults) -> str:
    test = results.test
    nearest = [one for one in test.few_shot if one.method.startswith("nearest") and one.apart == "recordist"]
    others = [one for one in test.few_shot if not one.method.startswith("nearest") and one.apart == "recordist"]
    same = [one for one in test.few_shot if one.apart == "recording"]
    return f"""## Measured

All by the file that ships, on {headline(results).clips} clips of {headline(results).species} test species, once
(`auricle-train evaluate {recipe_name(recipe_path)}`). Accuracy in percent with a 95 % interval from a bootstrap
over species and recordings; support and query by different recordists.

{few_shot_table(nearest, methods=False)}

Other classifiers on the same embedding:

{few_shot_table(others)}

With support and query from different recordings, but perhaps of one recordist:

{few_shot_table(same)}

Calls put at a random place into 30 s of bird-free sound, 5-way 1-shot, by the windows that are averaged:

{inserted_table(test.inserted)}

Known against unknown species (the other test species), and what happens at the shipped threshold:

{open_set_table(test.open_set)}

Tags in sound without birds that nothing of this model was chosen on (the gate has been trained on such sound, so
the last rows hold it open: then every ten seconds are an activity):

{false_tag_table(test.false_tags)}

### What the parts are worth

On validation species; choices were made by these.

{few_shot_table(results.levers, methods=False)}"""


def _limits() -> str:
    return """## Limits

- Sound above 8 kHz is not heard.
- One clip of one bird teaches one bird: songs differ between individuals and places, and calls from songs. Enroll
  several clips.
- Test clips come mostly from quizzes and guides: close, clean, cut to the call. Expect less of distant birds.
- Frogs were only trained on."""


def _cost(results: FewShotResults) -> str:
    return f"""## Cost

{results.parameters:,} weights, {results.bytes / 1e6:.1f} MB with the large ones as eight bits (smallest cosine to the
embedding at full width {results.least_cosine:.4f}); onnxruntime equals torch within {results.parity:.0e}.

## Licence

The weights are under {LICENCE}, because some recordings, and the teacher, are non-commercial and share-alike. No
recording is part of this bundle, nor any weight of the teacher: the sound in `golden.npz` is made by arithmetic."""
