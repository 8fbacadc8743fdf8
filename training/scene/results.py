"""What was measured of a scene classifier, in one place, on disk as JSON."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from monitor.errors import UsageError
from training.results import RESULTS_FILE, Figure

if TYPE_CHECKING:
    from training.scene.recipe import SceneRecipe


@dataclass(frozen=True, slots=True)
class Accuracies:
    """Of one kind of network, on recordings that it never heard; share of right answers, 0..1."""

    windows: Figure
    """One second; `unknown` left out of the choice."""
    decisions: Figure
    """Averaged over the recipe's seconds."""
    recall: dict[str, float]
    """Of each scene, by decision."""


@dataclass(frozen=True, slots=True)
class Rejection:
    """What the threshold does to decisions; each fold's is chosen on the others'."""

    threshold: float
    """For the final network: on the decisions of all folds."""
    accuracy: float
    """Share of decisions on known scenes that are neither wrong nor rejected."""
    kept: float
    """Share of decisions on known scenes that are not rejected."""
    rejected: dict[str, float]
    """Share of decisions on each kind of stranger that is rejected."""
    curve: tuple[CurvePoint, ...]
    """The same for other thresholds, one for all folds: what a user trades who sets another."""


@dataclass(frozen=True, slots=True)
class CurvePoint:
    """What one threshold does."""

    threshold: float
    kept: float
    accuracy: float
    rejected: dict[str, float]


@dataclass(frozen=True, slots=True)
class Steadiness:
    """What the monitor's filter makes of the windows, second by second."""

    changes: dict[str, float]
    """Kind of sound -> labels that gave way to others, a minute."""
    right: dict[str, float]
    """Kind of sound -> share of the seconds after warming up with the right label; `unknown` for strangers."""


@dataclass(frozen=True, slots=True)
class Cost:
    """Of the network that ships."""

    parameters: int
    table_macs: int
    macs: int
    file_bytes: int
    initialiser_bytes: int


@dataclass(frozen=True, slots=True)
class SceneResults:
    """All figures of the model card."""

    labels: tuple[str, ...]
    student: Accuracies
    """Float."""
    quantised: Accuracies
    """Eight bits, of the same networks."""
    teacher: Accuracies | None
    devices: dict[str, float]
    """Decisions of the eight-bit networks, heard through microphones that trained, and through others."""
    recorders: dict[str, float]
    """Decisions of the eight-bit networks by what recorded them; empty where the recordings do not tell."""
    cues: dict[str, float]
    confusion: tuple[tuple[int, ...], ...]
    """Decisions of the eight-bit networks: row by right scene, column by answer."""
    rejection: Rejection
    steadiness: Steadiness
    recordings: dict[str, int]
    """Label -> recordings that train or test."""
    cost: Cost

    def to_dict(self) -> dict[str, Any]:
        """Plain values, ready for JSON."""
        return asdict(self)

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> SceneResults:
        """What `to_dict` gave."""
        content = dict(values)
        for name in ("student", "quantised", "teacher"):
            content[name] = _accuracies(content[name])
        content["labels"] = tuple(content["labels"])
        content["confusion"] = tuple(tuple(row) for row in content["confusion"])
        rejection = dict(content["rejection"])
        rejection["curve"] = tuple(CurvePoint(**point) for point in rejection["curve"])
        content["rejection"] = Rejection(**rejection)
        content["steadiness"] = Steadiness(**content["steadiness"])
        content["cost"] = Cost(**content["cost"])
        return cls(**content)

    def lines(self) -> list[str]:
        """For a terminal."""
        kinds = {"teacher": self.teacher, "student, float": self.student, "student, int8": self.quantised}
        rejected = ", ".join(f"{name} {share:.2f}" for name, share in self.rejection.rejected.items())
        cost = self.cost
        return [
            *(
                f"{name}: 1 s {found.windows}  decisions {found.decisions}"
                for name, found in kinds.items()
                if found is not None
            ),
            "  recall, int8: " + ", ".join(f"{name} {share:.2f}" for name, share in self.quantised.recall.items()),
            *(f"heard through {name}: {share:.3f}" for name, share in self.devices.items()),
            *(f"recorded by {name}: {share:.3f}" for name, share in self.recorders.items()),
            *(f"{name}: {share:.3f}" for name, share in self.cues.items()),
            f"threshold {self.rejection.threshold:.3f}: right {self.rejection.accuracy:.3f}, "
            f"known scenes kept {self.rejection.kept:.3f}; rejected of {rejected}",
            *(
                f"  {point.threshold:g}: right {point.accuracy:.3f}, kept {point.kept:.3f}; rejected "
                + ", ".join(f"{name} {share:.2f}" for name, share in point.rejected.items())
                for point in self.rejection.curve
            ),
            *(
                f"{name}: {changes:.2f} changes a minute, right {self.steadiness.right[name]:.3f} of the time"
                for name, changes in self.steadiness.changes.items()
            ),
            f"{cost.parameters} parameters, {cost.table_macs / 1e6:.1f} M MACs as the challenge counts "
            f"({cost.macs / 1e6:.1f} M in full), {cost.initialiser_bytes} bytes of initialisers, "
            f"file {cost.file_bytes} bytes",
        ]


def _accuracies(values: dict[str, Any] | None) -> Accuracies | None:
    if values is None:
        return None
    return Accuracies(Figure(**values["windows"]), Figure(**values["decisions"]), values["recall"])


def save_results(recipe: SceneRecipe, results: SceneResults) -> Path:
    """Write the recipe's results; their path."""
    path = Path(recipe.cache) / RESULTS_FILE
    content = {"recipe": recipe.key("", *type(recipe).model_fields)} | results.to_dict()
    scratch = path.with_suffix(".part")
    scratch.write_text(json.dumps(content, indent=2), encoding="utf-8")
    scratch.replace(path)
    return path


def load_results(recipe: SceneRecipe) -> SceneResults:
    """Results of the same recipe, measured before. Raises UsageError when there are none."""
    path = Path(recipe.cache) / RESULTS_FILE
    remedy = "Run `auricle-train run` or `auricle-train evaluate` with this recipe first."
    if not path.is_file():
        raise UsageError(str(path), "nothing was measured yet", remedy)
    content = json.loads(path.read_text(encoding="utf-8"))
    if content.pop("recipe") != recipe.key("", *type(recipe).model_fields):
        raise UsageError(str(path), "it was measured with another recipe", remedy)
    return SceneResults.from_dict(content)
