"""The scene classifier's model card, in Hugging Face's form, from what was measured."""

from __future__ import annotations

from typing import TYPE_CHECKING

from training.bundle import LICENCE
from training.export import recipe_name
from training.scene.recipe import UNKNOWN

if TYPE_CHECKING:
    from pathlib import Path

    from training.scene.recipe import Picture, SceneRecipe
    from training.scene.results import Accuracies, SceneResults


def scene_card(recipe: SceneRecipe, recipe_path: Path, results: SceneResults) -> str:
    """Markdown with its front matter."""
    name = recipe_name(recipe_path)
    parts = [
        _front_matter(recipe, results),
        _what(recipe, results),
        _data(recipe, results),
        _training(recipe, name),
        _measured(recipe, name, results),
        _limits(results),
        _cost(results),
    ]
    return "\n\n".join(parts) + "\n"


def _front_matter(recipe: SceneRecipe, results: SceneResults) -> str:
    return f"""---
license: cc-by-nc-sa-4.0
library_name: onnx
pipeline_tag: audio-classification
tags: [acoustic-scenes, mobilevit, int8, onnx]
model-index:
  - name: {recipe.bundle.name}
    results:
      - task: {{type: audio-classification, name: acoustic scene}}
        dataset: {{name: recordings that were never heard, type: scenes}}
        metrics:
          - {{type: accuracy, value: {results.quantised.decisions.value:.4f}}}
---"""


def _what(recipe: SceneRecipe, results: SceneResults) -> str:
    scenes = ", ".join(label.replace("_", " ") for label in results.labels if label != UNKNOWN)
    network = recipe.network
    return f"""# {recipe.bundle.name} {recipe.bundle.version}

{recipe.bundle.summary}
Scenes: {scenes}.

MobileAST_Light, submission {network.submission} of Yu et al. (DCASE 2023 task 1): a convolutional network with a
MobileViTv3 block whose attention is global, on windows of 64 frames of 256 Kaldi mel bands (`scene` spec: 32 kHz,
2000-sample frames every 500, pre-emphasis, natural log). Weights and activations have eight bits (QDQ), the products of
attention stay in float. The graph takes the raw log mel and scales inside. Output: a probability for each label.

## Use

A window is a second; average the probabilities over {recipe.decision.seconds:g} s. The likeliest scene counts when its
average reaches `known` = {results.rejection.threshold:.3f}; else the scene is `unknown`. `known` lets
{1 - recipe.decision.rejected:.0%} of the decisions on held-out recordings of known scenes through.

Meant for: context (is this a street, a cabin, a forest?) for what else listens. Not meant for: telling places apart,
decisions on single seconds, or commercial use."""


def _data(recipe: SceneRecipe, results: SceneResults) -> str:
    rows = "\n".join(f"| {label.replace('_', ' ')} | {count} |" for label, count in results.recordings.items())
    strangers = f"{len(recipe.recordings.strangers)} other classes are never heard and only tested on"
    if recipe.recordings.others == "unknown":
        others = "as often, recordings of other scenes, each\nof which tests the fold that did not hear it"
        also = f" and, {others}; {strangers}."
    else:
        also = f"; {strangers},\nand so are the recordings of other scenes."
    return f"""## Data

| label | recordings that train and, in their fold, test |
|---|---|
{rows}

`unknown` in training are ESC-50 clips of {len(recipe.recordings.negatives)} classes{also}
Recordings that share an original, and the three ferries, stay in one fold. Every label is drawn equally often, then
every recording of it."""


def _training(recipe: SceneRecipe, name: str) -> str:
    sound, picture, taught = recipe.sound, recipe.picture, recipe.distillation
    channels, copies = ", ".join(map(str, recipe.teacher.channels)), recipe.teacher.copies
    one = f"a convolutional network of {channels} channels,"
    many = f"{copies} convolutional networks of {channels} channels, which answer together,"
    teacher = {
        "cnn": f"{many if copies > 1 else one} trained in the same fold on the same recordings"
        + _hidden(recipe.teacher.picture),
        "passt": "PaSST, fine-tuned in the same fold",
        "none": "nobody",
    }[recipe.teacher.kind]
    how = {
        "decoupled": f"decoupled distillation (alpha {taught.alpha:g}, beta {taught.beta:g}, T {taught.temperature:g})",
        "plain": f"plain distillation (weight {taught.alpha:g}, T {taught.temperature:g})",
        "none": "no distillation",
    }[taught.loss]
    steps = [
        "a random second of the recording",
        _chance(sound.device_share, "a microphone's impulse response"),
        _chance(sound.pitch_share, f"{sound.pitch[0]:g}..{sound.pitch[1]:g} times the speed"),
        _chance(sound.low_pass_share, f"a low-pass at {sound.low_pass_hz[0]:g}..{sound.low_pass_hz[1]:g} Hz"),
        _chance(sound.tilt_share, f"a tilt of {sound.tilt_db[0]:g}..{sound.tilt_db[1]:g} dB an octave"),
        f"a gain of {sound.level_db[0]:g}..{sound.level_db[1]:g} dB",
        _chance(sound.noise_share, f"white noise {sound.noise_db[0]:g}..{sound.noise_db[1]:g} dB below"),
        f"a turn of up to {sound.roll_s:g} s",
        f"mixup ({sound.mixup:g})" if sound.mixup else "",
        _hidden(picture).removeprefix(", with "),
    ]
    chain = ";\n".join(f"- {step}" for step in steps if step)
    events = f", with the 50 classes of ESC-50 beside (weight {recipe.teacher.events_weight:g})"
    beside = events if recipe.teacher.kind == "cnn" and recipe.teacher.events_weight else ""
    kin = recipe.recordings
    more = ""
    if kin.kin_share and (kin.babble or kin.kin):
        more = f" {kin.kin_share:.0%} of a scene's windows are ESC-50 clips of its sounds, or voices in a room."
    where = ", in the power of the mel bands" if sound.domain == "power" else ""
    starts = [role for role in ("teacher", "student") if getattr(recipe.pretraining, role) is not None]
    before = ""
    if starts:
        before = (
            f"Before any scene, {' and '.join(starts)} told the classes of ESC-50 apart, without those that test: "
            "once for all folds.\n"
        )
    return f"""## Training

`{name}`, seed {recipe.seed}. All labels go through the same chain{where}:

{chain}.

{before}Teacher: {teacher}{beside}. Student: cross-entropy and {how}; the last weights, no epoch was picked.{more}

{recipe.bundle.notes}""".rstrip()


def _hidden(picture: Picture) -> str:
    """What a log mel is changed by, from a comma on; empty for nothing."""
    parts = [_chance(picture.style_share if picture.style else 0.0, f"frequency-wise MixStyle ({picture.style:g})")]
    if picture.mask_bands or picture.mask_frames:
        parts.append(f"masks of up to {picture.mask_bands} bands and {picture.mask_frames} frames")
    told = " and ".join(part for part in parts if part)
    return f", with {told.removeprefix('with ')}" if told else ""


def _chance(share: float, what: str) -> str:
    return f"with chance {share:g} {what}" if share else ""


def _measured(recipe: SceneRecipe, name: str, results: SceneResults) -> str:
    seconds = f"{recipe.decision.seconds:g} s"
    kinds: dict[str, Accuracies | None] = {
        "teacher": results.teacher,
        "student, float": results.student,
        "student, int8 (as shipped)": results.quantised,
    }
    rows = "\n".join(
        f"| {kind} | {found.windows} | {found.decisions} |" for kind, found in kinds.items() if found is not None
    )
    cues = "\n".join(f"| {cue} | | {share:.3f} |" for cue, share in results.cues.items())
    recall = ", ".join(f"{label.replace('_', ' ')} {share:.2f}" for label, share in results.quantised.recall.items())
    devices = "; ".join(f"{what} {share:.3f}" for what, share in results.devices.items())
    recorders = ", ".join(f"{what} {share:.3f}" for what, share in results.recorders.items())
    recorded = f"\n- **Recorded by**, accuracy of decisions: {recorders}." if recorders else ""
    rejection = results.rejection
    rejected = "; ".join(f"{what} {share:.2f}" for what, share in rejection.rejected.items())
    kinds_of = list(rejection.rejected)
    curve = "\n".join(
        f"| {point.threshold:g} | {point.kept:.2f} | {point.accuracy:.2f} | "
        + " | ".join(f"{point.rejected[kind]:.2f}" for kind in kinds_of)
        + " |"
        for point in rejection.curve
    )
    steady = "; ".join(
        f"{kind} {changes:.2f} and {100 * results.steadiness.right[kind]:.0f} %"
        for kind, changes in results.steadiness.changes.items()
    )
    scenes = [label.replace("_", " ") for label in results.labels if label != UNKNOWN]
    table = "\n".join(
        f"| {scene} | {' | '.join(map(str, row))} |" for scene, row in zip(scenes, results.confusion, strict=True)
    )
    return f"""## Measured

By `auricle-train run {name}`; printed again by `auricle-train evaluate {name}`. {recipe.recordings.folds} folds by
recording: every recording is tested by networks that never heard it; teacher, student and calibration of the eight bits
are made anew for each fold. 95 % intervals in brackets, resampled by recording.

| | accuracy, 1 s | accuracy, {seconds} |
|---|---|---|
{rows}
{cues}

- **Recall** of decisions, int8: {recall}.
- **Microphones**: the same recordings heard through impulse responses, accuracy of decisions:
  {devices or "none"}.{recorded}
- **Rejection** (each fold's threshold from the others): {rejection.kept:.2f} of the known decisions are kept,
  {rejection.accuracy:.2f} are kept and right; rejected are of {rejected or "none"}.

- **Steadiness**: labels that the monitor's filter changes a minute, and how much of the time its label is right
  (`unknown` where nothing fits): {steady}.

Another threshold (`scene.known`), the same for all folds:

| `known` | kept | kept and right | {" | ".join(f"rejected: {kind}" for kind in kinds_of)} |
|{"---|" * (3 + len(kinds_of))}
{curve}

Decisions, int8; rows are the right scenes, columns the answers in the same order:

| | {" | ".join(scenes)} |
|{"---|" * (len(scenes) + 1)}
{table}"""


def _limits(results: SceneResults) -> str:
    count = sum(number for label, number in results.recordings.items() if label != UNKNOWN)
    return f"""## Limits

- {count} recordings teach and test: the intervals are wide, and a scene that sounds unlike all of them is missed.
- A scene is what a room or street sounds like on the whole; single events (a bird in a street) do not change it.
- What is none of the scenes is rejected only in part: see above."""


def _cost(results: SceneResults) -> str:
    cost = results.cost
    return f"""## Cost

{cost.parameters:,} parameters; {cost.table_macs / 1e6:.1f} million multiply-accumulates a window as the challenge
counts, {cost.macs / 1e6:.1f} million with every token and attention; one window a second of audio. Initialisers
{cost.initialiser_bytes:,} bytes, file {cost.file_bytes:,} bytes.

## Licence

The weights are under {LICENCE}, because some recordings are non-commercial and share-alike. No recording is part of
this bundle: the sound in `golden.npz` is made by arithmetic."""
