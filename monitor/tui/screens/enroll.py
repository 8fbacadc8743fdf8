"""The dialog that teaches a species: choose a call that was just heard, name it."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from textual.binding import Binding
from textual.containers import Vertical
from textual.content import Content
from textual.screen import ModalScreen
from textual.widgets import Footer, Input, Label, Static

from monitor.core.text import counted
from monitor.tui.enrollment import Phase
from monitor.tui.widgets.call_list import CallList
from monitor.tui.wording import short_name

if TYPE_CHECKING:
    from textual.app import ComposeResult
    from textual.binding import BindingType

    from monitor.tui.enrollment import Enrolling
    from monitor.tui.state import ScreenState

LONGEST_NAME = 200
"""Characters of a species name."""
_OFFERED = 12
"""Names that are offered, at most."""


class NameInput(Input):
    """The name; it has the keyboard all the time, and with it the keys of the dialog, so that they keep their order."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("enter", "submit", "enroll"),
        Binding("up", "screen.choose(-1)", "call", key_display="↑↓", tooltip="Choose another call"),
        Binding("down", "screen.choose(1)", "an older call", show=False),
        Binding("pageup", "screen.choose(-5)", "a newer call", show=False),
        Binding("pagedown", "screen.choose(5)", "an older call", show=False),
        Binding("tab", "screen.complete", "complete", tooltip="Complete the name with one that is enrolled"),
    ]


class EnrollScreen(ModalScreen[None]):
    """Calls above, the name below; up and down choose while the cursor stays in the name."""

    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape", "dismiss", "close", key_display="esc")]

    def __init__(self, enrolling: Enrolling, *, plain: bool = False) -> None:
        super().__init__()
        self._enrolling = enrolling
        self._state: ScreenState | None = None
        self._said: tuple[object, ...] = ()
        self._typed = ""
        self._offer = -1
        self.calls = CallList(marker=">" if plain else "›")
        self.name_input = NameInput(placeholder="name of the species", max_length=LONGEST_NAME, compact=True)
        self.name_input.cursor_blink = False
        self.hint = Static(markup=False, id="hint")
        self.outcome = Static(markup=False, id="outcome")

    def compose(self) -> ComposeResult:
        """From top to bottom."""
        with Vertical(id="page") as page:
            page.border_title = "enroll a species"
            yield Label("which call?", classes="title")
            yield self.calls
            yield Label("what is it?", classes="title")
            yield self.name_input
            yield self.hint
            yield self.outcome
        yield Footer(compact=True, show_command_palette=False)

    def on_mount(self) -> None:
        """The cursor stays in the name."""
        self.name_input.focus()

    def show(self, state: ScreenState) -> None:
        """Bring everything up to date; parts draw only what changed."""
        self._state = state
        known = self._enrolling.known
        self.calls.show(state, None if known is None else known.held_s)
        told = self._hint(), tuple(self._enrolling.lines), self._enrolling.phase
        if told != self._said:
            self._said = told
            self.hint.update(told[0])
            self.outcome.update(self._outcome())
            self.set_class(told[2] is not Phase.CHOOSING, "-told")

    def action_choose(self, by: int) -> None:
        """Another call."""
        self._again()
        self.calls.move(by)
        self._show_again()

    def action_complete(self) -> None:
        """The next name that fits what was typed."""
        offered = self._enrolling.matching(self._typed)[:_OFFERED]
        if offered:
            self._offer = (self._offer + 1) % len(offered)
            with self.name_input.prevent(Input.Changed):
                self.name_input.value = offered[self._offer].name
            self.name_input.cursor_position = len(self.name_input.value)
            self._again()
            self._show_again()

    def on_input_changed(self, event: Input.Changed) -> None:
        """Something was typed: what was said of the attempt before is over."""
        self._typed, self._offer = event.value, -1
        self._again()
        self._show_again()

    def on_input_submitted(self) -> None:
        """Have the engine learn it; once it has, close."""
        enrolling = self._enrolling
        if enrolling.phase is Phase.DONE:
            self.dismiss()
            return
        call, name = self.calls.chosen, " ".join(self.name_input.value.split())
        if enrolling.phase is Phase.WORKING or call is None or not name or self._state is None:
            return
        view = self._state.sources.get(call.source)
        head = call.span.end if view is None or not call.active else max(call.span.end, view.head)
        enrolling.enroll(call, head, name)
        self._show_again()

    def _again(self) -> None:
        if self._enrolling.phase in (Phase.DONE, Phase.FAILED):
            self._enrolling.choose()

    def _show_again(self) -> None:
        if self._state is not None:
            self.show(self._state)

    def _hint(self) -> str:
        """What Enter would do, or what could be typed."""
        known = self._enrolling.known
        if known is None or self._enrolling.phase in (Phase.WORKING, Phase.DONE):
            return ""
        if not known.encoder:
            return "this engine has no bird encoder and cannot learn species"
        name = self.name_input.value.strip()
        same = self._enrolling.same(name)
        if same is not None:
            return f"adds a clip to {same.name} ({counted(same.clips, 'clip')} so far)"
        offered = [one.name for one in self._enrolling.matching(name)][:_OFFERED]
        others = f"; tab completes: {', '.join(offered)}" if offered and name else ""
        if name:
            return f"a new species{others}"
        return f"enrolled: {', '.join(offered)}" if offered else "nothing is enrolled yet: type the first name"

    def _outcome(self) -> Content:
        enrolling = self._enrolling
        if enrolling.phase is Phase.WORKING:
            return Content.styled(f"learning {short_name(enrolling.name, 60)} ...", "$accent")
        style = "$error" if enrolling.phase is Phase.FAILED else "$warning"
        lines = [Content.styled(line.text, style if line.urgent else "") for line in enrolling.lines]
        if enrolling.phase is Phase.DONE and lines:
            lines[0] = lines[0].stylize("bold $accent")
        return Content("\n").join(lines)
