"""What was measured of an encoder: figures with their intervals, to and from JSON."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from numpy.typing import NDArray


@dataclass(frozen=True, slots=True)
class Interval:
    """A figure with its 95 % interval."""

    value: float
    low: float
    high: float

    @classmethod
    def around(
        cls, value: float, replicates: NDArray[np.floating], bounds: tuple[float, float] = (-np.inf, np.inf)
    ) -> Interval:
        """The figure and the spread of its bootstrap replicates, laid around it; not a number without replicates."""
        finite = np.asarray(replicates, dtype=np.float64)
        finite = finite[np.isfinite(finite)]
        if not len(finite):
            return cls(value, float("nan"), float("nan"))
        low, high = value + np.quantile(finite, [0.025, 0.975]) - finite.mean()
        return cls(value, float(max(low, bounds[0])), float(min(high, bounds[1])))

    def percent(self) -> str:
        """Such as `63.2 (58.1..68.0)`."""
        return f"{100 * self.value:.1f} ({100 * self.low:.1f}..{100 * self.high:.1f})"

    def __str__(self) -> str:
        return f"{self.value:.3f} ({self.low:.3f}..{self.high:.3f})"


@dataclass(frozen=True, slots=True)
class FewShotFigure:
    """Accuracy of one encoder in one protocol."""

    name: str
    """Of the encoder or row."""
    ways: int
    shots: int
    apart: str
    """What support and query do not share: `recordist` or `recording`."""
    method: str
    accuracy: Interval
    """0..1."""
    episodes: int
    species: int
    clips: int

    @property
    def protocol(self) -> str:
        """Such as `5-way 1-shot`."""
        return f"{self.ways}-way {self.shots}-shot"

    def to_dict(self) -> dict[str, Any]:
        """Plain values, ready for JSON."""
        return asdict(self)

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> FewShotFigure:
        """What `to_dict` gave."""
        return cls(**values | {"accuracy": Interval(**values["accuracy"])})


@dataclass(frozen=True, slots=True)
class OpenSetFigure:
    """What an encoder makes of known and unknown species."""

    name: str
    enrolled: int
    """Species."""
    shots: int
    """Clips of each."""
    auroc: Interval
    """Chance that a clip of an enrolled species scores above one of a species that is not, 0..1."""
    auroc_cosine: Interval
    """The same by the plain similarity, without the cohort."""
    recall: Interval
    """Clips of enrolled species that get their name at the threshold, 0..1."""
    misnamed: Interval
    """Clips of enrolled species that get another's name, 0..1."""
    unknown_named: Interval
    """Clips of other species that get a name, 0..1."""
    known: float
    """The threshold: probability from which on a tag names a species."""
    sets: int
    """Draws of enrolled species."""
    species: int
    """From which they were drawn; the rest is unknown."""

    def to_dict(self) -> dict[str, Any]:
        """Plain values, ready for JSON."""
        return asdict(self)

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> OpenSetFigure:
        """What `to_dict` gave."""
        names = ("auroc", "auroc_cosine", "recall", "misnamed", "unknown_named")
        return cls(**values | {name: Interval(**values[name]) for name in names})


@dataclass(frozen=True, slots=True)
class FalseTagFigure:
    """Tags in sound without birds."""

    name: str
    """What sound."""
    enrolled: int
    """Species."""
    shots: int
    hours: float
    """That were listened to."""
    activities: int
    """That the gate let through."""
    count: float
    """Tags with a name, those of one call counted once; the mean over sets of enrolled species."""
    most_per_hour: float
    """Upper bound of the rate, 95 % (Poisson, continued between whole counts)."""
    sets: int

    @property
    def per_hour(self) -> float:
        """Tags an hour."""
        return self.count / self.hours


@dataclass(frozen=True, slots=True)
class OverSeeds:
    """A figure of several trainings that differ in their seed only."""

    name: str
    mean: float
    deviation: float
    """Of the seeds, n - 1; not a number for one."""
    seeds: int

    @classmethod
    def of(cls, name: str, values: Sequence[float]) -> OverSeeds:
        """Raises ValueError without values."""
        if not values:
            raise ValueError(f"{name} was measured for no seed")
        spread = float(np.std(values, ddof=1)) if len(values) > 1 else float("nan")
        return cls(name, float(np.mean(values)), spread, len(values))

    def __str__(self) -> str:
        return f"{100 * self.mean:.1f} ± {100 * self.deviation:.1f}" if self.seeds > 1 else f"{100 * self.mean:.1f}"


@dataclass(frozen=True, slots=True)
class InsertedFigure:
    """Accuracy with calls in longer bird-free sound, by which windows are embedded; `figure.name` says which."""

    snr_db: float
    figure: FewShotFigure

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> InsertedFigure:
        """What `asdict` gave."""
        return cls(values["snr_db"], FewShotFigure.from_dict(values["figure"]))


@dataclass(frozen=True, slots=True)
class EncoderFigures:
    """All figures of the model card."""

    few_shot: list[FewShotFigure] = field(default_factory=list[FewShotFigure])
    inserted: list[InsertedFigure] = field(default_factory=list[InsertedFigure])
    open_set: list[OpenSetFigure] = field(default_factory=list[OpenSetFigure])
    false_tags: list[FalseTagFigure] = field(default_factory=list[FalseTagFigure])
    seeds: list[OverSeeds] = field(default_factory=list[OverSeeds])

    def to_dict(self) -> dict[str, Any]:
        """Plain values, ready for JSON."""
        return asdict(self)

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> EncoderFigures:
        """What `to_dict` gave."""
        return cls(
            few_shot=[FewShotFigure.from_dict(one) for one in values["few_shot"]],
            inserted=[InsertedFigure.from_dict(one) for one in values["inserted"]],
            open_set=[OpenSetFigure.from_dict(one) for one in values["open_set"]],
            false_tags=[FalseTagFigure(**one) for one in values["false_tags"]],
            seeds=[OverSeeds(**one) for one in values["seeds"]],
        )

    def save(self, path: Path) -> None:
        """As JSON."""
        path.write_text(json.dumps(self.to_dict(), indent=2), encoding="utf-8")

    @classmethod
    def load(cls, path: Path) -> EncoderFigures:
        """What `save` wrote."""
        return cls.from_dict(json.loads(path.read_text(encoding="utf-8")))
