"""What was measured of a species classifier, in one place, on disk as JSON."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from monitor.errors import UsageError
from training.results import RESULTS_FILE, Figure

if TYPE_CHECKING:
    from training.species.recipe import SpeciesRecipe


@dataclass(frozen=True, slots=True)
class Scores:
    """Figures of one part's clips."""

    uar: Figure
    """Unweighted average recall, over the classes that have clips in the part."""
    map: float
    """Mean average precision over the same classes."""
    accuracy: float
    recall: dict[str, float]
    """By label, of those that have clips."""


@dataclass(frozen=True, slots=True)
class Joined:
    """What the bundle finds in a recording that joins unseen calls with background."""

    calls: int
    uar: float
    """Share of the calls of a class that were found under its name, mean over classes; not a number without calls."""
    false_hits: int
    """Detections where no call is."""
    background_h: float
    """Hours of the recording in which no call is."""
    recall: dict[str, float]
    """By label, of the calls."""
    false: dict[str, int]
    """False hits by label."""

    @property
    def false_hits_per_hour(self) -> float:
        """Not a number where there was nothing but calls."""
        return self.false_hits / self.background_h if self.background_h > 0 else float("nan")


@dataclass(frozen=True, slots=True)
class SpeciesResults:
    """Everything that the card tells."""

    labels: tuple[str, ...]
    reject: str | None
    clips: dict[str, tuple[int, int, int]]
    """By label: clips that train, validate, test."""
    groups: int
    """Recordings, recorder-days and so on that stay on one side."""
    licences: tuple[str, ...]
    kept: str
    """Which of the weights met were kept."""
    validation: Scores | None
    test: Scores | None
    """Of the model as it ships, eight bits and all; on clips that chose nothing. None where no clip is left."""
    confusion: tuple[tuple[int, ...], ...]
    """Clips of the test part (or else of the validation part): rows are right, columns the answers."""
    cues: dict[str, float]
    """UAR that one cue alone gives on the same clips."""
    thresholds: dict[str, float]
    """By label, chosen on validation windows; empty where there are none."""
    joined: Joined | None
    parameters: int
    multiplications: int
    """Of a window."""
    file_bytes: int
    parity: float
    """Largest difference between torch and the exported model before its weights were narrowed."""
    joined_anywhere: Joined | None = None
    """The same calls in background of every kind, where `joined` has a chosen one."""
    warnings: tuple[str, ...] = ()

    def lines(self) -> list[str]:
        """For a terminal."""
        lines = [f"note         {warning}" for warning in self.warnings]
        for name, one in (("validation", self.validation), ("test", self.test)):
            if one is not None:
                lines.append(f"{name:12} UAR {one.uar}  mAP {one.map:.3f}  accuracy {one.accuracy:.3f}")
        if self.test is not None:
            lines += [f"  {label:45} recall {value:.3f}" for label, value in self.test.recall.items()]
        lines += [f"{name} alone  UAR {value:.3f}" for name, value in self.cues.items()]
        for name, one in (("joined", self.joined), ("anywhere", self.joined_anywhere)):
            if one is not None:
                lines.append(
                    f"{name:12} {one.calls} calls, UAR {one.uar:.3f}; {one.false_hits_per_hour:.1f} false hits an hour "
                    f"of background ({60 * one.background_h:.1f} minutes)"
                )
        lines.append(f"cost         {self.parameters} parameters, {self.file_bytes / 1e6:.2f} MB")
        return lines

    def to_dict(self) -> dict[str, Any]:
        """Plain values, ready for JSON."""
        return asdict(self)

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> SpeciesResults:
        """What `to_dict` gave."""
        return cls(
            **values
            | {
                "labels": tuple(values["labels"]),
                "clips": {label: tuple(counts) for label, counts in values["clips"].items()},
                "licences": tuple(values["licences"]),
                "validation": _scores(values["validation"]),
                "test": _scores(values["test"]),
                "confusion": tuple(tuple(row) for row in values["confusion"]),
                "joined": Joined(**values["joined"]) if values["joined"] else None,
                "joined_anywhere": Joined(**values["joined_anywhere"]) if values["joined_anywhere"] else None,
                "warnings": tuple(values["warnings"]),
            }
        )


def _scores(values: dict[str, Any] | None) -> Scores | None:
    return Scores(**values | {"uar": Figure(**values["uar"])}) if values else None


def save_results(recipe: SpeciesRecipe, results: SpeciesResults) -> Path:
    """Write them where `load_results` looks; the path."""
    path = _place(recipe)
    path.parent.mkdir(parents=True, exist_ok=True)
    content = {"recipe": _state(recipe), "results": results.to_dict()}
    path.write_text(json.dumps(content, indent=2), encoding="utf-8")
    return path


def load_results(recipe: SpeciesRecipe) -> SpeciesResults:
    """Figures of the recipe as it is now. Raises UsageError when they are missing or of another state of it."""
    path = _place(recipe)
    remedy = "Measure first: auricle-train run RECIPE.toml"
    if not path.is_file():
        raise UsageError(str(path), "nothing was measured", remedy)
    content = json.loads(path.read_text(encoding="utf-8"))
    if content["recipe"] != _state(recipe):
        raise UsageError(str(path), "it belongs to another recipe or to another state of this one", remedy)
    return SpeciesResults.from_dict(content["results"])


def _state(recipe: SpeciesRecipe) -> str:
    """Changes with everything that figures depend on; what is said about them, and where, is not of that."""
    return recipe.key("", *(set(type(recipe).model_fields) - {"report", "report_notes", "pictures"}))


def _place(recipe: SpeciesRecipe) -> Path:
    return Path(recipe.cache) / f"{recipe.bundle.name}-{RESULTS_FILE}"
