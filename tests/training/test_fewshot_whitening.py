from __future__ import annotations

import numpy as np
import pytest
import torch

from monitor.errors import UsageError
from training.fewshot.whitening import Origins, WhiteningSettings, fit_whitening, unit

SPECIES, RECORDINGS, WINDOWS, SIZE = 60, 6, 3, 5


def drawn(seed: int = 0, within: tuple[float, ...] = (4.0, 1.0, 1.0, 0.2, 1.0)) -> tuple[np.ndarray, Origins]:
    """Species that differ in the second feature; recordings whose features 0..4 vary by `within`."""
    chance = np.random.default_rng(seed)
    species = np.repeat(np.arange(SPECIES), RECORDINGS * WINDOWS)
    recording = np.repeat(np.arange(SPECIES * RECORDINGS), WINDOWS)
    features = np.zeros((len(species), SIZE))
    features[:, 1] += (3.0 * chance.standard_normal(SPECIES))[species]
    features += (chance.standard_normal((SPECIES * RECORDINGS, SIZE)) * within)[recording]
    features += 0.1 * chance.standard_normal(features.shape)
    return features, Origins(species.astype(str), recording.astype(str))


def between_recordings(values: np.ndarray) -> np.ndarray:
    """Covariance within species of the recordings' means."""
    means = values.reshape(SPECIES, RECORDINGS, WINDOWS, -1).mean(axis=2)
    deviations = (means - means.mean(axis=1, keepdims=True)).reshape(-1, values.shape[1])
    return deviations.T @ deviations / (SPECIES * (RECORDINGS - 1))


def test_covariance_within_species_becomes_the_identity() -> None:
    features, origins = drawn()
    whitening = fit_whitening(features, origins, WhiteningSettings(shrinkage=0, within_recording=0, softness=0))
    np.testing.assert_allclose(
        between_recordings((features - whitening.mean) @ whitening.projection), np.eye(SIZE), atol=1e-4
    )


def test_the_first_direction_is_what_tells_species_apart() -> None:
    features, origins = drawn()
    whitening = fit_whitening(features, origins, WhiteningSettings(shrinkage=0.1, dimensions=2))
    assert whitening.projection.shape == (SIZE, 2)
    first, second = np.abs(whitening.projection).T
    assert np.argmax(first) == 1
    assert first[1] > 2 * np.delete(first, 1).max()
    # Scaled by b / (b + 1): what does not tell species apart is all but removed.
    assert second.max() < first[1]


def test_softness_scales_directions_by_what_they_tell() -> None:
    features, origins = drawn()
    plain, soft = (
        fit_whitening(features, origins, WhiteningSettings(0.2, softness=by)).projection for by in (0.0, 1.0)
    )
    ratio = np.linalg.norm(soft, axis=0) / np.linalg.norm(plain, axis=0)
    assert 0.8 < ratio[0] < 1
    assert (ratio[1:] < 0.5).all()


def test_full_shrinkage_leaves_the_axes_alone() -> None:
    features, origins = drawn(within=(1.0, 1.0, 1.0, 1.0, 1.0))
    features[:, 0] += features[:, 2]
    whitening = fit_whitening(features, origins, WhiteningSettings(shrinkage=1, softness=0))
    products = whitening.projection @ whitening.projection.T
    np.testing.assert_allclose(products, np.diag(np.diag(products)), atol=1e-4)


def test_species_of_one_recording_add_what_varies_within_it() -> None:
    features, origins = drawn()
    alone = np.random.default_rng(1).standard_normal((40, SIZE)) * (0.1, 0.1, 0.1, 9.0, 0.1)
    more = np.concatenate([features, alone])
    with_single = Origins(
        np.concatenate([origins.species, np.full(40, "single")]),
        np.concatenate([origins.recordings, np.full(40, "only")]),
    )
    lengths = [
        np.linalg.norm(fit_whitening(more, with_single, WhiteningSettings(0.1, by, 0)).projection[3])
        for by in (0.0, 1.0)
    ]
    assert lengths[1] < 0.6 * lengths[0]


def test_constant_features_are_ignored() -> None:
    features, origins = drawn()
    features[:, 2] = 7.0
    whitening = fit_whitening(features, origins)
    assert (whitening.projection[2] == 0).all()
    assert np.isfinite(whitening.projection).all()


def test_units_and_offsets_do_not_matter() -> None:
    features, origins = drawn()
    other = features * (1e-3, 1, 50, 1, 1) + (0, 100, 0, 0, -5)
    rows, same = (fit_whitening(one, origins).apply(one) for one in (features, other))
    np.testing.assert_allclose(rows @ rows.T, same @ same.T, atol=1e-3)


def test_linear_layer_equals_the_arrays() -> None:
    features, origins = drawn()
    whitening = fit_whitening(features + 30.0, origins)
    layer = whitening.linear()
    assert not any(parameter.requires_grad for parameter in layer.parameters())
    with torch.no_grad():
        rows = layer(torch.from_numpy((features + 30.0).astype(np.float32))).numpy()
    np.testing.assert_allclose(unit(rows), whitening.apply(features + 30.0), atol=1e-3)
    np.testing.assert_allclose(np.linalg.norm(whitening.apply(features), axis=1), 1.0)


@pytest.mark.parametrize(
    ("settings", "told"),
    [
        ({"shrinkage": 1.5}, "shrinkage 1.5"),
        ({"within_recording": -1.0}, "within_recording -1"),
        ({"softness": float("nan")}, "softness nan"),
        ({"dimensions": 0}, "dimensions 0"),
    ],
)
def test_settings_out_of_range_are_refused(settings: dict[str, float], told: str) -> None:
    with pytest.raises(UsageError, match=told):
        WhiteningSettings(**settings)  # type: ignore[arg-type]


def test_material_that_cannot_be_fitted_is_refused() -> None:
    features, origins = drawn()
    with pytest.raises(UsageError, match="for 1080 origins"):
        fit_whitening(features[:5], origins)
    with pytest.raises(UsageError, match="not finite"):
        fit_whitening(np.where(features > 1, np.nan, features), origins)
    one_each = Origins(np.array(["a", "b"]), np.array(["1", "2"]))
    with pytest.raises(UsageError, match="no species with two recordings"):
        fit_whitening(features[:2], one_each)
    with pytest.raises(UsageError, match="Raise the shrinkage"):
        few = Origins(np.array(["a", "a", "b"]), np.array(["1", "2", "3"]))
        fit_whitening(features[[0, 3, 20]], few, WhiteningSettings(shrinkage=0))
    with pytest.raises(UsageError, match="of two species"):
        Origins(np.array(["a", "b"]), np.array(["1", "1"]))
