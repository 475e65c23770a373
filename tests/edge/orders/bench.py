"""A bench for orders: one meter that answers frames, a line worked by hand, and a cloud's ears."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random
from typing import Any
from zoneinfo import ZoneInfo

from edge.jobs import Job
from edge.links import NoReply
from edge.orders.commander import Commander
from edge.orders.ledger import open_ledger
from edge.orders.states import Entry
from edge.settings import MeterSettings, Settings
from protocols import models
from protocols.dlt645.conversations import normal_reply, refusal
from protocols.dlt645.frame import Frame
from protocols.errors import Refused
from protocols.models import MeterModel
from protocols.mqtt import orders
from protocols.mqtt.messages import ClockState
from protocols.mqtt.orders import Approval, Heard, Order, OrderKind, OrderResult, OrderState
from protocols.readings import Value
from tests.edge.gateway import GATEWAY, GatewayClock, gateway_settings

ZONE = ZoneInfo("Asia/Shanghai")
MORNING_MS = int(datetime(2026, 11, 20, 9, 30, tzinfo=ZONE).timestamp() * 1000)
PASSWORD = "836154"
METER = "M-000"


class Killed(BaseException):
    """The process ends here: nothing after it happens."""


class SyncedClock(GatewayClock):
    kernel = ClockState.SYNCED

    def state(self) -> ClockState:
        return self.kernel


class BenchMeter:
    """`silent` acts and answers nothing, `deaf` does neither; `no` is its error byte, `refuses` are DIs."""

    def __init__(self, clock: GatewayClock, meter: MeterSettings) -> None:
        self.clock, self.meter = clock, meter
        self.offset_s, self.relay_open = 0.0, False
        self.silent = self.deaf = self.stuck = self.mute = False
        self.no = 0
        self.refuses: set[str] = set()
        self.frames: list[Frame] = []
        self.told: list[Frame] = []
        self.before_send: Callable[[], None] = lambda: None
        self.after_send: Callable[[], None] = lambda: None

    @property
    def model(self) -> MeterModel:
        return models.load(self.meter.model)

    def time(self) -> datetime:
        now = datetime.fromtimestamp(self.clock.now_ms() / 1000, ZONE).replace(tzinfo=None)
        return now + timedelta(seconds=self.offset_s)

    def ask(self, di: str, extra: bytes = b"") -> bytes:
        del extra
        if self.mute:
            raise NoReply("silent")
        if di in self.refuses:
            raise Refused(2, "no_requested_data")
        if di == "04000503":
            return (0x50 if self.relay_open else 0).to_bytes(2, "little")
        at = self.time()
        digits = f"{at:%y%m%d}0{at.isoweekday() % 7}" if di == "04000101" else f"{at:%H%M%S}"
        return bytes.fromhex(digits)[::-1]

    def order(self, request: Frame) -> Frame:
        self.before_send()
        self.frames.append(request)
        if self.no:
            return refusal(request, request.address, self.no)
        if not (self.deaf or self.stuck):
            self._obey(request)
        self.after_send()
        if self.silent or self.deaf:
            raise NoReply("no answer")
        return normal_reply(request, request.address)

    def _obey(self, request: Frame) -> None:
        if request.function == 0x1C:
            self.relay_open = request.data[8] == 0x1A or self.relay_open
        elif request.function == 0x14 and request.data[:4] == bytes.fromhex("02010004"):
            self.offset_s = 0.0

    def tell(self, request: Frame) -> None:
        self.before_send()
        self.told.append(request)
        if abs(self.offset_s) <= 300 and not self.stuck:
            self.offset_s = 0.0
        self.after_send()

    def registers(self, fc: int, address: int, count: int) -> list[int]:
        raise NotImplementedError

    def values(self) -> dict[str, Value]:
        if self.mute:
            raise NoReply("silent")
        return {"energy_import_wh": 5_000, "voltage_l1_v": 230.5}


class Bench:
    def __init__(self, folder: Path, **order_settings: Any) -> None:
        self.folder, self.clock = folder, SyncedClock(MORNING_MS)
        self.settings = bench_settings(folder, **order_settings)
        self.meter = BenchMeter(self.clock, self.settings.meters[0])
        self.jobs: list[Job] = []
        self.said: list[OrderResult] = []
        self.stopped = False
        self.start()
        self.clock.advance(60)

    def start(self) -> None:
        self.jobs.clear()
        self.ledger = open_ledger(self.folder / "orders.db", self.clock)
        self.commander = Commander(
            self.settings, self.clock, self.ledger, self.submit, self.hear, rng=Random(1)
        )
        self.commander.start()

    def restart(self) -> None:
        """As after kill -9: what was only in memory is gone."""
        self.ledger.close()
        self.start()

    def submit(self, job: Job) -> None:
        if job.meter != METER:
            raise KeyError(job.meter)
        self.jobs.append(job)

    def hear(self, what: str, payload: bytes) -> None:
        assert what == "result"
        self.said.append(orders.decode(payload, OrderResult))

    def order(self, kind: OrderKind = OrderKind.RELAY_OFF, number: int = 1, **more: Any) -> Order:
        now_ms = self.clock.now_ms()
        approvals = [Approval(by="li", at_ms=now_ms), Approval(by="wang", at_ms=now_ms)]
        plain: dict[str, Any] = {
            "gateway": GATEWAY, "id": f"order-{number:04}", "kind": kind, "meter": METER,
            "issued_at_ms": now_ms, "expires_at_ms": now_ms + 600_000, "approvals": approvals,
        }  # fmt: skip
        return Order(**plain | more)

    def give(self, *given: Order) -> None:
        for each in given:
            self.commander.receive_order(orders.encode(each))
        self.commander.tick(connected=True)

    def heard(self, order: Order, state: OrderState) -> None:
        word = Heard(gateway=GATEWAY, results=[(order.id, state)])
        self.commander.receive_heard(orders.encode(word))
        self.commander.tick(connected=True)

    def work(self, rounds: int = 12) -> None:
        """The line works off its jobs and time goes on, until nothing is left to do."""
        for _ in range(rounds):
            for job in [self.jobs.pop(0) for _ in range(len(self.jobs))]:
                self.run(job)
            self.commander.tick(connected=True)
            self.clock.advance(10)
            self.commander.tick(connected=True)

    def run(self, job: Job) -> None:
        try:
            end = job.work(self.meter)
        except Exception as failure:  # noqa: BLE001 as the line's thread does
            end = failure
        job.done(end)

    def do(self, order: Order) -> OrderResult:
        self.give(order)
        self.work()
        return self.result(order)

    def entry(self, order: Order) -> Entry:
        entry = self.ledger.entry(order.id)
        assert entry
        return entry

    def result(self, order: Order) -> OrderResult:
        return self.entry(order).result()

    @property
    def sent(self) -> int:
        return len(self.meter.frames) + len(self.meter.told)


def bench_settings(folder: Path, **order_settings: Any) -> Settings:
    secret = folder / "meter.password"
    secret.write_text(f"{PASSWORD}\n")
    plain: dict[str, Any] = {"relay": True, "passwords": {"02": str(secret), "04": str(secret)}}
    return gateway_settings(folder, 9, None, orders=plain | order_settings)


def at(hour: int, minute: int) -> int:
    return int(datetime(2026, 11, 20, hour, minute, tzinfo=ZONE).astimezone(UTC).timestamp() * 1000)
