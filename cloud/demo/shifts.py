"""Load response of the demo: a morning that was shifted and paid, and one that is proposed for tomorrow."""

from datetime import UTC, date, datetime, time, timedelta

import numpy as np

from cloud.demo.prepare import OPERATOR, SECOND
from cloud.demo.then import Days
from cloud.insight.forecast import store as forecasts
from cloud.insight.forecast.store import Kind
from cloud.kit.days import DAY
from cloud.tiers.response import planning, store
from cloud.tiers.response.planning import Where
from cloud.tiers.response.rules import Answer, Reply, State, Step

MORNING = (time(9), time(11))
SHARE = 0.9
"""Of the forecast peak: a limit that a person of dispatch named for the feeder."""


def over(days: Days, day: date) -> None:
    """A feeder's morning, asked for the day before; two of three accept."""
    responses, database = days.app.tiers.responses, days.app.database
    zone = days.app.settings.station.zone
    start, end = (datetime.combine(day, at, zone).astimezone(UTC) for at in MORNING)
    days.at(day - DAY, 10)
    with database.write() as connection:
        made = forecasts.of_kind(connection, Kind.FEEDER, day)[0]
        limit = float(np.nanmax(made.p50)) * SHARE
        where = Where(Kind.FEEDER, made.subject, start, end, limit_kw=round(limit, 1))
        number = responses.propose(connection, where, OPERATOR)
    responses.step(number, Step.APPROVE, SECOND)
    responses.step(number, Step.INVITE, OPERATOR)
    days.at(day - DAY, 19)
    with database.write() as connection:
        asked = [each for each in store.invitations(connection, event=number) if each.state is Answer.INVITED]
        for place, each in enumerate(asked):
            reply = Reply.DECLINE if place % 3 == 2 else Reply.ACCEPT
            responses.reply(connection, each.id, each.customer, reply)
    with database.read() as connection:
        close = store.event(connection, number).times.close_at
    for instant in (close, start, end):
        days.clock.at = instant + timedelta(minutes=1)
        responses.tick()


def settled(days: Days) -> None:
    """Measured by the clock, paid by a person."""
    responses = days.app.tiers.responses
    responses.tick()
    with days.app.database.read() as connection:
        ready = [each.id for each in store.events(connection, states={State.MEASURED})]
    for number in ready:
        responses.step(number, Step.SETTLE, OPERATOR)


def to_come(days: Days, today: date) -> None:
    """The first hours, today or tomorrow, in which a transformer may carry too much and customers can still
    be told in time; another person has to approve it."""
    responses, zone = days.app.tiers.responses, days.app.settings.station.zone
    with days.app.database.write() as connection:
        for day in (today, today + DAY):
            for each in planning.overloads(connection, day, responses.policy.value):
                for spell in each.spells:
                    start, end = planning.instants(day, spell, zone)
                    where = Where(Kind.TRANSFORMER, each.subject, start, end)
                    if not responses.too_late(start) and responses.plan(connection, where).asked:
                        responses.propose(connection, where, OPERATOR)
                        return
