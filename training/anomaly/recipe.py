"""Recipes of the machine encoder and of the tables of the paper that it follows.

Kuroyanagi, Hayashi, Takeda and Toda, "Two-stage anomalous sound detection systems using domain generalization and
specialization techniques" (DCASE 2022 Challenge, Task 2).
"""

from __future__ import annotations

import hashlib
from typing import Annotated, Literal

from pydantic import Field, model_validator

from training.config import BundleSettings, Count, Positive, Section, Share

Backbone = Literal["efficientnet", "conformer", "transformer", "small"]
"""The paper's three, and the one that is small enough to ship."""


class Sources(Section):
    """Where recordings come from; folders are relative to `data`."""

    data: str = "../shared/data"
    """The environment variable AURICLE_DATA wins."""
    machines: str = "machines"
    """In the layout of DCASE Task 2."""
    only: tuple[str, ...] = ()
    """Machines that are read; empty: all."""
    esc50: str = "esc50"
    """Sound of no machine, a manifest.csv in it; takes that the machines' manifest notes as mixed in are left out."""
    audioset: str = ""
    """A local folder of AudioSet, more sound of no machine; empty: none."""
    audioset_without: tuple[str, ...] = ()
    """Its classes that are left out."""


class Batches(Section):
    """What a step sees."""

    positive: Count = 64
    """Windows of the machines that are trained on ..."""
    negative: Count = 64
    """... and of other sound, pseudo-anomalous."""
    one_to_one: bool = True
    """False: as many of either as chance gives, in proportion to how much sound there is."""
    least_target: Annotated[int, Field(ge=0)] = 1
    """Windows of the target domain in every batch, where there is any."""
    external: bool = True
    """Whether other sound (ESC-50, AudioSet) is pseudo-anomalous beside other machines."""
    mixup: bool = True
    """Whether windows are mixed; with a chance that falls as a cosine from 1 to 0."""
    mixup_beta: Positive = 0.2
    domain: bool = False
    """Quarters: source, pseudo-target (target mixed with pseudo-anomalous sound), target, pseudo-anomalous sound; for
    the domain classifier."""
    balanced: bool = False
    """Whether every section is drawn equally often; else every clip."""
    altered: Share = 0.0
    """Of the positive windows, those whose sound is altered, which makes them pseudo-anomalous; not the paper's."""


class Losses(Section):
    """Weights of the losses."""

    section: Annotated[float, Field(ge=0)] = 10.0
    """Lambda of Eq. 3."""
    domain: Annotated[float, Field(ge=0)] = 1.0
    """Lambda of Eq. 6; only with domain batches."""
    norm: Literal["sum", "mean"] = "mean"
    """Of the squares of the embedding: Eq. 2 has the sum, the released code their mean."""


class Optimiser(Section):
    """AdamW with one cycle."""

    epochs: Count = 200
    """Passes over the normal clips of the source domain."""
    steps: Annotated[int, Field(ge=0)] = 0
    """Stop the cycle after so many; 0: after the epochs."""
    learning_rate: Positive = 1e-3
    weight_decay: Annotated[float, Field(ge=0)] = 0.0
    dropout: Share = 0.3
    threads: Count = 1


class Split(Section):
    """Which normal clips train the extractor; the others validate it and fit the detectors."""

    source: Share = 0.85
    """Of a section's source clips, the paper's r_train."""
    target: Share = 0.6
    """Of its target clips: six of ten."""


class Detection(Section):
    """Inlier models over embeddings."""

    normals: Literal["held-out", "all"] = "held-out"
    """What they are fitted on: the clips that did not train the extractor (the paper), or all training clips."""
    kinds: tuple[Literal["knn", "lof", "gmm"], ...] = ("knn", "lof", "gmm")
    sizes: tuple[Count, ...] = (1, 2, 4, 8, 16, 32)
    """Neighbours or components."""
    segments: Count = 10
    """Overlapping windows of a clip."""
    aggregators: tuple[Literal["mean", "max", "median", "upper-mean"], ...] = ("mean", "max", "median", "upper-mean")
    logits: tuple[bool, ...] = (False, True)
    """Whether the embedding's norm and the logits of machine and sections are features too."""
    pseudo_normals: Annotated[int, Field(ge=0)] = 50
    """Embeddings mixed of source and target for the one detector of both domains."""
    kappa: Positive = 0.15
    """Of Eq. 7."""
    top: Count = 20
    """Systems of an ensemble."""


class Row(Section):
    """A line of the ablation: what differs from the recipe."""

    name: str
    backbone: Backbone | None = None
    mixup: bool | None = None
    external: bool | None = None
    one_to_one: bool | None = None
    section: Annotated[float, Field(ge=0)] | None = None
    """Lambda of Eq. 3."""
    source: Share | None = None
    """The paper's r_train."""
    epochs: Count | None = None
    steps: Count | None = None


class PaperRecipe(Section):
    """Extractors of each machine, their detectors, ensembles and tables."""

    system: Literal["anomaly-paper"]
    title: str
    report: str
    """Markdown file that the tables are written to."""
    cache: str = "cache/anomaly-paper"
    """Frames and finished runs; may be deleted at any time."""
    seed: int = 0
    sources: Sources = Sources()
    backbone: Backbone = "efficientnet"
    batches: Batches = Batches()
    losses: Losses = Losses()
    optimiser: Optimiser = Optimiser()
    split: Split = Split()
    detection: Detection = Detection()
    domain_epochs: Count = 50
    """Of the domain classifier."""
    baselines: bool = True
    """Whether the two official baselines are trained too ..."""
    baseline_epochs: tuple[Count, Count] = (100, 20)
    """... autoencoder and MobileNetV2."""
    baseline_hop: Count = 1
    """Frames between the windows that MobileNetV2 is asked about."""
    rows: Annotated[tuple[Row, ...], Field(min_length=1)]

    @model_validator(mode="after")
    def _names_differ(self) -> PaperRecipe:
        names = [row.name for row in self.rows]
        twice = sorted({name for name in names if names.count(name) > 1})
        if twice:
            raise ValueError(f"rows of one name: {', '.join(twice)}")
        return self

    def of(self, row: Row) -> PaperRecipe:
        """The recipe with what a row changes."""
        chosen = row.model_dump(exclude_none=True)
        batches = self.batches.model_copy(
            update={key: chosen[key] for key in ("mixup", "external", "one_to_one") if key in chosen}
        )
        changes = {
            "batches": batches,
            "losses": self.losses.model_copy(update={k: chosen[k] for k in ("section",) if k in chosen}),
            "split": self.split.model_copy(update={k: chosen[k] for k in ("source",) if k in chosen}),
            "optimiser": self.optimiser.model_copy(update={k: chosen[k] for k in ("epochs", "steps") if k in chosen}),
            "backbone": row.backbone or self.backbone,
        }
        return self.model_copy(update=changes)

    def key(self, salt: str, *sections: str) -> str:
        """16 hexadecimal digits that change with the salt and with the named fields."""
        return _key(self, salt, sections)


class AnomalyRecipe(Section):
    """The encoder that ships: one for all machines, those never heard among them."""

    system: Literal["anomaly"]
    cache: str = "cache/anomaly"
    """Frames, checkpoints, embeddings; may be deleted at any time."""
    seed: int = 0
    report: str = ""
    """Markdown file that the tables are written to; empty: none."""
    bundle: BundleSettings
    sources: Sources = Sources()
    backbone: Backbone = "small"
    batches: Batches = Batches()
    losses: Losses = Losses()
    optimiser: Optimiser = Optimiser()
    leave_out: bool = True
    """Whether an encoder is trained without each machine, which is then asked about it."""
    leave_out_share: Annotated[float, Field(gt=0, le=1)] = 0.5
    """Length of these trainings relative to the one that ships."""
    outlier_classes: bool = True
    """Whether the classes of other sound are told apart too, as sections are."""

    def key(self, salt: str, *sections: str) -> str:
        """16 hexadecimal digits that change with the salt and with the named fields."""
        return _key(self, salt, sections)


def _key(recipe: Section, salt: str, sections: tuple[str, ...]) -> str:
    content = salt + recipe.model_dump_json(include=set(sections))
    return hashlib.sha256(content.encode()).hexdigest()[:16]
