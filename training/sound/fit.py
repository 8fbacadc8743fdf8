"""One classifier of sound classes, trained or taken from the cache."""

from __future__ import annotations

import logging
import warnings
from pathlib import Path
from typing import TYPE_CHECKING

import lightning
import numpy as np
import torch
from torch.utils.data import BatchSampler, DataLoader, RandomSampler, TensorDataset

from monitor.errors import UsageError
from training.nets.sound_class import LargeClassifier, SmallClassifier, WideClassifier
from training.sound.render import digest
from training.systems.personal import SoundClassSystem

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray
    from torch import nn

    from training.sound.recipe import SoundRecipe
    from training.sound.render import Examples

INFERENCE_BATCH = 256


def fit(recipe: SoundRecipe, examples: Examples, without: int | None, progress: Callable[[str], None]) -> nn.Module:
    """The network, in evaluation mode, that never heard fold `without`; None for one that heard all."""
    key = recipe.key(f"{digest(examples)} {without}", "seed", "classifier", "weights", "side", "optimiser")
    path = Path(recipe.cache) / f"network-{key}.pt"
    network = _network(recipe)
    if not path.is_file():
        heard = np.ones(len(examples.labels), dtype=bool) if without is None else examples.folds != without
        train(recipe, network, examples.vectors[heard], examples.labels[heard])
        scratch = path.with_suffix(".part")
        torch.save(network.state_dict(), scratch)
        scratch.replace(path)
        progress(f"trained on {int(heard.sum())} examples" + ("" if without is None else f", without fold {without}"))
    network.load_state_dict(torch.load(path, weights_only=True))
    return network.eval()


def train(recipe: SoundRecipe, network: nn.Module, vectors: NDArray[np.float32], labels: NDArray[np.int64]) -> None:
    """Train a network in place on vectors `(n, 5, 9)` and labels `(n,)`."""
    settings = recipe.optimiser
    torch.manual_seed(recipe.seed)
    torch.set_num_threads(recipe.threads)
    data = TensorDataset(torch.from_numpy(vectors), torch.from_numpy(labels))
    batch = min(settings.batch, len(labels))
    order = RandomSampler(range(len(labels)), generator=torch.Generator().manual_seed(recipe.seed))
    loader = DataLoader(data, sampler=BatchSampler(order, batch, drop_last=True), batch_size=None)
    system = SoundClassSystem(network.train(), settings, settings.epochs * len(loader), recipe.seed)
    logging.getLogger("lightning.pytorch").setLevel(logging.ERROR)
    with warnings.catch_warnings():
        # Advice on loader workers and logging steps, which these few vectors do not need.
        warnings.simplefilter("ignore")
        trainer = lightning.Trainer(
            max_epochs=settings.epochs,
            accelerator="auto" if recipe.classifier == "large" else "cpu",
            devices=1,
            logger=False,
            enable_checkpointing=False,
            enable_progress_bar=False,
            enable_model_summary=False,
        )
        trainer.fit(system, loader)
    network.cpu()


def probabilities(network: nn.Module, vectors: NDArray[np.float32]) -> NDArray[np.float32]:
    """`(n, 5, 9)` -> `(n, 4)`."""
    parts: list[NDArray[np.float32]] = []
    with torch.inference_mode():
        for start in range(0, len(vectors), INFERENCE_BATCH):
            logits = network.eval()(torch.from_numpy(vectors[start : start + INFERENCE_BATCH]))
            parts.append(torch.softmax(logits, dim=1).numpy())
    return np.concatenate(parts)


def _network(recipe: SoundRecipe) -> nn.Module:
    """Fresh. Raises UsageError when the weights that it shall begin with cannot be read."""
    torch.manual_seed(recipe.seed)
    if recipe.classifier == "small":
        return SmallClassifier(recipe.optimiser.dropout)
    if recipe.classifier == "wide":
        return WideClassifier()
    if not recipe.weights:
        return LargeClassifier(side=recipe.side)
    try:
        weights = torch.load(Path(recipe.weights).expanduser(), weights_only=True, map_location="cpu")
        return LargeClassifier(weights, recipe.side)
    except (OSError, RuntimeError, ValueError, EOFError) as error:
        remedy = "Give the state_dict of torchvision's MobileNetV2, saved as weights only"
        raise UsageError(recipe.weights, f"cannot be read as weights: {error}", remedy) from error
