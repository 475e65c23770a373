"""What each import of the registry did: its diff report, kept so that it can be read the day after."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from sqlalchemy import JSON, Column, Connection, Index, Integer, Row, String, Table, delete, insert, select

from cloud.kit.db import Instant, metadata
from cloud.kit.errors import NotFound

KEPT = 200
SHOWN = 500
"""Of changes or refusals in one kept report; the counts are of all."""

import_table = Table(
    "registry_import",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("file", String(200), nullable=False),
    Column("sha256", String(64), nullable=False),
    Column("system", String(64), nullable=False),
    Column("as_of", Instant),
    Column("at", Instant, nullable=False),
    Column("by", String(64), nullable=False),
    Column("outcome", String(16), nullable=False),
    Column("report", JSON, nullable=False),
    Index(None, "at"),
)


@dataclass(frozen=True, slots=True)
class Changed:
    """One field of one thing; `old` is None where it was not there."""

    kind: str
    id: str
    field: str
    old: Any
    new: Any
    row: int | None = None


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why a row of the file, counted as a spreadsheet does with the headings as row 1, was not taken."""

    row: int | None
    why: str


@dataclass(frozen=True, slots=True)
class Report:
    """What an import would do or did; with `refused` it did nothing at all.

    `added`, `ended`: (kind, id). `absent`: points we have that the file does not name; they stay as they are.
    """

    added: Sequence[tuple[str, str]] = ()
    changed: Sequence[Changed] = ()
    ended: Sequence[tuple[str, str]] = ()
    unchanged: int = 0
    absent: int = 0
    refused: Sequence[Refusal] = field(default_factory=tuple)

    @property
    def quiet(self) -> bool:
        """Whether it changes nothing."""
        return not (self.added or self.changed or self.ended)

    def counts(self) -> dict[str, int]:
        return {
            "added": len(self.added),
            "changed": len({(each.kind, each.id) for each in self.changed}),
            "ended": len(self.ended),
            "unchanged": self.unchanged,
            "absent": self.absent,
            "refused": len(self.refused),
        }

    def document(self) -> dict[str, Any]:
        """As JSON, its lists cut to what is kept."""
        return {
            "counts": self.counts(),
            "added": [list(each) for each in self.added[:SHOWN]],
            "changed": [asdict(each) for each in self.changed[:SHOWN]],
            "ended": [list(each) for each in self.ended[:SHOWN]],
            "refused": [asdict(each) for each in self.refused[:SHOWN]],
        }


def keep(connection: Connection, row: Mapping[str, Any], report: Report) -> int:
    """Keep the report of one import; the oldest make way."""
    outcome = "refused" if report.refused else "unchanged" if report.quiet else "done"
    values = {**row, "outcome": outcome, "report": report.document()}
    made = connection.execute(insert(import_table).values(values)).inserted_primary_key
    newest = select(import_table.c.id).order_by(import_table.c.id.desc())
    oldest = connection.scalar(newest.offset(KEPT - 1).limit(1))
    if oldest is not None:
        connection.execute(delete(import_table).where(import_table.c.id < oldest))
    assert made is not None
    return int(made[0])


def newest(connection: Connection, limit: int = 30) -> Sequence[Row[Any]]:
    """The last imports, newest first."""
    return connection.execute(select(import_table).order_by(import_table.c.id.desc()).limit(limit)).all()


def one(connection: Connection, id: int) -> Row[Any]:  # noqa: A002
    row = connection.execute(select(import_table).where(import_table.c.id == id)).one_or_none()
    if row is None:
        raise NotFound(f"there is no import {id}")
    return row
