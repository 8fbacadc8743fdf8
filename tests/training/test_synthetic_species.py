from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from monitor.features.frontend import Kernel
from monitor.features.spec import BIRD
from training.fewshot.synthetic_species import HIGHEST_HZ, LOWEST_HZ, sing, synthetic_species

RATE = 16_000


@given(st.integers(0, 2**32), st.integers(0, 1000), st.integers(0, 1000), st.integers(1, 20_000))
@settings(max_examples=40, deadline=None)
def test_any_seed_gives_sound_of_the_asked_length(species: int, individual: int, take: int, samples: int) -> None:
    sound = sing(synthetic_species(species), individual, take, samples, RATE)
    assert sound.shape == (samples,)
    assert sound.dtype == np.float32
    assert np.isfinite(sound).all()
    assert np.abs(sound).max() <= 1.0


@given(st.integers(0, 2**32))
def test_a_seed_gives_the_same_species_and_another_gives_another(seed: int) -> None:
    assert synthetic_species(seed) == synthetic_species(seed)
    assert synthetic_species(seed) != synthetic_species(seed + 1)
    species = synthetic_species(seed)
    assert set(species.phrase) <= set(range(len(species.syllables)))
    assert all(LOWEST_HZ <= syllable.hz <= HIGHEST_HZ for syllable in species.syllables)


@pytest.mark.parametrize("rate", [16_000, 48_000])
def test_every_take_has_some_song(rate: int) -> None:
    for seed in range(30):
        assert np.abs(sing(synthetic_species(seed), 1, seed, 3 * rate, rate)).max() > 0.02


def test_takes_differ_and_repeat_with_their_numbers() -> None:
    species = synthetic_species(3)
    sounds = [sing(species, individual, take, RATE, RATE) for individual in range(3) for take in range(3)]
    assert all(not np.array_equal(a, b) for i, a in enumerate(sounds) for b in sounds[:i])
    assert np.array_equal(sounds[4], sing(species, 1, 1, RATE, RATE))


def test_individuals_of_a_species_are_nearer_to_each_other_than_to_other_species() -> None:
    kernel = Kernel(BIRD)

    def spectrum(seed: int, individual: int) -> np.ndarray:
        features = kernel(sing(synthetic_species(seed), individual, 0, 6 * RATE, RATE))
        profile = np.maximum(features, -60.0).mean(axis=0)
        profile = np.convolve(profile, np.ones(9) / 9, "same")
        return (profile - profile.mean()) / profile.std()

    right = []
    for seed in range(40):
        others = [spectrum(other, 0) for other in range(seed, seed + 5)]
        query = spectrum(seed, 7)
        right.append(int(np.argmax([query @ one for one in others])) == 0)
    # By the mean spectrum alone, among five species; chance is 0.2.
    assert np.mean(right) > 0.6
