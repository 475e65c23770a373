"""Starting, watching and ending the brokers that the cloud runs."""

import os
import signal
import socket
import stat
import subprocess
import sys
import textwrap
from collections.abc import Callable
from pathlib import Path

import pytest

from cloud.fleet.broker import (
    CLOUD,
    Broker,
    add_gateway,
    cloud_secret,
    hash_password,
    revoke_gateway,
    right_password,
    users,
)
from cloud.fleet.broker_amqtt import EmbeddedBroker
from cloud.fleet.broker_choice import choose, find_mosquitto
from cloud.fleet.broker_mosquitto import ManagedMosquitto
from cloud.fleet.registry import import_registry
from cloud.kit.db import Database
from cloud.kit.errors import Conflict, Invalid, NotFound
from protocols.mqtt import topics
from tests.cloud.fleet.conftest import USERS, Running, hashes, mosquitto_in, password
from tests.cloud.fleet.peers import Peer, Refused, until
from tests.programs import require_program


def test_a_port_that_somebody_has_is_named(
    make_broker: Callable[[Path, int], Broker], tmp_path: Path
) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        broker = make_broker(tmp_path / "broker", other.getsockname()[1])
        with pytest.raises(Conflict, match=r"port \d+ .*change broker.port"):
            broker.start(hashes(*USERS))


def test_both_listen_on_loopback_only(running: Running) -> None:
    hexport = f":{running.address.port:04X}"
    listening = [
        line.split()[1]
        for table in ("/proc/net/tcp", "/proc/net/tcp6")
        for line in Path(table).read_text().splitlines()[1:]
        if line.split()[3] == "0A" and line.split()[1].endswith(hexport)
    ]
    assert listening == [f"0100007F{hexport}"]


def test_a_broker_can_be_started_again_after_it_was_stopped(tmp_path: Path) -> None:
    broker = mosquitto_in(tmp_path / "broker")
    for _ in range(2):
        address = broker.start(hashes(*USERS))
        with Peer(address, "gw-1", password("gw-1")):
            pass
        broker.stop()


def test_a_mosquitto_that_was_killed_comes_back_by_itself_on_its_port(tmp_path: Path) -> None:
    broker = mosquitto_in(tmp_path / "broker")
    address = broker.start(hashes(*USERS))
    killed = broker.pid
    assert killed is not None
    os.kill(killed, signal.SIGKILL)

    def back() -> bool:
        try:
            with Peer(address, "gw-1", password("gw-1")):
                return broker.pid != killed
        except Refused:
            return False

    until(back)
    broker.stop()


def test_a_store_that_mosquitto_cannot_read_is_set_aside(tmp_path: Path) -> None:
    folder = tmp_path / "broker"
    broker = mosquitto_in(folder)
    address = broker.start(hashes(*USERS))
    with Peer(address, "gw-1", password("gw-1")) as gateway:
        gateway.client.publish(topics.up("gw-1", "status"), b"here", qos=1, retain=True).wait_for_publish(10)
    broker.stop()
    store = folder / "mosquitto.db"
    store.write_bytes(store.read_bytes()[:-7])
    address = broker.start(hashes(*USERS))
    with Peer(address, "gw-1", password("gw-1")):
        assert len(list(folder.glob("mosquitto.db.unreadable-*"))) == 1
    broker.stop()


def test_a_mosquitto_left_behind_by_a_killed_run_is_ended_and_another_is_left_alone(tmp_path: Path) -> None:
    program = textwrap.dedent("""
        import os, signal, sys
        from pathlib import Path
        from tests.cloud.fleet.conftest import USERS, hashes, mosquitto_in
        broker = mosquitto_in(Path(sys.argv[1]))
        print(broker.start(hashes(*USERS)).port, broker.pid, flush=True)
        os.kill(os.getpid(), signal.SIGKILL)
    """)
    ended = subprocess.run(
        [sys.executable, "-c", program, str(tmp_path / "broker")],
        capture_output=True,
        text=True,
        check=False,
    )
    port, orphan = map(int, ended.stdout.split())
    assert Path(f"/proc/{orphan}").exists()
    broker = mosquitto_in(tmp_path / "broker", port)
    address = broker.start(hashes(*USERS))
    assert (address.port, broker.pid != orphan) == (port, True)
    (tmp_path / "broker" / "pid").write_text(str(os.getpid()))  # a pid that is somebody else's now
    broker.stop()
    broker.start(hashes(*USERS))
    broker.stop()


def test_what_mosquitto_is_given_is_for_this_user_only(tmp_path: Path) -> None:
    broker = mosquitto_in(tmp_path / "broker")
    broker.start(hashes(*USERS))
    for name in ("passwd", "acl", "mosquitto.conf"):
        assert stat.S_IMODE((tmp_path / "broker" / name).stat().st_mode) == 0o600
    broker.stop()


def test_a_password_hash_is_one_that_mosquittos_own_tool_would_write(tmp_path: Path) -> None:
    """The salt and iterations of its output, put into ours, give the same line."""
    file = tmp_path / "passwd"
    tool = require_program("mosquitto_passwd")
    subprocess.run([tool, "-b", "-c", file, "gw-1", "a word"], check=True, capture_output=True)
    theirs = file.read_text().strip().partition(":")[2]
    assert theirs.startswith("$7$")
    assert right_password("a word", theirs)
    assert not right_password("another", theirs)
    assert hash_password("a word").count("$") == theirs.count("$")


def test_a_gateways_password_is_made_once_replaced_and_revoked(database: Database) -> None:
    with database.write() as connection:
        import_registry(
            connection, {"gateway": [{"id": "gw-1", "name": "gw-1"}, {"id": "cloud", "name": "x"}]}
        )
        first = add_gateway(connection, "gw-1")
        second = add_gateway(connection, "gw-1")
        listed = users(connection, "the secret")
        with pytest.raises(NotFound):
            add_gateway(connection, "gw-99")
        with pytest.raises(Invalid, match="no gateway can be called 'cloud'"):
            add_gateway(connection, "cloud")
        revoke_gateway(connection, "gw-1")
        assert set(users(connection, "the secret")) == {CLOUD}
    assert set(listed) == {"gw-1", CLOUD}
    assert right_password(second, listed["gw-1"])
    assert not right_password(first, listed["gw-1"])
    assert right_password("the secret", listed[CLOUD])


def test_the_clouds_own_password_is_made_once_and_for_this_user_only(tmp_path: Path) -> None:
    made = cloud_secret(tmp_path)
    file = tmp_path / "broker.password"
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    file.chmod(0o644)
    assert cloud_secret(tmp_path) == made
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    file.write_text("cloud\n")
    with pytest.raises(Invalid, match="too short"):
        cloud_secret(tmp_path)


def test_the_broker_is_the_one_that_was_asked_for(tmp_path: Path) -> None:
    assert choose("external", tmp_path, "broker.example", 8883) is None
    assert isinstance(choose("embedded", tmp_path, "127.0.0.1", 0), EmbeddedBroker)
    expected = ManagedMosquitto if find_mosquitto() else EmbeddedBroker
    assert isinstance(choose("auto", tmp_path, "127.0.0.1", 0), expected)
    with pytest.raises(Invalid, match="loopback only"):
        choose("embedded", tmp_path, "0.0.0.0", 1883)
