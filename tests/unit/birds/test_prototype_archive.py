"""Species as one file: what an export brings elsewhere, and which archives are refused whole."""

from __future__ import annotations

import tempfile
import zipfile
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from monitor.birds.prototype import name_key
from monitor.birds.prototypes import PrototypeStore
from monitor.errors import AuricleError, StoreError, UsageError
from tests.helpers.species import ENCODER, NOW, clip, filled, npz, same

NAMES = st.text(min_size=1, max_size=60)


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(NAMES, min_size=1, max_size=4, unique_by=name_key), st.data())
def test_an_export_brings_everything_elsewhere(names: list[str], data: st.DataObject):
    with tempfile.TemporaryDirectory() as folder:
        here, there = PrototypeStore(Path(folder, "here")), PrototypeStore(Path(folder, "there"))
        for number, name in enumerate(names):
            try:
                here.add(name, ENCODER, [clip(number), clip(100)], NOW, threshold=0.25)
            except UsageError:
                continue
        chosen = data.draw(st.lists(st.sampled_from(here.names() or ("none",)), unique=True))
        if not chosen or not here.names():
            return
        path = Path(folder, "out.zip")
        assert set(here.export_to(path, chosen)) == set(chosen)
        assert set(there.import_from(path)) == set(chosen)
        assert set(there.names()) == set(chosen)
        for name in chosen:
            assert same(there.get(name), here.get(name))
            for one in there.get(name).clips:
                assert np.array_equal(there.audio(one), here.audio(one))


def test_importing_what_is_there_is_refused_replaced_or_added(tmp_path: Path):
    here, there = filled(tmp_path / "here", "Robin", "Wren"), PrototypeStore(tmp_path / "there")
    path = tmp_path / "out.zip"
    here.export_to(path)
    with pytest.raises(UsageError, match="already"):
        here.export_to(path)
    here.export_to(path, replace=True)
    there.add("ROBIN", ENCODER, [clip(0), clip(70)], NOW, threshold=0.5)
    with pytest.raises(UsageError, match="already as ROBIN"):
        there.import_from(path)
    assert there.names() == ("ROBIN",)
    there.import_from(path, existing="add")
    assert there.names() == ("ROBIN", "Wren")
    assert (len(there.get("Robin").clips), there.get("Robin").threshold) == (3, 0.5)
    assert there.import_from(path, ["robin"], existing="replace") == ("Robin",)
    assert len(there.get("Robin").clips) == 2
    with pytest.raises(UsageError, match="does not hold Jay"):
        there.import_from(path, ["Robin", "Jay"], existing="replace")
    with pytest.raises(UsageError, match="not enrolled"):
        here.export_to(tmp_path / "jay.zip", ["Jay"])
    with pytest.raises(UsageError, match="nothing to export"):
        PrototypeStore(tmp_path / "none").export_to(tmp_path / "none.zip")
    with pytest.raises(StoreError, match="No such file"):
        there.import_from(tmp_path / "missing.zip")
    with pytest.raises(StoreError, match="cannot be written"):
        here.export_to(tmp_path / "no" / "such" / "folder.zip")


def test_an_archive_that_is_cut_or_flipped_changes_nothing(tmp_path: Path):
    here = filled(tmp_path / "here", "Robin", "Wren")
    here.export_to(tmp_path / "out.zip")
    whole = (tmp_path / "out.zip").read_bytes()
    path, folder = tmp_path / "bad.zip", tmp_path / "there"
    there = filled(folder, "Tit")
    before = {one: one.read_bytes() for one in folder.rglob("*.npz")}
    for length in range(0, len(whole), 997):
        path.write_bytes(whole[:length])
        with pytest.raises(StoreError, match="nothing was imported"):
            there.import_from(path)
    for position in range(0, len(whole), 211):
        damaged = bytearray(whole)
        damaged[position] ^= 0x10
        path.write_bytes(damaged)
        try:
            there.import_from(path)
        except StoreError:
            continue
        # Bytes that mean nothing (dates) may differ; then all is as it was exported.
        for name in here.names():
            assert same(there.get(name), here.get(name))
            there.remove(name)
    assert {one: one.read_bytes() for one in folder.rglob("*.npz")} == before


def repacked(source: Path, target: Path, extra: dict[str, bytes], compression: int = zipfile.ZIP_STORED) -> None:
    with zipfile.ZipFile(source) as old, zipfile.ZipFile(target, "w", compression) as new:
        for member in old.namelist():
            new.writestr(member, old.read(member))
        for name, content in extra.items():
            info = zipfile.ZipInfo(name)
            info.filename = name
            new.writestr(info, content)


@pytest.mark.parametrize(
    "name",
    ["/etc/passwd", "../up.npz", "audio/../../up.npz", "prototypes\\..\\up.npz", "readme.txt", "audio/", "audio/A.npz"],
)
def test_an_archive_with_any_other_name_is_refused(tmp_path: Path, name: str):
    filled(tmp_path / "here", "Robin").export_to(tmp_path / "out.zip")
    repacked(tmp_path / "out.zip", tmp_path / "bad.zip", {name: b"x"})
    with pytest.raises(StoreError, match="neither a prototype nor its audio"):
        PrototypeStore(tmp_path / "there").import_from(tmp_path / "bad.zip")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["bad.zip", "here", "out.zip"]


def test_bombs_links_copies_and_gaps_are_refused(tmp_path: Path):
    here = filled(tmp_path / "here", "Robin")
    good, bad = tmp_path / "out.zip", tmp_path / "bad.zip"
    here.export_to(good)
    there = PrototypeStore(tmp_path / "there")

    def refused(reason: str) -> None:
        with pytest.raises(StoreError, match=reason):
            there.import_from(bad)
        assert there.names() == ()

    repacked(good, bad, {"audio/bomb.npz": bytes(10_000_000)}, zipfile.ZIP_DEFLATED)
    refused("compressed")
    whole = bytearray(good.read_bytes())
    entry = whole.rfind(b"PK\x01\x02")
    whole[entry + 20 : entry + 28] = (0xFFFFFF00).to_bytes(4, "little") * 2
    bad.write_bytes(whole)
    refused("claims 4294967040 bytes")
    with zipfile.ZipFile(bad, "w") as archive:
        link = zipfile.ZipInfo("audio/link.npz")
        link.external_attr = 0o120777 << 16
        archive.writestr(link, "/etc/passwd")
    refused("a link")
    with zipfile.ZipFile(good) as archive:
        names = archive.namelist()
        prototype = archive.read(names[0])
    repacked(good, bad, {"prototypes/other.npz": prototype})
    refused("belongs elsewhere")
    with pytest.warns(UserWarning, match="Duplicate name"):
        repacked(good, bad, {names[0]: prototype})
    refused("twice")
    with zipfile.ZipFile(bad, "w") as archive:
        archive.writestr(names[0], prototype)
    refused("lacks audio/")
    with zipfile.ZipFile(bad, "w") as archive:
        archive.writestr("audio/a.npz", b"x")
    refused("no prototype")
    repacked(good, bad, {"prototypes/x.npz": npz(vector=np.array([object()]))})
    refused("exactly")


def test_every_refusal_says_what_why_and_what_to_do(tmp_path: Path):
    store = filled(tmp_path, "Robin")
    refusals = (
        lambda: store.add("Robin", ENCODER, [clip(1)], NOW),
        lambda: store.get("Jay"),
        lambda: store.import_from(tmp_path),
        lambda: store.export_to(tmp_path),
    )
    for refusal in refusals:
        with pytest.raises(AuricleError) as raised:
            refusal()
        assert all((raised.value.what, raised.value.why, raised.value.remedy))
