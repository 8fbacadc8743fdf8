"""What the training loops share."""

from __future__ import annotations

import warnings
from types import SimpleNamespace
from typing import Any, cast

import pytest

pytest.importorskip("torch")
pytest.importorskip("lightning")

from training import loop


def test_only_what_is_meant_is_silent() -> None:
    with warnings.catch_warnings(record=True) as heard:
        warnings.simplefilter("always")
        with loop.quiet("a folder that is not empty"):
            warnings.warn("The dataloader does not have many workers which may be a bottleneck", stacklevel=1)
            warnings.warn("There is a folder that is not empty here", stacklevel=1)
            warnings.warn("something else", stacklevel=1)
        warnings.warn("There is a folder that is not empty here", stacklevel=1)
    assert [str(one.message).split()[0] for one in heard] == ["something", "There"]


def test_a_line_comes_when_its_time_has_passed(monkeypatch: pytest.MonkeyPatch) -> None:
    told: list[str] = []
    lines = loop.MinuteLines("net", 20, told.append)
    trainer = cast("Any", SimpleNamespace(callback_metrics={"loss": 0.25}, global_step=7))
    lines.on_train_batch_end(trainer, cast("Any", None))
    assert told == []
    monkeypatch.setattr(loop, "EVERY_S", -1.0)
    lines.on_train_batch_end(trainer, cast("Any", None))
    assert told == ["net: step 7 of 20, loss 0.250"]
