"""What people do about exceptions, and how the job keeps the list: everything in the caller's transaction.

Each word of a person is a revision of the day with who and why. What they put in place counts until the
registers say something else of those slots; then a new exception says so, and the edit stays to be read.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

import numpy as np
from sqlalchemy import Connection, Row

from cloud.kit.errors import Invalid, NotFound
from cloud.metering.vee import days
from cloud.metering.vee import exception_store as store
from cloud.metering.vee.exception_rules import WAITING, Event, State, move
from cloud.metering.vee.exception_store import EXCEPTIONS
from cloud.metering.vee.findings import Finding
from cloud.metering.vee.judge import Edit, Judged
from cloud.metering.vee.point_day import Channel, Method, PointDay
from cloud.metering.vee.policy import Code, Severity

JOB = "validate"
MOST_WH = 10**12
Reread = Callable[[Connection, str, datetime, datetime, str, datetime], str]
"""(connection, meter, start, end, who, now) → the id of the order to its gateway."""


@dataclass(frozen=True, slots=True)
class Where:
    """Where a point stood, and the meter that an order about it goes to."""

    area: str
    meter: str


class Exceptions:
    """The queue of a station; `reread` asks a gateway for a meter's own records."""

    def __init__(self, reread: Reread) -> None:
        self._reread = reread

    def accept(self, connection: Connection, id: int, who: str, why: str, now: datetime) -> None:  # noqa: A002
        """The day is right as it stands."""
        row = EXCEPTIONS.row(connection, id)
        _reason(why)
        self._move(connection, row, Event.ACCEPT, who, now, why)
        content = day_of(connection, row)
        days.put(connection, [content], by=who, why=f"{row.code} accepted: {why.strip()}", at=now)

    def correct(
        self,
        connection: Connection,
        id: int,  # noqa: A002
        values_wh: Mapping[int, int],
        who: str,
        why: str,
        now: datetime,
    ) -> None:
        """Put these Wh in place of the slots of the exception's day; the newest word on a slot counts."""
        row = EXCEPTIONS.row(connection, id)
        _reason(why)
        content = day_of(connection, row)
        _check(values_wh, content)
        self._move(connection, row, Event.CORRECT, who, now, why)
        before = edits_of(connection, row.point, Channel(row.channel), content)
        store.end_edits(connection, [each.id for each in before if each.slot in values_wh], now)
        raw = {each.slot: each.raw_wh for each in before}
        store.add_edits(
            connection,
            [
                {
                    "point": row.point,
                    "channel": row.channel,
                    "day": row.day,
                    "slot": slot,
                    "value_wh": value,
                    "raw_wh": raw[slot] if slot in raw else _raw_wh(content, slot),
                    "by": who,
                    "why": why.strip(),
                    "at": now,
                }
                for slot, value in sorted(values_wh.items())
            ],
        )
        changed = _with(content, values_wh)
        days.put(connection, [changed], by=who, why=f"{row.code} corrected: {why.strip()}", at=now)

    def reread(self, connection: Connection, id: int, who: str, now: datetime) -> str:  # noqa: A002
        """Ask the meter's gateway for the day out of the meter's own memory; the order's id."""
        row = EXCEPTIONS.row(connection, id)
        if row.meter is None:
            raise Invalid("nobody knows which meter to read again")
        content = day_of(connection, row)
        state = State(row.state)
        move(state, Event.REREAD)  # before any gateway is asked
        order = self._reread(connection, row.meter, content.start, content.end, who, now)
        EXCEPTIONS.move(connection, id, state, Event.REREAD, who=who, at=now, note=order, order=order)
        return order

    @staticmethod
    def _move(connection: Connection, row: Row[Any], event: Event, who: str, now: datetime, why: str) -> None:
        EXCEPTIONS.move(connection, row.id, State(row.state), event, who=who, at=now, note=why.strip())


def day_of(connection: Connection, row: Row[Any]) -> PointDay:
    """The newest state of the day that an exception is about."""
    found = days.newest(connection, row.day, row.day, points=[row.point], channel=Channel(row.channel))
    for content in found:
        return content
    raise NotFound(f"point {row.point!r} has no validated day {row.day}")


def edits_of(connection: Connection, point: str, channel: Channel, content: PointDay) -> list[Edit]:
    """The edits in force on a day."""
    found = store.edits(connection, [point], [content.day]).get((point, channel.value, content.day), [])
    return [Edit(row.id, row.slot, row.value_wh, row.raw_wh) for row in found]


def _raw_wh(content: PointDay, slot: int) -> int | None:
    measured = content.method[slot] == Method.MEASURED
    return int(content.final_wh[slot]) if measured else None


def _with(content: PointDay, values_wh: Mapping[int, int]) -> PointDay:
    final, method = content.final_wh.copy(), content.method.copy()
    for slot, value in values_wh.items():
        final[slot], method[slot] = value, Method.MANUAL
    return replace(content, final_wh=final, method=method)


def _reason(why: str) -> None:
    if not why.strip():
        raise Invalid("a reason is required: it stays with the day")


def _check(values_wh: Mapping[int, int], content: PointDay) -> None:
    if not values_wh:
        raise Invalid("name the slots that are to be corrected, each with its Wh")
    wrong = [
        f"slot {slot}: the day has slots 0 to {content.slots - 1}"
        for slot in values_wh
        if not 0 <= slot < content.slots
    ]
    wrong += [f"slot {slot}: {wh} Wh cannot be" for slot, wh in values_wh.items() if not 0 <= wh <= MOST_WH]
    if wrong:
        raise Invalid(wrong[0], wrong)


# what the job says


def sync(connection: Connection, judged: Sequence[Judged], where: Mapping[str, Where], now: datetime) -> int:
    """Open what was found and is not known, settle what is gone; how many were opened.

    What a person settled stays settled as long as the registers say the same.
    """
    contents = [each.content for each in judged]
    known = store.of_days(connection, {each.point for each in contents}, {each.day for each in contents})
    opened = 0
    for each in judged:
        content = each.content
        rows = known.get((content.point, content.channel.value, content.day), [])
        failed = {found.code: found for found in _failures(each)}
        for row in rows:
            if State(row.state) in WAITING and row.code not in failed:
                _say(connection, row, Event.GONE, now)
        for found in failed.values():
            same = [row for row in rows if row.code == found.code]
            opened += _found(connection, each, found, same, where[content.point], now)
        store.end_edits(connection, [edit.id for edit in each.overtaken], now)
    return opened


def _failures(judged: Judged) -> list[Finding]:
    failed = [each for each in judged.findings if each.severity is Severity.FAIL]
    if judged.overtaken:
        slots = [edit.slot for edit in judged.overtaken]
        value = float(judged.overtaken[0].value_wh)
        now = judged.content.final_wh[slots[0]]
        seen = None if np.isnan(now) else float(now)
        failed.append(Finding(Code.EDIT_OVERTAKEN, Severity.FAIL, min(slots), max(slots), seen, value))
    return failed


def _found(
    connection: Connection,
    judged: Judged,
    found: Finding,
    rows: Sequence[Row[Any]],
    where: Where,
    now: datetime,
) -> int:
    seen = {
        "first_slot": found.first,
        "last_slot": found.last,
        "observed": found.observed,
        "limit": found.limit,
        "severity": found.severity,
        "evidence": judged.evidence,
    }
    waiting = next((row for row in rows if State(row.state) in WAITING), None)
    if waiting is not None:
        if waiting.evidence != judged.evidence:
            EXCEPTIONS.change(connection, waiting.id, **seen)
            _say(connection, waiting, Event.FOUND_AGAIN, now)
        return 0
    if any(row.evidence == judged.evidence and row.state != State.RESOLVED for row in rows):
        return 0
    content = judged.content
    place = {"point": content.point, "channel": content.channel.value, "day": content.day}
    stamps = {"state": State.OPEN, "opened_at": now, "changed_at": now}
    row = {**place, "area": where.area, "meter": where.meter, "code": found.code, **seen, **stamps}
    number = EXCEPTIONS.add(connection, row)
    EXCEPTIONS.note(connection, number, now, who=JOB, event="found", state=State.OPEN)
    return 1


def _say(connection: Connection, row: Row[Any], event: Event, now: datetime) -> None:
    EXCEPTIONS.move(connection, row.id, State(row.state), event, who=JOB, at=now)


def give_back(connection: Connection, asked_before: datetime, now: datetime) -> int:
    """Open what was to be read again and brought nothing new since; how many those were."""
    rows = [row for row in store.rereading(connection) if row.changed_at < asked_before]
    for row in rows:
        _say(connection, row, Event.UNANSWERED, now)
    return len(rows)
