from __future__ import annotations

import json
from dataclasses import replace

import pytest

from monitor.features import spec as spec_module
from monitor.features.spec import BIRD, MACHINE, SCENE, SPECIES, FeatureSpec

SPECS = [pytest.param(spec, id=spec.name) for spec in (BIRD, MACHINE, SCENE, SPECIES)]


@pytest.mark.parametrize("spec", SPECS)
def test_round_trip_through_json(spec: FeatureSpec) -> None:
    again = FeatureSpec.from_dict(json.loads(json.dumps(spec.to_dict())))
    assert again == spec
    assert again.fingerprint == spec.fingerprint


def test_fingerprints_are_stable_over_versions_of_the_program() -> None:
    """A change here makes every bundle out there refuse to load: raise KERNEL_VERSION on purpose only."""
    assert {spec.name: spec.fingerprint for spec in (BIRD, MACHINE, SCENE, SPECIES)} == {
        "bird": "cf298de15a656ad0",
        "machine": "77e340fbb4c12be2",
        "scene": "f08e5a51652506ba",
        "species": "e2d8f95275cebcbc",
    }


def test_whole_numbers_for_frequencies_change_no_fingerprint() -> None:
    values = BIRD.to_dict() | {"low_hz": 50, "high_hz": 8000}
    assert FeatureSpec.from_dict(values).fingerprint == BIRD.fingerprint


def test_the_name_is_no_part_of_the_fingerprint() -> None:
    assert replace(BIRD, name="gate").fingerprint == BIRD.fingerprint


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("rate", 32_000),
        ("fft", 2048),
        ("window", 1000),
        ("hop", 160),
        ("bands", 64),
        ("scale", "kaldi"),
        ("low_hz", 51.0),
        ("high_hz", 7_999.0),
        ("shape", "hann_symmetric"),
        ("pre_emphasis", 0.5),
        ("compression", "log"),
        ("floor", 1e-8),
    ],
)
def test_every_other_field_changes_the_fingerprint(field: str, value: object) -> None:
    assert replace(BIRD, **{field: value}).fingerprint != BIRD.fingerprint


def test_another_kernel_has_other_fingerprints(monkeypatch: pytest.MonkeyPatch) -> None:
    before = BIRD.fingerprint
    monkeypatch.setattr(spec_module, "KERNEL_VERSION", spec_module.KERNEL_VERSION + 1)
    assert replace(BIRD).fingerprint != before


def test_all_faults_of_a_dictionary_are_named_at_once() -> None:
    values = BIRD.to_dict() | {"bands": 0, "scale": "bark", "floor": "low", "hops": 320, "name": ""}
    del values["fft"]
    with pytest.raises(ValueError) as caught:
        FeatureSpec.from_dict(values)
    for word in ("'hops'", "'fft'", "bands", "scale", "floor", "name"):
        assert word in str(caught.value)


@pytest.mark.parametrize(
    ("changes", "word"),
    [
        ({"window": 1025}, "longer than fft"),
        ({"rate": 44_100}, "whole number of engine samples"),
        ({"rate": True}, "rate"),
        ({"hop": 320.0}, "hop"),
        ({"low_hz": 8_000.0}, "low_hz"),
        ({"low_hz": -1.0}, "low_hz"),
        ({"high_hz": 8_001.0}, "half the rate"),
        ({"high_hz": float("nan")}, "high_hz"),
        ({"pre_emphasis": 1.0}, "pre_emphasis"),
        ({"floor": 0.0}, "floor"),
        ({"compression": ["db"]}, "compression"),
    ],
)
def test_faults(changes: dict[str, object], word: str) -> None:
    with pytest.raises(ValueError, match=word):
        replace(BIRD, **changes)
    with pytest.raises(ValueError, match=word):
        FeatureSpec.from_dict(BIRD.to_dict() | changes)


@pytest.mark.parametrize("spec", SPECS)
def test_geometry(spec: FeatureSpec) -> None:
    assert spec.engine_hop * spec.rate == spec.hop * 48_000
    assert spec.engine_window * spec.rate == spec.window * 48_000
    for frames in (1, 2, 64):
        assert spec.frames_in(spec.samples_in(frames)) == frames
        assert spec.frames_in(spec.samples_in(frames) - 1) == frames - 1
        assert spec.frames_in(spec.samples_in(frames) + spec.hop - 1) == frames
    assert spec.frames_in(0) == spec.frames_in(-5_000) == spec.samples_in(0) == 0
