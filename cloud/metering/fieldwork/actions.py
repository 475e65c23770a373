"""Writes down what was done in the field: checked, into the registry over time, with the values read there.

The values go to the store of readings as `Source.FIELD` before the change is committed: a store that cannot
keep them keeps the change out as well.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, insert, select, update

from cloud.fleet import current, events, registry
from cloud.fleet.events import EventKind, event_table, photo_table, read_table
from cloud.fleet.history import Book, Note, box_table, line_facts, point_facts, point_meter
from cloud.fleet.owners import Owners
from cloud.fleet.registry import FIELD
from cloud.fleet.tables import meter_table
from cloud.fleet.topology import Installation
from cloud.kit.clock import Clock
from cloud.kit.db import Database
from cloud.kit.errors import Conflict, Invalid
from cloud.metering.fieldwork import checks, known, rules, seals
from cloud.metering.fieldwork.photos import Photos
from cloud.metering.fieldwork.requests import Exchange, FieldRead, Move, NewMeter, RatioChange, Told
from cloud.metering.fieldwork.rules import Doubtful
from cloud.metering.store import BatchOfReadings, ReadingStore, StoreFault, ms
from protocols.readings import Quality, Reading, Source

LAST = timedelta(milliseconds=1)
"""What a meter showed when it was taken off belongs to the last instant of its time at the point."""
MOST_CORRECTIONS = 999


Stored = Callable[[Connection, BatchOfReadings, Sequence[Reading]], None]
Changed = Callable[[Connection, Sequence[str], datetime], None]


class Fieldwork:
    """`store` is the store of raw readings.

    In the transaction of each change: `stored` are told of the readings kept, `changed` of the meters whose
    place, ratio or point is another since an instant.
    """

    def __init__(
        self,
        database: Database,
        store: ReadingStore,
        owners: Owners,
        photos: Photos,
        clock: Clock,
        stored: Sequence[Stored] = (),
        changed: Sequence[Changed] = (),
    ) -> None:
        self._stored, self._changed = stored, changed
        self._database, self._store, self._owners = database, store, owners
        self.photos, self._clock = photos, clock

    def exchange(self, wanted: Exchange, told: Told) -> int:
        """One meter is off, another hangs; the number of the event. Unproven until the new one is heard."""
        now = self._allowed(wanted.at, told, "meter", *(["seals"] if wanted.seals else []))
        if "energy_import_wh" not in wanted.removed or "energy_import_wh" not in wanted.installed:
            raise Invalid("energy_import_wh of both meters is needed: the next bill rests on it")
        with self._database.write() as connection:
            old = checks.newest_meter(connection, wanted.point, wanted.at)
            doubts = self._exchange_doubts(old, wanted, told)
            new = self._hang(connection, old, wanted, told, now)
            seals.of_exchange(connection, old.meter, new.id, wanted.seals, wanted.at, told.by, now)
            row = {
                "point": wanted.point,
                "kind": EventKind.EXCHANGE.value,
                "at": wanted.at,
                "removed": old.meter,
                "installed": new.id,
                "old": {"meter": old.meter},
                "new": {"meter": new.id},
                "removed_registers": dict(wanted.removed),
                "installed_registers": dict(wanted.installed),
            }
            number = _keep(connection, row, doubts, told, now)
            quality = _quality(doubts)
            self._write(
                connection,
                f"{MOST_CORRECTIONS}x",
                number,
                [
                    _reading(old.meter, wanted.at - LAST, wanted.removed, quality),
                    _reading(new.id, wanted.at, wanted.installed, Quality.GOOD),
                ],
            )
        return number

    def _exchange_doubts(self, old: Installation, wanted: Exchange, told: Told) -> list[Doubtful]:
        if set(wanted.removed) != set(wanted.installed):
            raise Invalid("name the same registers of the removed and of the installed meter")
        if wanted.meter.id == old.meter:
            raise Invalid(f"meter {old.meter!r} hangs there already")
        installation = replace(old, meter=wanted.meter.id, model=wanted.meter.model or old.model)
        wrong = rules.unfit(wanted.installed, checks.model_of(installation.model))
        if wrong:
            raise Invalid(f"installed: {wrong[0]}", wrong)
        found = checks.registers(self._store, old, wanted.removed, wanted.at)
        found += rules.heard_after(old.meter, wanted.at, self._heard_at(old.meter))
        return checks.believe(found, told)

    def _heard_at(self, meter: str) -> datetime | None:
        return max((each.at for each in known.heard(self._store, meter).values()), default=None)

    def _hang(
        self, connection: Connection, old: Installation, wanted: Exchange, told: Told, now: datetime
    ) -> NewMeter:
        new = wanted.meter
        full = replace(
            new,
            model=new.model or old.model,
            gateway=new.gateway or old.gateway,
            line=new.line or old.line,
            interval_s=new.interval_s or old.interval_s,
        )
        _put_meter(connection, full, old)
        book = Book(connection, Note(told.by, told.why, now))
        book.end(point_meter, wanted.point, wanted.at)
        book.patch(point_meter, wanted.point, wanted.at, None, {"meter": new.id}, {})
        line = {"gateway": full.gateway, "line": full.line, "interval_s": full.interval_s}
        current.put(book, line_facts, new.id, line, wanted.at, {}, wanted.at)
        book.write()
        current.refresh(connection, [old.meter, new.id])
        self._tell(connection, [old.meter, new.id], wanted.at)
        registry.refuse_doubled_addresses(connection)
        return full

    def change_ratio(self, wanted: RatioChange, told: Told) -> int:
        """From an instant on another ratio holds; what was read before keeps the old one."""
        now = self._allowed(wanted.at, told, "ct_ratio", "pt_ratio")
        for ratio in (wanted.ct_ratio, wanted.pt_ratio):
            if not 0 < ratio <= 100_000:
                raise Invalid("a ratio is more than 0 and at most 100000")
        fields = {"ct_ratio": wanted.ct_ratio, "pt_ratio": wanted.pt_ratio}
        with self._database.write() as connection:
            old = checks.hanging(connection, wanted.point, wanted.at)
            before = {"ct_ratio": float(old.ct_ratio), "pt_ratio": float(old.pt_ratio)}
            if before == fields:
                raise Conflict("that ratio is in force already")
            doubts = checks.believe(checks.registers(self._store, old, wanted.registers, wanted.at), told)
            self._patch(connection, wanted.point, wanted.at, fields, told, now)
            number = self._event(connection, EventKind.RATIO, wanted, before, fields, doubts, told, now)
            if wanted.registers:
                reading = _reading(old.meter, wanted.at, wanted.registers, _quality(doubts))
                self._write(connection, f"{MOST_CORRECTIONS}x", number, [reading])
        return number

    def move(self, wanted: Move, told: Told) -> int:
        """From an instant on the point belongs to another area, or hangs in another box."""
        now = self._allowed(wanted.at, told, "area", *(["box"] if wanted.box else []))
        fields = {"area": wanted.area} | ({"box": wanted.box} if wanted.box else {})
        with self._database.write() as connection:
            old = checks.hanging(connection, wanted.point, wanted.at)
            checks.known_area(connection, wanted.area)
            if wanted.box:
                current.add_missing(connection, box_table, [{"id": wanted.box, "name": wanted.box}])
            before = {"area": old.area}
            if not self._patch(connection, wanted.point, wanted.at, fields, told, now):
                raise Conflict("the point is there already")
            return self._event(connection, EventKind.MOVE, wanted, before, fields, [], told, now)

    def read_by_hand(self, wanted: FieldRead, told: Told) -> int:
        """Keep what somebody read off the meter; a correction names what it replaces, and both stay."""
        now = self._clock.now()
        checks.past(wanted.at, now)
        if not wanted.registers:
            raise Invalid("there is no value to keep")
        photo = None if wanted.photo is None else self.photos.keep(wanted.photo)
        with self._database.write() as connection:
            hung = checks.hanging(connection, wanted.point, wanted.at)
            depth = _depth(connection, wanted, hung.meter)
            doubts = checks.registers(self._store, hung, wanted.registers, wanted.at)
            if depth == 0:
                doubts = checks.believe(doubts, told)
            else:
                checks.said(told)
            if photo is not None:
                row = {"sha256": photo.sha256, "kind": photo.kind, "bytes": photo.bytes, "by": told.by}
                _put_photo(connection, row | {"recorded_at": now})
            values = {
                "point": wanted.point,
                "meter": hung.meter,
                "at": wanted.at,
                "registers": dict(wanted.registers),
                "doubts": _kept(doubts, told),
                "photo": photo.sha256 if photo else None,
                "by": told.by,
                "why": told.why.strip(),
                "recorded_at": now,
                "replaces": wanted.replaces,
            }
            number = _inserted(connection, read_table, values)
            reading = _reading(hung.meter, wanted.at, wanted.registers, _quality(doubts))
            self._write(connection, f"{MOST_CORRECTIONS - depth:03}", number, [reading])
        return number

    def refuse_seals(self, at: datetime, now: datetime) -> None:
        """Forbidden where seals are another system's; Invalid for a time to come."""
        self._owners.refuse_local("seals")
        checks.past(at, now)

    def prove(self) -> int:
        """See which new meters have been heard since they were hung; how many are proven now. For the job."""
        with self._database.read() as connection:
            waiting = events.events(connection, unproven=True)
        proven = [(row.id, at) for row in waiting if (at := self._proof(row)) is not None]
        if proven:
            with self._database.write() as connection:
                for number, at in proven:
                    mine = (event_table.c.id == number, event_table.c.proven_at.is_(None))
                    connection.execute(update(event_table).where(*mine).values(proven_at=at))
        return len(proven)

    def _proof(self, row: Any) -> datetime | None:
        heard = known.heard(self._store, row.installed)
        with self._database.read() as connection:
            meter = registry.meter(connection, row.installed)
        rated = rules.rated_w(checks.model_of(meter.model), meter.ct_ratio * meter.pt_ratio)
        if not rules.proves(row.installed_registers, row.at, heard, rated):
            return None
        fitting = [heard[name] for name in row.installed_registers or heard if name in heard]
        return max(each.at for each in fitting if each.at >= row.at)

    def _allowed(self, at: datetime, told: Told, *fields: str) -> datetime:
        now = self._clock.now()
        self._owners.refuse_local(*fields)
        checks.said(told)
        checks.past(at, now)
        return now

    def _patch(
        self,
        connection: Connection,
        point: str,
        at: datetime,
        fields: Mapping[str, Any],
        told: Told,
        now: datetime,
    ) -> int:
        checks.nothing_later(connection, point, at, list(fields))
        book = Book(connection, Note(told.by, told.why, now))
        book.patch(point_facts, point, at, None, fields)
        changed = book.write()
        hung = book.spans(point_meter, point)
        current.refresh(connection, [hung[-1].values["meter"]])
        self._tell(connection, [span.values["meter"] for span in hung if span.until > at], at)
        return changed

    def _tell(self, connection: Connection, meters: Sequence[str], since: datetime) -> None:
        for tell in self._changed:
            tell(connection, meters, since)

    def _event(
        self,
        connection: Connection,
        kind: EventKind,
        wanted: RatioChange | Move,
        old: Mapping[str, Any],
        new: Mapping[str, Any],
        doubts: Iterable[Doubtful],
        told: Told,
        now: datetime,
    ) -> int:
        registers = dict(wanted.registers) if isinstance(wanted, RatioChange) else {}
        row = {
            "point": wanted.point,
            "kind": kind.value,
            "at": wanted.at,
            "old": dict(old),
            "new": dict(new),
            "removed_registers": registers,
            "installed_registers": {},
        }
        return _keep(connection, row, doubts, told, now)

    def _write(self, connection: Connection, epoch: str, seq: int, readings: list[Reading]) -> None:
        batch = BatchOfReadings(FIELD, epoch, seq, readings)
        for tell in self._stored:
            tell(connection, batch, readings)
        try:
            self._store.write(batch)
        except StoreFault as fault:
            raise Conflict(f"{fault}; nothing was changed, do it again when that is mended") from None


def _put_meter(connection: Connection, new: NewMeter, old: Installation) -> None:
    row = {
        "address": new.address,
        "model": new.model,
        "gateway": new.gateway,
        "line": new.line,
        "interval_s": new.interval_s,
        "asset_no": new.asset_no,
        "area": old.area,
        "phase": old.phase,
        "role": old.role,
        "installed": False,
    }
    mine = meter_table.c.id == new.id
    there = connection.execute(select(meter_table.c.installed).where(mine)).one_or_none()
    if there is None:
        connection.execute(insert(meter_table).values(id=new.id, **row))
    elif there.installed:
        raise Conflict(f"meter {new.id!r} hangs at another point: take it off there first")
    else:
        connection.execute(update(meter_table).where(mine).values(row))


def _put_photo(connection: Connection, row: Mapping[str, Any]) -> None:
    known_ones = select(photo_table.c.sha256).where(photo_table.c.sha256 == row["sha256"])
    if connection.execute(known_ones).first() is None:
        connection.execute(insert(photo_table).values(dict(row)))


def _depth(connection: Connection, wanted: FieldRead, meter: str) -> int:
    """How many corrections lie under this one: the newest has the lowest identity, so its value wins."""
    if wanted.replaces is None:
        same = (read_table.c.meter == meter, read_table.c.at == wanted.at)
        there = connection.execute(select(read_table.c.id).where(*same)).first()
        if there is not None:
            raise Conflict(f"field read {there.id} is of that meter and instant: correct that one")
        return 0
    depth, number = 0, wanted.replaces
    before = events.read(connection, number)
    if (before.meter, before.at, before.point) != (meter, wanted.at, wanted.point):
        raise Invalid("a correction is of the same point, meter and instant as what it replaces")
    again = connection.execute(select(read_table.c.id).where(read_table.c.replaces == number)).first()
    if again is not None:
        raise Conflict(f"field read {number} was corrected already, by {again.id}")
    row: Any = before
    while row is not None and depth < MOST_CORRECTIONS:
        depth += 1
        row = None if row.replaces is None else events.read(connection, row.replaces)
    return depth


def _keep(
    connection: Connection, row: Mapping[str, Any], doubts: Iterable[Doubtful], told: Told, now: datetime
) -> int:
    rest = {"doubts": _kept(doubts, told), "by": told.by, "why": told.why.strip(), "recorded_at": now}
    return _inserted(connection, event_table, {**row, **rest})


def _kept(doubts: Iterable[Doubtful], told: Told) -> list[dict[str, str]]:
    despite = told.despite.strip()
    return [{"doubt": each.doubt.value, "text": each.text, "despite": despite} for each in doubts]


def _inserted(connection: Connection, table: Any, values: Mapping[str, Any]) -> int:
    made = connection.execute(insert(table).values(dict(values))).inserted_primary_key
    assert made is not None
    return int(made[0])


def _quality(doubts: Iterable[Doubtful]) -> Quality:
    serious = any(each.doubt is not rules.Doubt.NOTHING_KNOWN for each in doubts)
    return Quality.SUSPECT if serious else Quality.GOOD


def _reading(meter: str, at: datetime, registers: Mapping[str, int], quality: Quality) -> Reading:
    return Reading(meter, ms(at), Source.FIELD, dict(registers), quality)
