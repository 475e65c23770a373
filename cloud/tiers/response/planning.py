"""From the forecast's outlook of overload to who could be asked, and whether that would be enough."""

from dataclasses import dataclass
from datetime import UTC, date, datetime, time, tzinfo

import numpy as np
from sqlalchemy import Connection

from cloud.fleet import registry
from cloud.insight.curves import QUARTER_S
from cloud.insight.forecast import store as forecasts
from cloud.insight.forecast.store import Forecast, Kind
from cloud.kit.calendar import Calendar
from cloud.kit.days import DAY, local_day
from cloud.kit.errors import Invalid
from cloud.tiers.letters import Troubled, nobody
from cloud.tiers.overload import capacity_kw
from cloud.tiers.response import candidates
from cloud.tiers.response.candidates import Candidate, Cover, Need
from cloud.tiers.response.gather import SLOTS, Gathered, Gatherer, Hours
from cloud.tiers.response.policy import ResponsePolicy

PLACES = (Kind.TRANSFORMER, Kind.FEEDER)


@dataclass(frozen=True, slots=True)
class Where:
    """A transformer, named by its area, or a feeder, from `start` up to `end` on one local day.

    `limit_kw` is a person's own word; without it a transformer's capacity says what is too much.
    """

    kind: Kind
    subject: str
    start: datetime
    end: datetime
    limit_kw: float | None = None


@dataclass(frozen=True, slots=True)
class Overload:
    """A transformer that may be overloaded on a day; `spells` [from, to) slots worth an event."""

    subject: str
    day: date
    need: Need
    spells: tuple[tuple[int, int], ...]
    over_probability: float | None
    capacity_kva: float | None


@dataclass(frozen=True, slots=True)
class Plan:
    """`need` None: nothing is known of these hours; `asked` are those that an event would begin with."""

    where: Where
    hours: Hours
    need: Need | None
    gathered: Gathered
    cover: Cover | None
    asked: tuple[Candidate, ...]


def overloads(connection: Connection, day: date, policy: ResponsePolicy) -> list[Overload]:
    """Of every transformer whose P90 goes above the limit, most first."""
    found = [
        one
        for each in forecasts.of_kind(connection, Kind.TRANSFORMER, day)
        if (one := _overload(each, policy)) is not None
    ]
    return sorted(found, key=lambda each: (-each.need.p90_kw, each.subject))


def unknown(connection: Connection, day: date) -> int:
    """Of how many areas' transformers nothing can be said for want of a capacity or a forecast."""
    every = forecasts.of_kind(connection, Kind.TRANSFORMER, day)
    said = {each.subject for each in every if capacity_kw(each) is not None and not np.isnan(each.p50).all()}
    return len(registry.area_names(connection).keys() - said)


def plan(
    connection: Connection,
    where: Where,
    policy: ResponsePolicy,
    calendar: Calendar,
    zone: tzinfo,
    at: datetime,
    *,
    but: int | None = None,
    troubled: Troubled = nobody,
) -> Plan:
    """Invalid for hours that cannot be an event."""
    hours = hours_of(where.start, where.end, zone)
    if len(hours.slots) > policy.limits.longest_hours * 4:
        raise Invalid(f"end: an event is {policy.limits.longest_hours:g} hours long at the most")
    found = forecasts.newest(connection, where.kind, where.subject, hours.day)
    wanted = _need(found, where, hours, policy)
    gathered = Gatherer(connection, policy, calendar, zone, at, troubled).candidates(
        where.kind, where.subject, hours, but=but
    )
    if wanted is None:
        return Plan(where, hours, None, gathered, None, ())
    told = candidates.cover(gathered.found, wanted)
    return Plan(where, hours, wanted, gathered, told, tuple(candidates.chosen(gathered.found, wanted)))


def hours_of(start: datetime, end: datetime, zone: tzinfo) -> Hours:
    """Invalid: not on quarter-hours, not in order, or not on one local day."""
    day = local_day(start, zone)
    first, last = (_slot(at, day, zone, name) for at, name in ((start, "start"), (end, "end")))
    if last <= first:
        raise Invalid("end: it is not after start")
    if end.timestamp() - start.timestamp() != (last - first) * QUARTER_S:
        raise Invalid("start: the clocks change within these hours: take others")
    return Hours(day, tuple(range(first, last)))


def instants(day: date, slots: tuple[int, int], zone: tzinfo) -> tuple[datetime, datetime]:
    """[from, to) slots on the wall clock of a day, as instants."""
    start, end = (_instant(day, slot, zone) for slot in slots)
    return start, end


def _instant(day: date, slot: int, zone: tzinfo) -> datetime:
    day, slot = day + DAY * (slot // SLOTS), slot % SLOTS
    return datetime.combine(day, time(slot // 4, slot % 4 * 15), zone).astimezone(UTC)


def _slot(at: datetime, day: date, zone: tzinfo, name: str) -> int:
    local = at.astimezone(zone)
    if local.minute % 15 or local.second or local.microsecond:
        raise Invalid(f"{name}: events begin and end on a quarter-hour")
    if local.date() == day:
        return local.hour * 4 + local.minute // 15
    if local.date() == day + DAY and local.hour == local.minute == 0:
        return SLOTS
    raise Invalid(f"{name}: an event lies within one day")


def _overload(found: Forecast, policy: ResponsePolicy) -> Overload | None:
    rated = capacity_kw(found)
    if rated is None or np.isnan(found.p50).all():
        return None
    limit = policy.limits.over_beta * rated
    p50, p90 = (each.astype(np.float64) for each in (found.p50, found.p90))
    spells = candidates.spells(p50, p90, limit, round(policy.limits.longest_hours * 4))
    wanted = candidates.need(p50, p90, limit, range(SLOTS))
    if not spells or wanted is None:
        return None
    outlook = found.outlook
    assert outlook is not None
    return Overload(
        found.subject, found.day, wanted, tuple(spells), outlook.over_probability, outlook.capacity_kva
    )


def _need(found: Forecast | None, where: Where, hours: Hours, policy: ResponsePolicy) -> Need | None:
    if found is None:
        return None
    limit = where.limit_kw
    if limit is None:
        rated = capacity_kw(found)
        limit = None if rated is None else policy.limits.over_beta * rated
    if limit is None:
        return None
    p50, p90 = (each.astype(np.float64) for each in (found.p50, found.p90))
    return candidates.need(p50, p90, limit, hours.slots)
