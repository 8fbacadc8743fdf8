from __future__ import annotations

from pathlib import Path

import pytest

from monitor.errors import BundleError
from monitor.inference.bundle import find_bundle
from monitor.inference.reports import LARGEST_GOLDEN_SHIPPED, inspect_models, shipping_faults
from tests.helpers.tiny_bundle import edit_manifest, make_gate_bundle


@pytest.fixture
def roots(tmp_path: Path) -> tuple[Path, Path]:
    """The user's own, and the ones that came with the program."""
    return tmp_path / "own", tmp_path / "shipped"


def test_the_newest_version_is_found_by_number_not_by_letter(roots: tuple[Path, Path]) -> None:
    for version in ("1.9.0", "1.10.0", "1.2.0"):
        make_gate_bundle(roots[1], version=version)
    assert find_bundle("bird-gate", roots) == roots[1] / "bird-gate" / "1.10.0"
    assert find_bundle("bird-gate@1.9.0", roots) == roots[1] / "bird-gate" / "1.9.0"


def test_an_earlier_root_wins(roots: tuple[Path, Path]) -> None:
    make_gate_bundle(roots[1], version="2.0.0")
    own = make_gate_bundle(roots[0])
    assert find_bundle("bird-gate", roots) == own
    assert find_bundle("bird-gate@2.0.0", roots).parent.parent == roots[1]


def test_a_path_is_taken_as_it_is(tmp_path: Path) -> None:
    assert find_bundle(f"{tmp_path}/mine", ()) == tmp_path / "mine"
    assert find_bundle("~/mine", ()) == Path.home() / "mine"


@pytest.mark.parametrize("name", ["owl-gate", "bird-gate@9.0.0", "", "..", "*", "@1.0.0"])
def test_what_is_not_there_lists_what_is(roots: tuple[Path, Path], name: str) -> None:
    make_gate_bundle(roots[0])
    make_gate_bundle(roots[1], name="other-gate", version="1.2.3")
    with pytest.raises(BundleError, match=r"There are: bird-gate@1\.0\.0, other-gate@1\.2\.3") as caught:
        find_bundle(name, roots)
    assert all(str(root) in caught.value.why for root in roots)


def test_no_models_at_all(roots: tuple[Path, Path]) -> None:
    with pytest.raises(BundleError, match="There are none"):
        find_bundle("bird-gate", roots)
    assert inspect_models(roots) == []


def test_reports_tell_of_sound_broken_and_hidden_bundles(roots: tuple[Path, Path]) -> None:
    own = make_gate_bundle(roots[0])
    (own / "golden.npz").unlink()
    make_gate_bundle(roots[1], version="0.9.0")
    make_gate_bundle(roots[1], name="other-gate")
    (roots[1] / "index.json").write_text("{}")
    (roots[1] / ".cache" / "1.0").mkdir(parents=True)
    broken, older, other = inspect_models(roots)
    assert (broken.name, broken.version, broken.task, broken.hidden) == ("bird-gate", "1.0.0", "gate", False)
    assert broken.faults == ("golden.npz: is missing",)
    assert broken.findings[0].where == "golden.npz"
    assert (older.version, older.hidden, older.faults) == ("0.9.0", True, ())
    assert (other.name, other.hidden, other.path) == ("other-gate", False, roots[1] / "other-gate" / "1.0.0")
    assert other.summary
    assert other.size == sum(file.stat().st_size for file in other.path.iterdir())


def test_a_bundle_without_a_readable_manifest_has_a_name_too(roots: tuple[Path, Path]) -> None:
    (make_gate_bundle(roots[0]) / "manifest.json").write_text("{")
    (report,) = inspect_models(roots)
    assert (report.name, report.version, report.task, report.summary) == ("bird-gate", "1.0.0", "?", "")
    assert len(report.faults) == 1


def test_a_folder_that_belies_its_manifest(roots: tuple[Path, Path]) -> None:
    folder = make_gate_bundle(roots[0])
    edit_manifest(folder, lambda m: m.update(version="1.0.1"))
    (report,) = inspect_models(roots)
    assert report.faults == ("manifest.json: describes bird-gate@1.0.1, but lies in bird-gate/1.0.0",)


def test_what_may_not_be_shipped(tmp_path: Path) -> None:
    folder = make_gate_bundle(tmp_path)
    assert shipping_faults(tmp_path) == []
    (folder / "CARD.md").unlink()
    (folder / "golden.npz").write_bytes(bytes(LARGEST_GOLDEN_SHIPPED + 1))
    make_gate_bundle(tmp_path, version="1.0.1")
    for number in range(4):
        (folder / f"extra{number}").write_bytes(bytes(8_000_000 + (number == 0)))
    told = "\n".join(str(fault) for fault in shipping_faults(tmp_path))
    for part in (
        "only one version",
        "CARD.md: is missing",
        "golden.npz: damaged",
        "at most 200000",
        "extra0: has",
        "in all",
    ):
        assert part in told


def test_the_models_of_the_program_may_be_shipped() -> None:
    root = Path(__file__).resolve().parents[3] / "models"
    if not root.is_dir():
        pytest.skip("no models in this checkout")
    assert shipping_faults(root) == []
