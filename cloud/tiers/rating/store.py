"""Where each account stands on the six axes and how it came there; what others read of the rating."""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from dataclasses import replace as replaced
from datetime import UTC, date, datetime, time
from typing import Any

import msgspec
from sqlalchemy import Connection, Row, delete, func, insert, select

from cloud.customers.file.grades import grade_table
from cloud.customers.file.needs import Need, needs_at
from cloud.customers.protection import Protection, protection_table
from cloud.customers.store import account_table
from cloud.kit.days import DAY
from cloud.tiers.axes import Axis, Credit
from cloud.tiers.rating.tables import decision_table, lock_table

UNRATED = "unrated"
"""On the axis of value: not enough is known, or too few customers to compare with."""
_COLUMNS: Mapping[Axis, tuple[str, ...]] = {
    Axis.CLASS: ("class", "sub", "sub_since"),
    Axis.SHAPE: ("shape", "shape_since"),
    Axis.VALUE: ("value", "value_since"),
    Axis.CREDIT: ("credit", "credit_since"),
}
"""What of a decision an axis is told from, beside the month, the rule and whether it is provisional."""
_CHUNK = 400
Reason = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Standing:
    """One account on one axis, on a day.

    `value` is the class, the grade, needs joined by ",", the shape ("evening-1"), A to D or "unrated", or
    the credit; `sub` the class' sub-tier ("household.large_family"). `reasons` and `change` are codes and
    numbers, never words: {"input": "load_factor", "value": 0.62, "unit": "1", "percentile": 0.8, …}.
    """

    account: str
    axis: Axis
    value: str
    sub: str | None = None
    since: date | None = None
    provisional: bool = False
    locked_until: date | None = None
    rule: str = ""
    reasons: list[Reason] = field(default_factory=list)
    change: dict[str, Any] | None = None
    month: date | None = None


class Detail(msgspec.Struct, frozen=True, omit_defaults=True):
    """What stands in a decision's `detail`: by axis its reasons, the nearest change, and all that was judged.

    `inputs` by name the value, `coverage` the share of the score's weights that is known; `why` a code where
    there is no value tier.
    """

    inputs: dict[str, float | str | bool | None] = {}
    reasons: dict[str, list[Reason]] = {}
    changes: dict[str, dict[str, Any]] = {}
    coverage: float = 0.0
    compared: int = 0
    why: str | None = None


_detail = msgspec.json.Decoder(Detail)
_NOTHING = Detail()


@dataclass(frozen=True, slots=True)
class Decision:
    """What the rule said of one account in a month; locks are not in it."""

    account: str
    month: date
    at: datetime
    rule: str
    inputs: str
    provisional: bool
    score: float | None
    class_: str
    sub: str | None
    sub_since: date
    value: str
    value_since: date
    credit: str
    credit_since: date
    shape: str | None
    shape_since: date | None
    detail: Detail


def standings(
    connection: Connection,
    day: date,
    *,
    accounts: Collection[str] | None = None,
    axis: Axis | Collection[Axis] | None = None,
    told: bool = True,
) -> dict[str, dict[Axis, Standing]]:
    """By account and axis where it stands on a local day; all accounts or those named, all axes or some.

    Every account is there; an axis of which nothing is known of it is not. Not `told`: without reasons and
    changes of what was decided, which is much faster where a whole station is listed.
    """
    wanted = tuple(Axis) if axis is None else (axis,) if isinstance(axis, Axis) else tuple(axis)
    named = None if accounts is None else frozenset(accounts)
    found: dict[str, dict[Axis, Standing]] = {}
    for row in _rows(connection, named, wanted, told=told):
        found[row.no] = {each.axis: each for each in _of(row, wanted, told=told)}
    if Axis.GRADE in wanted:
        _put(found, _grades(connection, day))
    if Axis.NEED in wanted:
        _put(found, _needs(connection, day))
    for each in _locked(connection, day, found):
        if each.axis in wanted:
            found[each.account][each.axis] = each
    if Axis.CREDIT in wanted:
        _spare(connection, found)
    return found


def standing(connection: Connection, day: date, account: str) -> dict[Axis, Standing]:
    """As `standings`, of one; empty where there is no such account."""
    return standings(connection, day, accounts=[account]).get(account, {})


def history(connection: Connection, account: str) -> list[Decision]:
    """Of one account, newest first."""
    query = select(decision_table).where(decision_table.c.account == account)
    return [made(row) for row in connection.execute(query.order_by(decision_table.c.month.desc()))]


def made(row: Row[Any]) -> Decision:
    """A row of `tier_decision`."""
    values = {name: value for name, value in row._mapping.items() if name != "class"}
    values["detail"] = _detail.decode(values["detail"])
    return Decision(class_=row._mapping["class"], **values)


def replace(connection: Connection, month: date, rows: list[dict[str, Any]]) -> None:
    """Each in place of what its account had of that month."""
    table = decision_table.c
    for low in range(0, len(rows), _CHUNK):
        mine = table.account.in_([row["account"] for row in rows[low : low + _CHUNK]])
        connection.execute(delete(decision_table).where(mine, table.month == month))
    if rows:
        connection.execute(insert(decision_table), rows)


def _rows(
    connection: Connection, named: frozenset[str] | None, axes: Collection[Axis], *, told: bool
) -> Iterable[Row[Any]]:
    """Each account with its newest decision, as far as these axes are told from it; `told` with why."""
    own, table = decision_table.alias().c, decision_table.c
    newest = select(func.max(own.month)).where(own.account == account_table.c.no).scalar_subquery()
    joined = account_table.outerjoin(
        decision_table, (table.account == account_table.c.no) & (table.month == newest)
    )
    names = ("month", "provisional", "rule", *(["detail"] if told else []))
    columns = [table[name] for name in (*names, *(name for each in axes for name in _COLUMNS.get(each, ())))]
    query = select(account_table.c.no, account_table.c["class"].label("contracted"), *columns)
    query = query.select_from(joined).order_by(account_table.c.no)
    if named is None:
        yield from connection.execute(query)
        return
    ordered = sorted(named)
    for low in range(0, len(ordered), _CHUNK):
        yield from connection.execute(query.where(account_table.c.no.in_(ordered[low : low + _CHUNK])))


def _of(row: Row[Any], wanted: Collection[Axis], *, told: bool) -> Iterable[Standing]:
    """On the axes that a decision knows; the class is the contracted one, whatever was decided."""
    if row.month is None:
        if Axis.CLASS in wanted:
            yield Standing(row.no, Axis.CLASS, row.contracted)
        return
    detail = _detail.decode(row.detail) if told else _NOTHING

    def made(axis: Axis, value: str, since: date | None, sub: str | None = None) -> Standing:
        return Standing(
            row.no, axis, value, sub, since, row.provisional, None, row.rule,
            detail.reasons.get(axis.value, []), detail.changes.get(axis.value), row.month,
        )  # fmt: skip

    if Axis.CLASS in wanted:
        sub = f"{row.contracted}.{row.sub}" if row.sub and row._mapping["class"] == row.contracted else None
        yield made(Axis.CLASS, row.contracted, row.sub_since, sub)
    if Axis.SHAPE in wanted and row.shape is not None:
        yield made(Axis.SHAPE, row.shape, row.shape_since)
    if Axis.VALUE in wanted:
        yield made(Axis.VALUE, row.value, row.value_since)
    if Axis.CREDIT in wanted:
        yield made(Axis.CREDIT, row.credit, row.credit_since)


def _put(found: Mapping[str, dict[Axis, Standing]], more: Iterable[Standing]) -> None:
    for each in more:
        if each.account in found:
            found[each.account][each.axis] = each


def _grades(connection: Connection, day: date) -> Iterable[Standing]:
    table = grade_table.c
    query = select(table.account, table.grade, table.list_no, table.from_day).where(
        table.from_day <= day, table.to_day.is_(None) | (table.to_day > day)
    )
    for row in connection.execute(query):
        reasons: list[Reason] = [{"code": "declared", "list": row.list_no}]
        yield Standing(row.account, Axis.GRADE, row.grade, since=row.from_day, reasons=reasons)


def _needs(connection: Connection, day: date) -> Iterable[Standing]:
    for account, needs in needs_at(connection, _end(day)).items():
        ordered = [each for each in Need if each in needs]
        reasons: list[Reason] = [
            {
                "need": need.value,
                "origin": needs[need]["origin"],
                "detail": needs[need]["detail"],
                "evidence": needs[need]["evidence"],
            }
            for need in ordered
        ]
        since = min(needs[need]["since"] for need in ordered).date()
        value = ",".join(need.value for need in ordered)
        yield Standing(account, Axis.NEED, value, since=since, reasons=reasons)


def _locked(
    connection: Connection, day: date, found: Mapping[str, dict[Axis, Standing]]
) -> Iterable[Standing]:
    for row in locks_on(connection, day):
        if row.account in found:
            reasons: list[Reason] = [{"code": "locked", "why": row.why, "until": row.until.isoformat()}]
            yield Standing(
                row.account, Axis(row.axis), row.value, since=row.since, locked_until=row.until,
                rule=f"lock {row.id}", reasons=reasons,
            )  # fmt: skip


def locks_on(connection: Connection, day: date) -> list[Row[Any]]:
    """The locks that hold on a day, the newest last: of two on one axis it wins."""
    table = lock_table.c
    query = select(lock_table).where(
        table.since <= day, table.until > day, table.ended_on.is_(None) | (table.ended_on > day)
    )
    return list(connection.execute(query.order_by(table.id)))


def _spare(connection: Connection, found: Mapping[str, dict[Axis, Standing]]) -> None:
    """Who is protected since a month was judged or a lock was set is no worse than watched from then on."""
    table = protection_table.c
    query = select(table.account).where(table.kind == Protection.HOUSEHOLD.value, table.ended_at.is_(None))
    for account in connection.scalars(query):
        there = found.get(account, {}).get(Axis.CREDIT)
        if there is not None and there.value == Credit.RISK:
            reasons = [*there.reasons, {"code": "protected"}]
            found[account][Axis.CREDIT] = replaced(
                there, value=Credit.WATCH.value, reasons=reasons, change=None
            )


def unremarked(reasons: list[Reason]) -> list[Reason]:
    """As a customer reads them: why somebody locked a standing is a remark among the staff."""
    return [
        {name: value for name, value in each.items() if name != "why" or each.get("code") != "locked"}
        for each in reasons
    ]


def _end(day: date) -> datetime:
    """An instant by which all that began on this day has begun."""
    return datetime.combine(day + DAY, time(), UTC)
