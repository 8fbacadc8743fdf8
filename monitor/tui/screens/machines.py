"""The dialog of the machines: each over the last ten minutes, its evidence, and what can be said about it."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from textual.binding import Binding
from textual.containers import Vertical
from textual.content import Content
from textual.screen import ModalScreen
from textual.widgets import Footer, Static

from monitor.tui.machine_care import progress_words
from monitor.tui.machines import bands_words
from monitor.tui.screens.learn import LearnScreen
from monitor.tui.widgets.machine_chart import MachineChart
from monitor.tui.widgets.machine_list import MachineRows
from monitor.tui.wording import duration

if TYPE_CHECKING:
    from textual.app import ComposeResult
    from textual.binding import BindingType

    from monitor.tui.glyphs import Glyphs
    from monitor.tui.machine_care import Caring
    from monitor.tui.machines import MachineView
    from monitor.tui.state import ScreenState


class MachineScreen(ModalScreen[None]):
    """Machines above, the chosen one over time below."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("up", "choose(-1)", "machine", key_display="↑↓", tooltip="Choose another machine"),
        Binding("down", "choose(1)", "the next machine", show=False),
        Binding("a", "acknowledge", "seen", tooltip="Say that somebody has seen the alarm"),
        Binding("z", "snooze", "snooze", tooltip="No alarm for an hour, or alarms again"),
        Binding("x", "maintenance", "maintenance", tooltip="Judge nothing while somebody works on it, or judge again"),
        Binding("f", "false_alarm", "false alarm", tooltip="Add what rang the alarm to the normals"),
        Binding("p", "play", "play", tooltip="Hear what rang the alarm, then the normal that is most like it; or stop"),
        Binding("l", "learn", "learn", tooltip="Learn what is heard from now on as normal"),
        Binding("escape", "dismiss", "close", key_display="esc"),
    ]

    def __init__(self, caring: Caring, glyphs: Glyphs) -> None:
        super().__init__()
        self._caring = caring
        self._state: ScreenState | None = None
        self._said: tuple[object, ...] = ()
        self.rows = MachineRows(glyphs)
        self.chart = MachineChart(glyphs)
        self.evidence = Static(markup=False, id="evidence")
        self.outcome = Static(markup=False, id="outcome")

    def compose(self) -> ComposeResult:
        """From top to bottom."""
        with Vertical(id="page") as page:
            page.border_title = "machines"
            yield self.rows
            yield self.chart
            yield self.evidence
            yield self.outcome
        yield Footer(compact=True, show_command_palette=False)

    @property
    def chosen(self) -> MachineView | None:
        """The machine that the keys are about."""
        view = None if self._state is None else self._state.current
        return None if view is None else view.machines.get(self.rows.chosen)

    def show(self, state: ScreenState) -> None:
        """Bring everything up to date; parts draw only what changed."""
        self._state = state
        self.rows.show([] if state.current is None else list(state.current.machines))
        chosen = self.chosen
        self.chart.display = chosen is not None
        if chosen is not None:
            self.chart.show(chosen)
        told = self._evidence(chosen), self._caring.lines, self._caring.job
        if told != self._said:
            self._said = told
            self.evidence.update(told[0])
            self.outcome.update(self._outcome())

    def action_choose(self, by: int) -> None:
        """Another machine."""
        self.rows.move(by)
        self._show_again()

    def action_acknowledge(self) -> None:
        """Somebody has seen the alarm."""
        self._attend("acknowledge")

    def action_snooze(self) -> None:
        """No alarm for an hour, or alarms again."""
        known = None if self.chosen is None else self._caring.known_by(self.chosen.name)
        self._attend("wake" if known is not None and known.snoozed_s > 0 else "snooze")

    def action_maintenance(self) -> None:
        """Judge nothing, or judge again."""
        known = None if self.chosen is None else self._caring.known_by(self.chosen.name)
        self._attend("resume" if known is not None and known.maintenance else "maintenance")

    def action_false_alarm(self) -> None:
        """The alarm belongs to the normals."""
        chosen, current = self.chosen, None if self._state is None else self._state.current
        if chosen is not None and current is not None and not self._caring.working:
            self._caring.false_alarm(chosen, current.name)
            self._show_again()

    def action_play(self) -> None:
        """Hear the alarm and the normal that is most like it, or stop."""
        chosen, current = self.chosen, None if self._state is None else self._state.current
        if chosen is not None and current is not None:
            self._caring.play(chosen, current.name)
            self._show_again()

    def action_learn(self) -> None:
        """Learn from now on."""
        source = "" if self._state is None or self._state.current is None else self._state.current.name
        self.app.push_screen(  # pyright: ignore[reportUnknownMemberType] (the app's type is a parameter of Textual's)
            LearnScreen(self._caring, source, self.rows.chosen)
        )

    def _attend(self, act: str) -> None:
        chosen = self.chosen
        if chosen is None:
            return
        match act:
            case "acknowledge" if not chosen.newest.alarm:
                return
            case "acknowledge" | "snooze" | "wake" | "maintenance" | "resume":
                self._caring.attend(chosen.name, act)
            case _:
                raise ValueError(act)

    def _show_again(self) -> None:
        if self._state is not None:
            self.show(self._state)

    def _evidence(self, chosen: MachineView | None) -> str:
        """Why it is as it is, and what the engine knows of it."""
        if chosen is None:
            return "no machine is listened for: l learns one from what is heard, or use `auricle machine enroll`"
        reading = chosen.newest
        lines = [reading.detail] if reading.detail else []
        bands = bands_words(reading)
        if bands:
            lines.append(f"unlike its normals: {bands}")
        if reading.nearest_clip:
            lines.append(f"most like the normal {reading.nearest_clip}")
        known = self._caring.known_by(chosen.name)
        if known is not None and known.snoozed_s > 0:
            lines.append(f"keeps quiet for {duration(known.snoozed_s, digits=0)} more")
        return "\n".join(lines)

    def _outcome(self) -> Content:
        job = self._caring.job
        if job is not None and self._caring.working:
            return Content.styled(progress_words(job), "$accent")
        return Content("\n").join(
            Content.styled(line.text, "$error" if line.urgent else "") for line in self._caring.lines
        )
