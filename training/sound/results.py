"""What was measured of a classifier of sound classes, on disk as JSON."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from monitor.errors import UsageError
from training.sound.recipe import LABELS

if TYPE_CHECKING:
    from training.sound.recipe import SoundRecipe


def _path(recipe: SoundRecipe) -> Path:
    """C1 and C2 share a cache: they hear the same."""
    return Path(recipe.cache) / f"results-{recipe.bundle.name}.json"


@dataclass(frozen=True, slots=True)
class SoundResults:
    """All figures of the model card; shares are 0..1. Every fold is tested by a network that never heard it."""

    macro: float
    """Mean of the recalls of the classes."""
    recall: dict[str, float]
    """By class."""
    macro_by_fold: dict[int, float]
    macro_unsearched: float
    """Over the folds that the search for cut-offs did not hear."""
    music: dict[str, float]
    """Recall of music by the package that it is from: no other track of it was heard."""
    confusion: dict[str, dict[str, int]]
    """Class -> what was said -> decisions."""
    speech: dict[str, float]
    """By class, the share in which speech, alone or in noise, has a probability of 0.5 or more."""
    bank_cost: float
    plain_cost: float
    """Cross-entropy in the search, nats; 0 where there was none."""
    examples: int
    parameters: int

    def to_dict(self) -> dict[str, Any]:
        """Plain values, ready for JSON."""
        return asdict(self)

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> SoundResults:
        """What `to_dict` gave."""
        content = dict(values)
        content["macro_by_fold"] = {int(fold): value for fold, value in content["macro_by_fold"].items()}
        return cls(**content)

    def lines(self) -> list[str]:
        """For a terminal."""
        rows = [f"  {label:13}" + "".join(f"{self.confusion[label][said]:7d}" for said in LABELS) for label in LABELS]
        return [
            f"decisions of 10 s, {self.examples}, by fold: mean recall {self.macro:.3f}, "
            f"on folds that the search never heard {self.macro_unsearched:.3f}",
            "  " + "  ".join(f"{label} {value:.3f}" for label, value in self.recall.items()),
            "  " + "  ".join(f"fold {fold} {value:.3f}" for fold, value in self.macro_by_fold.items()),
            "music of unheard packages: " + "  ".join(f"{name} {value:.3f}" for name, value in self.music.items()),
            "taken for speech of either kind (0.5): "
            + "  ".join(f"{name} {value:.3f}" for name, value in self.speech.items()),
            "confusion, rows what it is, columns " + ", ".join(LABELS),
            *rows,
            f"bank: cross-entropy {self.bank_cost:.3f}, plain {self.plain_cost:.3f}; {self.parameters} parameters",
        ]


def save_results(recipe: SoundRecipe, results: SoundResults) -> Path:
    """Write the recipe's results; their path."""
    path = _path(recipe)
    scratch = path.with_suffix(".part")
    scratch.write_text(json.dumps({"recipe": recipe.key("", *type(recipe).model_fields)} | results.to_dict(), indent=2))
    return scratch.replace(path)


def load_results(recipe: SoundRecipe) -> SoundResults:
    """Results of the same recipe, measured before.

    Raises UsageError when there are none.
    """
    path = _path(recipe)
    remedy = "Run `auricle-train run` or `auricle-train evaluate` with this recipe first."
    if not path.is_file():
        raise UsageError(str(path), "nothing was measured yet", remedy)
    content = json.loads(path.read_text())
    if content.pop("recipe") != recipe.key("", *type(recipe).model_fields):
        raise UsageError(str(path), "it was measured with another recipe", remedy)
    return SoundResults.from_dict(content)
