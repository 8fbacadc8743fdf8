"""The shipped scene classifier on real recordings, through the command that a user types.

It has heard these recordings: what it tells of them shows that it runs as it was trained, not how well it does.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.helpers.program import auricle
from tests.helpers.recordings import DATA, needs_recordings

if TYPE_CHECKING:
    from pathlib import Path

SCENES = DATA / "scenes"


@needs_recordings
@pytest.mark.parametrize(
    ("file", "scene"),
    [
        ("nature_forest/ashuto__app_src_main_assets_morning_in_a_village__2e0902.ogg", "nature_forest"),
        ("office_library/ashuto__app_src_main_assets_public_library_0__71884f.ogg", "office_library"),
        ("vehicle_interior/ashuto__app_src_main_assets_electric_car_0__90db7d.ogg", "vehicle_interior"),
    ],
)
def test_a_scene_is_told(tmp_path: Path, file: str, scene: str) -> None:
    done = auricle(tmp_path, "replay", str(SCENES / file), "--no-tui", "--speed", "max", "--jsonl", "-")
    assert done.code == 0, done.err
    changes = [line["label"] for line in done.lines if line["type"] == "scene_change"]
    assert changes[:1] == [scene]
    labels = [line["label"] for line in done.lines if line["type"] == "scene"]
    assert labels.count(scene) > 0.8 * len(labels)
