"""Species that a classifier knows, beside those that were taught, on the screen."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from monitor.core.events import ActivityChange, SourceCondition, SpeciesDetection
from monitor.core.species_readings import SoundKind
from monitor.core.types import ENGINE_RATE, Span
from monitor.tui.labels import place_labels
from monitor.tui.state import ScreenState
from monitor.tui.timeline import Timeline
from monitor.tui.widgets.birds import species_rows
from monitor.tui.wording import event_words
from tests.tui.driving import drawn, folded, make_app
from tests.tui.scenes import Scene, s

if TYPE_CHECKING:
    from collections.abc import Callable

    from textual.pilot import Pilot

    from monitor.bus.messages import Delivery, Message
    from monitor.tui.source import SourceView


def heard(
    scene: Scene,
    common: str,
    start_s: float,
    end_s: float,
    score: float = 0.9,
    kind: SoundKind = SoundKind.BIRD,
    *,
    continues: bool = False,
) -> Delivery:
    span = Span(s(start_s), s(end_s))
    scientific = "Genus species" if kind is SoundKind.BIRD else ""
    label = f"{scientific or common}_{common}"
    return scene.tell(
        SpeciesDetection(
            span, label, scientific, common, kind, score, span, {label: score}, 0.0, "birdnet@2.4.0", continues
        )
    )


def view(*messages: object) -> SourceView:
    state = ScreenState()
    for message in messages:
        state.apply(message, 0.0)
    assert state.current is not None
    return state.current


def listed(source: SourceView) -> list[str]:
    return [event_words(event, 0)[0] for event in source.events]


def test_known_species_stand_beside_taught_ones_with_a_star() -> None:
    scene = Scene()
    source = view(
        *scene.called("robin", 0, 3, 0.88),
        heard(scene, "Robin", 0, 3, 0.7),
        heard(scene, "Great Tit", 6, 9),
        heard(scene, "Great Tit", 9, 12, 0.8, continues=True),
        heard(scene, "Engine", 12, 15, kind=SoundKind.SOUND),
        heard(scene, "Spring Peeper", 12, 15, kind=SoundKind.ANIMAL),
        *scene.listen(20, 21, birds=False),
    )
    assert species_rows(source) == [
        ("*Great Tit", "1", "80 %", "0:09", False),
        ("*Robin", "1", "70 %", "0:18", False),
        ("robin", "1", "88 %", "0:18", False),
    ]


def test_a_taught_name_keeps_its_row_and_other_sounds_have_their_own() -> None:
    scene = Scene()
    source = view(
        *scene.called("robin", 0, 3),
        heard(scene, "Blackbird", 0, 3),
        heard(scene, "Engine", 0, 6, kind=SoundKind.SOUND),
        heard(scene, "Engine", 6, 9, 0.95, kind=SoundKind.SOUND, continues=True),
    )
    assert listed(source) == ["robin", "Engine"]
    assert event_words(source.events[-1], 0)[2] == "95 %"


def test_a_known_name_takes_the_place_of_an_unknown_call() -> None:
    scene = Scene()
    assert listed(view(*scene.called(None, 0, 3), heard(scene, "Blackbird", 0, 3))) == ["*Blackbird"]
    onset, provisional, silence, final = scene.called(None, 10, 13)
    source = view(onset, heard(scene, "Blackbird", 9, 12), provisional, silence, final)
    assert listed(source) == ["*Blackbird"]


def test_a_taught_name_takes_the_place_of_a_known_one() -> None:
    scene = Scene()
    onset, provisional, silence, final = scene.called("robin", 0, 6)
    both = (heard(scene, "Blackbird", 0, 3), heard(scene, "Great Tit", 0, 3))
    assert listed(view(onset, *both, provisional, silence, final)) == ["robin"]


def test_two_known_birds_in_one_call_have_a_row_each() -> None:
    scene = Scene()
    onset, _, silence, _ = scene.called(None, 0, 6)
    source = view(onset, heard(scene, "Blackbird", 0, 3), heard(scene, "Great Tit", 3, 6), silence)
    assert listed(source) == ["*Blackbird", "*Great Tit"]
    assert not any(isinstance(event.reading, ActivityChange) for event in source.events)


def test_a_long_song_is_one_row() -> None:
    scene = Scene()
    pieces = [heard(scene, "Blackbird", 15 * n, 15 * n + 15, 0.5 + 0.1 * n, continues=n > 0) for n in range(4)]
    source = view(*pieces)
    assert listed(source) == ["*Blackbird"]
    assert source.events[0].reading.span == Span(0, s(60))


@pytest.mark.parametrize("first", ["call", "classifier"])
def test_the_name_stands_on_the_spectrogram_whichever_comes_first(first: str) -> None:
    scene = Scene()
    call, known = scene.called(None, 3, 5), heard(scene, "Blackbird", 3, 6)
    source = view(*((*call, known) if first == "call" else (known, *call)), *scene.listen(6, 20, birds=False))
    timeline = Timeline(0, 40, ENGINE_RATE // 2)
    assert [label.text for label in place_labels(source.calls, timeline, 20)] == ["*Blackbird"]


def test_a_taught_name_wins_on_the_spectrogram_too() -> None:
    scene = Scene()
    source = view(
        *scene.called("robin", 3, 5), heard(scene, "Blackbird", 3, 6), heard(scene, "Dog", 3, 6, 1.0, SoundKind.ANIMAL)
    )
    timeline = Timeline(0, 40, ENGINE_RATE // 2)
    assert [label.text for label in place_labels(source.calls, timeline, 20)] == ["robin"]


def known_garden() -> list[Message]:
    """A live microphone with taught and known birds, an engine and a voice."""
    scene = Scene()
    messages: list[Message] = [scene.state(SourceCondition.LISTENING)]
    messages += scene.listen(0, 4, birds=False)
    messages += [*scene.called("our robin", 1, 4, 0.91), heard(scene, "European Robin", 0, 3, 0.84)]
    messages += scene.listen(4, 12, birds=False)
    messages += [heard(scene, "Engine", 6, 12, 0.62, SoundKind.SOUND)]
    messages += [*scene.called(None, 8, 11, 0.2), heard(scene, "White-throated Sparrow of the North", 6, 12, 0.97)]
    messages += scene.listen(12, 24, birds=False)
    messages += [heard(scene, "Human vocal", 18, 21, 0.71, SoundKind.VOICE)]
    messages += [*scene.called(None, 19, 22, 0.2), *scene.listen(24, 31, birds=False)]
    return messages


@pytest.mark.parametrize("size", [(80, 24), (120, 40)], ids=lambda size: f"{size[0]}x{size[1]}")
def test_screen(snap_compare: Callable[..., bool], size: tuple[int, int]) -> None:
    messages = known_garden()
    app = make_app(messages, "live")

    async def settle(pilot: Pilot[object]) -> None:
        await folded(pilot, app, len(messages))
        await drawn(pilot, app)

    assert snap_compare(app, terminal_size=size, run_before=settle)


async def test_the_panel_shows_them_as_they_come() -> None:
    messages = known_garden()
    app = make_app(messages, "live")
    async with app.run_test(size=(100, 30)) as pilot:
        await folded(pilot, app, len(messages))
        await drawn(pilot, app)
        rows = app.live.birds._rows
        assert [row[0] for row in rows] == [
            "*White-throated Sparrow of the North",
            "*European Robin",
            "our robin",
            "unknown",
        ]
        scene = Scene()
        app.feed.put(heard(scene, "Blackbird", 27, 30))
        await folded(pilot, app, len(messages) + 1)
        await drawn(pilot, app)
        assert app.live.birds._rows[0][0] == "*Blackbird"
