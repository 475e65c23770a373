"""The cloud's connection: it is believed only once something came through it."""

import os
import signal
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from threading import Event

import pytest

from cloud.fleet.broker import CLOUD, BrokerAddress, TlsFiles
from cloud.fleet.intake import DEPTH, Intake, Message
from cloud.fleet.link import Link, LinkState
from cloud.fleet.session import Login
from cloud.kit.errors import Invalid
from protocols.mqtt import messages, topics
from protocols.mqtt.messages import Stored
from tests.clocks import ManualClock
from tests.cloud.fleet.conftest import USERS, Running, amqtt_in, hashes, mosquitto_in, password
from tests.cloud.fleet.peers import Peer, until
from tests.mosquitto import Mosquitto
from tests.programs import free_port, require_program


class Taken:
    """Keeps what comes in; `hold` makes the worker wait."""

    def __init__(self) -> None:
        self.messages: list[tuple[str, bytes, bool]] = []
        self.states: list[LinkState] = []
        self.free = Event()
        self.free.set()

    def __call__(self, group: Sequence[Message]) -> None:
        for each in group:
            self.free.wait(60)
            self.messages.append((each.topic, each.payload, each.retained))
        if any(each.payload == b"break" for each in group):
            raise ValueError("a bug in a rule")


@contextmanager
def linked(
    address: BrokerAddress,
    taken: Taken,
    user: str = CLOUD,
    *,
    prove_within_s: float = 10.0,
    prove_every_s: float = 60.0,
    on_state: Callable[[LinkState], None] | None = None,
) -> Iterator[Link]:
    link = Link(
        address,
        Login(password(user), user),
        Intake(taken),
        ManualClock(),
        on_state or taken.states.append,
        prove_within_s=prove_within_s,
        prove_every_s=prove_every_s,
    )
    link.start()
    try:
        yield link
    finally:
        link.stop()


def test_once_started_what_gateways_send_arrives_and_the_probe_does_not(running: Running) -> None:
    taken = Taken()
    with linked(running.address, taken) as link, running.peer("gw-1") as gateway:
        assert link.state.connected
        gateway.publish(topics.up("gw-1", "readings"), b"one")
        until(lambda: taken.messages)
    assert taken.messages == [(topics.up("gw-1", "readings"), b"one", False)]
    assert [state.connected for state in taken.states] == [True]


def test_stored_goes_to_its_gateway(running: Running) -> None:
    stored = Stored(gateway="gw-1", epoch="e1", settled=[(1, 5)])
    with linked(running.address, Taken()) as link, running.peer("gw-1") as gateway:
        gateway.subscribe(topics.down("gw-1", "stored"))
        link.publish_stored(stored)
        until(lambda: gateway.got)
    assert messages.decode(gateway.got[0][1], Stored) == stored


def test_a_retained_message_is_told_apart(running: Running) -> None:
    taken = Taken()
    with running.peer("gw-1") as gateway:
        gateway.client.publish(topics.up("gw-1", "status"), b"on", 1, retain=True).wait_for_publish(10)
    with linked(running.address, taken):
        until(lambda: taken.messages)
    assert taken.messages == [(topics.up("gw-1", "status"), b"on", True)]


def test_a_user_to_whom_nothing_is_delivered_is_refused_in_one_line(running: Running) -> None:
    with (
        pytest.raises(Invalid, match=r"broker 127\.0\.0\.1:\d+: .*wattpost/v1/\+/up/\+"),
        linked(running.address, Taken(), user="gw-1", prove_within_s=1.0),
    ):
        pass


def test_a_granted_subscription_that_delivers_nothing_is_found_out(tmp_path: Path) -> None:
    """mosquitto grants every subscription, so only the message that does not come back tells."""
    broker = mosquitto_in(tmp_path / "broker")
    address = broker.start(hashes(*USERS))
    acl = tmp_path / "broker" / "acl"
    acl.write_text(acl.read_text().replace("topic read wattpost/v1/+/up/#\n", ""))
    assert broker.pid is not None
    os.kill(broker.pid, signal.SIGHUP)
    with Peer(address, CLOUD, password(CLOUD)) as cloud, Peer(address, "gw-1", password("gw-1")) as gateway:

        def deaf() -> bool:
            assert cloud.subscribe(topics.ALL_UP) == [True]
            before = len(cloud.got)
            gateway.client.publish(topics.up("gw-1", "health"), b"x", 1).wait_for_publish(10)
            cloud.client.publish(topics.down("gw-1", "stored"), b"x", 1).wait_for_publish(10)
            return len(cloud.got) == before

        until(deaf)
    with (
        pytest.raises(Invalid, match="delivered nothing through it: the user needs to read"),
        linked(address, Taken(), prove_within_s=1.0),
    ):
        pass
    broker.stop()


def test_a_wrong_password_is_refused_in_one_line(running: Running) -> None:
    link = Link(running.address, Login("wrong"), Intake(Taken()), ManualClock())
    with pytest.raises(Invalid, match="refuses us"):
        link.start()


def test_a_broker_that_is_not_there_is_waited_for(tmp_path: Path) -> None:
    taken = Taken()
    port = free_port()
    with linked(BrokerAddress("127.0.0.1", port), taken) as link:
        assert not link.state.connected
        assert "cannot be reached" in link.state.detail
        broker = mosquitto_in(tmp_path / "broker", port)
        broker.start(hashes(*USERS))
        until(lambda: link.state.connected)
        broker.stop()
        until(lambda: not link.state.connected)
    assert [state.connected for state in taken.states] == [False, True, False]


def test_after_a_broker_died_the_link_is_proven_anew_and_messages_come(tmp_path: Path) -> None:
    taken = Taken()
    broker = mosquitto_in(tmp_path / "broker")
    address = broker.start(hashes(*USERS))
    with linked(address, taken) as link:
        for round_ in range(3):
            assert broker.pid is not None
            os.kill(broker.pid, signal.SIGKILL)
            until(lambda: len([state for state in taken.states if not state.connected]) == round_ + 1)  # noqa: B023
            until(lambda: link.state.connected)
            with Peer(address, "gw-1", password("gw-1")) as gateway:
                gateway.publish(topics.up("gw-1", "readings"), b"%d" % round_)
                until(lambda: len(taken.messages) > round_)  # noqa: B023
    broker.stop()
    assert [payload for _, payload, _ in taken.messages] == [b"0", b"1", b"2"]


def test_a_subscription_that_stops_delivering_is_found_by_the_next_proof(tmp_path: Path) -> None:
    taken = Taken()
    broker = mosquitto_in(tmp_path / "broker")
    address = broker.start(hashes(*USERS))
    with linked(address, taken, prove_every_s=0.1, prove_within_s=0.5) as link:
        acl = tmp_path / "broker" / "acl"
        whole = acl.read_text()
        acl.write_text(whole.replace("topic read wattpost/v1/+/up/#\n", ""))
        assert broker.pid is not None
        os.kill(broker.pid, signal.SIGHUP)
        until(lambda: not link.state.connected)
        assert "delivered nothing" in link.state.detail
        acl.write_text(whole)
        os.kill(broker.pid, signal.SIGHUP)
        until(lambda: link.state.connected)
    broker.stop()


def test_while_the_worker_is_held_up_the_broker_waits_and_nothing_is_lost_here(running: Running) -> None:
    taken = Taken()
    taken.free.clear()
    sent = [b"%d" % number for number in range(3 * DEPTH)]
    with linked(running.address, taken), running.peer("gw-1") as gateway:
        for payload in sent:
            gateway.publish(topics.up("gw-1", "readings"), payload)
        assert taken.messages == []
        taken.free.set()
        until(lambda: len(taken.messages) == len(sent), "not all were handled in the end")
    assert [payload for _, payload, _ in taken.messages] == sent


def test_a_worker_outlives_a_handler_that_fails(running: Running) -> None:
    taken = Taken()
    with linked(running.address, taken), running.peer("gw-1") as gateway:
        gateway.publish(topics.up("gw-1", "readings"), b"break")
        gateway.publish(topics.up("gw-1", "readings"), b"next")
        until(lambda: len(taken.messages) == 2)


def test_version_5_is_spoken_where_it_is_offered_and_3_1_1_where_not(running: Running) -> None:
    offered = running.address.protocol
    address = BrokerAddress(running.address.host, running.address.port, "auto")
    with linked(address, Taken()) as link:
        assert link.state.detail == f"proven, MQTT {offered}"


def test_certificates_that_cannot_be_read_are_told_in_one_line(tmp_path: Path) -> None:
    tls = TlsFiles(tmp_path / "ca.pem")
    link = Link(BrokerAddress("127.0.0.1", 1, tls=tls), Login("p"), Intake(Taken()), ManualClock())
    with pytest.raises(Invalid, match=r"ca\.pem"):
        link.start()


def test_the_link_outlives_what_nobody_foresaw(tmp_path: Path) -> None:
    """Whatever it is, the thread that connects anew must not die of it."""
    taken = Taken()
    broker = mosquitto_in(tmp_path / "broker")
    address = broker.start(hashes(*USERS))
    told: list[str] = []

    def told_once(state: LinkState) -> None:
        taken.states.append(state)
        if not state.connected and not told:
            told.append(state.detail)
            raise ValueError("a bug in a listener")

    with linked(address, taken, on_state=told_once) as link:
        assert broker.pid is not None
        os.kill(broker.pid, signal.SIGKILL)
        until(lambda: told)
        until(lambda: link.state.connected)
    broker.stop()


def test_a_worker_outlives_an_acknowledgement_that_fails() -> None:
    def gone() -> None:
        raise OSError("the connection it came on is closed")

    taken = Taken()
    intake = Intake(taken)
    intake.start()
    intake.offer(Message("a", b"first", False, gone))
    intake.offer(Message("a", b"next", False, lambda: None))
    until(lambda: len(taken.messages) == 2)
    intake.stop(5)
    assert intake.waiting == 0


def test_two_that_share_the_subscription_are_both_proven_and_each_message_comes_once(tmp_path: Path) -> None:
    programs = require_program("mosquitto"), require_program("mosquitto_passwd")
    broker = Mosquitto(tmp_path, *programs, free_port(), (CLOUD, "gw-1"))
    address = BrokerAddress(broker.host, broker.port)
    both, clock = [Taken(), Taken()], ManualClock()
    links = [Link(address, Login(broker.password(CLOUD)), Intake(each), clock, shared=True) for each in both]
    for link in links:
        link.start()
    sent = [b"%d" % number for number in range(40)]
    with Peer(address, "gw-1", broker.password("gw-1")) as gateway:
        for content in sent:
            gateway.publish(topics.up("gw-1", "readings"), content)
        until(lambda: sum(len(each.messages) for each in both) >= len(sent))
    assert all(link.state.connected for link in links)
    assert sorted(payload for each in both for _, payload, _ in each.messages) == sorted(sent)
    assert all(each.messages for each in both)
    for link in links:
        link.stop()
    broker.stop()


def test_the_embedded_broker_cannot_be_shared_and_says_so(tmp_path: Path) -> None:
    broker = amqtt_in(tmp_path)
    address = broker.start(hashes(*USERS))
    link = Link(
        address, Login(password(CLOUD)), Intake(Taken()), ManualClock(), prove_within_s=1.0, shared=True
    )
    with pytest.raises(Invalid, match=r"refuses us|delivered nothing"):
        link.start()
    broker.stop()
