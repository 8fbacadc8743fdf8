"""The thread between bus and screen: real sockets, batches, bounded, and never silent about a failure."""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING

import pytest

from monitor.bus.client import BusClient
from monitor.bus.messages import Delivery, Missed, Snapshot
from monitor.core.events import ActivityChange
from monitor.errors import BusError
from monitor.tui import bridge as bridge_module
from monitor.tui.bridge import Bridge
from monitor.tui.messages import BridgeFailed, CommandAnswered, CommandRefused, Heard
from tests.tui import scenes
from tests.tui.serving import Serving

if TYPE_CHECKING:
    from textual.message import Message as TextualMessage

PATIENCE_S = 20.0


class Inbox:
    """Where the bridge posts to; can wait for what is to come."""

    def __init__(self) -> None:
        self.posted: list[TextualMessage] = []
        self._came = threading.Condition()

    def post(self, message: TextualMessage) -> None:
        with self._came:
            self.posted.append(message)
            self._came.notify_all()

    def wait_for(self, count: int) -> None:
        with self._came:
            assert self._came.wait_for(lambda: len(self.posted) >= count, PATIENCE_S)

    def wait_for_kind(self, kind: type[TextualMessage]) -> TextualMessage:
        with self._came:
            assert self._came.wait_for(lambda: any(isinstance(one, kind) for one in self.posted), PATIENCE_S)
            return next(one for one in self.posted if isinstance(one, kind))


def test_over_real_sockets_all_events_arrive_in_order() -> None:
    inbox = Inbox()
    with Serving() as serving:
        bridge = Bridge(lambda: BusClient(serving.address), inbox.post)
        bridge.start()
        try:
            inbox.wait_for_kind(Heard)
            scene = scenes.Scene()
            serving.publish(scene.silence(second, second + 0.5) for second in range(50))
            got: list[int] = []
            seen = 0
            while len(got) < 50:
                inbox.wait_for(seen + 1)
                for batch in inbox.posted[seen:]:
                    assert isinstance(batch, Heard)
                    readings = [one.reading for one in batch.messages if isinstance(one, Delivery)]
                    got += [reading.span.start for reading in readings if isinstance(reading, ActivityChange)]
                seen = len(inbox.posted)
                bridge.taken()
        finally:
            bridge.stop()
    assert got == [scenes.s(second) for second in range(50)]
    first = inbox.posted[0]
    assert isinstance(first, Heard)
    assert isinstance(first.messages[0], Snapshot)


def test_commands_are_carried_out_by_the_bridges_thread() -> None:
    inbox = Inbox()
    with Serving() as serving:
        bridge = Bridge(lambda: BusClient(serving.address), inbox.post)
        bridge.start()
        try:
            bridge.command("ping")
            answered = inbox.wait_for_kind(CommandAnswered)
            assert isinstance(answered, CommandAnswered)
            assert answered.name == "ping"
            bridge.command("no such command")
            refused = inbox.wait_for_kind(CommandRefused)
            assert isinstance(refused, CommandRefused)
            assert isinstance(refused.error, BusError)
        finally:
            bridge.stop()


def test_a_screen_that_is_busy_gets_one_batch_at_a_time() -> None:
    feed, inbox = scenes.InProcessFeed(scenes.garden(3.0)), Inbox()
    bridge = Bridge(lambda: feed, inbox.post)
    bridge.start()
    try:
        inbox.wait_for(1)
        for _ in range(20):
            feed.put(*scenes.garden(1.0))
        assert len(inbox.posted) == 1
        bridge.taken()
        inbox.wait_for(2)
    finally:
        bridge.stop()
    assert feed.closed


def test_for_a_busy_screen_live_readings_are_dropped_and_counted_but_no_events(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bridge_module, "WAITING_KEPT", 50)
    scene = scenes.Scene()
    feed, inbox = scenes.InProcessFeed([scene.health(1.0)]), Inbox()
    bridge = Bridge(lambda: feed, inbox.post)
    bridge.start()
    try:
        inbox.wait_for(1)
        live = list(scene.listen(0, 20, birds=False))
        events = [scene.silence(second, second + 1) for second in range(10)]
        feed.put(*live, *events)
        while feed.messages_left:
            time.sleep(0.001)
        bridge.taken()
        inbox.wait_for(2)
        bridge.taken()
    finally:
        bridge.stop()
    posted = [message for batch in inbox.posted[1:] if isinstance(batch, Heard) for message in batch.messages]
    assert [one for one in posted if isinstance(one, Delivery) and one.event_id] == events
    kept = [one for one in posted if isinstance(one, Delivery) and one.event_id is None]
    assert sum(one.count for one in posted if isinstance(one, Missed)) == len(live) - len(kept) > 0


@pytest.mark.parametrize("fault", [BusError("engine", "gone", "Start it"), RuntimeError("a fault of the program")])
def test_a_broken_feed_is_told_and_let_go(fault: Exception) -> None:
    feed, inbox = scenes.InProcessFeed(), Inbox()
    feed.failure = fault
    bridge = Bridge(lambda: feed, inbox.post)
    bridge.start()
    failed = inbox.wait_for_kind(BridgeFailed)
    bridge.stop()
    assert isinstance(failed, BridgeFailed)
    assert failed.error is fault
    assert feed.closed


def test_no_engine_is_told() -> None:
    inbox = Inbox()
    bridge = Bridge(lambda: BusClient("tcp://127.0.0.1:9", timeout_s=0.2), inbox.post)
    bridge.start()
    failed = inbox.wait_for_kind(BridgeFailed)
    bridge.stop()
    assert isinstance(failed, BridgeFailed)
    assert isinstance(failed.error, BusError)
