"""Metering points whose life is hard, simulated apart from the service: what flowed, and what meters say.

Nothing of the service reckons here: a register is its start plus what flowed behind the transformers, modulo
its digits; what flowed on the customer's side is that times the ratio in force.
"""

import random
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from protocols.readings import Reading, Source

QUARTER = timedelta(minutes=15)
AROUND = 8
"""Quarter-hours that are read before and after the period."""
MODULUS_WH = 10**9
"""XXXXXX.XX kWh."""
STEP_WH = 10
IMPORT, EXPORT = "energy_import_wh", "energy_export_wh"
SINGLE, THREE = "dlt645-2007-1p", "dlt645-2007-3p"
Slots = tuple[int, int]
"""Quarter-hours of the period, the last not included."""
Piece = tuple[datetime, datetime, int]
"""What flowed from one instant to another, nothing about the meter changing between."""


@dataclass(frozen=True)
class Change:
    """In slot `slot`, `minute` minutes after its begin: another meter, ratio or area."""

    slot: int
    minute: int
    meter: str = ""
    installed_wh: int = 0
    ct_ratio: float = 0.0
    area: str = ""


@dataclass(frozen=True)
class Life:
    """`never` never came, `late` came after the days were validated; `off` is the minute of polls."""

    point: str
    area: str = "A01"
    model: str = SINGLE
    start_wh: int = 50_000
    most_wh: int = 400
    ct_ratio: float = 1.0
    pt_ratio: float = 1.0
    every: int = 1
    off: int = 0
    channels: tuple[str, ...] = (IMPORT,)
    changes: tuple[Change, ...] = ()
    never: tuple[Slots, ...] = ()
    late: tuple[Slots, ...] = ()
    dark: tuple[Slots, ...] = ()
    sum_of: tuple[str, ...] = ()

    @property
    def meters(self) -> list[str]:
        return [self.point, *(each.meter for each in self.changes if each.meter)]


LIVES = (
    Life("plain"),
    Life("rolls-over", start_wh=MODULUS_WH - 20_000),
    Life("exchanged", changes=(Change(70, 7, meter="new-1", installed_wh=20),)),
    Life("exchanged-twice", changes=(Change(70, 4, meter="new-2", installed_wh=0),
                                     Change(82, 11, meter="new-3", installed_wh=300))),
    Life("rolls-and-exchanged", start_wh=MODULUS_WH - 9_000,
         changes=(Change(80, 0, meter="new-4", installed_wh=100),)),
    Life("ratio-changed", model=THREE, ct_ratio=40.0, changes=(Change(130, 5, ct_ratio=60.0),)),
    Life("ratio-at-a-slot", model=THREE, ct_ratio=1.0, changes=(Change(132, 0, ct_ratio=15.0),)),
    Life("ct-pt", area="A02", model=THREE, ct_ratio=20.0, pt_ratio=100.0),
    Life("moved", changes=(Change(60, 0, area="A02"),)),
    Life("holes", area="A02", never=((20, 33), (90, 120), (170, 171))),
    Life("late", area="A02", late=((30, 50), (180, 200))),
    Life("solar", area="A02", model=THREE, channels=(IMPORT, EXPORT)),
    Life("supply", area="A03", model=THREE, ct_ratio=30.0, most_wh=0, sum_of=("dark-1", "dark-2")),
    Life("dark-1", area="A03", dark=((105, 113),), never=((106, 113),)),
    Life("dark-2", area="A03", dark=((105, 113),)),
    Life("hourly", area="A04", every=4),
    Life("between", area="A05", off=7),
)  # fmt: skip
AREAS = ("A01", "A02", "A03", "A04", "A05")


@dataclass
class Told:
    """A reading, and when it is given to the service."""

    reading: Reading
    late: bool


@dataclass
class Lived:
    """What became of a life: by channel, primary Wh of each quarter-hour of the period, and of its pieces."""

    life: Life
    flowed: dict[str, list[int]] = field(default_factory=dict)
    pieces: dict[str, list[Piece]] = field(default_factory=dict)
    told: list[Told] = field(default_factory=list)
    removed: dict[int, dict[str, int]] = field(default_factory=dict)
    """Registers at each change, by its number, of the meter that was there."""


@dataclass(frozen=True)
class Period:
    """`count` whole local days from `first` on."""

    first: date
    count: int
    zone: ZoneInfo

    @property
    def days(self) -> list[date]:
        return [self.first + timedelta(days=number) for number in range(self.count)]

    @property
    def last(self) -> date:
        return self.days[-1]

    @property
    def start(self) -> datetime:
        return self.midnight(self.first)

    @property
    def end(self) -> datetime:
        return self.midnight(self.last + timedelta(days=1))

    @property
    def slots(self) -> int:
        return (self.end - self.start) // QUARTER

    def midnight(self, day: date) -> datetime:
        local = datetime(day.year, day.month, day.day, tzinfo=self.zone)
        return datetime.fromtimestamp(local.timestamp(), ZoneInfo("UTC"))

    def at(self, slot: int, minute: int = 0) -> datetime:
        return self.start + slot * QUARTER + timedelta(minutes=minute)

    def slot(self, at: datetime) -> int:
        return (at - self.start) // QUARTER


def live(period: Period, seed: int = 1) -> dict[str, Lived]:
    """All lives over a period, and two hours before and after it."""
    found: dict[str, Lived] = {}
    for life in sorted(LIVES, key=lambda each: len(each.sum_of)):
        found[life.point] = _live(life, period, random.Random(f"{seed}{life.point}"), found)
    return found


def _live(life: Life, period: Period, rng: random.Random, others: dict[str, Lived]) -> Lived:
    lived = Lived(life, {channel: [0] * period.slots for channel in life.channels})
    midnights = {period.midnight(day) for day in [*period.days, period.last + timedelta(days=1)]}
    register = dict.fromkeys(life.channels, life.start_wh)
    meter, ct = life.point, life.ct_ratio
    for slot in range(-AROUND, period.slots + AROUND + 1):
        at = period.at(slot)
        if slot % life.every == 0 and not life.off:
            _tell(lived, meter, at, register, slot, Source.POLLED)
        if at in midnights:
            _tell(lived, meter, at, register, slot, Source.FREEZE)
        done = 0
        for number, change in enumerate(life.changes):
            if change.slot != slot:
                continue
            done = _flow(lived, register, slot, done, change.minute, ct, rng, period, others)
            lived.removed[number] = dict(register)
            if change.meter:
                meter, register = change.meter, dict.fromkeys(register, change.installed_wh)
                if change.minute == 0:  # the old one's reading of this instant is the fitter's
                    lived.told = [each for each in lived.told if each.reading.at_ms != _ms(at)]
                    _tell(lived, meter, at, register, slot, Source.POLLED)
            ct = change.ct_ratio or ct
        if life.off:
            done = _flow(lived, register, slot, done, life.off, ct, rng, period, others)
            _tell(lived, meter, period.at(slot, life.off), register, slot, Source.POLLED)
        _flow(lived, register, slot, done, 15, ct, rng, period, others)
    return lived


def _flow(
    lived: Lived,
    register: dict[str, int],
    slot: int,
    start: int,
    end: int,
    ct: float,
    rng: random.Random,
    period: Period,
    others: dict[str, Lived],
) -> int:
    """What flows from one minute of a slot to another; where that ends."""
    life, inside = lived.life, 0 <= slot < period.slots
    dark = any(first <= slot < last for first, last in life.dark)
    for channel in register:
        passed = rng.randint(0, life.most_wh // STEP_WH) * STEP_WH * (end - start) // 15 // STEP_WH * STEP_WH
        if dark or (channel == EXPORT and slot % 96 > 48):
            passed = 0
        if life.sum_of:
            # behind transformers a register shows whole steps only: what its customers took, rounded up
            took = sum(others[each].flowed[channel][slot] for each in life.sum_of) if inside else 0
            passed = -(-took // round(ct) // STEP_WH) * STEP_WH
        register[channel] = (register[channel] + passed) % MODULUS_WH
        if inside:
            wh = passed * round(ct * life.pt_ratio)
            lived.flowed[channel][slot] += wh
            piece = (period.at(slot, start), period.at(slot, end), wh)
            lived.pieces.setdefault(channel, []).append(piece)
    return end


def _tell(
    lived: Lived, meter: str, at: datetime, register: dict[str, int], slot: int, source: Source
) -> None:
    life = lived.life
    if any(first < slot < last for first, last in life.never) and source is Source.POLLED:
        return
    if any(first < slot < last for first, last in life.never) and source is Source.FREEZE:
        return
    late = any(first < slot < last for first, last in life.late)
    lived.told.append(Told(Reading(meter, _ms(at), source, dict(register)), late))


def _ms(at: datetime) -> int:
    return round(at.timestamp() * 1000)


def registry() -> dict[str, Any]:
    """The document `import registry` takes: each point with the meter it began with."""
    return {
        "area": [{"id": area, "name": f"示例台区 {area}", "feeder": "F1"} for area in AREAS],
        "gateway": [{"id": "gw-1", "name": "示例网关"}],
        "meter": [
            {
                "id": life.point,
                "address": f"{number:012}",
                "model": life.model,
                "area": life.area,
                "gateway": "gw-1",
                "line": "l1",
                "interval_s": 900 * life.every,
                "role": "area" if life.sum_of else "customer",
                "ct_ratio": life.ct_ratio,
                "pt_ratio": life.pt_ratio,
            }
            for number, life in enumerate(LIVES, 1)
        ],
    }


def customers(since: datetime) -> dict[str, Any]:
    """One account for each point that is a customer's."""
    served = [life.point for life in LIVES if not life.sum_of]
    return {
        "customer": [{"id": f"C-{point}", "name": f"示例户 {point}"} for point in served],
        "account": [
            {"no": f"10-{point}", "customer": f"C-{point}", "address": "示例村", "class": "household"}
            for point in served
        ],
        "service": [
            {"account": f"10-{point}", "meter": point, "start": since.isoformat()} for point in served
        ],
    }


def by_area(lived: dict[str, Lived], period: Period, *, metered: bool) -> dict[str, list[int]]:
    """What each area took in each quarter-hour: all its points that stood there then.

    `metered`: of an area with a meter of its own what that one says, and nothing else.
    """
    found = {area: [0] * period.slots for area in AREAS}
    own = {each.life.area for each in lived.values() if each.life.sum_of} if metered else set()
    for each in lived.values():
        for slot, wh in enumerate(each.flowed[IMPORT]):
            area = area_at(each.life, slot)
            if area not in own or each.life.sum_of:
                found[area][slot] += wh
    return found


def area_at(life: Life, slot: int) -> str:
    moves = [change.area for change in life.changes if change.area and change.slot <= slot]
    return moves[-1] if moves else life.area


def everyone(lived: dict[str, Lived]) -> Iterator[tuple[str, str, list[Piece]]]:
    for point, each in lived.items():
        for channel, pieces in each.pieces.items():
            yield point, channel, pieces
