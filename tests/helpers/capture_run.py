"""The capture process as the command line runs it, without the command line.

Run as `python -m tests.helpers.capture_run ADDRESS [--device NAME] ...`; SIGINT and SIGTERM ask it to stop.
"""

from __future__ import annotations

import argparse
import signal
import sys
import time

from monitor.bus.audio_sender import AudioSender
from monitor.bus.capture_process import run_capture
from monitor.errors import AuricleError


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("address")
    parser.add_argument("--device", default="")
    parser.add_argument("--channel", type=int, default=1)
    parser.add_argument("--rate", type=int, default=48_000)
    parser.add_argument("--ring-s", type=float, default=30.0)
    parser.add_argument("--watchdog-s", type=float, default=3.0)
    parser.add_argument("--stall-sender-s", type=float, default=0.0, help="the sender sleeps once")
    options = parser.parse_args()
    asked: list[int] = []
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda received, _frame: asked.append(received))
    if options.stall_sender_s:
        stall_sender(options.stall_sender_s)
    try:
        run_capture(
            options.address,
            lambda: bool(asked),
            device=options.device,
            source="mic",
            channel=options.channel,
            rate=options.rate,
            ring_s=options.ring_s,
            watchdog_s=options.watchdog_s,
        )
    except AuricleError as error:
        print(error, file=sys.stderr)
        sys.exit(error.exit_code)


def stall_sender(stall_s: float) -> None:
    """Let the sender's thread do nothing for a while, in the middle of its work."""
    turn = AudioSender._turn
    began = time.monotonic()
    stalled: list[bool] = []

    def turn_or_sleep(sender: AudioSender) -> None:
        if not stalled and time.monotonic() - began > 1.0 and sender.linked:
            stalled.append(True)
            time.sleep(stall_s)
        turn(sender)

    AudioSender._turn = turn_or_sleep  # type: ignore[method-assign]


if __name__ == "__main__":
    main()
