"""Names of files need not be Unicode; what is written must be."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from monitor.core.events import BranchCondition, BranchHealth, Health, SourceCondition, SourceState
from monitor.core.text import counted, writable
from monitor.core.types import Span

any_text = st.text(st.characters(exclude_categories=()))


@settings(deadline=None)
@given(any_text)
def test_any_text_can_be_written_and_what_could_be_stays(text):
    written = writable(text)
    assert written.encode().decode() == written
    assert writable(written) == written


def test_strings_inside_are_found():
    branch = BranchHealth("birds", BranchCondition.OFF, 0.0, 0, "\udcff")
    health = Health(Span(0, 1), 1.0, 0.0, 1.0, 0, 0, (branch,))
    assert writable(health).branches[0].detail == "\\udcff"


def test_a_value_without_such_text_is_the_same():
    state = SourceState(Span(0, 0), SourceCondition.LOST, "gone")
    assert writable(state) == state
    assert writable(7) == 7


def test_one_is_told_as_one():
    assert counted(1, "clip") == "1 clip"
    assert counted(0, "clip") == "0 clips"
    assert counted(1_234_567, "clip") == "1234567 clips"
    assert counted(1.0, "false alarm") == "1 false alarm"
    assert counted(0.5, "false alarm") == "0.5 false alarms"
