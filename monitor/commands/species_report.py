"""What `auricle species` prints, for people and as JSON."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from rich.markup import escape
from rich.table import Table

from monitor.commands import console
from monitor.core.clock import NANOSECONDS, isoformat, seconds
from monitor.core.text import counted
from monitor.export.text import stream_time

if TYPE_CHECKING:
    from collections.abc import Sequence

    from monitor.birds.background import FalseTags
    from monitor.birds.clips import PreparedClip
    from monitor.birds.enroll import Enrollment
    from monitor.birds.expectation import ClipAgreement, Expectation
    from monitor.birds.prototype import Prototype

READY, OTHER_ENCODER, NO_ENCODER = "ready", "other encoder", "no encoder"
"""States of a species."""

SHOWN = 10
"""False tags whose places are told."""

REMEDIES = {OTHER_ENCODER: "`auricle species update` embeds its audio again", NO_ENCODER: "install an encoder"}


def print_enrollment(done: Enrollment) -> None:
    """What was learnt and from what, what to expect, and the warnings."""
    prototype = done.prototype
    total = counted(len(prototype.clips), "clip")
    fresh = f", {len(done.clips)} of them new" if len(done.clips) < len(prototype.clips) else ""
    _say(f"{prototype.name}: learnt from {total}{fresh}, {_duration(prototype):.0f} s, with {prototype.model_id}")
    table = _table("clip", ">seconds", ">bird (s)", ">gate", "windows (s)", "by the other clips")
    for clip, agreement in zip(done.clips, _agreements(done.expectation, len(done.clips)), strict=True):
        length = f"{len(clip.clip.samples) / clip.clip.rate:.1f}"
        heard = f"{seconds(clip.active):.1f}"
        origin, peak = escape(clip.clip.origin), f"{clip.peak:.2f}"
        table.add_row(origin, length, heard, peak, _chosen(clip), _told(agreement))
    console.answers.print(table)
    _print_expectation(done.expectation)
    for clip in done.clips:
        for warning in clip.warnings:
            _warn(f"{clip.clip.origin} {warning}")
    print_warnings(done.warnings)


def print_warnings(warnings: Sequence[str]) -> None:
    """Of a species as a whole."""
    for warning in warnings:
        _warn(warning)


def print_false_tags(tags: FalseTags) -> None:
    """How often it was named in the background."""
    if not tags.heard:
        _say("  false tags: no background could be heard")
        return
    rate = f"{tags.per_day:.1f} a day, at most {tags.most_per_day:.1f} (95 %)"
    more = "" if tags.hours >= 1.0 else "; an hour of background or more would say more"
    _say(f"  false tags: {tags.count} in {tags.hours:.2f} h of background: {rate}{more}")
    for source, span in tags.places[:SHOWN]:
        _say(f"    {source} at {stream_time(span.start)}")
    if tags.count > SHOWN:
        _say(f"    and {tags.count - SHOWN} more")


def print_list(rows: Sequence[dict[str, Any]]) -> None:
    """One line a species."""
    table = _table("name", ">clips", ">seconds", ">threshold", "encoder", "enrolled", "state")
    for row in rows:
        own = "" if row["threshold"] is None else f"{row['threshold']:g}"
        state = row["state"] if row["state"] == READY else f"{row['state']}: {REMEDIES[row['state']]}"
        name, enrolled = escape(row["name"]), row["enrolled"][:10]
        table.add_row(name, str(row["clips"]), f"{row['seconds']:.1f}", own, escape(row["encoder"]), enrolled, state)
    console.answers.print(table)


def print_species(prototype: Prototype, present: str | None, expectation: Expectation | None) -> None:
    """Everything about one species."""
    when = datetime.fromtimestamp(prototype.enrolled_utc_ns // NANOSECONDS, UTC)
    total = f"{counted(len(prototype.clips), 'clip')}, {_duration(prototype):.0f} s"
    _say(f"{prototype.name}: {total}, enrolled {when:%Y-%m-%d}")
    state = state_of(prototype, present)
    _say(f"  encoder {prototype.model_id}: {state}" + ("" if state == READY else f"; {REMEDIES[state]}"))
    table = _table("clip", ">seconds", "by the other clips")
    for clip, agreement in zip(prototype.clips, _agreements(expectation, len(prototype.clips)), strict=True):
        table.add_row(escape(clip.origin), f"{clip.length / clip.rate:.1f}", _told(agreement))
    console.answers.print(table)
    if expectation:
        _print_expectation(expectation)
    elif prototype.threshold is not None:
        _say(f"  threshold: {prototype.threshold:g}")


def row_of(prototype: Prototype, present: str | None) -> dict[str, Any]:
    """A species as plain values."""
    return {
        "name": prototype.name,
        "clips": len(prototype.clips),
        "seconds": round(_duration(prototype), 3),
        "threshold": prototype.threshold,
        "encoder": prototype.model_id,
        "enrolled": isoformat(prototype.enrolled_utc_ns),
        "state": state_of(prototype, present),
    }


def details_of(prototype: Prototype, present: str | None, expectation: Expectation | None) -> dict[str, Any]:
    """The same with every clip, and what to expect (null where another encoder is in use)."""
    agreements = _agreements(expectation, len(prototype.clips))
    clips = [
        {
            "origin": clip.origin,
            "seconds": round(clip.length / clip.rate, 3),
            "sha256": clip.sha256,
            "probability": agreement.probability if agreement else None,
            "recognised": agreement.recognised if agreement else None,
        }
        for clip, agreement in zip(prototype.clips, agreements, strict=True)
    ]
    expected = None
    if expectation:
        expected = {
            "threshold": expectation.threshold,
            "recognised": expectation.recognised,
            "of": len(expectation.clips),
            "nearest": expectation.nearest[0] if expectation.nearest else None,
            "nearest_probability": expectation.nearest[1] if expectation.nearest else None,
            "confusable": [name for name, _ in expectation.confusable],
            "cohort_named": expectation.trial.named if expectation.trial else None,
            "cohort_size": expectation.trial.size if expectation.trial else None,
        }
    return row_of(prototype, present) | {"clips": clips, "expectation": expected}


def state_of(prototype: Prototype, present: str | None) -> str:
    """Whether the encoder in use can recognise it."""
    if present is None:
        return NO_ENCODER
    return READY if prototype.model_id == present else OTHER_ENCODER


def _print_expectation(expectation: Expectation) -> None:
    _say(f"  threshold: {expectation.threshold:g}")
    count = len(expectation.clips)
    if count:
        low, high = expectation.recall
        share = f"{expectation.recognised} of {count} clips are recognised by the others"
        _say(f"  recall: {share} (95 %: {low:.0%} to {high:.0%})")
    else:
        _say("  recall: one clip cannot tell; two or more can")
    if expectation.nearest:
        name, probability = expectation.nearest
        _say(f"  nearest other species: {name}, {probability:.0%} the same")
    if trial := expectation.trial:
        most = "" if trial.taxon is None else f", most of {trial.taxon or 'background'}"
        _say(
            f"  of {trial.size} clips of other species and background that the encoder brings, {trial.named} would be "
            f"named so{most}"
        )


def _agreements(expectation: Expectation | None, count: int) -> Sequence[ClipAgreement | None]:
    """Of the last `count` clips; None for each where nothing can be said."""
    clips = expectation.clips if expectation else ()
    return clips[-count:] if len(clips) >= count > 0 else [None] * count


def _chosen(clip: PreparedClip) -> str:
    return ", ".join(f"{seconds(span.start):.1f}-{seconds(span.end):.1f}" for span in sorted(clip.chosen))


def _told(clip: ClipAgreement | None) -> str:
    if clip is None:
        return ""
    told = f"{clip.probability:.0%}"
    if clip.recognised:
        return f"{told}, recognised"
    return f"{told}, nearer to {escape(clip.rival)}" if clip.rival else f"{told}, not recognised"


def _duration(prototype: Prototype) -> float:
    return sum(clip.length / clip.rate for clip in prototype.clips)


def _table(*headings: str) -> Table:
    """Columns; `>` before a heading: its figures are aligned to the right."""
    table = Table(box=None, header_style="bold")
    for heading in headings:
        table.add_column(heading.removeprefix(">"), justify="right" if heading.startswith(">") else "left")
    return table


def _say(line: str) -> None:
    console.answers.print(line, markup=False)


def _warn(text: str) -> None:
    console.messages.print(f"[yellow]warning[/] {escape(text)}")
