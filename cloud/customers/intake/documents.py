"""Takes customers in from one document, whole or not at all, and reports what that changed, field by field.

The same document again changes nothing; a field that a row does not name stays as it is.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, tzinfo
from enum import Enum
from functools import cache
from typing import Any

from pydantic import BaseModel
from sqlalchemy import Connection, Table

from cloud.customers.file.contract_terms import contract_terms
from cloud.customers.intake.all_kinds import CUSTOMER_KINDS
from cloud.customers.intake.entries import Entry
from cloud.customers.intake.kinds import Given, Key, Kind, Taking, Values
from cloud.customers.intake.take import take
from cloud.fleet.imports import Report
from cloud.kit import documents
from cloud.kit.clock import SystemClock
from cloud.kit.days import midnight
from cloud.kit.db import Instant
from cloud.tariffs import catalogue
from protocols import spelling


@dataclass(frozen=True, slots=True)
class Imported:
    customers: int
    accounts: int
    services: int
    contacts: int
    contracts: int = 0
    grades: int = 0
    needs: int = 0
    consents: int = 0
    persons: int = 0
    report: Report = field(default_factory=Report, compare=False)


def usual_taking(zone: tzinfo = UTC) -> Taking:
    """Nobody in particular, now, under what ships."""
    return Taking(
        "import", SystemClock().now(), zone, cache(catalogue.read), cache(lambda: contract_terms(None))
    )


def import_customers(
    connection: Connection, document: Mapping[str, Any], taking: Taking | None = None
) -> Imported:
    """Take in {"customer": […], "account": […], "contract": […], …}; Invalid keeps nothing."""
    taking = taking or usual_taking()
    parts, problems = parsed(document, taking)
    refused = unread(document, parts)
    report, wrong = take(connection, parts, taking, CUSTOMER_KINDS, refused)
    documents.refuse("customers", [*problems, *map(str, wrong)])
    return Imported(**{f"{kind.name}s": len(parts[kind.name]) for kind in CUSTOMER_KINDS}, report=report)


def parsed(
    document: Mapping[str, Any], taking: Taking, kinds: Sequence[Kind] = CUSTOMER_KINDS
) -> tuple[dict[str, list[Given]], list[str]]:
    """The rows by kind, and one line for each that is none."""
    names = [kind.name for kind in kinds]
    problems = [
        f"{key}: no such part; {spelling.hint(key, names)}the parts are {', '.join(names)}"
        for key in document
        if key not in names
    ]
    return {kind.name: _rows(kind, document.get(kind.name, []), taking, problems) for kind in kinds}, problems


def _rows(kind: Kind, given: Any, taking: Taking, problems: list[str]) -> list[Given]:
    good = documents.numbered(kind.name, kind.entry, given, lambda row: _key(kind, row, taking), problems)
    return [given_of(kind, number, row, taking) for number, row in good]


def unread(
    document: Mapping[str, Any],
    parts: Mapping[str, Sequence[Given]],
    kinds: Sequence[Kind] = CUSTOMER_KINDS,
) -> dict[str, set[Any]]:
    """By kind the subjects of rows that are no rows: what stands on them is not judged without them."""
    found: dict[str, set[Any]] = {}
    for kind in kinds:
        good = {row.number for row in parts[kind.name]}
        given = document.get(kind.name, [])
        for number, row in enumerate(given if isinstance(given, list) else [], 1):
            if number not in good and isinstance(row, Mapping):
                found.setdefault(kind.name, set()).add(str(row.get(kind.key[0])))
    return found


def given_of(kind: Kind, number: int, row: Entry, taking: Taking) -> Given:
    values = _values(kind, row, taking)
    return Given(number, tuple(values.get(name) for name in kind.key), values)


def _key(kind: Kind, row: BaseModel, taking: Taking) -> Key:
    values = _values(kind, row, taking)
    return tuple(values[name] for name in kind.key)


def _values(kind: Kind, row: BaseModel, taking: Taking) -> Values:
    """By column what the row speaks of, as the table keeps it."""
    said = row.model_dump(by_alias=True, exclude_unset=True)
    values = {name: _kept(kind.table, name, value, taking) for name, value in said.items()}
    return {name: value for name, value in values.items() if value is not None or name not in kind.sticky}


def _kept(table: Table, name: str, value: Any, taking: Taking) -> Any:
    if isinstance(value, datetime):
        return value.astimezone(UTC)
    if isinstance(value, date) and isinstance(table.c[name].type, Instant):
        return midnight(value, taking.zone)
    return value.value if isinstance(value, Enum) else value
