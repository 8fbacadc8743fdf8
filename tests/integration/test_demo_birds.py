"""The demo knows some of its own birds: it learns them when it starts, into a store of its own."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest

from monitor.audio.synthetic import phrases, soundscape, soundscape_truth
from monitor.birds.prototypes import PrototypeStore
from monitor.core.types import ENGINE_RATE
from monitor.engine.demo_birds import CLIPS, TAUGHT, teach
from monitor.engine.models import Models, load_models
from monitor.paths import model_roots
from monitor.settings import BirdsSettings
from tests.helpers.program import auricle
from tests.helpers.tiny_bundle import make_encoder_bundle

if TYPE_CHECKING:
    from pathlib import Path


def test_phrases_are_whole_the_same_again_and_not_those_of_the_soundscape() -> None:
    clips = phrases("trill", 3)
    assert all(np.array_equal(one, other) for one, other in zip(clips, phrases("trill", 3), strict=True))
    assert len({clip.tobytes() for clip in clips}) == 3
    scene = np.concatenate([block.samples for block in soundscape().blocks()])
    sung = [item for item in soundscape_truth() if item.label == "bird trill"]
    for clip in clips:
        second = clip.reshape(-1, ENGINE_RATE)
        assert np.abs(clip).max() < 1.0
        assert np.sqrt(np.mean(second[1] ** 2)) > 1.2 * np.sqrt(np.mean(second[0] ** 2))
        loud = clip[ENGINE_RATE : 2 * ENGINE_RATE]
        for item in sung:
            part = scene[round(item.start_s * ENGINE_RATE) :][:ENGINE_RATE]
            assert np.corrcoef(loud, part)[0, 1] < 0.9
    with pytest.raises(ValueError, match="no bird sings opera"):
        phrases("opera", 1)


def test_the_real_gate_hears_a_bird_in_every_clip(tmp_path: Path) -> None:
    make_encoder_bundle(tmp_path / "models")
    models = load_models(BirdsSettings(), [tmp_path / "models", *model_roots()])
    assert teach(models, tmp_path / "species") == TAUGHT
    assert [len(one.clips) for one in PrototypeStore(tmp_path / "species").list()] == [CLIPS] * len(TAUGHT)
    assert teach(Models(models.gate), tmp_path / "none") == ()
    assert not (tmp_path / "none").exists()


def test_the_demo_names_its_birds_and_leaves_the_users_store_alone(tmp_path: Path) -> None:
    make_encoder_bundle(tmp_path / "data" / "models")
    done = auricle(tmp_path, "demo", "--no-tui", "--jsonl", "-")
    assert done.code == 0, done.err
    labels = {line["label"] for line in done.lines if line["type"] == "tag" and not line["provisional"]}
    assert labels & set(TAUGHT)
    assert labels <= {*TAUGHT, None}
    assert not (tmp_path / "data" / "species").exists()
    again = auricle(tmp_path, "demo", "--no-tui", "--jsonl", "-")
    assert [line for line in again.lines if line["type"] == "tag"] == [
        line for line in done.lines if line["type"] == "tag"
    ]
