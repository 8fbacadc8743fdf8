from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
import torch

from training.anomaly import fit as fitting
from training.anomaly.batches import Batch, BatchSource, Entry, Pool
from training.anomaly.fit import Fit, answers, fit_extractor
from training.anomaly.material import FrameStore
from training.anomaly.recipe import Batches, Losses, Optimiser
from training.nets.asd import Extractor
from training.systems.anomaly import AnomalySystem

if TYPE_CHECKING:
    from pathlib import Path

STEPS = 6


@pytest.fixture
def frames() -> FrameStore:
    """Section 0 is loud low, section 1 is loud high, the others are flat."""
    generator = np.random.default_rng(0)
    values = generator.normal(-60.0, 3.0, (60, 130, 224)).astype(np.float16)
    values[:20, :, :60] += 15
    values[20:40, :, 150:] += 15
    places = {f"r{i}": (130 * i, 130) for i in range(60)}
    return FrameStore(values.reshape(-1, 224), places, "test")


def fit_of(folder: Path, steps: int = STEPS, domain: bool = False) -> Fit:
    pool = Pool(
        source=tuple(Entry(f"r{i}", i // 20) for i in range(36)),
        target=tuple(Entry(f"r{i}", 1) for i in range(36, 40)),
        negative=tuple(Entry(f"r{i}", -1) for i in range(40, 60)),
        sections=2,
    )
    batches = Batches(positive=8, negative=8, domain=domain)
    optimiser = Optimiser(steps=steps, learning_rate=2e-3)
    return Fit(pool, "small", batches, Losses(), optimiser, 0, folder / "extractor.pt")


def test_an_extractor_learns_sections_and_what_is_no_machine(tmp_path: Path, frames: FrameStore) -> None:
    extractor = fit_extractor(fit_of(tmp_path, 40), frames, lambda _: None)
    windows = np.stack([frames[f"r{i}"][:126] for i in (0, 5, 25, 30, 45, 55)]).astype(np.float32)
    said = answers(extractor, windows)
    assert said.embedding.shape == (6, 128)
    assert said.section[:4].argmax(axis=1).tolist() == [0, 0, 1, 1]
    assert said.machine[:4].min() > said.machine[4:].max()
    alone = answers(extractor, windows[2:3])
    np.testing.assert_allclose(alone.section[0], said.section[2], atol=1e-4)


def test_a_finished_training_is_not_repeated(tmp_path: Path, frames: FrameStore) -> None:
    first = fit_extractor(fit_of(tmp_path), frames, lambda _: None)
    written = (tmp_path / "extractor.pt").stat().st_mtime_ns
    second = fit_extractor(fit_of(tmp_path), frames, lambda _: None)
    assert (tmp_path / "extractor.pt").stat().st_mtime_ns == written
    for one, other in zip(first.state_dict().values(), second.state_dict().values(), strict=True):
        torch.testing.assert_close(one, other)


def test_an_interrupted_training_goes_on(tmp_path: Path, frames: FrameStore, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fitting, "SAVED_EVERY", 2)
    draw, drawn = BatchSource.__getitem__, []

    def breaks(self: BatchSource, item: int) -> Batch:
        if item == 5:
            raise OSError("the disk is gone")
        return draw(self, item)

    monkeypatch.setattr(BatchSource, "__getitem__", breaks)
    with pytest.raises(OSError, match="disk"):
        fit_extractor(fit_of(tmp_path), frames, lambda _: None)
    assert not (tmp_path / "extractor.pt").exists()

    def counts(self: BatchSource, item: int) -> Batch:
        drawn.append(item + self._first)
        return draw(self, item)

    monkeypatch.setattr(BatchSource, "__getitem__", counts)
    fit_extractor(fit_of(tmp_path), frames, lambda _: None)
    assert drawn[:2] == [4, 5]
    assert (tmp_path / "extractor.pt").exists()
    assert not (tmp_path / "extractor.ckpt").exists()


def test_the_domain_loss_counts_with_domain_batches_only(frames: FrameStore, tmp_path: Path) -> None:
    fit = fit_of(tmp_path, domain=True)
    batch = BatchSource(fit.pool, frames, fit.batches, STEPS, 0)[0]
    torch.manual_seed(0)
    extractor = Extractor("small", 2)
    for domain in (True, False):
        extractor.zero_grad()
        system = AnomalySystem(extractor, Losses(), fit.optimiser, STEPS, domain)
        system.loss(batch, STEPS).backward()
        grad = extractor.domain_head.weight.grad
        assert (grad is not None and bool(grad.any())) == domain


def test_epochs_draw_as_many_windows_as_there_are_source_clips(tmp_path: Path) -> None:
    fit = fit_of(tmp_path, steps=0)
    assert fit.steps == -(-200 * 36 // 8)
