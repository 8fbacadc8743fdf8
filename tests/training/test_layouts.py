from __future__ import annotations

import wave
from typing import TYPE_CHECKING

import numpy as np
import pytest

from monitor.errors import AuricleError, UsageError
from training.data.catalog import Kind
from training.data.episodes import Apart, EpisodeSampler, Protocol
from training.data.layouts.birdclef import load_birdclef, plain, read_split
from training.data.layouts.folders import load_folders, load_manifest
from training.data.splits import Part

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from training.data.layouts.folders import Layout


def tone(path: Path) -> Path:
    """A tenth of a second of a full-scale tone."""
    path.parent.mkdir(parents=True, exist_ok=True)
    samples = np.round(32767 * np.sin(2 * np.pi * 1000 * np.arange(1600) / 16_000)).astype("<i2")
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(16_000)
        file.writeframes(samples.tobytes())
    return path


def told(read: Callable[[], object]) -> str:
    with pytest.raises(AuricleError) as caught:
        read()
    return str(caught.value)


@pytest.fixture
def birds(tmp_path: Path) -> Path:
    """BirdCLEF's shape: folders by species, files by Xeno-canto number, a table and sidecars."""
    root = tmp_path / "birdclef"
    for name in ("Parus major/XC1.wav", "Parus major/XC2.wav", "Pica pica/XC3.wav", "Pica pica/XC4.wav"):
        tone(root / name)
    tone(root / "Corvus_corax/XC5.wav")
    tone(root / "Corvus_corax/XC6.WAV")
    (root / "Parus major/XC1.json").write_text("{}")
    (root / "README.txt").write_text("birds")
    lines = ["filename,author,license,xc_id", "XC1.mp3,Ann  A.,CC0,1", "XC2.mp3,Bob,CC0,2", "XC3.mp3,ann a.,CC BY,3"]
    (root / "train.csv").write_text("\n".join(lines))
    return root


def paths(layout: Layout) -> list[str]:
    return [recording.path for recording in layout.recordings]


def test_a_tree_of_folders_is_read(tmp_path: Path) -> None:
    for name in ("robin/a.wav", "robin/deep/b.wav", "wren/XC12 wren.wav", "wren/c.wav", "wren/.hidden", ".cache/x.wav"):
        tone(tmp_path / name)
    (tmp_path / "LICENSE").write_text("CC0")
    layout = load_folders(tmp_path, Kind.OTHER)
    assert paths(layout) == ["robin/a.wav", "robin/deep/b.wav", "wren/XC12 wren.wav", "wren/c.wav"]
    assert [one.label for one in layout.recordings] == ["robin", "robin", "wren", "wren"]
    assert layout.recordings[2].groups == ("xeno-canto:XC12", "file:wren/XC12 wren")
    assert {one.kind for one in layout.recordings} == {Kind.OTHER}
    assert layout.warnings == []


def test_every_fault_of_a_tree_is_told_at_once(tmp_path: Path) -> None:
    for name in ("Robin/a.wav", "robin/b.wav", "wren/c.wav", "loose.wav"):
        tone(tmp_path / name)
    (tmp_path / "nothing").mkdir()
    (tmp_path / "wren/notes.txt").write_text("?")
    (tmp_path / "wren/silent.wav").touch()
    (tmp_path / "wren/gone.wav").symlink_to(tmp_path / "gone")
    message = told(lambda: load_folders(tmp_path))
    for part in (
        "6 things are wrong",
        "class nothing in",
        "it has no recording",
        "wren/notes.txt",
        "it is no audio file",
        "wren/silent.wav",
        "it is empty",
        "it is a link to nothing",
        "it lies in no class folder",
        "labels Robin and robin differ only in case",
    ):
        assert part in message


def test_a_class_of_one_clip_is_a_warning(tmp_path: Path) -> None:
    tone(tmp_path / "wren/c.wav")
    assert load_folders(tmp_path).warnings == [
        "class wren has one clip: it can train, but no clip is left to ask about"
    ]


def test_a_folder_without_classes_or_no_folder_is_told(tmp_path: Path) -> None:
    assert "it has no class folders" in told(lambda: load_folders(tmp_path))
    assert "cannot be listed" in told(lambda: load_folders(tmp_path / "none"))
    assert "it has no class folders" in told(lambda: load_birdclef(tmp_path))


def test_a_manifest_is_read(tmp_path: Path) -> None:
    for name in ("one.wav", "two.wav", "three.wav"):
        tone(tmp_path / "audio" / name)
    table = tmp_path / "set.csv"
    lines = [
        "label,file,recordist,recording",
        "wren,one.wav,Ann,night",
        "wren,two.wav, ann ,night",
        "robin,three.wav,,",
    ]
    table.write_text("\ufeff" + "\n".join(lines), encoding="utf-8")
    layout = load_manifest(table, tmp_path / "audio")
    assert [(one.path, one.groups) for one in layout.recordings] == [
        ("one.wav", ("recordist:ann", "file:night")),
        ("three.wav", ("file:three",)),
        ("two.wav", ("recordist:ann", "file:night")),
    ]
    assert layout.warnings == ["class robin has one clip: it can train, but no clip is left to ask about"]


def test_every_fault_of_a_manifest_is_told_at_once(tmp_path: Path) -> None:
    tone(tmp_path / "set/one.wav")
    tone(tmp_path / "set/two.wav")
    tone(tmp_path / "outside.wav")
    (tmp_path / "set/notes.txt").write_text("?")
    table = tmp_path / "set/set.csv"
    rows = ["one.wav,wren", "two.wav,Wren", "one.wav,wren", "none.wav,wren", "../outside.wav,wren", "notes.txt,wren"]
    table.write_text("\n".join(["file,label", *rows, ",wren", "two.wav,"]))
    message = told(lambda: load_manifest(table))
    for part in (
        "7 things are wrong",
        "one.wav is named in line 2 too",
        "there is no file none.wav",
        "lies outside",
        "it is no audio file",
        "it has no file",
        "it has no label",
        "labels Wren and wren differ only in case",
    ):
        assert part in message
    table.write_text("path,label\n")
    assert "it has no column file" in told(lambda: load_manifest(table))
    table.write_text("file,label\n")
    assert "it names no recording" in told(lambda: load_manifest(table))


def test_birdclef_is_read_with_its_table(birds: Path) -> None:
    layout = load_birdclef(birds)
    assert len(layout.recordings) == 6
    first = next(one for one in layout.recordings if one.path == "Parus major/XC1.wav")
    assert first.groups == ("recordist:ann a.", "xeno-canto:XC1", "file:XC1")
    assert first.licence == "CC0"
    assert layout.warnings == ["3 of 6 recordings have no known recordist: keep them apart by recording"]
    assert layout.parts == {}
    episode = EpisodeSampler(layout.recordings, Protocol(3, apart=Apart.RECORDING), 0).draw(0)
    assert sorted(episode.species) == ["Corvus_corax", "Parus major", "Pica pica"]


@pytest.mark.parametrize("form", ["csv", "npz", "npy"])
def test_a_plain_split_is_read_and_prunes(birds: Path, form: str) -> None:
    split = birds.parent / f"split.{form}"
    if form == "csv":
        split.write_text("taxon,part\nParus_major,train\nCorvus corax,test\n")
    elif form == "npz":
        np.savez(split, train=np.array(["Parus_major"]), test=np.array(["Corvus corax"]))
    else:
        np.save(split, np.array([["Parus_major", "train"], ["Corvus corax", "test"]]))
    layout = load_birdclef(birds, split)
    assert layout.parts == {"Parus major": Part.TRAIN, "Corvus_corax": Part.TEST}
    assert {one.label for one in layout.recordings} == set(layout.parts)
    assert "1 species are not in the split and left out: Pica pica" in layout.warnings


class Trap:
    """Unpickling it would make a file."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[object, tuple[object, ...]]:
        return (open, (str(self.path), "w"))


@pytest.mark.parametrize("form", ["npy", "npz"])
def test_a_pickled_split_is_never_opened(tmp_path: Path, form: str) -> None:
    sprung = tmp_path / "sprung"
    split = tmp_path / f"split.{form}"
    pickled = np.array([["a"], ["b", "c"], Trap(sprung)], dtype=object)
    if form == "npy":
        np.save(split, pickled)
    else:
        np.savez(split, train=pickled)
    message = told(lambda: read_split(split))
    assert "a pickle, which can run any program" in message
    assert "np.savez('split.npz', train=" in message
    assert not sprung.exists()


def test_a_pickled_split_is_converted_as_the_message_says(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    split = tmp_path / "published.npy"
    np.save(split, np.array([["Parus major", "Pica pica"], ["Corvus corax"], ["Cuculus canorus"]], dtype=object))
    script = told(lambda: read_split(split)).split('python -c "')[1].split('"')[0]
    monkeypatch.chdir(tmp_path)
    exec(script)
    assert read_split(split.with_suffix(".npz")) == {
        "Parus major": Part.TRAIN,
        "Pica pica": Part.TRAIN,
        "Corvus corax": Part.VALIDATION,
        "Cuculus canorus": Part.TEST,
    }


def test_other_splits_that_cannot_be_read_are_told(tmp_path: Path) -> None:
    numbers = tmp_path / "numbers.npy"
    np.save(numbers, np.zeros((3, 2)))
    assert "it holds float64 of shape (3, 2)" in told(lambda: read_split(numbers))
    parts = tmp_path / "parts.npz"
    np.savez(parts, exam=np.array(["a"]))
    assert "it has parts exam" in told(lambda: read_split(parts))
    twice = tmp_path / "twice.npz"
    np.savez(twice, train=np.array(["a"]), test=np.array(["a"]))
    assert "a is in it twice" in told(lambda: read_split(twice))
    cut = tmp_path / "cut.npz"
    cut.write_bytes(parts.read_bytes()[:40])
    assert "it is damaged" in told(lambda: read_split(cut))
    assert "cannot be read" in told(lambda: read_split(tmp_path / "none.npy"))


def test_every_fault_of_birdclef_is_told_at_once(birds: Path) -> None:
    tone(birds / "Pica_pica/XC9.wav")
    tone(birds / "XC10.wav")
    (birds / "Turdus merula").mkdir()
    (birds / "Parus major/cover.jpg").write_bytes(b"\xff\xd8")
    (birds / "Parus major/XC77.json").write_text("{}")
    (birds / "train.csv").write_text("name,author\n")
    split = birds.parent / "split.csv"
    split.write_text("taxon,part\nParus major,train\nParus_major,test\nOtis tarda,test\n")
    message = told(lambda: load_birdclef(birds, split))
    for part in (
        "8 things are wrong",
        "it has no column filename",
        "it lies in no class folder",
        "class Turdus merula",
        "cover.jpg",
        "XC77.json",
        "labels Pica pica and Pica_pica differ only in case, spaces or apostrophes",
        "Parus major and Parus_major are one species in two parts",
        "1 species that have no folder: Otis tarda",
    ):
        assert part in message


def test_names_are_compared_without_spelling() -> None:
    assert plain("Lincoln's_Sparrow") == plain("lincolns  sparrow")


def test_an_empty_split_is_told(birds: Path) -> None:
    split = birds.parent / "split.csv"
    split.write_text("taxon,part\n")
    with pytest.raises(UsageError, match="names no species"):
        load_birdclef(birds, split)
