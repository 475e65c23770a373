"""Points and vouchers from measured kWh: each day of each taker once, after its readings were checked.

Only valid slots earn anything; what is missing or estimated never counts. A day once rewarded stays so.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import ROUND_FLOOR, Decimal
from typing import Any

from sqlalchemy import Connection, Row, func, select

from cloud.kit.days import DAY, days, local_day
from cloud.kit.db import Database
from cloud.tiers.campaigns import ledger, measured_days, store
from cloud.tiers.campaigns.actions import Campaigns
from cloud.tiers.campaigns.ledger import Award, EntryKind
from cloud.tiers.campaigns.promotions import Promotion
from cloud.tiers.campaigns.rules import State
from cloud.tiers.campaigns.tables import point_entry_table

LATE = timedelta(days=60)
"""So long after its last day readings that come late still earn."""


@dataclass(frozen=True, slots=True)
class Earned:
    """So far in one campaign, by one account."""

    wh: int
    points: int


def awarding(campaigns: Campaigns, database: Database) -> list[int]:
    """Campaigns of which days may still be rewarded: also measured ones, `LATE` after their last day."""
    with database.read() as connection:
        rows = store.campaigns(connection, states={State.RUNNING, State.ENDED, State.MEASURED})
    return [
        row.id for row in rows if row.subject_kind == "promotion" and campaigns.today <= row.to_day + LATE
    ]


def award_campaign(campaigns: Campaigns, database: Database, id: int) -> int:  # noqa: A002
    """The days that have been checked and are not rewarded yet, and how many awards were written; the archive
    is read while nobody waits."""
    with database.read() as connection:
        row = store.campaign(connection, id)
        promotion = campaigns.promotion_of(row)
        due = [] if promotion is None else list(_due(campaigns, connection, row, promotion))
    if promotion is None or not due:
        return 0
    with database.write() as connection:
        return sum(_write(campaigns, connection, row, promotion, day, used) for day, used in due)


def _due(
    campaigns: Campaigns, connection: Connection, row: Row[Any], promotion: Promotion
) -> Iterator[tuple[date, dict[str, int]]]:
    """Each day with the Wh of those who take part and are not rewarded for it, from the day after they
    accepted."""
    settled = campaigns.today - DAY * (campaigns.rules.policy.value.points.settle_days + 1)
    last, zone = min(row.to_day, settled), campaigns.archive.zone
    since = {
        each.account: local_day(each.answered_at, zone) + DAY for each in store.accepted(connection, row.id)
    }
    if not since or last < row.from_day:
        return
    done = _rewarded(connection, row.id)
    for day in days(max(row.from_day, min(since.values())), last):
        if not promotion.on(day, campaigns.calendar):
            continue
        due = [account for account, first in since.items() if first <= day and (account, day) not in done]
        if due:
            used = measured_days.day_wh(connection, campaigns.archive, due, promotion.quarters, day)
            if used:
                yield day, used


def _write(
    campaigns: Campaigns,
    connection: Connection,
    row: Row[Any],
    promotion: Promotion,
    day: date,
    used: Mapping[str, int],
) -> int:
    now, good = campaigns.clock.now(), campaigns.rules.policy.value.points.good_days
    before = earned(connection, row.id)
    left = _budget_left(connection, row.id, promotion)
    for account, wh in sorted(used.items()):
        past = before.get(account, Earned(0, 0))
        points = min(points_due(promotion, past, wh), left)
        given = Award(
            key=f"campaign:{row.id}:{account}:{day}",
            account=account,
            points=points,
            expires_on=campaigns.today + timedelta(days=good),
            source=promotion.id,
            campaign=row.id,
            day=day,
            wh=wh,
        )
        if not ledger.award(connection, given, by="system", at=now):
            continue
        left -= points
        if promotion.reward == "voucher":
            _voucher(campaigns, connection, row, promotion, account, past.wh + wh, now)
    return len(used)


def points_due(promotion: Promotion, past: Earned, wh: int) -> int:
    """Whole points for all kWh so far, up to the cap of an account, less those given: nothing is lost to
    rounding from day to day."""
    if promotion.points_per_kwh is None or promotion.cap_points is None:
        return 0
    whole = promotion.points_per_kwh * (past.wh + wh) / Decimal(1000)
    due = int(whole.to_integral_value(ROUND_FLOOR))
    return max(0, min(due, promotion.cap_points) - past.points)


def earned(connection: Connection, campaign: int) -> dict[str, Earned]:
    """By account, from its awards."""
    table = point_entry_table.c
    query = (
        select(table.account, func.sum(table.wh), func.sum(table.points))
        .where(table.campaign == campaign, table.kind == EntryKind.AWARD.value)
        .group_by(table.account)
    )
    return {row[0]: Earned(int(row[1] or 0), int(row[2])) for row in connection.execute(query)}


def _rewarded(connection: Connection, campaign: int) -> set[tuple[str, date]]:
    table = point_entry_table.c
    query = select(table.account, table.day).where(
        table.campaign == campaign, table.kind == EntryKind.AWARD.value
    )
    return {(row.account, row.day) for row in connection.execute(query)}


def _budget_left(connection: Connection, campaign: int, promotion: Promotion) -> int:
    if promotion.budget_points is None:
        return 0
    return max(
        0, promotion.budget_points - sum(each.points for each in earned(connection, campaign).values())
    )


def _voucher(
    campaigns: Campaigns,
    connection: Connection,
    row: Row[Any],
    promotion: Promotion,
    account: str,
    wh: int,
    now: datetime,
) -> None:
    assert promotion.voucher is not None
    assert promotion.min_kwh is not None
    assert promotion.budget_vouchers is not None
    voucher = campaigns.rules.policy.value.voucher_of(promotion.voucher)
    _, number = ledger.given(connection, row.id)
    if voucher is None or wh < promotion.min_kwh * 1000 or number >= promotion.budget_vouchers:
        return
    key = f"campaign:{row.id}:{account}"
    ledger.give(connection, account, voucher, key=key, campaign=row.id, at=now, today=campaigns.today)
