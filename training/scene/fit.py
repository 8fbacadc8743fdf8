"""One network trained, or taken from the cache when the same one was trained before."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import lightning
import torch
from torch import nn

from monitor.features.spec import SCENE
from training.nets.mobileast import FRAMES
from training.nets.together import Together
from training.scene.batches import make_batches
from training.scene.networks import student_of, teacher_of, teacher_spec
from training.scene.pretraining import Role, pretrained
from training.scene.steps import keep, run_steps
from training.systems.scene import SceneSystem

if TYPE_CHECKING:
    from collections.abc import Callable

    from training.scene.recipe import SceneSettings
    from training.scene.source import Source

VERSION = 3
"""Raised when the same settings give another network; cached ones are then trained again."""

SETTLING = 20
SETTLING_WINDOWS = 32
"""Batches, and windows of each, on which normalisations are measured after training."""

_HEARD = ("recordings", "seed", "pretraining")
_TEACHER = (*_HEARD, "teacher")
_STUDENT = (*_TEACHER, "network", "sound", "picture", "optimiser", "distillation")


def fit(settings: SceneSettings, source: Source, fold: int | None, progress: Callable[[str], None]) -> nn.Module:
    """The student of a fold (None: the final one, which hears all folds), taught by a teacher that heard the same."""
    distils = settings.distillation.loss != "none" and settings.teacher.kind != "none"
    path = checkpoint(settings, source, fold, "student")
    student = student_of(settings, source)
    if path.is_file():
        return _loaded(student, path)
    teacher = fit_teacher(settings, source, fold, progress) if distils else None
    return _trained(settings, source, fold, "student", teacher, path, progress)


def fit_teacher(
    settings: SceneSettings, source: Source, fold: int | None, progress: Callable[[str], None]
) -> nn.Module:
    """The teacher of a fold, trained now unless it is in the cache; of several copies, all of them together."""
    networks = [_one_teacher(_copy(settings, n), source, fold, progress) for n in range(settings.teacher.copies)]
    return networks[0] if len(networks) == 1 else Together(networks).eval()


def _copy(settings: SceneSettings, number: int) -> SceneSettings:
    """What makes one of several teachers: the same with another seed, pretraining included."""
    alone = settings.teacher.model_copy(update={"copies": 1})
    return settings.model_copy(update={"seed": settings.seed + 1000 * number, "teacher": alone})


def _one_teacher(
    settings: SceneSettings, source: Source, fold: int | None, progress: Callable[[str], None]
) -> nn.Module:
    path = checkpoint(settings, source, fold, "teacher")
    if path.is_file():
        return _loaded(teacher_of(settings, source), path)
    return _trained(settings, source, fold, "teacher", None, path, progress)


def steps_of(settings: SceneSettings, source: Source, fold: int | None, role: Role) -> tuple[int, int]:
    """Steps of an epoch, and of the whole training."""
    optimiser = settings.teacher.optimiser if role == "teacher" else settings.optimiser
    scenes = [clip for clip in source.clips if clip.trains(fold) and clip.label in source.scenes and not clip.kin]
    seconds = sum(len(source.store[clip.path]) for clip in scenes) // SCENE.rate
    epoch = max(1, (optimiser.windows or seconds) // optimiser.batch)
    return epoch, max(1, round(optimiser.epochs * epoch))


def _trained(
    settings: SceneSettings,
    source: Source,
    fold: int | None,
    role: Role,
    teacher: nn.Module | None,
    path: Path,
    progress: Callable[[str], None],
) -> nn.Module:
    teaches = role == "teacher"
    start = pretrained(settings, source, role, progress)
    lightning.seed_everything(settings.seed, verbose=False)
    network = teacher_of(settings, source) if teaches else student_of(settings, source)
    if start is not None:
        network.load_state_dict(start)
    optimiser = settings.teacher.optimiser if teaches else settings.optimiser
    events = settings.teacher.events_weight if teaches and settings.teacher.kind == "cnn" else 0.0
    epoch, steps = steps_of(settings, source, fold, role)
    # A teacher alone in training hears its own front-end in place of the student's.
    batches = make_batches(
        source,
        fold,
        settings.teacher.sound if teaches else settings.sound,
        steps,
        optimiser.batch,
        settings.seed + (1 if teaches else 0),
        events=events > 0,
        teacher=SCENE if teaches else teacher_spec(settings),
        teacher_mixed=settings.distillation.heard == "mixed",
        student=teacher_spec(settings) if teaches else SCENE,
        kin_share=settings.recordings.kin_share,
        unmixed=teacher is not None and settings.distillation.heard == "clean",
    )
    system = SceneSystem(
        network,
        optimiser,
        settings.teacher.picture if teaches else settings.picture,
        epoch,
        settings.seed,
        teacher=teacher,
        teacher_precision=settings.teacher.optimiser.precision,
        distillation=None if teaches else settings.distillation,
        events_weight=events,
    )
    name = f"{role}, {'final' if fold is None else f'fold {fold}'}"
    trained = run_steps(system, batches, steps, name, settings.threads, progress)
    settle(trained, settings, source, fold, role)
    keep(trained, path)
    return trained


def settle(network: nn.Module, settings: SceneSettings, source: Source, fold: int | None, role: Role) -> None:
    """Measure the normalisations' statistics anew, on unmixed training windows: what testing is like.

    The running ones belong to earlier weights (of an average: to none at all), and cost most of the accuracy.
    """
    sound = settings.teacher.sound if role == "teacher" else settings.sound
    spec = teacher_spec(settings) if role == "teacher" else SCENE
    unmixed = sound.model_copy(update={"mixup": 0.0})
    batches = make_batches(source, fold, unmixed, SETTLING, SETTLING_WINDOWS, settings.seed + 3, student=spec)
    norms = [module for module in network.modules() if isinstance(module, nn.BatchNorm2d)]
    for norm in norms:
        norm.reset_running_stats()
        norm.momentum = None  # a plain mean over the batches
        norm.train()
    if norms:
        with torch.no_grad():
            for i in range(SETTLING):
                network(batches[i].mixed)
    network.eval()


def checkpoint(settings: SceneSettings, source: Source, fold: int | None, role: Role) -> Path:
    """Where a network is kept; the name changes with everything that makes it."""
    salt = f"{VERSION} {source.store.name} {SCENE.fingerprint} {FRAMES} {fold} {settings.network.level}"
    key = settings.key(salt, *(_TEACHER if role == "teacher" else _STUDENT))
    return Path(settings.cache) / "networks" / f"{role}-{'final' if fold is None else fold}-{key}.pt"


def _loaded(network: nn.Module, path: Path) -> nn.Module:
    network.load_state_dict(torch.load(path, weights_only=True))
    return network.eval()
