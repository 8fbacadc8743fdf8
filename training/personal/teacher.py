"""C2 of the experiments: it labels what is drawn, and never leaves the back-end."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import TYPE_CHECKING

import torch

from monitor.errors import UsageError
from training.config import BundleSettings
from training.nets.sound_class import LargeClassifier, WideClassifier
from training.nets.together import Together
from training.sound.fit import train
from training.sound.recipe import SoundOptimiser, SoundRecipe

if TYPE_CHECKING:
    from collections.abc import Callable

    from torch import nn

    from training.personal.recipe import PersonalRecipe
    from training.personal.render import Decisions


def load_teacher(recipe: PersonalRecipe, heard: Decisions, progress: Callable[[str], None]) -> nn.Module:
    """C2 trained on these decisions, or taken from the cache; in evaluation mode.

    Raises UsageError when the weights that it shall begin with cannot be read.
    """
    digest = hashlib.sha256(heard.vectors.tobytes()).hexdigest()
    path = Path(recipe.cache) / f"teacher-{recipe.key(digest, 'seed', 'teacher')}.pt"
    networks = _networks(recipe)
    together = Together(networks)
    if not path.is_file():
        for place, network in enumerate(networks):
            train(_trainer(recipe, place), network, heard.vectors, heard.labels)
        path.parent.mkdir(parents=True, exist_ok=True)
        torch.save(together.state_dict(), path.with_suffix(".part"))
        path.with_suffix(".part").replace(path)
        progress(f"trained C2 on {len(heard.labels)} decisions")
    together.load_state_dict(torch.load(path, weights_only=True))
    return together.eval()


def _networks(recipe: PersonalRecipe) -> list[nn.Module]:
    settings = recipe.teacher
    torch.manual_seed(recipe.seed)
    if settings.kind == "wide":
        return [WideClassifier(settings.width) for _ in range(settings.copies)]
    network = LargeClassifier(side=settings.side)
    if settings.weights:
        try:
            network.body.load_state_dict(torch.load(Path(settings.weights).expanduser(), weights_only=True))
        except (OSError, RuntimeError, ValueError, EOFError) as error:
            remedy = "Give the state_dict of torchvision's MobileNetV2, saved as weights only"
            raise UsageError(settings.weights, f"cannot be read as weights: {error}", remedy) from error
    return [network]


def _trainer(recipe: PersonalRecipe, place: int) -> SoundRecipe:
    settings = recipe.teacher
    return SoundRecipe(
        system="sound",
        cache=recipe.cache,
        seed=recipe.seed + place,
        threads=recipe.threads,
        classifier="large",
        bundle=BundleSettings(name="teacher", version="1.0.0", summary="C2"),
        optimiser=SoundOptimiser(
            epochs=settings.epochs,
            batch=settings.batch,
            learning_rate=settings.learning_rate,
            last=settings.last,
            weight_decay=settings.weight_decay,
            mixup=settings.mixup,
            gain_db=settings.gain_db,
        ),
    )
