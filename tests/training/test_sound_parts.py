"""Networks, mixing, search and data of the sound classes, held against the paper's numbers."""

from __future__ import annotations

import json
import zipfile
from pathlib import Path

import numpy as np
import pytest
import soundfile

pytest.importorskip("torch")
pytest.importorskip("lightning")

import torch

from monitor.errors import UsageError
from monitor.features.ams import ams_of
from monitor.features.ams_spec import AMS_PLAIN
from training.config import load_recipe
from training.data.layouts.musan import load_musan
from training.nets.sound_class import LargeClassifier, SmallClassifier, WithProbabilities
from training.nets.tiny import parameters
from training.sound.dictionary import AUDIO, MODULATION, Dictionary, Filters, bank_of, plain_places
from training.sound.judge import costs
from training.sound.mixing import at_level, energy_ratio, lengthened, mix_at, rms
from training.sound.packages import fetch_packages, music_files
from training.sound.recipe import SoundOptimiser
from training.sound.search import Trial, _next_banks, _some
from training.systems.personal import SoundClassSystem

ROOT = Path(__file__).parents[2]
GOLDEN = json.loads((ROOT / "tests/golden/sound.json").read_text())
COUNTS = GOLDEN["counts"]


def noise(samples: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).standard_normal(samples).astype(np.float32)


def test_c1_has_the_papers_544_parameters_and_computes_as_the_oracle() -> None:
    network = SmallClassifier()
    assert [parameters(part) for part in (network.normalise, network.hidden, network.head)] == COUNTS["C1_rows"]
    assert parameters(network) == COUNTS["C1"] == 544
    given = {name: torch.tensor(values, dtype=torch.float32) for name, values in GOLDEN["c1_forward"]["inputs"].items()}
    names = {
        "normalise.running_mean": "bn_mean",
        "normalise.running_var": "bn_var",
        "normalise.weight": "bn_gamma",
        "normalise.bias": "bn_beta",
        "hidden.weight": "w1",
        "hidden.bias": "b1",
        "head.weight": "w2",
        "head.bias": "b2",
    }
    network.load_state_dict({key: given[name] for key, name in names.items()}, strict=False)
    with torch.inference_mode():
        logits = network.eval()(given["x"].reshape(-1, 5, 9))
        probabilities = WithProbabilities(network)(given["x"].reshape(-1, 5, 9))
    expected = GOLDEN["c1_forward"]["expected"]
    assert np.allclose(logits.numpy(), expected["logits"], atol=1e-5)
    assert np.allclose(probabilities.numpy(), expected["prob"], atol=1e-6)


def test_c2_has_the_papers_parameters_and_gives_four_logits() -> None:
    network = LargeClassifier()
    rows = [parameters(part) for part in (network.widen, network.lengthen, network.colour)]
    assert rows == COUNTS["pre_rows"]
    assert sum(rows) == COUNTS["pre"] == 3_590
    assert (parameters(network.body), parameters(network.head)) == (COUNTS["mobilenet_v2"], COUNTS["head"])
    assert parameters(network) == COUNTS["C2_total"]
    with torch.inference_mode():
        assert network.eval()(torch.full((2, 5, 9), -60.0)).shape == (2, 4)
        assert LargeClassifier(side=32).eval()(torch.full((2, 5, 9), -60.0)).shape == (2, 4)
    again = LargeClassifier(network.body.state_dict())
    assert all(torch.equal(a, b) for a, b in zip(again.body.parameters(), network.body.parameters(), strict=True))


def test_the_energy_ratio_is_that_of_equation_5() -> None:
    oracle = GOLDEN["energy_ratio_lambda"]
    found = energy_ratio(np.array(oracle["inputs"]["s"]), oracle["params"]["K"])
    assert found == pytest.approx(oracle["expected"]["lam"], rel=1e-9)
    assert energy_ratio(np.ones(160_000, dtype=np.float32)) == pytest.approx(1.0)
    click = np.zeros(160_000, dtype=np.float32)
    click[100] = 1.0
    assert energy_ratio(click) == pytest.approx(40.0)
    assert energy_ratio(np.zeros(160_000, dtype=np.float32)) == float("inf")
    with pytest.raises(ValueError, match="less than a segment"):
        energy_ratio(click[:3_999])


@pytest.mark.parametrize("ratio_db", [-10.0, 0.0, 25.0, 40.0])
def test_speech_is_mixed_at_the_ratio_and_keeps_its_level(ratio_db: float) -> None:
    speech, rest = noise(16_000, 1) * 0.2, noise(16_000, 2) * 3.0
    mixed = mix_at(speech, rest, ratio_db)
    assert 20 * np.log10(rms(speech) / rms(mixed - speech)) == pytest.approx(ratio_db, abs=0.05)
    assert 20 * np.log10(rms(at_level(mixed, -30.0)) * np.sqrt(2.0)) == pytest.approx(-30.0, abs=1e-3)
    with pytest.raises(ValueError, match="silent"):
        mix_at(speech, np.zeros_like(speech), ratio_db)
    with pytest.raises(ValueError, match="samples"):
        mix_at(speech, rest[1:], ratio_db)


def test_short_clips_are_repeated_not_padded() -> None:
    clip = noise(5_000)
    whole = lengthened(clip, 16_000, 500)
    assert len(whole) == 16_000
    assert np.array_equal(whole[:4_500], clip[:4_500])
    levels = np.sqrt(np.square(whole[:15_500].reshape(31, 500)).mean(axis=1))
    assert levels.min() > 0.8
    assert np.array_equal(lengthened(clip, 4_000, 500), clip[:4_000])
    with pytest.raises(ValueError, match="too few"):
        lengthened(clip[:1_000], 16_000, 500)


def test_the_dictionary_holds_what_the_monitor_computes() -> None:
    generator = np.random.default_rng(6)
    sound = (0.1 * noise(5 * 32_000 + 77) * np.linspace(0.2, 1.0, 5 * 32_000 + 77)).astype(np.float32)
    values = Filters()(sound)
    assert values.shape == (5, len(AUDIO), len(MODULATION))
    banks = [plain_places()]
    banks += [(_some(len(AUDIO), generator), _some(len(MODULATION), generator)) for _ in range(3)]
    for audio, modulation in banks:
        found = Dictionary(values[None], np.zeros(1, int), np.zeros(1, int)).of(audio, modulation)[0]
        assert np.allclose(found, ams_of(sound, bank_of(audio, modulation)), atol=1e-3)
    assert bank_of(*plain_places()) == AMS_PLAIN


def test_a_generation_has_new_banks_of_the_grid_and_the_first_one_the_plain_bank() -> None:
    trials: list[Trial] = []
    for number in range(5):
        banks = _next_banks(trials, np.random.default_rng(number))
        assert number or banks[0] == plain_places()
        assert not {(one.audio, one.modulation) for one in trials} & set(banks)
        assert len(set(banks)) == len(banks)
        for audio, modulation in banks:
            assert len(set(audio)) == len(set(modulation)) == 3
            assert min(audio) >= 0 and max(audio) < len(AUDIO) and max(modulation) < len(MODULATION)
        trials += [Trial(a, m, float(n)) for n, (a, m) in enumerate(banks)]


def test_the_judge_prefers_the_bank_that_tells_the_classes_apart() -> None:
    generator = np.random.default_rng(7)
    labels, folds = np.arange(240) % 4, np.arange(240) // 80
    blind = generator.normal(-60.0, 5.0, (240, 5, 9)).astype(np.float32)
    telling = blind.copy()
    for place in range(4):
        telling[labels == place, :, place] += 12.0
    good, bad, again = costs([telling, blind, telling], labels, folds, 120, 0)
    assert good < 0.5 < 1.2 < bad
    assert good == pytest.approx(again, rel=1e-4), "banks do not depend on those judged beside them"


def test_training_separates_what_can_be_separated_and_a_gain_is_no_help() -> None:
    """Two classes that differ in one value relative to the others, at levels drawn anew."""
    import training.sound.fit as fitting
    from training.sound.recipe import SoundRecipe

    generator = np.random.default_rng(5)
    vectors = generator.normal(-60.0, 3.0, (256, 5, 9)).astype(np.float32)
    labels = np.arange(256) % 4
    for place in range(4):
        vectors[labels == place, :, place] += 15.0
    recipe = SoundRecipe.model_validate(
        {
            "system": "sound",
            "bundle": {"name": "a", "version": "1.0.0", "summary": "b"},
            "optimiser": {"epochs": 40, "batch": 64, "gain_db": 6.0, "mixup": 0.2, "last": 0.1, "shuffle": False},
        }
    )
    network = SmallClassifier()
    fitting.train(recipe, network, vectors, labels)
    told = fitting.probabilities(network, vectors)
    assert (told.argmax(axis=1) == labels).mean() > 0.97
    assert np.allclose(told.sum(axis=1), 1.0, atol=1e-5)


def test_the_rate_falls_along_half_a_cosine() -> None:
    system = SoundClassSystem(SmallClassifier(), SoundOptimiser(learning_rate=0.008, last=0.25), 100, 0)
    schedule = system.configure_optimizers()["lr_scheduler"]["scheduler"]
    rates = [0.008 * schedule.lr_lambdas[0](step) for step in (0, 50, 100, 200)]
    assert rates == pytest.approx([0.008, 0.005, 0.002, 0.002])


def test_musan_tells_its_parts_and_what_is_wrong(tmp_path: Path) -> None:
    for name in ("speech/librivox/a.wav", "speech/us-gov/b.wav", "music/fma/c.wav"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        soundfile.write(tmp_path / name, np.zeros(100), 16_000)
    (tmp_path / "speech/librivox/ANNOTATIONS").write_text("a male")
    found = load_musan(tmp_path, "speech")
    assert [(one.path, one.origin) for one in found] == [
        ("speech/librivox/a.wav", "librivox"),
        ("speech/us-gov/b.wav", "us-gov"),
    ]
    with pytest.raises(UsageError, match="no folder `noise`"):
        load_musan(tmp_path, "noise")
    (tmp_path / "music/fma/d.wav").touch()
    with pytest.raises(UsageError, match="empty"):
        load_musan(tmp_path, "music")


def test_packages_that_are_there_are_not_fetched_and_others_are_told_of(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "some-music/usr").mkdir(parents=True)
    (tmp_path / "some-music/usr/broken.ogg").touch()
    soundfile.write(tmp_path / "some-music/usr/a.ogg", np.zeros(31 * 8_000), 8_000)
    soundfile.write(tmp_path / "some-music/usr/jingle.ogg", np.zeros(29 * 8_000), 8_000)
    said: list[str] = []
    monkeypatch.setenv("PATH", str(tmp_path))
    assert fetch_packages(["some-music", "other-music"], tmp_path, said.append) == ["some-music"]
    assert said == ["without the music of other-music: apt-get and dpkg-deb not there, which Debian has"]
    assert music_files("some-music", tmp_path) == [Path("some-music/usr/a.ogg")]


def test_a_package_is_unpacked_whole_or_not_at_all(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Programs of the same names stand for Debian's: one that fetches, and one that fails half-way.

    Archives in a package are unpacked too: some games keep their music in them.
    """
    piece = tmp_path / "piece.ogg"
    soundfile.write(piece, np.zeros(31 * 8_000), 8_000)
    with zipfile.ZipFile(tmp_path / "music.pk3", "w") as archive:
        archive.write(piece, "sound/b.ogg")
        archive.writestr("sound/readme.txt", "no music")
    tools = tmp_path / "tools"
    tools.mkdir()
    fetch = tools / "apt-get"
    fetch.write_text('#!/bin/sh\ntouch "$2_1.0_all.deb"\n')
    unpack = tools / "dpkg-deb"
    unpack.write_text(f'#!/bin/sh\nmkdir "$3" && cp {piece} "$3/a.ogg" && cp {tmp_path}/music.pk3 "$3"\n')
    for tool in (fetch, unpack):
        tool.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tools}:/usr/bin:/bin")
    said: list[str] = []
    folder = tmp_path / "packages"
    assert fetch_packages(["good"], folder, said.append) == ["good"]
    assert music_files("good", folder) == [Path("good/a.ogg"), Path("good/music/sound/b.ogg")]
    unpack.write_text('#!/bin/sh\nmkdir "$3"; echo "no space left" >&2; exit 2\n')
    assert fetch_packages(["bad"], folder, said.append) == []
    assert said[-1] == "without the music of bad: no space left"
    assert sorted(path.name for path in folder.iterdir()) == ["good"]


@pytest.mark.parametrize("name", ["default", "paper"])
def test_recipes_are_read(name: str) -> None:
    assert load_recipe(ROOT / f"configs/training/sound/{name}.toml").system == "sound"
