"""The cohort of an encoder's bundle: covered by its hash, plain arrays, and every fault told at once."""

from __future__ import annotations

import pickle
import shutil
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from monitor.errors import BundleError
from monitor.inference.bundle import LARGEST, load_bundle, verify_bundle
from monitor.inference.cohort_file import write_cohort
from monitor.inference.manifest import COHORT_FILE
from monitor.inference.manifest_file import sha256_of
from tests.helpers.tiny_bundle import DIMENSION, NEAREST, edit_manifest, make_encoder_bundle, make_gate_bundle

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


@pytest.fixture(scope="module")
def sound_bundle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_encoder_bundle(tmp_path_factory.mktemp("models"))


@pytest.fixture
def folder(sound_bundle: Path, tmp_path: Path) -> Path:
    """A copy to spoil."""
    return shutil.copytree(sound_bundle, tmp_path / "bird-encoder" / "1.0.0")


def told(folder: Path) -> list[str]:
    faults = [str(fault) for fault in verify_bundle(folder)]
    with pytest.raises(BundleError) as caught:
        load_bundle(folder)
    assert all(fault in str(caught.value) for fault in faults)
    return faults


def put(folder: Path, content: dict[str, Any], **options: Any) -> None:
    """Another cohort, with its hash."""
    with (folder / COHORT_FILE).open("wb") as stream:
        np.savez(stream, **content, **options)
    vouch(folder)


def vouch(folder: Path) -> None:
    digest = sha256_of(folder / COHORT_FILE)
    edit_manifest(folder, lambda content: content["cohort"].update(sha256=digest))


def rows(count: int = 40, width: int = DIMENSION) -> np.ndarray:
    made = np.random.default_rng(5).standard_normal((count, width))
    return (made / np.linalg.norm(made, axis=1, keepdims=True)).astype(np.float16)


def test_a_sound_encoder_brings_its_cohort(folder: Path) -> None:
    bundle = load_bundle(folder)
    assert bundle.cohort is not None
    assert bundle.cohort.embedding.dtype == np.float32
    assert bundle.cohort.embedding.shape == (len(bundle.cohort.taxon), DIMENSION)
    assert not bundle.cohort.embedding.flags.writeable
    np.testing.assert_allclose(np.linalg.norm(bundle.cohort.embedding, axis=1), 1.0, atol=1e-6)
    assert {"", "taxon 2200"} <= set(bundle.cohort.taxon)


def test_what_is_written_is_read(folder: Path) -> None:
    embedding, taxa = rows(30), ["Turdus merula"] * 3 + [""] * 27
    write_cohort(folder / COHORT_FILE, embedding, taxa)
    vouch(folder)
    cohort = load_bundle(folder).cohort
    assert cohort is not None
    assert list(cohort.taxon) == taxa
    np.testing.assert_allclose(cohort.embedding, embedding.astype(np.float32), atol=2e-3)


def test_an_encoder_without_a_cohort_is_sound(tmp_path: Path) -> None:
    assert load_bundle(make_encoder_bundle(tmp_path, cohort=False)).cohort is None


def test_a_cohort_that_no_manifest_vouches_for_is_refused(tmp_path: Path) -> None:
    folder = make_encoder_bundle(tmp_path, cohort=False)
    write_cohort(folder / COHORT_FILE, rows(), [""] * 40)
    assert told(folder) == ["cohort.npz: is not in the manifest"]


def test_a_changed_cohort_is_not_even_opened(folder: Path) -> None:
    content = bytearray((folder / COHORT_FILE).read_bytes())
    content[len(content) // 2] ^= 1
    (folder / COHORT_FILE).write_bytes(content)
    (fault,) = told(folder)
    assert "cohort.npz: was changed" in fault


def test_a_missing_cohort(folder: Path) -> None:
    (folder / COHORT_FILE).unlink()
    assert told(folder) == ["cohort.npz: is missing"]


def test_a_cohort_that_is_too_large_is_not_even_opened(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(LARGEST, COHORT_FILE, 100)
    (fault,) = told(folder)
    assert fault.startswith("cohort.npz: has ")


def test_faults_of_all_files_come_at_once(folder: Path) -> None:
    (folder / COHORT_FILE).unlink()
    (folder / "golden.npz").unlink()
    edit_manifest(folder, lambda content: content["thresholds"]["known"].update(value=1.5))
    assert len(told(folder)) == 3


TAXA = np.array(["a"] * 20 + [""] * 20)


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        ({"embedding": rows()}, "array `taxon` is missing"),
        ({"taxon": TAXA}, "array `embedding` is missing"),
        ({"embedding": rows(), "taxon": TAXA, "more": TAXA}, "unknown array `more`"),
        ({"embedding": rows().astype(np.float32), "taxon": TAXA}, "must be float16 of 2 dimensions, got float32"),
        ({"embedding": rows()[0], "taxon": TAXA}, "must be float16 of 2 dimensions"),
        ({"embedding": rows(40, 8), "taxon": TAXA}, "(40, 8), which does not fit the output, (batch, 16)"),
        ({"embedding": rows() * np.float16(2), "taxon": TAXA}, "rows that are not of length 1"),
        ({"embedding": rows() * np.float16(np.nan), "taxon": TAXA}, "rows that are not of length 1"),
        ({"embedding": rows(), "taxon": np.arange(40)}, "must be text of 1 dimension"),
        ({"embedding": rows(), "taxon": TAXA[None]}, "must be text of 1 dimension"),
        ({"embedding": rows(39), "taxon": TAXA}, "39 embeddings, but 40 taxa"),
        ({"embedding": rows(NEAREST - 1), "taxon": TAXA[-NEAREST + 1 :]}, f"11 rows are left, `nearest` is {NEAREST}"),
        ({"embedding": rows(0), "taxon": TAXA[:0]}, "0 rows are left"),
        ({"embedding": rows(), "taxon": np.array(["a"] * 40)}, "without its largest taxon 0 rows are left"),
        ({"embedding": rows(), "taxon": TAXA.astype(object)}, "pickled objects, which are never loaded"),
    ],
)
def test_arrays_that_are_no_cohort(folder: Path, content: dict[str, Any], expected: str) -> None:
    put(folder, content)
    (fault,) = told(folder)
    assert fault.startswith("cohort.npz: ")
    assert expected in fault


class Trap:
    def __reduce__(self) -> tuple[Callable[..., object], tuple[object, ...]]:
        return pytest.fail, ("a pickle was loaded",)


@pytest.mark.parametrize("content", [b"", b"no zip", pickle.dumps(Trap())])
def test_what_is_no_npz(folder: Path, content: bytes) -> None:
    (folder / COHORT_FILE).write_bytes(content)
    vouch(folder)
    (fault,) = told(folder)
    assert fault.startswith("cohort.npz: ")


@pytest.mark.parametrize(
    ("edit", "expected"),
    [
        (lambda m: m["cohort"].update(nearest=0), "cohort.nearest"),
        (lambda m: m["cohort"].update(slope=0.0), "cohort.slope"),
        (lambda m: m["cohort"].update(file="../cohort.npz"), "cohort.file"),
        (lambda m: m["cohort"].update(slopes=1.0), "cohort.slopes: unknown key; did you mean `slope`?"),
        (lambda m: m["cohort"].pop("sha256"), "cohort.sha256: is missing"),
        (lambda m: m["thresholds"].clear(), "an encoder with a cohort needs the threshold `known`"),
        (lambda m: m["thresholds"]["known"].update(value=1.01), "thresholds.known: is a probability, 0..1, got 1.01"),
        (lambda m: m["outputs"][0].update(axes=["batch"], shape=[None]), "an encoder gives (batch, d) with d fixed"),
        (lambda m: m["outputs"][0].update(shape=[None, None]), "an encoder gives (batch, d) with d fixed"),
    ],
)
def test_manifests_of_no_sound_encoder(folder: Path, edit: Callable[[dict[str, Any]], object], expected: str) -> None:
    edit_manifest(folder, edit)
    assert any(expected in fault for fault in told(folder))


def test_only_an_encoder_has_a_cohort(tmp_path: Path) -> None:
    folder = make_gate_bundle(tmp_path)
    part = {"sha256": "0" * 64, "nearest": 1, "slope": 1.0, "offset": 0.0, "made_of": "nothing"}
    edit_manifest(folder, lambda content: content.update(cohort=part))
    assert any("only an encoder has a cohort, not a model for `gate`" in fault for fault in told(folder))
