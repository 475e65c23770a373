"""The station's jobs and people at work in the imported past, by a clock that stands at each instant in turn.

Everything is done by the parts that the service has, as its jobs, its operators and its customers do it; what
they refuse is told and left out.
"""

from collections.abc import Iterator
from contextlib import suppress
from datetime import UTC, date, datetime, time, timedelta

from sqlalchemy import select

from cloud.billing.store import bill_table
from cloud.customers.store import account_table
from cloud.demo import offers_made, shifts
from cloud.demo.prepare import OPERATOR, SECOND
from cloud.demo.station import Place
from cloud.demo.then import Days, Told, days_of
from cloud.kit.days import DAY
from cloud.kit.errors import Conflict
from cloud.tiers.axes import Axis
from cloud.tiers.campaigns import house
from cloud.tiers.rating import contests
from cloud.tiers.rating.months import back
from cloud.tiers.rating.store import standings

NIGHTS = 7
"""So many nights are reckoned whole; the service does the others in its own time."""
LEAST_DAYS = 20
"""With fewer days of a month it is not judged."""


def long_ago(place: Place, first: date, last: date, told: Told) -> None:
    """Months judged when they were over, promises counted, a campaign from its draft to its end, and the
    beginning of one that runs still."""
    with days_of(place, datetime.combine(last, time(), UTC)) as days:
        tiers = days.app.tiers
        told.say("judging past months: tiers, promises")
        days.at(first + DAY)
        tiers.entitling.apply()
        for month in _months(first, last):
            days.at(back(month, -1) + DAY * (tiers.ratings.policy.run_after_days + 1))
            _monthly(days, month, told)
        days.at(last + DAY, 7)
        told.say("forecasting, and a campaign and a load response as they went")
        days.night(1)
        with told.leaving_out("a campaign that is over"):
            offers_made.over(days, last - DAY * 32)
        days.at(last + DAY)
        with told.leaving_out("a campaign that runs"):
            offers_made.running(days, last + DAY)
        with told.leaving_out("a load response that is over"):
            shifts.over(days, last + DAY * 2)


def lately(place: Place, now: datetime, told: Told) -> None:
    """What is due today, and what waits for somebody to say a word."""
    with days_of(place, now) as days:
        told.say("forecasting tomorrow; advice, kinds of use, effects, promises")
        days.night(NIGHTS)
        tiers = days.app.tiers
        zone = days.app.settings.station.zone
        today = now.astimezone(zone).date()
        _monthly(days, back(today.replace(day=1), 1), told)
        house.by_the_clock(tiers.campaigns, days.app.database)
        with told.leaving_out("payment for a load response"):
            shifts.settled(days)
        with told.leaving_out("advice"):
            tiers.advising.tick()
        with told.leaving_out("kinds of use"):
            tiers.mismatches.run()
        with told.leaving_out("a load response to come"):
            shifts.to_come(days, today)
        with told.leaving_out("a campaign that waits for a second person"):
            offers_made.waiting(days, today)
        _people(days, today, told)
        tiers.entitling.apply()
        tiers.entitling.count()


def _monthly(days: Days, month: date, told: Told) -> None:
    tiers = days.app.tiers
    with told.leaving_out(f"tiers of {month:%Y-%m}"):
        tiers.ratings.due()
    tiers.entitling.apply()
    days.app.reports.tick()
    tiers.entitling.count()


def _months(first: date, last: date) -> Iterator[date]:
    """Those over when `last` was, of which enough days are known."""
    month = first.replace(day=1)
    while back(month, -1) + DAY * 4 <= last:
        if (back(month, -1) - max(first, month)).days >= LEAST_DAYS:
            yield month
        month = back(month, -1)


def _people(days: Days, today: date, told: Told) -> None:
    """One contests their tier, one got an answer, one is held by hand, one pays in parts."""
    app = days.app
    with app.database.read() as connection:
        rated = [
            no for no, each in standings(connection, today, axis=Axis.VALUE).items() if Axis.VALUE in each
        ]
        whose = dict(connection.execute(select(account_table.c.no, account_table.c.customer)).tuples().all())
    rated.sort()
    ratings = app.tiers.ratings
    with told.leaving_out("a standing that is contested"):
        days.at(today - DAY * 9)
        for no, text in zip(rated[:2], CONTESTS, strict=False):
            row = ratings.contest(no, Axis.VALUE, text, by=whose[no], customer=whose[no])
        days.at(today - DAY * 6)
        ratings.decide(row.id, contests.Event.UPHOLD, "已核对：该月电表读数完整，评定不变。", OPERATOR)
    with told.leaving_out("a standing held by hand"):
        until = today + timedelta(days=60)
        ratings.lock(rated[-1], Axis.VALUE, "A", until, "重点工程配套用户，施工期内按 A 级服务", SECOND)
    with told.leaving_out("a payment plan"):
        _pays_in_parts(days, today)
    days.at(today)


def _pays_in_parts(days: Days, today: date) -> None:
    """The first of those who are late to whom it may be offered."""
    plans, table = days.app.tiers.entitling.plans, bill_table.c
    query = select(table.account, table.month).where(table.paid_on.is_(None), table.due_on < today)
    with days.app.database.read() as connection:
        late = connection.execute(query.order_by(table.amount)).all()
    for each in late:
        with suppress(Conflict), days.app.database.write() as connection:
            made = plans.offer(connection, each.account, [each.month], 3, today + DAY * 10, OPERATOR)
            plans.agree(connection, made.row.id, OPERATOR, "用户电话同意分期")
            return


CONTESTS = (
    "我家九月外出，用电少不代表平时这样，请复核。",
    "Our shop was closed for repairs in September; please look again.",
)
