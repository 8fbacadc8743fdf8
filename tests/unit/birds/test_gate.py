from __future__ import annotations

import itertools
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import pytest

from monitor.birds.gate import RELEASE, Gate, GateThresholds
from monitor.core.events import ActivityChange, GateReading
from monitor.core.types import AudioBlock, Span, Window
from monitor.errors import BundleError
from monitor.features.frontend import Frontend
from monitor.features.spec import BIRD, SPECIES
from monitor.features.windows import Windower
from monitor.inference.bundle import Bundle, load_bundle
from monitor.inference.session import InferenceError
from tests.helpers.tiny_bundle import HOP, WINDOW, make_gate_bundle, mean_network

if TYPE_CHECKING:
    from collections.abc import Sequence

WINDOWER = Windower(BIRD, WINDOW, HOP)


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Bundle:
    """Hears what is louder above 2 kHz than below."""
    return load_bundle(make_gate_bundle(tmp_path_factory.mktemp("models")))


@pytest.fixture(scope="module")
def chosen(tmp_path_factory: pytest.TempPathFactory) -> Bundle:
    """The probability is the mean of the window."""
    root = tmp_path_factory.mktemp("chosen")
    return load_bundle(make_gate_bundle(root, network=mean_network(), thresholds={"on": 0.6, "off": 0.4}))


def filled(probability: float, number: int) -> Window:
    values = np.full((WINDOW, BIRD.bands), probability, np.float32)
    return Window(values, WINDOWER.span_of(number * HOP), BIRD.fingerprint)


def run(gate: Gate, probabilities: Sequence[float]) -> list[GateReading | ActivityChange]:
    return [out for number, p in enumerate(probabilities) for out in gate.push(filled(p, number))]


def test_each_window_gives_a_reading_and_then_what_it_changes(chosen: Bundle) -> None:
    first, onset = Gate(chosen).push(filled(0.75, 4))
    assert first == GateReading(WINDOWER.span_of(100), 0.75, Gate(chosen).thresholds.on)
    assert onset == ActivityChange(WINDOWER.span_of(100), True, 0.75, WINDOWER.span_of(100))


def test_flush_closes_and_a_second_one_gives_nothing(chosen: Bundle) -> None:
    gate = Gate(chosen)
    run(gate, [0.75, 0.8125])
    (end,) = gate.flush()
    assert end == ActivityChange(Span(0, WINDOWER.span_of(HOP).end), False, 0.8125, WINDOWER.span_of(HOP))
    assert list(gate.flush()) == []


def test_reset_is_as_fresh(chosen: Bundle) -> None:
    gate = Gate(chosen)
    run(gate, [0.75] * 5)
    gate.reset(0)
    assert list(gate.flush()) == []
    assert run(gate, [0.5, 0.75, 0.25]) == run(Gate(chosen), [0.5, 0.75, 0.25])


def test_long_activities_are_split(chosen: Bundle) -> None:
    gate = Gate(chosen)
    outputs = [*run(gate, [0.75] * 100), *gate.flush()]
    changes = [out for out in outputs if isinstance(out, ActivityChange)]
    ends = [change.span for change in changes if not change.active]
    assert len(ends) == 6
    assert all(before.end == after.start for before, after in itertools.pairwise(ends))


def test_windows_of_other_features_are_refused(chosen: Bundle) -> None:
    values = np.zeros((WINDOW, BIRD.bands), np.float32)
    with pytest.raises(ValueError, match=f"needs features {BIRD.fingerprint}"):
        Gate(chosen).push(Window(values, Span(0, 50_112), SPECIES.fingerprint))


def test_windows_of_another_length_are_refused(chosen: Bundle) -> None:
    values = np.zeros((WINDOW - 1, BIRD.bands), np.float32)
    with pytest.raises(InferenceError):
        Gate(chosen).push(Window(values, Span(0, 49_152), BIRD.fingerprint))


def test_a_bundle_that_is_no_gate_is_refused(chosen: Bundle) -> None:
    encoder = replace(chosen, manifest=chosen.manifest.model_copy(update={"task": "encoder"}))
    with pytest.raises(BundleError, match="not a gate"):
        Gate(encoder)
    with pytest.raises(BundleError, match="not a gate"):
        GateThresholds.of(encoder.manifest.model_copy(update={"thresholds": {}}))


def test_a_network_that_gives_no_probability_is_an_error(chosen: Bundle) -> None:
    with pytest.raises(InferenceError, match="no probability"):
        Gate(chosen).push(filled(1.5, 0))


def test_thresholds_come_from_the_bundle_unless_given(chosen: Bundle) -> None:
    manifest = chosen.manifest
    assert Gate(chosen).thresholds == GateThresholds(0.6, 0.4, RELEASE)
    assert GateThresholds.of(manifest, on=0.7) == GateThresholds(0.7, 0.4)
    assert GateThresholds.of(manifest, off=0.5) == GateThresholds(0.6, 0.5)
    assert GateThresholds.of(manifest, on=0.2) == GateThresholds(0.2, 0.2)
    assert GateThresholds.of(manifest, off=0.9) == GateThresholds(0.9, 0.9)
    given = GateThresholds(0.9, 0.8, 5)
    assert Gate(chosen, given).thresholds == given
    own = manifest.thresholds | {"release": manifest.thresholds["on"].model_copy(update={"value": 3.0})}
    assert GateThresholds.of(manifest.model_copy(update={"thresholds": own})).release == 3


def test_latency_covers_release_and_a_window(chosen: Bundle) -> None:
    assert Gate(chosen).latency == 50_112
    assert Gate(chosen, GateThresholds(0.6, 0.4, release=4)).latency == 4 * 24_000


def test_a_chirp_is_heard_where_it_is(bundle: Bundle) -> None:
    """From samples to activities: hum, two seconds of chirp at full scale from 4 s on, hum."""
    time = np.arange(10 * BIRD.rate) / BIRD.rate
    audio = 0.05 * np.sin(2 * np.pi * 120.0 * time)
    calling = (time >= 4.0) & (time < 6.0)
    audio[calling] += np.sin(2 * np.pi * (2_500.0 * time + 600.0 * (time - 4.0) ** 2))[calling]
    frontend, windower, gate = Frontend(BIRD), Windower(BIRD, WINDOW, HOP), Gate(bundle)
    outputs: list[GateReading | ActivityChange] = []
    for start in range(0, len(audio), 997):
        for block in frontend.push(AudioBlock(audio[start : start + 997].astype(np.float32), start, BIRD.rate)):
            for window in windower.push(block):
                outputs += gate.push(window)
    onset, end = (out for out in [*outputs, *gate.flush()] if isinstance(out, ActivityChange))
    assert (onset.active, end.active) == (True, False)
    assert 2.9 <= end.span.start / 48_000 <= 4.0
    assert 6.0 <= end.span.end / 48_000 <= 7.1
    assert sum(isinstance(out, GateReading) for out in outputs) == 18
