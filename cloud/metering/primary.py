"""Values as the customer's supply has them: what a meter behind transformers shows, times their ratio, once.

The store keeps what the meter said. This is the only place that multiplies, and only values whose point in
the meter's model is on the secondary side; whoever shows or reckons reads through here.
"""

from bisect import bisect_right
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal
from itertools import pairwise
from typing import Any

import msgspec
from sqlalchemy import Row

from cloud.fleet import topology
from cloud.fleet.topology import RatioSpan
from cloud.kit.db import Database
from cloud.kit.scope import Scope
from cloud.metering.influx.facts import StoreFacts, facts
from cloud.metering.store import Latest, ReadingStore, Series, ms, series
from protocols import models
from protocols.points import is_billing_grade
from protocols.quantities import QUANTITIES, Kind
from protocols.readings import Reading, Source, Value

VOLTAGE = frozenset({"V"})
CURRENT = frozenset({"A"})
POWER = frozenset({"W", "var", "VA", "Wh", "varh"})


@dataclass(frozen=True, slots=True)
class Ratio:
    """Of the transformers before a meter; `secondary` quantities its model gives without them."""

    ct: Decimal
    pt: Decimal
    secondary: frozenset[str]

    def factor(self, quantity: str) -> Decimal:
        """What a value of this quantity is multiplied by; 1 for one that is primary or has no such unit."""
        if quantity not in self.secondary:
            return Decimal(1)
        unit = QUANTITIES[quantity].unit
        if unit in POWER:
            return self.ct * self.pt
        return self.pt if unit in VOLTAGE else self.ct if unit in CURRENT else Decimal(1)

    def of(self, quantity: str, value: Value) -> Value:
        factor = self.factor(quantity)
        if factor == 1:
            return value
        if QUANTITIES[quantity].kind is Kind.COUNTER:
            return int((value * factor).to_integral_value()) if isinstance(value, int) else value
        return float(value) * float(factor)


def ratio_of(model: str, ct_ratio: float, pt_ratio: float) -> Ratio:
    """The ratio of a meter of the registry."""
    points = models.load(model).points
    secondary = frozenset(point.quantity for point in points if point.side == "secondary")
    return Ratio(Decimal(repr(ct_ratio)), Decimal(repr(pt_ratio)), secondary)


@dataclass(frozen=True, slots=True)
class RatioOverTime:
    """The ratios of one meter where it hung; what it said elsewhere or before stays as it said it."""

    starts_ms: tuple[int, ...]
    ratios: tuple[Ratio | None, ...]

    def at(self, at_ms: int) -> Ratio | None:
        """The one in force at an instant."""
        place = bisect_right(self.starts_ms, at_ms) - 1
        return None if place < 0 else self.ratios[place]

    def of(self, quantity: str, at_ms: int, value: Value) -> Value:
        ratio = self.at(at_ms)
        return value if ratio is None else ratio.of(quantity, value)

    def changes(self, quantity: str) -> list[int]:
        """The instants at which this quantity's factor becomes another."""
        factors = [Decimal(1) if ratio is None else ratio.factor(quantity) for ratio in self.ratios]
        steps = zip(self.starts_ms, pairwise([Decimal(1), *factors]), strict=True)
        return [at_ms for at_ms, (before, after) in steps if before != after]

    def touches(self, quantity: str) -> bool:
        return any(ratio is not None and ratio.factor(quantity) != 1 for ratio in self.ratios)


def over_time(model: str, spans: Iterable[RatioSpan]) -> RatioOverTime:
    """The spans of one meter, in order, as instants from which each ratio holds."""
    steps: dict[int, Ratio | None] = {}
    for span in spans:
        steps[ms(span.start)] = ratio_of(model, span.ct_ratio, span.pt_ratio)
        if span.end is not None:
            steps[ms(span.end)] = None  # until the next span says otherwise
    return RatioOverTime(tuple(steps), tuple(steps.values()))


class PrimaryReadings:
    """The reading side of a store, in primary values. It wraps the store of raw values, never itself."""

    def __init__(self, database: Database, raw: ReadingStore) -> None:
        if isinstance(raw, PrimaryReadings):
            raise TypeError("these values are primary already: a ratio is applied once")
        self._database, self._raw = database, raw

    def _ratios(self, meters: Collection[str] | None) -> Mapping[str, RatioOverTime]:
        with self._database.read() as connection:
            found = topology.ratios(connection, meters)
        return {meter: over_time(model, spans) for meter, (model, spans) in found.items()}

    def facts(self) -> StoreFacts:
        """What there is to say of the engine behind; StoreFault when it does not answer."""
        return facts(self._raw)

    def latest(self, scope: Scope, meters: Collection[str] | None = None) -> list[Latest]:
        """As `ReadingStore.latest`."""
        found, known = self._raw.latest(scope, meters), self._ratios(meters)
        return [
            replace(each, value=known[each.meter].of(each.quantity, each.at_ms, each.value))
            if each.meter in known
            else each
            for each in found
        ]

    def series(
        self,
        scope: Scope,
        meter: str,
        quantity: str,
        start: datetime,
        end: datetime,
        source: Source | None = None,
    ) -> Series:
        """As `ReadingStore.series`, each value with the ratio in force at its instant.

        Where the ratio changed, a counter jumps: for differences ask `advances`.
        """
        found = self._raw.series(scope, meter, quantity, start, end, source)
        ratios = self._ratios([meter]).get(meter)
        if ratios is None or not ratios.touches(quantity):
            return found
        pairs = zip(found.at_ms, found.values, strict=True)
        return series(quantity, found.at_ms, [ratios.of(quantity, at_ms, value) for at_ms, value in pairs])

    def breaks(self, meter: str, quantity: str, series: Series) -> list[int]:
        """The instants (Unix ms) within a series from which another ratio holds: it jumps there."""
        ratios = self._ratios([meter]).get(meter) if series else None
        if ratios is None:
            return []
        first, last = series.at_ms[0], series.at_ms[-1]
        return [at_ms for at_ms in ratios.changes(quantity) if first < at_ms <= last]

    def advances(self, scope: Scope, meter: str, quantity: str, start: datetime, end: datetime) -> Series:
        """A counter for differences: between any two values lies the energy, each part by its own ratio.

        Only the differences mean something. At a change of ratio the register is taken from the line between
        its neighbours; one that was read at the change is exact.
        """
        found = self._raw.series(scope, meter, quantity, start, end)
        ratios = self._ratios([meter]).get(meter)
        if ratios is None or not ratios.touches(quantity) or not found:
            return found
        pairs = list(zip(found.at_ms, found.values, strict=True))
        totals = [Decimal(ratios.of(quantity, *pairs[0]))]
        for one, other in pairwise(pairs):
            totals.append(totals[-1] + _advance(one, other, ratios, quantity))
        return series(quantity, found.at_ms, [int(total.to_integral_value()) for total in totals])

    def newest_at(self, scope: Scope, meter: str) -> datetime | None:
        return self._raw.newest_at(scope, meter)

    def not_billing_grade(self, scope: Scope, meter: Row[Any]) -> list[str]:
        """The quantities of this meter whose register has grown beyond what its steps may carry on a bill."""
        model = models.load(meter.model)
        return [
            each.quantity
            for each in self._raw.latest(scope, [meter.id])
            if not is_billing_grade(model, each.quantity, each.value)
        ]

    def shown(self, readings: Sequence[Reading]) -> list[Reading]:
        """Raw readings as they are shown."""
        known = self._ratios({each.meter for each in readings})
        return [_shown(each, known[each.meter]) if each.meter in known else each for each in readings]


def _shown(reading: Reading, ratios: RatioOverTime) -> Reading:
    ratio = ratios.at(reading.at_ms)
    if ratio is None:
        return reading
    values = {quantity: ratio.of(quantity, value) for quantity, value in reading.values.items()}
    return msgspec.structs.replace(reading, values=values)


def _advance(
    one: tuple[int, Value], other: tuple[int, Value], ratios: RatioOverTime, quantity: str
) -> Decimal:
    """What a register advanced between two readings, each part times the ratio in force over it."""
    (from_ms, from_value), (to_ms, to_value) = one, other
    inside = [at_ms for at_ms in ratios.starts_ms if from_ms < at_ms < to_ms]
    rise = Decimal(to_value) - Decimal(from_value)
    found = Decimal(0)
    for start, end in pairwise([from_ms, *inside, to_ms]):
        ratio = ratios.at(start)
        factor = Decimal(1) if ratio is None else ratio.factor(quantity)
        found += rise * (end - start) / (to_ms - from_ms) * factor
    return found
