"""`auricle species range` and the settings of known species, without a process of their own."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from typer.testing import CliRunner

from monitor.cli import app
from monitor.commands.species_options import species_flags, species_words
from monitor.errors import AuricleError, BundleError, SettingsError, UsageError
from monitor.settings import load_settings
from tests.helpers.tiny_bundle import make_gate_bundle
from tests.helpers.tiny_species import TIT, make_tone_bundle

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("AURICLE_DATA_DIR", str(tmp_path))
    monkeypatch.setenv("AURICLE_CONFIG", str(tmp_path / "auricle.toml"))
    return tmp_path


def refused(*flags: str) -> AuricleError:
    result = CliRunner().invoke(app, ["species", "range", *flags])
    assert isinstance(result.exception, AuricleError), result.output
    assert result.exception.exit_code == 2
    return result.exception


def test_the_list_as_json(home: Path) -> None:
    make_tone_bundle(home / "models", name="birdnet", occurrence=True)
    result = CliRunner().invoke(app, ["species", "range", "--lat=-35", "--lon", "150", "--json"])
    assert result.exit_code == 0, result.output
    assert json.loads(result.stdout.splitlines()[0]) == [
        {"label": TIT, "scientific": "Parus major", "common": "Great Tit", "kind": "bird", "probability": 0.9991}
    ]


def test_no_list_without_a_place_or_a_model_that_knows_it(home: Path) -> None:
    assert isinstance(refused(), UsageError)
    missing = refused("--lat", "2", "--lon", "3")
    assert "auricle models import birdnet" in missing.remedy
    make_gate_bundle(home / "models", version="9.0.0")
    assert isinstance(refused("--lat", "2", "--lon", "3", "--species", "bird-gate"), BundleError)


@pytest.mark.parametrize(
    ("given", "why"),
    [
        ({"latitude": 200.0, "longitude": 3.0}, "`species.latitude` = 200.0"),
        ({"latitude": 2.0, "longitude": -181.0}, "`species.longitude` = -181.0"),
        ({"latitude": 2.0}, "latitude and longitude are given together"),
        ({"week": 3}, "a week needs latitude and longitude"),
        ({"latitude": 2.0, "longitude": 3.0, "week": 49}, "`species.week` = 49"),
        ({"sensitivity": 1.6}, "`species.sensitivity` = 1.6"),
        ({"overlap_s": -1.0}, "`species.overlap_s` = -1.0"),
        ({"run": "sometimes"}, "`species.run` = 'sometimes'"),
        ({"model": "birdnet"}, "`species.model` is not a setting"),
    ],
)
def test_settings_that_cannot_be(home: Path, given: dict[str, Any], why: str) -> None:
    with pytest.raises(SettingsError) as fault:
        load_settings(None, {"species": given})
    assert why in fault.value.why


def test_settings_from_a_file(home: Path) -> None:
    (home / "auricle.toml").write_text(
        '[species]\nmodels = ["birdnet"]\nrun = "gated"\noverlap_s = 1.5\nlatitude = -33.9\nlongitude = 151.2\n'
        'deny = ["Engine", "Power tools"]\n'
    )
    species = load_settings().species
    assert (species.models, species.run, species.overlap_s) == (("birdnet",), "gated", 1.5)
    assert (species.latitude, species.deny) == (-33.9, ("Engine", "Power tools"))


def test_flags_for_the_engine_behind_a_screen_are_those_that_were_given() -> None:
    words = species_words(["birdnet", "my-animals"], -33.9, 151.2, 40)
    assert words == ["--species", "birdnet", "--species", "my-animals", "--lat=-33.9", "--lon=151.2", "--week=40"]
    assert species_words(None, None, None, None) == []
    flags = species_flags(["birdnet", "my-animals"], -33.9, 151.2, 40)
    assert load_settings(None, {"species": flags}).species.models == ("birdnet", "my-animals")
