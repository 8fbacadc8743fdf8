"""The dialog that has a machine learnt: what is heard from now on is its normal sound."""

from __future__ import annotations

from math import isfinite
from typing import TYPE_CHECKING, ClassVar

from textual.binding import Binding
from textual.containers import Vertical
from textual.content import Content
from textual.screen import ModalScreen
from textual.widgets import Footer, Input, Label, ProgressBar, Static

from monitor.tui.machine_care import progress_words

if TYPE_CHECKING:
    from textual.app import ComposeResult
    from textual.binding import BindingType

    from monitor.tui.machine_care import Caring

LONGEST_NAME = 60
"""Characters of a machine's name."""
MINUTES = "10"
"""Offered."""


class LearnScreen(ModalScreen[None]):
    """The name and the minutes; then how far it has come."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding(
            "ctrl+t", "even_alarms", "alarms too", tooltip="Learn even what would ring the machine's alarm, or not"
        ),
        Binding("ctrl+s", "cancel", "stop listening", tooltip="Give up what is being learnt"),
        Binding("escape", "dismiss", "close", key_display="esc", tooltip="Learning goes on"),
    ]

    def __init__(self, caring: Caring, source: str, name: str) -> None:
        super().__init__()
        self._caring = caring
        self._source = source
        self._said: tuple[object, ...] = ()
        self._even_alarms = False
        self.name_input = Input(name, placeholder="name of the machine", max_length=LONGEST_NAME, compact=True)
        self.minutes_input = Input(MINUTES, placeholder="minutes", restrict=r"[0-9.]*", max_length=5, compact=True)
        self.progress = ProgressBar(show_eta=False)
        self.hint = Static(markup=False, id="hint")
        self.outcome = Static(markup=False, id="outcome")

    def compose(self) -> ComposeResult:
        """From top to bottom."""
        with Vertical(id="page") as page:
            page.border_title = "learn a machine"
            yield Label("which machine is heard?", classes="title")
            yield self.name_input
            yield Label("for how many minutes does it sound as it should?", classes="title")
            yield self.minutes_input
            yield self.hint
            yield self.progress
            yield self.outcome
        yield Footer(compact=True, show_command_palette=False)

    def on_mount(self) -> None:
        """The cursor begins in the name."""
        self.progress.display = False
        self.name_input.cursor_blink = self.minutes_input.cursor_blink = False
        self.name_input.focus()

    def show(self) -> None:
        """Bring everything up to date."""
        job = self._caring.job
        told = self._hint(), job, self._caring.lines, self._caring.working
        if told == self._said:
            return
        self._said = told
        self.hint.update(told[0])
        listening = job is not None and self._caring.working and job.wanted_s > 0
        self.progress.display = listening
        if listening and job is not None:
            self.progress.update(total=job.wanted_s, progress=min(job.heard_s, job.wanted_s))
        self.outcome.update(self._outcome())

    def on_input_changed(self) -> None:
        """What was said of the attempt before is over."""
        if not self._caring.working:
            self._caring.lines = ()
        self.show()

    def on_input_submitted(self) -> None:
        """From the name on to the minutes; from there, begin."""
        if self._caring.working:
            return
        name, minutes = " ".join(self.name_input.value.split()), _number(self.minutes_input.value)
        if self.name_input.has_focus or not name:
            (self.minutes_input if name else self.name_input).focus()
            return
        if minutes is not None:
            self._caring.learn(name, minutes * 60.0, self._source, even_alarms=self._even_alarms)
        self.show()

    def action_even_alarms(self) -> None:
        """Whether what would ring the alarm is learnt too."""
        self._even_alarms = not self._even_alarms
        self.show()

    def action_cancel(self) -> None:
        """Give up what is being learnt."""
        self._caring.cancel()

    def _hint(self) -> str:
        if self._caring.working:
            return ""
        same = self._caring.known_by(self.name_input.value)
        if _number(self.minutes_input.value) is None:
            return "give the minutes as a number above 0"
        if same is not None:
            left_out = "are learnt too" if self._even_alarms else "are left out"
            return f"adds to the normals of {same.name}; stretches that would ring its alarm {left_out}"
        return "a new machine" if self.name_input.value.strip() else ""

    def _outcome(self) -> Content:
        job = self._caring.job
        if job is not None and self._caring.working:
            return Content.styled(progress_words(job), "$accent")
        return Content("\n").join(
            Content.styled(line.text, "$error" if line.urgent else "") for line in self._caring.lines
        )


def _number(text: str) -> float | None:
    try:
        value = float(text)
    except ValueError:
        return None
    return value if isfinite(value) and value > 0 else None
