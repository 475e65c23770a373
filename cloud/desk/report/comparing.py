"""One month against another, by days that may be compared: workdays with workdays, days off with days off.

Pure. Left out is a day with holes, with much estimated, or of a public holiday, which another month has not;
where too few are left, the comparison is refused with its reason.
"""

from collections.abc import Callable, Sequence
from datetime import date
from typing import Any, Literal

from cloud.desk.report.days import Day
from cloud.desk.report.pieces import Comparison, DaysOfKind
from cloud.kit.calendar import Calendar, DayType

LEAST_COVERAGE, MOST_ESTIMATED = 0.95, 0.10
WORKDAYS, DAYS_OFF = 5, 2
"""So many of each kind at least, in both months."""
Against = Literal["month_before", "year_before"]
Kind = Literal["workday", "day_off"]
KindOf = Callable[[date], Kind | None]


def kinds(calendar: Calendar) -> KindOf:
    """None: a public holiday, or a day moved to make one up is a workday like others."""
    known: dict[date, Kind | None] = {}

    def kind(day: date) -> Kind | None:
        if day not in known:
            known[day] = _kind(calendar, day)
        return known[day]

    return kind


def _kind(calendar: Calendar, day: date) -> Kind | None:
    if calendar.day_type(day) is DayType.WORK:
        return "workday"
    return None if calendar.holiday(day) is not None else "day_off"


def usable(day: Day | None) -> bool:
    return (
        day is not None
        and day.kwh is not None
        and day.coverage >= LEAST_COVERAGE
        and day.estimated <= MOST_ESTIMATED
    )


def compare(
    against: Against, month: date, now: Sequence[Day], then: Sequence[Day], kind: KindOf
) -> Comparison:
    """`now`, `then`: the usable days of both months; `month` the other one's first day."""
    found = (_of_kind("workday", now, then, kind), _of_kind("day_off", now, then, kind))
    enough = [each for each, least in zip(found, (WORKDAYS, DAYS_OFF), strict=True) if _enough(each, least)]
    if not enough or enough[0].kind != "workday":
        least = min(found[0].now_days, found[0].then_days)
        return refused(against, month, "few_days", have=least, need=WORKDAYS)
    before = sum(each.now_days * each.then_kwh for each in enough)
    if before <= 0:
        return refused(against, month, "nothing_used")
    ratio = sum(each.now_days * each.now_kwh for each in enough) / before
    return Comparison(
        against=against, month=month, kinds=enough, change=round(ratio - 1, 4), refused=None, params={}
    )


def refused(against: Against, month: date, why: str, **params: Any) -> Comparison:
    return Comparison(against=against, month=month, kinds=[], change=None, refused=why, params=params)


def _of_kind(kind: Kind, now: Sequence[Day], then: Sequence[Day], kind_of: KindOf) -> DaysOfKind:
    both = [[each.kwh or 0.0 for each in days if kind_of(each.day) == kind] for days in (now, then)]
    mean = [round(sum(kwh) / len(kwh), 3) if kwh else 0.0 for kwh in both]
    return DaysOfKind(
        kind=kind, now_days=len(both[0]), then_days=len(both[1]), now_kwh=mean[0], then_kwh=mean[1]
    )


def _enough(found: DaysOfKind, least: int) -> bool:
    return min(found.now_days, found.then_days) >= least
