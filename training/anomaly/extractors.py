"""The paper's first stage: an extractor for each machine and row, and what it says of that machine's clips."""

from __future__ import annotations

from dataclasses import dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import torch

from training.anomaly.alterations import KINDS, alter
from training.anomaly.batches import Entry, Pool
from training.anomaly.fit import FIT_VERSION, Fit, answers, fit_extractor
from training.anomaly.material import segments

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray

    from training.anomaly.material import Material
    from training.anomaly.recipe import PaperRecipe, Split
    from training.data.layouts.dcase2022 import MachineClip


@dataclass(frozen=True, slots=True, eq=False)
class ClipAnswers:
    """What an extractor says of n clips, s segments each."""

    embedding: NDArray[np.float32]
    """`(n, s, 128)`."""
    machine: NDArray[np.float32]
    """Logits `(n, s)`."""
    section: NDArray[np.float32]
    """Logits `(n, s, sections)`."""
    domain: NDArray[np.float32]
    """Logits `(n, s)`, of use from a domain classifier only."""

    def vectors(self, logits: bool) -> NDArray[np.float64]:
        """`(n, s, d)`: the embedding (128), with logits also its length, machine and sections (136 for six)."""
        if not logits:
            return self.embedding.astype(np.float64)
        length = np.sqrt(np.mean(np.square(self.embedding), axis=2, keepdims=True))
        both = [self.embedding, length, self.machine[:, :, None], self.section]
        return np.concatenate(both, axis=2).astype(np.float64)


def held_out(clips: Sequence[MachineClip], split: Split, seed: int) -> set[str]:
    """Paths of the training clips that do not train the extractor: a share of each section and domain."""
    groups: dict[tuple[str, int, bool], list[str]] = {}
    for clip in clips:
        if clip.train:
            groups.setdefault((clip.machine, clip.section, bool(clip.target)), []).append(clip.path)
    chosen: set[str] = set()
    for number, key in enumerate(sorted(groups)):
        paths, share = sorted(groups[key]), split.target if key[2] else split.source
        trained = min(max(1, round(share * len(paths))), len(paths))
        order = np.random.default_rng([seed, number]).permutation(len(paths))
        chosen.update(paths[i] for i in order[trained:])
    return chosen


def machine_pool(material: Material, machine: str, split: Split, external: bool, seed: int) -> Pool:
    """Sections of one machine against the training clips of the others and, with `external`, sound of no machine."""
    kept = held_out(material.clips, split, seed)
    training = [clip for clip in material.clips if clip.train and clip.path not in kept]
    own = [clip for clip in training if clip.machine == machine]
    index = {section: i for i, section in enumerate(sorted({clip.section for clip in own}))}
    negative = [Entry(material.path(clip), -1) for clip in training if clip.machine != machine]
    if external:
        negative += [Entry(one.path, -1) for one in material.others]
    return Pool(
        source=tuple(Entry(material.path(clip), index[clip.section]) for clip in own if not clip.target),
        target=tuple(Entry(material.path(clip), index[clip.section]) for clip in own if clip.target),
        negative=tuple(negative),
        sections=len(index),
    )


def machine_answers(
    recipe: PaperRecipe, material: Material, machine: str, domain: bool, progress: Callable[[str], None]
) -> ClipAnswers:
    """What its extractor or its domain classifier says of all clips of a machine, in order; from the cache if there.

    Behind them come `altered_normals`, two for each held-out clip. Raises ValueError when a domain classifier is asked
    for where no target clip trains.
    """
    batches = recipe.batches.model_copy(update={"domain": domain})
    optimiser = recipe.optimiser
    if domain:
        steps = min(optimiser.steps, recipe.domain_epochs * 10) if optimiser.steps else 0
        optimiser = optimiser.model_copy(update={"epochs": recipe.domain_epochs, "steps": steps})
    pool = machine_pool(material, machine, recipe.split, batches.external, recipe.seed)
    count = recipe.detection.segments
    salt = f"{FIT_VERSION} {material.frames.name} {machine} {batches} {optimiser} {count}"
    key = recipe.key(salt, "seed", "backbone", "losses", "split")
    path = Path(recipe.cache) / "runs" / f"{machine}-{'domain-' if domain else ''}{key}.npz"
    if not path.is_file():
        fit = Fit(pool, recipe.backbone, batches, recipe.losses, optimiser, recipe.seed, path.with_suffix(".pt"))
        extractor = fit_extractor(fit, material.frames, progress)
        clips = [clip for clip in material.clips if clip.machine == machine]
        windows = [segments(material.frames[material.path(clip)], count) for clip in clips]
        windows += altered_normals(material, machine, recipe.split, count, recipe.seed)
        parts = [answers(extractor, some) for some in windows]
        made = {field.name: np.stack([getattr(one, field.name) for one in parts]) for field in fields(ClipAnswers)}
        scratch = path.with_suffix(".partial.npz")
        np.savez(scratch, **made)
        scratch.replace(path)
        fit.checkpoint.unlink(missing_ok=True)
    with np.load(path, allow_pickle=False) as kept:
        return ClipAnswers(*(kept[field.name] for field in fields(ClipAnswers)))


def altered_clips(material: Material, machine: str, split: Split, seed: int) -> list[MachineClip]:
    """The clips that `altered_normals` are made of, in its order: each held-out clip of the machine twice."""
    kept = held_out(material.clips, split, seed)
    return [clip for clip in material.clips if clip.machine == machine and clip.path in kept for _ in range(2)]


def altered_normals(material: Material, machine: str, split: Split, count: int, seed: int) -> list[NDArray[np.float32]]:
    """Held-out normals with altered sound: what systems are chosen by where no anomaly may be looked at."""
    generator = np.random.default_rng([seed, 1])
    foreign = [material.path(clip) for clip in material.clips if clip.train and clip.machine != machine]
    foreign = foreign or [one.path for one in material.others]
    made: list[NDArray[np.float32]] = []
    for number, clip in enumerate(altered_clips(material, machine, split, seed)):
        kind = KINDS[number % len(KINDS)]
        other = segments(material.frames[foreign[int(generator.integers(len(foreign)))]], count)
        windows = segments(material.frames[material.path(clip)], count)
        both = zip(torch.from_numpy(windows), torch.from_numpy(other), strict=True)
        seeded = int(generator.integers(2**31))
        # The same alteration in every segment of a clip.
        altered = [alter(one, kind, another, np.random.default_rng(seeded)) for one, another in both]
        made.append(torch.stack(altered).numpy())
    return made
