"""Recipe of the paper's own training: rows of a table, each a method with its windows and augmentations.

Moummad, Farrugia and Serizel, "Self-supervised learning for few-shot bird sound classification" (ICASSP workshops,
2024).
"""

from __future__ import annotations

import hashlib
from typing import Annotated, Literal

from pydantic import Field, model_validator

from training.config import Count, Positive, Range, Section, Share
from training.data.episodes import Apart
from training.data.splits import Part

Method = Literal["simclr", "barlow_twins", "frossl", "supcon", "random"]
"""`random` is the encoder before any training."""
Network = Literal["mobilenet", "conv-four"]
Step = Literal["resized_crop", "frequency_shift", "shift", "mix", "compression", "white_noise", "spec_augment"]
"""Augmentations, in the order in which they are applied."""
ORDER: tuple[Step, ...] = (
    "resized_crop",
    "frequency_shift",
    "shift",
    "mix",
    "compression",
    "white_noise",
    "spec_augment",
)
PAPER_STEPS: tuple[Step, ...] = ("shift", "mix", "spec_augment")


class Recordings(Section):
    """Where the recordings come from."""

    layout: Literal["catalog", "birdclef"]
    """`catalog`: the data folder with its fixed species parts; `birdclef`: a folder for each species."""
    folder: str
    """For `catalog` the environment variable AURICLE_DATA wins."""
    split: str = ""
    """`birdclef`: table or `.npz` of each species' part; empty: species are ranked by a hash, and divided."""
    metadata: str = ""
    """`birdclef`: CSV with a column filename, and recordist; empty: looked for beside the folders."""
    species: tuple[Count, Count, Count] = (501, 72, 142)
    """Train, validation, test: the paper's numbers, and shares where there are fewer or more."""
    longest_s: Positive = 180.0
    """`birdclef`: longer recordings are left out, ..."""
    least_recordings: Count = 50
    """... then species that have fewer."""


class Insertion(Section):
    """Calls put into bird-free sound, for clips that were cut to the call: else there is nothing to select."""

    seconds: Positive = 30.0
    snr_db: Range = (0.0, 20.0)
    """Of the call's clip, its own background included, to the sound that it is put into."""
    folds: dict[Part, tuple[int, ...]]
    """ESC-50 folds that give the sound of each part."""


class Windows(Section):
    """What an encoder sees at a time."""

    frames: Count = 251
    """The paper's 5 s."""
    proximity: Count = 100
    """Frames from one to the other window of temporal proximity: 2 s, so that 60 % is common to both."""
    pool: Count = 1
    """Frames and bands averaged together before the network: 2 makes a step four times quicker."""


class Loss(Section):
    """Settings of the losses."""

    reading: Literal["paper", "released"] = "paper"
    """Where the released code computes something else than the paper says; see `training.losses`."""
    temperature: Positive = 1.0
    """SimCLR and SupCon."""
    weight: Positive = 0.01
    """Lambda of Barlow Twins and FroSSL."""


class Optimiser(Section):
    """AdamW at a constant rate."""

    batch: Count = 256
    """Recordings, each of which gives two views."""
    epochs: Count = 100
    steps: Annotated[int, Field(ge=0)] = 0
    """Stop after so many; 0: after the epochs."""
    learning_rate: Positive = 1e-3
    weight_decay: Annotated[float, Field(ge=0)] = 1e-6
    partners: Share = 0.0
    """Recordings that bring another of their species along; what large classes give by chance, small ones do not."""


class Scoring(Section):
    """Episodes that a trained encoder is asked."""

    ways: Count = 5
    shots: Count = 1
    count: Count = 10_000
    """Episodes a run."""
    replicates: Count = 400
    """Draws of the bootstrap that the intervals come from."""
    apart: Apart = Apart.RECORDIST
    """What support and query never share."""
    parts: tuple[Part, ...] = (Part.VALIDATION, Part.TEST)


class Row(Section):
    """A line of the table."""

    table: str
    """Heading that it stands under."""
    name: str
    method: Method
    train: Literal["proximity", "gate"] = "gate"
    """Two windows close to each other, or the window that the bird gate likes best, twice."""
    test: Literal["chunks", "gate"] = "gate"
    """Mean over the windows of the whole recording, or the window that the bird gate likes best."""
    without: tuple[Step, ...] = ()
    """Of the paper's augmentations, those left out."""
    also: tuple[Step, ...] = ()
    """Augmentations that the paper found harmful, switched on."""
    masks: Literal["paper", "released"] = "paper"
    """Sizes of SpecAugment: 30 bands and 10 frames in the paper, 10 bands and 30 frames in its code."""

    @property
    def steps(self) -> tuple[Step, ...]:
        """Augmentations of this row, in order."""
        return tuple(step for step in ORDER if step in {*PAPER_STEPS, *self.also} - {*self.without})

    @property
    def training(self) -> str:
        """What its network depends on; rows that differ in testing alone share one."""
        chosen = {"method"} if self.method == "random" else {"method", "train", "masks"}
        steps = "" if self.method == "random" else " ".join(self.steps)
        return self.model_dump_json(include=chosen) + steps


class PaperRecipe(Section):
    """Everything that makes a table."""

    system: Literal["fewshot-paper"]
    title: str
    """Heading of the report."""
    report: str
    """Markdown file that the table is written to."""
    cache: str = "cache/fewshot-paper"
    """Features and finished runs; may be deleted at any time."""
    gate: str = "models/bird-gate/1.1.0"
    """Bundle that selects windows."""
    seeds: Annotated[tuple[int, ...], Field(min_length=1)] = (0, 1, 2)
    """A run for each."""
    workers: Count = 2
    """Processes that render, and that train one network each."""
    threads: Count = 1
    """Of each."""
    network: Network = "mobilenet"
    """The paper's MobileNetV3-Large, or four convolutions that a short training suffices for."""
    recordings: Recordings
    insertion: Insertion | None = None
    windows: Windows = Windows()
    loss: Loss = Loss()
    optimiser: Optimiser = Optimiser()
    scoring: Scoring = Scoring()
    rows: Annotated[tuple[Row, ...], Field(min_length=1)]

    @model_validator(mode="after")
    def _names_differ(self) -> PaperRecipe:
        names = [(row.table, row.name) for row in self.rows]
        twice = sorted({f"{table}: {name}" for table, name in names if names.count((table, name)) > 1})
        if twice:
            raise ValueError(f"rows of one name: {', '.join(twice)}")
        if Part.TRAIN in self.scoring.parts:
            raise ValueError("species that train are not scored")
        return self

    def key(self, salt: str, *sections: str) -> str:
        """16 hexadecimal digits that change with the salt and with the named fields."""
        content = salt + self.model_dump_json(include=set(sections))
        return hashlib.sha256(content.encode()).hexdigest()[:16]
