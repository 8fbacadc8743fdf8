"""The official baselines trained and asked, on the same clips and under the same protocol as everything else."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import torch

from monitor.features.frontend import Kernel
from monitor.features.spec import FeatureSpec
from training.anomaly.material import circular
from training.nets.anomaly_baselines import AutoEncoder, SectionNet, images_of, vectors_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from monitor.core.types import Float32Array
    from training.data.layouts.dcase2022 import MachineClip

BASELINE = FeatureSpec("baseline", 16_000, 1024, 1024, 512, 128, "slaney", 0.0, 8_000.0)
"""The baselines' front-end by our kernel: causal frames (311 of 10 s, not 313 centred ones), dB to full scale."""

AUTOENCODER_BATCH = 512
AUTOENCODER_RATE = 1e-3
SECTION_BATCH = 32
SECTION_RATE = 1e-5
TRAINING_HOP = 8
"""Frames between the windows that MobileNetV2 is trained on."""
INFERENCE_BATCH = 256
SHORTEST = BASELINE.samples_in(64)


def baseline_frames(wave: Float32Array) -> Float32Array:
    """`(t, 128)` dB of a clip at 16 kHz; short clips are repeated."""
    return Kernel(BASELINE)(circular(wave, SHORTEST))


def autoencoder_scores(
    train: Sequence[Float32Array], test: Sequence[Float32Array], epochs: int, seed: int
) -> NDArray[np.float64]:
    """One autoencoder for one machine's training clips; the mean squared error `(m,)` of each test clip.

    Clips are frames `(t, 128)`. Adam at 1e-3, batches of 512 vectors.
    """
    generator = torch.Generator().manual_seed(seed)
    torch.manual_seed(seed)
    net = AutoEncoder()
    vectors = torch.from_numpy(np.concatenate([vectors_of(frames) for frames in train]))
    optimiser = torch.optim.Adam(net.parameters(), lr=AUTOENCODER_RATE)
    for _ in range(epochs):
        net.train()
        for rows in torch.randperm(len(vectors), generator=generator).split(AUTOENCODER_BATCH):
            if len(rows) < 2:
                continue  # batch normalisation needs two
            batch = vectors[rows]
            loss = (net(batch) - batch).square().mean()
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
    net.eval()
    with torch.inference_mode():
        return np.array([float(net.score(torch.from_numpy(vectors_of(frames))).mean()) for frames in test])


def section_scores(
    train: Sequence[Float32Array],
    sections: Sequence[int],
    test: Sequence[Float32Array],
    test_sections: Sequence[int],
    epochs: int,
    seed: int,
    hop: int = 1,
) -> NDArray[np.float64]:
    """One MobileNetV2 that tells the training clips' classes apart; mean over windows `(m,)` of each test clip.

    Adam at 1e-5, batches of 32 windows; asked every `hop` frames. A machine of one section needs another class beside
    it, or nothing is told apart: `sections` may then hold clips of other machines.
    """
    torch.manual_seed(seed)
    generator = torch.Generator().manual_seed(seed)
    net = SectionNet(max(sections) + 1)
    images = [images_of(frames, TRAINING_HOP) for frames in train]
    windows = torch.from_numpy(np.concatenate(images))
    labels = torch.from_numpy(np.repeat(np.array(sections, dtype=np.int64), [len(some) for some in images]))
    optimiser = torch.optim.Adam(net.parameters(), lr=SECTION_RATE)
    for _ in range(epochs):
        net.train()
        for rows in torch.randperm(len(windows), generator=generator).split(SECTION_BATCH):
            if len(rows) < 2:
                continue
            loss = torch.nn.functional.cross_entropy(net(windows[rows]), labels[rows])
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
    net.eval()
    scores: list[float] = []
    with torch.inference_mode():
        for frames, section in zip(test, test_sections, strict=True):
            parts = torch.from_numpy(images_of(frames, hop)).split(INFERENCE_BATCH)
            scores.append(float(torch.cat([net.score(part, section) for part in parts]).mean()))
    return np.array(scores)


def classes_of(machine: str, clips: Sequence[MachineClip]) -> dict[tuple[str, int], int]:
    """Classes that MobileNetV2 tells apart for a machine: its sections, and where it has one, the other machines'."""
    own = sorted({(clip.machine, clip.section) for clip in clips if clip.machine == machine})
    if len(own) == 1:
        own += sorted({(clip.machine, clip.section) for clip in clips if clip.machine != machine})
    return {pair: i for i, pair in enumerate(own)}
