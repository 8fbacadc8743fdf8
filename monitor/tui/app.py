"""The application: a bridge to the engine, the state that its messages make, and a screen drawn at a steady rate."""

from __future__ import annotations

import asyncio
from copy import deepcopy
from pathlib import Path
from signal import SIGHUP, SIGTERM
from threading import current_thread, main_thread
from time import monotonic
from typing import TYPE_CHECKING, ClassVar

from textual.app import App, SystemCommand
from textual.binding import Binding

from monitor.bus.client import BusClient
from monitor.tui.bridge import Bridge
from monitor.tui.enrollment import Enrolling, Phase
from monitor.tui.glyphs import for_terminal
from monitor.tui.machine_care import Caring
from monitor.tui.palette import THEME, ramp
from monitor.tui.personal import Personal
from monitor.tui.screens.enroll import EnrollScreen
from monitor.tui.screens.help import HelpScreen
from monitor.tui.screens.learn import LearnScreen
from monitor.tui.screens.live import LiveScreen, Look
from monitor.tui.screens.machines import MachineScreen
from monitor.tui.screens.personal import PersonalScreen
from monitor.tui.state import ScreenState

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from textual.binding import BindingType
    from textual.screen import Screen
    from textual.widget import Widget

    from monitor.bus.curve import CurveKeys
    from monitor.tui.bridge import Feed
    from monitor.tui.glyphs import Glyphs
    from monitor.tui.messages import BridgeFailed, CommandAnswered, CommandRefused, Heard
    from monitor.tui.source import SourceView

DRAWS_PER_S = 8
"""Drawings a second, at most, whatever comes in; the eye wants no more, and ten are the promise."""

_CONDITIONAL = ("next_source", "birds", "enroll", "machines", "personal")
"""Actions whose keys come and go."""


class AuricleApp(App[Exception | None]):
    """Shows what the engine says. Its return value is the error that ended it, or None."""

    TITLE = "auricle"
    CSS_PATH = Path(__file__).with_name("monitor.tcss")
    ENABLE_COMMAND_PALETTE = True
    HORIZONTAL_BREAKPOINTS = [(0, "-narrow"), (80, "-normal"), (120, "-wide")]  # noqa: RUF012 (typed by App)
    VERTICAL_BREAKPOINTS = [(0, "-tiny"), (10, "-short"), (20, "-roomy"), (40, "-tall")]  # noqa: RUF012 (typed by App)
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("q", "quit", "quit", tooltip="Leave the screen"),
        Binding("p", "pause", "pause", tooltip="Hold the display; listening goes on"),
        Binding("s", "next_source", "source", tooltip="Show the next source"),
        Binding("l", "list", "events", tooltip="Move into the list of events"),
        Binding("b", "birds", "birds", tooltip="Move into the list of species"),
        Binding("e", "enroll", "enroll", tooltip="Name a bird that was just heard, so that it is known from then on"),
        Binding("m", "machines", "machines", tooltip="Look after the machines that are listened for, or learn one"),
        Binding("v", "personal", "sound", tooltip="The classifier of sound classes made for this place"),
        Binding("question_mark", "help", "help", key_display="?", tooltip="What each thing means"),
        Binding("ctrl+c", "quit", "quit", show=False, priority=True),
    ]

    def __init__(
        self,
        connect: Callable[[], Feed],
        title: str = "",
        *,
        glyphs: Glyphs | None = None,
        clock: Callable[[], float] = monotonic,
        draws_per_s: float = DRAWS_PER_S,
    ) -> None:
        super().__init__()
        self.state = ScreenState()
        self.bridge = Bridge(connect, self.post_message)
        self.enrolling = Enrolling(self.bridge.command)
        self.caring = Caring(self.bridge.command)
        self.personal = Personal(self.bridge.command)
        self._glyphs = glyphs or for_terminal()
        self.live = LiveScreen(Look(title, self._glyphs))
        self._plain = glyphs is not None and not glyphs.halves
        self._clock = clock
        self._draws_per_s = draws_per_s
        self._paused: SourceView | None = None
        self._offered: tuple[bool, ...] = ()

    @property
    def paused(self) -> bool:
        """Whether the display is held; listening goes on all the same."""
        return self._paused is not None

    def on_mount(self) -> None:
        """Connect, and begin to draw."""
        self.register_theme(THEME)
        self.theme = THEME.name
        self.set_class(self._plain, "-plain")
        self.push_screen(self.live)
        self._mind_signals()
        self.bridge.start()
        self.set_interval(1 / self._draws_per_s, self.draw)

    def on_unmount(self) -> None:
        """Let go of the engine."""
        for number in (SIGTERM, SIGHUP) if current_thread() is main_thread() else ():
            asyncio.get_running_loop().remove_signal_handler(number)
        self.bridge.stop()

    def _mind_signals(self) -> None:
        """Asked to end, give the terminal back first."""
        if current_thread() is main_thread():
            for number in (SIGTERM, SIGHUP):
                asyncio.get_running_loop().add_signal_handler(number, self.exit)

    def draw(self) -> None:
        """Show the state as it is now."""
        if not self.live.is_attached:
            return
        offered = tuple(bool(self.check_action(action, ())) for action in _CONDITIONAL)
        if offered != self._offered:
            self._offered = offered
            self.refresh_bindings()
            self.live.fit_keys()
        now = self._clock()
        dialog = self.screen if isinstance(self.screen, EnrollScreen) else None
        self.enrolling.tick(now, shown=dialog is not None)
        if dialog is not None:
            dialog.show(self.state)
        self._draw_machines(now)
        personal = self.screen if isinstance(self.screen, PersonalScreen) else None
        self.personal.tick(now, shown=personal is not None)
        if personal is not None:
            personal.show()
        self.live.draw(self.state, now, ramp(self.theme_variables), self._paused)

    def _draw_machines(self, now_s: float) -> None:
        """The dialogs of the machines; one may stand before the other."""
        open_now = [screen for screen in self.screen_stack if isinstance(screen, MachineScreen | LearnScreen)]
        self.caring.tick(now_s, shown=bool(open_now))
        for screen in open_now:
            if isinstance(screen, MachineScreen):
                screen.show(self.state)
            else:
                screen.show()

    def on_heard(self, message: Heard) -> None:
        """Fold in what came; nothing is drawn here."""
        now = self._clock()
        for one in message.messages:
            self.state.apply(one, now)
        self.bridge.taken()

    def on_command_answered(self, message: CommandAnswered) -> None:
        """Say that it was done."""
        if self.enrolling.takes(message.name):
            before = self.enrolling.phase
            self.enrolling.fold(message.name, message.result)
            self._tell_of_enrolling(before)
        elif self.caring.takes(message.name):
            working = self.caring.working
            self.caring.fold(message.name, message.result)
            self._tell_of_caring(working)
        elif self.personal.takes(message.name):
            self.personal.fold(message.name, message.result)
        else:
            self.notify(f"{message.name}: done", timeout=3)

    def on_command_refused(self, message: CommandRefused) -> None:
        """Say why not."""
        if self.enrolling.takes(message.name):
            before = self.enrolling.phase
            self.enrolling.refuse(message.name, message.error)
            self._tell_of_enrolling(before)
            return
        if self.caring.takes(message.name):
            working = self.caring.working
            self.caring.refuse(message.name, message.error)
            self._tell_of_caring(working)
            return
        if self.personal.takes(message.name):
            self.personal.refuse(message.name, message.error)
            return
        self.notify(f"{message.error.why}. {message.error.remedy}", title=message.error.what, severity="error")

    def _tell_of_enrolling(self, before: Phase) -> None:
        """What came of it stands in the dialog; when that was closed meanwhile, it is told beside."""
        if isinstance(self.screen, EnrollScreen):
            self.screen.show(self.state)
        elif before is Phase.WORKING and self.enrolling.phase is not Phase.WORKING:
            failed = self.enrolling.phase is Phase.FAILED
            text = "\n".join(line.text for line in self.enrolling.lines)
            self.notify(text, title="enroll", severity="error" if failed else "information", markup=False)

    def _tell_of_caring(self, working: bool) -> None:
        """A job that ended while no dialog was open is told beside."""
        if working and not self.caring.working and not isinstance(self.screen, MachineScreen | LearnScreen):
            text = "\n".join(line.text for line in self.caring.lines)
            failed = any(line.urgent for line in self.caring.lines[:1])
            self.notify(text, title="machines", severity="error" if failed else "information", markup=False)

    def on_bridge_failed(self, message: BridgeFailed) -> None:
        """Nothing can be shown any more."""
        self.exit(message.error)

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Keys are there where they can do something."""
        del parameters
        current = self.state.current
        match action:
            case "next_source":
                return len(self.state.sources) > 1
            case "birds":
                return bool(self.live.birds.display)
            case "enroll":
                return current is not None and current.has_birds
            case "machines":
                return current is not None and bool(current.machines)
            case "personal":
                return current is not None and current.sound is not None
            case _:
                return True

    def action_pause(self) -> None:
        """Hold the display, or let it go."""
        current = self.state.current
        self._paused = deepcopy(current) if self._paused is None else None
        self.draw()

    def action_next_source(self) -> None:
        """Show the next source."""
        self._paused = None
        self.state.next_source()
        self.draw()

    def action_list(self) -> None:
        """Move into the list of events, or out of it."""
        self._go_into(self.live.events)

    def action_birds(self) -> None:
        """Move into the list of species, or out of it."""
        self._go_into(self.live.birds)

    def _go_into(self, part: Widget) -> None:
        self.live.set_focus(None if self.live.focused is part else part)

    def action_enroll(self) -> None:
        """Choose a call and name it."""
        self.enrolling.begin()
        self.push_screen(EnrollScreen(self.enrolling, plain=self._plain))
        self.call_after_refresh(self.draw)

    def action_machines(self) -> None:
        """Look after the machines."""
        self.caring.begin()
        self.push_screen(MachineScreen(self.caring, self._glyphs))
        self.call_after_refresh(self.draw)

    def action_personal(self) -> None:
        """Look after the classifier of this place."""
        self.personal.begin()
        self.push_screen(PersonalScreen(self.personal))
        self.call_after_refresh(self.draw)

    def action_help(self) -> None:
        """Explain the screen."""
        self.push_screen(HelpScreen())

    def get_system_commands(self, screen: Screen[object]) -> Iterable[SystemCommand]:
        """The palette has every key's command by name, too."""
        yield SystemCommand("Pause", "Hold the display, or let it go; listening goes on", self.action_pause)
        if len(self.state.sources) > 1:
            yield SystemCommand("Next source", "Show the next source", self.action_next_source)
        yield SystemCommand("Events", "Move into the list of events", self.action_list)
        if self.live.birds.display:
            yield SystemCommand("Birds", "Move into the list of species", self.action_birds)
        if self.check_action("enroll", ()):
            yield SystemCommand("Enroll", "Name a bird that was just heard", self.action_enroll)
        yield SystemCommand("Machines", "Look after the machines, or learn one", self.action_machines)
        if self.check_action("personal", ()):
            yield SystemCommand("Sound classes", "The classifier made for this place", self.action_personal)
        yield SystemCommand("Help", "What each thing on the screen means", self.action_help)
        yield from super().get_system_commands(screen)  # pyright: ignore[reportUnknownMemberType] (Screen is untyped there)


def run_app(
    commands_address: str,
    title: str = "",
    *,
    keys: CurveKeys | None = None,
    on_quit: Callable[[], None] | None = None,
) -> int:
    """Show the engine at that address until the user leaves; returns the exit code 0.

    `on_quit` is called when the terminal is the user's again, however the screen ended. Raises BusError when no engine
    answers.
    """

    def connect() -> BusClient:
        return BusClient(commands_address, keys=keys)

    app = AuricleApp(connect, title)
    try:
        fault = app.run()
    finally:
        if on_quit is not None:
            on_quit()
    if fault is not None:
        raise fault
    return app.return_code or 0
