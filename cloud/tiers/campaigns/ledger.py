"""Points and vouchers: a book that is only added to, in which each thing happens once.

An award is a lot with the last day it is good; whatever is spent, expires or is taken back is written against
its lot, so that no lot and no balance ever falls below zero. Whole points; never a line of a bill.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta, tzinfo
from enum import StrEnum
from secrets import token_hex
from typing import Any

from sqlalchemy import Connection, Row, func, insert, select, update

from cloud.customers import store as customers
from cloud.kit.days import local_day
from cloud.kit.errors import Conflict, Invalid, NotFound
from cloud.tiers.campaigns.policy import Voucher
from cloud.tiers.campaigns.tables import point_entry_table, voucher_table


class EntryKind(StrEnum):
    AWARD = "award"
    SPEND = "spend"
    EXPIRE = "expire"
    REVERSE = "reverse"


@dataclass(frozen=True, slots=True)
class Award:
    """`key` makes it happen once; `wh` is what it was reckoned from where it rewards a day."""

    key: str
    account: str
    points: int
    expires_on: date
    source: str
    campaign: int | None = None
    day: date | None = None
    wh: int | None = None
    note: str = ""


@dataclass(frozen=True, slots=True)
class Lot:
    id: int
    left: int
    expires_on: date


def award(connection: Connection, given: Award, *, by: str, at: datetime) -> bool:
    """False where it was given already. Points may be 0: a day that was looked at and earned none."""
    if given.points < 0:
        raise Invalid("points: an award takes nothing away")
    if _known(connection, given.key):
        return False
    customers.account(connection, given.account)
    row = {
        "key": given.key,
        "account": given.account,
        "kind": EntryKind.AWARD.value,
        "points": given.points,
        "at": at,
        "expires_on": given.expires_on,
        "campaign": given.campaign,
        "source": given.source,
        "day": given.day,
        "wh": given.wh,
        "note": given.note,
        "by": by,
    }
    connection.execute(insert(point_entry_table).values(row))
    return True


def balance(connection: Connection, account: str, today: date) -> int:
    """What may be spent today: lots that are past their last day are not, whether written off or not."""
    return sum(each.left for each in lots(connection, account) if each.expires_on >= today)


def lots(connection: Connection, account: str) -> list[Lot]:
    """Those with something left, first to expire first."""
    table = point_entry_table.c
    mine = select(table.id, table.lot, table.points, table.expires_on).where(table.account == account)
    left: dict[int, int] = {}
    good: dict[int, date] = {}
    for row in connection.execute(mine.order_by(table.id)):
        if row.lot is None:
            left[row.id], good[row.id] = row.points, row.expires_on
        else:
            left[row.lot] += row.points
    found = [Lot(lot, points, good[lot]) for lot, points in left.items() if points]
    return sorted(found, key=lambda each: (each.expires_on, each.id))


def spend(
    connection: Connection,
    account: str,
    points: int,
    *,
    key: str,
    note: str,
    by: str,
    at: datetime,
    today: date,
) -> bool:
    """Out of the lots that expire first; False where this was done already. Conflict: too few are left."""
    if points <= 0:
        raise Invalid("points: spend at least one")
    if _known(connection, f"{key}:0"):
        return False
    usable = [each for each in lots(connection, account) if each.expires_on >= today]
    if sum(each.left for each in usable) < points:
        raise Conflict(f"account {account} has {sum(each.left for each in usable)} points, not {points}")
    wanted = points
    for number, each in enumerate(usable):
        part = min(wanted, each.left)
        if part:
            _against(connection, account, each, EntryKind.SPEND, part, f"{key}:{number}", note, by, at)
        wanted -= part
    return True


def expire(connection: Connection, *, at: datetime, today: date) -> int:
    """Write off what is left of lots past their last day; the number of points."""
    table = point_entry_table.c
    due = select(table.account).where(table.lot.is_(None), table.points > 0, table.expires_on < today)
    gone = 0
    for account in sorted(set(connection.scalars(due))):
        for each in lots(connection, account):
            if each.expires_on < today:
                key = f"expire:{each.id}"
                _against(connection, account, each, EntryKind.EXPIRE, each.left, key, "", "system", at)
                gone += each.left
    return gone


def reverse(connection: Connection, entry: int, *, why: str, by: str, at: datetime) -> int:
    """Take back what is left of an award that was wrong; what was spent of it stays spent."""
    if not why.strip():
        raise Invalid("why: say why it is taken back")
    table = point_entry_table
    row = connection.execute(select(table).where(table.c.id == entry)).one_or_none()
    if row is None or row.kind != EntryKind.AWARD:
        raise NotFound(f"there is no award {entry}")
    lot = next((each for each in lots(connection, row.account) if each.id == entry), None)
    if lot is None or _known(connection, f"reverse:{entry}"):
        raise Conflict("nothing is left of that award")
    note = why.strip()[:200]
    _against(connection, row.account, lot, EntryKind.REVERSE, lot.left, f"reverse:{entry}", note, by, at)
    return lot.left


def entries(connection: Connection, account: str, *, limit: int | None = None) -> Sequence[Row[Any]]:
    """Newest first; days that earned nothing are not told."""
    table = point_entry_table
    query = select(table).where(table.c.account == account, table.c.points != 0)
    return connection.execute(query.order_by(table.c.id.desc()).limit(limit)).all()


# vouchers


def buy(
    connection: Connection,
    account: str,
    voucher: Voucher,
    *,
    key: str,
    by: str,
    at: datetime,
    zone: tzinfo,
) -> str:
    """A voucher for points; its code. The same `key` gives the same voucher and spends nothing again."""
    mine = select(voucher_table.c.code, voucher_table.c.note).where(voucher_table.c.key == key)
    known = connection.execute(mine).one_or_none()
    if known is not None:
        if known.note != voucher.id:
            raise Conflict("another voucher was bought with this form: open the page again")
        return str(known.code)
    today = local_day(at, zone)
    spend(
        connection, account, voucher.points, key=f"voucher:{key}", note=voucher.id, by=by, at=at, today=today
    )
    return _issue(connection, account, voucher, voucher.points, key, None, at, today)


def give(
    connection: Connection,
    account: str,
    voucher: Voucher,
    *,
    key: str,
    campaign: int,
    at: datetime,
    today: date,
) -> str | None:
    """A voucher as a promotion's reward; None where it was given already."""
    known = connection.scalar(select(voucher_table.c.code).where(voucher_table.c.key == key))
    return None if known is not None else _issue(connection, account, voucher, 0, key, campaign, at, today)


def redeem(connection: Connection, code: str, *, by: str, at: datetime, today: date) -> Row[Any]:
    """Once, at the counter. NotFound: no such code; Conflict: used, cancelled or past its last day."""
    table = voucher_table
    row = connection.execute(select(table).where(table.c.code == code.strip().upper())).one_or_none()
    if row is None:
        raise NotFound(f"there is no voucher {code!r}")
    if row.expires_on < today:
        raise Conflict(f"the voucher was good until {row.expires_on}")
    unused = (table.c.code == row.code, table.c.redeemed_at.is_(None), table.c.cancelled_at.is_(None))
    if not connection.execute(update(table).where(*unused).values(redeemed_at=at, redeemed_by=by)).rowcount:
        raise Conflict("the voucher has been used or cancelled")
    return connection.execute(select(table).where(table.c.code == row.code)).one()


def vouchers(connection: Connection, account: str) -> Sequence[Row[Any]]:
    """Newest first."""
    table = voucher_table
    query = select(table).where(table.c.account == account)
    return connection.execute(query.order_by(table.c.issued_at.desc(), table.c.code)).all()


def given(connection: Connection, campaign: int) -> tuple[int, int]:
    """Points awarded and not taken back, and vouchers given, by a campaign."""
    table, own = point_entry_table.c, voucher_table.c
    lot_of = select(table.id).where(table.campaign == campaign, table.kind == EntryKind.AWARD.value)
    taken = select(func.coalesce(func.sum(table.points), 0)).where(
        table.kind == EntryKind.REVERSE.value, table.lot.in_(lot_of)
    )
    awarded = select(func.coalesce(func.sum(table.points), 0)).where(
        table.campaign == campaign, table.kind == EntryKind.AWARD.value
    )
    number = select(func.count()).where(own.campaign == campaign)
    points = int(connection.scalar(awarded) or 0) + int(connection.scalar(taken) or 0)
    return points, int(connection.scalar(number) or 0)


def _issue(
    connection: Connection,
    account: str,
    voucher: Voucher,
    points: int,
    key: str,
    campaign: int | None,
    at: datetime,
    today: date,
) -> str:
    code = token_hex(5).upper()
    row = {
        "code": code,
        "key": key,
        "account": account,
        "campaign": campaign,
        "what": voucher.name.model_dump(),
        "points": points,
        "issued_at": at,
        "expires_on": today + timedelta(days=voucher.good_days),
        "note": voucher.id,
    }
    connection.execute(insert(voucher_table).values(row))
    return code


def _known(connection: Connection, key: str) -> bool:
    table = point_entry_table.c
    return connection.scalar(select(table.id).where(table.key == key)) is not None


def _against(
    connection: Connection,
    account: str,
    lot: Lot,
    kind: EntryKind,
    points: int,
    key: str,
    note: str,
    by: str,
    at: datetime,
) -> None:
    row = {
        "key": key,
        "account": account,
        "lot": lot.id,
        "kind": kind.value,
        "points": -points,
        "at": at,
        "source": note or kind.value,
        "note": note,
        "by": by,
    }
    connection.execute(insert(point_entry_table).values(row))
