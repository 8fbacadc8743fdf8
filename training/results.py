"""What was measured of a gate, in one place, on disk as JSON."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from monitor.errors import UsageError
from training.evaluate import OperatingPoint

if TYPE_CHECKING:
    from training.config import GateRecipe

RESULTS_FILE = "results.json"


@dataclass(frozen=True, slots=True)
class Figure:
    """A figure with its 95 % interval."""

    value: float
    low: float
    high: float
    how: str
    """What the bootstrap drew anew."""

    def __str__(self) -> str:
        return f"{self.value:.3f} ({self.low:.3f}..{self.high:.3f})"


@dataclass(frozen=True, slots=True)
class CueFigures:
    """What one cue alone scores: area under the ROC curve."""

    esc50_auc: float
    field_auc: float
    rendered_auc: float
    """On held-out rendered windows; 0.5 says that mixing has removed the cue."""


@dataclass(frozen=True, slots=True)
class GateResults:
    """All figures of the model card."""

    threshold_on: float
    threshold_off: float
    esc50_auc: Figure
    """Clips, each by the network that never saw its fold."""
    esc50_ap: Figure
    esc50_by_fold: dict[int, float]
    field_auc: Figure
    """Windows of the annotated minutes."""
    field_ap: Figure
    field_windows: int
    field_positives: int
    field_point: OperatingPoint
    validation_auc: float
    """Held-out recordings mixed as in training."""
    validation_ap: float
    validation_point: OperatingPoint
    field_like_auc: float
    """Held-out recordings mixed as in the field."""
    field_like_ap: float
    field_like_point: OperatingPoint
    cues: dict[str, CueFigures]
    parameters: int
    multiplications: int
    """Multiply-accumulates of one window."""
    training_windows: int

    def to_dict(self) -> dict[str, Any]:
        """Plain values, ready for JSON."""
        return asdict(self)

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> GateResults:
        """What `to_dict` gave."""
        content = dict(values)
        for name in ("esc50_auc", "esc50_ap", "field_auc", "field_ap"):
            content[name] = Figure(**content[name])
        for name in ("field_point", "validation_point", "field_like_point"):
            content[name] = OperatingPoint(**content[name])
        content["cues"] = {name: CueFigures(**figures) for name, figures in content["cues"].items()}
        content["esc50_by_fold"] = {int(fold): value for fold, value in content["esc50_by_fold"].items()}
        return cls(**content)

    def lines(self) -> list[str]:
        """For a terminal."""
        folds = "  ".join(f"fold {fold} {value:.3f}" for fold, value in self.esc50_by_fold.items())
        point = self.field_point
        cues = [
            f"{name} alone: AUC ESC-50 {c.esc50_auc:.3f}, field {c.field_auc:.3f}, mixed windows {c.rendered_auc:.3f}"
            for name, c in self.cues.items()
        ]
        return [
            f"ESC-50 clips, four folds: AUC {self.esc50_auc}  AP {self.esc50_ap}",
            f"  {folds}",
            f"field minutes, {self.field_windows} windows, {self.field_positives} with a bird: "
            f"AUC {self.field_auc}  AP {self.field_ap}",
            f"  at the threshold: recall {point.recall:.3f}  precision {point.precision:.3f}  "
            f"false positives {point.false_positive_rate:.3f}",
            f"validation windows: AUC {self.validation_auc:.4f}  AP {self.validation_ap:.4f}",
            f"field-like validation windows: AUC {self.field_like_auc:.4f}  AP {self.field_like_ap:.4f}",
            f"thresholds: on {self.threshold_on:.3f}  off {self.threshold_off:.3f}",
            *cues,
            f"{self.parameters} parameters, {self.multiplications / 1e6:.1f} million multiplications a window",
        ]


def save_results(recipe: GateRecipe, results: GateResults) -> Path:
    """Write the recipe's results; their path."""
    path = Path(recipe.cache) / RESULTS_FILE
    path.write_text(json.dumps({"recipe": recipe.key("", *type(recipe).model_fields)} | results.to_dict(), indent=2))
    return path


def load_results(recipe: GateRecipe) -> GateResults:
    """Results of the same recipe, measured before.

    Raises UsageError when there are none.
    """
    path = Path(recipe.cache) / RESULTS_FILE
    remedy = "Run `auricle-train run` or `auricle-train evaluate` with this recipe first."
    if not path.is_file():
        raise UsageError(str(path), "nothing was measured yet", remedy)
    content = json.loads(path.read_text())
    if content.pop("recipe") != recipe.key("", *type(recipe).model_fields):
        raise UsageError(str(path), "it was measured with another recipe", remedy)
    return GateResults.from_dict(content)
