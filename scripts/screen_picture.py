"""Draws docs/screen.svg: the real screen on the real engine, while the demo's soundscape plays.

Run it from the root of the repository: .venv/bin/python scripts/screen_picture.py [FILE.svg]
"""

from __future__ import annotations

import asyncio
import sys
import tempfile
from pathlib import Path

from monitor.bus.client import BusClient
from monitor.engine.launch import start_engine
from monitor.tui.app import AuricleApp

SIZE = (104, 30)
SPEED = 4
HEARD_S = 57
"""Of the soundscape: by then its last 30 s hold two birds and people who talk."""


async def draw(address: str) -> str:
    """The screen as SVG after `HEARD_S` seconds of the soundscape."""
    app = AuricleApp(lambda: BusClient(address), "demo")
    async with app.run_test(size=SIZE) as pilot:
        await asyncio.sleep(HEARD_S / SPEED)
        await pilot.pause()
        return app.export_screenshot(title="auricle demo")


def main() -> None:
    """Start an engine, watch it, write the picture."""
    target = Path(sys.argv[1] if len(sys.argv) > 1 else "docs/screen.svg")
    with tempfile.TemporaryDirectory() as folder:
        words = ["demo", "--no-tui", "--stay", "--speed", str(SPEED)]
        engine, address = start_engine(words, Path(folder) / "engine.txt")
        try:
            picture = asyncio.run(draw(address))
        finally:
            engine.stop()
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_text(picture, encoding="utf-8")


if __name__ == "__main__":
    main()
