"""The model card of a species classifier, in Hugging Face's form, from what was measured."""

from __future__ import annotations

from typing import TYPE_CHECKING

from training.export import recipe_name

if TYPE_CHECKING:
    from pathlib import Path

    from training.species.recipe import SpeciesRecipe
    from training.species.results import Scores, SpeciesResults


def species_card(recipe: SpeciesRecipe, recipe_path: Path, results: SpeciesResults) -> str:
    """Markdown with its front matter."""
    name = recipe_name(recipe_path)
    parts = [
        _front_matter(recipe, results),
        _what(recipe, results),
        _data(recipe, results),
        _training(recipe, name, results),
        _measured(recipe, name, results),
        _limits(results),
        _cost(recipe, results),
    ]
    return "\n\n".join(parts) + "\n"


def _front_matter(recipe: SpeciesRecipe, results: SpeciesResults) -> str:
    measured = ""
    if results.test is not None:
        measured = f"""
model-index:
  - name: {recipe.bundle.name}
    results:
      - task: {{type: audio-classification, name: animal species}}
        dataset: {{name: recordings that were never heard, type: clips}}
        metrics:
          - {{type: recall, name: unweighted average recall, value: {results.test.uar.value:.4f}}}"""
    return f"""---
license: {recipe.licence.lower().replace(" ", "-")}
library_name: onnx
pipeline_tag: audio-classification
tags: [bioacoustics, species, onnx]{measured}
---"""


def _what(recipe: SpeciesRecipe, results: SpeciesResults) -> str:
    animals = ", ".join(label.replace("_", " / ") for label in results.labels if label != results.reject)
    reject = (
        f"`{results.reject}` stands for none of them: a label counts only where it is likelier."
        if results.reject
        else "There is no class for what is none of them."
    )
    rows = "\n".join(f"| {label} | {value:.2f} |" for label, value in results.thresholds.items())
    table = f"\n\n| label | threshold |\n|---|---|\n{rows}" if rows else ""
    return f"""# {recipe.bundle.name} {recipe.bundle.version}

{recipe.bundle.summary}
Classes: {animals}. {reject}

{recipe.network.kind}, after Kong et al. (2020) and Pellegrini (Interspeech 2021), on windows of 150 frames (three
seconds) of 64 Slaney mel bands (`species` spec: 16 kHz, 1024-point frames every 20 ms, dB relative to a full-scale
sine). The graph takes the raw dB and normalises inside. Output: a probability for each label.

## Use

`auricle replay RECORDING --species {recipe.bundle.name}`. A label counts in a window where its probability reaches its
threshold; those without one have 0.5.{table}

Meant for: finding the stretches of a recording that are worth a closer look. Not meant for: counting animals, or
surveys without a person who checks."""


def _data(recipe: SpeciesRecipe, results: SpeciesResults) -> str:
    rows = "\n".join(f"| {label} | {a} | {b} | {c} |" for label, (a, b, c) in results.clips.items())
    parts = (
        "The parts are the challenge's own."
        if recipe.recordings.layout == "compare2021"
        else "Clips that share a recorder and day, an original recording or a recordist stay in one part, whatever "
        f"their class: {results.groups} groups. A class with fewer than three groups, and a group that holds more than "
        "half of a class, only trains."
    )
    notes = "\n".join(f"- {warning}" for warning in results.warnings)
    return f"""## Data

| label | clips that train | validate | test |
|---|---|---|---|
{rows}

{parts}
{notes}""".rstrip()


def _training(recipe: SpeciesRecipe, name: str, results: SpeciesResults) -> str:
    sound, picture, optimiser, average = recipe.sound, recipe.picture, recipe.optimiser, recipe.average
    loss = {
        "independent": "binary cross-entropy",
        "exclusive": "categorical cross-entropy",
        "hierarchical": "binary cross-entropy for background and categorical among the animals",
    }[recipe.outcome]
    windows = "windows without a call that stands out are not drawn from longer clips"
    steps = [
        "classes drawn equally often" if optimiser.balanced else "clips drawn equally often",
        f"windows that stand out at most {sound.contrast_db:g} dB less than the clip's best; {windows}",
        "silence after short clips" if sound.padding == "zeros" else "other background around short clips",
        _chance(sound.behind_share, f"background behind, {sound.snr_db[0]:g}..{sound.snr_db[1]:g} dB below"),
        _chance(sound.low_pass_share, f"a low-pass at {sound.low_pass_hz[0]:g}..{sound.low_pass_hz[1]:g} Hz"),
        _chance(sound.high_pass_share, f"a high-pass at {sound.high_pass_hz[0]:g}..{sound.high_pass_hz[1]:g} Hz"),
        "" if sound.level_dbfs is None else f"a level of {sound.level_dbfs[0]:g}..{sound.level_dbfs[1]:g} dBFS",
        _chance(sound.stretch_share, f"{sound.stretch[0]:g}..{sound.stretch[1]:g} times the tempo"),
        _chance(sound.pitch_share, f"up to {sound.quarter_tones} quarter-tones higher or lower"),
        ""
        if picture.masks == "none"
        else f"masks of up to {picture.mask_frames} frames and {picture.mask_bands} bands",
        f"MixUp ({picture.mixup:g})" if picture.mixup else "",
    ]
    chain = ";\n".join(f"- {step}" for step in steps if step)
    mean = f", an average of the weights (decay {average.decay:g}) from step {average.start}" if average.decay else ""
    return f"""## Training

`{name}`, seed {recipe.seed}: {optimiser.steps} steps of {optimiser.batch} windows, {loss}, Adam
({optimiser.learning_rate:g}){mean}. Kept: {results.kept}. In order:

{chain}.

{recipe.bundle.notes}""".rstrip()


def _measured(recipe: SpeciesRecipe, name: str, results: SpeciesResults) -> str:
    lines = [
        "## Measured",
        "",
        f"By `auricle-train run {name}`; the model as it ships. 95 % intervals in brackets.",
        "",
        "| clips | UAR | mAP | accuracy |",
        "|---|---|---|---|",
    ]
    for title, one in (
        ("validation (they chose checkpoint and thresholds)", results.validation),
        ("test", results.test),
    ):
        if one is not None:
            lines.append(f"| {title} | {one.uar} | {one.map:.3f} | {one.accuracy:.3f} |")
    lines += [f"| test, {cue} alone (boosted trees) | {value:.3f} | | |" for cue, value in results.cues.items()]
    if results.test is not None:
        lines += ["", *_recalls(results.test)]
    for joined, of in ((results.joined, _kind(recipe)), (results.joined_anywhere, " of every kind")):
        if joined is None:
            continue
        lines += [
            "",
            f"{joined.calls} test calls joined with test background{of}, {joined.background_h * 60:.1f} minutes "
            "without a call, the calls 10 dB above it, heard through the monitor's stages with the thresholds above: "
            f"UAR {joined.uar:.3f}, {joined.false_hits_per_hour:.1f} false hits an hour{_named(joined.false)}.",
        ]
    return "\n".join(lines)


def _kind(recipe: SpeciesRecipe) -> str:
    return f" (`{'`, `'.join(recipe.joined_background)}`)" if recipe.joined_background else ""


def _named(counts: dict[str, int]) -> str:
    told = ", ".join(f"{label.replace('_', ' / ')} {count}" for label, count in counts.items())
    return f" ({told})" if told else ""


def _recalls(one: Scores) -> list[str]:
    return ["| class | recall |", "|---|---|", *(f"| {label} | {value:.3f} |" for label, value in one.recall.items())]


def _limits(results: SpeciesResults) -> str:
    untested = [label for label, counts in results.clips.items() if counts[2] == 0]
    told = f"\n- Never tested, for want of recordings apart: {', '.join(untested)}." if untested else ""
    few = min((counts[2] for counts in results.clips.values() if counts[2]), default=0)
    return f"""## Limits

- Other recorders, places and backgrounds than those trained on lower the recall; the smallest class has {few} test
  clips.
- 16 kHz: calls above 8 kHz are not heard.
- Animals that are none of the classes may be taken for one of them.{told}"""


def _cost(recipe: SpeciesRecipe, results: SpeciesResults) -> str:
    return f"""## Cost

{results.parameters:,} parameters, {results.multiplications / 1e6:.1f} million multiply-accumulates a window, a window
every {recipe.hop * 0.02:.2g} s; {results.file_bytes / 1e6:.2f} MB with weights of eight bits, widened once when
the session is made. onnxruntime equals torch within {results.parity:.0e} before that.

## Licence

The weights are under {recipe.licence}. No recording is part of this bundle: the sound in `golden.npz` is made by
arithmetic."""


def _chance(share: float, what: str) -> str:
    return f"{what} ({share:.0%} of the windows)" if share else ""
