"""Adds up the counted meters of an area and gateway to the row that rates are made of."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any

from sqlalchemy import Connection, delete, insert

from cloud.metering.ledger.asked import Asked
from cloud.metering.ledger.counting import REASONS, Figures, Sheet, freeze_reasons
from cloud.metering.ledger.reasons import Freeze
from cloud.metering.ledger.serving import Served
from cloud.metering.ledger.sheets import seen_at
from cloud.metering.ledger.tables import total_table

_IN_RATE = (Freeze.ON_TIME, Freeze.LATE, Freeze.MISSING)


@dataclass(slots=True)
class _Total:
    feeder: str
    numbers: Counter[str] = field(default_factory=Counter)
    excluded: Counter[str] = field(default_factory=Counter)
    freeze_excluded: Counter[str] = field(default_factory=Counter)
    asked_excluded: Counter[str] = field(default_factory=Counter)


class Sums:
    """Of one day; `deadline` is the hour of the freeze."""

    def __init__(self, day: date, deadline: datetime) -> None:
        self._day, self._deadline = day, deadline
        self._totals: dict[tuple[str, str], _Total] = {}

    def add(
        self,
        made: Sheet,
        meters: Sequence[Served],
        found: Figures,
        freezes: Sequence[Freeze],
        asked: Mapping[str, Iterable[Asked]],
    ) -> None:
        rows = zip(meters, found.expected.tolist(), found.received.tolist(), found.late.tolist(), strict=True)
        reasons = found.reasons.tolist()
        for number, (each, expected, received, late) in enumerate(rows):
            total = self._totals.setdefault((each.area, each.gateway), _Total(each.feeder))
            counts = total.numbers
            counts["meters"] += 1
            counts["silent"] += bool(expected and not received)
            counts["expected"] += expected
            counts["received"] += received
            counts["late"] += late
            if any(reasons[number]):
                for reason, count in zip(REASONS, reasons[number], strict=True):
                    total.excluded[reason.value] += count
            self._freeze(total, made, number, freezes[number])
            for one in asked.get(each.meter, ()):
                self._asked(total, made, number, one)

    def _freeze(self, total: _Total, made: Sheet, row: int, freeze: Freeze) -> None:
        counts = total.numbers
        counts["freeze_expected"] += freeze in _IN_RATE
        counts["freeze_received"] += freeze is Freeze.ON_TIME
        counts["freeze_late"] += freeze is Freeze.LATE
        counts["freeze_pending"] += freeze is Freeze.PENDING
        if freeze is Freeze.EXCLUDED:
            total.freeze_excluded[freeze_reasons(made, self._deadline, row).value] += 1

    @staticmethod
    def _asked(total: _Total, made: Sheet, row: int, one: Asked) -> None:
        code = seen_at(one.at, made, row)
        if code and not one.success:
            total.asked_excluded[REASONS[code - 1].value] += 1
        elif one.success is None:
            total.numbers["asked_pending"] += 1
        else:
            total.numbers["asked_expected"] += 1
            total.numbers["asked_received"] += one.success

    def save(self, connection: Connection, areas: Iterable[str]) -> None:
        """In place of all that was there of these areas' day."""
        mine = total_table.c.day == self._day, total_table.c.area.in_(sorted(set(areas)))
        connection.execute(delete(total_table).where(*mine))
        if self._totals:
            connection.execute(
                insert(total_table), [self._row(key, each) for key, each in self._totals.items()]
            )

    def _row(self, key: tuple[str, str], total: _Total) -> dict[str, Any]:
        return {
            "day": self._day,
            "area": key[0],
            "gateway": key[1],
            "feeder": total.feeder,
            **{name: int(total.numbers[name]) for name in _NUMBERS},
            "excluded": +total.excluded,
            "freeze_excluded": +total.freeze_excluded,
            "asked_excluded": +total.asked_excluded,
        }


_NUMBERS = (
    "meters", "silent", "expected", "received", "late",
    "freeze_expected", "freeze_received", "freeze_late", "freeze_pending",
    "asked_expected", "asked_received", "asked_pending",
)  # fmt: skip
