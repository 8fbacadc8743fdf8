"""The encoder that ships, and the ones trained without a machine that say what it is worth to a machine never heard."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING

from training.anomaly.batches import Entry, Pool
from training.anomaly.fit import FIT_VERSION, Fit, fit_extractor

if TYPE_CHECKING:
    from collections.abc import Callable

    from training.anomaly.material import Material
    from training.anomaly.recipe import AnomalyRecipe
    from training.data.layouts.dcase2022 import MachineClip
    from training.nets.asd import Extractor

LEAST_CLIPS = 4
"""Of an attribute, to be a class of its own; rarer ones share the class of their section and domain."""


def shared_pool(material: Material, without: str = "", outlier_classes: bool = True) -> Pool:
    """Training normals of all machines but `without`; classes are machine, section, domain and attribute.

    With `outlier_classes` the classes of other sound are told apart too; it stays pseudo-anomalous.
    """
    normal = [clip for clip in material.clips if clip.train and clip.machine != without]
    counts = Counter(_label(clip) for clip in normal)
    labels = {clip.path: _label(clip) if counts[_label(clip)] >= LEAST_CLIPS else _label(clip)[:3] for clip in normal}
    others = sorted({one.label for one in material.others if one.label}) if outlier_classes else []
    index = {label: i for i, label in enumerate([*sorted(set(labels.values())), *others])}
    entries = {clip.path: Entry(material.path(clip), index[labels[clip.path]]) for clip in normal}
    return Pool(
        source=tuple(entries[clip.path] for clip in normal if not clip.target),
        target=tuple(entries[clip.path] for clip in normal if clip.target),
        negative=tuple(Entry(one.path, index.get(one.label, -1)) for one in material.others),
        sections=len(index),
    )


def _label(clip: MachineClip) -> tuple[str, ...]:
    return (clip.machine, str(clip.section), "target" if clip.target else "source", clip.attribute)


def shared_fit(recipe: AnomalyRecipe, material: Material, without: str = "") -> Fit:
    """The training that ships, or a shorter one without a machine."""
    optimiser = recipe.optimiser
    pool = shared_pool(material, without, recipe.outlier_classes)
    if without:
        share = recipe.leave_out_share
        steps = max(1, int(optimiser.steps * share)) if optimiser.steps else 0
        optimiser = optimiser.model_copy(update={"steps": steps, "epochs": max(1, int(optimiser.epochs * share))})
    salt = f"{FIT_VERSION} {material.frames.name} {without} {optimiser.steps} {optimiser.epochs}"
    key = recipe.key(salt, "seed", "backbone", "batches", "losses", "optimiser", "outlier_classes")
    name = f"encoder-{f'without-{without}-' if without else ''}{key}.pt"
    return Fit(pool, recipe.backbone, recipe.batches, recipe.losses, optimiser, recipe.seed, Path(recipe.cache) / name)


def shared_encoders(
    recipe: AnomalyRecipe, material: Material, progress: Callable[[str], None]
) -> tuple[Extractor, dict[str, Extractor]]:
    """The encoder that ships, and by machine the one that never heard it (none where the recipe says so)."""
    shipped = fit_extractor(shared_fit(recipe, material), material.frames, progress)
    machines = material.machines() if recipe.leave_out else []
    without = {name: fit_extractor(shared_fit(recipe, material, name), material.frames, progress) for name in machines}
    return shipped, without
