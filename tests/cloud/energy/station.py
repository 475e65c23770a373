"""The service over a period of hard lives: delivery in any order and twice, fitters, validation, archive."""

import random
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from cloud.app import Application, build
from cloud.customers.intake.documents import import_customers
from cloud.fleet.registry import import_registry
from cloud.kit.auth import Role
from cloud.metering.boards import Boards
from cloud.metering.fieldwork.requests import Exchange, Move, NewMeter, RatioChange, Told
from cloud.metering.points import Point, PointSink
from cloud.settings import Settings
from protocols.mqtt import messages, topics
from protocols.mqtt.messages import Readings
from protocols.readings import Reading
from tests.clocks import ManualClock
from tests.cloud.conftest import QUICK
from tests.cloud.energy.lives import Change, Lived, Period, customers, live, registry

GATEWAY = "gw-1"
SHANGHAI, BERLIN = ZoneInfo("Asia/Shanghai"), ZoneInfo("Europe/Berlin")
PERIODS = {
    "plain": Period(date(2026, 3, 9), 2, SHANGHAI),
    "spring": Period(date(2026, 3, 28), 2, BERLIN),
    "autumn": Period(date(2026, 10, 24), 2, BERLIN),
}
AFTER = timedelta(days=2, hours=4)
FITTER = Told("fitter", "示例：现场作业", despite="已拍照")


class Sheet:
    """Keeps points as an InfluxDB would: the same tags and instant replace."""

    def __init__(self) -> None:
        self.points: dict[tuple[str, str, str], Point] = {}

    def write_points(self, measurement: str, rows: Iterable[Point]) -> None:
        for row in rows:
            self.points[measurement, str(sorted(row.tags.items())), row.at.isoformat()] = row


@dataclass
class Station:
    """A service at which a period has been lived through."""

    settings: Settings
    application: Application
    period: Period
    lived: dict[str, Lived]
    clock: ManualClock
    password: str
    sheet: Sheet
    query: Callable[[str], list[dict[str, Any]]] | None = None

    def boards(self) -> Boards:
        app, sink = self.application, self.application.store
        target: PointSink = sink if isinstance(sink, PointSink) else self.sheet
        return Boards(app.database, app.store, target, self.period.zone, self.clock)


def lived_through(settings: Settings, period: Period, seed: int = 1, *, boards: bool = True) -> Station:
    """Everything up to the archive of the days; each message came in some order, some of them twice.

    Without `boards` their rows are not written: who asks the archive alone has no use for them.
    """
    clock = ManualClock(period.end + AFTER)
    app = build(settings, clock, QUICK)
    with app.database.write() as connection:
        import_registry(connection, registry())
        import_customers(connection, customers(period.start - timedelta(days=9)))
    lived, rng = live(period, seed), random.Random(seed)
    password = app.accounts.add("operator", Role.OPERATOR)
    made = Station(settings, app, period, lived, clock, password, Sheet())
    told = [each for life in lived.values() for each in life.told]
    known = {each.life.point for each in lived.values()}
    deliver(app, "e1", [each.reading for each in told if not each.late and each.reading.meter in known], rng)
    for each in lived.values():
        for number, change in enumerate(each.life.changes):
            _work(app, period, each, number, change)
    deliver(
        app, "e2", [each.reading for each in told if not each.late and each.reading.meter not in known], rng
    )
    assert not app.ingest.state.fault
    for day in period.days:
        app.validation.day(day, book=True)
    if boards:
        made.boards().write_since(period.start)
    app.upkeep.run()
    deliver(app, "e3", [each.reading for each in told if each.late], rng)
    app.validation.run()
    if boards:
        made.boards().write_since(period.start)
    app.upkeep.run()
    return made


def deliver(app: Application, epoch: str, readings: Sequence[Reading], rng: random.Random) -> None:
    """As batches of one gateway, shuffled, a third of them twice."""
    mixed = list(readings)
    rng.shuffle(mixed)
    batches = [
        messages.encode(Readings(gateway=GATEWAY, epoch=epoch, seq=seq, readings=list(part)))
        for seq, part in enumerate((mixed[n : n + 500] for n in range(0, len(mixed), 500)), 1)
    ]
    batches += rng.sample(batches, len(batches) // 3)
    rng.shuffle(batches)
    for payload in batches:
        app.ingest.take(topics.up(GATEWAY, "readings"), payload)


def _work(app: Application, period: Period, lived: Lived, number: int, change: Change) -> None:
    at, point, registers = period.at(change.slot, change.minute), lived.life.point, lived.removed[number]
    if change.meter:
        new = NewMeter(change.meter, change.meter.removeprefix("new-").rjust(12, "9"))
        installed = dict.fromkeys(registers, change.installed_wh)
        app.fieldwork.exchange(Exchange(point, at, new, registers, installed), FITTER)
    elif change.ct_ratio:
        app.fieldwork.change_ratio(RatioChange(point, at, change.ct_ratio, 1.0, registers), FITTER)
    else:
        app.fieldwork.move(Move(point, at, change.area), FITTER)
