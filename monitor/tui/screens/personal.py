"""The dialog of the personal classifier of sound classes: what was gathered, what is in use, and the way back."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from textual.binding import Binding
from textual.containers import Vertical
from textual.content import Content
from textual.screen import ModalScreen
from textual.widgets import Footer, Static

from monitor.tui.personal import status_lines

if TYPE_CHECKING:
    from textual.app import ComposeResult
    from textual.binding import BindingType

    from monitor.tui.personal import Personal

HINT = "`auricle scene personalize send` sends the mixture; `--show` prints all of it"

WORD = 11
"""Cells of the first column."""


class PersonalScreen(ModalScreen[None]):
    """Rows of words and what the last key did."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("a", "apply", "apply", tooltip="Put the newest answer of a back-end in use"),
        Binding("r", "revert", "revert", tooltip="Put the classifier in use that was before"),
        Binding("escape", "dismiss", "close", key_display="esc"),
    ]

    def __init__(self, personal: Personal) -> None:
        super().__init__()
        self._personal = personal
        self._said: tuple[object, ...] = ()
        self.rows = Static(markup=False, id="rows")
        self.outcome = Static(markup=False, id="outcome")

    def compose(self) -> ComposeResult:
        """From top to bottom."""
        with Vertical(id="page") as page:
            page.border_title = "sound classes of this place"
            yield self.rows
            yield Static(HINT, markup=False, id="hint")
            yield self.outcome
        yield Footer(compact=True, show_command_palette=False)

    def show(self) -> None:
        """Bring it up to date; parts draw only what changed."""
        told = self._personal.status, self._personal.lines
        if told == self._said:
            return
        self._said = told
        self.rows.update(
            Content("\n").join(
                Content.assemble((f"{word:{WORD}}", "$accent"), (text, "$error" if word == "fault" else ""))
                for word, text in status_lines(self._personal.status)
            )
        )
        self.outcome.update(
            Content("\n").join(
                Content.styled(line.text, "$error" if line.urgent else "") for line in self._personal.lines
            )
        )

    def action_apply(self) -> None:
        """Put the newest answer in use."""
        self._personal.apply()

    def action_revert(self) -> None:
        """Go back."""
        self._personal.revert()
