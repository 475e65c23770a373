"""What polling would have read before now: the same registers, the same digits, without the wire.

No fault has befallen the past: a history is that of a fleet that was always well.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, time
from functools import lru_cache
from math import floor
from zoneinfo import ZoneInfo

import msgspec

from firmware_sim.dlt645_registers import decimals, limit, wire_unit
from firmware_sim.meter import Meter
from firmware_sim.registers import exponent_of, words_of
from firmware_sim.scenario import Scenario, ScenarioError
from protocols.dlt645.identifiers import lookup, lookup_1997
from protocols.modbus.registers import decode_registers
from protocols.modbus.values import Convert, converter
from protocols.models import MeterModel, Point
from protocols.quantities import QUANTITIES, Kind
from protocols.readings import Value

REGISTER = "energy_import_wh"


def instant_ms(text: str) -> int:
    """Unix ms of an ISO time with its zone; ScenarioError otherwise."""
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        at = None
    if at is None or at.tzinfo is None:
        raise ScenarioError(f"--end: {text!r} is no ISO time with a zone, such as 2026-11-23T00:00:00+08:00")
    return round(at.timestamp() * 1000)


def instants_ms(scenario: Scenario, end_ms: int, days: float, interval_s: int) -> range:
    """The polling instants before `end_ms`, on whole multiples of the interval."""
    step = interval_s * 1000
    first = -(-(end_ms - round(days * 86_400_000)) // step) * step
    installed = datetime.combine(scenario.installed, datetime.min.time(), scenario.zone).timestamp() * 1000
    if first < installed:
        raise ScenarioError(
            f"--days: {days:g} days back is before station.installed {scenario.installed}; ask for fewer"
        )
    return range(first, end_ms, step)


def quantities(names: Iterable[str]) -> frozenset[str]:
    """Those named, all of them known; ScenarioError names one that is not."""
    for name in names:
        if name not in QUANTITIES:
            raise ScenarioError(f"--only: there is no quantity {name!r}; one is {REGISTER}")
    return frozenset(names)


def meters_of(scenario: Scenario, area: str, meters: Mapping[str, Meter]) -> list[Meter]:
    """The area's, its own meter among them; ScenarioError when there is no such area."""
    if area not in {each.id for each in scenario.areas}:
        raise ScenarioError(f"--area: there is no area {area!r} in the scenario")
    return [meters[plan.id] for plan in scenario.meters if plan.area == area]


def lines(meters: Iterable[Meter], at_ms: int, only: frozenset[str] = frozenset()) -> bytes:
    """One JSON line for each meter at that instant, with all it shows or `only` these quantities."""
    rows = (
        {"meter": meter.id, "at_ms": at_ms, "source": "polled", "values": values}
        for meter in meters
        if (values := polled(meter, at_ms, only))
    )
    return b"".join(_ENCODER.encode(row) + b"\n" for row in rows)


def frozen(meters: Iterable[Meter], at_ms: int, zone: ZoneInfo) -> bytes:
    """One JSON line for each meter that makes daily freezes, at a midnight of `zone`; else nothing."""
    if datetime.fromtimestamp(at_ms / 1000, zone).time() != time():
        return b""
    rows = (
        {"meter": meter.id, "at_ms": at_ms, "source": "freeze", "values": {REGISTER: values[REGISTER]}}
        for meter in meters
        if meter.model.protocol == "dlt645-2007"
        and REGISTER in (values := polled(meter, at_ms, frozenset({REGISTER})))
    )
    return b"".join(_ENCODER.encode(row) + b"\n" for row in rows)


_ENCODER = msgspec.json.Encoder()


def polled(meter: Meter, at_ms: int, only: frozenset[str] = frozenset()) -> dict[str, Value]:
    """What a gateway would take from the meter at that instant, digit for digit: all, or `only` these."""
    reader = _reader_of(meter.model)
    return reader.read(meter.values(at_ms, reader.wanted & only if only else reader.wanted))


class _Reader:
    """What a model's registers make of exact values, as arithmetic: bytes would cost ten times as much."""

    def __init__(self, model: MeterModel) -> None:
        self.wanted = frozenset(point.quantity for point in model.points)
        self._digits: Sequence[_Digits | _Words] = [_digits(model, point) for point in model.points]

    def read(self, exact: dict[str, float]) -> dict[str, Value]:
        found = (
            (each.quantity, each.value(exact[each.quantity]))
            for each in self._digits
            if each.quantity in exact
        )
        return {quantity: value for quantity, value in found if value is not None}


def _digits(model: MeterModel, point: Point) -> "_Digits | _Words":
    counter = QUANTITIES[point.quantity].kind is Kind.COUNTER
    if model.protocol == "modbus":
        return _Words(point.quantity, point, converter(point, exponent_of(point)))
    item = lookup_1997(point.di) if model.protocol == "dlt645-1997" else lookup(point.di)
    assert item is not None  # a model's points have known items
    return _Digits(point.quantity, counter, 10 ** decimals(item), wire_unit(item), limit(item), point.factor)


@dataclass(frozen=True, slots=True)
class _Digits:
    """A BCD register: `limit` steps of 1/`ten` of its unit, which is `unit` (and `factor`) in SI."""

    quantity: str
    counter: bool
    ten: int
    unit: int
    limit: int
    factor: int

    def value(self, exact: float) -> Value | None:
        steps = exact * float(self.ten) / self.unit
        if self.counter:
            return floor(steps) % self.limit * self.factor // self.ten
        whole = round(steps)
        return whole * self.factor / self.ten if abs(whole) < self.limit else None


@dataclass(frozen=True, slots=True)
class _Words:
    """Modbus registers, written and read as on the wire."""

    quantity: str
    point: Point
    convert: Convert

    def value(self, exact: float) -> Value | None:
        point = self.point
        raw = decode_registers(words_of(point, exact), point.type, point.word_order, point.not_available)
        return None if raw is None else self.convert(raw)


@lru_cache(maxsize=256)
def _reader_of(model: MeterModel) -> _Reader:
    return _Reader(model)
