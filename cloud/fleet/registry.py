"""The station's topology: which meter hangs in which area, on which line of which gateway.

One document brings it in, whole or not at all; what the document does not name stays as it is.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, field_validator
from sqlalchemy import Connection, Row, Select, Table, func, insert, select, update

from cloud.fleet import current
from cloud.fleet.history import Book, Note
from cloud.fleet.spans import BEGINNING
from cloud.fleet.tables import area_table as area_table
from cloud.fleet.tables import gateway_table as gateway_table
from cloud.fleet.tables import meter_table as meter_table
from cloud.kit import documents
from cloud.kit.errors import NotFound
from protocols import models, spelling
from protocols.mqtt.topics import GATEWAY_ID

IMPORT = "import"
"""Stands in the place of a gateway for readings that came from a file."""
FIELD = "field"
"""Stands in the place of a gateway for what somebody read off a meter by hand."""

Id = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$")]
Name = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=120)]

Ratio = Annotated[float, Field(gt=0, le=100_000, allow_inf_nan=False)]


class _Entry(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    id: str


class AreaEntry(_Entry):
    id: Id
    name: Name
    feeder: Id
    has_backfeed: bool | None = None


class GatewayEntry(_Entry):
    id: Annotated[str, StringConstraints(pattern=f"^{GATEWAY_ID.pattern}$")]
    name: Name

    @field_validator("id")
    @classmethod
    def _free(cls, name: str) -> str:
        if name in (IMPORT, FIELD):
            raise ValueError(f"{name!r} stands for what comes from no gateway: name the gateway otherwise")
        return name


class MeterEntry(_Entry):
    """`address`: 12 digits (DL/T 645) or a unit number (Modbus); `phase` only on single-phase meters.

    `ct_ratio`, `pt_ratio`: of the transformers before the meter; their product is the ratio K (倍率).
    """

    id: Id
    address: Annotated[str, StringConstraints(pattern=r"^[0-9]{1,12}$")]
    model: Id
    area: Id
    gateway: Id
    line: Id
    phase: Literal["l1", "l2", "l3"] | None = None
    role: Literal["customer", "area"] = "customer"
    interval_s: Annotated[int, Field(ge=1, le=86_400)] = 60
    ct_ratio: Ratio = 1.0
    pt_ratio: Ratio = 1.0


@dataclass(frozen=True, slots=True)
class Imported:
    areas: int
    gateways: int
    meters: int


_KINDS: tuple[tuple[str, type[_Entry], Table], ...] = (
    ("area", AreaEntry, area_table),
    ("gateway", GatewayEntry, gateway_table),
    ("meter", MeterEntry, meter_table),
)


BY_DOCUMENT = Note("", "", BEGINNING)
"""Where nobody is named: what was so ever since."""


def import_registry(
    connection: Connection,
    document: Mapping[str, Any],
    note: Note = BY_DOCUMENT,
    since: datetime | None = None,
) -> Imported:
    """Take in {"area": […], "gateway": […], "meter": […]}; Invalid names every wrong row, keeps nothing.

    A change holds from `since` on; None: it was so for as long as what stands now.
    """
    kinds = [kind for kind, _, _ in _KINDS]
    problems = [
        f"{key}: no such part; {spelling.hint(key, kinds)}the parts are {', '.join(kinds)}"
        for key in document
        if key not in kinds
    ]
    rows = {
        kind: [
            row.model_dump()
            for row in documents.rows(kind, entry, document.get(kind, []), lambda row: row.id, problems)
        ]
        for kind, entry, _ in _KINDS
    }
    if not problems:  # a row that is left out is missed by others: one mistake, told once
        _check_references(connection, rows, problems)
    documents.refuse("registry", problems)
    for kind, _, table in _KINDS:
        _put(connection, table, rows[kind])
    book = Book(connection, note)
    current.take_in(book, connection, rows["area"], rows["meter"], since)
    book.write()
    refuse_doubled_addresses(connection)
    return Imported(*(len(rows[kind]) for kind in kinds))


def _check_references(
    connection: Connection, rows: Mapping[str, list[dict[str, Any]]], problems: list[str]
) -> None:
    for kind, table in (("area", area_table), ("gateway", gateway_table)):
        known = set(connection.scalars(select(table.c.id))) | {row["id"] for row in rows[kind]}
        problems.extend(
            f"meter {meter['id']!r}: there is no {kind} {meter[kind]!r}; add it to the document"
            for meter in rows["meter"]
            if meter[kind] not in known
        )
    known_models = models.names()
    problems.extend(
        f"meter {meter['id']!r}: there is no model {meter['model']!r}; use one of {', '.join(known_models)}"
        for meter in rows["meter"]
        if meter["model"] not in known_models
    )


def _put(connection: Connection, table: Table, rows: list[dict[str, Any]]) -> None:
    known = set(connection.scalars(select(table.c.id)))
    off = _taken_off(connection) if table is meter_table else set()
    new = [row for row in rows if row["id"] not in known]
    if new:
        connection.execute(insert(table), new)
    for row in rows:
        if row["id"] in known - off:
            told = {name: value for name, value in row.items() if name != "has_backfeed" or value is not None}
            connection.execute(update(table).where(table.c.id == row["id"]).values(told))


def _taken_off(connection: Connection) -> set[str]:
    """Meters that hang nowhere now: a document that still has them changes nothing of theirs."""
    return set(connection.scalars(select(meter_table.c.id).where(~meter_table.c.installed)))


def refuse_doubled_addresses(connection: Connection) -> None:
    """Invalid when two meters of one line would answer to one address."""
    place = (meter_table.c.gateway, meter_table.c.line, meter_table.c.address)
    doubled = (
        select(*place)
        .where(meter_table.c.installed)
        .group_by(*place)
        .having(func.count() > 1)
        .order_by(*place)
    )
    problems = [
        f"gateway {row.gateway!r}, line {row.line!r}: two meters answer to address {row.address}"
        for row in connection.execute(doubled.limit(documents.MAX_PROBLEMS))
    ]
    documents.refuse("registry", problems)


def areas(connection: Connection, only: Iterable[str] | None = None) -> Sequence[Row[Any]]:
    """The rows of every area, or of those named, each with `meters`: how many of all roles it has."""
    counted = (
        select(area_table, func.count(meter_table.c.id).label("meters"))
        .outerjoin(meter_table, (meter_table.c.area == area_table.c.id) & meter_table.c.installed)
        .group_by(*area_table.c)
        .order_by(area_table.c.id)
    )
    return connection.execute(_only(counted, area_table, only)).all()


def area(connection: Connection, id: str) -> Row[Any]:  # noqa: A002
    """The row of one area; NotFound when there is none."""
    row = connection.execute(select(area_table).where(area_table.c.id == id)).one_or_none()
    if row is None:
        raise NotFound(f"there is no area {id!r}")
    return row


def area_names(connection: Connection, only: Iterable[str] | None = None) -> dict[str, str]:
    """What people call each area, or each of those named."""
    query = select(area_table.c.id, area_table.c.name)
    return {row.id: row.name for row in connection.execute(_only(query, area_table, only))}


def gateways(connection: Connection) -> Sequence[Row[Any]]:
    """(id, name, meters) of every gateway."""
    return connection.execute(
        select(gateway_table, func.count(meter_table.c.id).label("meters"))
        .outerjoin(meter_table, (meter_table.c.gateway == gateway_table.c.id) & meter_table.c.installed)
        .group_by(*gateway_table.c)
        .order_by(gateway_table.c.id)
    ).all()


def meters(
    connection: Connection,
    only: Iterable[str] | None = None,
    *,
    area: str | None = None,
    role: str | None = None,
    after: str = "",
    limit: int | None = None,
) -> Sequence[Row[Any]]:
    """Rows of `meter` in order of id, from behind `after`; `only` None means every one that is installed."""
    query = select(meter_table).where(meter_table.c.id > after).order_by(meter_table.c.id).limit(limit)
    if area is not None:
        query = query.where(meter_table.c.area == area)
    if role is not None:
        query = query.where(meter_table.c.role == role)
    if only is None:
        query = query.where(meter_table.c.installed)
    return connection.execute(_only(query, meter_table, only)).all()


def meter(connection: Connection, id: str) -> Row[Any]:  # noqa: A002
    """The row of one meter; NotFound when there is none."""
    row = connection.execute(select(meter_table).where(meter_table.c.id == id)).one_or_none()
    if row is None:
        raise NotFound(f"there is no meter {id!r}")
    return row


def _only(query: Select[Any], table: Table, ids: Iterable[str] | None) -> Select[Any]:
    return query if ids is None else query.where(table.c.id.in_(sorted(set(ids))))
