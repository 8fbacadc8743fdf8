"""One network trained, or taken from the cache when the same one was trained before."""

from __future__ import annotations

import logging
import time
import warnings
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import lightning
import torch
from torch import nn
from torch.utils.data import DataLoader

from monitor.features.spec import SCENE
from training.nets.mobileast import FRAMES, SUBMISSIONS, Light, MobileASTLight
from training.nets.passt import PASST_SPEC, load_passt
from training.nets.scene_teacher import SceneCNN
from training.scene.render import WINDOW, SceneBatches
from training.systems.scene import SceneSystem

if TYPE_CHECKING:
    from collections.abc import Callable

    from monitor.features.spec import FeatureSpec
    from training.scene.recipe import Network, SceneSettings
    from training.scene.source import Source

Role = Literal["teacher", "student"]
VERSION = 2
"""Raised when the same settings give another network; cached ones are then trained again."""

SETTLING = 20
SETTLING_WINDOWS = 32
"""Batches, and windows of each, on which normalisations are measured after training."""

_HEARD = ("recordings", "seed")
_TEACHER = (*_HEARD, "teacher")
_STUDENT = (*_TEACHER, "network", "sound", "picture", "optimiser", "distillation")


def sizes_of(network: Network) -> Light:
    """The submission that a recipe names, with what it changes."""
    sizes = SUBMISSIONS[network.submission]
    if network.channels:
        c1, c2, c_out = network.channels
        sizes = replace(sizes, c1=c1, c2=c2, c_out=c_out)
    if network.expansions:
        e1, e2, e3 = network.expansions
        sizes = replace(sizes, e1=e1, e2=e2, e3=e3)
    if network.attention:
        width, hidden, depth = network.attention
        sizes = replace(sizes, width=width, hidden=hidden, depth=depth)
    return replace(sizes, act=network.activation) if network.activation else sizes


def student_of(settings: SceneSettings, source: Source) -> MobileASTLight:
    """The small network, untrained."""
    return MobileASTLight(sizes_of(settings.network), len(source.labels), settings.network.level)


def teacher_of(settings: SceneSettings, source: Source) -> nn.Module:
    """The larger network, untrained or, where there is a checkpoint, pre-trained."""
    teacher = settings.teacher
    if teacher.kind == "passt":
        frames = PASST_SPEC.frames_in(WINDOW)
        return load_passt(Path(teacher.checkpoint).expanduser(), len(source.labels), frames, teacher.patchout)
    events = len(source.events) if teacher.events_weight > 0 else 0
    return SceneCNN(teacher.channels, len(source.labels), events, teacher.dropout, settings.network.level)


def teacher_spec(settings: SceneSettings) -> FeatureSpec:
    """Front-end of the teacher."""
    return PASST_SPEC if settings.teacher.kind == "passt" else SCENE


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
    """The teacher of a fold, trained now unless it is in the cache."""
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
    torch.set_num_threads(settings.threads)
    lightning.seed_everything(settings.seed, verbose=False)
    teaches = role == "teacher"
    network = teacher_of(settings, source) if teaches else student_of(settings, source)
    optimiser = settings.teacher.optimiser if teaches else settings.optimiser
    events = settings.teacher.events_weight if teaches and settings.teacher.kind == "cnn" else 0.0
    epoch, steps = steps_of(settings, source, fold, role)
    # A teacher alone in training hears its own front-end in place of the student's.
    batches = SceneBatches(
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
        distillation=None if teaches else settings.distillation,
        events_weight=events,
    )
    name = f"{role}, {'final' if fold is None else f'fold {fold}'}"
    progress(f"{name}: {steps} steps of {optimiser.batch} windows")
    logging.getLogger("lightning.pytorch").setLevel(logging.ERROR)
    with warnings.catch_warnings():
        # Batches are made in this process on purpose: a second one would take the core from the network.
        warnings.filterwarnings("ignore", message=".*does not have many workers.*")
        # lightning's own use of something that torch has renamed.
        warnings.filterwarnings("ignore", message=".*LeafSpec.*")
        trainer = lightning.Trainer(
            accelerator="auto",
            devices=1,
            max_steps=steps,
            logger=False,
            enable_checkpointing=False,
            enable_progress_bar=False,
            enable_model_summary=False,
            callbacks=[_Progress(name, steps, progress)],
        )
        trainer.fit(system, DataLoader(batches, batch_size=None))
    trained = system.trained.cpu().to(memory_format=torch.contiguous_format)
    settle(trained, settings, source, fold, role)
    path.parent.mkdir(parents=True, exist_ok=True)
    scratch = path.with_suffix(".part")
    torch.save(trained.state_dict(), scratch)
    scratch.replace(path)
    return trained


def settle(network: nn.Module, settings: SceneSettings, source: Source, fold: int | None, role: Role) -> None:
    """Measure the normalisations' statistics anew, on unmixed training windows: what testing is like.

    The running ones belong to earlier weights (of an average: to none at all), and cost most of the accuracy.
    """
    sound = settings.teacher.sound if role == "teacher" else settings.sound
    spec = teacher_spec(settings) if role == "teacher" else SCENE
    unmixed = sound.model_copy(update={"mixup": 0.0})
    batches = SceneBatches(source, fold, unmixed, SETTLING, SETTLING_WINDOWS, settings.seed + 3, student=spec)
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


class _Progress(lightning.Callback):
    """A line every minute."""

    def __init__(self, name: str, steps: int, progress: Callable[[str], None]) -> None:
        self._name, self._steps, self._progress = name, steps, progress
        self._told = time.monotonic()

    def on_train_batch_end(
        self, trainer: lightning.Trainer, pl_module: lightning.LightningModule, *_: object, **__: object
    ) -> None:
        if time.monotonic() - self._told > 60:
            self._told = time.monotonic()
            loss = float(trainer.callback_metrics["loss"])
            self._progress(f"{self._name}: step {trainer.global_step} of {self._steps}, loss {loss:.3f}")


def checkpoint(settings: SceneSettings, source: Source, fold: int | None, role: Role) -> Path:
    """Where a network is kept; the name changes with everything that makes it."""
    salt = f"{VERSION} {source.store.name} {SCENE.fingerprint} {FRAMES} {fold} {settings.network.level}"
    key = settings.key(salt, *(_TEACHER if role == "teacher" else _STUDENT))
    return Path(settings.cache) / "networks" / f"{role}-{'final' if fold is None else fold}-{key}.pt"


def _loaded(network: nn.Module, path: Path) -> nn.Module:
    network.load_state_dict(torch.load(path, weights_only=True))
    return network.eval()
