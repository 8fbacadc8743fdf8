"""Weights to start from: of a network that told the classes of ESC-50 apart before it heard any scene."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Literal

import lightning
import torch
from torch import Tensor, nn

from monitor.features.spec import SCENE
from training.nets.mobileast import FRAMES, MobileASTLight
from training.nets.scene_teacher import SceneCNN
from training.scene.batches import AsEvents, make_batches
from training.scene.drawing import Drawing
from training.scene.networks import student_of, teacher_of
from training.scene.recipe import Optimiser, Pretraining
from training.scene.steps import keep, run_steps
from training.systems.scene import SceneSystem

if TYPE_CHECKING:
    from collections.abc import Callable

    from training.scene.recipe import SceneSettings
    from training.scene.source import Source

Role = Literal["teacher", "student"]

VERSION = 1
"""Raised when the same settings give other weights."""

_OF = {
    "teacher": ("recordings", "seed", "pretraining", "teacher"),
    "student": ("recordings", "seed", "pretraining", "network", "sound", "picture"),
}


class _Events(nn.Module):
    """Log mel `(batch, frames, bands)` -> logits of events, by a network that is later told of scenes."""

    def __init__(self, network: SceneCNN | MobileASTLight, events: int) -> None:
        super().__init__()
        self.network = network
        own = network.events if isinstance(network, SceneCNN) else None
        self.head = own or nn.Linear(network.classifier.in_features, events)
        self.dropout = network.dropout if isinstance(network, SceneCNN) else nn.Identity()

    def forward(self, features: Tensor) -> Tensor:
        """As the class says."""
        return self.head(self.dropout(self.network.embed(features)))


def pretrained(
    settings: SceneSettings, source: Source, role: Role, progress: Callable[[str], None]
) -> dict[str, Tensor] | None:
    """Weights of the role's network after that, trained now unless they are in the cache; None where nobody asks.

    No fold tests on what it hears, so one serves all folds.
    """
    optimiser = settings.pretraining.teacher if role == "teacher" else settings.pretraining.student
    if optimiser is None:
        return None
    own = _that_count(settings, role, optimiser)
    salt = f"{VERSION} {source.store.name} {SCENE.fingerprint} {FRAMES} {settings.network.level}"
    path = Path(settings.cache) / "networks" / f"events-{role}-{own.key(salt, *_OF[role])}.pt"
    if not path.is_file():
        lightning.seed_everything(settings.seed, verbose=False)
        network = teacher_of(settings, source) if role == "teacher" else student_of(settings, source)
        if not isinstance(network, (SceneCNN, MobileASTLight)):
            raise TypeError(f"{type(network).__name__} is trained elsewhere")
        epoch = max(1, optimiser.windows // optimiser.batch)
        steps = max(1, round(optimiser.epochs * epoch))
        sound = settings.teacher.sound if role == "teacher" else settings.sound
        picture = settings.teacher.picture if role == "teacher" else settings.picture
        pool = Drawing.of_events(source)
        batches = make_batches(source, None, sound, steps, optimiser.batch, settings.seed + 4, unmixed=False, pool=pool)
        events = _Events(network, len(source.events))
        system = SceneSystem(events, optimiser, picture, epoch, settings.seed)
        trained = run_steps(system, AsEvents(batches), steps, f"{role}, events", settings.threads, progress)
        if not isinstance(trained, _Events):
            raise TypeError(f"trained a {type(trained).__name__}")
        keep(trained.network, path)
    return torch.load(path, weights_only=True)


def _that_count(settings: SceneSettings, role: Role, optimiser: Optimiser) -> SceneSettings:
    """The settings without what makes no difference here: folds, other scenes, what comes afterwards."""
    recordings = settings.recordings.model_copy(update={"folds": 2, "others": "tested"})
    teacher = settings.teacher.model_copy(update={"optimiser": Optimiser()})
    pretraining = Pretraining(teacher=optimiser) if role == "teacher" else Pretraining(student=optimiser)
    return settings.model_copy(update={"recordings": recordings, "teacher": teacher, "pretraining": pretraining})
