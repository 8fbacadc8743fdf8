"""The file and the folder of machines: what was written is read, anything else is refused with the reason."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import numpy as np
import pytest

from monitor.errors import StoreError, UsageError
from monitor.kept.npz import encode_npz
from monitor.machines.enroll import fit_profile
from monitor.machines.options import Options
from monitor.machines.profile_file import MACHINES, decode_profile, encode_profile
from monitor.machines.profile_folder import MachineFolder
from monitor.machines.relearning import learn_again
from monitor.machines.sounds import RATE, Sound, heard_sound
from monitor.machines.window import clip_windows
from tests.helpers.machines import fan

if TYPE_CHECKING:
    from pathlib import Path

    from monitor.machines.profile import MachineProfile


def sounds(count: int, first: int = 0, speed: float = 1.0) -> list[Sound]:
    return [heard_sound(fan(2.2, seed, speed=speed), RATE, f"fan-{seed}.wav") for seed in range(first, first + count)]


@pytest.fixture(scope="module")
def known() -> MachineProfile:
    options = Options(("knn", "lof", "gmm"), false_alarms_a_week=3.0)
    return fit_profile("Pump [3]", sounds(8), sounds(4, 20, 1.3), None, options, 1_700_000_000_000_000_000)


def scores(profile: MachineProfile) -> list[tuple]:
    return [tuple(profile.score_clip(clip_windows(fan(4.0, seed, squeal=0.01 * seed)))) for seed in range(3)]


def test_what_was_written_is_read_and_scores_the_same(known: MachineProfile):
    read = decode_profile(encode_profile(known))
    assert encode_profile(read) == encode_profile(known)
    assert scores(read) == scores(known)
    assert (read.options, read.clips, read.notes) == (known.options, known.clips, known.notes)
    assert not read.normals.flags.writeable


def test_a_file_that_is_cut_or_flipped_is_refused(known: MachineProfile):
    content = encode_profile(known)
    for length in [*range(0, len(content), 2_003), len(content) - 1]:
        with pytest.raises(ValueError, match=r"\w"):
            decode_profile(content[:length])
    generator = np.random.default_rng(0)
    for position in generator.integers(0, len(content), 60):
        damaged = bytearray(content)
        damaged[position] ^= 1 << int(generator.integers(8))
        try:
            read = decode_profile(bytes(damaged))
        except ValueError:
            continue
        # Bytes that mean nothing (dates of a zip) may differ.
        assert encode_profile(read) == content


def edited(known: MachineProfile, **changes: object) -> bytes:
    """The file with another header, or with other arrays."""
    import io

    with np.load(io.BytesIO(encode_profile(known))) as file:
        arrays = dict(file)
    header = json.loads(arrays["header"].tobytes())
    for key, value in changes.items():
        if isinstance(value, np.ndarray):
            arrays[key] = value
        else:
            header[key] = value
    arrays["header"] = np.frombuffer(json.dumps(header).encode(), np.uint8)
    return encode_npz(arrays)


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"colour": "red"}, "colour"),
        ({"format": "something else"}, "format"),
        ({"schema_version": 2}, "schema_version"),
        ({"spec_fingerprint": "0" * 16}, "learnt on features"),
        ({"context": 900}, "context"),
        ({"encoder_id": "machine-encoder@1.0.0"}, "belong together"),
        ({"name": " Pump"}, "as it would be kept"),
        ({"normals": np.zeros((3, 2))}, "normals"),
        ({"normals": np.full((12, 58), np.nan)}, "no numbers"),
        ({"0_source_mean": np.zeros(3)}, "whitening"),
        ({"normals_clip": np.full(12, 99, np.int64)}, "not there"),
        ({"clip_calibration_scores": np.zeros(4)}, "calibration"),
        ({"extra": np.zeros(4)}, "exactly"),
    ],
)
def test_what_does_not_fit_together_is_refused(known: MachineProfile, changes: dict, reason: str):
    with pytest.raises(ValueError, match=reason):
        decode_profile(edited(known, **changes))


def test_a_pickle_is_never_loaded():
    import io

    buffer = io.BytesIO()
    np.savez(buffer, header=np.array([{"a": 1}], dtype=object))
    with pytest.raises(ValueError, match="pickle"):
        decode_profile(buffer.getvalue())


def test_a_folder_keeps_replaces_and_forgets(tmp_path: Path):
    folder, other = MachineFolder(tmp_path / "machines"), MachineFolder(tmp_path / "machines")
    assert folder.list() == ()
    clips = sounds(4)
    profile = fit_profile("Pump", clips, (), None, Options(), 1)
    folder.save(profile, clips)
    assert other.changed()
    other.reload()
    assert other.get(" PUMP ").name == "Pump"
    assert np.array_equal(other.sound(profile.clips[2]).samples, clips[2].samples)
    assert other.path(profile.clips[2]).is_file()
    with pytest.raises(UsageError, match="already as Pump"):
        other.save(fit_profile("pump", clips, (), None, Options(), 1), clips)
    fewer = sounds(4, 1)
    other.save(fit_profile("Pump", fewer, (), None, Options(), 2), fewer, replace=True)
    assert len(list((tmp_path / "machines" / "audio").iterdir())) == 4
    folder.remove("pump")
    assert not list((tmp_path / "machines" / "audio").iterdir())
    with pytest.raises(UsageError, match="not enrolled"):
        folder.remove("pump")


def test_more_normals_are_learnt_beside_those_that_are_kept(tmp_path: Path):
    folder = MachineFolder(tmp_path)
    clips = sounds(5)
    folder.save(fit_profile("Pump", clips, (), None, Options(neighbours=1), 1), clips)
    profile = learn_again(folder, "pump", None, 2, sounds(1, 9), sounds(3, 30, 1.3))
    assert [clip.target for clip in profile.clips] == [False] * 6 + [True] * 3
    assert folder.get("Pump").options.neighbours == 1
    assert folder.get("Pump").enrolled_utc_ns == 2
    with pytest.raises(UsageError, match="same audio"):
        learn_again(folder, "pump", None, 3, sounds(1))
    assert folder.get("Pump").enrolled_utc_ns == 2


def test_damage_is_one_machines_and_an_export_brings_the_others(tmp_path: Path):
    here, there = MachineFolder(tmp_path / "here"), MachineFolder(tmp_path / "there")
    for name, first in (("Pump", 0), ("Fan", 10)):
        clips = sounds(4, first)
        here.save(fit_profile(name, clips, (), None, Options(), 1), clips)
    archive = tmp_path / "hall.zip"
    assert here.export_to(archive) == ("Fan", "Pump")
    assert there.import_from(archive, ["pump"]) == ("Pump",)
    assert there.sound(there.get("Pump").clips[0]).origin == "fan-0.wav"
    with pytest.raises(UsageError, match="already"):
        there.import_from(archive)
    assert [one.name for one in there.list()] == ["Pump"]
    archive.write_bytes(archive.read_bytes()[:-400])
    with pytest.raises(StoreError, match="nothing was imported"):
        there.import_from(archive, replace=True)
    file = tmp_path / "here" / MACHINES.file_name("Fan")
    file.write_bytes(file.read_bytes()[:5_000])
    here.reload()
    assert [one.name for one in here.list()] == ["Pump"]
    assert "--replace" in here.faults[0].remedy
    with pytest.raises(StoreError, match="damaged"):
        here.get("fan")
    here.remove("fan")
    assert here.faults == ()
