from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from training.augment import (
    PAPER_SIZES,
    RELEASED_SIZES,
    MaskSizes,
    blend,
    compression,
    frequency_shift,
    mask,
    mixup,
    resized_crop,
    rotate,
    spec_augment,
    spectrogram_mix,
    time_shift,
    white_noise,
)

GOLDEN = json.loads((Path(__file__).parents[1] / "golden" / "losses.json").read_text(encoding="utf-8"))


def seeded(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def windows(batch: int = 4, frames: int = 147, bands: int = 128) -> Tensor:
    return torch.randn(batch, frames, bands, generator=seeded(9))


def runs(hidden: list[bool]) -> list[int]:
    """Lengths of the stretches of true."""
    text = "".join("x" if cell else " " for cell in hidden)
    return [len(run) for run in text.split()]


def test_rotation_gives_the_reference_values() -> None:
    entry = GOLDEN["circular_time_shift"]
    window = torch.tensor(entry["inputs"]["x"], dtype=torch.float64).T[None]  # (1, frames, bands)
    turned = rotate(window, torch.tensor([entry["params"]["shift"]]))
    assert torch.equal(turned[0].T, torch.tensor(entry["expected"]["y"], dtype=torch.float64))


def test_blend_gives_the_reference_values() -> None:
    entry = GOLDEN["spectrogram_mix"]
    batch = torch.tensor(entry["inputs"]["x"], dtype=torch.float64).transpose(1, 2)
    mixed = blend(batch, torch.tensor(entry["inputs"]["perm"]), torch.full((3,), entry["params"]["alpha"]).double())
    expected = torch.tensor(entry["expected"]["y"], dtype=torch.float64).transpose(1, 2)
    torch.testing.assert_close(mixed, expected, rtol=0, atol=1e-9)


@given(st.integers(1, 5), st.integers(1, 40), st.integers(0, 1000))
def test_a_shift_is_undone_by_its_opposite(batch: int, frames: int, seed: int) -> None:
    features = windows(batch, frames, 3)
    shifts = torch.randint(0, frames, (batch,), generator=seeded(seed))
    assert torch.equal(rotate(rotate(features, shifts), -shifts), features)
    # The same seed draws the same shifts.
    assert torch.equal(time_shift(features, seeded(seed)), rotate(features, shifts))


def test_each_window_has_its_own_shift() -> None:
    features = windows(1, 100, 4).expand(16, -1, -1)
    shifted = time_shift(features, seeded())
    assert len({tuple(window[:, 0].tolist()) for window in shifted}) > 8


@given(st.integers(1, 6), st.integers(0, 1000))
def test_a_mix_keeps_most_of_the_window_and_the_sum_of_the_batch(batch: int, seed: int) -> None:
    # Window i is i everywhere but in its own cell, which tells how much of it is left.
    features = torch.eye(batch)[:, None, :].expand(-1, 2, -1)
    mixed = spectrogram_mix(features, seeded(seed))
    kept = mixed.diagonal(dim1=0, dim2=2)
    assert (kept >= 0.6 - 1e-6).all()
    assert (kept <= 1.0 + 1e-6).all()
    torch.testing.assert_close(mixed.sum(dim=0), features.sum(dim=0))


def test_one_share_serves_the_whole_batch_of_a_mix() -> None:
    kept = spectrogram_mix(torch.eye(64)[:, None, :], seeded(1)).diagonal(dim1=0, dim2=2)
    # A window that met itself is whole; all others share one number.
    assert len({round(value, 5) for value in kept.flatten().tolist() if value < 1.0 - 1e-5}) == 1


@pytest.mark.parametrize("stretches", [1, 3])
@pytest.mark.parametrize(("widest_bands", "widest_frames"), [PAPER_SIZES, RELEASED_SIZES])
def test_masks_stay_within_their_sizes_and_hold_the_mean(widest_bands: int, widest_frames: int, stretches: int) -> None:
    features = windows(32)
    masked = mask(features, widest_bands, widest_frames, seeded(2), stretches)
    hidden = masked != features
    for window, cells, original in zip(masked, hidden, features, strict=True):
        bands, frames = cells.all(dim=0), cells.all(dim=1)
        # Nothing but whole bands and whole frames is hidden.
        assert torch.equal(cells, bands[None, :] | frames[:, None])
        for line, widest in ((bands, widest_bands), (frames, widest_frames)):
            assert len(runs(line.tolist())) <= stretches
            assert int(line.sum()) <= stretches * widest
        torch.testing.assert_close(window[cells], original.mean().expand(int(cells.sum())))


def test_several_stretches_hide_more_than_one() -> None:
    features = windows(64)
    one, three = (int((mask(features, 10, 10, seeded(), n) != features).sum()) for n in (1, 3))
    assert three > 2 * one


def test_the_two_readings_of_the_sizes_are_swapped() -> None:
    assert MaskSizes(bands=30, frames=10) == PAPER_SIZES
    assert MaskSizes(bands=10, frames=30) == RELEASED_SIZES
    hidden = {
        sizes: spec_augment(windows(64), sizes, seeded()) != windows(64) for sizes in (PAPER_SIZES, RELEASED_SIZES)
    }
    bands = {sizes: int(cells.all(dim=1).sum()) for sizes, cells in hidden.items()}
    frames = {sizes: int(cells.all(dim=2).sum()) for sizes, cells in hidden.items()}
    assert bands[PAPER_SIZES] > 2 * bands[RELEASED_SIZES]
    assert frames[RELEASED_SIZES] > 2 * frames[PAPER_SIZES]


def test_augmentations_leave_their_input_alone_and_repeat_with_their_seed() -> None:
    features = windows()
    untouched = features.clone()
    for augment in (
        time_shift,
        spectrogram_mix,
        lambda x, generator: spec_augment(x, PAPER_SIZES, generator),
        lambda x, generator: mask(x, 12, 6, generator),
        lambda x, generator: mixup(x, torch.ones(len(x)), 0.3, generator)[0],
        frequency_shift,
        white_noise,
        compression,
        resized_crop,
    ):
        once, again = augment(features, seeded(5)), augment(features, seeded(5))
        assert torch.equal(once, again)
        assert not torch.equal(once, features)
        assert once.dtype == features.dtype
        assert torch.equal(features, untouched)


def test_mixup_mixes_labels_as_it_mixes_windows() -> None:
    labels = torch.tensor([0.0, 1.0, 1.0, 0.0, 1.0])
    features = labels[:, None, None].expand(-1, 3, 2)
    mixed, targets = mixup(features, labels, 0.4, seeded(3))
    torch.testing.assert_close(mixed, targets[:, None, None].expand(-1, 3, 2))
    assert ((targets - labels).abs() <= 0.5).all()


@given(st.integers(1, 5), st.integers(0, 12), st.integers(0, 1000))
def test_a_frequency_shift_moves_whole_windows_by_a_few_bands(batch: int, widest: int, seed: int) -> None:
    features = torch.arange(64.0).expand(batch, 3, -1)
    shifted = frequency_shift(features, seeded(seed), widest)
    for window in shifted:
        # The middle of every frame tells by how much; the edges repeat.
        shift = 32 - int(window[0, 32])
        assert abs(shift) <= widest
        assert torch.equal(window, (torch.arange(64.0) - shift).clamp(0, 63).expand(3, -1))


def test_white_noise_has_its_own_deviation_in_every_window() -> None:
    added = white_noise(windows(200), seeded(), most=0.2) - windows(200)
    deviations = added.std(dim=(1, 2))
    assert added.mean().abs() < 1e-3
    assert float(deviations.max()) <= 0.21
    assert 0.08 < float(deviations.mean()) < 0.12
    assert float(deviations.min()) < 0.02


@given(st.integers(0, 1000))
def test_compression_keeps_the_order_and_the_quiet_half(seed: int) -> None:
    features = windows(3)
    pressed = compression(features, seeded(seed))
    assert (pressed <= features + 1e-6).all()
    quiet = features <= features.mean(dim=(1, 2), keepdim=True)
    assert torch.equal(pressed[quiet], features[quiet])
    for window, original in zip(pressed.flatten(1), features.flatten(1), strict=True):
        assert (window[original.argsort()].diff() >= -1e-5).all()


@given(st.integers(1, 4), st.integers(2, 60), st.integers(2, 60), st.integers(0, 1000))
def test_a_resized_crop_shows_a_part_of_the_window(batch: int, frames: int, bands: int, seed: int) -> None:
    # Each cell is the sum of its frame and its band in 0..1, so what is shown tells where it was.
    time, band = torch.linspace(0, 1, frames), torch.linspace(0, 1, bands)
    features = (time[:, None] + band[None, :]).expand(batch, -1, -1)
    cropped = resized_crop(features, seeded(seed), least=0.5)
    assert cropped.shape == features.shape
    assert (cropped.diff(dim=1) >= -1e-4).all()
    assert (cropped.diff(dim=2) >= -1e-4).all()
    assert float(cropped.min()) >= -1e-4
    assert float(cropped.max()) <= 2.0 + 1e-4


def test_a_crop_of_everything_is_the_window() -> None:
    torch.testing.assert_close(resized_crop(windows(), seeded(), least=1.0), windows(), rtol=0, atol=1e-4)
