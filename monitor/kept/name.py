"""Names that people give, and the file names made of them."""

from __future__ import annotations

import hashlib
import re
import unicodedata

from monitor.errors import UsageError

LONGEST_NAME = 200
"""Characters of a name."""

_CONTROL = frozenset({"Cc", "Cs"})
"""Unicode categories that no terminal or file shows: control characters and halves of pairs."""


def kept_name(text: str, kind: str, remedy: str) -> str:
    """`text` as a name of that kind (`species`, `machine`) is kept: composed (NFC), single spaces.

    Raises UsageError when nothing is left, when it is over `LONGEST_NAME`, or holds control characters.
    """
    name = unicodedata.normalize("NFC", " ".join(text.split()))
    why = None
    if not name:
        why = "is empty"
    elif len(name) > LONGEST_NAME:
        why = f"is longer than {LONGEST_NAME} characters"
    elif any(unicodedata.category(character) in _CONTROL for character in name):
        why = "holds characters that cannot be written"
    if why is not None:
        raise UsageError(f"{kind} name {text[:60]!a}", why, remedy)
    return name


def name_key(name: str) -> str:
    """The same for names that differ only in case or in how accents are spelt."""
    # Caseless matching as Unicode defines it: decompose, fold, decompose what folding composed.
    return unicodedata.normalize("NFD", unicodedata.normalize("NFD", name).casefold())


def kept_file_name(name: str, kind: str) -> str:
    """Of an npz file: readable as far as the name is plain Latin, the same for names that differ only in case."""
    key = name_key(name)
    readable = re.sub(r"[^a-z0-9_]+", "-", key.encode("ascii", "ignore").decode())[:60].strip("-")
    return f"{readable or kind}-{hashlib.sha256(key.encode()).hexdigest()[:16]}.npz"
