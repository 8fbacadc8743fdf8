from __future__ import annotations

from pathlib import Path

import pytest

from monitor.errors import SettingsError, UsageError
from training.config import SYSTEMS, load_recipe
from training.data.catalog import data_folder, load_catalog

ROOT = Path(__file__).parents[2]
RECIPES = sorted((ROOT / "configs/training").glob("**/*.toml"))
GATES = [path for path in RECIPES if path.parent.name == "gate"]
SMALLEST = 'system = "gate"\n[bundle]\nname = "a"\nversion = "1.0.0"\nsummary = "A."\n'


@pytest.mark.parametrize("path", RECIPES, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_every_recipe_is_read_and_its_system_known(path: Path) -> None:
    assert load_recipe(path).system in SYSTEMS


@pytest.mark.parametrize("path", GATES, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_every_gate_recipe_makes_a_network(path: Path) -> None:
    torch = pytest.importorskip("torch")
    from training.nets.tiny import TinyGate, parameters

    recipe = load_recipe(path)
    network = TinyGate(recipe.network.channels, recipe.network.shape_channel, recipe.network.dropout).eval()
    assert network(torch.zeros(3, recipe.windows.frames, 128)).shape == (3,)
    assert parameters(network) < 1_000_000


def test_there_is_a_recipe() -> None:
    assert GATES


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (SMALLEST + "[mixing]\nsnr = [0, 1]\n", "mixing.snr"),
        (SMALLEST + "[optimiser]\nbatch = 'many'\n", "optimiser.batch"),
        ("system = 'gate'\n", "bundle"),
        ("system = \n", "not TOML"),
        ("seed = 0\n", "system: missing"),
        ("system = 'bats'\n", "system: 'bats' is unknown"),
    ],
)
def test_wrong_recipes_are_refused_by_key(tmp_path: Path, text: str, words: str) -> None:
    path = tmp_path / "recipe.toml"
    path.write_text(text)
    with pytest.raises(SettingsError, match=words):
        load_recipe(path)


def test_a_missing_recipe_is_named(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=r"none\.toml"):
        load_recipe(tmp_path / "none.toml")


def test_keys_change_with_what_they_name(tmp_path: Path) -> None:
    path = tmp_path / "recipe.toml"
    path.write_text(SMALLEST)
    first = load_recipe(path)
    path.write_text(SMALLEST + "[optimiser]\nbatch = 7\n")
    second = load_recipe(path)
    assert first.key("", "mixing") == second.key("", "mixing")
    assert first.key("", "optimiser") != second.key("", "optimiser")


def test_missing_recordings_are_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("AURICLE_DATA", raising=False)
    with pytest.raises(UsageError, match="AURICLE_DATA"):
        data_folder(str(tmp_path / "none"))
    with pytest.raises(UsageError, match=r"esc50/manifest\.csv"):
        load_catalog(tmp_path)
    monkeypatch.setenv("AURICLE_DATA", str(tmp_path))
    assert data_folder("elsewhere") == tmp_path
