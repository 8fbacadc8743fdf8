"""What was measured of the machine encoder, in one place, on disk as JSON."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from monitor.errors import UsageError
from training.anomaly.measure import Line
from training.anomaly.metrics import Cell, Summary
from training.anomaly.replayed import Replay, lines_of

if TYPE_CHECKING:
    from training.anomaly.recipe import AnomalyRecipe

RESULTS_FILE = "results.json"


@dataclass(frozen=True, slots=True)
class AnomalyResults:
    """All figures of the model card."""

    lines: list[Line]
    clips: dict[str, int]
    """Machine -> training clips that the encoder has heard."""
    others: int
    """Recordings of other sound."""
    parity: float
    """Largest difference between torch and onnxruntime."""
    parameters: int
    multiplications: int
    """Multiply-accumulates of one window."""
    bytes: int
    """Of the model file."""
    replays: list[Replay]
    """What rang when clips were played one after the other."""

    def line(self, name: str) -> Line | None:
        """A row by its name."""
        return next((one for one in self.lines if one.name == name), None)

    def to_dict(self) -> dict[str, Any]:
        """Plain values, ready for JSON."""
        return asdict(self)

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> AnomalyResults:
        """What `to_dict` gave."""
        lines = [
            Line(one["name"], summary_from(one["chosen"]), summary_from(one["fixed"]), one["choices"], one["paper"])
            for one in values["lines"]
        ]
        return cls(**values | {"lines": lines, "replays": [Replay(**one) for one in values["replays"]]})

    def report(self) -> list[str]:
        """For a terminal."""
        return [
            *(
                f"{one.name}: all {one.chosen.everything:.3f}, headline {one.chosen.headline:.3f} "
                f"({one.chosen.headline_interval[0]:.2f}..{one.chosen.headline_interval[1]:.2f})"
                for one in self.lines
            ),
            f"{self.parameters} parameters, {self.multiplications / 1e6:.1f} million multiplications a window, "
            f"{self.bytes / 1e6:.2f} MB",
            *lines_of(self.replays),
        ]


@dataclass(frozen=True, slots=True)
class Report:
    """Results as the command line prints them."""

    results: AnomalyResults

    def lines(self) -> list[str]:
        """For a terminal."""
        return self.results.report()


def summary_from(values: dict[str, Any]) -> Summary:
    """What `dataclasses.asdict` made of one, perhaps by way of JSON."""
    low, high = values["headline_interval"]
    cells = tuple(Cell(**cell) for cell in values["cells"])
    return Summary(**values | {"headline_interval": (low, high), "cells": cells})


def save_results(recipe: AnomalyRecipe, results: AnomalyResults) -> Path:
    """Write the recipe's results; their path."""
    path = Path(recipe.cache) / RESULTS_FILE
    scratch = path.with_suffix(".part")
    scratch.write_text(json.dumps({"recipe": _key(recipe)} | results.to_dict(), indent=2), encoding="utf-8")
    scratch.replace(path)
    return path


def load_results(recipe: AnomalyRecipe) -> AnomalyResults:
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
    return AnomalyResults.from_dict(content)


def _key(recipe: AnomalyRecipe) -> str:
    return recipe.key("", *(name for name in type(recipe).model_fields if name not in ("bundle", "report")))
