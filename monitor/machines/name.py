"""Names of machines."""

from __future__ import annotations

from monitor.kept.name import kept_name


def machine_name(text: str) -> str:
    """`text` as a name is kept: composed (NFC), single spaces.

    Raises UsageError when nothing is left, when it is too long, or holds control characters.
    """
    return kept_name(text, "machine", "Name it as in pump-3")
