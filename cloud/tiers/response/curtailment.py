"""The government-approved curtailment list (有序用电): imported data, shown, and never acted on by software.

Who is on it is never inferred. A protected or important customer on it is told as a contradiction: the list
stays as the authority approved it, and a person takes it up with them.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal, InvalidOperation
from enum import StrEnum
from pathlib import Path

from sqlalchemy import Connection, delete, insert, select

from cloud.customers.file.grades import grades_on
from cloud.customers.protection import Protection, protections
from cloud.customers.store import account_table
from cloud.fleet import history, sheets
from cloud.kit.errors import Conflict, Invalid, NotFound
from cloud.tiers.response.tables import curtailment_row_table, curtailment_table

COLUMNS: dict[str, tuple[str, ...]] = {
    "document_no": ("document_no", "文号", "批文号"),
    "authority": ("authority", "批准机关", "批准单位"),
    "valid_from": ("valid_from", "生效日期", "起始日期"),
    "valid_to": ("valid_to", "截止日期", "终止日期"),
    "account": ("account", "户号"),
    "kw": ("kw", "压限负荷(kW)", "压限负荷（kW）", "压限负荷"),
    "order": ("order", "序位", "次序"),
}
"""Each with the headings it may have; dates are the first and the last day."""
SHARED = ("document_no", "authority", "valid_from", "valid_to")


class Against(StrEnum):
    """What the list contradicts."""

    HOUSEHOLD = "household"
    IMPORTANT = "important"


@dataclass(frozen=True, slots=True)
class Entry:
    account: str
    kw: Decimal
    order: int


@dataclass(frozen=True, slots=True)
class Listing:
    """`last` is the last day; `entries` in their order."""

    document_no: str
    authority: str
    first: date
    last: date
    entries: tuple[Entry, ...]
    digest: str
    file: str
    imported_at: datetime | None = None
    by: str | None = None

    @property
    def kw(self) -> Decimal:
        return sum((each.kw for each in self.entries), Decimal(0))


@dataclass(frozen=True, slots=True)
class Report:
    """`new` False: the very same list is there already; `contradictions` by account."""

    listing: Listing
    new: bool
    contradictions: dict[str, frozenset[Against]]


def read(path: Path) -> Listing:
    """One document's rows out of a CSV or XLSX file. Invalid names every row that is wrong."""
    sheet = sheets.read(path)
    names = _headings(path, sheet.headings)
    problems: list[str] = []
    entries: list[Entry] = []
    about: dict[str, str] = {}
    for number, cells in sheet.rows:
        row = {key: cells[heading] for key, heading in names.items() if heading in cells}
        try:
            _same(about, row)
            entries.append(_entry(row, entries))
        except ValueError as error:
            problems.append(f"row {number}: {error}")
    if problems or not entries:
        told = (
            f"{path.name}: {len(problems)} bad rows, nothing was taken" if problems else f"{path.name}: empty"
        )
        raise Invalid(told, [told, *problems])
    try:
        first, last = (date.fromisoformat(about[name]) for name in ("valid_from", "valid_to"))
    except ValueError as error:
        raise Invalid(f"{path.name}: row 2: {error}: write 2026-07-01") from None
    if last < first:
        raise Invalid(f"{path.name}: row 2: valid_to {last} is before valid_from {first}")
    ordered = tuple(sorted(entries, key=lambda each: (each.order, each.account)))
    return Listing(about["document_no"], about["authority"], first, last, ordered, sheet.sha256, path.name)


def judge(connection: Connection, listing: Listing) -> Report:
    """What importing would do. Invalid: accounts that nobody knows; Conflict: the document says otherwise
    than the one that was imported under its number."""
    known: set[str] = set()
    accounts = [each.account for each in listing.entries]
    for query in history.among(select(account_table.c.no), account_table.c.no, accounts):
        known.update(connection.scalars(query))
    if strange := [each for each in accounts if each not in known]:
        told = f"{listing.file}: {len(strange)} accounts that are not known, nothing was taken"
        raise Invalid(told, [told, *(f"account {each} is not known" for each in strange)])
    there = listings(connection, document_no=listing.document_no)
    new = not there
    if there and _said(there[0]) != _said(listing):
        raise Conflict(
            f"{listing.document_no} was imported with other contents on {there[0].imported_at:%Y-%m-%d}: "
            "an approved list is not edited; import the new document, or remove the old one (--replace)"
        )
    return Report(listing, new, contradictions(connection, listing))


def keep(
    connection: Connection, listing: Listing, by: str, now: datetime, *, replace: bool = False
) -> Report:
    """The list as it is in the file; the same again changes nothing."""
    if replace:
        remove(connection, listing.document_no)
    report = judge(connection, listing)
    if report.new:
        row = {
            "document_no": listing.document_no, "authority": listing.authority, "from_day": listing.first,
            "to_day": listing.last, "digest": listing.digest, "file": listing.file[:200],
            "imported_at": now, "by": by,
        }  # fmt: skip
        connection.execute(insert(curtailment_table).values(row))
        rows = [
            {"document_no": listing.document_no, "account": each.account, "kw": each.kw, "order": each.order}
            for each in listing.entries
        ]
        connection.execute(insert(curtailment_row_table), rows)
    return report


def remove(connection: Connection, document_no: str) -> None:
    for table in (curtailment_row_table, curtailment_table):
        connection.execute(delete(table).where(table.c.document_no == document_no))


def listings(
    connection: Connection, *, document_no: str | None = None, on: date | None = None
) -> list[Listing]:
    """Newest first; with `on` those in force on that day."""
    table = curtailment_table.c
    query = select(curtailment_table).order_by(table.from_day.desc(), table.document_no)
    if document_no is not None:
        query = query.where(table.document_no == document_no)
    if on is not None:
        query = query.where(table.from_day <= on, table.to_day >= on)
    return [
        Listing(
            row.document_no, row.authority, row.from_day, row.to_day, _entries(connection, row.document_no),
            row.digest, row.file, row.imported_at, row.by,
        )
        for row in connection.execute(query).all()
    ]  # fmt: skip


def listing(connection: Connection, document_no: str) -> Listing:
    """NotFound: no such document was imported."""
    found = listings(connection, document_no=document_no)
    if not found:
        raise NotFound(f"there is no curtailment list {document_no!r}")
    return found[0]


def contradictions(connection: Connection, listing: Listing) -> dict[str, frozenset[Against]]:
    """Accounts on the list that are protected or important now, or graded so on its first day."""
    found: dict[str, set[Against]] = {}
    for row in protections(connection):
        kind = Against.IMPORTANT if row.kind == Protection.IMPORTANT else Against.HOUSEHOLD
        found.setdefault(row.account, set()).add(kind)
    for account in grades_on(connection, listing.first):
        found.setdefault(account, set()).add(Against.IMPORTANT)
    return {each.account: frozenset(found[each.account]) for each in listing.entries if each.account in found}


def _entries(connection: Connection, document_no: str) -> tuple[Entry, ...]:
    table = curtailment_row_table.c
    query = select(table.account, table.kw, table.order).where(table.document_no == document_no)
    return tuple(Entry(*row) for row in connection.execute(query.order_by(table.order, table.account)))


def _said(found: Listing) -> tuple[object, ...]:
    return found.authority, found.first, found.last, found.entries


def _headings(path: Path, there: Sequence[str]) -> dict[str, str]:
    plain = {each.lower(): each for each in there}
    found = {
        key: plain[name.lower()] for key, names in COLUMNS.items() for name in names if name.lower() in plain
    }
    if lacking := [key for key in COLUMNS if key not in found]:
        says = ", ".join(f"{key} ({COLUMNS[key][1]})" for key in lacking)
        raise Invalid(f"{path.name}: row 1: there is no column {says}")
    return found


def _same(about: dict[str, str], row: Mapping[str, str]) -> None:
    """One file, one document: empty cells are as the row before has them."""
    for name in SHARED:
        said = row.get(name)
        if said is None and name not in about:
            raise ValueError(f"{name} is empty")
        if said is not None and about.setdefault(name, said) != said:
            raise ValueError(f"{name}: {said!r} is not {about[name]!r}: one file holds one document")


def _entry(row: Mapping[str, str], before: Sequence[Entry]) -> Entry:
    account, kw, order = (row.get(name) for name in ("account", "kw", "order"))
    if account is None or kw is None or order is None:
        raise ValueError("account, kw and order are needed")
    if any(each.account == account for each in before):
        raise ValueError(f"account {account} is there twice")
    try:
        number = Decimal(kw)
    except InvalidOperation:
        raise ValueError(f"kw: {kw!r} is no number") from None
    if not number.is_finite() or not 0 < number < 10**7 or number != round(number, 3):
        raise ValueError(f"kw: {kw} is no power that can be curtailed")
    if not order.isascii() or not order.isdigit() or not 0 < int(order) < 10**6:
        raise ValueError(f"order: {order!r} is no whole number from 1 on")
    return Entry(account, number, int(order))
