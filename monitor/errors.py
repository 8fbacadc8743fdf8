"""What went wrong, for the user: the thing, the reason, the remedy, and the exit code.

Everything that a user can cause is one of these; anything else that escapes is a fault of the program.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence


class AuricleError(Exception):
    """Base of all errors that a user may see.

    `what` names the thing, `why` the reason, `remedy` what to do. Printed without a traceback; the process exits with
    `exit_code`: 1 (ran, something was lost or failed) or 2 (could not start).
    """

    exit_code = 2

    def __init__(self, what: str, why: str, remedy: str) -> None:
        super().__init__(f"{what}: {why}. {remedy}")
        self.what = what
        self.why = why
        self.remedy = remedy


class UsageError(AuricleError):
    """A command was given something that it cannot use."""


class SettingsError(AuricleError):
    """The configuration file, environment or flags hold a wrong value or an unknown key."""


class SourceError(AuricleError):
    """A recording cannot be read, or not to its end."""


class DeviceError(AuricleError):
    """A microphone does not exist, is busy, or vanished."""


class BundleError(AuricleError):
    """A model bundle is missing, damaged or does not fit."""


class BusError(AuricleError):
    """An address is in use, malformed or not allowed, or the other side is away."""


class StoreError(AuricleError):
    """The event log or a file of ours cannot be read or written."""


class StartError(AuricleError):
    """Everything that was found wrong at start, in one message."""

    def __init__(self, errors: Sequence[AuricleError]) -> None:
        self.errors: tuple[AuricleError, ...] = tuple(one for error in errors for one in _flat(error))
        """Each by itself."""
        told = "; ".join(f"{error.what}: {error.why}" for error in self.errors)
        super().__init__(f"{len(self.errors)} things are wrong", told, "See each")
        self.exit_code = max((error.exit_code for error in self.errors), default=2)


def raise_all(errors: Sequence[AuricleError]) -> None:
    """Raise what was collected: nothing for none, the error itself for one, StartError for more."""
    if len(errors) == 1:
        raise errors[0]
    if errors:
        raise StartError(errors)


def _flat(error: AuricleError) -> tuple[AuricleError, ...]:
    return error.errors if isinstance(error, StartError) else (error,)
