"""What is measured of a species classifier: thresholds, and what is heard in a joined recording."""

from __future__ import annotations

import io
import json
import wave
from typing import TYPE_CHECKING

import numpy as np
import pytest

pytest.importorskip("torch")
pytest.importorskip("lightning")

from monitor.core.clock import samples
from monitor.core.types import Span
from monitor.errors import UsageError
from monitor.features.spec import SPECIES
from training.data.audio import AudioStore
from training.data.splits import Part
from training.species.heard import Line, judge, main, read_detections
from training.species.joined import Call, read_calls, write_joined
from training.species.measure import Answers, Background, background_of, thresholds_of
from training.species.recipe import Decision, Recordings, SpeciesSettings
from training.species.source import Clip, Source

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

LABELS = ("fox", "owl", "background")


def source_of(seconds: tuple[float, ...] = (), reject: int | None = 2) -> Source:
    """Background clips of so many seconds that validate."""
    sound = np.zeros(round(sum(seconds) * SPECIES.rate), dtype=np.float32)
    places: dict[str, tuple[int, int]] = {}
    start = 0
    for i, one in enumerate(seconds):
        places[str(i)] = (start, round(one * SPECIES.rate))
        start += round(one * SPECIES.rate)
    clips = [Clip(str(i), 2, Part.VALIDATION, str(i), "") for i in range(len(seconds))]
    return Source(clips, LABELS, reject, AudioStore("x", sound, places), SPECIES, 150)


def answers_of(windows: list[list[float]], labels: list[int]) -> Answers:
    values = np.array(windows)
    places = np.array(labels)
    return Answers(places, values, values, places, np.array([str(i) for i in range(len(labels))]))


def test_thresholds_lie_above_what_background_reaches_and_other_classes() -> None:
    answers = answers_of([[0.9, 0.45, 0.0], [0.2, 0.8, 0.1], [0.1, 0.1, 0.9]], [0, 1, 2])
    # In two of the windows of background the reject class is likelier: they reach nothing.
    quiet = np.array([[0.7, 0.1, 0.2], [0.6, 0.1, 0.65], [0.5, 0.1, 0.2], [0.8, 0.1, 0.9]])
    decision = Decision(false_share=0.0, false_an_hour=0.0, least=0.3, most=0.95)
    found = thresholds_of(answers, Background(quiet, 0.5), source_of(), decision)
    assert found["fox"] == pytest.approx(0.7)
    assert found["owl"] == pytest.approx(0.45)
    assert found["owl"] > 0.45
    # Two an hour are one in half an hour.
    softer = Decision(false_share=0.0, false_an_hour=2.0, least=0.3, most=0.95)
    assert thresholds_of(answers, Background(quiet, 0.5), source_of(), softer)["fox"] == pytest.approx(0.5)
    bounded = Decision(false_share=0.0, false_an_hour=0.0, least=0.5, most=0.6)
    found = thresholds_of(answers, Background(quiet, 0.5), source_of(), bounded)
    assert (found["fox"], found["owl"]) == (0.6, 0.5)
    assert thresholds_of(None, None, source_of(), decision) == {}
    without = thresholds_of(
        answers_of([[0.9, 0.4, 0.0], [0.6, 0.8, 0.0]], [0, 1]), None, source_of(reject=None), decision
    )
    assert without["fox"] == pytest.approx(0.6)


def test_background_is_heard_as_the_monitor_hears_it() -> None:
    settings = SpeciesSettings(recordings=Recordings(folder="x"))
    asked: list[int] = []

    def score(windows: NDArray[np.float32]) -> NDArray[np.float64]:
        asked.append(len(windows))
        assert windows.shape[1:] == (150, 64)
        return np.zeros((len(windows), 3))

    found = background_of(settings, source_of((9.1, 2.0)), Part.VALIDATION, 75, score)
    assert found is not None
    # Windows of 3.04 s begin at 0, 1.5, 3, 4.5 and 6 s; the short clip is repeated to one.
    assert asked == [5, 1]
    assert found.windows.shape == (6, 3)
    assert found.hours == pytest.approx(6 * 1.5 / 3600)
    assert background_of(settings, source_of((9.0,)), Part.TEST, 75, score) is None


def span(start: float, end: float) -> Span:
    return Span(samples(start), samples(end))


CALLS = [Call(span(10, 14), "fox", "a.wav"), Call(span(30, 33), "owl", "b.wav"), Call(span(50, 53), "owl", "c.wav")]


def heard(start: float, end: float, label: str, score: float) -> Line:
    return Line(span(start, end), span(start, end), label, score)


def test_a_call_is_found_by_the_most_probable_detection_over_it() -> None:
    found = judge(
        CALLS,
        [
            heard(9, 12, "fox", 0.9),
            heard(11, 14, "owl", 0.5),  # over a call, so no false hit
            heard(31, 34, "fox", 0.9),
            heard(31, 34, "owl", 0.8),
            heard(20, 23, "owl", 0.6),
            heard(40, 43, "owl", 0.6),
            heard(40, 43, "fox", 0.6),
        ],
        whole_s=370.0,
    )
    assert found.calls == 3
    assert found.recall == {"fox": 1.0, "owl": 0.0}
    assert found.uar == pytest.approx(0.5)
    assert found.false == {"owl": 2, "fox": 1}
    assert found.false_hits == 3
    assert found.background_h == pytest.approx(0.1)
    assert found.false_hits_per_hour == pytest.approx(30.0)


def test_calls_are_read_as_they_were_written(tmp_path: Path) -> None:
    sound = np.linspace(-1.5, 1.5, 16_000).astype(np.float32)
    calls = [Call(span(0.25, 0.5), "Strix aluco_Tawny Owl", "owl, one.wav")]
    audio, table = write_joined(tmp_path, sound, calls)
    assert read_calls(table) == calls
    with wave.open(str(audio)) as stream:
        assert (stream.getframerate(), stream.getnframes(), stream.getsampwidth()) == (16_000, 16_000, 2)
    table.write_text("start_s,label\n1,fox\n")
    with pytest.raises(UsageError, match="no list of calls"):
        read_calls(table)
    with pytest.raises(UsageError, match="no list of calls"):
        read_calls(tmp_path / "none.csv")


def line(kind: str, start: float, end: float, label: str, score: float) -> str:
    best = {"start_s": start, "end_s": end}
    return json.dumps({"type": kind, **best, "label": label, "score": score, "best": best})


def test_json_lines_of_the_program_are_judged(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    _, table = write_joined(tmp_path, np.zeros(60 * 16_000, dtype=np.float32), CALLS)
    lines = [
        line("species", 9.0, 12.0, "fox", 0.9),
        line("tag", 50.0, 53.0, "owl", 0.9),
        line("species", 20.0, 23.0, "owl", 0.9),
    ]
    monkeypatch.setattr("sys.stdin", io.StringIO("\n".join(lines)))
    assert main([str(table)]) == 0
    told = capsys.readouterr().out
    assert "3 calls, UAR 0.500" in told
    assert "1 false hits in 0.8 minutes of background" in told
    monkeypatch.setattr("sys.stdin", io.StringIO("no reading\n"))
    assert main([str(table)]) == 2
    assert "line 1" in capsys.readouterr().err
    assert main([]) == 2
    assert "auricle replay" in capsys.readouterr().err
    monkeypatch.setattr("sys.stdin", io.StringIO(""))
    table.with_suffix(".wav").unlink()
    assert main([str(table)]) == 2
    assert read_detections([]) == []
