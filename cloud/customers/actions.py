"""Takes customers in from one document, whole or not at all; a meter never serves two accounts at once."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import pairwise
from typing import Annotated, Any, Literal

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, StringConstraints, model_validator
from sqlalchemy import Column, Connection, Table, insert, select, update

from cloud.customers.store import account_table, contact_table, customer_table, service_table
from cloud.fleet.history import at_points
from cloud.fleet.registry import meter_table
from cloud.kit import documents
from protocols import spelling

Id = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$")]
No = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9-]{0,31}$")]
Text = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=120)]


class _Entry(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, populate_by_name=True)


class CustomerEntry(_Entry):
    id: Id
    name: Text
    language: Literal["zh_CN", "en"] = "zh_CN"
    phone: Annotated[str, StringConstraints(pattern=r"^\+?[0-9 -]{3,30}$")] | None = None


class AccountEntry(_Entry):
    """`class`: which of the station's customer classes the account is of."""

    no: No
    customer: Id
    address: Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=200)]
    class_: Literal["large_industry", "business", "household", "farm", "other"] = Field(alias="class")


class ServiceEntry(_Entry):
    """From `start` up to and without `end`; no end means still.

    `proven_at`: when `wattpost edge identify` showed that this meter serves this account.
    """

    account: No
    meter: Id
    start: AwareDatetime
    end: AwareDatetime | None = None
    proven_at: AwareDatetime | None = None

    @model_validator(mode="after")
    def _forward(self) -> "ServiceEntry":
        if self.end is not None and self.end <= self.start:
            raise ValueError("end must be later than start")
        return self


class ContactEntry(_Entry):
    """`channel` is an apprise URL such as mailto://… or json://…"""

    customer: Id
    channel: Annotated[str, StringConstraints(pattern=r"^[a-z0-9]+://\S+$", max_length=500)]


@dataclass(frozen=True, slots=True)
class Imported:
    customers: int
    accounts: int
    services: int
    contacts: int


_KEYS: dict[str, tuple[type[_Entry], Table, tuple[str, ...]]] = {
    "customer": (CustomerEntry, customer_table, ("id",)),
    "account": (AccountEntry, account_table, ("no",)),
    "service": (ServiceEntry, service_table, ("account", "meter", "start")),
    "contact": (ContactEntry, contact_table, ("customer", "channel")),
}


def import_customers(connection: Connection, document: Mapping[str, Any]) -> Imported:
    """Take in {"customer": […], "account": […], "service": […], "contact": […]}; Invalid keeps nothing."""
    parts = ", ".join(_KEYS)
    problems = [
        f"{key}: no such part; {spelling.hint(key, _KEYS)}the parts are {parts}"
        for key in document
        if key not in _KEYS
    ]
    rows = {kind: _rows(kind, document.get(kind, []), problems) for kind in _KEYS}
    if not problems:  # a row that is left out is missed by others: one mistake, told once
        _check_references(connection, rows, problems)
    problems.extend(_given_away(connection, rows["account"]))
    documents.refuse("customers", problems)
    _name_points(connection, rows["service"])
    for kind, (_, table, key) in _KEYS.items():
        _put(connection, table, key, rows[kind])
    documents.refuse("customers", _served_twice(connection))
    return Imported(*(len(rows[kind]) for kind in _KEYS))


def _name_points(connection: Connection, services: list[dict[str, Any]]) -> None:
    """A service is of a metering point: where the meter it names hung when it began, or first after."""
    hung = at_points(connection, {row["meter"] for row in services})
    for row in services:
        spans = hung.get(row["meter"], [])
        later = [span for span in spans if span.until > row["start"]] or spans[-1:]
        row["point"] = later[0].values["point"] if later else row["meter"]


def _rows(kind: str, given: Any, problems: list[str]) -> list[dict[str, Any]]:
    entry, _, key = _KEYS[kind]
    good = documents.rows(kind, entry, given, lambda row: tuple(getattr(row, name) for name in key), problems)
    return [row.model_dump(by_alias=True) for row in good]


def _check_references(
    connection: Connection, rows: Mapping[str, list[dict[str, Any]]], problems: list[str]
) -> None:
    customers = _known(connection, customer_table.c.id, (row["id"] for row in rows["customer"]))
    accounts = _known(connection, account_table.c.no, (row["no"] for row in rows["account"]))
    meters = _known(connection, meter_table.c.id, ())
    for kind, name, known in (
        ("account", "customer", customers),
        ("service", "account", accounts),
        ("service", "meter", meters),
        ("contact", "customer", customers),
    ):
        lacking = sorted({row[name] for row in rows[kind]} - known)
        problems.extend(f"{kind}: there is no {name} {each!r}; import it first" for each in lacking)


def _given_away(connection: Connection, rows: list[dict[str, Any]]) -> list[str]:
    """An account never passes to another customer: the new one would see the old one's curve."""
    query = select(account_table.c.no, account_table.c.customer)
    owners = {row.no: row.customer for row in connection.execute(query)}
    return [
        f"account {row['no']!r} is {owners[row['no']]!r}'s: end its service and open a new account"
        for row in rows
        if owners.get(row["no"], row["customer"]) != row["customer"]
    ]


def _known(connection: Connection, column: Column[Any], more: Any) -> set[str]:
    return set(connection.scalars(select(column))) | set(more)


def _put(connection: Connection, table: Table, key: Sequence[str], rows: list[dict[str, Any]]) -> None:
    known = {tuple(row) for row in connection.execute(select(*(table.c[name] for name in key)))}
    new = [row for row in rows if _key(row, key) not in known]
    if new:
        connection.execute(insert(table), new)
    for row in rows:
        rest = {name: value for name, value in row.items() if name not in key}
        rest.pop("point", None)  # where it began stays
        if rest.get("proven_at", "told") is None:
            del rest["proven_at"]  # a file that does not speak of the proof takes none away
        if rest and _key(row, key) in known:
            same = [table.c[name] == row[name] for name in key]
            connection.execute(update(table).where(*same).values(rest))


def _key(row: Mapping[str, Any], key: Sequence[str]) -> tuple[Any, ...]:
    parts = (row[name] for name in key)
    return tuple(part.astimezone(UTC) if isinstance(part, datetime) else part for part in parts)


def _served_twice(connection: Connection) -> list[str]:
    """Of each point, services that overlap: then nobody could say whose consumption it is."""
    query = select(service_table).order_by(service_table.c.point, service_table.c.start)
    problems = []
    rows = connection.execute(query)
    for one, other in pairwise(rows):
        if one.point == other.point and (one.end is None or one.end > other.start):
            problems.append(
                f"service: meter {other.meter!r} serves account {one.account} and {other.account} at once"
            )
    return problems
