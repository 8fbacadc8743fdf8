"""A subscriber process: `python -m tests.helpers.bus_subscriber ADDRESS RESULT`; listens until the source has ended.

Prints `joined` when it has. RESULT gets JSON: `events` (row id, topic, start), `live`, `missed`, `silent`.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

from monitor.bus.client import BusClient
from monitor.bus.messages import Delivery, Message, Missed, Silent, Snapshot
from monitor.core.events import SourceCondition, SourceState


def main() -> None:
    heard: list[Message] = []
    with BusClient(sys.argv[1], since=0) as client:
        print("joined", flush=True)
        while not any(_ends(message) for message in heard[-2000:]):
            heard += client.messages(0.2)
    told = [message for message in heard if isinstance(message, Delivery)]
    result = {
        "events": [
            [message.event_id, message.reading.topic, message.reading.span.start]
            for message in told
            if message.event_id
        ],
        "live": sum(message.event_id is None for message in told),
        "missed": sum(message.count for message in heard if isinstance(message, Missed) and not message.events),
        "snapshots": sum(isinstance(message, Snapshot) for message in heard),
        "silent": sum(isinstance(message, Silent) for message in heard),
    }
    Path(sys.argv[2]).write_text(json.dumps(result), encoding="utf-8")


def _ends(message: Message) -> bool:
    return (
        isinstance(message, Delivery)
        and isinstance(message.reading, SourceState)
        and message.reading.state is SourceCondition.ENDED
    )


if __name__ == "__main__":
    main()
