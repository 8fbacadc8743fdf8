"""From a folder of recordings to rendered examples; every step is skipped when its result is in the cache."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from monitor.features.frontend import Kernel
from monitor.features.spec import BIRD
from training.data.audio import PATH_VERSION, AudioStore
from training.data.catalog import Kind, data_folder, load_catalog
from training.data.datasets import RENDER_VERSION, Examples, Renderer, rendered
from training.data.pool import content_of, make_pool
from training.data.species_parts import SPECIES_KINDS, read_table
from training.data.splits import Part, assign

if TYPE_CHECKING:
    from collections.abc import Callable

    from training.config import GateRecipe
    from training.data.catalog import Recording
    from training.data.pool import Place

SPEC = BIRD


@dataclass(frozen=True, slots=True)
class Material:
    """All that training and evaluation read."""

    recordings: list[Recording]
    """Those that train, validate or test."""
    store: AudioStore
    kernel: Kernel
    pool: list[Place]
    training: Examples
    validation: Examples
    """Held-out recordings, mixed as in training."""
    field_like: Examples
    """Held-out recordings, mixed as in the field: quiet birds behind wind, rain, insects and traffic."""
    key: str
    """Changes with anything that went into the training examples."""
    used: dict[str, int]
    """Content -> recordings from which training or validation windows were drawn."""


def prepare(recipe: GateRecipe, progress: Callable[[str], None]) -> Material:
    """Decode, choose windows, render."""
    root = data_folder(recipe.data)
    cache = Path(recipe.cache)
    catalogued = _without(load_catalog(root), recipe.held_out_species)
    assignments = assign(catalogued, recipe.validation_share, recipe.seed)
    chosen = [(r, a) for r, a in zip(catalogued, assignments, strict=True) if r.kind is Kind.FIELD or content_of(r)]
    recordings = [recording for recording, _ in chosen]
    store = AudioStore.open(root, recordings, SPEC.rate, cache, progress)
    kernel = Kernel(SPEC)
    pool = make_pool(recordings, [a for _, a in chosen], store, kernel, recipe.windows.frames, recipe.windows, progress)
    progress(f"{len(pool)} windows of {len({place.path for place in pool})} recordings may be drawn")
    parts = {part: [place for place in pool if place.part is part] for part in Part}
    stable = f"{SPEC.fingerprint} {PATH_VERSION} {RENDER_VERSION} {store.name}"

    def render(part: Part, field_like_share: float, count: int, offset: int) -> Examples:
        mixings = [(recipe.mixing, 1.0 - field_like_share), (recipe.field_like, field_like_share)]
        renderer = Renderer(parts[part], store, SPEC, recipe.windows.frames, mixings, recipe.seed + offset)
        salt = f"{stable} {part} {count} {offset} {field_like_share}"
        key = recipe.key(salt, "mixing", "field_like", "windows", "seed", "validation_share")
        return rendered(renderer, count, cache, key, recipe.workers, progress)

    training = render(Part.TRAIN, recipe.field_like_share, recipe.training_windows, 0)

    return Material(
        recordings=recordings,
        store=store,
        kernel=kernel,
        pool=pool,
        training=training,
        validation=render(Part.VALIDATION, 0.0, recipe.validation_windows, 1),
        field_like=render(Part.VALIDATION, 1.0, recipe.validation_windows, 2),
        key=training.folder.name,
        used=dict(Counter(str(content) for content in {place.path: place.content for place in pool}.values())),
    )


def _without(recordings: list[Recording], table: str) -> list[Recording]:
    """Without clips of the species that another model is validated and tested on, which must be new to the gate."""
    if not table:
        return recordings
    parts = read_table(Path(table))
    held_out = {species for species, part in parts.items() if part is not Part.TRAIN}
    return [one for one in recordings if one.kind not in SPECIES_KINDS or one.label not in held_out]
