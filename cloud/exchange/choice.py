"""What is exported: a meter, point, account or area, cut to the period and to what the asker may see."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from enum import StrEnum
from zoneinfo import ZoneInfo

from sqlalchemy import Connection

from cloud.customers import store as customers
from cloud.fleet import registry, topology
from cloud.fleet.topology import Installation
from cloud.kit.days import midnight
from cloud.kit.errors import Invalid, NotFound
from cloud.kit.scope import Scope, Window

FAR = datetime(2300, 1, 1, tzinfo=UTC)


class Kind(StrEnum):
    METER = "meter"
    POINT = "point"
    ACCOUNT = "account"
    AREA = "area"


@dataclass(frozen=True, slots=True)
class Target:
    """One of these, by its id or number."""

    kind: Kind
    id: str


@dataclass(frozen=True, slots=True)
class Period:
    """Whole local days, both included."""

    first: date
    last: date
    zone: ZoneInfo

    @property
    def start(self) -> datetime:
        return midnight(self.first, self.zone)

    @property
    def end(self) -> datetime:
        return midnight(self.last + timedelta(days=1), self.zone)

    def days(self) -> int:
        return (self.last - self.first).days + 1


@dataclass(frozen=True, slots=True)
class Span:
    """One meter at one point, nothing about it changing, from `start` up to and without `end`.

    From `seen_from` to `seen_to` the asker may see it: a register value just beyond the period too.
    """

    installation: Installation
    start: datetime
    end: datetime
    seen_from: datetime
    seen_to: datetime


def target(**named: str | None) -> Target:
    """The one that is named of meter, point, account and area; Invalid for none and for two."""
    given = [Target(Kind(name), id) for name, id in named.items() if id]  # noqa: A001
    if len(given) != 1:
        raise Invalid("name one of " + ", ".join(named) + (": not two" if given else ""))
    return given[0]


def period(first: date, last: date, zone: ZoneInfo, longest_days: int | None = None) -> Period:
    """Invalid when it ends before it begins, or is too long."""
    if not date(1971, 1, 1) <= first <= last <= date(2200, 1, 1):
        raise Invalid(
            f"the period {first} to {last} is none: both days are included, the first not after the last"
        )
    found = Period(first, last, zone)
    if longest_days is not None and found.days() > longest_days:
        raise Invalid(f"ask for at most {longest_days} days at once, not {found.days()}")
    return found


def spans(connection: Connection, wanted: Target, scope: Scope, period: Period) -> list[Span]:
    """In order of point and time; NotFound for what is not there, or of which nothing may be seen."""
    found = _installations(connection, wanted, period)
    is_whole = scope.windows is None
    if wanted.kind is Kind.ACCOUNT:
        scope = _both(customers.scope_of_account(connection, wanted.id), scope)
    if not is_whole and not (_meters_of(connection, wanted, found) & (scope.meters() or set())):
        raise _none(wanted)
    seen = (
        (each, start, end)
        for each in found
        for start, end in scope.clip(each.meter, each.start, each.end or FAR)
    )
    return [
        Span(each, max(start, period.start), min(end, period.end), start, end)
        for each, start, end in seen
        if start < period.end and end > period.start
    ]


def _installations(connection: Connection, wanted: Target, period: Period) -> list[Installation]:
    between = (period.start, period.end)
    if wanted.kind is Kind.AREA:
        registry.area(connection, wanted.id)
        return list(topology.installations(connection, *between, areas=[wanted.id]))
    if wanted.kind is Kind.POINT:
        found = list(topology.installations(connection, *between, points=[wanted.id]))
        if not found:
            raise _none(wanted)
        return found
    meters = _meters_of(connection, wanted, ())
    return [each for each in topology.installations(connection, *between) if each.meter in meters]


def _meters_of(connection: Connection, wanted: Target, found: Iterable[Installation]) -> set[str]:
    if wanted.kind is Kind.METER:
        return {str(registry.meter(connection, wanted.id).id)}
    if wanted.kind is Kind.ACCOUNT:
        customers.account(connection, wanted.id)
        return customers.scope_of_account(connection, wanted.id).meters() or set()
    return {each.meter for each in found}


def _none(wanted: Target) -> NotFound:
    """In the same words for what is not there and for what is not the asker's."""
    return NotFound(
        f"there is no {wanted.kind} {wanted.id!r}" + " in this period" * (wanted.kind is Kind.POINT)
    )


def _both(one: Scope, other: Scope) -> Scope:
    return Scope(
        tuple(
            Window(window.meter, start, end)
            for window in one.windows or ()
            for start, end in other.clip(window.meter, window.start, window.end or FAR)
        )
    )
