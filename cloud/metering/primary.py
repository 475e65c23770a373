"""Values as the customer's supply has them: what a meter behind transformers shows, times their ratio, once.

The store keeps what the meter said. This is the only place that multiplies, and only values whose point in
the meter's model is on the secondary side; whoever shows or reckons reads through here.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal
from typing import Any

import msgspec
from sqlalchemy import Row

from cloud.fleet import registry
from cloud.kit.db import Database
from cloud.kit.scope import Scope
from cloud.metering.store import Latest, ReadingStore, Series, series
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


def ratios(rows: Iterable[Row[Any]]) -> dict[str, Ratio]:
    return {row.id: ratio_of(row.model, row.ct_ratio, row.pt_ratio) for row in rows}


class PrimaryReadings:
    """The reading side of a store, in primary values. It wraps the store of raw values, never itself."""

    def __init__(self, database: Database, raw: ReadingStore) -> None:
        if isinstance(raw, PrimaryReadings):
            raise TypeError("these values are primary already: a ratio is applied once")
        self._database, self._raw = database, raw

    def _ratios(self, meters: Collection[str] | None) -> Mapping[str, Ratio]:
        with self._database.read() as connection:
            return ratios(registry.with_ratio(connection, meters))

    def latest(self, scope: Scope, meters: Collection[str] | None = None) -> list[Latest]:
        """As `ReadingStore.latest`."""
        found, known = self._raw.latest(scope, meters), self._ratios(meters)
        return [
            replace(each, value=known[each.meter].of(each.quantity, each.value))
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
        """As `ReadingStore.series`."""
        found = self._raw.series(scope, meter, quantity, start, end, source)
        ratio = self._ratios([meter]).get(meter)
        if ratio is None or ratio.factor(quantity) == 1:
            return found
        return series(quantity, found.at_ms, [ratio.of(quantity, value) for value in found.values])

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


def _shown(reading: Reading, ratio: Ratio) -> Reading:
    values = {quantity: ratio.of(quantity, value) for quantity, value in reading.values.items()}
    return msgspec.structs.replace(reading, values=values)
