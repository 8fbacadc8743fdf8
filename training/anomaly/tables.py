"""Tables of rows by machine, in Markdown: all figures, the headline with its interval, small cells apart."""

from __future__ import annotations

from typing import TYPE_CHECKING

from training.anomaly.metrics import APART, LEAST_ANOMALIES, LEAST_NORMALS

if TYPE_CHECKING:
    from collections.abc import Mapping

    from training.anomaly.metrics import Cell, Summary

CAPTION = (
    "Harmonic means of the official figures of DCASE Task 2: of each section the area under the ROC curve of either "
    "domain's normals against all its anomalies, and the partial area up to a tenth of false positives (McClish). "
    f"*Headline*: figures of at least {LEAST_NORMALS} normals and {LEAST_ANOMALIES} anomalies, without "
    f"{', '.join(sorted(APART))}; 95 % in brackets, clips drawn anew within section, domain and label. "
    "*All*: every figure, however few clips stand behind it; a single normal that scores above all anomalies makes a "
    "figure 0, and every mean with it."
)


PAPERS_OWN = (
    "The paper's own variant: AUC and pAUC with normals **and** anomalies of one domain (its Tables 1 and 2), and of "
    "both (Table 3); harmonic means of all figures of at least one normal and one anomaly."
)


def paper_table(rows: Mapping[str, Mapping[str, float]]) -> list[str]:
    """A line a row: `metrics.paper_figures`."""
    lines = ["| | source | target | all |", "|---|---|---|---|"]
    for name, one in rows.items():
        lines.append(f"| {name} | {' | '.join(f'{one[part]:.3f}' for part in ('source', 'target', 'all'))} |")
    return lines


def rows_table(rows: Mapping[str, Summary]) -> list[str]:
    """A line a row: all, headline, each machine."""
    machines = sorted({machine for one in rows.values() for machine in one.by_machine})
    lines = [f"| | all | headline | {' | '.join(machines)} |", "|---" * (len(machines) + 3) + "|"]
    for name, one in rows.items():
        low, high = one.headline_interval
        headline = f"{one.headline:.3f} ({low:.2f}..{high:.2f})"
        by_machine = [f"{one.by_machine[m]:.2f}" if m in one.by_machine else "" for m in machines]
        lines.append(f"| {name} | {one.everything:.3f} | {headline} | {' | '.join(by_machine)} |")
    return lines


def cells_table(rows: Mapping[str, Summary], headline: bool) -> list[str]:
    """A column a row, a line a figure: those of the headline, or the ones that stand on too few clips."""
    found: dict[tuple[str, int, str], Cell] = {}
    for one in rows.values():
        found |= {(cell.machine, cell.section, cell.figure): cell for cell in one.cells if cell.headline == headline}
    lines = [f"| figure | normals, anomalies | {' | '.join(rows)} |", "|---" * (len(rows) + 2) + "|"]
    for key in sorted(found):
        cell = found[key]
        values = [
            next((f"{c.value:.2f}" for c in one.cells if (c.machine, c.section, c.figure) == key), "")
            for one in rows.values()
        ]
        what = f"{cell.machine} {cell.section:02d} {cell.figure.replace('_', ' ')}"
        lines.append(f"| {what} | {cell.normals}, {cell.anomalies} | {' | '.join(values)} |")
    return lines
