"""What the experiments found, on disk as JSON."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from monitor.errors import UsageError

if TYPE_CHECKING:
    from training.personal.recipe import PersonalRecipe

RESULTS_FILE = "results.json"


@dataclass(frozen=True, slots=True)
class Row:
    """One way of training C1, heard by one user."""

    user: str
    way: str
    """`baseline`, `comprehensive`, `diagonal 16`, `full 4`, `incremental 16`, `truth` and so on."""
    accuracy: tuple[float, ...]
    """Of each repetition, 0..1: mean over the user's decisions, of which each class has equally many."""
    noise: tuple[float, ...]
    """Recall of noise."""
    drawn: int = 0
    """Vectors drawn from the mixture."""
    kept: int = 0
    """Of them, those that were labelled with certainty."""

    @property
    def median(self) -> float:
        """Of the accuracies."""
        return float(np.median(self.accuracy))

    @property
    def noise_median(self) -> float:
        """Of the recalls of noise."""
        return float(np.median(self.noise))


@dataclass(frozen=True, slots=True)
class PersonalResults:
    """All of it."""

    rows: tuple[Row, ...]
    teacher: dict[str, float]
    """Accuracy of C2 on each user, and on `comprehensive`, its validation part."""
    teacher_noise: dict[str, float]
    """Its recall of noise."""
    agreement: dict[str, float]
    """Of what C2 is certain of among each user's own decisions: the share that is right."""
    certain: dict[str, float]
    """Share of each user's own decisions that C2 is certain of."""
    decisions: dict[str, int]
    """Of each set."""
    page: str

    def row(self, user: str, way: str) -> Row:
        """Raises KeyError when there is none."""
        for row in self.rows:
            if (row.user, row.way) == (user, way):
                return row
        raise KeyError((user, way))

    def ways(self, user: str) -> list[str]:
        """Of a user, in order."""
        return [row.way for row in self.rows if row.user == user]

    def to_dict(self) -> dict[str, Any]:
        """Plain values, ready for JSON."""
        return asdict(self)

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> PersonalResults:
        """What `to_dict` gave."""
        rows = [{**row, "accuracy": tuple(row["accuracy"]), "noise": tuple(row["noise"])} for row in values["rows"]]
        return cls(**{**values, "rows": tuple(Row(**row) for row in rows)})

    def lines(self) -> list[str]:
        """For a terminal."""
        told = [f"C2: {name} {value:.3f}" for name, value in self.teacher.items()]
        for row in self.rows:
            span = f"{row.median:.3f} ({min(row.accuracy):.3f}-{max(row.accuracy):.3f})"
            told.append(f"{row.user} {row.way:16} accuracy {span}  noise {row.noise_median:.3f}")
        return [*told, f"wrote {self.page}"]


def save_results(recipe: PersonalRecipe, results: PersonalResults) -> None:
    """Keep them for `auricle-train evaluate` and `export`."""
    path = Path(recipe.cache) / RESULTS_FILE
    scratch = path.with_suffix(".part")
    scratch.write_text(json.dumps({"recipe": recipe.key("", *type(recipe).model_fields)} | results.to_dict(), indent=1))
    scratch.replace(path)


def load_results(recipe: PersonalRecipe) -> PersonalResults:
    """Results of the same recipe. Raises UsageError when there are none."""
    path = Path(recipe.cache) / RESULTS_FILE
    remedy = "Run `auricle-train run` with this recipe first."
    if not path.is_file():
        raise UsageError(str(path), "nothing was measured yet", remedy)
    content = json.loads(path.read_text())
    if content.pop("recipe") != recipe.key("", *type(recipe).model_fields):
        raise UsageError(str(path), "it was measured with another recipe", remedy)
    return PersonalResults.from_dict(content)
