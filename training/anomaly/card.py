"""The machine encoder's model card, in Hugging Face's form, from what was measured."""

from __future__ import annotations

from typing import TYPE_CHECKING

from training.anomaly.measure import PLAIN_ENROLLED, UNHEARD_ENROLLED
from training.anomaly.tables import CAPTION, cells_table, rows_table
from training.export import recipe_name
from training.nets.asd import EMBEDDING

if TYPE_CHECKING:
    from pathlib import Path

    from training.anomaly.recipe import AnomalyRecipe
    from training.anomaly.results import AnomalyResults


def machine_card(recipe: AnomalyRecipe, recipe_path: Path, results: AnomalyResults) -> str:
    """Markdown with its front matter."""
    parts = [_front_matter(recipe, results), _what(recipe), _data(results), _training(recipe, recipe_path)]
    parts += [_measured(recipe_path, results), _limits(), _cost(results)]
    return "\n\n".join(parts) + "\n"


def _front_matter(recipe: AnomalyRecipe, results: AnomalyResults) -> str:
    best = results.line(UNHEARD_ENROLLED) or results.lines[-1]
    return f"""---
license: cc-by-nc-sa-4.0
library_name: onnx
pipeline_tag: audio-classification
tags: [anomalous-sound-detection, machine-condition-monitoring, embedding, onnx]
model-index:
  - name: {recipe.bundle.name}
    results:
      - task: {{type: audio-classification, name: anomalous sound detection}}
        dataset: {{name: "valve, fan and bearing clips in the DCASE 2022 layout", type: dcase2022-task2}}
        metrics:
          - {{type: roc_auc, name: "{best.name}, headline", value: {best.chosen.headline:.4f}}}
---"""


def _what(recipe: AnomalyRecipe) -> str:
    return f"""# {recipe.bundle.name} {recipe.bundle.version}

{recipe.bundle.summary}
It turns 126 frames (2.13 s) of 224 HTK mel bands (`machine` spec: 16 kHz, 2048-point frames every 16 ms, dB relative to
a full-scale sine) into a direction of {EMBEDDING} dimensions. The graph takes the raw dB and normalises inside: gain
changes nothing, so level is no part of the embedding; the monitor's detectors know it from plain figures.

## Use

Alone it says nothing of any machine. `auricle machine enroll NAME --source CLIP... --encoder {recipe.bundle.name}` fits
detectors on the embeddings of a machine's normal sound, beside plain figures of the same sound (percentiles of the
spectrum, impulsiveness, level), and averages what both say. Without `--encoder` the plain figures judge alone, and so
they do by default: for machines that it never heard it has shown no gain. Meant for: telling that a machine sounds
otherwise than when it was enrolled. Not meant for: safety functions, naming a fault, or commercial use."""


def _data(results: AnomalyResults) -> str:
    heard = ", ".join(f"{count} of {machine}" for machine, count in results.clips.items())
    return f"""## Data

Normal clips from `train`: {heard}. Sound of no machine: {results.others} ESC-50 clips; every take of a recording that
was mixed into a bearing clip is left out. No test clip, normal or not, was heard or used to choose the training."""


def _training(recipe: AnomalyRecipe, recipe_path: Path) -> str:
    optimiser, batches = recipe.optimiser, recipe.batches
    length = f"{optimiser.steps} steps" if optimiser.steps else f"{optimiser.epochs} epochs"
    return f"""## Training

`{recipe_name(recipe_path)}`, seed {recipe.seed}: outlier exposure after Kuroyanagi et al. (DCASE 2022, Task 2), of all
machines at once. {length} of {batches.positive} machine and {batches.negative} other windows; heads for class (machine,
section, domain and attribute; classes of other sound too) and for the embedding's length (Eq. 1 to 3), Mixup of
decreasing chance, AdamW with one cycle. Not the paper's: {batches.altered:.0%} of the machines' windows are altered
(shifted in frequency, a resonance, clicks, swells, a foreign sound) and count as pseudo-anomalous, with a class for the
kind of alteration. {recipe.bundle.notes}""".rstrip()


def _measured(recipe_path: Path, results: AnomalyResults) -> str:
    chosen = {one.name: one.chosen for one in results.lines}
    fixed = {one.name: one.fixed for one in results.lines}
    two = {name: chosen[name] for name in chosen if name in (PLAIN_ENROLLED, UNHEARD_ENROLLED)}
    lines = [
        "## Measured",
        "",
        f"By `auricle-train run {recipe_name(recipe_path)}`. {CAPTION}",
        "",
        "*Machine never heard*: the encoder was trained, in a shorter run, without any clip of the machine it is asked "
        "about. Detectors: mean distance to the nearest normals, scaled by normals left out. Their number (1, 2 or 4) "
        "and whether one detector serves both domains or the better fitting of two, chosen for each machine by what it "
        "gives on the others. *As enrolled on site*: the monitor's own enrollment and scoring with its defaults; there "
        "no machine was ever heard by the encoder, so *never heard* is the row that counts:",
        "",
        *rows_table(chosen),
        "",
        "Two neighbours and the better fitting domain for all, nothing chosen:",
        "",
        *rows_table(fixed),
        "",
        "Figures of the headline:",
        "",
        *cells_table(two or chosen, headline=True),
        "",
        "Figures that stand on few clips, or on lathe:",
        "",
        *cells_table(two or chosen, headline=False),
    ]
    return "\n".join(lines)


def _limits() -> str:
    return """## Limits

- To machines that it never heard it adds nothing measurable here: compare the rows with and without. For machines that
  it did hear, left-out normals look more alike than new ones, so that their scores are worth less than they seem.
- Four machines were tested, most from one public recording session each; the intervals are wide.
- A good part of valve's faults shows in its level alone; bearing is vibration mixed with real noise.
- It hears two seconds at a time: a fault that shows once a minute needs the monitor's longer view."""


def _cost(results: AnomalyResults) -> str:
    return f"""## Cost

{results.parameters:,} parameters, {results.multiplications / 1e6:.1f} million multiplications a window (one a second),
{results.bytes / 1e6:.2f} MB. Largest difference between PyTorch and ONNX Runtime: {results.parity:.1g}."""
