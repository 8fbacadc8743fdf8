"""The audio link between two processes: what is lost, and what must never be."""

from __future__ import annotations

import contextlib
import random
import socket
import subprocess
import sys
import threading
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING

import numpy as np
import pytest
import zmq

from monitor.audio.intake import Intake
from monitor.bus.audio_link import AudioReceiver, AudioSender, RateChange, SourceBlock, SourceNote
from monitor.bus.audio_sender import MOST_UNACKNOWLEDGED
from monitor.bus.curve import CurveKeys, new_keys
from monitor.core.events import SourceCondition
from tests.helpers.capture_feed import NoFlags, NoTimes

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from monitor.bus.audio_link import LinkItem

RATE = 8_000
ANY = "tcp://127.0.0.1:*"
PATIENCE_S = 40.0


class Feed:
    """A capture process of its own; see tests/helpers/capture_feed.py."""

    def __init__(self, address: str, *options: str) -> None:
        command = [sys.executable, "-m", "tests.helpers.capture_feed", address, *options]
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def ask_to_stop(self) -> None:
        assert self.process.stdin is not None
        self.process.stdin.close()

    def captured(self) -> tuple[int, bool]:
        """After the end: frames captured, and whether the engine took them all."""
        assert self.process.stdout is not None
        written, taken = self.process.stdout.read().split()
        assert self.process.wait() == 0
        return int(written), taken == "True"

    def kill(self) -> None:
        self.process.kill()
        self.process.wait()


@contextmanager
def feed(address: str, *options: str) -> Iterator[Feed]:
    running = Feed(address, *options)
    try:
        yield running
    finally:
        running.kill()
        for stream in (running.process.stdin, running.process.stdout):
            if stream is not None:
                with contextlib.suppress(BrokenPipeError):
                    stream.close()


def hear(
    receiver: AudioReceiver,
    until: Callable[[list[LinkItem]], bool],
    *,
    acknowledge: bool = True,
) -> list[LinkItem]:
    """Poll until it is enough."""
    items: list[LinkItem] = []
    end = time.monotonic() + PATIENCE_S
    while not until(items):
        assert time.monotonic() < end, f"waited in vain; {receiver.sources} {receiver.last_fault}"
        for item in receiver.poll(0.1):
            items.append(item)
            if acknowledge and isinstance(item, SourceBlock):
                receiver.acknowledge(item)
    return items


def blocks(items: list[LinkItem]) -> list[SourceBlock]:
    return [item for item in items if isinstance(item, SourceBlock)]


def at_least(samples: int) -> Callable[[list[LinkItem]], bool]:
    return lambda items: sum(len(item.block.samples) for item in blocks(items)) >= samples


def ended(items: list[LinkItem]) -> bool:
    return any(isinstance(item, SourceNote) and item.condition is SourceCondition.ENDED for item in items)


def check_in_place(items: list[LinkItem], shift: int = 0) -> None:
    """Every sample is where its value says, and gaps are what was stated."""
    expected: int | None = None
    for item in blocks(items):
        block = item.block
        if expected is not None:
            assert block.start == expected + block.lost_before
        values = np.arange(block.start + shift, block.end + shift, dtype=np.float32)
        np.testing.assert_array_equal(block.samples, values)
        expected = block.end


def lost(items: list[LinkItem]) -> int:
    return sum(item.block.lost_before for item in blocks(items))


def test_everything_arrives_once_and_the_end_is_flushed() -> None:
    with AudioReceiver(ANY) as receiver, feed(receiver.address) as capture:
        items = hear(receiver, at_least(RATE))
        capture.ask_to_stop()
        items += hear(receiver, ended)
        written, taken = capture.captured()
    check_in_place(items)
    assert taken
    assert blocks(items)[-1].block.end == written
    assert lost(items) == receiver.sources["mic"].duplicates == receiver.faults == 0
    conditions = [item.condition for item in items if isinstance(item, SourceNote)]
    assert conditions[-2:] == [SourceCondition.LISTENING, SourceCondition.ENDED]
    utc_ns = time.time_ns()
    assert all(0 <= utc_ns - item.utc_ns < 60 * 10**9 for item in blocks(items))


def test_a_stalled_engine_loses_nothing_that_the_ring_holds() -> None:
    with AudioReceiver(ANY) as receiver, feed(receiver.address, "--ring-s", "20") as capture:
        items = hear(receiver, at_least(RATE // 2))
        time.sleep(5.0)
        items += hear(receiver, at_least(6 * RATE))
        capture.ask_to_stop()
        items += hear(receiver, ended)
        written, _ = capture.captured()
    check_in_place(items)
    assert lost(items) == 0
    assert blocks(items)[-1].block.end == written


def test_a_stall_longer_than_the_ring_loses_a_counted_amount() -> None:
    with AudioReceiver(ANY) as receiver, feed(receiver.address, "--ring-s", "1") as capture:
        items = hear(receiver, at_least(RATE // 2))
        time.sleep(4.0)
        items += hear(receiver, at_least(RATE))
        capture.ask_to_stop()
        items += hear(receiver, ended)
        written, _ = capture.captured()
    check_in_place(items)
    gaps = [item for item in blocks(items) if item.block.lost_before]
    assert gaps
    assert all(item.loss_reason and not item.block.lost_estimated for item in gaps)
    assert lost(items) + sum(len(item.block.samples) for item in blocks(items)) == written
    assert receiver.sources["mic"].lost == lost(items)


@pytest.mark.parametrize(("ring_s", "loses"), [("20", False), ("1", True)])
def test_a_new_engine_gets_what_the_old_one_had_not_dealt_with(ring_s: str, loses: bool) -> None:
    with AudioReceiver(ANY) as receiver:
        address = receiver.address
        with feed(address, "--ring-s", ring_s) as capture:
            old = hear(receiver, at_least(RATE))
            taken = blocks(old)[-1].block.end
            hear(receiver, at_least(RATE // 4), acknowledge=False)
            receiver.close()
            time.sleep(4.0 if loses else 1.0)
            with AudioReceiver(address) as successor:
                new = hear(successor, at_least(RATE))
                capture.ask_to_stop()
                new += hear(successor, ended)
                written, _ = capture.captured()
    check_in_place(old)
    first = blocks(new)[0].block
    shift = int(first.samples[0]) - first.start
    assert shift == taken, "what is lost is counted from the last sample that an engine dealt with"
    assert first.start == first.lost_before
    assert (first.lost_before > 0) is loses
    check_in_place(new, shift)
    assert blocks(new)[-1].block.end + shift == written


def test_no_more_than_eight_blocks_without_acknowledgement() -> None:
    with AudioReceiver(ANY) as receiver:
        address = receiver.address
        with feed(address, "--ring-s", "30"):
            items = hear(receiver, at_least(RATE // 2), acknowledge=False)
            items += [item for _ in range(20) for item in receiver.poll(0.1)]
            assert len(blocks(items)) == MOST_UNACKNOWLEDGED
            receiver.close()
            with AudioReceiver(address) as successor:
                again = hear(successor, at_least(3 * RATE))
    assert blocks(again)[0].block.samples[0] == 0.0
    check_in_place(again)
    assert lost(again) == 0


def test_a_new_capture_process_continues_the_source() -> None:
    with AudioReceiver(ANY) as receiver:
        with feed(receiver.address) as capture:
            items = hear(receiver, at_least(RATE))
            capture.kill()
            killed = time.monotonic()
        first_stream = blocks(items)[-1].stream
        with feed(receiver.address, "--rate", "16000"):
            later = hear(receiver, lambda found: any(item.block.rate == 16_000 for item in blocks(found)))
            restarted_s = time.monotonic() - killed
    change = next(item for item in later if isinstance(item, RateChange))
    left = [item for item in blocks(later) if item.stream == first_stream]
    last = (left or blocks(items))[-1]
    first = next(item for item in blocks(later) if item.stream != first_stream)
    assert (change.before, change.rate, change.before_index, change.index) == (
        RATE,
        16_000,
        last.block.end,
        2 * last.block.end,
    )
    assert first.block.start == change.index + first.block.lost_before
    assert first.block.lost_estimated
    assert first.block.samples[0] == 0.0
    assert 0 < first.block.lost_before <= (restarted_s + 1.0) * 16_000
    moved_ns = first.utc_ns - last.utc_ns
    moved = (first.block.start / 16_000 - last.block.start / RATE) * 1e9
    assert moved == pytest.approx(moved_ns, abs=0.1e9)
    assert "again" in first.loss_reason


def test_a_silent_capture_process_is_lost_and_may_come_back() -> None:
    with AudioReceiver(ANY) as receiver, feed(receiver.address) as capture:
        hear(receiver, at_least(RATE // 2))
        capture.kill()
        items = hear(receiver, lambda found: bool(found) and isinstance(found[-1], SourceNote))
        note = items[-1]
        assert isinstance(note, SourceNote)
        assert note.condition is SourceCondition.LOST
        with feed(receiver.address):
            hear(receiver, at_least(RATE // 2))
        assert receiver.sources["mic"].condition is SourceCondition.LISTENING


def test_a_second_capture_of_the_same_name_waits_for_the_first_to_go() -> None:
    with AudioReceiver(ANY) as receiver:
        intake = Intake(RATE, 30 * RATE)
        frames = np.zeros((RATE, 1), dtype=np.float32)
        with feed(receiver.address) as first:
            hear(receiver, at_least(RATE // 2))
            second = AudioSender(intake, receiver.address, "mic")
            second.start()
            intake.callback(frames, RATE, NoTimes(), NoFlags())
            items = hear(receiver, lambda _: bool(second.refused))
            items += hear(receiver, at_least(RATE // 2))
            assert {item.stream for item in blocks(items)} == {receiver.sources["mic"].stream} != {second.stream}
            first.ask_to_stop()
            items = hear(receiver, lambda found: any(item.stream == second.stream for item in blocks(found)))
            first.captured()
            second.finish(SourceCondition.ENDED, drain_s=0.0)
        new = [item for item in blocks(items) if item.stream == second.stream]
        assert (new[0].block.samples == 0.0).all()


def test_a_stalled_device_is_told_from_a_dead_process() -> None:
    intake = Intake(RATE, 10 * RATE)
    with AudioReceiver(ANY) as receiver, AudioSender(intake, receiver.address, "mic") as sender:
        sender.report(SourceCondition.LISTENING)
        odd = RATE // 10 + 37
        intake.callback(np.ones((odd, 1), dtype=np.float32), odd, NoTimes(), NoFlags())
        hear(receiver, at_least(RATE // 10))
        sender.report(SourceCondition.STALLED, "no audio comes from the device")
        items = hear(
            receiver,
            lambda found: any(isinstance(i, SourceNote) and i.condition is SourceCondition.STALLED for i in found),
        )
        # Silence is no reason to hold back what was heard before it.
        items += hear(receiver, lambda _: receiver.sources["mic"].index == odd)
        end = time.monotonic() + 4.0
        while time.monotonic() < end:
            items += receiver.poll(0.1)
        notes = [item.condition for item in items if isinstance(item, SourceNote)]
        assert SourceCondition.LOST not in notes


def test_what_strangers_send_is_counted_and_harmless() -> None:
    with AudioReceiver(ANY) as receiver, feed(receiver.address) as capture:
        context: zmq.Context[zmq.Socket[bytes]] = zmq.Context()
        stranger = context.socket(zmq.DEALER)
        stranger.linger = 0
        stranger.connect(receiver.address)
        noise = random.Random(0)
        for count in range(100):
            stranger.send_multipart([noise.randbytes(noise.randrange(80)) for _ in range(1 + count % 4)])
        items = hear(receiver, lambda _: receiver.faults == 100)
        with socket.create_connection(("127.0.0.1", int(receiver.address.rpartition(":")[2]))) as browser:
            browser.sendall(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n" * 50)
            items += hear(receiver, at_least(RATE))
        capture.ask_to_stop()
        items += hear(receiver, ended)
        written, _ = capture.captured()
        stranger.close()
        context.term()
    assert receiver.faults >= 100
    assert "malformed" in receiver.last_fault
    check_in_place(items)
    assert blocks(items)[-1].block.end == written
    assert set(receiver.sources) == {"mic"}


def test_keys_between_two_processes(tmp_path: Path) -> None:
    server, client = new_keys(), new_keys()
    file = tmp_path / "keys"
    file.write_bytes(b"\n".join([*client, server[0]]))
    with (
        AudioReceiver(ANY, CurveKeys(*server, clients=frozenset({client[0]}))) as receiver,
        feed(receiver.address, "--keys", str(file)),
    ):
        items = hear(receiver, at_least(RATE // 2))
    check_in_place(items)


class BadCable:
    """A TCP proxy that cuts every connection after a few thousand bytes, in the middle of whatever is on its way."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._random = random.Random(1)
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.address = f"tcp://127.0.0.1:{self._listener.getsockname()[1]}"
        self.cuts = 0
        self.good = False
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                near, _ = self._listener.accept()
                far = socket.create_connection(("127.0.0.1", self._port))
                budget = self._random.randrange(1_000, 40_000)
                for pair in ((near, far), (far, near)):
                    threading.Thread(target=self._forward, args=(*pair, budget), daemon=True).start()

    def _forward(self, source: socket.socket, target: socket.socket, budget: int) -> None:
        with contextlib.suppress(OSError):
            while budget > 0 or self.good:
                data = source.recv(4_096)
                if not data:
                    break
                target.sendall(data if self.good else data[:budget])
                budget -= len(data)
            self.cuts += 1
        for end in (source, target):
            with contextlib.suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)
            end.close()

    def close(self) -> None:
        self._listener.close()


def test_a_connection_that_breaks_all_the_time_loses_and_doubles_nothing() -> None:
    with AudioReceiver(ANY) as receiver:
        cable = BadCable(int(receiver.address.rpartition(":")[2]))
        with feed(cable.address, "--ring-s", "60") as capture:
            items = hear(receiver, lambda found: cable.cuts >= 20 and at_least(RATE)(found))
            cable.good = True
            items += hear(receiver, at_least(2 * RATE))
            capture.ask_to_stop()
            items += hear(receiver, ended)
            written, taken = capture.captured()
        cable.close()
    check_in_place(items)
    assert lost(items) == 0
    assert blocks(items)[-1].block.end == written
    assert taken
