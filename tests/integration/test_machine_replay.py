"""A real machine enrolled from its training clips, its test clips joined into one recording and replayed.

How often it rings where nothing is wrong is printed as count, hours and upper bound: a test of minutes cannot promise a
false alarm a week.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pytest
import soundfile
from scipy.stats import chi2

from tests.helpers.program import auricle
from tests.helpers.recordings import DATA, needs_recordings

if TYPE_CHECKING:
    from pathlib import Path

RATE = 16_000
FADE = RATE // 10
"""Samples over which clips are blended: a click at each join would be a fault of the recording."""

NEVER_ENROLLED = "pat_02"
"""A valve's pattern that no training clip has: whether that is normal, nobody can have taught."""


@dataclass(frozen=True)
class Part:
    """A clip of the joined recording."""

    start_s: float
    end_s: float
    anomaly: bool


def clips(kind: str, part: str, what: str = "") -> list[Path]:
    found = sorted((DATA / "machines" / kind / part).glob(f"*{what}*"))
    return [file for file in found if NEVER_ENROLLED not in file.name]


def joined(files: list[Path]) -> tuple[np.ndarray, list[Part]]:
    """One recording, and which clip is where."""
    sound = np.zeros(0, np.float32)
    parts: list[Part] = []
    rise = np.sin(np.linspace(0, np.pi / 2, FADE)).astype(np.float32)
    for file in files:
        clip = soundfile.read(file, dtype="float32")[0]
        start = max(0, len(sound) - FADE)
        if len(sound):
            blend = sound[-FADE:] * rise[::-1] + clip[:FADE] * rise
            sound = np.concatenate([sound[:-FADE], blend, clip[FADE:]])
        else:
            sound = clip
        parts.append(Part(start / RATE, len(sound) / RATE, "_anomaly_" in file.name))
    return sound, parts


@needs_recordings
@pytest.mark.parametrize(("kind", "found_least"), [("valve", 0.4), ("fan", 0.2)])
def test_alarms_are_where_the_anomalies_are(
    kind: str, found_least: float, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    source, target = clips(kind, "train", "_source_"), clips(kind, "train", "_target_")
    words = ["machine", "enroll", kind, "--source", *map(str, source), "--target", *map(str, target)]
    enrolled = auricle(tmp_path, *words)
    assert enrolled.code == 0, enrolled.err
    sound, parts = joined(clips(kind, "test", "_normal_") + clips(kind, "test", "_anomaly_"))
    recording = tmp_path / "joined.wav"
    soundfile.write(recording, sound, RATE, subtype="FLOAT")
    replayed = auricle(tmp_path, "replay", str(recording), "--speed", "max", "--no-tui", "--jsonl", "-")
    assert replayed.code == 0, replayed.err
    readings = [line for line in replayed.lines if line["type"] == "anomaly"]
    assert len(readings) == pytest.approx(len(sound) / RATE / 1.008, abs=3)
    share = {
        anomaly: float(np.mean([line["alarm"] for line in readings if _inside(line, parts, anomaly)]))
        for anomaly in (False, True)
    }
    wrong_from = min(part.start_s for part in parts if part.anomaly)
    rang = [line for line in replayed.lines if line["type"] == "machine" and line["alarm"]]
    false_alarms = sum(line["end_s"] <= wrong_from for line in rang)
    hours = wrong_from / 3600
    bound = chi2.ppf(0.95, 2 * (false_alarms + 1)) / 2 / hours
    with capsys.disabled():
        print(
            f"\n{kind}: in alarm {share[True]:.0%} of the anomalies and {share[False]:.0%} of the normals; "
            f"{false_alarms} false alarm(s) in {hours:.3f} h, at most {bound:.0f} an hour (95 %)"
        )
    assert share[True] >= found_least
    assert share[True] > 3 * share[False]
    assert false_alarms <= 1
    assert all(line["nearest_clip"] for line in rang)


def _inside(line: dict[str, float], parts: list[Part], anomaly: bool) -> bool:
    """Whether a window lies within clips of a kind."""
    middle = (line["start_s"] + line["end_s"]) / 2
    return any(part.anomaly == anomaly and part.start_s <= middle < part.end_s for part in parts)
