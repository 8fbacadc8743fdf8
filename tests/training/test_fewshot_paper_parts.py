from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

pytest.importorskip("torch")
pytest.importorskip("lightning")

import torch

from monitor.errors import SettingsError
from training.augment import PAPER_SIZES
from training.config import load_recipe
from training.data.catalog import Kind, Recording
from training.data.mixtures import power
from training.data.splits import Part
from training.fewshot.insertion import chain, insert
from training.fewshot.paper_recipe import ORDER, Loss, Network, Optimiser, Row
from training.fewshot.paper_source import divide, prune
from training.fewshot.paper_store import LongClip
from training.fewshot.selection import chunks, proximate
from training.fewshot.views import Views, ViewsModule, order
from training.losses import barlow_twins, frossl, simclr, supcon
from training.systems.fewshot import FewShotSystem, WindowEncoder, augmentations, unit_range

CONFIGS = Path(__file__).parents[2] / "configs/training/fewshot"
FRAMES, BANDS = 40, 128


def windows(count: int, seed: int = 0) -> torch.Tensor:
    return -50.0 + 12.0 * torch.randn(count, FRAMES, BANDS, generator=torch.Generator().manual_seed(seed))


def clips(count: int, frames: int = 120) -> list[LongClip]:
    """Every cell of clip i is i, but for its frame number in band 0."""
    made: list[LongClip] = []
    for i in range(count):
        features = np.full((frames, 4), i, dtype=np.float16)
        features[:, 0] = np.arange(frames)
        made.append(LongClip(features, 30))
    return made


@given(st.integers(1, 60), st.integers(0, 200), st.integers(0, 90), st.integers(0, 50))
def test_proximate_windows_lie_inside_and_as_far_apart_as_there_is_room(
    frames: int, more: int, apart: int, seed: int
) -> None:
    first, second = proximate(frames + more, frames, apart, np.random.default_rng(seed))
    assert abs(first - second) == min(apart, more)
    assert min(first, second) >= 0
    assert max(first, second) + frames <= frames + more


@given(st.integers(1, 60), st.integers(0, 300))
def test_chunks_do_not_overlap_and_leave_less_than_one(frames: int, more: int) -> None:
    starts = chunks(frames + more, frames)
    assert starts[0] == 0
    assert all(b - a == frames for a, b in pairwise(starts))
    assert 0 <= frames + more - (starts[-1] + frames) < frames


@given(st.floats(-10, 30), st.integers(0, 1200), st.integers(0, 100))
def test_a_call_is_put_in_at_its_ratio_and_nothing_else_changes(snr_db: float, start: int, seed: int) -> None:
    generator = np.random.default_rng(seed)
    call = generator.standard_normal(300).astype(np.float32)
    background = generator.standard_normal(1200).astype(np.float32)
    sound = insert(call, background, snr_db, start, fade=20)
    inside = slice(start, start + 300)
    added = sound - background
    assert not added[:start].any()
    assert not added[start + 300 :].any()
    if start < 1200:
        assert 10 * np.log10(power(added[inside]) / power(background[inside])) == pytest.approx(snr_db, abs=0.05)


def test_a_call_in_silence_stays_as_it_is() -> None:
    call = np.ones(100, dtype=np.float32)
    sound = insert(call, np.zeros(400, dtype=np.float32), 10.0, 50, fade=10)
    assert np.array_equal(sound[60:140], call[10:90])


@given(st.lists(st.integers(50, 400), min_size=1, max_size=4), st.integers(1, 2000))
def test_a_chain_is_as_long_as_asked_and_even(lengths: list[int], length: int) -> None:
    generator = np.random.default_rng(length)
    levels = generator.uniform(0.01, 1.0, len(lengths))
    parts = [level * generator.standard_normal(n).astype(np.float32) for n, level in zip(lengths, levels, strict=True)]
    sound = chain(parts, length, fade=20)
    assert sound.shape == (length,)
    if length > 500:
        assert power(sound) == pytest.approx(1.0, abs=0.35)


def test_a_chain_needs_sound() -> None:
    with pytest.raises(ValueError, match="clip with sound"):
        chain([np.zeros(100, dtype=np.float32), np.ones(10, dtype=np.float32)], 50, fade=20)


def test_the_papers_pruning_drops_long_recordings_first_and_then_small_species() -> None:
    recordings = [Recording(f"{label}/{i}.wav", Kind.SPECIES, label, "", ()) for label in "abc" for i in range(3)]
    seconds = [10.0, 10, 181, 10, 10, 180, 10, 10, 10]
    kept, told = prune(recordings, seconds, 180.0, 3)
    assert sorted({one.label for one in kept}) == ["b", "c"]
    assert "1 recordings" in told[0]
    assert "1 species" in told[1]


def test_species_are_divided_as_the_paper_does() -> None:
    parts = divide([f"species {i}" for i in range(715)], (501, 72, 142))
    assert [list(parts.values()).count(part) for part in Part] == [501, 72, 142]
    assert divide(["b", "a", "a"], (1, 1, 1)) == divide(["a", "b"], (1, 1, 1))


def test_views_are_the_same_window_or_two_close_ones() -> None:
    generator = np.random.default_rng(0)
    rows = np.array([3, 1])
    for choice, apart in (("gate", 0), ("proximity", 25)):
        view = Views(clips(4), ["a", "b", "b", "c"], FRAMES, choice, 25)
        pair, labels = view(rows, generator)
        assert pair.shape == (2, 2, FRAMES, 4)
        assert labels.tolist() == [2, 1]
        assert pair[:, :, 0, 1].tolist() == [[3, 1], [3, 1]]
        assert (pair[0] - pair[1])[:, 0, 0].abs().tolist() == [apart, apart]
    chosen, _ = Views(clips(2), ["a", "b"], FRAMES, "gate", 9)(np.array([1]), generator)
    assert chosen[0, 0, 0, 0] == 30


@given(st.lists(st.integers(0, 4), min_size=1, max_size=40), st.integers(0, 50))
def test_an_epoch_without_partners_has_every_recording_once(labels: list[int], seed: int) -> None:
    rows = order(np.array(labels), 0.0, np.random.default_rng(seed))
    assert sorted(rows.tolist()) == list(range(len(labels)))


def test_partners_are_of_the_same_species_and_another_recording() -> None:
    labels = np.repeat(np.arange(10), 3)
    rows = order(labels, 1.0, np.random.default_rng(0))
    assert len(rows) == 30
    assert (labels[rows[0::2]] == labels[rows[1::2]]).all()
    assert (rows[0::2] != rows[1::2]).all()


def test_batches_are_full_and_depend_on_seed_and_epoch_alone() -> None:
    module = ViewsModule(Views(clips(10), list("aabbccddee"), FRAMES, "proximity", 25), 4, 0.5, 0)
    first, again, later = module.epoch(0), module.epoch(0), module.epoch(1)
    assert len(first) == 2
    assert all(torch.equal(first[k][0], again[k][0]) for k in (1, 0))
    assert not torch.equal(first[0][0], later[0][0])


@pytest.mark.parametrize(("pool", "network"), [(1, "mobilenet"), (2, "mobilenet"), (2, "conv-four")])
def test_a_windows_embedding_is_its_own_in_evaluation(pool: int, network: Network) -> None:
    encoder = WindowEncoder(pool, network)
    encoder.measure([windows(8)])
    encoder.settle([windows(8), windows(8, 1)])
    batch = windows(5, 2)
    with torch.inference_mode():
        together = encoder(batch)
        alone = torch.cat([encoder(batch[i : i + 1]) for i in range(5)])
        louder = encoder(batch + 7.0)
    assert together.shape == (5, 960)
    # Convolutions of one window and of five are summed in another order.
    torch.testing.assert_close(together, alone, rtol=1e-2, atol=1e-3)
    # Scaling each window by itself takes its level out.
    torch.testing.assert_close(together, louder, rtol=1e-2, atol=1e-3)


def test_windows_are_scaled_by_themselves_and_a_flat_one_is_zero() -> None:
    flat = torch.full((1, FRAMES, BANDS), -90.0)
    scaled = unit_range(torch.cat([windows(2), flat]))
    assert scaled[:2].amin(dim=(1, 2)).tolist() == [0.0, 0.0]
    assert scaled[:2].amax(dim=(1, 2)).tolist() == [1.0, 1.0]
    assert not scaled[2].any()


def test_settling_replaces_the_running_statistics() -> None:
    encoder = WindowEncoder()
    encoder.measure([windows(16)])
    encoder.settle([windows(16)])
    assert not encoder.training
    norm = encoder.network.features[0][1]
    convolved = encoder.network.features[0][0](((unit_range(windows(16)) - encoder.mean) / encoder.deviation)[:, None])
    torch.testing.assert_close(norm.running_mean, convolved.mean(dim=(0, 2, 3)), rtol=1e-3, atol=1e-4)
    assert norm.momentum == 0.01


def test_each_method_has_its_loss_in_either_reading() -> None:
    first, second = torch.randn(2, 6, 960, generator=torch.Generator().manual_seed(0))
    labels = torch.tensor([0, 0, 1, 1, 2, 3])
    both, classes = torch.cat([first, second]), labels.repeat(2)
    expected = {
        ("simclr", "paper"): simclr(first, second, 0.5),
        ("simclr", "released"): simclr(first, second, 0.5, "mean"),
        ("supcon", "paper"): supcon(both, classes, 0.5),
        ("supcon", "released"): supcon(both, classes, 0.5, "mean"),
        ("barlow_twins", "paper"): barlow_twins(first, second, 0.02),
        ("barlow_twins", "released"): barlow_twins(first, second, 0.02, "unbiased"),
        ("frossl", "paper"): frossl(first, second, 0.02),
        ("frossl", "released"): frossl(first, second, 0.02, "released"),
    }
    for (method, reading), value in expected.items():
        settings = Loss(reading=reading, temperature=0.5, weight=0.02)
        system = FewShotSystem(WindowEncoder(), method, [], settings, Optimiser(), 0)
        torch.testing.assert_close(system.loss(first, second, labels), value)


def test_views_are_augmented_in_the_order_of_the_paper_and_by_the_seed() -> None:
    row = Row(table="t", name="n", method="simclr", also=("white_noise", "resized_crop"), without=("mix",))
    assert row.steps == ("resized_crop", "shift", "white_noise", "spec_augment")
    assert len(augmentations(ORDER, PAPER_SIZES)) == len(ORDER)
    systems = [
        FewShotSystem(WindowEncoder(), "simclr", augmentations(row.steps, PAPER_SIZES), Loss(), Optimiser(), seed)
        for seed in (0, 0, 1)
    ]
    scaled = unit_range(windows(3))
    one, same, other = (system.augmented(scaled) for system in systems)
    assert torch.equal(one, same)
    assert not torch.equal(one, other)
    # One row of switches off leaves the window alone.
    plain = Row(table="t", name="n", method="simclr", without=("shift", "mix", "spec_augment"))
    assert plain.steps == ()


def test_rows_that_differ_in_testing_alone_share_a_training() -> None:
    rows = load_recipe(CONFIGS / "ablation.toml").rows
    by_name = {(row.table, row.name): row for row in rows}
    both = by_name["SupCon", "the gate's window in training and test"]
    assert both.training == by_name["SupCon", "the gate's window in training"].training
    assert both.training == by_name["Augmentation, SupCon", "time shift and spectrogram mixing"].training
    assert both.training != by_name["SupCon", "temporal proximity"].training
    assert both.training != by_name["SimCLR", "the gate's window in training and test"].training
    assert len({row.training for row in rows}) == 13


def test_the_papers_recipe_has_the_papers_numbers() -> None:
    recipe = load_recipe(CONFIGS / "paper.toml")
    assert (recipe.windows.frames, recipe.windows.proximity, recipe.windows.pool) == (251, 100, 1)
    assert recipe.loss == Loss(reading="paper", temperature=1.0, weight=0.01)
    optimiser = recipe.optimiser
    assert (optimiser.batch, optimiser.epochs, optimiser.steps) == (256, 100, 0)
    assert (optimiser.learning_rate, optimiser.weight_decay) == (1e-3, 1e-6)
    assert recipe.recordings.species == (501, 72, 142)
    assert (recipe.recordings.longest_s, recipe.recordings.least_recordings) == (180.0, 50)
    assert recipe.scoring.count == 10_000
    assert len({row.training for row in recipe.rows}) == 4 * 5 + 1


def test_two_rows_of_one_name_and_training_species_as_a_test_are_refused(tmp_path: Path) -> None:
    text = (CONFIGS / "ablation.toml").read_text()
    row = '\n[[rows]]\ntable = "SupCon"\nname = "temporal proximity"\nmethod = "simclr"\n'
    wrong = {"rows of one name: SupCon: temporal proximity": text + row}
    wrong["species that train"] = text.replace('parts = ["validation", "test"]', 'parts = ["train"]')
    for words, content in wrong.items():
        path = tmp_path / "recipe.toml"
        path.write_text(content)
        with pytest.raises(SettingsError, match=words):
            load_recipe(path)
