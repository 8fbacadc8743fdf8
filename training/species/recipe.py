"""Recipes of species classifiers: one that ships or that a user makes, and one of tables that compares rows."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import Field, model_validator

from monitor import paths
from training.config import BundleSettings, Count, Positive, Range, Section, Share

AtLeastZero = Annotated[float, Field(ge=0)]
Widest = Annotated[int, Field(ge=0)]
NetworkKind = Literal["cnn6", "cnn10", "cnn14", "mobilenet-v1", "resnet22", "wide-resnet28-2"]


class Recordings(Section):
    """Where the recordings come from."""

    layout: Literal["folders", "manifest", "compare2021", "catalog"] = "folders"
    """A folder a class; a CSV with columns file and label; ComParE 2021 PRS; our data folder."""
    folder: str
    """Of the classes, the CSV, the `wav` and `lab` folders; for `catalog` the environment variable AURICLE_DATA wins.
    """
    names: dict[str, str] = Field(default_factory=dict)
    """Folder or label -> what the model calls it, such as `Scientific name_Common name`."""
    classes: dict[str, tuple[str, ...]] = Field(default_factory=dict)
    """`catalog`: label of the model -> labels of the catalog that count as it."""
    background: tuple[str, ...] = ()
    """`catalog`: labels of the catalog that are none of the classes."""
    reject: str = "background"
    """The class that stands for none of the others, where there is one."""
    validation_share: Share = 0.15
    test_share: Share = 0.2
    """Of each class's clips, as far as whole groups of recordings allow; `compare2021` has its own parts."""


class Sound(Section):
    """What happens to a training window's waveform. The same numbers hold for all classes."""

    padding: Literal["zeros", "background"] = "zeros"
    """What stands around a clip shorter than a window: nothing, after it (the paper); or other background, around it.
    """
    contrast_db: AtLeastZero = 12.0
    """Of a longer clip those windows count whose calls stand out at most this much less than in its best one."""
    behind_share: Share = 0.0
    """Windows that get background behind them."""
    snr_db: Range = (0.0, 20.0)
    low_pass_share: Share = 0.0
    low_pass_hz: Range = (4_000.0, 8_000.0)
    high_pass_share: Share = 0.0
    high_pass_hz: Range = (40.0, 300.0)
    level_dbfs: Range | None = None
    """Every window is set to a random level of this range; none: it keeps its own."""
    stretch_share: Share = 0.0
    stretch: Range = (0.9, 1.1)
    """Factor on tempo; the paper found it useless."""
    pitch_share: Share = 0.0
    quarter_tones: Widest = 3
    """Up or down, 0 to this many; the paper found it useless."""


class Picture(Section):
    """What happens to a training window's features, after the first normalisation."""

    masks: Literal["none", "paper", "released"] = "paper"
    """`paper`: 0 to 2 stripes an axis, the same for a batch; `released`: always 2, each window its own."""
    mask_frames: Widest = 16
    """The code released with the paper has 16 for CNN10 and 64 for the other networks."""
    mask_bands: Widest = 8
    mixup: AtLeastZero = 1.0
    """Beta parameter of mixing neighbours in a batch, 0 for none; the paper says below 1, its code 1."""


class Network(Section):
    """What is trained."""

    kind: NetworkKind = "mobilenet-v1"
    checkpoint: str = ""
    """`cnn14`: file of the published weights to begin with."""
    hierarchical: bool = False
    """Whether one output tells background from animal and the others animals apart, as the paper's authors propose."""


class Average(Section):
    """Moving average of the weights; a model of its own, from which training never goes on."""

    decay: Share = 0.995
    """0 for none."""
    start: Widest = 15_000
    """Steps before it begins, with the weights of that step."""
    warm_up: bool = False
    """Whether the decay grows as (1 + n) / (10 + n), as in the released code."""


class Optimiser(Section):
    """How the network is trained."""

    steps: Count = 60_000
    batch: Count = 32
    """Windows after mixing; twice as many are drawn where there is mixing."""
    learning_rate: Positive = 1e-3
    precision: Literal["float32", "bfloat16"] = "float32"
    """Of what the layers multiply; `bfloat16` is a third faster on processors that have it, and slower on others."""
    weight_decay: AtLeastZero = 0.0
    schedule: Literal["constant", "cosine"] = "constant"
    loss: Literal["auto", "bce", "ce"] = "auto"
    """`auto`: binary cross-entropy with mixing, categorical without, as the paper."""
    balanced: bool = True
    """Whether all classes are drawn equally often."""
    evaluate_every: Count = 200
    """Steps; on validation clips the best of the weights met is kept."""
    evaluate_from: Widest = 10_000
    """Steps before the weights themselves may be kept; their average may from its start on."""
    select: Literal["validation", "last"] = "validation"


class Decision(Section):
    """How the thresholds are chosen on validation clips."""

    false_share: Share = 0.01
    """Of the windows of other classes that may reach a class's threshold."""
    false_an_hour: AtLeastZero = 2.0
    """Windows in an hour of background that may."""
    least: Share = 0.3
    most: Share = 0.9
    """Bounds of the thresholds."""


class Embedded(Section):
    """What the complementary experiments put on top (section 5)."""

    kind: Literal["none", "svm", "fusion"] = "none"
    """`svm`: a linear SVM on the network's embeddings; `fusion`: two networks side by side under one new layer."""
    partner: NetworkKind = "resnet22"
    frozen: bool = True
    """Of a fusion: whether only the new layer is trained."""
    steps: Count = 2_000
    """Of a fusion."""


class SpeciesSettings(Section):
    """What training and measuring a species classifier takes."""

    cache: str = "cache/species"
    """Decoded recordings, networks; may be deleted at any time."""
    seed: int = 0
    threads: Count = 1
    rate: Literal[8_000, 16_000] = 16_000
    """Samples a second. 8 000 halves the window, 75 frames, and is for comparison: the monitor has no such path."""
    recordings: Recordings
    sound: Sound = Sound()
    picture: Picture = Picture()
    network: Network = Network()
    average: Average = Average()
    optimiser: Optimiser = Optimiser()
    decision: Decision = Decision()
    embedded: Embedded = Embedded()

    def key(self, salt: str, *sections: str) -> str:
        """16 hexadecimal digits that change with the salt and with the named fields."""
        content = salt + self.model_dump_json(include=set(sections))
        return hashlib.sha256(content.encode()).hexdigest()[:16]

    @property
    def exclusive(self) -> bool:
        """Whether the classes compete in a softmax; else each has a logistic function of its own."""
        chosen = self.optimiser.loss
        return chosen == "ce" or (chosen == "auto" and self.picture.mixup == 0 and not self.network.hierarchical)

    @property
    def outcome(self) -> Literal["independent", "exclusive", "hierarchical"]:
        """What the network's outputs mean."""
        if self.network.hierarchical:
            return "hierarchical"
        return "exclusive" if self.exclusive else "independent"

    @model_validator(mode="after")
    def _fit(self) -> Self:
        if self.recordings.layout == "catalog" and not self.recordings.classes:
            raise ValueError("recordings.classes: the layout `catalog` needs them")
        if self.recordings.validation_share + self.recordings.test_share >= 1:
            raise ValueError("recordings: validation_share and test_share leave nothing to train on")
        if self.exclusive and self.picture.mixup > 0:
            raise ValueError("optimiser.loss: `ce` takes one class a window, so picture.mixup must be 0")
        if self.optimiser.loss == "ce" and self.network.hierarchical:
            raise ValueError("network.hierarchical: has a loss of its own, so optimiser.loss must be `auto` or `bce`")
        if self.network.checkpoint and self.network.kind != "cnn14":
            raise ValueError("network.checkpoint: only cnn14 has published weights")
        return self


class SpeciesRecipe(SpeciesSettings):
    """Everything that makes a classifier that the monitor loads."""

    system: Literal["species"]
    bundle: BundleSettings
    licence: str = "CC BY-NC-SA 4.0"
    """Of the weights."""
    data_licence: str = "as their owner says"
    """Of the recordings, in words."""
    binomials: Literal["bird", "animal"] = "animal"
    """What a class with a scientific name is; the monitor tells some genera and names apart that are no birds."""
    hop: Count = 75
    """Frames between the windows that the monitor scores."""
    most_bytes: Count = 8_000_000
    """Of the model file."""
    pictures: str = ""
    """Folder for confusion matrix and t-SNE (SVG); empty: beside the cache."""
    report: str = ""
    """Page with what was measured (Markdown); empty: the card alone tells."""
    report_notes: str = ""
    """What stands at its end."""
    joined_background: tuple[str, ...] = ()
    """Beginnings of the paths of its background; empty: all of it. If given, all of it is tried besides."""
    joined_s: Count = 1_800
    """Seconds at most of the recording that joins unseen calls with background, on which the bundle is tried."""

    @property
    def models(self) -> Path:
        """Folder of bundles; where the recipe names none, the user's own, in which the monitor looks."""
        named = self.bundle.folder
        return Path(named).expanduser() if named else paths.data_dir() / "models"

    @model_validator(mode="after")
    def _can_ship(self) -> Self:
        if self.rate != 16_000:
            raise ValueError("rate: the monitor hears species at 16000")
        if self.embedded.kind != "none":
            raise ValueError("embedded: only rows of a table have experiments")
        return self


Changes = Annotated[dict[str, Any], Field(default_factory=dict)]
SECTIONS = ("recordings", "sound", "picture", "network", "average", "optimiser", "embedded")


class Row(Section):
    """A line of a table. Every section holds only what differs from the recipe's own."""

    table: str
    name: str
    paper: str = ""
    """What the paper has in its place: mAP / UAR of the development part."""
    rate: Literal[8_000, 16_000] | None = None
    recordings: Changes
    sound: Changes
    picture: Changes
    network: Changes
    average: Changes
    optimiser: Changes
    embedded: Changes


class SpeciesTableRecipe(SpeciesSettings):
    """Everything that makes the tables."""

    system: Literal["species-paper"]
    title: str
    report: str
    """Where the tables are written, as Markdown."""
    rows: tuple[Row, ...]

    def settings_of(self, row: Row) -> SpeciesSettings:
        """The recipe with a row's changes. Raises pydantic's ValidationError where they do not fit."""
        own = self.model_dump(include=set(SpeciesSettings.model_fields))
        own["rate"] = row.rate or self.rate
        for section in SECTIONS:
            own[section] = own[section] | getattr(row, section)
        return SpeciesSettings.model_validate(own)

    @model_validator(mode="after")
    def _rows_fit(self) -> Self:
        names = [(row.table, row.name) for row in self.rows]
        if not names or len(set(names)) != len(names):
            raise ValueError("rows: there are none, or two of one table have the same name")
        for row in self.rows:
            self.settings_of(row)
        return self
