"""The prototype store on real files: names, round trips, other processes, and a disk that refuses."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import unicodedata
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from monitor.birds.prototype import EnrolledClip, name_key, species_name
from monitor.birds.prototype_file import file_name
from monitor.birds.prototypes import PrototypeStore
from monitor.core.types import Embedding, Span
from monitor.errors import StoreError, UsageError
from tests.helpers.species import ENCODER, NOW, OTHER, RATE, audio_files, clip, directed, filled, same

NAMES = st.text(min_size=1, max_size=60)


# -- embeddings --------------------------------------------------------------------------------------------------------


def test_an_embedding_is_a_read_only_unit_vector():
    embedding = Embedding(directed(1), Span(0, 10), ENCODER)
    with pytest.raises(ValueError, match="read-only"):
        embedding.vector[0] = 1.0
    for wrong in (2 * directed(1), np.zeros(3, np.float32), np.full(3, np.nan, np.float32), directed(1)[None]):
        with pytest.raises(ValueError):
            Embedding(wrong, Span(0, 10), ENCODER)
    with pytest.raises(ValueError, match="encoder"):
        Embedding(directed(1), Span(0, 10), "")


# -- names -------------------------------------------------------------------------------------------------------------


@given(NAMES)
def test_any_name_is_kept_or_refused_and_its_file_name_is_plain(text: str):
    try:
        name = species_name(text)
    except UsageError as error:
        assert error.what
        assert error.why
        assert error.remedy
        return
    assert species_name(name) == name
    file = file_name(name)
    assert file.isascii()
    assert len(file) < 100
    assert not set(file) - set("abcdefghijklmnopqrstuvwxyz0123456789_-.")
    assert file.count(".") == 1
    assert not file.startswith(("-", "."))


@given(NAMES, NAMES)
def test_names_share_a_file_exactly_if_they_are_the_same_but_for_case(one: str, other: str):
    assert (file_name(one) == file_name(other)) == (name_key(one) == name_key(other))
    decomposed = unicodedata.normalize("NFD", one)
    assert name_key(decomposed) == name_key(unicodedata.normalize("NFC", one))


@pytest.mark.parametrize("name", ["", "  \n", "a" * 201, "a\0b", "\ud800", "Unknown", "\x1b[31mred"])
def test_names_that_cannot_be_kept_are_refused(tmp_path: Path, name: str):
    with pytest.raises(UsageError, match="species name"):
        PrototypeStore(tmp_path).add(name, ENCODER, [clip(1)], NOW)


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(NAMES, st.lists(st.integers(0, 500), min_size=1, max_size=5, unique=True), st.none() | st.floats(-1, 1))
def test_what_is_added_is_what_another_store_reads(text: str, seeds: list[int], threshold: float | None):
    with tempfile.TemporaryDirectory() as folder:
        clips = [clip(seed) for seed in seeds]
        try:
            added = PrototypeStore(Path(folder)).add(text, ENCODER, clips, NOW, threshold)
        except UsageError:
            return
        store = PrototypeStore(Path(folder))
        assert store.faults == ()
        assert same(store.get(text), added)
        mean = np.mean([one.embedding for one in clips], axis=0)
        np.testing.assert_allclose(added.vector, mean / np.linalg.norm(mean), atol=1e-6)
        for reference, one in zip(added.clips, clips, strict=True):
            assert np.array_equal(store.audio(reference), one.samples)


# -- adding, replacing, removing ---------------------------------------------------------------------------------------


def test_a_store_without_a_folder_is_empty_and_makes_none(tmp_path: Path):
    store = PrototypeStore(tmp_path / "none")
    assert (store.names(), store.faults, store.changed()) == ((), (), False)
    assert not (tmp_path / "none").exists()
    with pytest.raises(UsageError, match="not enrolled"):
        store.get("Robin")


def test_a_name_that_is_there_is_refused_in_any_case(tmp_path: Path):
    store = filled(tmp_path, "Erithacus rubecula_European Robin")
    with pytest.raises(UsageError, match="already as Erithacus rubecula_European Robin"):
        store.add("erithacus  RUBECULA_european robin", ENCODER, [clip(5)], NOW)
    assert store.names() == ("Erithacus rubecula_European Robin",)


def test_replacing_forgets_the_old_clips_and_their_audio(tmp_path: Path):
    store = filled(tmp_path, "Robin", "Wren")
    before = audio_files(tmp_path)
    old = store.get("Robin")
    new = store.add("Robin", ENCODER, [clip(77)], NOW + 1, existing="replace")
    assert same(store.get("robin"), new)
    assert audio_files(tmp_path) == before - {one.sha256 for one in old.clips} | {clip(77).reference.sha256}


def test_adding_clips_averages_all_and_keeps_the_threshold(tmp_path: Path):
    store = filled(tmp_path, "Robin")
    store.set_threshold("Robin", 0.5)
    both = store.add("ROBIN", ENCODER, [clip(50)], NOW + 1, existing="add")
    assert (both.name, both.threshold, len(both.clips)) == ("Robin", 0.5, 3)
    mean = np.mean([directed(0), directed(1), directed(50)], axis=0)
    np.testing.assert_allclose(both.vector, mean / np.linalg.norm(mean), atol=1e-6)
    assert store.set_threshold("Robin", None).threshold is None
    for wrong in (float("nan"), float("inf")):
        with pytest.raises(UsageError, match="threshold"):
            store.set_threshold("Robin", wrong)


def test_the_same_audio_twice_is_refused_with_both_names(tmp_path: Path):
    store = PrototypeStore(tmp_path)
    with pytest.raises(UsageError, match=r"a\.wav and b\.wav are the same audio"):
        store.add("Robin", ENCODER, [clip(1, origin="a.wav"), clip(1, origin="b.wav")], NOW)
    assert store.names() == ()
    store.add("Robin", ENCODER, [clip(1, origin="a.wav")], NOW)
    with pytest.raises(UsageError, match=r"a\.wav and c\.wav are the same audio"):
        store.add("Robin", ENCODER, [clip(1, origin="c.wav")], NOW, existing="add")
    assert len(store.get("Robin").clips) == 1


def test_clips_that_make_no_prototype_are_refused(tmp_path: Path):
    store = PrototypeStore(tmp_path)
    opposite = EnrolledClip(clip(2).samples, RATE, "b.wav", -directed(1))
    for clips in ([], [clip(1), opposite], [clip(1), clip(2, width=25)]):
        with pytest.raises(UsageError, match="species Robin"):
            store.add("Robin", ENCODER, clips, NOW)
    with pytest.raises(UsageError, match="0 samples"):
        EnrolledClip(np.zeros(0, np.float32), RATE, "empty.wav", directed(1))


def test_removing_leaves_audio_that_another_species_needs(tmp_path: Path):
    store = filled(tmp_path, "Robin")
    store.add("Chorus", ENCODER, [clip(0), clip(9)], NOW)
    store.remove("Robin")
    assert store.names() == ("Chorus",)
    assert audio_files(tmp_path) == {one.sha256 for one in store.get("Chorus").clips}
    with pytest.raises(UsageError, match="not enrolled"):
        store.remove("Robin")


def test_origins_that_are_no_text_can_be_kept(tmp_path: Path):
    store = PrototypeStore(tmp_path)
    store.add("Robin", ENCODER, [clip(1, origin=os.fsdecode(b"call-\xff.wav"))], NOW)
    assert PrototypeStore(tmp_path).get("Robin").clips[0].origin == "call-\\udcff.wav"


# -- encoders ----------------------------------------------------------------------------------------------------------


def test_prototypes_of_another_encoder_are_listed_and_never_compared(tmp_path: Path):
    store = filled(tmp_path, "Wren", "Robin")
    store.add("Tit", OTHER, [clip(60, width=12)], NOW)
    ready = store.for_encoder(ENCODER)
    names, vectors = store.matrix(ENCODER)
    assert names == ("Robin", "Wren")
    assert (vectors.shape, vectors.dtype, vectors.flags.writeable) == ((2, 24), np.float32, False)
    assert ready.to_re_embed == ("Tit",)
    scores = ready.similarities(Embedding(store.get("Wren").vector, Span(0, 1), ENCODER))
    assert names[int(scores.argmax())] == "Wren"
    with pytest.raises(UsageError, match="other-encoder"):
        ready.similarities(Embedding(directed(1), Span(0, 1), OTHER))
    with pytest.raises(UsageError, match="dimensions"):
        ready.similarities(Embedding(directed(1, 30), Span(0, 1), ENCODER))
    with pytest.raises(UsageError, match="learnt with other-encoder"):
        store.add("Tit", ENCODER, [clip(61)], NOW, existing="add")
    with pytest.raises(UsageError, match="have 24 dimensions here"):
        store.add("Jay", ENCODER, [clip(62, width=30)], NOW)
    empty = store.for_encoder("none/1")
    assert (empty.matrix()[1].shape, len(empty.to_re_embed)) == ((0, 0), 3)
    assert empty.similarities(Embedding(directed(1), Span(0, 1), "none/1")).shape == (0,)


def test_a_new_encoder_embeds_the_kept_audio_again(tmp_path: Path):
    store = filled(tmp_path, "Robin")
    old = store.get("Robin")
    again = [
        EnrolledClip(store.audio(one), one.rate, one.origin, directed(number, 12))
        for number, one in enumerate(old.clips)
    ]
    store.add("Robin", OTHER, again, NOW, existing="replace")
    assert store.for_encoder(OTHER).to_re_embed == ()
    assert store.get("Robin").clips == old.clips
    assert len(audio_files(tmp_path)) == 2


# -- several processes -------------------------------------------------------------------------------------------------

WRITER = """
import sys
from pathlib import Path
import numpy as np
from monitor.birds.prototype import EnrolledClip
from monitor.birds.prototypes import PrototypeStore
store = PrototypeStore(Path(sys.argv[1]))
for number in range(5):
    vector = np.eye(24, dtype=np.float32)[number]
    samples = np.full(100, number + int(sys.argv[2]) / 100, dtype=np.float32)
    store.add("Shared", "bird-encoder/1.0.0", [EnrolledClip(samples, 16000, "x", vector)], 1, existing="add")
"""


def test_what_another_process_writes_is_noticed_and_nothing_is_lost(tmp_path: Path):
    engine = PrototypeStore(tmp_path)
    writers = [subprocess.Popen([sys.executable, "-c", WRITER, str(tmp_path), str(one)]) for one in (1, 2)]
    assert [writer.wait(60) for writer in writers] == [0, 0]
    assert engine.changed()
    assert engine.names() == ()
    engine.reload()
    assert not engine.changed()
    assert len(engine.get("Shared").clips) == 10


def test_every_write_is_noticed_and_ones_own_are_known(tmp_path: Path):
    writer = filled(tmp_path, "Robin")
    engine = PrototypeStore(tmp_path)
    for threshold in (0.1, 0.2, 0.3):
        writer.set_threshold("Robin", threshold)
        assert not writer.changed()
        assert engine.changed()
        engine.reload()
        assert engine.get("Robin").threshold == threshold
    (tmp_path / file_name("Robin")).unlink()
    assert engine.changed()
    engine.reload()
    assert engine.names() == ()


def test_what_an_interrupted_writer_left_is_tidied(tmp_path: Path):
    store = filled(tmp_path, "Robin")
    (tmp_path / "half.part").write_bytes(b"half")
    (tmp_path / "audio" / f"{'0' * 64}.npz").write_bytes(b"of a species that never came to be")
    assert PrototypeStore(tmp_path).names() == ("Robin",)
    store.set_threshold("Robin", 0.5)
    assert not list(tmp_path.glob("*.part"))
    assert len(audio_files(tmp_path)) == 2


# -- the disk ----------------------------------------------------------------------------------------------------------

FULL = """
import resource, signal, sys
from pathlib import Path
import numpy as np
from monitor.birds.prototype import EnrolledClip
from monitor.birds.prototypes import PrototypeStore
from monitor.errors import StoreError
store = PrototypeStore(Path(sys.argv[1]))
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (2000, 2000))
vector = np.eye(24, dtype=np.float32)[0]
for _ in range(2):
    try:
        store.add("Robin", "e/1", [EnrolledClip(np.ones(5000, np.float32), 16000, "x", vector)], 1, existing="replace")
    except StoreError as error:
        print(error.why)
try:
    store.export_to(Path(sys.argv[1]).parent / "out.zip")
except StoreError as error:
    print(error.why)
"""


def test_a_disk_that_takes_no_more_is_told_and_the_old_stays(tmp_path: Path):
    folder = tmp_path / "store"
    before = filled(folder, "Robin").get("Robin")
    done = subprocess.run([sys.executable, "-c", FULL, str(folder)], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("cannot be written (File too large)") == 3
    after = PrototypeStore(folder)
    assert same(after.get("Robin"), before)
    assert [after.audio(one).shape for one in before.clips] == [(800,), (800,)]
    assert not list(tmp_path.rglob("*.part"))
    assert not (tmp_path / "out.zip").exists()


def test_files_are_as_readable_as_the_user_wants_files_to_be(tmp_path: Path):
    store = filled(tmp_path / "store", "Robin")
    store.export_to(tmp_path / "out.zip")
    plain = tmp_path / "plain"
    plain.touch()
    written = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert {path.stat().st_mode for path in written} == {plain.stat().st_mode}


def test_a_folder_that_is_a_file_is_told(tmp_path: Path):
    path = tmp_path / "store"
    path.write_text("not a folder")
    with pytest.raises(StoreError, match="store"):
        PrototypeStore(path)


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_folder_that_may_not_be_written_is_told(tmp_path: Path):
    store = filled(tmp_path / "store", "Robin")
    (tmp_path / "store").chmod(0o555)
    try:
        with pytest.raises(StoreError, match="permission"):
            store.add("Wren", ENCODER, [clip(5)], NOW)
        assert store.names() == ("Robin",)
    finally:
        (tmp_path / "store").chmod(0o755)
