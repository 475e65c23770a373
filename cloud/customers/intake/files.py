"""Brings customers in from a file, whole or not at all, and keeps a report of what that changed.

The same file again changes nothing. In a companion a file changes only what its system owns.
"""

import hashlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

from sqlalchemy import Connection

from cloud.customers.intake import documents as actions
from cloud.customers.intake import tables as customer_tables
from cloud.customers.intake.kinds import Kind, Taking, Wrong
from cloud.customers.intake.take import Parts, take
from cloud.fleet import imports, sheets
from cloud.fleet.imports import Changed, Refusal, Report
from cloud.fleet.owners import OURS
from cloud.kit import documents
from cloud.kit.db import Database

TABLES = (".csv", ".xlsx")
PERSONAL = frozenset({"name", "phone", "address", "detail", "how"})
"""What a kept report does not repeat: it outlives the customer."""


class _Undo(Exception):
    """Leaves the transaction as if nothing had been done."""


def from_table(
    database: Database,
    path: Path,
    taking: Taking,
    kinds: Sequence[Kind],
    *,
    named: str = "",
    dry_run: bool = False,
) -> Report:
    """A CSV or XLSX of one kind; Invalid when it is no such table, else every refused row is named."""
    sheet = sheets.read(path)
    kind = customer_tables.kind_of(sheet, kinds, named)
    rows, refused = customer_tables.rows(sheet, kind, taking)
    unread = {kind.name: customer_tables.subjects(sheet, kind, refused)}
    report = _run(database, {kind.name: rows}, taking, kinds, refused, unread=unread, dry_run=dry_run)
    _keep(database, path, sheet.sha256, taking, report, dry_run=dry_run)
    return report


def from_document(
    database: Database,
    path: Path,
    document: Mapping[str, Any],
    taking: Taking,
    kinds: Sequence[Kind],
    *,
    dry_run: bool = False,
) -> Report:
    """A TOML or JSON document of any kinds; Invalid names every wrong row."""
    parts, problems = actions.parsed(document, taking, kinds)

    def told(wrong: Sequence[Wrong]) -> tuple[Refusal, ...]:
        documents.refuse("customers", [*problems, *map(str, wrong)])
        return ()

    unread = actions.unread(document, parts, kinds)
    report = _run(database, parts, taking, kinds, [], told, unread=unread, dry_run=dry_run)
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    _keep(database, path, digest, taking, report, dry_run=dry_run)
    return report


def _by_row(wrong: Sequence[Wrong]) -> tuple[Refusal, ...]:
    return tuple(Refusal(each.number, each.why) for each in wrong)


def _run(
    database: Database,
    parts: Parts,
    taking: Taking,
    kinds: Sequence[Kind],
    refused: Sequence[Refusal],
    told: Callable[[Sequence[Wrong]], tuple[Refusal, ...]] = _by_row,
    *,
    unread: Mapping[str, set[Any]],
    dry_run: bool,
) -> Report:
    """`unread`: by kind the subjects of rows that are none."""
    report = Report()
    with _undoable(database) as connection:
        report, wrong = take(connection, parts, taking, kinds, unread)
        found = [*refused, *told(wrong)]
        if found:
            report = Report(refused=tuple(sorted(found, key=lambda each: each.row or 0)))
        if found or dry_run:
            raise _Undo
    return report


@contextmanager
def _undoable(database: Database) -> Iterator[Connection]:
    try:
        with database.write() as connection:
            yield connection
    except _Undo:
        return


def _keep(
    database: Database, path: Path, digest: str, taking: Taking, report: Report, *, dry_run: bool
) -> None:
    if dry_run:
        return
    row = {
        "file": path.name[:200],
        "sha256": digest,
        "system": system_of(taking),
        "as_of": None,
        "at": taking.now,
        "by": taking.by,
    }
    with database.write() as connection:
        imports.keep(connection, row, _impersonal(report))


def system_of(taking: Taking) -> str:
    """Whose file it is."""
    companion = taking.owners is not None and taking.owners.companion
    return taking.system or (taking.owners.policy.system if taking.owners and companion else OURS)


def _impersonal(report: Report) -> Report:
    changed = [
        Changed(each.kind, each.id, each.field, "…", "…", each.row) if each.field in PERSONAL else each
        for each in report.changed
    ]
    return replace(report, changed=changed)
