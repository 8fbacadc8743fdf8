"""The recipe of the personalisation experiments: sets of recordings, users, mixtures, repetitions."""

from __future__ import annotations

import hashlib
from typing import Annotated, Literal

from pydantic import Field, model_validator

from training.config import Count, Positive, Range, Section, Share
from training.sound.recipe import SoundOptimiser


class SoundSet(Section):
    """Kinds of sound that belong together; whose recordings, is drawn."""

    name: str
    noise: tuple[str, ...] = ()
    """Classes of ESC-50 and labels of scenes; empty: all there are."""
    music: tuple[str, ...] = ()
    """Packages, and `data` for the pieces of the data folder; empty: all there are."""


class UserSet(SoundSet):
    """What one user lives among."""

    voices: Annotated[int, Field(ge=0)] = 0
    """Which share of the speakers: no two users have the same voices."""
    personalised: bool = True
    """Whether classifiers are made for this user, or only the two sets compared (Fig. 3)."""


class SetSizes(Section):
    """Decisions of ten seconds, of each class."""

    comprehensive: Count = 400
    baseline: Count = 250
    validation: Count = 80
    aggregation: Count = 300
    """Of a user, unlabelled: what the mixture is fitted to."""
    user: Count = 300
    """Of a user's evaluation."""


Cuts = Annotated[tuple[Annotated[float, Field(ge=0)], ...], Field(min_length=3, max_length=3)]


class Bank(Section):
    """Cut-offs of the filter bank, Hz; a low one of 0 is a low-pass."""

    audio_low_hz: Cuts
    audio_high_hz: Cuts
    modulation_low_hz: Cuts
    modulation_high_hz: Cuts


class TeacherSettings(Section):
    """C2, which labels."""

    kind: Literal["mobilenet", "wide"] = "mobilenet"
    """The paper's, or some wide perceptrons, which a core trains in seconds."""
    side: Count = 224
    """`mobilenet`: of the square that it makes of its input; the paper has 224, which takes a graphics card."""
    weights: str = ""
    """`mobilenet`: file of ImageNet weights of torchvision's; empty starts at random."""
    width: Count = 192
    """`wide`: nodes of each of the two hidden layers."""
    copies: Count = 3
    """`wide`: networks whose probabilities are averaged."""
    weight_decay: Annotated[float, Field(ge=0)] = 0.0
    epochs: Count = 250
    batch: Count = 64
    learning_rate: Positive = 0.001
    last: Share = 1.0
    mixup: Annotated[float, Field(ge=0)] = 0.2
    gain_db: Annotated[float, Field(ge=0)] = 0.0


class PersonalRecipe(Section):
    """Everything behind `docs/personalisation.md`."""

    system: Literal["sound-personal"]
    cache: str = "cache/sound-personal"
    """Vectors, networks, results; may be deleted at any time."""
    seed: int = 7
    threads: Count = 1
    sound: str = "configs/training/sound/default.toml"
    """Recipe whose recordings are used, and in whose cache they lie decoded."""
    bank: Bank | Literal["plain", "optimised"] = "plain"
    """`optimised`: that of the shipped classifier."""
    page: str = "docs/personalisation.md"
    """Page in which the results stand."""
    clean_db: Range = (25.0, 40.0)
    noisy_db: Range = (-10.0, 10.0)
    level_dbfs: Range = (-50.0, -12.0)
    largest_ratio: Positive = 5.0
    """As in the sound recipe."""
    sizes: SetSizes = SetSizes()
    comprehensive: SoundSet
    baseline: SoundSet
    users: Annotated[tuple[UserSet, ...], Field(min_length=1)]
    orders: tuple[Count, ...] = (1, 2, 4, 8, 16, 32, 64)
    """Components of the mixtures."""
    cosine_orders: tuple[Count, ...] = (4, 16)
    """Of the mixtures that are fitted in the basis that the monitor uses."""
    incremental_orders: tuple[Count, ...] = (4, 16, 32)
    """Of the mixtures that are fitted one vector at a time."""
    full_order: Count = 4
    """Of the mixture with full covariances ..."""
    diagonal_order: Count = 32
    """... and of the diagonal one that it is compared with."""
    repetitions: Count = 10
    certainty: Share = 0.75
    """Of a pseudo-label that is kept."""
    draws_at_most: Positive = 20.0
    """Times the wanted number: the cap where C2 is seldom certain."""
    teacher: TeacherSettings = TeacherSettings()
    optimiser: SoundOptimiser = SoundOptimiser()
    """Of C1, in every training."""

    @model_validator(mode="after")
    def _named_once(self) -> PersonalRecipe:
        names = [one.name for one in (self.comprehensive, self.baseline, *self.users)]
        if len(set(names)) != len(names):
            raise ValueError(f"two sets have one name: {', '.join(names)}")
        return self

    def key(self, salt: str, *sections: str) -> str:
        """16 hexadecimal digits that change with the salt and with the named fields."""
        content = salt + self.model_dump_json(include=set(sections))
        return hashlib.sha256(content.encode()).hexdigest()[:16]
