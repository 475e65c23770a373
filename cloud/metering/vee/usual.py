"""What a point uses in a usual day, from registers alone: this time last year, else the weeks before."""

from collections.abc import Collection, Mapping
from datetime import date, timedelta

from sqlalchemy import Connection, select

from cloud.metering.vee.days import day_table
from cloud.metering.vee.point_day import Channel
from cloud.metering.vee.policy import VeePolicy
from cloud.metering.vee.raw import RawDay

YEAR = timedelta(days=364)
"""Fifty-two weeks, so that the days of the week are the same."""


def usual_days(
    connection: Connection,
    day: date,
    raw: Mapping[Channel, Mapping[str, RawDay]],
    policy: VeePolicy,
) -> dict[tuple[str, Channel], float]:
    """Wh of an average day, of those points whose register is known at both ends of such a time.

    A point that had another meter or ratio in between has no usual day by this.
    """
    span = timedelta(days=policy.high_low.days)
    spans = [(day - YEAR - span / 2, day - YEAR + span / 2), (day - span, day)]
    found: dict[tuple[str, Channel], float] = {}
    for channel, of_point in raw.items():
        starts = _starts(connection, of_point, {each for pair in spans for each in pair}, channel)
        for point, each in of_point.items():
            for first, last in spans:
                low = starts.get((point, first))
                high = _now(each) if last == day else starts.get((point, last))
                if low is None or high is None or high <= low or not _since(each, first):
                    continue
                found[point, channel] = (high - low) / span.days
                break
    return found


def _now(raw: RawDay) -> int | None:
    known = raw.first_known()
    return None if known is None or not raw.whole else known[1]


def _since(raw: RawDay, first: date) -> bool:
    """Whether the installation of the day was there already."""
    back_ms = (raw.day.day - first).days * 86_400_000
    return raw.whole and raw.rows[0].start_ms <= int(raw.day.bounds_ms[0]) - back_ms


def _starts(
    connection: Connection, points: Collection[str], when: Collection[date], channel: Channel
) -> dict[tuple[str, date], int]:
    table = day_table.c
    query = (
        select(table.point, table.day, table.register_start_wh)
        .where(
            table.day.in_(sorted(when)),
            table.channel == channel.value,
            table.point.in_(sorted(points)),
            table.register_start_wh.is_not(None),
        )
        .order_by(table.revision)
    )
    return {(row.point, row.day): row.register_start_wh for row in connection.execute(query)}
