"""What is said to an engine that runs about its machines, and what its log tells of slow drift."""

from __future__ import annotations

import time
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING

from rich.progress import BarColumn, Progress, TextColumn
from rich.table import Table

from monitor import paths
from monitor.bus.client import BusClient
from monitor.bus.enrollment import answered
from monitor.bus.key_files import read_keys
from monitor.bus.machine_care import (
    ATTEND,
    CANCEL,
    JOB,
    LEARN,
    MACHINES,
    NORMAL,
    MachineJob,
    MachineJobBegun,
    MachineList,
    NormalStretch,
)
from monitor.bus.messages import Delivery, Snapshot
from monitor.commands import console
from monitor.core.clock import NANOSECONDS, isoformat
from monitor.core.events import AnomalyReading, MachineChange, PercentileSummary
from monitor.core.types import ENGINE_RATE
from monitor.errors import UsageError
from monitor.machines.drift import WEEK_NS, advice, weeks
from monitor.store.log import EventLogReader

if TYPE_CHECKING:
    from pathlib import Path

    from monitor.bus.machine_care import Act
    from monitor.settings import Settings

ASK_EVERY_S = 0.5

HEARING_S = 3.0
"""Longest wait for the events of the run when an alarm is looked for."""

WEEKS = 8
"""Weeks that drift is told of."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """What to learn a machine from."""

    seconds: float
    """How long to listen."""
    source: str
    """The microphone; empty: the only one."""
    existing: str
    """What to do where the machine is there: `refuse`, `add`, `replace`."""
    target: bool
    """Whether it runs under other conditions than usual."""
    even_alarms: bool
    """Whether stretches that would ring its alarm are learnt too."""


def attend(name: str, act: Act, settings: Settings, seconds: float = 0.0) -> int:
    """Acknowledge, snooze, and so on; returns the exit code."""
    with engine_client(settings) as client:
        client.command(ATTEND, name=name, act=act, seconds=seconds)
    return 0


def learn(name: str, wanted: Wanted, settings: Settings) -> int:
    """Have the engine learn what it hears from now on, and wait for it; an interrupt stops it."""
    with engine_client(settings) as client:
        begun = answered(client.command(LEARN, name=name, **asdict(wanted)), MachineJobBegun)
        return _wait_for(client, begun.job)


def normal(name: str, source: str, settings: Settings) -> int:
    """Have the newest alarm of a machine added to its normals; returns the exit code."""
    with engine_client(settings) as client:
        alarm, _ = newest_alarm(client, name, source)
        begun = answered(
            client.command(
                NORMAL, name=name, source=alarm.source, start=alarm.start, end=alarm.end, utc_ns=alarm.utc_ns
            ),
            MachineJobBegun,
        )
        return _wait_for(client, begun.job)


def status(settings: Settings) -> int:
    """Print what the engine listens for and how it is attended to."""
    with engine_client(settings) as client:
        told = answered(client.command(MACHINES), MachineList)
    table = Table(box=None, header_style="bold")
    for heading in ("name", "normals", "attention"):
        table.add_column(heading)
    for one in told.machines:
        said = ["maintenance"] if one.maintenance else []
        said += [f"keeps quiet for {one.snoozed_s / 60:.0f} min"] if one.snoozed_s else []
        said += ["is being learnt"] if one.learning else []
        said += [f"heard by {one.source} only"] if one.source else []
        if one.source and one.source not in told.sources:
            said[-1] += ", from which nothing comes"
        said += [] if one.heard else ["not listened for: the engine's log says why"]
        table.add_row(one.name, str(one.clips), ", ".join(said))
    console.answers.print(table)
    return 0


def drift(name: str, settings: Settings, log: Path | None) -> int:
    """Print the weekly figures of a machine and what to do; returns the exit code."""
    now = time.time_ns()
    with EventLogReader(log or settings.store.log or paths.event_log()) as reader:
        stored = reader.of_topic(PercentileSummary.topic, now - WEEKS * WEEK_NS)
    history = [
        (event.utc_ns, event.reading)
        for event in stored
        if isinstance(event.reading, PercentileSummary)
        and event.utc_ns is not None
        and event.reading.machine.casefold() == name.casefold()
    ]
    if not history:
        heard = sorted({event.reading.machine for event in stored if isinstance(event.reading, PercentileSummary)})
        remedy = f"It has: {', '.join(heard)}" if heard else "It is written hour by hour while an engine runs"
        raise UsageError(f"machine {name}", "the event log has no percentiles of it in the last weeks", remedy)
    told = weeks(history, now, WEEKS)
    table = Table(box=None, header_style="bold")
    for heading in ("week from", "hours", "usual percentile", "in alarm"):
        table.add_column(heading, justify="left" if heading == "week from" else "right")
    for week in told:
        figure = f"{week.figure * 100:.0f}" if week.meaningful else f"({week.figure * 100:.0f})"
        row = isoformat(week.began_utc_ns)[:10], f"{week.windows * 1.008 / 3600:.1f}", figure, f"{week.alarmed:.1%}"
        table.add_row(*row)
    console.answers.print(table)
    console.answers.print("Its normals themselves have the 50th as their usual percentile.", markup=False)
    console.answers.print(advice(told).replace("NAME", name), markup=False)
    return 0


def engine_client(settings: Settings) -> BusClient:
    """Of the engine that the settings name. Raises BusError, or StoreError for keys that cannot be read."""
    keys = read_keys(settings.bus.keys) if settings.bus.keys else None
    return BusClient(settings.bus.commands, keys=keys)


def _wait_for(client: BusClient, number: int) -> int:
    """Show a job until it is over."""
    columns = (TextColumn("{task.description}"), BarColumn(), TextColumn("{task.completed:.0f} of {task.total:.0f} s"))
    job = answered(client.command(JOB, job=number), MachineJob)
    with Progress(*columns, console=console.messages, transient=True) as progress:
        task = progress.add_task(f"listening to {job.name}", total=job.wanted_s or 1.0)
        try:
            while job.state in ("listening", "fitting"):
                word = "listening to" if job.state == "listening" else "learning"
                progress.update(task, description=f"{word} {job.name}", completed=job.heard_s)
                client.messages(ASK_EVERY_S)  # and so the connection stays alive
                time.sleep(ASK_EVERY_S)
                job = answered(client.command(JOB, job=number), MachineJob)
        except KeyboardInterrupt:
            client.command(CANCEL, job=number)
            console.messages.print("stopped: nothing was learnt")
            return 1
    if job.state == "failed":
        console.print_error(_LearningError(job.what, job.why, job.remedy))
        return 1
    for warning in job.warnings:
        console.messages.print(warning, markup=False)
    left_out = f"; {job.refused_s:.0f} s were left out, they would ring its alarm" if job.refused_s else ""
    console.messages.print(f"{job.name} is learnt from {job.clips} clips{left_out}", markup=False)
    return 0


class _LearningError(UsageError):
    """The engine began, and could not finish."""

    exit_code = 1


def newest_alarm(client: BusClient, name: str, source: str) -> tuple[NormalStretch, str]:
    """Where the newest alarm of a machine lies, and the normal clip that is most like it. Raises UsageError."""
    found: tuple[NormalStretch, str] | None = None
    newest = -1
    deadline = time.monotonic() + HEARING_S
    last_event: int | None = None
    while time.monotonic() < deadline:
        for message in client.messages(0.2):
            told = message.live if isinstance(message, Snapshot) else (message,)
            if isinstance(message, Snapshot):
                last_event = message.last_event_id
            for delivery in told:
                if not isinstance(delivery, Delivery) or (source and delivery.source != source):
                    continue
                reading = delivery.reading
                if not isinstance(reading, AnomalyReading | MachineChange) or reading.alarmed is None:
                    continue
                if reading.machine.casefold() == name.casefold() and reading.alarmed.end >= newest:
                    newest = reading.alarmed.end
                    utc_ns = None
                    if delivery.utc_ns is not None:
                        before = reading.span.start - reading.alarmed.start
                        utc_ns = delivery.utc_ns - before * NANOSECONDS // ENGINE_RATE
                    alarmed = reading.alarmed
                    stretch = NormalStretch(name, delivery.source, alarmed.start, alarmed.end, utc_ns)
                    found = stretch, reading.nearest_clip
            if isinstance(message, Delivery) and message.event_id == last_event:
                deadline = 0.0
    if found is None:
        remedy = "Wait for one: only alarms of the engine's present run are known"
        raise UsageError(f"machine {name}", "has had no alarm", remedy)
    return found
