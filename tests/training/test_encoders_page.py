"""`docs/encoders.md`: what is counted, and what stands on the page."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from monitor.birds.cohort import Calibration
from monitor.core.types import Span
from monitor.errors import UsageError
from tests.helpers.clips import made_recordings
from tests.training.test_fewshot_openset import other_species, separable
from training.data.catalog import Box, Kind, Recording
from training.encoders.cost import CHOICES, Cost
from training.encoders.heard import GATED, OPEN, HeardByEncoder
from training.encoders.known import Known, OnMinutes, SpeciesNamed, named, on_minutes
from training.encoders.measure import able, measure
from training.encoders.page import page
from training.fewshot.enrolled_sets import draw_sets
from training.fewshot.false_tags import Heard

RECORDINGS = [one for one in made_recordings(24, 14) if one.label < "species 07" or int(one.path[-6:-5]) < 4]
"""Of seven species fourteen clips, of the others some."""


def quiet(name: str, rows: np.ndarray) -> Heard:
    """Sound without birds in which the rows were heard, ten seconds apart, in an hour."""
    spans = tuple(Span(start * 480_000, start * 480_000 + 48_000) for start in range(len(rows)))
    return Heard(name, rows.astype(np.float32), spans, 1.0)


def candidate(name: str) -> Any:
    """An encoder of which only numbers are asked."""
    manifest = SimpleNamespace(name=name, version="1.2.3", id=f"{name}@1.2.3", licence="CC0")
    return SimpleNamespace(
        name=name,
        bundle=SimpleNamespace(manifest=manifest),
        embedder=SimpleNamespace(dimension=24),
        cohort=other_species().cohort(8),
        calibration=Calibration(2.0, -4.0, 0.5),
        size=6_000_000,
    )


@pytest.fixture(scope="module")
def figures() -> list[Any]:
    measured: list[Any] = []
    for name, noise in (("bird-encoder", 0.6), ("birdnet", 0.05)):
        rows = separable(RECORDINGS, noise=noise)
        # Bird-free sound that sounds like the first two clips behind the gate, and like four with it held open.
        background = [quiet(GATED, rows[:2]), quiet(OPEN, rows[:4])]
        measured.append(measure(candidate(name), HeardByEncoder(RECORDINGS, rows, background), lambda _: None, 3))
    return measured


def test_every_row_that_the_clips_allow_is_measured(figures: list[Any]) -> None:
    rich = able(RECORDINGS, 10)
    assert 5 <= len(rich) < len(able(RECORDINGS, 3)) <= len(able(RECORDINGS, 1))
    for one in figures:
        asked = {(row.asked.enrolled, row.asked.shots): row for row in one.each}
        assert {(1, 1), (1, 3), (1, 10), (5, 1), (5, 3), (5, 10)} <= asked.keys()
        assert asked[5, 1].drawn_from == len(able(RECORDINGS, 1))
        assert {row.drawn_from for row in one.same} == {len(rich)}
        assert {row.asked.shots for row in one.same} == {1, 3, 10}
        gated, held_open = asked[5, 1].false_tags
        assert (gated.name, held_open.name) == (GATED, OPEN)
        assert gated.count <= held_open.count <= 4
    ours, clear = ({row.asked.shots: row.asked for row in one.each if row.asked.enrolled == 5} for one in figures)
    assert clear[1].recall.value > ours[1].recall.value


def test_sets_are_drawn_among_the_named_species() -> None:
    rich = able(RECORDINGS, 10)[:5]
    sets = draw_sets(RECORDINGS, 3, 1, 20, among=rich)
    assert {RECORDINGS[row].label for row in sets.support.ravel()} <= set(rich)
    with pytest.raises(UsageError, match="5 species have 1 clips"):
        draw_sets(RECORDINGS, 6, 1, 2, among=rich)


def line(scientific: str, score: float, start_s: float = 0.0, kind: str = "bird") -> dict[str, Any]:
    return {"scientific": scientific, "score": score, "start_s": start_s, "end_s": start_s + 3.0, "kind": kind}


def test_the_most_probable_label_of_a_clip_counts() -> None:
    clips = [Recording(f"{number}.wav", Kind.SPECIES, "Parus major", "", ()) for number in range(3)]
    told = {
        "0.wav": [line("Turdus merula", 0.4), line("Parus major", 0.6)],
        "1.wav": [line("Parus major", 0.3), line("", 0.9, kind="sound")],
        "2.wav": [],
    }
    assert named(clips, told) == (SpeciesNamed("Parus major", 3, 1),)


def test_marked_calls_are_met_by_time_species_and_genus() -> None:
    boxes = (
        Box(10.0, 11.0, 0, 0, "Galerida theklae"),
        Box(20.0, 21.0, 0, 0, "Curruca"),
        Box(30.0, 31.0, 0, 0, "Curruca undata"),
        Box(50.0, 51.0, 0, 0, "Curruca undata"),
    )
    field = Recording("minute.wav", Kind.FIELD, "", "", (), boxes=boxes)
    told = {
        "minute.wav": [
            line("Galerida theklae", 0.5, 9.0),
            line("Curruca melanocephala", 0.5, 18.5),
            line("Curruca melanocephala", 0.5, 29.0),
            line("", 0.9, 50.0, kind="sound"),
            line("Turdus merula", 0.5, 40.0),
        ]
    }
    assert on_minutes("always", [field], told, 7.5) == OnMinutes("always", 4, 3, 2, 1, 7.5)


def test_the_page_says_it_all(figures: list[Any]) -> None:
    clips = {
        run: (SpeciesNamed("Parus major", 3, 3), SpeciesNamed("Turdus merula", 4, 1)) for run in ("always", "gated")
    }
    minutes = tuple(OnMinutes(run, 36, 20, 14, 3, 7.0) for run in ("always", "gated"))
    known = Known(clips, ("Neophron percnopterus",), minutes, 0.15)
    costs = [Cost(name, 50.0 + number, 300.0, 4.0, 7.0) for number, name in enumerate(CHOICES)]
    text = page([candidate("bird-encoder"), candidate("birdnet")], figures, known, costs)
    assert text.startswith("# Which encoder\n")
    assert "57.1 %** of the clips" in text
    assert "| 1 of 4 | *Turdus merula* |" in text
    assert "All clips right: 1 species" in text
    assert "*Neophron percnopterus*" in text
    assert '| `run = "gated"` | 20 of 36 | 14 of 36 | 3 | 7.0 |' in text
    assert "| 5 species, 10 clips |" in text
    assert all(name in text for name in CHOICES)
    assert "None" not in text
