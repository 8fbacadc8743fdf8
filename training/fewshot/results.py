"""What was measured of an encoder, in one place, on disk as JSON."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from monitor.errors import UsageError
from training.fewshot.figures import EncoderFigures, FewShotFigure
from training.fewshot.tables import terminal_lines

if TYPE_CHECKING:
    from training.fewshot.recipe import FewShotRecipe

RESULTS_FILE = "results.json"


@dataclass(frozen=True, slots=True)
class FewShotResults:
    """All figures of the model card."""

    test: EncoderFigures
    """On test species, once."""
    levers: list[FewShotFigure]
    """On validation species: what choices were made by."""
    parity: float
    """Largest difference between torch and onnxruntime, weights at full width."""
    least_cosine: float
    """Between embeddings before and after the weights were narrowed to eight bits."""
    parameters: int
    bytes: int
    """Of the model file."""

    def to_dict(self) -> dict[str, Any]:
        """Plain values, ready for JSON."""
        return asdict(self)

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> FewShotResults:
        """What `to_dict` gave."""
        levers = [FewShotFigure.from_dict(one) for one in values["levers"]]
        return cls(**values | {"test": EncoderFigures.from_dict(values["test"]), "levers": levers})

    def lines(self) -> list[str]:
        """For a terminal."""
        levers = [f"validation, {one.name}: {one.protocol}: {one.accuracy.percent()} %" for one in self.levers]
        return [*levers, *terminal_lines(self.test), f"{self.parameters} parameters, {self.bytes / 1e6:.1f} MB"]


def save_results(recipe: FewShotRecipe, results: FewShotResults) -> Path:
    """Write the recipe's results; their path."""
    path = Path(recipe.cache) / RESULTS_FILE
    path.write_text(json.dumps({"recipe": _key(recipe)} | results.to_dict(), indent=2), encoding="utf-8")
    return path


def load_results(recipe: FewShotRecipe) -> FewShotResults:
    """Results of the same recipe, measured before.

    Raises UsageError when there are none.
    """
    path = Path(recipe.cache) / RESULTS_FILE
    remedy = "Run `auricle-train run` or `auricle-train evaluate` with this recipe first."
    if not path.is_file():
        raise UsageError(str(path), "nothing was measured yet", remedy)
    content = json.loads(path.read_text(encoding="utf-8"))
    if content.pop("recipe") != _key(recipe):
        raise UsageError(str(path), "it was measured with another recipe", remedy)
    return FewShotResults.from_dict(content)


def _key(recipe: FewShotRecipe) -> str:
    return recipe.key("", *(name for name in type(recipe).model_fields if name != "bundle"))
