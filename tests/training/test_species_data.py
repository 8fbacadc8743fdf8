"""Recordings of species recipes: layouts, parts, and bad input told all at once."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest
import soundfile

pytest.importorskip("torch")

from monitor import paths
from monitor.errors import AuricleError, StartError, UsageError
from tests.helpers.recordings import DATA, needs_recordings
from training.cli import main
from training.config import load_recipe
from training.data.catalog import Kind, Recording
from training.data.layouts.compare2021 import load_compare2021
from training.data.splits import Part
from training.species.parts import by_recorder_and_day, divide
from training.species.recipe import Recordings, Sound, SpeciesSettings
from training.species.render import Windows
from training.species.source import load_source

if TYPE_CHECKING:
    from collections.abc import Sequence

CONFIGS = Path(__file__).parents[2] / "configs/training/species"
RATE = 16_000


def write(path: Path, seconds: float = 0.5, fill: float | None = None) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    time = np.arange(int(seconds * RATE)) / RATE
    samples = 0.5 * np.sin(2 * np.pi * 1_000 * time)
    if fill is not None:
        samples[5:9] = fill
    soundfile.write(path, samples.astype(np.float32), RATE, subtype="FLOAT")


def settings(folder: Path, cache: Path, layout: str = "folders", **more: object) -> SpeciesSettings:
    recordings = Recordings.model_validate({"layout": layout, "folder": str(folder), **more})
    return SpeciesSettings(cache=str(cache), recordings=recordings)


def make_compare(root: Path) -> None:
    tables = {
        "train": [("train_1.wav", "background"), ("train_2.wav", "chimpanze"), ("train_3.wav", "chimpanze")],
        "devel": [("devel_1.wav", "background"), ("devel_2.wav", "chimpanze")],
        "test": [("test_1.wav", "?")],
    }
    (root / "lab").mkdir(parents=True)
    for part, rows in tables.items():
        text = "filename,label\n" + "".join(f"{file},{label}\n" for file, label in rows)
        (root / "lab" / f"{part}.csv").write_text(text)
        for file, _ in rows:
            write(root / "wav" / file)


def test_the_layout_of_compare_2021_has_its_own_parts(tmp_path: Path) -> None:
    make_compare(tmp_path / "prs")
    source = load_source(settings(tmp_path / "prs", tmp_path / "cache", "compare2021"), lambda _: None)
    assert source.labels == ("chimpanze", "background")
    assert source.reject == 1
    assert [len(source.of(part)) for part in (Part.TRAIN, Part.VALIDATION, Part.TEST)] == [3, 2, 0]
    assert source.window == 48_704


def test_what_is_wrong_with_it_is_told_at_once(tmp_path: Path) -> None:
    make_compare(tmp_path)
    (tmp_path / "lab/devel.csv").write_text(
        "filename,label\ntrain_1.wav,background\nnone.wav,guenon\n,x\ndevel_1.wav,\n"
    )
    with pytest.raises(StartError) as caught:
        load_compare2021(tmp_path)
    told = "\n".join(error.why for error in caught.value.errors)
    for words in ("named in", "no file wav/none.wav", "no filename", "no label"):
        assert words in told
    (tmp_path / "lab/train.csv").write_text("file,label\n")
    with pytest.raises(UsageError, match="no column filename"):
        load_compare2021(tmp_path)


def test_everything_wrong_in_a_tree_is_told_before_training(tmp_path: Path) -> None:
    root = tmp_path / "animals"
    for name in ("a", "b"):
        write(root / "fox" / f"{name}.wav")
        write(root / "Fox" / f"{name}.wav")
    write(root / "owl" / "only.wav")
    (root / "empty").mkdir()
    (root / "fox" / "notes.txt").write_text("x")
    (root / "fox" / "broken.wav").write_bytes(b"no sound at all")
    write(root / "background" / "nan.wav", fill=float("nan"))
    write(root / "background" / "good.wav")
    with pytest.raises(StartError) as caught:
        load_source(settings(root, tmp_path / "cache"), lambda _: None)
    told = "\n".join(f"{error.what}: {error.why}" for error in caught.value.errors)
    for words in (
        "class empty",
        "notes.txt",
        "Fox and fox differ only in case",
        "class owl",
        "broken.wav",
        "4 of its values are no finite number",
    ):
        assert words in told, words
    assert not (tmp_path / "cache").exists()


def test_the_command_tells_them_a_line_each_and_stops(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    root = tmp_path / "animals"
    for name in ("a", "b"):
        write(root / "fox" / f"{name}.wav")
        write(root / "background" / f"{name}.wav")
    write(root / "owl" / "only.wav", fill=float("inf"))
    (root / "empty").mkdir()
    recipe = tmp_path / "own.toml"
    text = (CONFIGS / "own-animals.toml").read_text().replace('folder = "my-animals"', f'folder = "{root}"')
    recipe.write_text(text.replace('cache = "cache/own-animals"', f'cache = "{tmp_path / "cache"}"'))
    monkeypatch.setattr("sys.argv", ["auricle-train", "run", str(recipe)])
    with pytest.raises(SystemExit) as left:
        main()
    assert left.value.code == 2
    told = capsys.readouterr().err.splitlines()
    assert [line.split(" in ")[0] for line in told] == [
        "auricle-train: class empty",
        "auricle-train: class owl",
        "auricle-train: owl/only.wav",
    ]
    assert all(line.count(". ") == 1 for line in told), "each with its remedy"
    assert not (tmp_path / "cache").exists()


def test_a_bundle_of_ones_own_goes_where_the_monitor_looks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AURICLE_DATA_DIR", str(tmp_path))
    recipe = load_recipe(CONFIGS / "own-animals.toml")
    assert recipe.models == tmp_path / "models"
    assert recipe.models in paths.model_roots()
    assert load_recipe(CONFIGS / "default.toml").models == Path("models")


def test_a_tree_is_divided_named_and_noted(tmp_path: Path) -> None:
    root = tmp_path / "animals"
    for i in range(8):
        write(root / "fox" / f"{i}.wav", 0.3 + 0.1 * i)
        write(root / "owl" / f"{i}.wav", 4.0)
    told: list[str] = []
    made = settings(root, tmp_path / "cache", names={"owl": "Strix aluco_Tawny Owl"}, test_share=0.25)
    source = load_source(made, told.append)
    assert source.labels == ("Strix aluco_Tawny Owl", "fox")
    assert source.reject is None
    assert any("no class `background`" in line for line in told)
    for label in range(2):
        parts = [sum(clip.label == label for clip in source.of(part)) for part in Part]
        assert parts == [5, 1, 2]
    with pytest.raises(UsageError, match="no class is called hare"):
        load_source(settings(root, tmp_path / "cache", names={"hare": "x"}), told.append)


def test_one_class_is_not_enough(tmp_path: Path) -> None:
    for i in range(3):
        write(tmp_path / "one" / "fox" / f"{i}.wav")
        write(tmp_path / "none" / "background" / f"{i}.wav")
    with pytest.raises(AuricleError, match="it has one class"):
        load_source(settings(tmp_path / "one", tmp_path / "cache"), lambda _: None)
    with pytest.raises(AuricleError, match="no class but the reject class"):
        load_source(settings(tmp_path / "none", tmp_path / "cache"), lambda _: None)


def recording(name: str, groups: Sequence[str]) -> Recording:
    return Recording(name, Kind.ANIMAL, "x", "", tuple(groups))


def test_parts_keep_groups_whole_and_a_single_recording_trains() -> None:
    clips = [recording(f"a{i}", (f"g{i // 2}",)) for i in range(20)]
    clips += [recording(f"b{i}", ("one",)) for i in range(9)] + [
        recording("b9", ("two",)),
        recording("b10", ("three",)),
    ]
    labels = ["a"] * 20 + ["b"] * 11
    shares = {Part.TEST: 0.2, Part.VALIDATION: 0.2}
    found = divide(clips, labels, shares, seed=1)
    by_group: dict[str, set[Part]] = {}
    for divided in found:
        by_group.setdefault(divided.component, set()).add(divided.part)
    assert all(len(parts) == 1 for parts in by_group.values())
    assert [sum(one.part is part for one in found[:20]) for part in Part] == [12, 4, 4]
    # Nine of eleven are one recording.
    assert by_group["one"] == {Part.TRAIN}
    assert found == divide(clips, labels, shares, seed=1)
    assert found != divide(clips, labels, shares, seed=2)


def test_a_class_of_two_groups_only_trains() -> None:
    clips = [recording(f"a{i}", (f"g{i // 2}",)) for i in range(4)]
    found = divide(clips, ["a"] * 4, {Part.TEST: 0.5, Part.VALIDATION: 0.2}, seed=0)
    assert {one.part for one in found} == {Part.TRAIN}


@pytest.mark.parametrize(
    ("file", "group"),
    [
        ("duet_S13_20180314_080003_355.3_362.8_", "recorder-day:s13:20180314"),
        ("TopKnollStBees_20080924-050000", "recorder-day:topknollstbees:20080924"),
        ("West_Knoll_St_Bees_WindRain_20080917-123000", "recorder-day:westknollstbees:20080917"),
        ("female.gibbon_MB06_110.01", "focal:MB06"),
        ("FemaleGibbon", "series:FemaleGibbon"),
    ],
)
def test_recorder_and_day_are_read_from_names(file: str, group: str) -> None:
    one = recording("x", ("site:DenaJGibbon/", f"file:owner/repository:Data/Some:{file}"))
    assert by_recorder_and_day(one).groups == (group,)


def test_other_recordings_keep_their_groups() -> None:
    one = recording("x", ("freesound:123",))
    assert by_recorder_and_day(one) == one


def test_short_clips_are_surrounded_by_what_the_recipe_says(tmp_path: Path) -> None:
    root = tmp_path / "animals"
    for i in range(4):
        write(root / "fox" / f"{i}.wav", 0.5)
        write(root / "background" / f"{i}.wav", 6.0)
    source = load_source(settings(root, tmp_path / "cache"), lambda _: None)
    clip = next(one for one in source.of(Part.TRAIN) if one.label == 0)
    generator = np.random.default_rng(0)
    own = np.asarray(source.store[clip.path])
    zeros = Windows(source, Sound(padding="zeros"), Part.TRAIN).cut(clip, 0, generator)
    assert np.array_equal(zeros[: len(own)], own)
    assert not zeros[len(own) :].any()
    around = Windows(source, Sound(padding="background"), Part.TRAIN).cut(clip, 0, generator)
    assert around.shape == zeros.shape
    assert np.count_nonzero(around) > 0.9 * len(around)


def test_windows_of_long_clips_hold_the_call(tmp_path: Path) -> None:
    root = tmp_path / "animals"
    noise = 0.001 * np.random.default_rng(0).standard_normal(10 * RATE)
    for i in range(4):
        sound = noise.copy()
        sound[7 * RATE : 8 * RATE] += 0.5 * np.sin(2 * np.pi * 2_000 * np.arange(RATE) / RATE)
        (root / "fox").mkdir(parents=True, exist_ok=True)
        soundfile.write(root / "fox" / f"{i}.wav", sound, RATE)
        write(root / "background" / f"{i}.wav", 6.0)
    source = load_source(settings(root, tmp_path / "cache"), lambda _: None)
    clip = next(one for one in source.of(Part.TRAIN) if one.label == 0)
    starts = Windows(source, Sound(), Part.TRAIN).starts(clip)
    assert starts
    assert all(start < 8 * RATE and start + source.window > 7 * RATE for start in starts)


@needs_recordings
def test_the_shipped_classifiers_parts_are_apart(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AURICLE_DATA", str(DATA))
    from training.data.catalog import load_catalog
    from training.species.source import of_catalog

    recipe = load_recipe(CONFIGS / "default.toml")
    pairs = of_catalog(recipe, load_catalog(DATA))
    labels = [label for _, label in pairs]
    shares = {Part.TEST: recipe.recordings.test_share, Part.VALIDATION: recipe.recordings.validation_share}
    found = divide([one for one, _ in pairs], labels, shares, recipe.seed)
    by_group: dict[str, set[Part]] = {}
    for divided in found:
        by_group.setdefault(divided.component, set()).add(divided.part)
    assert all(len(parts) == 1 for parts in by_group.values())
    currawong = {one.part for one, label in zip(found, labels, strict=True) if "Currawong" in label}
    assert currawong == {Part.TRAIN}
    for label in set(labels) - {"Strepera graculina_Pied Currawong"}:
        parts = {one.part for one, other in zip(found, labels, strict=True) if other == label}
        assert parts == set(Part), label


def test_every_row_of_the_tables_is_a_recipe() -> None:
    paper = load_recipe(CONFIGS / "paper.toml")
    kinds = {paper.settings_of(row).network.kind for row in paper.rows}
    assert kinds == {"cnn6", "cnn10", "cnn14", "mobilenet-v1", "resnet22", "wide-resnet28-2"}
    assert {paper.settings_of(row).rate for row in paper.rows} == {8_000, 16_000}
    assert {paper.settings_of(row).outcome for row in paper.rows} == {"independent", "exclusive", "hierarchical"}
