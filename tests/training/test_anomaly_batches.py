from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch

from training.anomaly.alterations import KINDS, alter
from training.anomaly.batches import Batch, BatchSource, Entry, Pool, mixed, mixed_with
from training.anomaly.material import FrameStore
from training.anomaly.recipe import Batches

GOLDEN = json.loads((Path(__file__).parents[1] / "golden" / "anomaly.json").read_text(encoding="utf-8"))
PLAIN = Batches(positive=8, negative=8, mixup=False)


def store_of(paths: list[str]) -> FrameStore:
    """Each recording holds its own number, 60 dB below a full-scale sine and so on down."""
    values = np.concatenate([np.full((130 + i, 224), -60.0 - i, np.float16) for i in range(len(paths))])
    starts = np.cumsum([0, *(130 + i for i in range(len(paths)))])
    return FrameStore(values, {path: (int(starts[i]), 130 + i) for i, path in enumerate(paths)}, "test")


@pytest.fixture
def pool() -> Pool:
    return Pool(
        source=tuple(Entry(f"s{i}", i % 2) for i in range(30)),
        target=(Entry("t0", 0),),
        negative=tuple(Entry(f"n{i}", -1) for i in range(10)),
        sections=2,
    )


def source_of(pool: Pool, settings: Batches, steps: int = 50, seed: int = 0, first: int = 0) -> BatchSource:
    paths = [entry.path for entry in (*pool.source, *pool.target, *pool.negative)]
    return BatchSource(pool, store_of(paths), settings, steps, seed, first)


def test_batches_are_one_to_one_and_hold_a_target_sample(pool: Pool) -> None:
    source = source_of(pool, PLAIN)
    for batch in (source[i] for i in range(20)):
        assert batch.features.shape == (16, 126, 224)
        assert batch.machine.tolist() == [1.0] * 8 + [0.0] * 8
        assert batch.domain.sum() >= 1
        assert batch.sectioned.tolist() == batch.machine.tolist()
        assert batch.section[:8].sum(dim=1).tolist() == [1.0] * 8
        assert not batch.section[8:].any()


def test_without_the_rule_most_batches_lack_target(pool: Pool) -> None:
    source = source_of(pool, PLAIN.model_copy(update={"least_target": 0}))
    assert sum(float(source[i].domain.sum()) == 0 for i in range(20)) > 5


def test_a_pool_without_target_makes_batches_too(pool: Pool) -> None:
    without = Pool(pool.source, (), pool.negative, 2)
    assert not source_of(without, PLAIN)[0].domain.any()
    with pytest.raises(ValueError, match="target domain"):
        source_of(without, PLAIN.model_copy(update={"domain": True}))[0]
    with pytest.raises(ValueError, match="needs"):
        Pool((), (), pool.negative, 2)


def test_a_batch_depends_on_seed_and_step_alone(pool: Pool) -> None:
    settings = PLAIN.model_copy(update={"mixup": True, "altered": 0.5})
    whole, resumed = source_of(pool, settings), source_of(pool, settings, first=7)
    for one, other in zip(whole[9], resumed[2], strict=True):
        torch.testing.assert_close(one, other)
    assert not torch.equal(whole[9].features, source_of(pool, settings, seed=1)[9].features)


def test_as_chance_gives_there_are_more_of_what_there_is_more(pool: Pool) -> None:
    source = source_of(pool, PLAIN.model_copy(update={"one_to_one": False}))
    shares = [float(source[i].machine.mean()) for i in range(40)]
    assert np.mean(shares) == pytest.approx(31 / 41, abs=0.06)
    assert len(set(shares)) > 3


def test_balanced_batches_draw_sections_equally() -> None:
    rare = Pool(tuple(Entry(f"s{i}", int(i == 0)) for i in range(30)), (), (Entry("n", -1),), 2)
    drawn = [source_of(rare, PLAIN.model_copy(update={"balanced": flag})) for flag in (True, False)]
    shares = [np.mean([float(one[i].section[:8, 1].mean()) for i in range(30)]) for one in drawn]
    assert shares[0] == pytest.approx(0.5, abs=0.12)
    assert shares[1] < 0.12


def test_mixup_is_the_reference_one() -> None:
    entry = GOLDEN["asd_mixup"]["inputs"]

    def batch(features: list) -> Batch:
        rest = torch.zeros(2)
        return Batch(torch.tensor(features, dtype=torch.float64), rest, torch.zeros(2, 1), rest, rest)

    shares = torch.tensor(entry["lam"], dtype=torch.float64)
    made = mixed_with(batch(entry["x"]), batch(entry["x2"]), shares).features
    torch.testing.assert_close(made, torch.tensor(GOLDEN["asd_mixup"]["expected"]["y"], dtype=torch.float64))


def test_mixup_mixes_sound_and_labels_alike(pool: Pool) -> None:
    batch = source_of(pool, PLAIN)[0]
    made = mixed(batch, 0.2, np.random.default_rng(0))
    # A recording holds one value: its share can be read off the mixture, and must be that of every label.
    assert ((made.machine > 0) & (made.machine < 1)).any()
    assert made.section.sum(dim=1).tolist() == pytest.approx(made.machine.tolist(), abs=1e-6)
    assert float(made.features.mean()) != pytest.approx(float(batch.features.mean()), abs=1e-6)
    assert float(made.features.min()) >= float(batch.features.min()) - 1e-4


def test_mixup_fades_out(pool: Pool) -> None:
    source = source_of(pool, PLAIN.model_copy(update={"mixup": True}), steps=400)

    def is_mixed(batch: Batch) -> bool:
        return bool(((batch.machine > 0) & (batch.machine < 1)).any())

    early, late = ([is_mixed(source[i]) for i in some] for some in (range(30), range(370, 400)))
    assert sum(early) >= 27
    assert sum(late) <= 8


def test_domain_batches_are_quarters_with_the_mixing_ratio_as_label(pool: Pool) -> None:
    batch = source_of(pool, PLAIN.model_copy(update={"domain": True}))[3]
    assert len(batch.machine) == 16
    assert batch.domain[:4].tolist() == [0.0] * 4
    assert batch.machine[:4].tolist() == [1.0] * 4
    assert batch.domain[8:12].tolist() == [1.0] * 4
    assert not batch.domain[12:].any()
    assert not batch.machine[12:].any()
    pseudo = batch.domain[4:8]
    torch.testing.assert_close(batch.machine[4:8], pseudo)
    # Recordings hold one value each: the target's is -90, what is mixed in lies below.
    features = batch.features[4:8].mean(dim=(1, 2))
    assert (features <= -90.0 + 1e-3).all()
    assert ((pseudo > 0) & (pseudo < 1)).any()


def test_altered_windows_are_no_longer_normal_and_say_how(pool: Pool) -> None:
    source = source_of(pool, PLAIN.model_copy(update={"altered": 0.5}))
    assert source.classes == 2 + len(KINDS)
    kinds = torch.zeros(len(KINDS))
    for batch in (source[i] for i in range(30)):
        altered = batch.section[:, 2:].any(dim=1)
        assert not batch.machine[altered].any()
        assert batch.sectioned[altered].all()
        assert batch.section[altered, :2].sum(dim=1).tolist() == [1.0] * int(altered.sum())
        kinds += batch.section[:, 2:].sum(dim=0)
    assert 0.35 < float(kinds.sum()) / (30 * 8) < 0.65
    assert (kinds > 0).all()


@pytest.mark.parametrize("kind", KINDS)
def test_alterations_change_the_window_and_leave_it_finite(kind: str) -> None:
    generator = torch.Generator().manual_seed(1)
    window = -60.0 + 8.0 * torch.randn(126, 224, generator=generator)
    foreign = -40.0 + 8.0 * torch.randn(126, 224, generator=generator)
    before = window.clone()
    made = alter(window, kind, foreign, np.random.default_rng(2))  # type: ignore[arg-type]
    assert made.shape == window.shape
    assert torch.isfinite(made).all()
    assert float((made - window).abs().mean()) > 0.1
    torch.testing.assert_close(window, before)
    if kind == "foreign":
        assert (made >= window - 1e-4).all()
