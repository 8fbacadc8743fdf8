"""The laws of a stage, on every stage there is."""

from __future__ import annotations

import ast
import importlib
import inspect
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.contract import laws
from tests.contract.discovery import module_names, stage_classes
from tests.contract.examples import EXAMPLES

STAGES = stage_classes()
VARIANTS = [
    pytest.param(qualified, variant, id=f"{qualified.rsplit('.', 1)[-1]}-{variant}")
    for qualified in sorted(STAGES)
    for variant in EXAMPLES.get(qualified, {})
]
on_every_stage = pytest.mark.parametrize(("qualified", "variant"), VARIANTS)
FORBIDDEN_IMPORTS = {"time", "datetime", "random", "secrets", "logging", "structlog", "socket", "subprocess"}


@pytest.mark.parametrize("name", module_names())
def test_module_imports(name: str) -> None:
    importlib.import_module(name)


def test_stages_are_found() -> None:
    assert "monitor.features.frontend.Frontend" in STAGES


@pytest.mark.parametrize("qualified", sorted(STAGES))
def test_every_stage_has_an_example(qualified: str) -> None:
    assert EXAMPLES.get(qualified), f"{qualified} is a stage: write an example for it in tests/contract/examples.py"


@pytest.mark.parametrize("qualified", sorted(EXAMPLES))
def test_every_example_has_its_stage(qualified: str) -> None:
    module, name = qualified.rsplit(".", 1)
    assert hasattr(importlib.import_module(module), name), f"{qualified} is gone: remove its example"


@on_every_stage
def test_cutting_the_input_differently_changes_nothing(qualified: str, variant: str) -> None:
    laws.cuts_change_nothing(EXAMPLES[qualified][variant]())


@on_every_stage
@settings(max_examples=8, deadline=None)
@given(sizes=st.lists(st.integers(1, 9_000), min_size=1, max_size=8))
def test_irregular_cuts_change_nothing(qualified: str, variant: str, sizes: list[int]) -> None:
    laws.irregular_cuts_change_nothing(EXAMPLES[qualified][variant](), sizes)


@on_every_stage
@pytest.mark.parametrize("at", [0, 3, 7_203, 48_000 * 3_600 * 30 + 2_001])
@pytest.mark.parametrize("flushed", [True, False])
def test_reset_equals_a_fresh_stage(qualified: str, variant: str, at: int, flushed: bool) -> None:
    laws.reset_equals_fresh(EXAMPLES[qualified][variant](), at, flushed)


@on_every_stage
def test_flush_twice_equals_once(qualified: str, variant: str) -> None:
    laws.flush_twice_equals_once(EXAMPLES[qualified][variant]())


@on_every_stage
def test_inputs_are_not_mutated_and_outputs_not_aliased(qualified: str, variant: str) -> None:
    laws.inputs_not_mutated_outputs_not_aliased(EXAMPLES[qualified][variant]())


@on_every_stage
@pytest.mark.parametrize("at", [0, 7_203])
def test_spans_are_ordered(qualified: str, variant: str, at: int) -> None:
    laws.spans_are_ordered(EXAMPLES[qualified][variant](), at)


@on_every_stage
def test_nothing_comes_later_than_latency(qualified: str, variant: str) -> None:
    laws.nothing_later_than_latency(EXAMPLES[qualified][variant]())


@on_every_stage
def test_no_clock_input_output_randomness_or_logging(qualified: str, variant: str) -> None:
    laws.nothing_from_outside(EXAMPLES[qualified][variant]())


@pytest.mark.parametrize("qualified", sorted(STAGES))
def test_the_module_of_a_stage_imports_no_clock_randomness_or_logging(qualified: str) -> None:
    tree = ast.parse(Path(inspect.getsourcefile(STAGES[qualified]) or "").read_text(encoding="utf-8"))
    imported: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            imported |= {alias.name.split(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            imported.add((node.module or "").split(".")[0])
    assert not imported & FORBIDDEN_IMPORTS
