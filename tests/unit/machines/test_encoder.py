"""Machines with an encoder: its embeddings join the simple features, and another encoder's are refused."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest

pytest.importorskip("onnx", reason="the training packages, which write models, are not installed")

from monitor.errors import BundleError
from monitor.inference.bundle import load_bundle
from monitor.machines.encoder import MachineEncoder
from monitor.machines.enroll import fit_profile
from monitor.machines.options import Options
from monitor.machines.profile_file import decode_profile, encode_profile
from monitor.machines.sounds import RATE, heard_sound
from monitor.machines.window import clip_windows
from tests.helpers.machines import fan
from tests.helpers.tiny_bundle import make_gate_bundle
from tests.helpers.tiny_machine import DIMENSION, make_machine_bundle

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def encoder(tmp_path: Path) -> MachineEncoder:
    return MachineEncoder(load_bundle(make_machine_bundle(tmp_path)))


def test_embeddings_are_directions_and_do_not_depend_on_company(encoder: MachineEncoder):
    windows = np.stack([window.values for window in clip_windows(fan(5.0, 0))])
    rows = encoder.embed(windows)
    assert rows.shape == (3, DIMENSION)
    assert np.linalg.norm(rows, axis=1) == pytest.approx(np.ones(3), abs=1e-6)
    assert np.array_equal(rows[1], encoder.embed(windows[1:2])[0])
    assert encoder.id == "machine-encoder@1.0.0"


def test_a_profile_with_embeddings_tells_a_fault_and_needs_them(encoder: MachineEncoder):
    clips = [heard_sound(fan(4.0, seed), RATE, f"fan-{seed}.wav") for seed in range(8)]
    profile = decode_profile(encode_profile(fit_profile("fan-1", clips, (), encoder, Options(), 0)))
    assert profile.encoder_id == encoder.id
    assert [scorer.view for scorer in profile.scorers] == ["spectrum", "level", "embedding"]
    scores = []
    for squeal in (0.0, 0.03):
        windows = clip_windows(fan(4.0, 40, squeal=squeal))
        rows = encoder.embed(np.stack([window.values for window in windows]))
        scores.append(profile.score_clip(windows, rows).score)
    assert scores[1] > scores[0] + 1.0
    with pytest.raises(ValueError, match="needs its embeddings"):
        profile.score_clip(windows)


def test_a_model_for_something_else_is_refused(tmp_path: Path):
    with pytest.raises(BundleError, match="not an encoder of machines"):
        MachineEncoder(load_bundle(make_gate_bundle(tmp_path)))
