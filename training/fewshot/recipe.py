"""The recipe of the shipped encoder: distil, join, whiten, calibrate."""

from __future__ import annotations

import hashlib
from typing import Annotated, Literal

from pydantic import Field, model_validator

from training.config import BundleSettings, Count, Positive, Range, Section, Share


class Mixtures(Section):
    """Sound that teacher and student both hear."""

    count: Count = 37_000
    validation_count: Count = 2_000
    """Made from clips of validation species."""
    second_share: Share = 0.4
    """With a second bird ..."""
    second_db: Range = (-15.0, 0.0)
    """... this much louder than the first."""
    none_share: Share = 0.05
    """Background alone."""
    speed_share: Share = 0.5
    """Birds played slower or faster: other pitch, other tempo, in effect another species."""
    speed: Range = (0.75, 1.33)
    synthetic_share: Share = 0.0
    """In the place of a bird a species that does not exist (`synthetic_species`), ..."""
    other_share: Share = 0.0
    """... or any other sound of ESC-50 (`background_folds`) and of animals, ..."""
    other_speed: Range = (0.5, 3.0)
    """... played slower or faster."""
    reversed_share: Share = 0.1
    background_share: Share = 0.6
    snr_db: Range = (0.0, 30.0)
    low_pass_share: Share = 0.25
    low_pass_hz: Range = (4_000.0, 12_000.0)
    high_pass_share: Share = 0.3
    high_pass_hz: Range = (60.0, 800.0)
    tilt_share: Share = 0.4
    tilt_db: Range = (-3.0, 3.0)
    """Decibels an octave."""
    level_dbfs: Range = (-55.0, -10.0)
    background_folds: tuple[int, ...] = (1, 2)
    """Of ESC-50; the others choose thresholds (3) and test (4)."""


class TargetSpace(Section):
    """How the teacher's embedding is straightened before it is learnt."""

    power: Positive = 0.5
    """Each value is raised to it: a few loud ones no longer decide."""
    shrinkage: Share = 0.8
    """Of the within-class covariance towards a multiple of the identity."""


class Distillation(Section):
    """How the student is trained."""

    epochs: Positive = 7.0
    batch: Count = 64
    learning_rate: Positive = 2e-3
    weight_decay: Annotated[float, Field(ge=0)] = 2e-2
    warm_up: Share = 0.03
    """Of the steps."""
    average: Share = 0.999
    """Decay of the moving average of the weights, which is what is kept."""
    mask_bands: Count = 10
    mask_frames: Count = 12
    mask_share: Share = 0.5
    roll_frames: Count = 15
    """Windows are turned by up to this many frames."""
    noise_share: Share = 0.4
    """Windows that get steady noise on top, the teacher's answer unchanged, ..."""
    noise_db: Range = (-45.0, -10.0)
    """... this far below their loudest cell."""
    blend_share: Share = 0.0
    """Windows on which another one of the batch is laid, the teacher's answers blended as the amplitudes are: sound
    that costs no teacher, and is only nearly what it would say; ..."""
    blend_db: Range = (-12.0, 0.0)
    """... this much louder than the first."""
    threads: Count = 2


class Joining(Section):
    """How the student's outputs and the hand-made features become one embedding."""

    shrinkage: Share = 0.4
    """Of the within-species covariance of the student's outputs."""
    softness: float = 1.0
    """Exponent by which directions are scaled to what they tell of species."""
    network_dimensions: Count = 256
    """Directions kept of each of the student's two outputs."""
    hand_made_dimensions: Count = 64
    """Directions kept of each group of hand-made features."""
    network_weight: Positive = 2.0
    """Of each of the student's outputs beside the five hand-made groups, before validation changes it ..."""
    factors: tuple[float, ...] = (0.0, 0.5, 0.7, 1.4, 2.0)
    """... by one of these."""


class Scoring(Section):
    """How similarity becomes a tag."""

    nearest: Count = 20
    """Rows of the cohort that a vector is measured against."""
    enrolled: Count = 20
    """Species with which the threshold must be quiet enough."""


class FewShotRecipe(Section):
    """Everything that makes the encoder."""

    system: Literal["fewshot"]
    data: str = "../shared/data"
    """Folder of recordings; the environment variable AURICLE_DATA wins."""
    cache: str = "cache/fewshot"
    """Decoded recordings, the teacher, mixtures, checkpoints; may be deleted at any time."""
    gate: str = "models/bird-gate/1.1.0"
    seed: int = 0
    start: str | None = None
    """Recipe whose student this one's begins as; unset: random weights."""
    rehearse: bool = False
    """Whether it goes on hearing the mixtures of that recipe beside its own."""
    workers: Count = 2
    frames: Count = 147
    """Of a window: the teacher's 3 s."""
    hop: Count = 50
    """Frames between the windows that a stream is cut into: 1 s."""
    bundle: BundleSettings
    mixtures: Mixtures = Mixtures()
    target: TargetSpace = TargetSpace()
    distillation: Distillation = Distillation()
    joining: Joining = Joining()
    scoring: Scoring = Scoring()

    @model_validator(mode="after")
    def _rehearses_something(self) -> FewShotRecipe:
        if self.rehearse and self.start is None:
            raise ValueError("`rehearse` needs a `start` whose mixtures are heard again")
        return self

    def key(self, salt: str, *sections: str) -> str:
        """16 hexadecimal digits that change with the salt and with the named fields."""
        content = salt + self.model_dump_json(include=set(sections))
        return hashlib.sha256(content.encode()).hexdigest()[:16]
