"""Recipes: TOML files that say how a model is made. Unknown keys are refused."""

from __future__ import annotations

import hashlib
import tomllib
from typing import TYPE_CHECKING, Annotated, Literal, TypeAlias

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from monitor.errors import SettingsError

if TYPE_CHECKING:
    from pathlib import Path

    from training.anomaly.recipe import AnomalyRecipe
    from training.anomaly.recipe import PaperRecipe as AnomalyPaperRecipe
    from training.fewshot.paper_recipe import PaperRecipe
    from training.fewshot.recipe import FewShotRecipe
    from training.personal.recipe import PersonalRecipe
    from training.scene.recipe import SceneRecipe
    from training.scene.table_recipe import SceneTableRecipe
    from training.sound.recipe import SoundRecipe
    from training.species.recipe import SpeciesRecipe, SpeciesTableRecipe

    Recipe: TypeAlias = (
        "GateRecipe | FewShotRecipe | PaperRecipe | AnomalyRecipe | AnomalyPaperRecipe | SceneRecipe | "
        "SceneTableRecipe | SoundRecipe | PersonalRecipe | SpeciesRecipe | SpeciesTableRecipe"
    )

SYSTEMS = (
    "gate",
    "fewshot",
    "fewshot-paper",
    "anomaly",
    "anomaly-paper",
    "scene",
    "scene-paper",
    "sound",
    "sound-personal",
    "species",
    "species-paper",
)
"""What a recipe can make: the bird gate; the shipped few-shot encoder and the few-shot paper's tables; the shipped
machine encoder and the machine paper's tables; the shipped scene classifier and the scene paper's tables; the
classifier of sound classes, and the experiments with personal ones; a classifier of known species and the species
paper's tables."""

Share = Annotated[float, Field(ge=0, le=1)]
Positive = Annotated[float, Field(gt=0)]
Count = Annotated[int, Field(ge=1)]
Range = tuple[float, float]


class Section(BaseModel):
    """A table of a recipe: frozen, unknown keys refused."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class WindowChoice(Section):
    """Which windows of a labelled clip are drawn."""

    frames: Count = 50
    """Of a window."""
    hop_frames: Count = 10
    """Between the windows that may be drawn."""
    lowest_hz: Positive = 400.0
    """Contrast is measured above this frequency."""
    lowest_birdnet: Share = 0.1
    """Species clips in which BirdNET hears the label less than this are left out."""
    bird_db: float = 15.0
    """A window of a bird clip counts as bird from this contrast on ..."""
    bird_range_db: float = 15.0
    """... and when it is at most this far below the best window of its clip."""
    pause_db: float = 8.0
    """A window of a bird clip counts as bird-free up to this contrast ..."""
    pause_range_db: float = 12.0
    """... in a clip whose best window has at least this much more."""


class Mixing(Section):
    """How windows become examples. The same numbers hold for all classes."""

    bird_share: Share = 0.5
    esc50_bird_share: Share = 0.25
    """Of the bird windows."""
    pause_share: Share = 0.2
    """Of the windows without bird."""
    shares: dict[Literal["esc50", "animal", "outdoors", "scene", "speech", "music", "machine", "frog"], Share] = {
        "esc50": 0.26,
        "animal": 0.16,
        "outdoors": 0.22,
        "scene": 0.10,
        "speech": 0.08,
        "music": 0.06,
        "machine": 0.06,
        "frog": 0.06,
    }
    """How often each content is drawn for the other windows without bird and (no animals, no frogs) as background."""
    background_share: Share = 0.5
    """Examples that get a second source behind the first."""
    snr_db: Range = (-5.0, 20.0)
    low_pass_share: Share = 0.5
    low_pass_hz: Range = (4_000.0, 8_000.0)
    high_pass_share: Share = 0.4
    high_pass_hz: Range = (60.0, 800.0)
    tilt_share: Share = 0.5
    tilt_db: Range = (-4.0, 4.0)
    """Decibels an octave."""
    hiss_share: Share = 0.4
    hiss_db: Range = (0.0, 40.0)
    """Ratio of the example to recorder noise added to it."""
    level_dbfs: Range = (-65.0, -12.0)


FIELD_LIKE = Mixing(
    esc50_bird_share=0.0,
    pause_share=0.3,
    shares={"outdoors": 0.85, "esc50": 0.1, "scene": 0.05},
    background_share=1.0,
    snr_db=(-12.0, 6.0),
    low_pass_share=0.2,
    level_dbfs=(-60.0, -35.0),
)
"""Quiet, distant birds in outdoor noise: what choices and thresholds are made on, since field minutes only test."""


class Network(Section):
    """Size of the network."""

    channels: tuple[Count, ...] = (16, 32, 64, 96, 128)
    shape_channel: bool = True
    """Whether the net also sees the spectrum's shape, not only how bands change within the window."""
    dropout: Share = 0.2


class Optimiser(Section):
    """How the network is trained."""

    epochs: Positive = 2.0
    """Passes over the training windows."""
    batch: Count = 128
    learning_rate: Positive = 2e-3
    weight_decay: Annotated[float, Field(ge=0)] = 1e-2
    label_smoothing: Share = 0.05
    mixup: Annotated[float, Field(ge=0)] = 0.0
    """Beta parameter of mixing two examples in dB; 0 for none."""
    mask_bands: Annotated[int, Field(ge=0)] = 12
    """Widest stretch of bands that is silenced."""
    mask_frames: Annotated[int, Field(ge=0)] = 6


class Decision(Section):
    """How the thresholds are chosen on validation windows."""

    false_positive_rate: Share = 0.02
    """Of bird-free validation windows at the threshold `on`."""
    off_ratio: Share = 0.5
    """The threshold `off` as a share of the odds at `on`."""


class BundleSettings(Section):
    """What the bundle is called."""

    name: str
    version: str
    summary: str
    folder: str = "models"
    notes: str = ""
    """What a reader of the card should know of how this model came about."""


class GateRecipe(Section):
    """Everything that makes a gate."""

    system: Literal["gate"]
    data: str = "../shared/data"
    """Folder of recordings; the environment variable AURICLE_DATA wins."""
    cache: str = "cache/gate"
    """Decoded recordings, windows and trained networks; may be deleted at any time."""
    seed: int = 0
    held_out_species: str = ""
    """Table of species (columns taxon and part); those that validate or test there are not heard. Empty: all are."""
    validation_share: Share = 0.15
    """Of the components of each label."""
    workers: Count = 2
    """Processes that render, and that train one network each."""
    threads: Count = 1
    """Of each training; two networks with a thread each are quicker than one after another with two."""
    bundle: BundleSettings
    windows: WindowChoice = WindowChoice()
    training_windows: Count = 160_000
    validation_windows: Count = 8_000
    mixing: Mixing = Mixing()
    field_like: Mixing = FIELD_LIKE
    field_like_share: Share = 0.3
    """Of the training windows that are mixed as in the field."""
    network: Network = Network()
    optimiser: Optimiser = Optimiser()
    decision: Decision = Decision()

    def key(self, salt: str, *sections: str) -> str:
        """16 hexadecimal digits that change with the salt and with the named fields."""
        content = salt + self.model_dump_json(include=set(sections))
        return hashlib.sha256(content.encode()).hexdigest()[:16]


def load_recipe(path: Path) -> Recipe:
    """The recipe in a TOML file, of whatever `system` it names.

    Raises SettingsError naming every wrong or unknown key.
    """
    try:
        content = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise SettingsError(str(path), error.strerror or str(error), "Name a recipe under configs/training.") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise SettingsError(str(path), f"not TOML: {error}", "Correct the file.") from error
    kind, module = _recipe_kind(path, content.get("system"))
    try:
        return kind.model_validate(content)
    except ValidationError as error:
        faults = [f"{'.'.join(str(part) for part in fault['loc'])}: {fault['msg']}" for fault in error.errors()]
        remedy = f"Correct these keys; {module} lists all that there are."
        raise SettingsError(str(path), "; ".join(faults), remedy) from error


def _recipe_kind(path: Path, system: object) -> tuple[type[Recipe], str]:
    """The recipe of a system and the file that describes it. Imported when needed: those files import this one."""
    if system == "gate":
        return GateRecipe, "training/config.py"
    if system == "fewshot":
        from training.fewshot.recipe import FewShotRecipe

        return FewShotRecipe, "training/fewshot/recipe.py"
    if system == "fewshot-paper":
        from training.fewshot.paper_recipe import PaperRecipe

        return PaperRecipe, "training/fewshot/paper_recipe.py"
    if system in ("anomaly", "anomaly-paper"):
        from training.anomaly.recipe import AnomalyRecipe
        from training.anomaly.recipe import PaperRecipe as AnomalyPaperRecipe

        return AnomalyRecipe if system == "anomaly" else AnomalyPaperRecipe, "training/anomaly/recipe.py"
    if system == "scene":
        from training.scene.recipe import SceneRecipe

        return SceneRecipe, "training/scene/recipe.py"
    if system == "scene-paper":
        from training.scene.table_recipe import SceneTableRecipe

        return SceneTableRecipe, "training/scene/table_recipe.py"
    if system == "sound":
        from training.sound.recipe import SoundRecipe

        return SoundRecipe, "training/sound/recipe.py"
    if system == "sound-personal":
        from training.personal.recipe import PersonalRecipe

        return PersonalRecipe, "training/personal/recipe.py"
    if system in ("species", "species-paper"):
        from training.species.recipe import SpeciesRecipe, SpeciesTableRecipe

        return SpeciesRecipe if system == "species" else SpeciesTableRecipe, "training/species/recipe.py"
    why = "system: missing" if system is None else f"system: {system!r} is unknown"
    raise SettingsError(str(path), why, f"Let `system` be one of {', '.join(SYSTEMS)}.")
