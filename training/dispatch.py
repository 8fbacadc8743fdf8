"""Which functions a recipe's system has. Each imports what is heavy when it is asked for, not before."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path
    from typing import Any, Protocol

    class Results(Protocol):
        """What was measured."""

        def lines(self) -> list[str]:
            """For a terminal."""
            ...

    Progress = Callable[[str], None]


class System(NamedTuple):
    """What can be done with a recipe; every function takes recipe, its path and where progress is told."""

    run: Callable[[Any, Path, Progress], Results]
    """Everything."""
    evaluate: Callable[[Any, Path, Progress], Results]
    """Measure again."""
    export: Callable[[Any, Path, Progress], Path]
    """Write the bundle; its folder."""


def system_of(name: str) -> System:
    """Functions of the system that a recipe names. Raises ValueError when there is none, which no recipe passes."""
    if name == "gate":
        from training.gate import evaluate_gate, export_gate, run_gate

        return System(run_gate, lambda recipe, _, progress: evaluate_gate(recipe, progress), export_gate)
    if name == "fewshot":
        from training.fewshot.run import evaluate_fewshot, export_fewshot, run_fewshot

        return System(run_fewshot, evaluate_fewshot, export_fewshot)
    if name == "fewshot-paper":
        from training.fewshot.ablation import evaluate_paper, export_paper, run_paper

        return System(run_paper, evaluate_paper, export_paper)
    if name == "scene":
        from training.scene.run import evaluate_scene, export_scene, run_scene

        return System(run_scene, evaluate_scene, export_scene)
    if name == "scene-paper":
        from training.scene.table import evaluate_table, export_table, run_table

        return System(run_table, evaluate_table, export_table)
    if name == "anomaly":
        from training.anomaly.run import evaluate_anomaly, export_anomaly, run_anomaly

        return System(run_anomaly, evaluate_anomaly, export_anomaly)
    if name == "anomaly-paper":
        from training.anomaly.paper import evaluate_anomaly_paper, export_anomaly_paper, run_anomaly_paper

        return System(run_anomaly_paper, evaluate_anomaly_paper, export_anomaly_paper)
    if name == "sound":
        from training.sound.run import evaluate_sound, export_sound, run_sound

        return System(run_sound, evaluate_sound, export_sound)
    if name == "sound-personal":
        from training.personal.run import evaluate_personal, export_personal, run_personal

        return System(run_personal, evaluate_personal, export_personal)
    if name == "species":
        from training.species.run import evaluate_species, export_species, run_species

        return System(run_species, evaluate_species, export_species)
    if name == "species-paper":
        from training.species.table import evaluate_table as evaluate_species_table
        from training.species.table import export_table as export_species_table
        from training.species.table import run_table as run_species_table

        return System(run_species_table, evaluate_species_table, export_species_table)
    raise ValueError(f"no system is called {name}")
