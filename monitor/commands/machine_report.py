"""What `auricle machine` prints, for people and as JSON."""

from __future__ import annotations

import json
import sys
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from rich.markup import escape
from rich.progress import Progress
from rich.table import Table

from monitor.commands import console
from monitor.core.clock import isoformat
from monitor.core.text import counted, writable
from monitor.features.spec import MACHINE
from monitor.machines.sounds import RATE
from monitor.machines.window import HOP, SAMPLES, window_count

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Sequence
    from pathlib import Path

    from monitor.machines.profile import ClipScore, MachineProfile, NormalClip
    from monitor.machines.sounds import Sound

READY, OTHER_ENCODER = "ready", "other encoder"
"""States of a machine."""

REMEDY = "`auricle machine update` learns its audio again"


@contextmanager
def shown_learning() -> Generator[Callable[[int, int], None]]:
    """What is told how many clips were learnt from; shows it where a person can see it."""
    if not sys.stderr.isatty():
        yield lambda done, of: None
        return
    with Progress(console=console.messages, transient=True) as progress:
        task = progress.add_task("learning", total=None)
        yield lambda done, of: progress.update(task, completed=done, total=of)


def print_enrollment(profile: MachineProfile, fresh: Sequence[Sound]) -> None:
    """What was learnt and from what, and the warnings."""
    source, target = (_of_domain(profile, is_target=flag) for flag in (False, True))
    more = f", {len(fresh)} of them new" if len(fresh) < len(profile.clips) else ""
    told = f"{counted(len(source), 'source clip')}, {_seconds(source):.0f} s"
    told += f", and {counted(len(target), 'target clip')}, {_seconds(target):.0f} s" if target else ""
    _say(f"{profile.name}: learnt from {told}{more}, with {_detectors(profile)} on {_views(profile)}")
    _say(f"  judged over {context_seconds(profile):.1f} s; {_alarm(profile)}")
    for sound in fresh:
        for warning in sound.warnings():
            _warn(f"{sound.origin} {warning}")
    for note in profile.notes:
        _warn(f"{profile.name}: {note}")


def row_of(profile: MachineProfile, present: str | None) -> dict[str, Any]:
    """A line of the list."""
    usable = profile.encoder_id in (None, present)
    return {
        "name": profile.name,
        "source_clips": len(_of_domain(profile, is_target=False)),
        "target_clips": len(_of_domain(profile, is_target=True)),
        "seconds": round(_seconds(profile.clips), 1),
        "detectors": list(profile.options.detectors),
        "encoder": profile.encoder_id,
        "false_alarms_a_week": profile.false_alarms_a_week,
        "enrolled": isoformat(profile.enrolled_utc_ns),
        "state": READY if usable else OTHER_ENCODER,
    }


def print_list(rows: Sequence[dict[str, Any]]) -> None:
    """One line a machine."""
    headings = ("name", ">source", ">target", ">seconds", "detectors", "encoder", "enrolled", "state")
    table = Table(box=None, pad_edge=False, header_style="bold")
    for heading in headings:
        table.add_column(heading.removeprefix(">"), justify="right" if heading.startswith(">") else "left")
    for row in rows:
        state = row["state"] if row["state"] == READY else f"{row['state']}: {REMEDY}"
        table.add_row(
            escape(row["name"]),
            str(row["source_clips"]),
            str(row["target_clips"]),
            f"{row['seconds']:.1f}",
            " ".join(row["detectors"]),
            escape(row["encoder"] or "none"),
            row["enrolled"][:10],
            state,
        )
    console.answers.print(table)


def details_of(profile: MachineProfile, present: str | None, place: Callable[[NormalClip], Path]) -> dict[str, Any]:
    """Everything that was learnt of a machine, for JSON; `place` gives the file of a clip's kept audio."""
    options = profile.options
    return row_of(profile, present) | {
        "views": [scorer.view for scorer in profile.scorers],
        "rule": profile.scorers[0].domains.rule,
        "neighbours": options.neighbours,
        "components": options.components,
        "aggregator": options.aggregator,
        "context_s": round(context_seconds(profile), 3),
        "usual_level_dbfs": round(-profile.gain_db, 1),
        "alarm": {
            "score": profile.alarm_score,
            "percentile": profile.alarm_percentile,
            "needed": profile.debounce.needed,
            "of": profile.debounce.of,
        },
        "decision_score": profile.decision_score,
        "notes": list(profile.notes),
        "clips": [
            {
                "origin": writable(clip.origin),
                "target": clip.target,
                "seconds": round(clip.audio.length / clip.audio.rate, 3),
                "audio": str(place(clip)),
            }
            for clip in profile.clips
        ],
    }


def print_machine(details: dict[str, Any]) -> None:
    """One machine, for people."""
    state = details["state"] if details["state"] == READY else f"{details['state']}: {REMEDY}"
    alarm = details["alarm"]
    enrolled = datetime.fromisoformat(details["enrolled"]).astimezone(UTC)
    _say(f"{details['name']}: {state}")
    _say(f"  enrolled {enrolled:%Y-%m-%d %H:%M} UTC, with {' '.join(details['detectors'])}")
    _say(f"  encoder {details['encoder'] or 'none: simple features only'}")
    _say(f"  usual level {details['usual_level_dbfs']:.1f} dBFS; judged over {details['context_s']:.1f} s")
    _say(f"  alarm line {alarm['score']:.2f}, percentile {_percent(alarm['percentile'])}")
    rate = counted(details["false_alarms_a_week"], "false alarm") + " a week"
    _say(f"  alarm when {alarm['needed']} of {alarm['of']} windows are above it; set for {rate}")
    table = Table(box=None, pad_edge=False, header_style="bold")
    for heading in ("clip", "domain", "seconds"):
        table.add_column(heading, justify="right" if heading == "seconds" else "left")
    for clip in details["clips"]:
        table.add_row(escape(clip["origin"]), "target" if clip["target"] else "source", f"{clip['seconds']:.1f}")
    console.answers.print(table)
    for note in details["notes"]:
        _warn(note)


def score_line(told: ClipScore, sound: Sound, profile: MachineProfile, *, as_json: bool) -> str:
    """One line of `score`."""
    file = writable(sound.origin)
    if as_json:
        fields = {
            "file": file,
            "score": told.score,
            "percentile": told.percentile,
            "domain_probability": told.domain_probability,
            "alarm": told.alarm,
        }
        return json.dumps(fields, ensure_ascii=False)
    domain = "" if told.domain_probability is None else f"  target {100 * told.domain_probability:3.0f} %"
    bands = ", ".join(band.words for band in told.deviating_bands)
    state = "ALARM " if told.alarm else "normal"
    like = f"  most like {profile.clips[told.nearest_clip].origin}" if told.alarm else ""
    evidence = f"  {bands}" if bands else ""
    return (
        f"{state}  percentile {_percent(told.percentile):>5}  score {told.score:6.2f}{domain}  {file}{evidence}{like}"
    )


def score_warnings(profile: MachineProfile, sound: Sound) -> list[str]:
    """What a person should know of a clip's score."""
    told = list(sound.warnings())
    if window_count(len(sound.samples)) < profile.context and len(sound.samples) >= SAMPLES:
        told.append(f"is {sound.seconds:.1f} s long; {profile.name} was learnt over {context_seconds(profile):.1f} s")
    return told


def context_seconds(profile: MachineProfile) -> float:
    """How long a stretch one score is made from."""
    return ((profile.context - 1) * HOP * MACHINE.hop + SAMPLES) / RATE


def _alarm(profile: MachineProfile) -> str:
    rate = counted(profile.false_alarms_a_week, "false alarm") + " a week"
    return f"the alarm line is percentile {_percent(profile.alarm_percentile)}, for {rate}"


def _percent(percentile: float) -> str:
    """Never 100: no score is worse than all normals there will ever be."""
    return f"{min(100.0 * percentile, 99.99):.2f}"


def _of_domain(profile: MachineProfile, *, is_target: bool) -> list[NormalClip]:
    return [clip for clip in profile.clips if clip.target == is_target]


def _seconds(clips: Sequence[NormalClip]) -> float:
    return sum(clip.audio.length / clip.audio.rate for clip in clips)


def _detectors(profile: MachineProfile) -> str:
    return ", ".join(profile.options.detectors)


def _views(profile: MachineProfile) -> str:
    return "simple features" + (f" and {profile.encoder_id}" if profile.encoder_id else "")


def _say(text: str) -> None:
    console.answers.print(text, markup=False)


def _warn(text: str) -> None:
    console.messages.print(f"[yellow]warning[/] {escape(writable(text))}")
