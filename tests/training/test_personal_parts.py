"""The parts of the personalisation back-end and its experiments."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest

pytest.importorskip("torch")
pytest.importorskip("lightning")
pytest.importorskip("onnx")
pytest.importorskip("matplotlib")

import torch

from monitor.errors import SettingsError, UsageError
from monitor.features.ams_spec import AMS_OPTIMISED, AMS_PLAIN
from training.config import load_recipe
from training.data.catalog import Kind, Recording
from training.nets.sound_class import SmallClassifier
from training.personal.fits import fitted, numbers
from training.personal.many import Lesson, ManyClassifiers, say_many, train_many
from training.personal.page import gain, write_page
from training.personal.pseudo import certain, pseudo_labelled
from training.personal.recipe import Bank, PersonalRecipe
from training.personal.results import PersonalResults, Row, load_results, save_results
from training.personal.run import bank_of
from training.personal.sets import parts_of, pool_of
from training.sound.recipe import SoundOptimiser
from training.sound.source import Sounds, SoundSource

if TYPE_CHECKING:
    from collections.abc import Callable

ROOT = Path(__file__).parents[2]
SHAPE = (5, 9)


def task(count: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Vectors of four sorts that lie apart."""
    generator = np.random.default_rng(seed)
    labels = generator.integers(4, size=count)
    vectors = np.array([-80.0, -60.0, -40.0, -20.0])[labels][:, None, None] + 4.0 * generator.standard_normal(
        (count, *SHAPE)
    )
    return vectors.astype(np.float32), labels


def test_the_filter_bank_is_the_shipped_one_the_plain_one_or_given() -> None:
    recipe = load_recipe(ROOT / "configs/training/sound/personal.toml")
    assert isinstance(recipe, PersonalRecipe)
    assert bank_of(recipe) == AMS_OPTIMISED
    assert bank_of(recipe.model_copy(update={"bank": "plain"})) == AMS_PLAIN
    cuts = (100.0, 200.0, 300.0), (150.0, 250.0, 350.0), (0.0, 1.0, 2.0), (1.0, 2.0, 3.0)
    given = dict(zip(("audio_low_hz", "audio_high_hz", "modulation_low_hz", "modulation_high_hz"), cuts, strict=True))
    bank = bank_of(recipe.model_copy(update={"bank": Bank(**given)}))
    assert (bank.audio_low_hz, bank.modulation_high_hz) == (cuts[0], cuts[3])


# -------------------------------------------------------------------------------------------------- many at once


def test_each_of_many_begins_and_answers_as_the_classifier_by_itself() -> None:
    vectors, _ = task(20)
    many = ManyClassifiers([3, 4], 0.05).eval()
    torch.manual_seed(4)
    alone = SmallClassifier(0.05).eval()
    given = torch.from_numpy(vectors)
    both = many(given.flatten(1).expand(2, -1, -1))
    assert torch.allclose(both[1], alone(given), atol=1e-5)
    assert torch.allclose(both[0], many.one(0)(given), atol=1e-5)


def test_one_training_step_is_that_of_the_classifier_by_itself() -> None:
    """Gradients, batch statistics and Adam, against PyTorch's own layers."""
    vectors, labels = task(64)
    settings = SoundOptimiser(epochs=3, batch=64, learning_rate=0.01, dropout=0.0)
    many = train_many([Lesson(vectors, labels, 9), Lesson(vectors, labels, 5)], settings)
    torch.manual_seed(5)
    alone = SmallClassifier(0.0).train()
    adam = torch.optim.Adam(alone.parameters(), lr=0.01)
    for _ in range(3):
        adam.zero_grad()
        torch.nn.functional.cross_entropy(alone(torch.from_numpy(vectors)), torch.from_numpy(labels)).backward()
        adam.step()
    ours = many.one(1).state_dict()
    for name, value in alone.eval().state_dict().items():
        if name != "normalise.num_batches_tracked":
            assert torch.allclose(ours[name], value, atol=2e-4), name


def test_a_network_among_others_is_what_it_is_alone() -> None:
    vectors, labels = task(96)
    others, other_labels = task(96, 1)
    settings = SoundOptimiser(epochs=4, batch=32, learning_rate=0.008, dropout=0.0)
    alone = train_many([Lesson(vectors, labels, 2)], settings)
    among = train_many(
        [Lesson(others, other_labels, 1), Lesson(vectors, labels, 2), Lesson(others, other_labels, 2)], settings
    )
    assert torch.allclose(among.hidden[1], alone.hidden[0], atol=1e-4)
    assert not torch.allclose(among.hidden[2], alone.hidden[0], atol=1e-3)


def test_many_learn_what_is_easy_with_dropout() -> None:
    vectors, labels = task(400)
    new, right = task(200, 7)
    settings = SoundOptimiser(epochs=40, batch=64, learning_rate=0.008, dropout=0.05)
    said = say_many(train_many([Lesson(vectors, labels, seed) for seed in range(3)], settings), new)
    assert said.shape == (3, 200)
    assert ((said == right).mean(axis=1) > 0.95).all()


def test_what_many_cannot_do_is_refused() -> None:
    vectors, labels = task(20)
    with pytest.raises(ValueError, match="equally many"):
        train_many([Lesson(vectors, labels, 0), Lesson(vectors[:10], labels[:10], 0)], SoundOptimiser())
    with pytest.raises(ValueError, match="without mixup"):
        train_many([Lesson(vectors, labels, 0)], SoundOptimiser(mixup=0.2))


# ------------------------------------------------------------------------------------------------- pseudo-labels


def test_the_gate_is_the_oracles() -> None:
    """`pseudo_label_gate` of the paper's oracles, "at least 75 %"."""
    probabilities = np.array(
        [[0.8, 0.1, 0.05, 0.05], [0.75, 0.25, 0.0, 0.0], [0.7, 0.2, 0.05, 0.05], [0.1, 0.1, 0.1, 0.7]]
    )
    keep, label = certain(probabilities, 0.75)
    assert keep.tolist() == [True, True, False, False]
    assert label.tolist() == [0, 0, 0, 3]


def labels_by_first_value(vectors: np.ndarray) -> np.ndarray:
    """Certain of class 1 where the first value is above -50, of nothing elsewhere."""
    told = np.full((len(vectors), 4), 0.25)
    told[vectors[:, 0, 0] > -50.0] = (0.1, 0.8, 0.05, 0.05)
    return told


def draws(share: float) -> Callable[[int, np.random.Generator], np.ndarray]:
    def draw(count: int, generator: np.random.Generator) -> np.ndarray:
        return np.where(generator.random((count, 1)) < share, -40.0, -60.0) * np.ones((1, 45))

    return draw


def test_draws_until_there_are_enough() -> None:
    found = pseudo_labelled(
        draws(0.5),
        labels_by_first_value,
        SHAPE,
        wanted=1_500,
        certainty=0.75,
        at_most=30_000,
        generator=np.random.default_rng(0),
    )
    assert found.vectors.shape == (1_500, *SHAPE)
    assert (found.vectors == -40.0).all()
    assert (found.labels == 1).all()
    assert 2_700 < found.drawn < 3_300


@pytest.mark.parametrize(("share", "kept"), [(0.0, 0), (0.01, 20)])
def test_the_cap_ends_it_where_the_labels_are_never_certain(share: float, kept: int) -> None:
    found = pseudo_labelled(
        draws(share),
        labels_by_first_value,
        SHAPE,
        wanted=500,
        certainty=0.75,
        at_most=2_500,
        generator=np.random.default_rng(0),
    )
    assert found.drawn == 2_500
    assert len(found.labels) == len(found.vectors)
    assert abs(len(found.labels) - kept) < 15


def test_the_shipped_back_end_has_a_small_classifier_and_one_that_labels() -> None:
    from training.sound.backend import load_backend
    from training.sound.recipe import SoundRecipe

    small, wide = (load_recipe(ROOT / f"configs/training/sound/{name}.toml") for name in ("default", "labeller"))
    assert isinstance(small, SoundRecipe)
    assert isinstance(wide, SoundRecipe)
    assert (small.classifier, wide.classifier) == ("small", "wide")
    # What `evaluate` tells of C2 is about the vectors that the back-end trains it on.
    same = {"seed", "cache", "bank", "recordings", "mixing", "search"}
    assert small.model_dump(include=same) == wide.model_dump(include=same)
    with pytest.raises(UsageError, match="C2's a small one"):
        load_backend(small, small, print)
    with pytest.raises(UsageError, match="C1's recipe makes a wide"):
        load_backend(wide, wide, print)


# ------------------------------------------------------------------------------------------------------ mixtures


@pytest.mark.parametrize("kind", ["diagonal", "full", "cosine", "incremental"])
def test_draws_are_spread_as_what_was_heard(kind: str) -> None:
    generator = np.random.default_rng(0)
    heard = np.concatenate([generator.normal(-60, 2, (300, 10)), generator.normal(-30, 4, (300, 10))])
    drawn = fitted(generator.permutation(heard), kind, 2, 0)(4_000, np.random.default_rng(1))
    low = drawn.mean(axis=1) < -45
    assert low.mean() == pytest.approx(0.5, abs=0.05)
    assert drawn[low].mean() == pytest.approx(-60, abs=0.7)
    assert drawn[~low].std(axis=0).mean() == pytest.approx(4.0, abs=0.6)


def test_a_full_mixture_has_the_numbers_that_the_paper_counts() -> None:
    assert numbers("full", 4, 45) == 8_284
    assert numbers("diagonal", 32, 45) == numbers("incremental", 32, 45) == 2_912


# ----------------------------------------------------------------------------------------------------------- sets


def source() -> SoundSource:
    """Recordings of four kinds of noise, three packages, twenty speakers."""
    sounds: list[Sounds] = []
    for label in ("rain", "wind", "vacuum_cleaner", "cafe_restaurant"):
        content = "ambience" if label == "cafe_restaurant" else "noise"
        for number in range(10):
            row = Recording(f"{label}{number}", Kind.ESC50, label, "", (f"take:{label}{number // 2}",))
            sounds.append(Sounds(row, content, 0, 0))
    for package in ("a", "b", "c"):
        for number in range(8):
            row = Recording(f"{package}{number}.ogg", Kind.MUSIC, package, "", (f"origin:{package}",))
            sounds.append(Sounds(row, "music", 0, 0))
    for number in range(20):
        row = Recording(f"speech{number}", Kind.SPEECH, "", "", (f"speaker:{number}",))
        sounds.append(Sounds(row, "speech", 0, 0))
    return SoundSource(sounds, (), 1, {})


def recipe(**more: object) -> PersonalRecipe:
    users = [
        {"name": "U1", "voices": 0, "personalised": False, "noise": ["rain"], "music": ["a"]},
        {"name": "U2", "voices": 2, "personalised": False, "noise": ["rain", "wind"], "music": ["a"]},
        {"name": "U3", "voices": 1, "noise": ["wind"], "music": ["b"]},
    ]
    content = {
        "system": "sound-personal",
        "comprehensive": {"name": "comprehensive"},
        "baseline": {"name": "baseline", "noise": ["rain"], "music": ["a"]},
        "users": users,
        "orders": [1, 16],
        "incremental_orders": [4, 16],
        "cosine_orders": [16],
    }
    return PersonalRecipe.model_validate(content | more)


def test_no_recording_is_in_two_parts_and_every_kind_is_in_each() -> None:
    there, wanted = source(), recipe()
    parts = parts_of(there, wanted.seed)
    takes: dict[str, set[str]] = {}
    kinds: dict[str, set[str]] = {}
    for one, part in zip(there.sounds, parts, strict=True):
        if one.content != "music":
            takes.setdefault(one.recording.groups[0], set()).add(part)
        kinds.setdefault(one.recording.label or "speech", set()).add(part)
    assert all(len(found) == 1 for found in takes.values())
    assert all({"train", "aggregation", "user"} <= found for found in kinds.values())
    for user in wanted.users:
        heard = pool_of(wanted, there, parts, user, ("aggregation",))
        tested = pool_of(wanted, there, parts, user, ("user",))
        trained = pool_of(wanted, there, parts, wanted.comprehensive, ("train",))
        paths = [{one.recording.path for one in _all(pool)} for pool in (heard, tested, trained)]
        assert not paths[0] & paths[1]
        assert not paths[0] & paths[2]
        assert set(heard.noise) == set(user.noise)
        assert set(heard.music) == set(user.music)
    voices = [
        {one.recording.path for one in pool_of(wanted, there, parts, user, ("user",)).speech} for user in wanted.users
    ]
    assert not voices[0] & voices[1]


def _all(pool) -> list[Sounds]:
    return [one for kinds in (pool.noise, pool.music) for some in kinds.values() for one in some] + pool.speech


def test_a_kind_that_is_not_there_is_named() -> None:
    there = source()
    wanted = recipe(baseline={"name": "baseline", "noise": ["hail"], "music": ["a"]})
    with pytest.raises(UsageError, match="there is nothing of hail"):
        pool_of(wanted, there, parts_of(there, 0), wanted.baseline, ("train",))


def test_the_shipped_recipe_is_read_and_names_are_told_apart(tmp_path: Path) -> None:
    shipped = load_recipe(ROOT / "configs/training/sound/personal.toml")
    assert isinstance(shipped, PersonalRecipe)
    assert [user.name for user in shipped.users] == ["U1", "U2", "U3", "U4"]
    assert shipped.orders == (1, 2, 4, 8, 16, 32, 64)
    assert (shipped.repetitions, shipped.certainty, shipped.optimiser.epochs) == (10, 0.75, 250)
    assert not set(shipped.baseline.noise) & set(shipped.users[3].noise)
    assert not set(shipped.baseline.music) & set(shipped.users[3].music)
    text = (ROOT / "configs/training/sound/personal.toml").read_text().replace('name = "U2"', 'name = "U1"')
    (tmp_path / "twice.toml").write_text(text)
    with pytest.raises(SettingsError, match="two sets have one name"):
        load_recipe(tmp_path / "twice.toml")


# ----------------------------------------------------------------------------------------------------------- page


def results(page: Path, personal: float) -> PersonalResults:
    ways = ["comprehensive", "baseline", "diagonal 1", "diagonal 16", "diagonal 32", "full 4"]
    ways += ["cosine 16", "incremental 4", "incremental 16", "real", "truth"]
    rows = tuple(
        Row(user, way, (personal, personal + 0.02) if "16" in way else (0.6, 0.62), (0.5, 0.5), 100, 60)
        for user in ("U1", "U2", "U3")
        for way in ways
    )
    users = {"U1": 0.8, "U2": 0.8, "U3": 0.8}
    decisions = {f"{name} {part}": 40 for name in ("comprehensive", "baseline") for part in ("train", "validation")}
    decisions |= {f"{user} {part}": 30 for user in users for part in ("aggregation", "user")}
    return PersonalResults(rows, users | {"comprehensive": 0.9}, users, users, users, decisions, str(page))


def test_the_page_says_what_was_found_good_or_bad(tmp_path: Path) -> None:
    wanted = recipe(page=str(tmp_path / "docs/personal.md"), cache=str(tmp_path))
    good, poor = (results(tmp_path / "docs/personal.md", level) for level in (0.75, 0.63))
    assert gain(good, "U3", "diagonal 16") == pytest.approx(15.0)
    text = write_page(wanted, Path("configs/x.toml"), good).read_text()
    assert "so it is here" in text
    assert "| N = 16 | 76.0 (75.0-77.0) | 50.0" in text
    assert "(personal-orders.svg)" in text
    pictures = [(tmp_path / "docs" / name).read_bytes() for name in ("personal-orders.svg", "personal-baseline.svg")]
    assert all(content.startswith(b"<?xml") for content in pictures)
    write_page(wanted, Path("configs/x.toml"), good)
    assert (tmp_path / "docs/personal-orders.svg").read_bytes() == pictures[0], "the same figures, the same picture"
    assert "here it is less" in write_page(wanted, Path("configs/x.toml"), poor).read_text()


def test_results_are_kept_for_their_recipe_only(tmp_path: Path) -> None:
    wanted = recipe(page=str(tmp_path / "p.md"), cache=str(tmp_path))
    with pytest.raises(UsageError, match="nothing was measured"):
        load_results(wanted)
    found = results(tmp_path / "p.md", 0.7)
    save_results(wanted, found)
    assert load_results(wanted) == found
    assert json.loads((tmp_path / "results.json").read_text())["recipe"]
    with pytest.raises(UsageError, match="another recipe"):
        load_results(recipe(page=str(tmp_path / "p.md"), cache=str(tmp_path), seed=8))
