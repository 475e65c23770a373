"""Lays rows of the table of metering points over the registry: every row, or none and why."""

from collections.abc import Mapping, Sequence
from datetime import datetime, tzinfo
from typing import Any

from sqlalchemy import Connection, Table, insert, select, update

from cloud.customers.store import account_table, service_table
from cloud.fleet import current, registry
from cloud.fleet.events import EventKind, event_table
from cloud.fleet.history import (
    Book,
    Note,
    area_facts,
    box_table,
    feeder_table,
    line_facts,
    point_facts,
    point_meter,
    point_table,
    section_table,
)
from cloud.fleet.imports import Refusal
from cloud.fleet.point_rows import CLEAR, Numbered
from cloud.fleet.tables import area_table, gateway_table, meter_table
from cloud.kit.days import midnight
from cloud.kit.errors import Conflict, Invalid
from cloud.metering.vee.dirty import mark_since
from protocols import models

PLACE = ("area", "box", "role", "side", "phase", "parent", "ct_ratio", "pt_ratio")
LINE = ("gateway", "line", "interval_s")
METER = ("address", "model", "asset_no", *LINE)
AREA = ("feeder", "section", "capacity_kva", "manager", "deputy")
UNTOLD = {
    "doubt": "registers_missing",
    "text": "the register values of the exchange were not told",
    "despite": "",
}


class Points:
    """One import; `as_of` is from when what changes holds."""

    def __init__(self, connection: Connection, note: Note, as_of: datetime, zone: tzinfo) -> None:
        self._connection, self._note, self._as_of, self._zone = connection, note, as_of, zone
        self._book = Book(connection, note)
        self._refused: list[Refusal] = []
        self._meters: set[str] = set()
        self._boxes: set[str] = set()
        self._areas: set[str] = set()
        self._new: dict[Table, list[dict[str, Any]]] = {}

    def take(self, rows: Sequence[Numbered]) -> list[Refusal]:
        """Do it; what is refused has to be undone by whoever holds the transaction."""
        self._read(rows)
        self._refer(rows)
        if self._refused:
            return self._refused
        self._take_areas(rows)
        for each in rows:
            self._one(each)
        if not self._refused:
            self._finish()
        return self._refused

    def _refuse(self, number: int | None, why: str) -> None:
        self._refused.append(Refusal(number, why))

    # what there is

    def _read(self, rows: Sequence[Numbered]) -> None:
        points = [each.row.point for each in rows]
        self._book.read(point_facts, points)
        self._book.read(point_meter, points)
        named = {each.row.meter for each in rows if each.row.meter not in (None, CLEAR)}
        self._book.read(line_facts, [str(name) for name in named])
        self._known = {
            name: set(self._connection.scalars(select(table.c[key])))
            for name, table, key in (
                ("area", area_table, "id"),
                ("gateway", gateway_table, "id"),
                ("point", point_table, "id"),
                ("account", account_table, "no"),
            )
        }
        self._rows_of_meters = {
            row["id"]: dict(row) for row in self._connection.execute(select(meter_table)).mappings()
        }
        self._had = set(self._rows_of_meters)
        query = select(service_table).where(service_table.c.end.is_(None))
        self._services = {row.point: row for row in self._connection.execute(query)}
        self._models = set(models.names())

    def _refer(self, rows: Sequence[Numbered]) -> None:
        """Every name that a row uses is known, or made by the file itself."""
        points = self._known["point"] | {each.row.point for each in rows}
        for each in rows:
            row = each.row
            for name, value, known in (
                ("gateway", row.gateway, self._known["gateway"]),
                ("model", row.model, self._models),
                ("account", row.account, self._known["account"]),
                ("parent", row.parent, points),
            ):
                if value not in (None, CLEAR) and value not in known:
                    kind = "point" if name == "parent" else name
                    self._refuse(each.number, f"{name}: there is no {kind} {value!r}")
            if row.parent == row.point:
                self._refuse(each.number, "parent: a point is not deducted from itself")

    # areas

    def _take_areas(self, rows: Sequence[Numbered]) -> None:
        told: dict[str, dict[str, tuple[Any, int]]] = {}
        for each in rows:
            if each.row.area is None:
                continue
            mine = told.setdefault(each.row.area, {})
            for name, value in each.row.told(("area_name", "area_kind", *AREA)).items():
                other, number = mine.setdefault(name, (value, each.number))
                if other != value:
                    self._refuse(
                        each.number, f"{name}: {value} here and {other} in row {number} for the same area"
                    )
            mine.setdefault("", (None, each.number))
        self._book.read(area_facts, list(told))
        for area, values in told.items():
            number = values.pop("")[1]
            self._area(area, {name: value for name, (value, _) in values.items()}, number)

    def _area(self, area: str, told: dict[str, Any], number: int) -> None:
        name = told.pop("area_name", None)
        if "area_kind" in told:
            told["kind"] = told.pop("area_kind")
        if area not in self._known["area"]:
            if told.get("feeder") is None:
                self._refuse(number, f"area {area!r} is new: name its feeder")
                return
            new = {"id": area, "name": name or area, "feeder": told["feeder"]}
            self._connection.execute(insert(area_table).values(new))
            self._known["area"].add(area)
        elif name is not None:
            mine = (area_table.c.id == area, area_table.c.name != name)
            self._connection.execute(update(area_table).where(*mine).values(name=name))
        spans = self._book.spans(area_facts, area)
        feeder = told.get("feeder") or (spans[-1].values["feeder"] if spans else None)
        if feeder is not None:
            self._missing(feeder_table, feeder)
        if told.get("section"):
            row = {"id": told["section"], "name": told["section"], "feeder": feeder}
            current.add_missing(self._connection, section_table, [row])
        if told and self._in_time(area_facts, area, told, number):
            current.put(self._book, area_facts, area, told, self._as_of, current.NO_AREA_FACTS)
            self._areas.add(area)

    def _missing(self, table: Table, name: str) -> None:
        current.add_missing(self._connection, table, [{"id": name, "name": name}])

    def _in_time(self, table: Table, key: str, told: Mapping[str, Any], number: int) -> bool:
        """Whether a change of these fields may hold from the day of the file on."""
        spans = self._book.spans(table, key)
        if not spans or all(spans[-1].values[name] == value for name, value in told.items()):
            return bool(told)
        if spans[-1].start > self._as_of:
            text = f"{key!r} was changed at {spans[-1].start:%Y-%m-%d %H:%M} UTC, after the time of this file"
            self._refuse(number, text)
            return False
        return True

    # points

    def _one(self, each: Numbered) -> None:
        row = each.row
        spans = self._book.spans(point_facts, row.point)
        if row.area is not None and row.area not in self._known["area"]:
            return  # the area itself was refused
        if spans and spans[-1].end is not None:
            if row.end is None:
                ended = spans[-1].end.astimezone(self._zone).date()
                self._refuse(
                    each.number, f"point {row.point!r} ended on {ended}: give the new one a new name"
                )
            return
        if not spans and row.area is None:
            self._refuse(each.number, f"point {row.point!r} is new: name its area")
            return
        since = midnight(row.start, self._zone) if row.start and not spans else self._as_of
        if since > self._note.at:
            self._refuse(each.number, "start: a day that has come")
            return
        self._place(each, since)
        self._meter(each, since)
        self._account(each, since)
        if row.end is not None:
            self._end(each)

    def _place(self, each: Numbered, since: datetime) -> None:
        row = each.row
        told = row.told(PLACE)
        if told.get("box"):
            self._boxes.add(told["box"])
        if row.point not in self._known["point"]:
            self._add(point_table, {"id": row.point, "name": row.told(["name"]).get("name")})
            self._known["point"].add(row.point)
        elif row.name is not None:
            values = row.told(["name"])
            self._connection.execute(update(point_table).where(point_table.c.id == row.point).values(values))
        if told and self._in_time(point_facts, row.point, told, each.number):
            fresh = {**current.NO_POINT_FACTS, **told}
            current.put(self._book, point_facts, row.point, told, since, fresh, since)
            self._meters |= {hung} if (hung := self._hung(row.point)) else set()

    def _hung(self, point: str) -> str | None:
        spans = self._book.spans(point_meter, point)
        return str(spans[-1].values["meter"]) if spans and spans[-1].end is None else None

    def _meter(self, each: Numbered, since: datetime) -> None:
        row = each.row
        if row.meter is None:
            if row.told(METER):
                self._refuse(each.number, "address, model, gateway, line: name the meter they are of")
            return
        hung = self._hung(row.point)
        if row.meter != CLEAR and self._meter_row(each, since) and hung != row.meter:
            self._hang(each, hung, since)
        elif row.meter == CLEAR and hung is not None:
            self._book.end(point_meter, row.point, since)
            self._meters.add(hung)

    def _meter_row(self, each: Numbered, since: datetime) -> bool:
        row, told = each.row, each.row.told(METER)
        name = str(row.meter)
        if "address" in told and (row.model or self._of(name, "model")).startswith("dlt645"):
            told["address"] = told["address"].zfill(12)
        lacking = [key for key in METER if key not in ("asset_no", "interval_s") and key not in told]
        if name not in self._rows_of_meters:
            if lacking:
                self._refuse(each.number, f"meter {name!r} is new: {', '.join(lacking)} is lacking")
                return False
            place = self._book.spans(point_facts, row.point)[-1].values
            new = {"interval_s": 900, "asset_no": None, **told}
            rest = {"id": name, "area": place["area"], "role": place["role"], "installed": False}
            self._add(meter_table, {**new, **rest})
            self._rows_of_meters[name] = {**new, **rest}
            told = new
        else:
            values = {key: told[key] for key in ("address", "model", "asset_no") if key in told}
            if any(self._rows_of_meters[name][key] != value for key, value in values.items()):
                mine = meter_table.c.id == name
                self._connection.execute(update(meter_table).where(mine).values(values))
        line = {key: told[key] for key in LINE if key in told}
        if line and self._in_time(line_facts, name, line, each.number):
            current.put(self._book, line_facts, name, line, since, {}, since)
            self._meters.add(name)
        return True

    def _of(self, meter: str, key: str) -> str:
        return str(self._rows_of_meters.get(meter, {}).get(key, ""))

    def _hang(self, each: Numbered, hung: str | None, since: datetime) -> None:
        point, meter = each.row.point, str(each.row.meter)
        if not self._in_time(point_meter, point, {"meter": meter}, each.number):
            return
        spans = self._book.spans(point_meter, point)
        if spans and spans[-1].end is not None and spans[-1].end > since:
            self._refuse(each.number, f"{point!r} lost its meter only after the time of this file")
            return
        self._book.end(point_meter, point, since)
        self._book.patch(point_meter, point, since, None, {"meter": meter}, {})
        self._meters |= {meter} | ({hung} if hung else set())
        if hung is not None:
            self._add(event_table, self._exchange(point, hung, meter, since))

    def _exchange(self, point: str, old: str, new: str, at: datetime) -> dict[str, Any]:
        return {
            "point": point,
            "kind": EventKind.EXCHANGE.value,
            "at": at,
            "removed": old,
            "installed": new,
            "old": {"meter": old},
            "new": {"meter": new},
            "removed_registers": {},
            "installed_registers": {},
            "doubts": [UNTOLD],
            "by": self._note.by,
            "why": self._note.why,
            "recorded_at": self._note.at,
        }

    # accounts

    def _account(self, each: Numbered, since: datetime) -> None:
        row = each.row
        if row.account is None:
            return
        now = self._services.get(row.point)
        wanted = None if row.account == CLEAR else row.account
        if (now.account if now else None) == wanted:
            return
        if now is not None and now.start >= since:
            self._refuse(
                each.number, f"account {now.account} is served there since {now.start:%Y-%m-%d}: not yet then"
            )
            return
        if now is not None:
            self._end_service(row.point, since)
        if wanted is not None:
            self._serve(each, wanted, since)

    def _serve(self, each: Numbered, account: str, since: datetime) -> None:
        meter = self._hung(each.row.point)
        if meter is None:
            self._refuse(each.number, f"account {account}: no meter hangs at {each.row.point!r} to serve it")
            return
        row = {"account": account, "meter": meter, "start": since, "point": each.row.point}
        mine = [service_table.c[name] == row[name] for name in ("account", "meter", "start")]
        if self._connection.execute(select(service_table.c.start).where(*mine)).first() is not None:
            self._refuse(each.number, f"account {account} was served by {meter!r} from that time on already")
            return
        self._add(service_table, row)

    def _end_service(self, point: str, at: datetime) -> None:
        mine = (service_table.c.point == point, service_table.c.end.is_(None))
        self._connection.execute(update(service_table).where(*mine).values(end=at))

    def _end(self, each: Numbered) -> None:
        row = each.row
        assert row.end is not None
        at = midnight(row.end, self._zone)
        hung = self._hung(row.point)
        starts = [self._book.spans(point_facts, row.point)[-1].start]
        starts += [self._book.spans(point_meter, row.point)[-1].start] if hung else []
        starts += [service.start] if (service := self._services.get(row.point)) else []
        if at > self._note.at or any(at <= start for start in starts):
            self._refuse(each.number, "end: a day that has come, after the last change of the point")
            return
        self._book.end(point_facts, row.point, at)
        self._book.end(point_meter, row.point, at)
        self._end_service(row.point, at)
        self._meters |= {hung} if hung else set()

    def _changed(self) -> set[str]:
        """Meters known before whose days, as far as they are over, are to be reckoned anew."""
        points = self._book.changed(point_facts) | self._book.changed(point_meter)
        hung = {
            str(span.values["meter"])
            for point in points
            for span in self._book.spans(point_meter, point)
            if span.until >= self._as_of
        }
        return (hung | self._book.changed(line_facts)) & self._had

    def _add(self, table: Table, row: dict[str, Any]) -> None:
        self._new.setdefault(table, []).append(row)

    def _finish(self) -> None:
        try:
            boxes = [{"id": name, "name": name} for name in sorted(self._boxes)]
            current.add_missing(self._connection, box_table, boxes)
            for table in (point_table, meter_table, event_table, service_table):
                if table in self._new:
                    self._connection.execute(insert(table), self._new[table])
            self._book.write()
            current.refresh(self._connection, self._meters, self._areas)
            registry.refuse_doubled_addresses(self._connection)
            mark_since(self._connection, self._changed(), self._as_of, self._note.at, self._zone)
        except (Conflict, Invalid) as error:
            self._refuse(None, str(error))
