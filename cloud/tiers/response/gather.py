"""Gathers from records and forecasts what the candidates of some hours are made of, and who is left out."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta, tzinfo

import numpy as np
from sqlalchemy import Connection, select

from cloud.customers.file.consents import Purpose, consented
from cloud.customers.file.grades import grades_on
from cloud.customers.file.needs import Need as ServiceNeed
from cloud.customers.file.needs import needs_at
from cloud.customers.protection import Protection, protections
from cloud.customers.store import account_table, service_table
from cloud.fleet import history, topology
from cloud.insight.forecast import store as forecasts
from cloud.insight.forecast.store import Forecast, Kind
from cloud.insight.profile import store as profiles
from cloud.insight.profile.store import Profile
from cloud.kit.calendar import Calendar, DayType
from cloud.kit.days import bounds
from cloud.tiers.letters import Troubled, nobody
from cloud.tiers.response import store
from cloud.tiers.response.candidates import Candidate, Kw, Left, Load, Origin, candidate, ranked, reliability
from cloud.tiers.response.policy import ResponsePolicy, Who

SLOTS = 96
_INSTANT = timedelta(microseconds=1)
Part = tuple[Kw, Kw, Kw, float, bool]


@dataclass(frozen=True, slots=True)
class Hours:
    """`slots` quarter-hours of the wall clock of one local day."""

    day: date
    slots: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Supply:
    """An account at its points within the place that is asked about."""

    account: str
    customer: str
    class_: str
    points: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Gathered:
    """`found` ranked; `left` says of every other account there why it is not asked."""

    found: list[Candidate]
    left: dict[str, Left]


def areas_of(connection: Connection, kind: str, subject: str, day: date, zone: tzinfo) -> set[str]:
    """The areas that a transformer or a feeder supplies on a day."""
    if kind != Kind.FEEDER:
        return {subject}
    every = topology.in_service(connection, *bounds(day, zone))
    return {each.area for each in every if each.feeder == subject}


def supplies(connection: Connection, areas: Collection[str], at: datetime) -> list[Supply]:
    """Who is supplied in these areas at an instant."""
    if not areas:
        return []
    points = [row.point for row in topology.installations(connection, at, at + _INSTANT, areas=areas)]
    table = service_table.c
    query = (
        select(table.account, table.point, account_table.c.customer, account_table.c["class"])
        .join(account_table, account_table.c.no == table.account)
        .where(table.start <= at, table.end.is_(None) | (table.end > at))
        .order_by(table.account, table.point)
    )
    whose: dict[str, tuple[str, str]] = {}
    at_points: dict[str, list[str]] = {}
    for part in history.among(query, table.point, points):
        for account, point, customer, class_ in connection.execute(part):
            whose[account] = (customer, class_)
            at_points.setdefault(account, []).append(point)
    return [Supply(no, *whose[no], tuple(at_points[no])) for no in sorted(whose)]


class Invitable:
    """Whether an account may be asked at an instant, and if not, why: read once for all of them."""

    def __init__(
        self,
        connection: Connection,
        policy: ResponsePolicy,
        at: datetime,
        day: date,
        accounts: Collection[str],
        troubled: Troubled = nobody,
    ) -> None:
        self._troubled = troubled(connection, at)
        self._never = {each.who: each.unless_asked for each in policy.never}
        self._agreed = consented(connection, Purpose.RESPONSE, at)
        self._kept: dict[str, set[Who]] = {}
        for row in protections(connection):
            who = Who.IMPORTANT if row.kind == Protection.IMPORTANT else Who.HOUSEHOLD
            self._kept.setdefault(row.account, set()).add(who)
        for account in grades_on(connection, day):
            self._kept.setdefault(account, set()).add(Who.IMPORTANT)
        for account, found in needs_at(connection, at).items():
            for need, who in ((ServiceNeed.HELP, Who.HELP), (ServiceNeed.CONTINUITY, Who.CONTINUITY)):
                if need in found:
                    self._kept.setdefault(account, set()).add(who)
        self._asked = store.offered(connection, accounts)

    def left(self, account: str, customer: str) -> Left | None:
        """A protected household before all else; the customer's own offer counts where the policy says so."""
        kept = self._kept.get(account, set())
        if Who.HOUSEHOLD in kept:
            return Left.HOUSEHOLD
        if customer not in self._agreed:
            return Left.NO_CONSENT
        for who in Who:
            if who in kept and who in self._never and not (self._never[who] and account in self._asked):
                return Left(who.value)
        return Left.TROUBLED if customer in self._troubled else None


class Gatherer:
    """Of the accounts of a place, for some hours of a day."""

    def __init__(
        self,
        connection: Connection,
        policy: ResponsePolicy,
        calendar: Calendar,
        zone: tzinfo,
        at: datetime,
        troubled: Troubled = nobody,
    ) -> None:
        self._troubled = troubled
        self._connection, self._policy, self._calendar = connection, policy, calendar
        self._zone, self._at = zone, at

    def candidates(self, kind: str, subject: str, hours: Hours, *, but: int | None = None) -> Gathered:
        """`but` is an event that is not counted as one that an account has on that day already."""
        areas = areas_of(self._connection, kind, subject, hours.day, self._zone)
        there = supplies(self._connection, areas, self._at)
        left = self._barred(there, hours, but)
        free = [each for each in there if each.account not in left]
        loads = self._loads(free, hours)
        found: list[Candidate] = []
        for each in free:
            load = loads.get(each.account)
            one = candidate(load) if load else None
            if one is None:
                left[each.account] = Left.UNKNOWN
            elif one.kw < float(self._policy.limits.least_kw):
                left[each.account] = Left.LITTLE
            else:
                found.append(one)
        return Gathered(ranked(found), left)

    def _barred(self, there: Sequence[Supply], hours: Hours, but: int | None) -> dict[str, Left]:
        accounts = [each.account for each in there]
        may = Invitable(self._connection, self._policy, self._at, hours.day, accounts, self._troubled)
        left = {each.account: why for each in there if (why := may.left(each.account, each.customer))}
        first, last = _month(hours.day)
        span = (bounds(first, self._zone)[0], bounds(last, self._zone)[0])
        held = store.invited_between(self._connection, accounts, *span, but=but)
        for account, starts in held.items():
            same = any(at.astimezone(self._zone).date() == hours.day for at in starts)
            if same or len(starts) >= self._policy.limits.events_a_month:
                left.setdefault(account, Left.OFTEN)
        return left

    def _loads(self, there: Sequence[Supply], hours: Hours) -> dict[str, Load]:
        points = [point for each in there for point in each.points]
        ahead = {
            each.subject: each
            for each in (forecasts.of_kind(self._connection, Kind.POINT, hours.day, points) if points else [])
        }
        known = {point: profiles.profile(self._connection, point) for point in points}
        offered = store.offered(self._connection)
        past = store.kept_promises(self._connection)
        prior = self._policy.reliability
        found = {}
        for each in there:
            parts = [self._point(known[point], ahead.get(point), hours) for point in each.points]
            told = [part for part in parts if part is not None]
            if not told or len(told) < len(parts):
                continue
            p10, p50, p90 = np.sum([np.stack(part[:3]) for part in told], axis=0)
            kw, shares = offered.get(each.account), past.get(each.account, [])
            origin = Origin.TYPICAL if any(part[4] for part in told) else Origin.FORECAST
            found[each.account] = Load(
                each.account, each.customer, each.class_, p10, p50, p90, sum(part[3] for part in told),
                self._policy.share(each.class_, _shape(known, each.points)),
                None if kw is None else float(kw), origin if kw is None else Origin.DECLARED,
                reliability(shares, prior.prior, prior.prior_events), len(shares),
            )  # fmt: skip
        return found

    def _point(self, known: Profile | None, ahead: Forecast | None, hours: Hours) -> Part | None:
        """P10, P50, P90, base load, and whether it is a typical day in place of a forecast."""
        slots = list(hours.slots)
        if ahead is not None and not np.isnan(ahead.p50[slots]).all():
            curve, typical = ahead.p50.astype(np.float64), False
            low, high = (np.where(np.isnan(each), curve, each) for each in (ahead.p10, ahead.p90))
        else:
            usual = self._usual(known, hours.day)
            if usual is None or len(usual) != SLOTS or np.isnan(usual[slots]).all():
                return None
            curve, typical = usual, True
            low = high = curve
        base = known.base_kw if known is not None and known.base_kw is not None else float(np.nanmin(curve))
        return low[slots], curve[slots], high[slots], float(base), typical

    def _usual(self, known: Profile | None, day: date) -> Kw | None:
        if known is None:
            return None
        free = self._calendar.day_type(day) is not DayType.WORK
        kept = (known.off if free else known.work) or known.work
        return None if kept is None else kept.kw.astype(np.float64)


def _shape(known: Mapping[str, Profile | None], points: Sequence[str]) -> str | None:
    """Of an account with one point alone: shapes do not add up."""
    found = known.get(points[0]) if len(points) == 1 else None
    return found.group.name.key if found and found.group and found.group.name else None


def _month(day: date) -> tuple[date, date]:
    first = day.replace(day=1)
    after = date(day.year + day.month // 12, day.month % 12 + 1, 1)
    return first, after
