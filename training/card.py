"""The gate's model card, in Hugging Face's form, from what was measured."""

from __future__ import annotations

from typing import TYPE_CHECKING

from training.bundle import LICENCE, data_sources
from training.protocol import LEAST_OVERLAP_S

if TYPE_CHECKING:
    from training.config import GateRecipe
    from training.results import GateResults

YAMNET = "YAMNet's bird classes, on similar unseen material (quoted, not measured here)"


def gate_card(recipe: GateRecipe, recipe_name: str, results: GateResults, used: dict[str, int], parity: float) -> str:
    """Markdown with its front matter."""
    parts = [
        _front_matter(results),
        _what(recipe, results),
        _data(recipe, used),
        _training(recipe, recipe_name, results),
        _measured(recipe_name, results),
        _limits(),
        _cost(results, parity),
    ]
    return "\n\n".join(parts) + "\n"


def _front_matter(results: GateResults) -> str:
    return f"""---
license: cc-by-nc-sa-4.0
library_name: onnx
pipeline_tag: audio-classification
tags: [bioacoustics, birds, activity-detection, onnx]
model-index:
  - name: bird-gate
    results:
      - task: {{type: audio-classification, name: bird activity}}
        dataset: {{name: ESC-50 folds 1-4, type: esc50}}
        metrics:
          - {{type: roc_auc, value: {results.esc50_auc.value:.4f}}}
          - {{type: average_precision, value: {results.esc50_ap.value:.4f}}}
      - task: {{type: audio-classification, name: bird activity}}
        dataset: {{name: nine annotated field minutes, type: field}}
        metrics:
          - {{type: roc_auc, value: {results.field_auc.value:.4f}}}
          - {{type: average_precision, value: {results.field_ap.value:.4f}}}
---"""


def _what(recipe: GateRecipe, results: GateResults) -> str:
    shape = "the spectrum relative to the mean of all its cells, and " if recipe.network.shape_channel else ""
    return f"""# {recipe.bundle.name} {recipe.bundle.version}

{recipe.bundle.summary}
It is Auricle's gate: it opens an activity, and what comes after it (which species?) looks only there.

A small convolutional network ({", ".join(map(str, recipe.network.channels))} channels) on {recipe.windows.frames}
frames of 128 HTK mel bands (`bird` spec: 16 kHz, 1024-point frames every 20 ms, dB relative to a full-scale sine). The
graph takes the raw dB and normalises inside: it sees how each band differs from its own mean over the window (which
gain, filters and steady noise do not change), {shape}where on the
frequency axis a cell lies. Output: the probability that a bird is audible.

## Use

`on` = {results.threshold_on:.3f}, `off` = {results.threshold_off:.3f}: an activity begins at the first window at or
above `on` and lasts while windows stay at or above `off`. `on` lets {recipe.decision.false_positive_rate:.0%} of the
bird-free windows of the field-like validation set through; `off` has {recipe.decision.off_ratio:g} times its odds.
Neither ESC-50 test folds nor field minutes were looked at to choose them.

Meant for: finding the stretches of a recording or a live stream that are worth a closer look. Not meant for: counting
birds, surveys without a person who checks, telling species apart, or commercial use."""


def _data(recipe: GateRecipe, used: dict[str, int]) -> str:
    rows = "\n".join(f"| {s.name} | {s.used_for} | {s.licence} |" for s in data_sources(used))
    choice = recipe.windows
    return f"""## Data

| recordings | used for | licence |
|---|---|---|
{rows}

Never used to train or to choose: the nine annotated field minutes (Doñana, MIT). Left out altogether: forest and
seaside scenes and soundscapes (they may hold birds, so they are neither class), `unknown` scenes, mixed clips, gibbons
and helmeted hornbills (one rain forest, other birds behind), bearings (vibration, mixed with ESC-50 clips of all
folds), species clips in which BirdNET hears the label with less than {choice.lowest_birdnet:g}. Frogs are negatives.
So are ESC-50's outdoor classes (wind, rain, insects, crickets, airplane and so on), although a faint bird may sing in
a few of them: they are kept at full weight with smoothed labels, because nothing else teaches what a quiet field
without birds sounds like.

Species clips are labelled whole, but birds pause. A window counts as bird when its loudest cells stand
{choice.bird_db:g} dB above the clip's own background (20 % quantile of each band, above {choice.lowest_hz:g} Hz) and at
most {choice.bird_range_db:g} dB below the clip's best window. Where nothing stands out by more than
{choice.pause_db:g} dB, in a clip that has a clear call elsewhere, the window is a negative: same recorder, same place,
same codec, no bird.

Split by recording, never by window: clips that share a recordist, a Xeno-canto number or an original file are one
group (union-find), sites with many clips train only, ESC-50 goes by fold and Freesound source (a source with clips in
two folds is kept from the models of both), speech by speaker, scenes and music by recording, machines by machine,
section and domain. About {recipe.validation_share:.0%} of the groups of each label validate."""


def _training(recipe: GateRecipe, recipe_name: str, results: GateResults) -> str:
    mixing, field = recipe.mixing, recipe.field_like
    return f"""## Training

`{recipe_name}`, seed {recipe.seed}: {results.training_windows:,} windows mixed in the waveform,
{recipe.optimiser.epochs:g} passes, AdamW with one cycle, the last weights (no epoch was picked). All classes go through
the same chain: with chance {mixing.background_share:g} a second source at
{mixing.snr_db[0]:g}..{mixing.snr_db[1]:g} dB, a random low-pass
({mixing.low_pass_hz[0]:g}..{mixing.low_pass_hz[1]:g} Hz; not where it would take the bird away), high-pass and tilt,
recorder hiss, and a random level ({mixing.level_dbfs[0]:g}..{mixing.level_dbfs[1]:g} dBFS).
{recipe.field_like_share:.0%} of them are mixed as in the field: quiet birds behind wind, rain, insects and traffic at
{field.snr_db[0]:g}..{field.snr_db[1]:g} dB. In the features, stretches of bands and frames are masked anew in each
pass. Two CPU cores, no accelerator.

{recipe.bundle.notes}""".rstrip()


def _measured(recipe_name: str, results: GateResults) -> str:
    folds = ", ".join(f"{value:.3f}" for value in results.esc50_by_fold.values())
    cues = "\n".join(
        f"| {name} alone (boosted trees) | {c.esc50_auc:.3f} | {c.field_auc:.3f} | |"
        for name, c in results.cues.items()
    )
    left = ", ".join(f"{name} {c.rendered_auc:.3f}" for name, c in results.cues.items())
    point, validation, field_like = results.field_point, results.validation_point, results.field_like_point
    return f"""## Measured

By `auricle-train run {recipe_name}`; printed again by `auricle-train evaluate {recipe_name}`. 95 % intervals in
brackets.

| | ESC-50 AUC | field AUC | field AP |
|---|---|---|---|
| this gate | {results.esc50_auc} | {results.field_auc} | {results.field_ap} |
{cues}
| {YAMNET} | 0.997 | 0.90 | 0.62 |

- **ESC-50**: four networks, each tested on the fold that it never saw; a clip counts by the mean of its three best
  windows of those that the monitor scores (chosen on validation clips); birds are chirping_birds, crow, rooster, hen.
  Pooled over all clips; the interval resamples source recordings. By fold: {folds}. Average precision
  {results.esc50_ap}.
- **Field minutes**: nine minutes of one site on two days, windows of about a second one after another; a window has a
  bird when at least {LEAST_OVERLAP_S} s of a marked call (or a whole shorter one) lie inside: {results.field_positives}
  of {results.field_windows}. The interval resamples minutes; two of them hold most of the positives, which is why it is
  wide. At `on`: recall {point.recall:.3f}, precision {point.precision:.3f}, false-positive rate
  {point.false_positive_rate:.3f}. Calls that the annotators did not mark count as false alarms.
- **Validation** (held-out recordings, mixed as in training): AUC {results.validation_auc:.4f}, AP
  {results.validation_ap:.4f}; at `on` recall {validation.recall:.3f}, false-positive rate
  {validation.false_positive_rate:.3f}. Mixed as in the field: AUC {results.field_like_auc:.4f}, AP
  {results.field_like_ap:.4f}; at `on` recall {field_like.recall:.3f}.
- **What level and bandwidth alone give**: trees on a window's level, or on its highest and lowest loud band, learned
  from the recordings as they are, in the table. Learned from mixed windows, on held-out mixed windows, AUC (0.5 =
  nothing left): {left}."""


def _limits() -> str:
    return """## Limits

- One field site was tested, and most training material is close recordings: expect lower recall for faint, distant
  birds, and for calls below 400 Hz (owls, bitterns, doves), where wind lives.
- Frogs, insects, whistles, alarms, squeaks and flutes are what it takes for birds most easily.
- 16 kHz: calls above 8 kHz are not heard.
- The probability is that of a validation mix in which half of the windows have a bird; use the thresholds."""


def _cost(results: GateResults, parity: float) -> str:
    return f"""## Cost

{results.parameters:,} parameters, {results.multiplications / 1e6:.1f} million multiply-accumulates a window, two
windows a second of audio. onnxruntime equals torch within {parity:.0e} on held-out windows.

## Licence

The weights are under {LICENCE}, because some recordings are non-commercial and share-alike. No recording is part of
this bundle: the sound in `golden.npz` is made by arithmetic."""
