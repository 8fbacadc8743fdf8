"""Training batches in the domain that a recipe names."""

from __future__ import annotations

from typing import TYPE_CHECKING

from torch.utils.data import Dataset

from monitor.features.spec import SCENE
from training.scene.drawing import Batch
from training.scene.power import PowerBatches
from training.scene.render import SceneBatches

if TYPE_CHECKING:
    from monitor.features.spec import FeatureSpec
    from training.scene.drawing import Drawing
    from training.scene.recipe import Sound
    from training.scene.source import Source

Batches = SceneBatches | PowerBatches


def make_batches(
    source: Source,
    fold: int | None,
    sound: Sound,
    count: int,
    size: int,
    seed: int,
    events: bool = False,
    teacher: FeatureSpec = SCENE,
    teacher_mixed: bool = False,
    student: FeatureSpec = SCENE,
    kin_share: float = 0.0,
    unmixed: bool = True,
    pool: Drawing | None = None,
) -> Batches:
    """`count` batches of `size` windows; see the two classes."""
    if sound.domain == "power":
        return PowerBatches(source, fold, sound, count, size, seed, events, teacher_mixed, kin_share, pool)
    return SceneBatches(
        source, fold, sound, count, size, seed, events, teacher, teacher_mixed, student, kin_share, unmixed, pool
    )


class AsEvents(Dataset[Batch]):
    """The same batches with the classes of ESC-50 as labels."""

    def __init__(self, batches: Batches) -> None:
        self._batches = batches

    def __len__(self) -> int:
        return len(self._batches)

    def __getitem__(self, item: int) -> Batch:
        batch = self._batches[item]
        return batch._replace(labels=batch.events)
