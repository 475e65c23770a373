"""Brings the list of gaps up to a counted sheet: new ones with their cause, longer ones, those that ended."""

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from typing import Any

import numpy as np
from sqlalchemy import Connection, Row, bindparam, select, update

from cloud.fleet import facts
from cloud.metering.ledger import gaps as gap_list
from cloud.metering.ledger.causes import Missing, Troubles
from cloud.metering.ledger.counting import Sheet
from cloud.metering.ledger.days import Bits, DaySlots
from cloud.metering.ledger.gap_spans import Change, Known, reconciled
from cloud.metering.ledger.patterns import patterns
from cloud.metering.ledger.reasons import Cause, GapEvent, GapState, move
from cloud.metering.ledger.serving import Served
from cloud.metering.ledger.tables import gap_table

CLOCK_LIMIT_S = 300.0
"""As the gateways' memory.clock_limit_s has it: stamps of a clock that is off by more are of little use."""


class FoundGaps:
    """`troubles` is asked only when a gap needs its cause: most counts find none."""

    def __init__(self, now: datetime, troubles: Callable[[Connection], Troubles]) -> None:
        self._now, self._troubles = now, troubles
        self._alike = Troubles((), timedelta(0), now)

    def update(self, connection: Connection, made: Sheet, meters: Sequence[Served], missing: Bits) -> None:
        """`missing` (meters, slots): those missing for long enough to be a gap."""
        known: dict[str, list[Row[Any]]] = {}
        for row in _known(connection, made.slots, meters):
            known.setdefault(row.meter, []).append(row)
        troubled = np.flatnonzero(missing.any(axis=1)).tolist()
        listed = [number for number, each in enumerate(meters) if each.meter in known]
        alike = patterns(made, meters, missing) if troubled else ()
        self._alike = Troubles(alike, timedelta(0), self._now)
        new: list[dict[str, Any]] = []
        changed: list[dict[str, Any]] = []
        for number in sorted({*troubled, *listed}):
            each = meters[number]
            mine = {row.id: row for row in known.get(each.meter, ())}
            for change in reconciled(missing[number], made.heard[number], _spans(made.slots, mine.values())):
                if change.id is None:
                    new.append(self._new(connection, made.slots, each, change))
                else:
                    changed.append(self._changed(connection, made.slots, each, mine[change.id], change))
        gap_list.add(connection, new)
        if changed:
            connection.execute(_CHANGE, changed)

    def _new(self, connection: Connection, slots: DaySlots, each: Served, change: Change) -> dict[str, Any]:
        start, end = slots.at(change.first), slots.at(change.until)
        cause, evidence = self._cause(connection, Missing(each.meter, each.gateway, each.line, start, end))
        return {
            "day": slots.day,
            "meter": each.meter,
            "area": each.area,
            "gateway": each.gateway,
            "line": each.line,
            "start": start,
            "end": end,
            "slots": change.until - change.first,
            "missing": change.missing,
            "cause": cause,
            "evidence": evidence,
            "state": GapState.OPEN.value,
            "reason": None,
            "detail": "",
            "tries": 0,
            "command": None,
            "opened_at": self._now,
            "changed_at": self._now,
        }

    def _changed(
        self, connection: Connection, slots: DaySlots, each: Served, row: Row[Any], change: Change
    ) -> dict[str, Any]:
        """A gap that grew may have another cause by now; one that ended keeps the cause it had."""
        state = GapState(row.state) if change.event is None else move(GapState(row.state), change.event)
        cause, evidence, end = row.cause, row.evidence, slots.at(change.until)
        if change.event is None and (end != row.end or cause == Cause.UNKNOWN):
            span = Missing(each.meter, row.gateway, row.line, row.start, end)
            cause, evidence = self._cause(connection, span)
        reopened = change.event is GapEvent.INCLUDE
        return {
            "of_id": row.id,
            "new_end": end,
            "new_slots": change.until - change.first,
            "new_missing": change.missing,
            "new_state": state,
            "new_reason": None if reopened or state is GapState.REPAIRED else row.reason,
            "new_cause": cause,
            "new_evidence": evidence,
            "new_changed_at": self._now if change.event is not None else row.changed_at,
        }

    def _cause(self, connection: Connection, gap: Missing) -> tuple[str, list[dict[str, Any]]]:
        cause, evidence = self._troubles(connection).cause(gap)
        if cause is Cause.UNKNOWN:
            cause, alike = self._alike.cause(gap)
            evidence = [*alike, *evidence]
        if cause is Cause.UNKNOWN:
            told = facts.of_meter(connection, gap.meter)
            offset_s = None if told is None else told.clock_offset_s
            if offset_s is not None and abs(offset_s) > CLOCK_LIMIT_S:
                clock = {"cause": Cause.CLOCK.value, "place": "meter", "key": gap.meter}
                return Cause.CLOCK.value, [clock | {"what": "meter_clock", "offset_s": offset_s}, *evidence]
        return cause.value, evidence


def _known(connection: Connection, slots: DaySlots, meters: Sequence[Served]) -> Sequence[Row[Any]]:
    table = gap_table.c
    mine = table.day == slots.day, table.meter.in_([each.meter for each in meters])
    return connection.execute(select(gap_table).where(*mine).order_by(table.id)).all()


def _spans(slots: DaySlots, rows: Any) -> list[Known]:
    found = []
    for row in rows:
        span = slots.touched(row.start, row.end)
        state, grows = GapState(row.state), row.tries == 0
        found.append(Known(row.id, span.start, span.stop, state, row.missing, grows))
    return found


_CHANGE = (
    update(gap_table)
    .where(gap_table.c.id == bindparam("of_id"))
    .values(
        {
            name: bindparam(f"new_{name}")
            for name in ("end", "slots", "missing", "state", "reason", "cause", "evidence", "changed_at")
        }
    )
)
