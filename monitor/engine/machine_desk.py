"""Which machines are listened for, and what people said about them; not a stage, so it may read files and clocks."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from time import monotonic
from typing import TYPE_CHECKING, Protocol

from monitor.bus.machine_care import AttendMachine, MachineCare
from monitor.engine.machines import Watched
from monitor.errors import StoreError, UsageError
from monitor.machines.anomaly import Attention

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from monitor.errors import AuricleError
    from monitor.machines.profile import MachineProfile

PERIOD_S = 1.0
"""Seconds between two looks at the folder."""

LONGEST_SNOOZE_S = 7 * 24 * 3600.0
"""A machine that is to keep quiet for longer is under maintenance."""


class Profiles(Protocol):
    """What the desk needs of the folder of enrolled machines."""

    @property
    def faults(self) -> Sequence[StoreError]:
        """One for each profile that cannot be read."""
        ...

    def changed(self) -> bool:
        """Whether anyone wrote since it was last read; cheap. Raises StoreError."""
        ...

    def reload(self) -> None:
        """Read what changed. Raises StoreError."""
        ...

    def list(self) -> Sequence[MachineProfile]:
        """All that can be read."""
        ...


@dataclass(slots=True)
class _Said:
    """What people said about a machine."""

    attention: Attention = field(default_factory=Attention)
    quiet_until_s: float = 0.0
    """By the desk's clock."""
    job: int = 0
    """That learns it now."""


class MachineDesk:
    """The machines that can be heard now; one serves all streams of an engine.

    What cannot be used (damaged, of another encoder) is handed to `report`, once each.
    """

    def __init__(
        self,
        profiles: Profiles,
        encoder_id: str | None,
        report: Callable[[AuricleError], None],
        *,
        names: Sequence[str] = (),
        heard_by: Mapping[str, str] | None = None,
        learns_with_encoder: bool = False,
        clock: Callable[[], float] = monotonic,
    ) -> None:
        """`names`: listen for these only; empty: for all. `heard_by`: machine -> the only source that it is heard on.

        Raises StoreError when the folder cannot be read.
        """
        self.learns_with_encoder = learns_with_encoder
        """Whether machines that are learnt from now on use the encoder too, not only those that did before."""
        self.watched: Mapping[str, Watched] = {}
        """By name; another mapping whenever anything changed."""
        self._heard_by = {name.casefold(): source for name, source in (heard_by or {}).items()}
        self._on: dict[str, Mapping[str, Watched]] = {}
        self._profiles = profiles
        self._encoder_id = encoder_id
        self._names = frozenset(name.casefold() for name in names)
        self._report = report
        self._reported: set[str] = set()
        self._clock = clock
        self._said: dict[str, _Said] = {}
        self._due = clock() + PERIOD_S
        self._take()

    def poll(self, *, now: bool = False) -> None:
        """Look at the folder and at the clock if it is time to (or `now`). Cheap; never raises."""
        if not now and self._clock() < self._due:
            return
        self._due = self._clock() + PERIOD_S
        self._wake_up()
        try:
            if self._profiles.changed():
                self._profiles.reload()
                self._take()
        except StoreError as error:
            self._tell(str(error), error)

    def watched_on(self, source: str) -> Mapping[str, Watched]:
        """Those of `watched` that are listened for on a source; another mapping whenever anything changed."""
        if not self._heard_by:
            return self.watched
        if source not in self._on:
            self._on[source] = {
                name: one for name, one in self.watched.items() if self._microphone(name) in ("", source)
            }
        return self._on[source]

    def care(self) -> tuple[MachineCare, ...]:
        """Every enrolled machine, by name, and how it is attended to."""
        self.poll(now=True)
        return tuple(self._care_of(profile) for profile in sorted(self._profiles.list(), key=lambda one: one.name))

    def find(self, name: str) -> MachineProfile | None:
        """The machine by this name, upper or lower case alike."""
        wanted = " ".join(name.split()).casefold()
        return next((one for one in self._profiles.list() if one.name.casefold() == wanted), None)

    def attend(self, wanted: AttendMachine) -> None:
        """Do what was said. Raises UsageError when there is no such machine, or the time is none."""
        profile = self.find(wanted.name)
        if profile is None:
            why = "is not enrolled in this engine"
            raise UsageError(f"machine {wanted.name}", why, "`auricle machine list` shows those that are")
        said = self._said.setdefault(profile.name, _Said())
        match wanted.act:
            case "acknowledge":
                said.attention = replace(said.attention, acknowledged=said.attention.acknowledged + 1)
            case "snooze":
                if not 0.0 < wanted.seconds <= LONGEST_SNOOZE_S:
                    remedy = "Give up to a week, or use maintenance"
                    raise UsageError(f"snooze of {wanted.seconds:g} s", "is no time to keep quiet for", remedy)
                said.quiet_until_s = self._clock() + wanted.seconds
                said.attention = replace(said.attention, snoozed=True)
            case "wake":
                said.quiet_until_s = 0.0
                said.attention = replace(said.attention, snoozed=False)
            case "maintenance" | "resume":
                said.attention = replace(said.attention, maintenance=wanted.act == "maintenance")
        self._watch()

    def begin_learning(self, name: str, job: int) -> None:
        """What is heard is learnt: the machine is not judged meanwhile."""
        self._learn(name, job)

    def end_learning(self, name: str) -> None:
        """It is judged again."""
        self._learn(name, 0)

    def _learn(self, name: str, job: int) -> None:
        said = self._said.setdefault(name, _Said())
        said.job = job
        said.attention = replace(said.attention, learning=job > 0)
        self._watch()

    def _wake_up(self) -> None:
        over = [said for said in self._said.values() if said.attention.snoozed and self._clock() >= said.quiet_until_s]
        for said in over:
            said.attention = replace(said.attention, snoozed=False)
        if over:
            self._watch()

    def _take(self) -> None:
        for fault in self._profiles.faults:
            self._tell(str(fault), fault)
        for profile in self._profiles.list():
            if self._wanted(profile) and not self._usable(profile):
                why = f"was learnt with {profile.encoder_id}, which is not what this engine uses"
                remedy = "Install that encoder, or enroll the machine again"
                self._tell(profile.name, StoreError(f"machine {profile.name}", why, remedy))
        self._watch()

    def _microphone(self, name: str) -> str:
        """The only source that a machine is heard on; empty: any."""
        return self._heard_by.get(name.casefold(), "")

    def _watch(self) -> None:
        self._on = {}
        self.watched = {
            profile.name: Watched(profile, self._said.get(profile.name, _Said()).attention)
            for profile in self._profiles.list()
            if self._wanted(profile) and self._usable(profile)
        }

    def _wanted(self, profile: MachineProfile) -> bool:
        return not self._names or profile.name.casefold() in self._names

    def _usable(self, profile: MachineProfile) -> bool:
        return profile.encoder_id is None or profile.encoder_id == self._encoder_id

    def _care_of(self, profile: MachineProfile) -> MachineCare:
        said = self._said.get(profile.name, _Said())
        left_s = max(0.0, said.quiet_until_s - self._clock()) if said.attention.snoozed else 0.0
        heard = self._wanted(profile) and self._usable(profile)
        attention, only = said.attention, self._microphone(profile.name)
        return MachineCare(profile.name, len(profile.clips), heard, attention.maintenance, left_s, said.job, only)

    def _tell(self, key: str, error: AuricleError) -> None:
        if key not in self._reported:
            self._reported.add(key)
            self._report(error)
