"""The agent as a whole: real child processes, a real line, a real broker, and what survives their end."""

import json
import logging
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from edge.agent import PENDING_BATCHES, Agent
from edge.clock import SystemClock
from edge.jobs import Job, Priority
from edge.outbox import Outbox
from edge.poller import LinePoller
from edge.settings import MeterSettings, Settings
from protocols.dlt645.frame import Frame
from protocols.errors import ModelError
from protocols.mqtt import messages
from protocols.mqtt.orders import (
    Applied,
    Approval,
    Config,
    ConfigState,
    Order,
    OrderKind,
    OrderResult,
    OrderState,
    RelayState,
)
from protocols.mqtt.orders import decode as decode_order
from protocols.mqtt.orders import encode as encode_order
from tests.edge.gateway import (
    GATEWAY,
    START_MS,
    CloudEnd,
    GatewayClock,
    gateway_settings,
    reading,
    readings,
    stored,
    until,
)
from tests.edge.lines import ADDRESS, THREE_PHASE_VALUES, blocks
from tests.edge.wire import Meters, TcpWire, dlt645_ear
from tests.mosquitto import Mosquitto
from tests.programs import free_port

ROOT = Path(__file__).parents[2]
CONFIG = """
gateway = "gw-a01"
data_dir = "data"
interval_s = 1
health_s = 1
[broker]
host = "127.0.0.1"
port = {port}
password_file = "{secret}"
[outbox]
batch_age_s = 0.2
[[line]]
name = "north"
kind = "tcp"
endpoint = "{endpoint}"
baud = 115200
[[line.meter]]
id = "M-001"
address = "{address}"
model = "dlt645-2007-3p"
"""


class Child:
    """`wattpost edge run` as a real process of our own, with its log and its accepted readings."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.accepted_log = folder, folder / "accepted.jsonl"
        self.process: subprocess.Popen[bytes] | None = None

    def start(self, *program: str) -> None:
        words: list[str | Path] = [sys.executable, *(program or ("-m", "edge")), "run"]
        words += ["--config", self.folder / "gateway.toml", "--accepted-log", self.accepted_log]
        with (self.folder / "log").open("ab") as log:
            self.process = subprocess.Popen(words, cwd=ROOT, stderr=log, stdout=log)

    def tell(self, number: int) -> None:
        assert self.process
        self.process.send_signal(number)

    def catches(self, number: int) -> bool:
        """Whether the process has a handler for that signal by now."""
        assert self.process
        status = Path(f"/proc/{self.process.pid}/status").read_text()
        (caught,) = [line.split()[1] for line in status.splitlines() if line.startswith("SigCgt")]
        return bool(int(caught, 16) >> (number - 1) & 1)

    def end(self, number: int = signal.SIGTERM) -> int:
        assert self.process
        self.tell(number)
        return self.process.wait(20)

    def accepted(self) -> list[dict[str, Any]]:
        if not self.accepted_log.exists():
            return []
        lines = self.accepted_log.read_text().split("\n")[:-1]
        return [json.loads(line) for line in lines]

    def log(self) -> str:
        return (self.folder / "log").read_text()


@pytest.fixture
def wire() -> Iterator[TcpWire[Frame]]:
    with TcpWire(Meters({ADDRESS: blocks()}), dlt645_ear) as served:
        yield served


@pytest.fixture
def child(tmp_path: Path, mosquitto: Mosquitto, wire: TcpWire[Frame]) -> Iterator[Child]:
    config = CONFIG.format(
        port=mosquitto.port, secret=mosquitto.password_file(GATEWAY), endpoint=wire.endpoint, address=ADDRESS
    )
    (tmp_path / "gateway.toml").write_text(config)
    made = Child(tmp_path)
    yield made
    if made.process and made.process.poll() is None:
        made.process.kill()
        made.process.wait(20)


def identities(cloud: CloudEnd) -> set[tuple[str, int]]:
    return {(row.meter, row.at_ms) for batch in cloud.batches() for row in batch.readings}


def test_readings_travel_from_the_meter_to_the_cloud_and_sigterm_ends_it_cleanly(
    child: Child, mosquitto: Mosquitto
) -> None:
    cloud = CloudEnd(mosquitto, answering=True)
    child.start()
    until(lambda: len(child.accepted()) >= 3, "three accepted readings")
    assert child.end(signal.SIGTERM) == 0
    until(
        lambda: {(a["meter"], a["at_ms"]) for a in child.accepted()} <= identities(cloud), "all at the cloud"
    )
    assert dict(cloud.batches()[0].readings[0].values) == THREE_PHASE_VALUES
    until(lambda: not cloud.statuses()[-1].online, "the farewell")
    assert "0 batches stay in the outbox" in child.log()
    assert mosquitto.password(GATEWAY) not in child.log()
    cloud.close()


def test_killed_again_and_again_together_with_the_broker_it_loses_nothing_accepted(
    child: Child, mosquitto: Mosquitto
) -> None:
    seen: set[tuple[str, int]] = set()
    for turn in range(4):
        cloud = CloudEnd(mosquitto, answering=turn != 1)
        child.start()
        wanted = len(child.accepted()) + 1 + turn % 2
        until(lambda: len(child.accepted()) >= wanted, "more readings")  # noqa: B023
        child.end(signal.SIGKILL)
        if turn % 2:
            mosquitto.kill()
            mosquitto.start()
        seen |= identities(cloud) if cloud.answering else set()
        cloud.close()
    cloud = CloudEnd(mosquitto, answering=True)
    child.start()
    accepted = {(each["meter"], each["at_ms"]) for each in child.accepted()}
    until(lambda: accepted <= seen | identities(cloud), "every accepted reading at the cloud", 30)
    until(lambda: len(child.accepted()) > len(accepted), "polling again")
    assert child.end() == 0
    cloud.close()


def test_after_a_kill_a_cloud_that_comes_later_is_told_offline(child: Child, mosquitto: Mosquitto) -> None:
    cloud = CloudEnd(mosquitto)
    child.start()
    until(lambda: cloud.statuses(), "online")
    child.end(signal.SIGKILL)
    until(lambda: not cloud.statuses()[-1].online, "the last will")
    late = CloudEnd(mosquitto)
    until(lambda: late.seen, "the retained will")
    assert [(kind, kept) for kind, _, kept in late.seen] == [("status", True)]
    assert not late.statuses()[0].online
    cloud.close()
    late.close()


def test_sigusr1_stops_polling_and_goes_on_sending_until_the_outbox_is_empty(
    child: Child, mosquitto: Mosquitto
) -> None:
    child.start()  # no cloud answers yet: everything stays
    until(lambda: len(child.accepted()) >= 2, "two accepted readings")
    child.tell(signal.SIGUSR1)
    until(lambda: "polling is stopped" in child.log(), "polling stopped")
    cloud = CloudEnd(mosquitto, answering=True)
    until(lambda: "drained, the outbox is empty" in child.log(), "the outbox drained")
    assert {(a["meter"], a["at_ms"]) for a in child.accepted()} == identities(cloud)
    assert child.process
    assert child.process.poll() is None
    assert child.end(signal.SIGINT) == 0
    cloud.close()


@pytest.mark.parametrize("number", [signal.SIGUSR1, signal.SIGTERM])
def test_a_signal_of_the_first_moment_is_obeyed_once_the_agent_is_there(child: Child, number: int) -> None:
    child.start()
    until(lambda: child.catches(number), "the handler set")
    child.tell(number)
    until(lambda: "polling is stopped" in child.log(), "the signal obeyed")
    assert child.process
    assert (child.end() if number == signal.SIGUSR1 else child.process.wait(20)) == 0


DYING = """
import edge.agent
from edge.__main__ import main
from edge.health import Poller
class Dying(edge.agent.LinePoller):
    def _step(self):
        raise SystemError("this thread cannot go on")
edge.agent.LinePoller = Dying
main()
"""


def test_a_thread_that_dies_ends_the_program_with_1_and_says_which(child: Child) -> None:
    child.start("-c", DYING)
    assert child.process
    assert child.process.wait(20) == 1
    assert "thread line north failed" in child.log()
    assert "this thread cannot go on" in child.log()
    assert "stopped, 0 batches stay" in child.log()


def test_a_broker_that_is_not_there_stops_neither_start_nor_polling_nor_end(
    child: Child, mosquitto: Mosquitto
) -> None:
    mosquitto.stop()
    child.start()
    until(lambda: len(child.accepted()) >= 3, "three accepted readings")
    assert child.end() == 0
    assert child.log().count("no connection") == 1
    mosquitto.start()


def test_a_second_start_on_the_same_data_is_refused_in_one_line(child: Child) -> None:
    child.start()
    until(lambda: child.accepted(), "a reading")
    second = subprocess.run(
        [sys.executable, "-m", "edge", "run", "--config", child.folder / "gateway.toml"],
        cwd=ROOT, capture_output=True, text=True, timeout=60,
    )  # fmt: skip
    assert second.returncode == 1
    assert second.stderr.count("\n") == 1
    assert "is in use by process" in second.stderr


def test_bad_settings_end_with_1_and_one_line_each(child: Child) -> None:
    config = child.folder / "gateway.toml"
    config.write_text(config.read_text().replace("interval_s = 1", "interval_s = 0"))
    for verb in ("run", "check"):
        done = subprocess.run(
            [sys.executable, "-m", "edge", verb, "--config", config],
            cwd=ROOT, capture_output=True, text=True, timeout=60,
        )  # fmt: skip
        assert (done.returncode, done.stdout, done.stderr.count("\n")) == (1, "", 1)
        assert "interval_s" in done.stderr


# -- in this process, with a clock that stands still ---------------------------------------------------------


class Gateway:
    """An agent without lines, ticked by hand; its uplink finds no broker."""

    def __init__(self, folder: Path, clock: GatewayClock, **more: object) -> None:
        self.settings = gateway_settings(folder, free_port(), None, **more)
        self.clock = clock
        self.log = folder / "accepted.jsonl"
        self.agent = Agent(self.settings, clock, accepted_log=self.log, make_pollers=lambda *_: [])
        self.agent._polling = True

    def accepted(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.log.read_text().splitlines()]


@pytest.fixture
def make_gateway(tmp_path: Path) -> Iterator[Callable[..., Gateway]]:
    made: list[Gateway] = []

    def make(clock: GatewayClock | None = None, **more: object) -> Gateway:
        made.append(Gateway(tmp_path, clock or GatewayClock(), **more))
        return made[-1]

    yield make
    for gateway in made:
        gateway.agent.outbox.close()
        gateway.agent.commander.ledger.close()


def test_a_reading_is_accepted_when_its_batch_is_on_disk_and_not_before(
    make_gateway: Callable[..., Gateway],
) -> None:
    gateway = make_gateway()
    assert gateway.agent.accept(reading(1))
    gateway.agent.tick()
    assert gateway.accepted() == []
    assert gateway.agent.outbox.backlog().batches == 0
    gateway.clock.advance(gateway.settings.outbox.batch_age_s)
    gateway.agent.tick()
    key = gateway.agent.outbox.unsettled(1)[0].key
    assert gateway.accepted() == [
        {"epoch": key.epoch, "seq": 1, "meter": "M-001", "at_ms": START_MS + 1000, "wh": 1_000_001},
    ]


def test_a_full_batch_is_committed_at_once(make_gateway: Callable[..., Gateway]) -> None:
    gateway = make_gateway(outbox={"batch_readings": 10, "batch_age_s": 1000})
    for each in readings(25):
        gateway.agent.accept(each)
    gateway.agent.tick()
    assert [batch.readings for batch in gateway.agent.outbox.unsettled(9)] == [10, 10]


def test_while_the_disk_takes_nothing_readings_are_refused_and_health_says_so(
    make_gateway: Callable[..., Gateway],
) -> None:
    gateway = make_gateway(outbox={"batch_readings": 10})
    agent = gateway.agent
    said: list[messages.Health] = []
    agent.uplink.publish_health = said.append  # type: ignore[method-assign,assignment]
    agent.outbox._file.transaction = _disk_full(agent.outbox)  # type: ignore[method-assign]
    taken = [agent.accept(each) for each in readings(10)]
    agent._stopping.set()  # so that waiting for the disk takes no time here
    agent.tick()
    agent.tick()
    assert all(taken)
    assert not agent.accept(reading(11))
    assert not gateway.accepted()
    assert said[-1].storage == "fault"
    del agent.outbox._file.transaction
    agent.tick()
    assert len(gateway.accepted()) == 10
    assert agent.accept(reading(11))
    assert said[-1].storage == "ok"


def _disk_full(outbox: Outbox) -> Callable[..., Any]:
    """The error that the file itself raises on a full disk, raised without filling one."""

    def refuse(**_: object) -> Any:
        raise outbox._file._faulted("database or disk is full")

    return refuse


def test_what_waits_in_memory_is_bounded(make_gateway: Callable[..., Gateway]) -> None:
    gateway = make_gateway(outbox={"batch_readings": 10})
    taken = [gateway.agent.accept(each) for each in readings(100)]
    assert taken == [True] * 10 * PENDING_BATCHES + [False] * (100 - 10 * PENDING_BATCHES)


def test_without_valid_time_readings_are_held_and_dated_later(make_gateway: Callable[..., Gateway]) -> None:
    clock = GatewayClock(now_ms=86_400_000)  # 1970: the battery of its clock is empty
    gateway = make_gateway(clock)
    gateway.agent.accept(reading(1, at_ms=clock.now_ms() - 400))
    clock.advance(60)
    gateway.agent.tick()
    assert gateway.accepted() == []
    assert gateway.agent.outbox.backlog().readings == 1
    clock.wall_ms = START_MS
    gateway.agent.tick()
    assert [each["at_ms"] for each in gateway.accepted()] == [START_MS - 60_400]


def test_readings_before_and_after_the_clock_was_set_never_share_a_batch(
    make_gateway: Callable[..., Gateway],
) -> None:
    clock = GatewayClock(now_ms=1000)
    gateway = make_gateway(clock)
    gateway.agent.accept(reading(1, at_ms=1000))
    clock.wall_ms = START_MS
    gateway.agent.accept(reading(2, at_ms=START_MS))
    clock.advance(10)
    gateway.agent.tick()
    clean = [messages.decode(b.payload, messages.Readings) for b in gateway.agent.outbox.unsettled(9)]
    assert [[(row.at_ms, row.quality.value) for row in batch.readings] for batch in clean] == [
        [(START_MS, "good")],
        [(START_MS, "clock_unsure")],
    ]


def test_readings_that_wait_for_a_date_are_not_drained_yet(
    make_gateway: Callable[..., Gateway], caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    clock = GatewayClock(now_ms=1000)
    gateway = make_gateway(clock)
    gateway.agent.accept(reading(1, at_ms=1000))
    gateway.agent.ask_drain()
    gateway.agent.tick()
    assert "drained" not in caplog.text
    clock.wall_ms = START_MS
    gateway.agent.tick()
    gateway.agent.outbox.settle(stored(gateway.agent.outbox.epoch, (1, 1)))
    gateway.agent.tick()
    assert "drained" in caplog.text


def test_an_accepted_log_that_cannot_be_written_stops_nothing_and_doubles_nothing(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    settings = gateway_settings(tmp_path, free_port(), None, outbox={"batch_readings": 10})
    agent = Agent(settings, GatewayClock(), accepted_log=Path("/dev/full"), make_pollers=lambda *_: [])
    for each in readings(20):
        agent.accept(each)
    agent.flush(everything=True)
    agent.flush(everything=True)
    assert agent.outbox.backlog().readings == 20
    assert caplog.text.count("the accepted log is incomplete") == 1
    agent.outbox.close()


def test_its_own_parts_can_be_replaced_from_outside(tmp_path: Path) -> None:
    class Forgetful(Outbox):
        synchronous = "OFF"

    def open_it(settings: Settings, clock: Any) -> Outbox:
        return Forgetful(settings.data_dir / "outbox.db", settings.gateway, clock)

    settings = gateway_settings(tmp_path, free_port(), None)
    agent = Agent(settings, GatewayClock(), make_outbox=open_it, make_pollers=lambda *_: [])
    with agent.outbox._file.reading() as db:
        assert db.execute("PRAGMA synchronous").fetchone() == (0,)
    agent.outbox.close()


# -- orders and settings from the cloud ----------------------------------------------------------------------


SYNCED = """
import edge.clock, edge.uplink
from edge.__main__ import main
from protocols.mqtt.messages import ClockState
edge.clock.kernel_clock_state = lambda: ClockState.SYNCED
edge.uplink._FIRST_RETRY_S = edge.uplink._LAST_RETRY_S = 0.3
main()
"""
RELAY = """
[orders]
relay = true
passwords = { "02" = "meter.password" }
"""
CLOCK_AND_RELAY = {"04000101": bytes(4), "04000102": bytes(3), "04000503": bytes(2)}


class RelayMeter(Meters):
    """Trips when told, and keeps its answer back while `held`."""

    held = True

    def reply(self, request: Frame) -> Frame | None:
        items = self.values[ADDRESS]
        now = datetime.now(ZoneInfo("Asia/Shanghai"))
        items["04000101"] = bytes.fromhex(f"{now:%y%m%d}00")[::-1]
        items["04000102"] = bytes.fromhex(f"{now:%H%M%S}")[::-1]
        if request.function != 0x1C:
            return super().reply(request)
        items["04000503"] = b"\x50\x00"
        return None if self.held else Frame(request.address, request.control | 0x80, b"")


@pytest.fixture
def relay_meter(wire: TcpWire[Frame]) -> RelayMeter:
    meter = RelayMeter({ADDRESS: blocks() | CLOCK_AND_RELAY})
    wire.react = meter
    return meter


def trip(number: int = 1) -> Order:
    now_ms = SystemClock().now_ms()
    both = [Approval(by=name, at_ms=now_ms) for name in ("li", "wang")]
    return Order(
        gateway=GATEWAY, id=f"order-{number:04}", kind=OrderKind.RELAY_OFF, meter="M-001",
        issued_at_ms=now_ms, expires_at_ms=now_ms + 600_000, approvals=both,
    )  # fmt: skip


def results(cloud: CloudEnd) -> list[OrderResult]:
    return [decode_order(payload, OrderResult) for payload in cloud.payloads("result")]


def orders_sent(wire: TcpWire[Frame]) -> int:
    return sum(request.function == 0x1C for request in wire.requests)


def test_killed_between_a_relay_order_and_its_answer_it_reads_the_relay_and_never_sends_again(
    child: Child, mosquitto: Mosquitto, wire: TcpWire[Frame], relay_meter: RelayMeter
) -> None:
    config = child.folder / "gateway.toml"
    config.write_text(config.read_text().replace("[[line]]", f"{RELAY}[[line]]", 1))
    (child.folder / "meter.password").write_text("836154")
    cloud = CloudEnd(mosquitto, answering=True)
    child.start("-c", SYNCED)
    until(lambda: child.accepted(), "the gateway polling")
    order = trip()
    cloud.tell(GATEWAY, "order", encode_order(order))
    until(lambda: orders_sent(wire), "the order on the wire")
    child.end(signal.SIGKILL)
    mosquitto.kill()
    relay_meter.held, before = False, len(wire.requests)
    child.start("-c", SYNCED)  # no broker: the result has to wait
    until(lambda: b"\x03\x05\x00\x04" in [each.data for each in wire.requests[before:]], "the relay read")
    mosquitto.start()
    late = CloudEnd(mosquitto, answering=True)
    late.tell(GATEWAY, "order", encode_order(order))
    until(lambda: [r for r in results(late) if r.state is OrderState.UNKNOWN], "the result")
    result = results(late)[-1]
    assert (result.state, result.relay, orders_sent(wire)) == (OrderState.UNKNOWN, RelayState.OPEN, 1)
    assert child.end() == 0
    assert "836154" not in child.log()
    for end in (cloud, late):
        end.close()


def test_settings_from_the_cloud_begin_only_the_changed_line_anew(
    tmp_path: Path, wire: TcpWire[Frame], mosquitto: Mosquitto
) -> None:
    with TcpWire(Meters({ADDRESS: blocks()}), dlt645_ear) as other:
        lines = [line_of("north", wire), line_of("south", other)]
        settings = gateway_settings(
            tmp_path, mosquitto.port, mosquitto.password_file(GATEWAY), line=lines, health_s=1
        )
        agent = Agent(settings, SystemClock())
        worker = threading.Thread(target=agent.run)
        worker.start()
        cloud = CloudEnd(mosquitto, answering=True)
        until(lambda: wire.requests and other.requests, "both lines polling")
        north = agent._pollers[0]
        changed = [lines[0], line_of("south", other, "M-new")]
        for _ in range(3):
            config = Config(gateway=GATEWAY, version=2, issued_at_ms=1, settings={"line": changed})
            cloud.tell(GATEWAY, "config", encode_order(config), retain=True)
        until(lambda: "M-new" in {meter for meter, _ in identities(cloud)}, "the new meter's readings")
        assert (agent._pollers[0], wire.connections, other.connections) == (north, 1, 2)
        told = [decode_order(payload, Applied) for payload in cloud.payloads("config")]
        assert [(each.version, each.state) for each in told] == [(2, ConfigState.APPLIED)]
        came: list[object] = []
        job = Job("M-new", Priority.COMMAND, "ask", lambda talk: talk.meter.id, came.append)
        agent.submit(job)
        until(lambda: came == ["M-new"], "the job done on the new line")
        with pytest.raises(KeyError):
            agent.submit(replace(job, meter="M-south"))
        agent.ask_stop()
        worker.join(20)
        assert not worker.is_alive()
        cloud.close()


def line_of(name: str, wire: TcpWire[Frame], meter: str = "") -> dict[str, Any]:
    one = {"id": meter or f"M-{name}", "model": "dlt645-2007-3p", "address": ADDRESS, "interval_s": 1}
    return {"name": name, "kind": "tcp", "endpoint": wire.endpoint, "meter": [one]}


def test_the_last_good_settings_are_in_force_from_the_first_poll_on(
    make_gateway: Callable[..., Gateway], tmp_path: Path
) -> None:
    (tmp_path / "data").mkdir()
    kept = {"version": 7, "settings": {"health_s": 5, "line": [LINE_OF_ANOTHER]}}
    (tmp_path / "data" / "config.json").write_text(json.dumps(kept))
    gateway = make_gateway()
    assert [meter.id for meter in gateway.agent._settings.meters] == ["M-777"]
    assert gateway.agent.commander.settings.health_s == 5


LINE_OF_ANOTHER = {
    "name": "north", "kind": "tcp", "endpoint": "127.0.0.1:9",
    "meter": [{"id": "M-777", "model": "dlt645-2007-3p", "address": ADDRESS}],
}  # fmt: skip


def test_a_line_begun_anew_goes_on_counting_so_that_no_silent_meter_seems_back(tmp_path: Path) -> None:
    settings = gateway_settings(tmp_path, free_port(), None)
    agent = Agent(settings, GatewayClock())
    before = agent._pollers[0]
    assert isinstance(before, LinePoller)
    before._tallies.count("M-000", asked=9, unanswered=5)
    line = settings.lines[0].model_copy(update={"timeout_s": 0.5})
    agent._reconfigure(settings.model_copy(update={"lines": (line,), "health_s": 5.0}))
    assert agent._pollers[0] is not before
    assert agent._health.build().meters[0].unanswered == 5
    kept = agent._pollers[0]
    agent._reconfigure(settings.model_copy(update={"lines": (line,)}))
    assert agent._pollers[0] is kept
    agent.outbox.close()
    agent.commander.ledger.close()


def test_a_line_whose_poller_cannot_be_made_leaves_all_lines_as_they_were(tmp_path: Path) -> None:
    settings = gateway_settings(tmp_path, free_port(), None)
    agent = Agent(settings, GatewayClock())
    pollers = agent._pollers
    line = settings.lines[0].model_copy(update={"meters": (MeterSettings.model_construct(model="gone"),)})
    with pytest.raises(ModelError):
        agent._reconfigure(settings.model_copy(update={"lines": (line,)}))
    assert (agent._pollers, agent._settings) == (pollers, settings)
    agent.outbox.close()
    agent.commander.ledger.close()
