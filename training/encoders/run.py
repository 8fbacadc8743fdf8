"""Measures everything on the page, and writes it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from training.data.catalog import Kind, data_folder, load_catalog
from training.data.splits import Part
from training.encoders.candidates import CACHE, candidates
from training.encoders.cost import measure_costs
from training.encoders.heard import Listening
from training.encoders.known import measure_known
from training.encoders.measure import measure
from training.encoders.page import page
from training.fewshot.material import load_material

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from training.fewshot.recipe import FewShotRecipe


def write_page(recipe: FewShotRecipe, file: Path, progress: Callable[[str], None]) -> Path:
    """`recipe` says data, gate, shipped encoder and parts; embeddings and replays are taken from the cache.

    Raises UsageError, StartError or BundleError when recordings or models are missing.
    """
    CACHE.mkdir(parents=True, exist_ok=True)
    compared = candidates(recipe, progress)
    material = load_material(recipe, progress)
    listening = Listening(material, progress)
    figures = [measure(one, listening.of(one), progress) for one in compared]
    root = data_folder(recipe.data)
    clips = [one for part in (Part.TEST, Part.VALIDATION) for one in material.by_part[part]]
    fields = [one for one in load_catalog(root) if one.kind is Kind.FIELD]
    known = measure_known(compared[-1].bundle, clips, fields, root, progress)
    progress("measuring what each choice costs")
    file.write_text(page(compared, figures, known, measure_costs(root / fields[0].path)), encoding="utf-8")
    return file
