"""One network trained, or taken from the cache when the same one was trained before."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import lightning
import numpy as np
import torch
from torch.utils.data import DataLoader

from monitor.errors import UsageError
from training.data.splits import Part
from training.loop import MinuteLines, quiet
from training.nets.pann import networks
from training.nets.pann_checkpoint import load_cnn14_classifier
from training.species.metrics import mean_average_precision, unweighted_average_recall
from training.species.render import SpeciesBatches, asked
from training.systems.species import SpeciesSystem, probabilities_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray
    from torch import nn

    from training.nets.pann import PannNetwork
    from training.species.recipe import SpeciesSettings
    from training.species.source import Source
    from training.systems.species import Outcome

VERSION = 1
"""Raised when the same settings give another network; cached ones are then trained again."""
BATCH = 16
"""Windows that are asked about at once."""
JUDGED = 2
"""Windows of a validation clip that choose the checkpoint."""

_SECTIONS = ("seed", "rate", "sound", "picture", "network", "average", "optimiser")


def fit(settings: SpeciesSettings, source: Source, progress: Callable[[str], None]) -> tuple[PannNetwork, str]:
    """The network of the settings, in evaluation mode, and which of the weights met it has.

    Raises UsageError when the settings need a reject class and the recordings have none.
    """
    check_reject(settings, source)
    path = checkpoint(settings, source)
    network = untrained(settings, source)
    if path.is_file():
        network.load_state_dict(torch.load(path, weights_only=True))
        return network.eval(), str(json.loads(path.with_suffix(".json").read_text())["kept"])
    return train(settings, source, network, path, settings.optimiser.steps, progress)


def train(
    settings: SpeciesSettings,
    source: Source,
    network: PannNetwork,
    path: Path,
    steps: int,
    progress: Callable[[str], None],
) -> tuple[PannNetwork, str]:
    """`network` trained for so many steps and kept at `path`; in evaluation mode, and which weights it has."""
    torch.set_num_threads(settings.threads)
    lightning.seed_everything(settings.seed, verbose=False)
    judge = _judge(settings, source) if settings.optimiser.select == "validation" else None
    network = network.to(memory_format=torch.channels_last)  # a fifth faster on processors
    system = SpeciesSystem(network, settings, settings.outcome, judge, steps)
    progress(f"{settings.network.kind}: {steps} steps of {settings.optimiser.batch} windows")
    # Of a fusion the branches are frozen on purpose.
    with quiet("in eval mode at the start of training"):
        trainer = lightning.Trainer(
            accelerator="auto",
            devices=1,
            max_steps=steps,
            precision="bf16-mixed" if settings.optimiser.precision == "bfloat16" else "32-true",
            logger=False,
            enable_checkpointing=False,
            enable_progress_bar=False,
            enable_model_summary=False,
            callbacks=[MinuteLines(settings.network.kind, steps, progress)],
        )
        trainer.fit(system, DataLoader(SpeciesBatches(source, settings, steps, settings.seed), batch_size=None))
    weights, note = system.kept
    network = network.cpu().to(memory_format=torch.contiguous_format)
    network.load_state_dict(weights)
    path.parent.mkdir(parents=True, exist_ok=True)
    scratch = path.with_suffix(".part")
    torch.save(weights, scratch)
    path.with_suffix(".json").write_text(json.dumps({"kept": note}))
    scratch.replace(path)
    progress(f"{settings.network.kind}: kept {note}")
    return network.eval(), note


def untrained(settings: SpeciesSettings, source: Source) -> PannNetwork:
    """The network of the settings, its weights drawn from the seed or, where there is a checkpoint, taken from it."""
    torch.manual_seed(settings.seed)
    if settings.network.checkpoint:
        return load_cnn14_classifier(Path(settings.network.checkpoint).expanduser(), len(source.labels))
    return networks()[settings.network.kind](len(source.labels))


def check_reject(settings: SpeciesSettings, source: Source) -> None:
    """Raises UsageError when the settings need a reject class and the recordings have none."""
    if settings.network.hierarchical and source.reject is None:
        why = f"there is no class `{settings.recordings.reject}` to tell from animals"
        raise UsageError("network.hierarchical", why, "Add background recordings, or set it to false.")


def predict(network: nn.Module, features: NDArray[np.float32], outcome: Outcome) -> NDArray[np.float64]:
    """Probabilities `(n, classes)` of windows `(n, frames, bands)`."""
    device = next(network.parameters()).device
    parts: list[NDArray[np.float64]] = []
    with torch.inference_mode():
        for start in range(0, len(features), BATCH):
            batch = torch.from_numpy(features[start : start + BATCH]).to(device)
            parts.append(probabilities_of(network(batch), outcome).double().cpu().numpy())
    return np.concatenate(parts)


def mean_by_clip(values: NDArray[np.float64], places: NDArray[np.int64], clips: int) -> NDArray[np.float64]:
    """Rows `(windows, ...)` -> means over the windows of each clip `(clips, ...)`; every clip has a window."""
    sums = np.zeros((clips, values.shape[1]))
    np.add.at(sums, places, values)
    return sums / np.bincount(places, minlength=clips)[:, None]


def checkpoint(settings: SpeciesSettings, source: Source, kind: str = "network") -> Path:
    """Where a network is kept; the name changes with everything that makes it."""
    sections = _SECTIONS if kind == "network" else (*_SECTIONS, "embedded")
    key = settings.key(f"{VERSION} {source.name}", *sections)
    return Path(settings.cache) / "networks" / f"{kind}-{key}.pt"


def _judge(settings: SpeciesSettings, source: Source) -> Callable[[nn.Module], float] | None:
    """UAR of validation clips, and a little of their mAP, which is finer; None where there are none."""
    clips = source.of(Part.VALIDATION)
    if not clips:
        return None
    features, places = asked(source, settings.sound, clips, Part.VALIDATION, settings.seed, JUDGED)
    labels = np.array([clip.label for clip in clips])

    def judge(network: nn.Module) -> float:
        found = mean_by_clip(predict(network, features, settings.outcome), places, len(clips))
        recall = unweighted_average_recall(labels, found.argmax(axis=1), len(source.labels))
        return 0.9 * recall + 0.1 * mean_average_precision(labels, found)

    return judge
