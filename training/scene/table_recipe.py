"""Recipe of the paper's tables: one way of training, and rows that each change some of it."""

from __future__ import annotations

from typing import Annotated, Any, Literal, Self

from pydantic import Field, model_validator

from training.config import Section
from training.scene.recipe import SceneSettings

SECTIONS = (
    "recordings",
    "sound",
    "picture",
    "network",
    "optimiser",
    "pretraining",
    "teacher",
    "distillation",
    "quantisation",
)


Changes = Annotated[dict[str, Any], Field(default_factory=dict)]


class Row(Section):
    """A line of a table. Every section holds only what differs from the recipe's own."""

    table: str
    name: str
    paper: str = ""
    """What the paper has in its place."""
    devices: bool = False
    """Whether the tests are heard through microphones as well."""
    recordings: Changes
    sound: Changes
    picture: Changes
    network: Changes
    optimiser: Changes
    pretraining: Changes
    teacher: Changes
    distillation: Changes
    quantisation: Changes


class SceneTableRecipe(SceneSettings):
    """Everything that makes the tables."""

    system: Literal["scene-paper"]
    title: str
    report: str
    """Where the tables are written, as Markdown."""
    note: str = ""
    """A sentence on what the rows have in common, printed above them."""
    rows: tuple[Row, ...]

    def settings_of(self, row: Row) -> SceneSettings:
        """The recipe with a row's changes. Raises pydantic's ValidationError where they do not fit."""
        own = self.model_dump(include=set(SceneSettings.model_fields))
        return SceneSettings.model_validate(_merged(own, row.model_dump(include=set(SECTIONS))))

    @model_validator(mode="after")
    def _rows_fit(self) -> Self:
        names = [(row.table, row.name) for row in self.rows]
        if not names or len(set(names)) != len(names):
            raise ValueError("rows: there are none, or two of one table have the same name")
        for row in self.rows:
            self.settings_of(row)
        return self


def _merged(base: dict[str, Any], changes: dict[str, Any]) -> dict[str, Any]:
    """`changes` over `base`, table by table."""
    merged = dict(base)
    for key, value in changes.items():
        inside = merged.get(key)
        merged[key] = _merged(inside, value) if isinstance(inside, dict) and isinstance(value, dict) else value
    return merged
