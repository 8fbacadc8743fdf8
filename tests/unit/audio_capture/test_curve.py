from __future__ import annotations

import pytest
import zmq

from monitor.audio.intake import Intake
from monitor.bus.audio_link import AudioReceiver, AudioSender
from monitor.bus.curve import CurveKeys, is_loopback, new_keys, require_loopback_or_keys, secure_client, secure_server
from monitor.errors import BusError


@pytest.mark.parametrize(
    ("address", "inside"),
    [
        ("tcp://127.0.0.1:7310", True),
        ("tcp://127.8.9.1:*", True),
        ("tcp://localhost:1", True),
        ("tcp://[::1]:5", True),
        ("ipc:///tmp/x", True),
        ("inproc://x", True),
        ("tcp://*:7310", False),
        ("tcp://0.0.0.0:7310", False),
        ("tcp://[::]:7310", False),
        ("tcp://192.168.1.4:7310", False),
        ("tcp://engine.example:7310", False),
        ("tcp://127.0.0.1.example:7310", False),
        ("tcp://eth0:7310", False),
        ("tcp://127.0.0.1:0;10.0.0.5:7310", False),
    ],
)
def test_loopback(address: str, inside: bool) -> None:
    assert is_loopback(address) is inside
    if inside:
        require_loopback_or_keys(address, None)
    else:
        with pytest.raises(BusError, match="no CURVE keys"):
            require_loopback_or_keys(address, None)
        require_loopback_or_keys(address, CurveKeys(*new_keys()))


@pytest.mark.parametrize(
    "address", ["", "7310", "tcp://", "tcp://127.0.0.1", "tcp://:1", "tcp://127.0.0.1:x", "http://a:1", "tcp://a:99999"]
)
def test_malformed_addresses(address: str) -> None:
    with pytest.raises(BusError):
        is_loopback(address)


def test_keys_are_checked_and_never_shown() -> None:
    public, secret = new_keys()
    with pytest.raises(BusError, match="secret"):
        CurveKeys(public, secret[:-1])
    with pytest.raises(BusError, match="clients"):
        CurveKeys(public, secret, clients=frozenset({b"x" * 40 + b"!"}))
    assert secret.decode() not in repr(CurveKeys(public, secret))


def test_the_link_refuses_the_outside_without_keys() -> None:
    with pytest.raises(BusError, match="no CURVE keys"):
        AudioReceiver("tcp://0.0.0.0:*")
    with pytest.raises(BusError, match="no CURVE keys"):
        AudioSender(Intake(8_000, 100), "tcp://192.168.1.4:7310", "mic")
    with pytest.raises(BusError, match="public key is missing"):
        AudioSender(Intake(8_000, 100), "tcp://192.168.1.4:7310", "mic", CurveKeys(*new_keys()))


def test_an_address_in_use_is_said() -> None:
    with AudioReceiver("tcp://127.0.0.1:*") as receiver, pytest.raises(BusError, match="cannot be taken"):
        AudioReceiver(receiver.address)


@pytest.mark.parametrize("end", ["term", "destroy"])
@pytest.mark.parametrize(("listed", "arrives"), [("any", True), ("client", True), ("other", False)])
def test_only_listed_clients_come_in(listed: str, arrives: bool, end: str) -> None:
    server, client, other = new_keys(), new_keys(), new_keys()
    clients = {"any": None, "client": frozenset({client[0]}), "other": frozenset({other[0]})}[listed]
    serving: zmq.Context[zmq.Socket[bytes]] = zmq.Context()
    asking: zmq.Context[zmq.Socket[bytes]] = zmq.Context()
    router, dealer = serving.socket(zmq.ROUTER), asking.socket(zmq.DEALER)
    router.linger = dealer.linger = 0
    secure_server(router, CurveKeys(*server, clients=clients))
    router.bind("tcp://127.0.0.1:*")
    secure_client(dealer, CurveKeys(*client, server_public=server[0]))
    dealer.connect(router.last_endpoint.decode())
    dealer.send(b"hello")
    assert bool(router.poll(5_000 if arrives else 500)) is arrives
    dealer.close()
    asking.term()
    router.close()
    getattr(serving, end)()


def test_without_encryption_nobody_comes_in() -> None:
    with AudioReceiver("tcp://127.0.0.1:*", CurveKeys(*new_keys())) as receiver:
        context: zmq.Context[zmq.Socket[bytes]] = zmq.Context()
        dealer = context.socket(zmq.DEALER)
        dealer.linger = 0
        dealer.connect(receiver.address)
        dealer.send(b"hello")
        assert receiver.poll(0.5) == []
        assert receiver.faults == 0
        dealer.close()
        context.term()
