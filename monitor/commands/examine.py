"""`doctor`, `models`, `config`: what is there, and whether it is good."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from rich.table import Table

from monitor import paths
from monitor.audio.sources import open_source
from monitor.audio.synthetic import soundscape
from monitor.commands import console
from monitor.commands.checks import Verdict, examine_everything
from monitor.core.text import counted
from monitor.engine import bench as benchmark
from monitor.engine.models import load_models
from monitor.errors import BundleError, StoreError
from monitor.inference.reports import inspect_models
from monitor.settings import Settings
from monitor.settings_file import as_toml

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

SIGNS = {Verdict.GOOD: "[green]good[/]", Verdict.NOTE: "[yellow]note[/]", Verdict.BAD: "[bold red]bad[/]"}


def doctor(config: Path | None) -> int:
    """Print every check with its verdict; 0 when nothing is bad, else 1."""
    bad = 0
    for check in examine_everything(config):
        bad += check.verdict is Verdict.BAD
        console.answers.print(f"{SIGNS[check.verdict]}  {check.what}: ", end="")
        console.answers.print(check.finding, markup=False)
        if check.remedy:
            console.answers.print(f"      {check.remedy}", markup=False)
    return 1 if bad else 0


def list_models() -> int:
    """Print a table of bundles."""
    table = Table(box=None, header_style="bold")
    for heading in ("name", "version", "task", "size", "state", "folder"):
        table.add_column(heading, justify="right" if heading == "size" else "left")
    reports = inspect_models(paths.model_roots())
    if not reports:
        console.messages.print(f"no bundles in {', '.join(str(root) for root in paths.model_roots())}")
    for report in reports:
        state = "good" if not report.faults else counted(len(report.faults), "fault")
        size = f"{report.size / 1e6:.2f} MB"
        table.add_row(report.name, report.version, report.task, size, state, str(report.path))
    console.answers.print(table)
    return 1 if any(report.faults for report in reports) else 0


def verify_models(names: Sequence[str]) -> int:
    """Check bundles (all, or those named) and print each fault. Raises BundleError for unknown names."""
    reports = inspect_models(paths.model_roots())
    for name in names:
        if all(report.name != name for report in reports):
            remedy = f"There are: {', '.join(sorted({report.name for report in reports})) or 'none'}"
            raise BundleError(f"model {name}", "there is none of this name", remedy)
    chosen = [report for report in reports if not names or report.name in names]
    for report in chosen:
        for fault in report.faults:
            console.answers.print(f"{SIGNS[Verdict.BAD]}  {report.name} {report.version}: ", end="")
            console.answers.print(fault, markup=False)
        if not report.faults:
            console.answers.print(f"{SIGNS[Verdict.GOOD]}  {report.name} {report.version}: golden self-test passed")
    return 1 if any(report.faults for report in chosen) else 0


def bench(settings: Settings, minutes: float, recording: Path | None, *, as_json: bool = False) -> int:
    """Run the pipeline over sound in memory and print what it costs."""
    source = open_source(recording) if recording else soundscape()
    blocks = [block.samples for block in source.blocks()]
    roots, threads = paths.model_roots(), settings.engine.threads
    models = load_models(settings.birds, roots, threads, settings.species, scene=settings.scene, sound=settings.sound)
    with console.messages.status(f"running {minutes:g} minutes of audio through the pipeline"):
        figures = benchmark.run(blocks, source.rate, minutes, models)
    for line in [json.dumps(figures.to_dict())] if as_json else figures.lines():
        console.print_line(line)
    return 0


def show_settings(settings: Settings) -> int:
    """Print every setting as TOML."""
    console.print_line(as_toml(settings))
    return 0


def write_settings(config: Path | None, *, replace: bool) -> int:
    """Write a commented file with the defaults. Raises StoreError when one is there."""
    file = config or paths.config_file()
    if file.exists() and not replace:
        raise StoreError(str(file), "is there already", "Edit it, or use --force to replace it")
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(as_toml(Settings(), commented=True), encoding="utf-8")
    except OSError as fault:
        raise StoreError(str(file), f"cannot be written: {fault.strerror}", "Choose another with --config") from fault
    console.print_line(str(file))
    return 0
