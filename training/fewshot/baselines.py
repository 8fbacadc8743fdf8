"""Encoders to compare with: statistics of the features, a network that learnt nothing, and other people's models."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import torch

from monitor.audio.rates import repeated
from monitor.features.frontend import Kernel
from training.fewshot.embeddings import BATCH, Choice, windows_of_clip
from training.nets.mobilenet import MobileNetEncoder
from training.nets.pann_checkpoint import CNN14_SPEC, load_cnn14

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from numpy.typing import NDArray

    from monitor.features.spec import FeatureSpec
    from training.fewshot.clips import ClipSet
    from training.fewshot.embeddings import Encoder

LEAST_DEVIATION = 1e-6
CNN14_SECONDS = 5
"""Of its window: the few-shot paper's."""


def log_mel_statistics(windows: NDArray[np.floating]) -> NDArray[np.float64]:
    """DB `(n, frames, bands)` -> `(n, 2 * bands)`: mean of each band over the window, then its deviation."""
    values = windows.astype(np.float64)
    return np.concatenate([values.mean(axis=1), values.std(axis=1)], axis=1)


def standardised(encoder: Encoder, base: NDArray[np.floating]) -> Encoder:
    """The encoder, each dimension scaled to mean 0 and deviation 1 over its embeddings of base species `(m, d)`."""
    mean = base.mean(axis=0, dtype=np.float64)
    deviation = np.maximum(base.std(axis=0, dtype=np.float64), LEAST_DEVIATION)
    return lambda windows: (np.asarray(encoder(windows)) - mean) / deviation


def followed_by(encoder: Encoder, transform: Callable[[NDArray[np.floating]], NDArray[np.floating]]) -> Encoder:
    """The encoder with a transform of its embeddings `(n, d)` -> `(n, e)` behind it, such as whitening."""
    return lambda windows: transform(np.asarray(encoder(windows)))


def random_mobilenet(seed: int, base: NDArray[np.floating]) -> Encoder:
    """MobileNetV3-Large as it is initialised, but for batch statistics, which are those of base windows.

    `base` `(m, frames, bands)` in dB, m 2 or more: without them the signal would fade from layer to layer.
    """
    # A generator of its own cannot be handed to torchvision; the global one is left as it was.
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        network = MobileNetEncoder()
    for layer in network.modules():
        if isinstance(layer, torch.nn.BatchNorm2d):
            layer.reset_running_stats()
            layer.momentum = None  # the plain mean over all batches
    network.train()
    with torch.no_grad():
        for some in np.array_split(base, max(1, len(base) // BATCH)):
            network(_scaled(some))
    network.eval()

    def encode(windows: NDArray[np.float32]) -> NDArray[np.float32]:
        with torch.no_grad():
            return network(_scaled(windows)).numpy()

    return encode


def _scaled(windows: NDArray[np.floating]) -> torch.Tensor:
    """Each window by itself to mean 0 and deviation 1."""
    values = windows.astype(np.float32)
    mean = values.mean(axis=(1, 2), keepdims=True)
    return torch.from_numpy((values - mean) / np.maximum(values.std(axis=(1, 2), keepdims=True), LEAST_DEVIATION))


@dataclass(frozen=True, slots=True)
class ImportedModel:
    """A published model that embeds sound."""

    name: str
    rate: int
    """Samples a second."""
    samples: int
    """Of a window, at `rate`."""
    embed: Callable[[NDArray[np.float32]], NDArray[np.floating]]
    """Windows float32 `(n, samples)` -> `(n, d)`."""


def imported_embeddings(
    model: ImportedModel,
    clips: ClipSet,
    spec: FeatureSpec,
    waveforms: Mapping[str, NDArray[np.float32]],
    choice: Choice = Choice.BEST,
) -> NDArray[np.float64]:
    """`(clips, d)`: the windows that our own encoder would take, in the model's rate and length, averaged.

    `waveforms` gives the sound `(n,)` of each recording's path at the model's rate; a shorter clip is repeated. `spec`
    is that of the clips' features.
    """
    rows: list[NDArray[np.float64]] = []
    for clip in clips.clips:
        sound = repeated(np.asarray(waveforms[clip.recording.path], dtype=np.float32), model.samples)
        last = len(sound) - model.samples
        centres = [
            start * spec.hop + spec.samples_in(clips.frames) // 2 for start in windows_of_clip(clip, clips, choice)
        ]
        starts = [round(centre * model.rate / spec.rate) - model.samples // 2 for centre in centres]
        windows = np.stack([sound[start : start + model.samples] for start in np.clip(starts, 0, last)])
        rows.append(np.asarray(model.embed(windows), dtype=np.float64).mean(axis=0))
    return np.stack(rows)


def cnn14(checkpoint: Path) -> ImportedModel:
    """The CNN14 of PANNs on five seconds, from the user's checkpoint. Raises UsageError when it cannot be read."""
    network, kernel = load_cnn14(checkpoint), Kernel(CNN14_SPEC)

    def embed(windows: NDArray[np.float32]) -> NDArray[np.floating]:
        with torch.no_grad():
            rows = [network.embed(torch.from_numpy(kernel(window)[None])).numpy() for window in windows]
        return np.concatenate(rows)

    return ImportedModel("CNN14", CNN14_SPEC.rate, CNN14_SECONDS * CNN14_SPEC.rate, embed)
