"""What each thing on the screen means."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from textual.binding import Binding
from textual.containers import Horizontal, VerticalScroll
from textual.screen import ModalScreen
from textual.widgets import Footer, Label, Static

if TYPE_CHECKING:
    from textual.app import ComposeResult
    from textual.binding import BindingType

KEYS = (
    ("q", "leave; an engine that was started with this screen stops too"),
    ("p", "hold the display still; listening goes on, and the banner says so"),
    ("s", "show the next source, when there are several"),
    ("l", "move into the list of events: arrows, page and home scroll, escape leaves"),
    ("b", "move into the list of species, in the same way"),
    (
        "e",
        "name a bird that was just heard, so that it is known from then on: up and down choose the call, type the "
        "name (tab completes one that is there, which then gets another clip), enter; the engine answers with what "
        "it thinks of it",
    ),
    (
        "m",
        "the machines: each over the last ten minutes, why it is as it is; acknowledge, snooze, maintenance, false "
        "alarm; l learns what is heard from now on as normal",
    ),
    (
        "v",
        "the classifier of sound classes made for this place: how much was gathered for it, which one is in use; a "
        "applies what a back-end answered, r goes back",
    ),
    ("^p", "the command palette: every command by name, themes, a picture of the screen"),
    ("?", "this page"),
)
PARTS = (
    ("source", "its name and what it is doing: starting, listening, stalled, lost, failed or ended"),
    ("time", "where the stream is, in UTC; for a recording whose start is unknown, the time since its start"),
    (
        "level",
        "how loud it is, in dB relative to a full-scale sine; peak is the largest sample of the last 0.2 s. "
        "Clipping in red: turn the microphone down",
    ),
    (
        "spectrogram",
        "the last 30 seconds, low sounds at the bottom. The colours run between the two levels in "
        "its lower edge and follow slowly what is heard; shaded: audio that was lost",
    ),
    (
        "bird",
        "how likely a bird is audible, second by second; bright where it counts as one, dotted line: the "
        "threshold for that",
    ),
    (
        "scene",
        "where this sounds to be, from a few known kinds of places, and how sure; unknown is none of them. Below the "
        "spectrogram its last 30 seconds: each name where it began, with a question mark while it is a first guess",
    ),
    (
        "name",
        "on the spectrogram, where a call began: which enrolled species it sounds like, else with a star which one "
        "a classifier knows, else ?; lightly and with a question mark while the call goes on",
    ),
    (
        "birds",
        "species by when they were last heard: calls since the start, how sure the newest one is, minutes and "
        "seconds since; with a star those that a classifier knows and nobody taught; unknown is a bird of no "
        "enrolled species",
    ),
    (
        "machines",
        "what each is doing, which percentile of its normals it sounds like, the last ten minutes of that with the "
        "alarm line as dots; in red an alarm that nobody has seen, and a microphone that needs somebody",
    ),
    ("×", "on the time axis: audio was lost here, however little"),
    (
        "events",
        "newest first: species with how sure, birds without a name with how long and how sure, other sounds that "
        "a classifier knows, lost audio, changes of the source",
    ),
    (
        "listening",
        "the promise: how much of the time since the start was really heard, never rounded up. Then "
        "the audio lost, how far the engine is behind, and how many times faster than real time it could go",
    ),
    (
        "privacy",
        "with --privacy the spectrogram comes ten seconds late, after it is known that nobody speaks in it; of speech "
        "and the time after it neither spectrogram nor clip goes out, and the banner says so",
    ),
    ("banner", "what is not as it should be, for as long as it is so; red where somebody has to do something"),
)


class HelpScreen(ModalScreen[None]):
    """Keys, then the parts of the screen."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,question_mark,q", "dismiss", "close", key_display="esc"),
    ]

    def compose(self) -> ComposeResult:
        """One page that scrolls."""
        with VerticalScroll(id="page") as page:
            page.border_title = "help"
            for title, entries in (("keys", KEYS), ("on the screen", PARTS)):
                yield Label(title, classes="title")
                for word, text in entries:
                    yield Horizontal(Label(word, classes="word"), Static(text, markup=False))
        yield Footer(compact=True, show_command_palette=False)
