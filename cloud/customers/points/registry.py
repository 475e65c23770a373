"""Brings the registry in from a file, whole or not at all, and reports field by field what that changed.

The same file again changes nothing. In a companion a file changes only what its system owns.
"""

import hashlib
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import date, datetime, tzinfo
from pathlib import Path
from typing import Any

from sqlalchemy import Connection

from cloud.customers.points import registry_view
from cloud.customers.points.apply import Points
from cloud.customers.points.registry_view import View
from cloud.fleet import imports, point_rows, registry, sheets, topology
from cloud.fleet.history import Note
from cloud.fleet.imports import Refusal, Report
from cloud.fleet.owners import OURS, Owners
from cloud.kit.days import midnight
from cloud.kit.db import Database
from cloud.kit.errors import Invalid
from cloud.metering.archive import due
from cloud.metering.ledger import count
from cloud.metering.vee import dirty

EARLIEST = date(1970, 1, 2)
TABLES = (".csv", ".xlsx")
NOT_OWNED = frozenset({"gateway_name", "has_backfeed"})
"""Ours wherever the station stands: no other system knows of them."""
Numbers = Mapping[tuple[str, str], int]


@dataclass(frozen=True, slots=True)
class Order:
    """`as_of`: from when what changes holds, and new points have been there; None is now.

    `system`: whose file it is; empty is the one in the policy, or ourselves where there is no other.
    """

    by: str
    at: datetime
    zone: tzinfo
    as_of: datetime | None = None
    system: str = ""
    dry_run: bool = False


def order(by: str, now: datetime, zone: tzinfo, as_of: str, system: str, *, dry_run: bool) -> Order:
    """What somebody typed; Invalid when `as_of` is no day that has come."""
    if not as_of:
        return Order(by, now, zone, None, system, dry_run)
    try:
        day = date.fromisoformat(as_of)
    except ValueError:
        raise Invalid(f"--as-of {as_of!r}: write a day like 2026-03-01") from None
    if not EARLIEST <= day <= now.astimezone(zone).date():
        raise Invalid(f"--as-of {as_of}: a day that has come; nothing takes effect by itself later")
    return Order(by, now, zone, midnight(day, zone), system, dry_run)


def lines(report: Report) -> list[str]:
    """The report for a person, a line each."""
    found = [f"+ {kind} {name}" for kind, name in report.added]
    found += [f"~ {each.kind} {each.id}: {each.field} {each.old} -> {each.new}" for each in report.changed]
    found += [f"- {kind} {name} ended" for kind, name in report.ended]
    if report.absent:
        found.append(f"{report.absent} points of ours are not in the file: they stay as they are")
    for each in report.refused:
        found.append(f"refused: {each.why}" if each.row is None else f"refused, row {each.row}: {each.why}")
    return found


class _Undo(Exception):
    """Leaves the transaction as if nothing had been done."""


def from_table(database: Database, path: Path, order: Order, owners: Owners) -> Report:
    """A CSV or XLSX of metering points; Invalid when it is no such table, else every refused row is named."""
    sheet = sheets.read(path)
    rows, refused = point_rows.rows(sheet)
    numbers: dict[tuple[str, str], int] = {}
    for each in reversed(rows):
        keys = (("point", each.row.point), ("meter", each.row.meter), ("area", each.row.area))
        numbers.update({(kind, name): each.number for kind, name in keys if name})

    def apply(connection: Connection) -> list[Refusal]:
        note = Note(order.by, path.name[:200], order.at)
        points = Points(connection, note, order.as_of or order.at, order.zone)
        return [*refused, *points.take(rows)]

    report = _run(database, apply, order, owners, numbers)
    named = {each.row.point for each in rows}
    if not report.refused:
        with database.read() as connection:
            here = registry_view.view(connection)
        report = replace(report, absent=sum(_stands(*key, here[key]) and key[1] not in named for key in here))
    _keep(database, path, sheet.sha256, order, owners, report)
    return report


def _stands(kind: str, _: str, values: Mapping[str, Any]) -> bool:
    return kind == "point" and "ended" not in values


def from_document(
    database: Database, path: Path, document: Mapping[str, Any], order: Order, owners: Owners
) -> tuple[Report, registry.Imported]:
    """A TOML or JSON document; Invalid names every wrong row, as `registry.import_registry` does."""
    done: list[registry.Imported] = []

    def apply(connection: Connection) -> list[Refusal]:
        note = Note(order.by, path.name[:200], order.at)
        done.append(registry.import_registry(connection, document, note, order.as_of or order.at))
        return []

    report = _run(database, apply, order, owners, {})
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    _keep(database, path, digest, order, owners, report)
    return report, done[0]


def _run(
    database: Database,
    apply: Callable[[Connection], list[Refusal]],
    order: Order,
    owners: Owners,
    numbers: Numbers,
) -> Report:
    report = Report()
    with _undoable(database) as connection:
        before = registry_view.view(connection)
        refused = apply(connection)
        if not refused:
            report = _report(before, registry_view.view(connection), numbers)
            refused = _not_theirs(report, order, owners)
            _reckon_anew(connection, report, order)
        if refused:
            report = Report(refused=tuple(sorted(refused, key=lambda each: each.row or 0)))
        if refused or order.dry_run:
            raise _Undo
    return report


def _reckon_anew(connection: Connection, report: Report, order: Order) -> None:
    """What is dated back: its meters' days are validated, archived and counted as it is known now."""
    if order.as_of is None or not (report.changed or report.ended):
        return
    things = {*((each.kind, each.id) for each in report.changed), *report.ended}
    hung = topology.points_named(connection, [name for kind, name in things if kind == "point"])
    meters = {row.meter for row in hung if row.meter} | {name for kind, name in things if kind == "meter"}
    since, now, zone = order.as_of, order.at, order.zone
    dirty.mark_since(connection, meters, since, now, zone)
    due.mark_since(connection, since, now, zone)
    count.set_stale(connection, since.astimezone(zone).date(), now.astimezone(zone).date())


@contextmanager
def _undoable(database: Database) -> Iterator[Connection]:
    try:
        with database.write() as connection:
            yield connection
    except _Undo:
        return


def _report(before: View, after: View, numbers: Numbers) -> Report:
    added, changed, ended = registry_view.differences(before, after, numbers)
    touched = {(each.kind, each.id) for each in changed} | set(added) | set(ended)
    if numbers:
        rows = {number for (kind, _), number in numbers.items() if kind == "point"}
        unchanged = len(rows - {numbers[key] for key in touched if key in numbers and key[0] != "area"})
    else:
        unchanged = len(after.keys() - touched)
    return Report(added, changed, ended, unchanged)


def _system(order: Order, owners: Owners) -> str:
    return order.system or (owners.policy.system if owners.companion else OURS)


def _not_theirs(report: Report, order: Order, owners: Owners) -> list[Refusal]:
    system = _system(order, owners)
    found = []
    for each in report.changed:
        fields = [] if each.field in NOT_OWNED else [each.field]
        for told in owners.not_of(system, fields):
            why = f"{each.kind} {each.id!r}: {told}; {system} may not change it from {each.old} to {each.new}"
            found.append(Refusal(each.row, why))
    for kind, name in report.ended:
        found += [Refusal(None, f"{kind} {name!r}: {told}") for told in owners.not_of(system, ["meter"])]
    return found


def _keep(database: Database, path: Path, digest: str, order: Order, owners: Owners, report: Report) -> None:
    if order.dry_run:
        return
    row = {
        "file": path.name[:200],
        "sha256": digest,
        "system": _system(order, owners),
        "as_of": order.as_of,
        "at": order.at,
        "by": order.by,
    }
    with database.write() as connection:
        imports.keep(connection, row, report)
