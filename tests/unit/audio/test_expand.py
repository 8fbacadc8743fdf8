"""What the user names becomes recordings."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from monitor.audio.sources import expand_paths
from monitor.errors import SourceError


@pytest.fixture
def folder(tmp_path):
    for name in ("b.wav", "a.WAV", "sub/c.flac", "sub/deep/d.mp3", "notes.txt", "._a.wav", ".hidden/e.wav", "z[1].ogg"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes(b"x")
    return tmp_path


def names(found, folder):
    return [str(path.relative_to(folder)) if isinstance(path, Path) else path for path in found]


def test_a_folder_gives_all_recordings_sorted(folder):
    assert names(expand_paths([folder]), folder) == ["a.WAV", "b.wav", "sub/c.flac", "sub/deep/d.mp3", "z[1].ogg"]


def test_patterns_files_and_standard_input_in_the_order_given(folder):
    given = ["-", f"{folder}/b.*", str(folder / "notes.txt"), f"{folder}/**/*.mp3", str(folder / "z[1].ogg"), "-"]
    assert names(expand_paths(given), folder) == ["-", "b.wav", "notes.txt", "sub/deep/d.mp3", "z[1].ogg"]
    assert names(expand_paths([f"{folder}/su?"]), folder) == ["sub/c.flac", "sub/deep/d.mp3"]


def test_each_recording_once(folder):
    (folder / "link.wav").symlink_to(folder / "b.wav")
    given = [folder / "b.wav", folder, f"{folder}/sub/../b.wav"]
    found = names(expand_paths(given), folder)
    assert found == ["b.wav", "a.WAV", "sub/c.flac", "sub/deep/d.mp3", "z[1].ogg"]


def test_relative_names_stay_as_they_were_given(folder, monkeypatch):
    monkeypatch.chdir(folder)
    assert expand_paths(["sub", "b.wav"]) == [Path("sub/c.flac"), Path("sub/deep/d.mp3"), Path("b.wav")]


@pytest.mark.parametrize(
    ("given", "reason"),
    [("missing.wav", "no such file"), ("*.aiff", "matches nothing"), ("", "empty path"), ("empty", "no recordings")],
)
def test_what_matches_nothing_is_an_error(folder, monkeypatch, given, reason):
    monkeypatch.chdir(folder)
    (folder / "empty").mkdir()
    with pytest.raises(SourceError, match=reason) as caught:
        expand_paths([given])
    assert caught.value.remedy


def test_all_faults_come_at_once(folder):
    with pytest.raises(SourceError) as caught:
        expand_paths([folder, "nowhere.wav", "nothing*.wav"])
    assert "nowhere.wav" in caught.value.why
    assert "nothing*.wav" in caught.value.why


def test_a_dangling_link_is_left_to_the_source(folder):
    (folder / "gone.wav").symlink_to(folder / "nowhere.wav")
    assert folder / "gone.wav" in expand_paths([folder / "gone.wav"])


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read every folder")
def test_a_folder_that_may_not_be_read_is_told(folder):
    (folder / "sub").chmod(0)
    try:
        with pytest.raises(SourceError, match="cannot be read"):
            expand_paths([folder])
    finally:
        (folder / "sub").chmod(0o755)
