"""A capture process whose device is a clock: sample i has the value i. Ends when its standard input does.

Run as `python -m tests.helpers.capture_feed ADDRESS --rate 8000 --ring-s 2`; prints the frames captured at the end.
"""

from __future__ import annotations

import argparse
import sys
import threading
import time
from pathlib import Path

import numpy as np

from monitor.audio.intake import Intake
from monitor.bus.audio_link import AudioSender
from monitor.bus.curve import CurveKeys
from monitor.core.events import SourceCondition


class NoTimes:
    inputBufferAdcTime = 0.0  # noqa: N815
    currentTime = 0.0  # noqa: N815


class NoFlags:
    input_overflow = False
    input_underflow = False


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("address")
    parser.add_argument("--rate", type=int, default=8_000)
    parser.add_argument("--ring-s", type=float, default=10.0)
    parser.add_argument("--source", default="mic")
    parser.add_argument("--keys", type=Path, help="file with public, secret and server's public key, a line each")
    options = parser.parse_args()
    keys = None
    if options.keys:
        public, secret, server = options.keys.read_bytes().split(b"\n")[:3]
        keys = CurveKeys(public, secret, server)
    intake = Intake(options.rate, round(options.ring_s * options.rate))
    sender = AudioSender(intake, options.address, options.source, keys)
    ended = threading.Event()
    threading.Thread(target=lambda: (sys.stdin.read(), ended.set()), daemon=True).start()
    began = time.monotonic_ns()
    written = 0
    sender.start()
    sender.report(SourceCondition.LISTENING)
    while not ended.wait(0.013):
        due = (time.monotonic_ns() - began) * options.rate // 1_000_000_000
        frames = np.arange(written, due, dtype=np.float32)[:, None]
        intake.callback(frames, len(frames), NoTimes(), NoFlags())
        written = due
    taken = sender.finish(SourceCondition.ENDED, "stopped", drain_s=3.0)
    print(written, taken, flush=True)


if __name__ == "__main__":
    main()
