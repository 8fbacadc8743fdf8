"""The shipped classifier of animals on real recordings, through the command that a user types.

It has heard these recordings: what it tells of them shows that it runs as it was trained, not how well it does.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from monitor import paths
from monitor.engine.models import load_models
from monitor.inference.bundle import find_bundle, load_bundle
from monitor.settings import BirdsSettings, SpeciesSettings
from tests.helpers.program import auricle
from tests.helpers.recordings import DATA, needs_recordings

if TYPE_CHECKING:
    from pathlib import Path

    import pytest

NAME = "species-animals"
CLIPS = {
    "birds/audio/00464.opus": "Hylobates funereus_Gibbon Duet",
    "birds/audio/00554.opus": "Rhinoplax vigil_Helmeted Hornbill",
    "birds/audio/00874.opus": "Hylobates funereus_Female Gibbon",
}


def test_it_runs_only_where_it_is_asked_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AURICLE_DATA_DIR", str(tmp_path))
    roots = paths.model_roots()
    assert load_models(BirdsSettings(enabled=False), roots, species=SpeciesSettings()).classifiers == ()
    asked = load_models(BirdsSettings(enabled=False), roots, species=SpeciesSettings(models=(NAME,)))
    assert [one.bundle.manifest.name for one in asked.classifiers] == [NAME]


def test_it_knows_the_classes_of_its_card_with_a_threshold_each() -> None:
    bundle = load_bundle(find_bundle(NAME, paths.model_roots()))
    manifest = bundle.manifest
    assert manifest.reject == "background"
    assert len(bundle.labels) == 16
    assert set(manifest.thresholds) == {"confidence", *bundle.labels} - {"background"}
    assert all(0.3 <= one.value <= 0.9 for one in manifest.thresholds.values())
    assert {metric.name for metric in manifest.metrics} >= {"uar", "map", "uar, joined", "false hits an hour, joined"}


@needs_recordings
def test_it_names_what_calls(tmp_path: Path) -> None:
    files = [str(DATA / file) for file in CLIPS]
    done = auricle(tmp_path, "replay", *files, "--no-tui", "--speed", "max", "--species", NAME, "--jsonl", "-")
    assert done.code == 0, done.err
    found = [line for line in done.lines if line["type"] == "species"]
    for file, label in zip(files, CLIPS.values(), strict=True):
        first = max((line for line in found if line["source"] == file), key=lambda line: line["score"])
        assert first["label"] == label
        assert first["model"] == f"{NAME}@1.0.0"
