"""Everything wrong at start comes in one message, each fault by itself."""

from __future__ import annotations

import pytest

from monitor.errors import BundleError, BusError, DeviceError, StartError, raise_all


def test_nothing_wrong_raises_nothing() -> None:
    raise_all([])


def test_one_fault_stays_itself() -> None:
    with pytest.raises(DeviceError):
        raise_all([DeviceError("microphone", "is busy", "Close the other program")])


def test_several_are_told_at_once_and_flat() -> None:
    nested = StartError([BusError("port", "is in use", "Stop it"), BundleError("model", "is missing", "Install it")])
    with pytest.raises(StartError) as caught:
        raise_all([DeviceError("microphone", "is busy", "Close the other program"), nested])
    assert [error.what for error in caught.value.errors] == ["microphone", "port", "model"]
    assert all(word in str(caught.value) for word in ("is busy", "is in use", "is missing"))
    assert caught.value.exit_code == 2
