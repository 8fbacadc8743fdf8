"""The recipe of the sound classes: recordings, mixing, filter bank, classifier."""

from __future__ import annotations

import hashlib
from typing import Annotated, Literal

from pydantic import Field

from training.config import BundleSettings, Count, Positive, Range, Section, Share

LABELS = ("noise", "music", "speech", "speech+noise")
"""In the order of the outputs."""


class SoundRecordings(Section):
    """Where sound comes from."""

    layout: Literal["catalog", "audioset"] = "catalog"
    """`catalog`: the data folder and Debian's music; `audioset`: AudioSet for noise and music, MUSAN for speech."""
    folder: str = "../shared/data"
    """For `catalog` the environment variable AURICLE_DATA wins; for `audioset` AudioSet's folder."""
    musan: str = ""
    """`audioset`: the folder of MUSAN."""
    noise_classes: tuple[str, ...] = ()
    """`audioset`: classes that are noise."""
    music_classes: tuple[str, ...] = ()
    """`audioset`: classes that are music."""
    packages: tuple[str, ...] = ()
    """Debian packages whose OGG files are music; fetched and unpacked into the cache, never shipped."""
    track_s: Positive = 120.0
    """Seconds from the beginning of each of their tracks that are used: many tracks are worth more than long ones."""
    folds: Annotated[int, Field(ge=2)] = 5
    """Parts that test in turn; a package of music lies in one, and so does a speaker or a recording of noise."""
    scene_share: Share = 0.5
    """Of the noise that is ambience (`catalog`); the rest is ESC-50."""


class SoundMixing(Section):
    """How ten seconds of sound are made. The same level holds for all classes."""

    examples: Count = 300
    """Of each class in each fold."""
    clean_db: Range = (25.0, 40.0)
    """Speech: ratio of speech to noise, both as root mean square over the ten seconds."""
    noisy_db: Range = (-10.0, 10.0)
    """Speech plus noise."""
    level_dbfs: Range = (-50.0, -12.0)
    """Root mean square of an example relative to a full-scale sine."""
    largest_ratio: Positive = 5.0
    """Noise and music whose loudest quarter second has more than this times the mean energy is left out (Eq. 5)."""


class BankSearch(Section):
    """How the cut-offs of the filter bank are found (`search.py`)."""

    trials: Annotated[int, Field(ge=0)] = 0
    """Banks that are judged; 0 keeps the plain bank."""
    examples: Count = 100
    """Of each class in each fold, of those folds that the search hears."""
    folds: Annotated[int, Field(ge=2)] = 3
    """So many, the first ones."""
    steps: Count = 150
    """Of the training of each judging network."""


class SoundOptimiser(Section):
    """How a classifier is trained."""

    epochs: Count = 250
    batch: Count = 128
    learning_rate: Positive = 0.008
    last: Share = 1.0
    """Share of the rate that is left at the end, along half a cosine; 1 for a constant one."""
    dropout: Share = 0.05
    """Of the inputs of the first layer."""
    weight_decay: Annotated[float, Field(ge=0)] = 0.0
    mixup: Annotated[float, Field(ge=0)] = 0.0
    """Beta parameter of mixing two examples' vectors; 0 for none."""
    gain_db: Annotated[float, Field(ge=0)] = 0.0
    """All values of an example are moved by up to this much either way, as a gain would."""
    shuffle: bool = False
    """Whether the five vectors of an example come in an order that is drawn anew in every step."""


class SoundRecipe(Section):
    """Everything that makes a classifier of sound classes."""

    system: Literal["sound"]
    cache: str = "cache/sound"
    """Packages, decoded recordings, vectors, networks; may be deleted at any time."""
    seed: int = 3
    threads: Count = 1
    bundle: BundleSettings
    recordings: SoundRecordings = SoundRecordings()
    mixing: SoundMixing = SoundMixing()
    bank: Literal["plain", "optimised"] = "optimised"
    """`optimised`: what `search` found; the plain bank is `AMS_PLAIN`."""
    search: BankSearch = BankSearch()
    classifier: Literal["small", "large", "wide"] = "small"
    """`small`: C1, of 544 numbers, for the device; `large`: C2, of 3.5 million, which labels for the back-end;
    `wide`: a perceptron in its place, where there is no graphics card."""
    weights: str = ""
    """`large`: file of ImageNet weights of torchvision's MobileNetV2 (a state_dict); empty starts at random."""
    side: Annotated[int, Field(ge=32, le=224)] = 224
    """`large`: rows and columns of the square that it makes of its input; less than the paper's 224 is quicker."""
    optimiser: SoundOptimiser = SoundOptimiser()

    def search_key(self, salt: str) -> str:
        """The same for what the search hears: how many examples train and test later does not matter to it."""
        return self.key(f"{salt} {self.mixing.model_dump_json(exclude={'examples'})}", "seed", "recordings")

    def key(self, salt: str, *sections: str) -> str:
        """16 hexadecimal digits that change with the salt and with the named fields."""
        content = salt + self.model_dump_json(include=set(sections))
        return hashlib.sha256(content.encode()).hexdigest()[:16]
