"""What the training loops share: the silence of the library, and what is said meanwhile."""

from __future__ import annotations

import logging
import time
import warnings
from contextlib import contextmanager
from typing import TYPE_CHECKING

import lightning

if TYPE_CHECKING:
    from collections.abc import Callable, Generator

EVERY_S = 60.0
"""Seconds between two lines."""


@contextmanager
def quiet(*meant: str) -> Generator[None]:
    """Without lightning's remarks; `meant`: words of further warnings about what is so on purpose."""
    logging.getLogger("lightning.pytorch").setLevel(logging.ERROR)
    with warnings.catch_warnings():
        # Batches are made in this process on purpose: a second one would take the core from the network.
        warnings.filterwarnings("ignore", message=".*does not have many workers.*")
        # lightning's own use of something that torch has renamed.
        warnings.filterwarnings("ignore", message=".*LeafSpec.*")
        for words in meant:
            warnings.filterwarnings("ignore", message=f".*{words}.*")
        yield


class MinuteLines(lightning.Callback):
    """A line every minute: step and loss."""

    def __init__(self, name: str, steps: int, progress: Callable[[str], None]) -> None:
        self._name, self._steps, self._progress = name, steps, progress
        self._told = time.monotonic()

    def on_train_batch_end(
        self, trainer: lightning.Trainer, pl_module: lightning.LightningModule, *_: object, **__: object
    ) -> None:
        """Say it, where a minute has passed."""
        if time.monotonic() - self._told > EVERY_S:
            self._told = time.monotonic()
            loss = float(trainer.callback_metrics["loss"])
            self._progress(f"{self._name}: step {trainer.global_step} of {self._steps}, loss {loss:.3f}")
