"""Commands and addresses: engine and subscriber over real sockets, both in this process."""

from __future__ import annotations

import socket
import threading

import msgspec
import pytest
import zmq

from monitor.bus.client import BusClient
from monitor.bus.codec import decode_answer, encode_request
from monitor.bus.curve import CurveKeys, new_keys
from monitor.bus.messages import Garbled
from monitor.bus.server import BusServer
from monitor.errors import BusError, UsageError
from tests.helpers.bus_readings import gap, level, publish
from tests.helpers.engine_thread import ANY_PORT, EngineThread, events, hear_until, live

# ----------------------------------------------------------------------------------------------------------- commands


class Mark(msgspec.Struct):
    text: str
    times: int = 1


def test_a_command_is_carried_out_and_answered(engine):
    engine.do(lambda server: server.on("mark", lambda mark: {"said": mark.text * mark.times}, Mark))
    with BusClient(engine.addresses.commands) as client:
        assert client.command("mark", text="ab", times=2) == {"said": "abab"}
        assert client.command("ping") is None
        with pytest.raises(BusError, match=r"command 'mark'.*text"):
            client.command("mark", times=2)
        with pytest.raises(BusError, match=r"'nonsense'.*does not know.*events, hello, mark, ping, snapshot"):
            client.command("nonsense")


def test_the_engines_own_reason_comes_back(engine):
    def refuse(_: object) -> None:
        raise UsageError("clip 7", "it is too short", "Choose a longer one.")

    engine.do(lambda server: server.on("enroll", refuse))
    with BusClient(engine.addresses.commands) as client:
        with pytest.raises(BusError) as refused:
            client.command("enroll")
        assert (refused.value.what, refused.value.why) == ("clip 7", "it is too short")
        assert client.command("ping") is None


def test_readings_that_come_during_a_command_are_not_lost(engine):
    engine.do(lambda server: server.on("burst", lambda _: publish(gap(1), level(1), gap(2))(server)))
    with BusClient(engine.addresses.commands) as client:
        client.command("burst")
        heard = hear_until(client, lambda heard: len(events(heard)) == 2)
    assert len(live(heard)) == 1


def test_a_command_that_nobody_answers_ends_in_time(engine):
    engine.do(lambda server: server.on("sleep", lambda _: threading.Event().wait(1.0)))
    with BusClient(engine.addresses.commands) as client:
        with pytest.raises(BusError, match="no answer to 'sleep' in time"):
            client.command("sleep", timeout_s=0.2)
        assert client.command("ping") is None  # the late answer is not taken for this one's


def test_the_answer_to_a_command_that_ends_the_engine_arrives():
    for _ in range(20):
        with EngineThread() as engine:
            engine.do(lambda server: server.on("stop", lambda _, engine=engine: engine.stop()))
            with BusClient(engine.addresses.commands) as client:
                assert client.command("stop") is None


def test_a_command_that_was_given_up_is_not_carried_out_by_the_next_engine():
    with EngineThread("one") as engine:
        addresses = engine.addresses
        client = BusClient(addresses.commands)
    with client:
        with pytest.raises(BusError):
            client.command("stop", timeout_s=0.3)
        stopped = []
        with EngineThread("two", addresses=tuple(addresses)) as engine:
            engine.do(lambda server: server.on("stop", stopped.append))
            assert client.command("ping") is None
        assert stopped == []


def test_garbage_is_answered_and_does_no_harm(engine):
    context = zmq.Context()
    stranger = context.socket(zmq.DEALER)
    stranger.linger = 0
    stranger.connect(engine.addresses.commands)
    for frames in ([b""], [b"\xff" * 50], [b"a", b"b", b"c"], encode_request(3, "events", {"row_id": -1.5})):
        stranger.send_multipart(frames)
        assert stranger.poll(10_000)
        answer, _ = decode_answer(stranger.recv_multipart())
        assert answer.failure is not None and answer.failure.remedy
    context.destroy(linger=0)
    with BusClient(engine.addresses.commands) as client:
        assert client.command("ping") is None


def test_a_subscriber_tells_of_garbage_once_and_goes_on(engine):
    with BusClient(engine.addresses.commands) as client:

        def send_garbage(server: BusServer) -> None:
            for _ in range(5):
                server._publisher.send_multipart([b"level", b"\x00", b""])

        engine.do(send_garbage)
        engine.do(publish(gap(1)))
        heard = hear_until(client, lambda heard: len(events(heard)) == 1)
    assert len([message for message in heard if isinstance(message, Garbled)]) == 1


# ---------------------------------------------------------------------------------------------------------- addresses


def test_an_address_in_use_is_told_with_its_port(engine):
    port = engine.addresses.commands.rpartition(":")[2]
    with pytest.raises(BusError, match=rf"port {port} is in use.*choose another") as fault:
        BusServer(ANY_PORT, engine.addresses.commands, "run-2")
    assert fault.value.exit_code == 2
    with pytest.raises(BusError, match="is in use"):
        BusServer(engine.addresses.readings, ANY_PORT, "run-2")


@pytest.mark.parametrize(
    "address", ["tcp://127.0.0.1", "127.0.0.1:5571", "tcp://127.0.0.1:99999", "carrier-pigeon://x"]
)
def test_what_is_no_address_is_refused_on_both_sides(address):
    with pytest.raises(BusError, match="tcp://"):
        BusServer(ANY_PORT, address, "run")
    with pytest.raises(BusError, match="tcp://"):
        BusClient(address)


def test_other_computers_need_keys():
    with pytest.raises(BusError, match="keys"):
        BusServer("tcp://0.0.0.0:*", ANY_PORT, "run")
    with pytest.raises(BusError, match="keys"):
        BusClient("tcp://192.0.2.1:5571")


def test_nobody_there_is_told():
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    with pytest.raises(BusError, match=r"nobody answers there.*auricle live"):
        BusClient(f"tcp://127.0.0.1:{port}", timeout_s=0.5)


def test_another_program_at_the_address_is_told():
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        with pytest.raises(BusError, match="nobody answers there"):
            BusClient(f"tcp://127.0.0.1:{other.getsockname()[1]}", timeout_s=0.5)


def test_with_keys_only_who_has_them_gets_in():
    server, client, stranger = new_keys(), new_keys(), new_keys()
    ours = CurveKeys(*server, clients=frozenset({client[0]}))
    with EngineThread(keys=ours) as engine:
        with BusClient(engine.addresses.commands, keys=CurveKeys(*client, server_public=server[0])) as known:
            engine.do(publish(gap(1)))
            assert len(events(hear_until(known, lambda heard: len(events(heard)) == 1))) == 1
        for keys in (
            None,
            CurveKeys(*stranger, server_public=server[0]),
            CurveKeys(*client, server_public=stranger[0]),
        ):
            with pytest.raises(BusError, match=r"does not let us in.*matching CURVE keys|nobody answers"):
                BusClient(engine.addresses.commands, keys=keys, timeout_s=0.7)
