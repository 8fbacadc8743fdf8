"""CURVE keys on disk: a folder with our own pair, the engine's public key, and those of the clients that it lets in.

secret.key    ours; readable only by its owner, never leaves this computer
public.key    ours; copy it to the engine's `clients/` as any name ending in .key
server.key    the engine's public.key, copied here; what a client needs
clients/      what an engine needs: without this folder whoever knows its public key is let in
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from monitor.bus.curve import CurveKeys, new_keys
from monitor.errors import StoreError

if TYPE_CHECKING:
    from pathlib import Path

PUBLIC, SECRET, SERVER, CLIENTS = "public.key", "secret.key", "server.key", "clients"


def write_keys(folder: Path) -> tuple[Path, Path]:
    """Make a pair in `folder`: its public and its secret file. Raises StoreError rather than replace one."""
    public_key, secret_key = new_keys()
    public, secret = folder / PUBLIC, folder / SECRET
    try:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        _write_new(secret, secret_key, mode=0o600)
        _write_new(public, public_key, mode=0o644)
    except FileExistsError as fault:
        remedy = "Use another folder; replacing keys would lock out whoever has the old ones"
        raise StoreError(str(fault.filename), "is there already", remedy) from fault
    except OSError as fault:
        raise StoreError(str(folder), f"cannot be written: {fault.strerror}", "Use another folder") from fault
    return public, secret


def read_keys(folder: Path) -> CurveKeys:
    """The keys in `folder`. Raises StoreError when our pair is not there, BusError when one is malformed."""
    server = folder / SERVER
    clients = folder / CLIENTS
    try:
        return CurveKeys(
            _read(folder / PUBLIC),
            _read(folder / SECRET),
            _read(server) if server.exists() else None,
            frozenset(_read(file) for file in clients.glob("*.key")) if clients.is_dir() else None,
        )
    except OSError as fault:
        remedy = "`auricle keys new` makes a pair; bus.keys names its folder"
        raise StoreError(str(fault.filename), f"no key to be read: {fault.strerror}", remedy) from fault


def _read(file: Path) -> bytes:
    return file.read_bytes().strip()


def _write_new(file: Path, key: bytes, mode: int) -> None:
    descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
    with os.fdopen(descriptor, "wb") as opened:
        opened.write(key + b"\n")
