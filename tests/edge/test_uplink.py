"""The uplink against a real broker: live first, at most 32 under way, and only Stored empties the outbox."""

import logging
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from random import Random

import pytest
from paho.mqtt.client import Client, MQTTv311
from paho.mqtt.enums import CallbackAPIVersion

from edge.clock import SystemClock
from edge.outbox import Outbox
from edge.settings import Settings
from edge.uplink import Uplink
from edge.window import BACKLOG_LIMIT, LIMIT
from protocols.mqtt import messages
from tests.edge.gateway import GATEWAY, CloudEnd, GatewayClock, gateway_settings, readings, stored, until
from tests.mosquitto import Mosquitto
from tests.programs import free_port


class Site:
    """One gateway's outbox and uplink, with a clock that runs."""

    def __init__(self, folder: Path, settings: Settings) -> None:
        self.settings, self.clock = settings, SystemClock()
        self.outbox = Outbox(folder / "outbox.db", GATEWAY, self.clock)
        self.uplink = Uplink(settings, self.outbox, self.clock, Random(1))

    def keep(self, batches: int) -> None:
        for number in range(batches):
            self.outbox.append(readings(3, start=3 * number))
        self.uplink.wake()

    def empty(self) -> bool:
        return self.outbox.backlog().batches == 0


@pytest.fixture
def site(tmp_path: Path, mosquitto: Mosquitto) -> Iterator[Site]:
    made = Site(tmp_path, gateway_settings(tmp_path, mosquitto.port, mosquitto.password_file(GATEWAY)))
    yield made
    made.uplink.stop()
    made.outbox.close()


@pytest.fixture
def cloud(mosquitto: Mosquitto) -> Iterator[CloudEnd]:
    end = CloudEnd(mosquitto)
    yield end
    end.close()


def test_only_stored_empties_the_outbox_and_never_the_brokers_puback(site: Site, cloud: CloudEnd) -> None:
    site.keep(3)
    site.uplink.start()
    until(lambda: len(cloud.batches()) >= 3, "three batches at the cloud")
    until(lambda: not site.uplink._mids, "all PUBACKs")
    assert site.outbox.backlog().batches == 3
    cloud.settle(stored(site.outbox.epoch, (1, 2)))
    until(lambda: site.outbox.backlog().batches == 1, "two settled")
    cloud.settle(stored(site.outbox.epoch, (1, 3)))
    until(site.empty, "all settled")


def test_after_connecting_the_newest_batch_goes_first_and_then_the_oldest(
    site: Site, cloud: CloudEnd
) -> None:
    site.keep(5)
    site.uplink.start()
    until(lambda: len(cloud.seqs()) >= 5, "five batches")
    assert cloud.seqs()[:5] == [5, 1, 2, 3, 4]


def test_at_most_32_unsettled_batches_are_under_way_and_live_ones_find_a_place(
    site: Site, cloud: CloudEnd
) -> None:
    site.keep(100)
    site.uplink.start()
    until(lambda: len(set(cloud.seqs())) >= BACKLOG_LIMIT, "the backlog's share of the window")
    site.keep(10)
    until(lambda: max(cloud.seqs()) > 100, "a live batch while the window is full of backlog")
    until(lambda: len(set(cloud.seqs())) == LIMIT, "a full window")
    until(lambda: not site.uplink._mids, "all PUBACKs")
    assert len(set(cloud.seqs())) == LIMIT
    assert site.uplink._window.under_way == LIMIT


def test_a_batch_unanswered_is_sent_again_byte_for_byte(site: Site, cloud: CloudEnd) -> None:
    site.keep(1)
    site.uplink.start()
    until(lambda: len(cloud.payloads("readings")) >= 2, "the resend after 2 s")
    assert len(set(cloud.payloads("readings"))) == 1


def test_a_cloud_that_answers_drains_any_backlog_to_the_last_batch(site: Site, cloud: CloudEnd) -> None:
    site.keep(300)
    cloud.answering = True
    site.uplink.start()
    until(site.empty, "the backlog drained")
    assert set(cloud.seqs()) == set(range(1, 301))


def test_garbage_in_place_of_stored_is_told_once_and_changes_nothing(
    site: Site, cloud: CloudEnd, caplog: pytest.LogCaptureFixture
) -> None:
    site.keep(2)
    site.uplink.start()
    until(lambda: len(cloud.batches()) >= 2, "both batches")
    epoch = site.outbox.epoch
    rubbish = [
        b"", b"\xff\x00", b"{}", b"[1,2]", b"x" * 300_000, b"\x78\x9c broken",
        messages.encode(stored(epoch, (1, 2), gateway="gw-a02")),
        messages.encode(stored(epoch, (2, 1))), messages.encode(stored(epoch, (0, 2))),
        messages.encode(stored(epoch, (1, 2**60))), messages.encode(stored("another", (1, 2))),
    ]  # fmt: skip
    for payload in rubbish:
        cloud.say(GATEWAY, payload)
    cloud.settle(stored(epoch, (1, 1)))
    until(lambda: site.outbox.backlog().batches == 1, "the good answer after the bad ones")
    assert site.outbox.epoch == epoch
    assert [r.levelname for r in caplog.records if "Stored" in r.message] == ["WARNING"]


def test_the_broker_tells_offline_when_a_gateway_vanishes_and_online_when_it_is_back(
    site: Site, cloud: CloudEnd
) -> None:
    site.uplink.start()
    until(lambda: cloud.statuses() and cloud.statuses()[-1].online, "online")
    assert cloud.statuses()[-1].epoch == site.outbox.epoch
    session = site.uplink._session
    assert session
    session.close()  # the line is cut: no farewell
    until(lambda: not cloud.statuses()[-1].online, "the last will")
    until(lambda: cloud.statuses()[-1].online, "online again")


def test_status_is_retained_so_that_a_cloud_that_comes_later_knows(
    site: Site, cloud: CloudEnd, mosquitto: Mosquitto
) -> None:
    site.uplink.start()
    until(lambda: cloud.statuses(), "online")
    assert retained_status(mosquitto) == (True, site.outbox.epoch)
    site.uplink.stop()
    assert retained_status(mosquitto) == (False, site.outbox.epoch)


def retained_status(mosquitto: Mosquitto) -> tuple[bool, str]:
    late = CloudEnd(mosquitto)
    until(lambda: late.seen, "the retained status")
    kind, payload, kept = late.seen[0]
    late.close()
    assert (kind, kept) == ("status", True)
    status = messages.decode(payload, messages.Status)
    return status.online, status.epoch


def health_of(site: Site) -> messages.Health:
    return messages.Health(
        gateway=GATEWAY, at_ms=1, epoch=site.outbox.epoch, last_seq=0, backlog_batches=0, backlog_readings=0,
        oldest_at_ms=None, clock=messages.ClockState.UNKNOWN, supply=messages.Supply.MAINS, lines=[],
        meters=[],
    )  # fmt: skip


def test_health_is_published_and_not_retained(site: Site, cloud: CloudEnd) -> None:
    site.uplink.start()
    until(lambda: site.uplink.connected, "connected")
    health = health_of(site)
    site.uplink.publish_health(health)
    until(lambda: cloud.payloads("health"), "health")
    assert messages.decode(cloud.payloads("health")[0], messages.Health) == health


def test_a_broker_killed_and_started_again_loses_nothing(
    site: Site, mosquitto: Mosquitto, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    site.keep(40)
    site.uplink.start()
    until(lambda: site.uplink.connected, "connected")
    mosquitto.kill()
    site.keep(5)
    until(lambda: not site.uplink.connected, "the loss noticed")
    mosquitto.start()
    cloud = CloudEnd(mosquitto, answering=True)
    until(site.empty, "everything stored after the restart", 30)
    assert set(cloud.seqs()) == set(range(1, 46))
    cloud.close()


@pytest.mark.parametrize("protocol", ["5", "3.1.1"])
def test_the_broker_remembers_nothing_for_a_gateway_that_was_away(
    protocol: str, tmp_path: Path, mosquitto: Mosquitto
) -> None:
    settings = gateway_settings(
        tmp_path, mosquitto.port, mosquitto.password_file(GATEWAY), broker={"protocol": protocol}
    )
    site = Site(tmp_path, settings)
    site.uplink.start()
    until(lambda: site.uplink.connected, "connected")
    site.uplink.stop()
    site.outbox.close()
    kept: list[bool] = []
    late = Client(CallbackAPIVersion.VERSION2, GATEWAY, clean_session=False, protocol=MQTTv311)
    late.username_pw_set(GATEWAY, mosquitto.password(GATEWAY))
    late.on_connect = lambda _client, _data, flags, *_: kept.append(flags.session_present)
    late.connect(mosquitto.host, mosquitto.port)
    late.loop_start()
    until(lambda: kept, "the broker's word on the session")
    late.disconnect()
    late.loop_stop()
    assert kept == [False]


def test_an_unreachable_broker_is_one_line_however_often_it_is_tried(
    site: Site, mosquitto: Mosquitto, caplog: pytest.LogCaptureFixture
) -> None:
    mosquitto.stop()
    site.uplink._retry._first_s = site.uplink._retry._last_s = site.uplink._retry._next_s = 0.01
    tried = _count_connects(site.uplink)
    site.uplink.start()
    until(lambda: len(tried) > 5, "several attempts")
    told = [record.message for record in caplog.records]
    assert len(told) == 1
    assert f"127.0.0.1:{mosquitto.port}" in told[0]
    assert "readings are kept" in told[0]


def _count_connects(uplink: Uplink) -> list[int]:
    tried: list[int] = []
    connect = uplink._connect
    uplink._connect = lambda: (tried.append(1), connect())[1]  # type: ignore[method-assign,func-returns-value]
    return tried


def test_a_wrong_password_is_told_with_what_to_check(
    tmp_path: Path, mosquitto: Mosquitto, caplog: pytest.LogCaptureFixture
) -> None:
    mosquitto.password_file(GATEWAY).write_text("a-wrong-word")
    site = Site(tmp_path, gateway_settings(tmp_path, mosquitto.port, mosquitto.password_file(GATEWAY)))
    site.uplink.start()
    until(lambda: caplog.records, "the refusal")
    assert "password_file" in caplog.records[0].message
    assert "a-wrong-word" not in caplog.text
    site.uplink.stop()
    site.outbox.close()


@pytest.mark.parametrize("protocol", ["auto", "5", "3.1.1"])
def test_version_5_and_3_1_1_carry_the_same(
    protocol: str, tmp_path: Path, mosquitto: Mosquitto, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    settings = gateway_settings(
        tmp_path, mosquitto.port, mosquitto.password_file(GATEWAY), broker={"protocol": protocol}
    )
    site, cloud = Site(tmp_path, settings), CloudEnd(mosquitto, answering=True)
    site.keep(3)
    site.uplink.start()
    until(site.empty, "three batches settled")
    spoken = "5" if protocol == "auto" else protocol
    assert f"(MQTT {spoken})" in caplog.text
    site.uplink.stop()
    cloud.close()
    site.outbox.close()


def test_a_password_file_that_is_no_text_is_told_and_tried_again(
    tmp_path: Path, mosquitto: Mosquitto, caplog: pytest.LogCaptureFixture
) -> None:
    secret = mosquitto.password_file(GATEWAY)
    good = secret.read_bytes()
    secret.write_bytes(b"\xff\xfe\x00")
    site = Site(tmp_path, gateway_settings(tmp_path, mosquitto.port, secret))
    site.uplink.start()
    until(lambda: f"{secret} is not text" in caplog.text, "the fault told")
    secret.write_bytes(good)
    until(lambda: site.uplink.connected, "connected")
    site.uplink.stop()
    site.outbox.close()


def test_health_is_told_even_when_the_storage_failed_before_the_connection(
    site: Site, cloud: CloudEnd
) -> None:
    site.outbox.close()
    site.uplink.start()
    until(lambda: site.uplink.connected, "connected")
    site.uplink.publish_health(health_of(site))
    until(lambda: cloud.payloads("health"), "health")
    assert cloud.statuses()[-1].online


def test_stopping_takes_no_longer_for_a_broker_that_takes_calls_and_never_answers(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as deaf:
        site = Site(tmp_path, gateway_settings(tmp_path, deaf.getsockname()[1], None))
        site.uplink.start()
        held, _ = deaf.accept()
        began = time.monotonic()
        site.uplink.stop()
        assert time.monotonic() - began < 3
        site.outbox.close()
        held.close()
    until(lambda: not site.uplink._thread.is_alive(), "the thread ended")


AMQTT = """
import asyncio, sys
from amqtt.broker import Broker
async def main():
    bind = {"type": "tcp", "bind": "127.0.0.1:" + sys.argv[1]}
    anyone = {"amqtt.plugins.authentication.AnonymousAuthPlugin": {"allow_anonymous": True}}
    await Broker({"listeners": {"default": bind}, "plugins": anyone}).start()
    print("ready", flush=True)
    await asyncio.Event().wait()
asyncio.run(main())
"""


def test_a_broker_that_does_not_know_version_5_is_spoken_to_in_3_1_1(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    port = free_port()
    with (tmp_path / "log").open("wb") as log:
        words = [sys.executable, "-c", AMQTT, str(port)]
        broker = subprocess.Popen(words, stdout=subprocess.PIPE, stderr=log)
    assert broker.stdout
    assert broker.stdout.readline() == b"ready\n"
    site = Site(tmp_path, gateway_settings(tmp_path, port, None))
    came: list[bytes] = []
    for what in ("order", "heard", "config"):
        site.uplink.listen(what, came.append)
    site.uplink.start()
    until(lambda: site.uplink.connected, "connected")
    session = site.uplink._session
    assert session
    for what in ("order", "heard", "config"):  # this broker has no access list
        session.publish(f"wattpost/v1/{GATEWAY}/down/{what}", what.encode())
    until(lambda: sorted(came) == [b"config", b"heard", b"order"], "every subscription delivers")
    assert "(MQTT 3.1.1)" in caplog.text
    assert not [record for record in caplog.records if record.levelno > logging.INFO]
    site.uplink.stop()
    site.outbox.close()
    broker.kill()
    broker.wait(20)
    broker.stdout.close()


TLS = """\
listener {port} 127.0.0.1
cafile {folder}/ca.pem
certfile {folder}/server.pem
keyfile {folder}/server.key
require_certificate true
use_identity_as_username true
"""


def certificate(folder: Path, name: str, subject: str, *signed_by: str) -> None:
    """A key and a certificate for 127.0.0.1, from OpenSSL."""
    words = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"]
    words += ["-days", "2", "-subj", f"/CN={subject}", "-keyout", f"{name}.key", "-out", f"{name}.pem"]
    if signed_by:
        words += ["-CA", "ca.pem", "-CAkey", "ca.key", "-addext", "basicConstraints=critical,CA:FALSE"]
        words += ["-addext", "subjectAltName=IP:127.0.0.1"]
    subprocess.run(words, cwd=folder, check=True, capture_output=True)


def test_tls_with_a_client_certificate_proves_both_ends(
    tmp_path: Path, mosquitto: Mosquitto, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    certificate(mosquitto.folder, "ca", "a test authority")
    certificate(mosquitto.folder, "server", "broker", "ca")
    certificate(mosquitto.folder, "client", GATEWAY, "ca")
    mosquitto.stop()
    config = mosquitto.folder / "mosquitto.conf"
    config.write_text(config.read_text() + TLS.format(port=(port := free_port()), folder=mosquitto.folder))
    mosquitto.start()
    files = {"ca_file": "ca.pem", "cert_file": "client.pem", "key_file": "client.key"}
    tls = {key: str(mosquitto.folder / name) for key, name in files.items()}
    site = Site(tmp_path, gateway_settings(tmp_path, port, None, broker={"tls": tls}))
    cloud = CloudEnd(mosquitto, answering=True)
    site.keep(2)
    site.uplink.start()
    until(site.empty, "two batches settled over TLS")
    site.uplink.stop()
    site.outbox.close()
    cloud.close()


# paho leaves the socket of a failed handshake to the garbage collector, which says so.
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning", "ignore::ResourceWarning")
def test_a_broker_whose_certificate_proves_nothing_gets_nothing(
    tmp_path: Path, mosquitto: Mosquitto, caplog: pytest.LogCaptureFixture
) -> None:
    certificate(mosquitto.folder, "ca", "a test authority")
    certificate(mosquitto.folder, "server", "broker", "ca")
    certificate(tmp_path, "ca", "another authority")
    mosquitto.stop()
    config = mosquitto.folder / "mosquitto.conf"
    config.write_text(config.read_text() + TLS.format(port=(port := free_port()), folder=mosquitto.folder))
    mosquitto.start()
    tls = {"ca_file": str(tmp_path / "ca.pem")}
    site = Site(tmp_path, gateway_settings(tmp_path, port, None, broker={"tls": tls}))
    site.uplink.start()
    until(lambda: caplog.records, "the refusal")
    assert "certificate verify failed" in caplog.text
    assert not site.uplink.connected
    site.uplink.stop()
    site.outbox.close()


def test_what_is_given_up_is_declared_until_the_cloud_has_settled_it(
    tmp_path: Path, mosquitto: Mosquitto, cloud: CloudEnd
) -> None:
    clock = GatewayClock()
    outbox = Outbox(tmp_path / "outbox.db", GATEWAY, clock, cap_bytes=300_000)
    while not outbox.declarations():
        outbox.append(readings(200))
    settings = gateway_settings(tmp_path, mosquitto.port, mosquitto.password_file(GATEWAY))
    uplink = Uplink(settings, outbox, SystemClock(), Random(1))
    uplink.start()
    until(lambda: cloud.payloads("dropped"), "the declaration")
    declared = messages.decode(cloud.payloads("dropped")[0], messages.Dropped)
    assert declared.epoch == outbox.epoch
    cloud.settle(stored(outbox.epoch, *declared.seqs))
    until(lambda: not outbox.declarations(), "the declaration settled")
    uplink.stop()
    outbox.close()


def test_a_gateway_cannot_forge_its_own_stored_nor_hear_anothers(site: Site, mosquitto: Mosquitto) -> None:
    """The broker's access list, seen by delivery: two lines per gateway keep it in its place."""
    cloud = CloudEnd(mosquitto)
    site.keep(1)
    site.uplink.start()
    until(lambda: cloud.batches(), "the batch")
    session = site.uplink._session
    assert session
    session.publish(f"wattpost/v1/{GATEWAY}/down/stored", messages.encode(stored(site.outbox.epoch, (1, 1))))
    session.publish("wattpost/v1/gw-a02/up/readings", b"forged")
    cloud.settle(stored("other", (1, 1), gateway="gw-a02"))
    site.keep(1)
    until(lambda: len(set(cloud.seqs())) == 2, "a batch after the forgeries")
    assert site.outbox.backlog().batches == 2
    assert b"forged" not in cloud.payloads("readings")
    cloud.close()


def test_orders_and_settings_reach_who_listens_and_the_retained_ones_at_each_connect(
    site: Site, cloud: CloudEnd
) -> None:
    came: list[tuple[str, bytes]] = []
    for what in ("order", "config"):
        site.uplink.listen(what, lambda payload, what=what: came.append((what, payload)))  # type: ignore[misc]
    cloud.tell(GATEWAY, "config", b"settings", retain=True)
    cloud.tell("gw-a02", "order", b"another's")
    site.uplink.start()
    until(lambda: came, "the retained settings")
    cloud.tell(GATEWAY, "order", b"do it")
    cloud.tell(GATEWAY, "gossip", b"nobody listens")
    until(lambda: len(came) == 2, "the order")
    assert came == [("config", b"settings"), ("order", b"do it")]
    session = site.uplink._session
    assert session
    session.close()
    until(lambda: len(came) == 3, "the settings again")
    assert came[2] == ("config", b"settings")


def test_what_is_said_before_there_is_a_connection_is_published_and_what_is_retained_stays(
    site: Site, mosquitto: Mosquitto
) -> None:
    site.uplink.say("config", b"old", retain=True)
    site.uplink.say("result", b"done")
    site.uplink.say("config", b"new", retain=True)
    cloud = CloudEnd(mosquitto)
    site.uplink.start()
    until(lambda: cloud.payloads("result") and cloud.payloads("config"), "both")
    assert set(cloud.payloads("config")) == {b"new"}
    late = CloudEnd(mosquitto)
    until(lambda: len(late.seen) >= 2, "what is retained")
    assert ("config", b"new", True) in late.seen
    assert late.payloads("result") == []
    late.close()
    cloud.close()
