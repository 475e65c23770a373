"""What one account used on one day: register values of its meters, cut to when they served it."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

from sqlalchemy import Connection

from cloud.customers import store as customers
from cloud.kit.days import bounds
from cloud.kit.scope import Scope
from cloud.metering.primary import PrimaryReadings
from cloud.metering.store import instant, ms
from cloud.web import usage
from cloud.web.language import Words

REGISTER = "energy_import_wh"
BEFORE = timedelta(hours=1)
"""Read a little before the day, to know the register value at its start."""
HOUR = timedelta(hours=1)
LATE = timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class Usage:
    """A day of an account. `kwh` is None when too little was read; `whole` when it begins at midnight."""

    date: date
    slots: list[usage.Slot | None]
    kwh: float | None
    since: datetime | None
    until: datetime | None
    whole: bool
    last_at: datetime | None

    @property
    def gaps(self) -> int:
        return sum(1 for slot in self.slots if slot and slot.wh is None and not slot.ahead)


@dataclass(frozen=True, slots=True)
class _Meter:
    readings: list[usage.Reading]
    windows: list[usage.Span]


def account_scope(connection: Connection, account: str) -> Scope:
    """What may be seen through one account: each meter for just as long as it served it."""
    return customers.scope_of_account(connection, account)


def of_day(store: PrimaryReadings, scope: Scope, wanted: date, zone: ZoneInfo, now: datetime) -> Usage:
    start, end = bounds(wanted, zone)
    meters = [_meter(store, scope, meter, start, end) for meter in sorted(scope.meters() or ())]
    meters = [meter for meter in meters if meter.windows]
    edges = _edges(start, end)
    parts = [usage.slots(meter.readings, edges, meter.windows, ms(now)) for meter in meters]
    nothing: list[usage.Slot | None] = [None] * (len(edges) - 1)
    slots = usage.add(parts) if parts else nothing
    until = min(now, end)
    totals = [usage.total(meter.readings, ms(start), ms(until)) for meter in meters]
    return _summed(wanted, slots, totals, _last_at(store, scope))


def _meter(store: PrimaryReadings, scope: Scope, meter: str, start: datetime, end: datetime) -> _Meter:
    windows = [(ms(first), ms(last)) for first, last in scope.clip(meter, start, end)]
    series = store.advances(scope, meter, REGISTER, start - BEFORE, end + timedelta(milliseconds=1))
    values = [int(value) for value in series.values]
    return _Meter(list(zip(series.at_ms, values, strict=True)), windows)


def _edges(start: datetime, end: datetime) -> list[int]:
    hours = round((end - start) / HOUR)
    return [ms(start + n * HOUR) for n in range(hours + 1)]


def _summed(
    wanted: date,
    slots: list[usage.Slot | None],
    totals: Sequence[usage.Total | None],
    last_at: datetime | None,
) -> Usage:
    known = [total for total in totals if total is not None]
    if not known:
        return Usage(wanted, slots, None, None, None, False, last_at)
    whole = len(known) == len(totals) and any(total.whole for total in known)
    since, until = min(total.from_ms for total in known), max(total.to_ms for total in known)
    wh = sum(total.wh for total in known)
    return Usage(wanted, slots, wh / 1000, instant(since), instant(until), whole, last_at)


def _last_at(store: PrimaryReadings, scope: Scope) -> datetime | None:
    found = (store.newest_at(scope, meter) for meter in scope.meters() or ())
    return max((at for at in found if at is not None), default=None)


def used_until(
    store: PrimaryReadings, scope: Scope, wanted: date, zone: ZoneInfo, into: timedelta
) -> float | None:
    """kWh of a day from midnight so far into it; None unless both ends are known for every meter."""
    start, end = bounds(wanted, zone)
    meters = [_meter(store, scope, meter, start, end) for meter in sorted(scope.meters() or ())]
    until = min(start + into, end)
    parts = [usage.used(meter.readings, ms(start), ms(until)) for meter in meters if meter.windows]
    known = [wh for wh in parts if wh is not None]
    return sum(known) / 1000 if known and len(known) == len(parts) else None


def compared(today: Usage, before: float | None, words: Words) -> str | None:
    """Today against the same hours of yesterday; None where that would compare unlike things."""
    if today.kwh is None or not today.whole or before is None:
        return None
    if before < 0.05:
        return words.text("Yesterday up to the same time: %(kwh)s kWh.", kwh=words.number(before, 2))
    change = round(100 * (today.kwh - before) / before)
    values = {"kwh": words.number(before, 1), "percent": words.percent(abs(change) / 100)}
    if abs(change) < 3:
        return words.text("About as much as yesterday up to the same time (%(kwh)s kWh).", **values)
    if change < 0:
        return words.text("%(percent)s less than yesterday up to the same time (%(kwh)s kWh).", **values)
    return words.text("%(percent)s more than yesterday up to the same time (%(kwh)s kWh).", **values)


def described(shown: Usage, zone: ZoneInfo, words: Words) -> str:
    """What the bars show, in words: the highest hour, and the hours that nobody knows."""
    known = [slot for slot in shown.slots if slot and slot.wh is not None]
    if not known:
        return words.text("No hour of this day has been read yet.")
    top = max(known, key=lambda slot: slot.wh or 0.0)
    hour = instant(top.start_ms).astimezone(zone)
    parts = [
        words.text(
            "Most was used from %(start)s to %(end)s: %(kwh)s kWh.",
            start=words.time(hour),
            end=words.time(instant(top.end_ms)),
            kwh=words.number((top.wh or 0.0) / 1000, 2),
        )
    ]
    if shown.gaps:
        parts.append(
            words.many(
                "%(num)s hour was not read; it is left blank and is not zero.",
                "%(num)s hours were not read; they are left blank and are not zero.",
                shown.gaps,
            )
        )
    return (" " if words.language == "en" else "").join(parts)
