"""Counts one local day: merges what came into the rows of its meters, sums areas, brings the gaps up to date.

A few areas to a transaction, so that messages are taken in between however large the station is; each
transaction reads what it changes, so several processes may count.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta, tzinfo

import numpy as np
from sqlalchemy import Connection, Row, insert, select, update

from cloud.fleet import topology
from cloud.kit.days import local_day
from cloud.kit.db import Database
from cloud.kit.scope import WHOLE_STATION
from cloud.metering.ledger import asked as asking
from cloud.metering.ledger import disturbances, exclusions, scan, serving, sheets
from cloud.metering.ledger.causes import Troubles
from cloud.metering.ledger.counting import (
    REASONS,
    Marks,
    Sheet,
    due,
    figures,
    freezes,
    merge,
)
from cloud.metering.ledger.days import DaySlots, slots_of
from cloud.metering.ledger.exclusions import Windows
from cloud.metering.ledger.found_gaps import FoundGaps
from cloud.metering.ledger.inbox import MAIN, Mark
from cloud.metering.ledger.policy import CollectionPolicy
from cloud.metering.ledger.reasons import Excluded
from cloud.metering.ledger.serving import Served
from cloud.metering.ledger.sums import Sums
from cloud.metering.ledger.tables import day_table
from cloud.metering.store import SOURCE_ID, ReadingStore
from protocols.readings import Source

MOST = 500
"""Meters to a transaction, about: some 30 ms of the one writer."""
_LOOK_BACK = timedelta(days=31)
_NEW = 1 + REASONS.index(Excluded.NOT_COMMISSIONED)


@dataclass(frozen=True, slots=True)
class Station:
    """What every count works with; `outages`, `troubles` tell what slices above know."""

    database: Database
    store: ReadingStore
    policy: CollectionPolicy
    zone: tzinfo
    outages: exclusions.Source
    troubles: disturbances.Source


class DayCount:
    """One day as of `now`. With `look` the store itself is read too; `areas` None are all."""

    def __init__(
        self, station: Station, day: date, now: datetime, marks: Mapping[str, Sequence[Mark]] | None = None
    ) -> None:
        self._station, self._day, self._now, self._marks = station, day, now, marks or {}
        self._slots = slots_of(day, station.zone, 900)
        self._deadline = datetime.combine(day, station.policy.freeze.by, station.zone)
        self._gaps = FoundGaps(now, self._gathered)
        self._troubles: Troubles | None = None
        self._unheard_of: set[str] = set()

    def run(self, *, look: bool = False, areas: Collection[str] | None = None) -> int:
        """How many meters were in service. `areas` are counted with the points they had the time before."""
        start, end = self._slots.start, self._slots.end
        with self._station.database.read() as connection:
            since = state(connection, self._day)
            points = None if areas is None else sheets.points(connection, self._day, areas)
            meters = serving.served(connection, start, end, areas, points)
            self._asked = asking.asked(connection, start, end)
            declared = exclusions.declared(connection, start, end)
            self._windows = Windows([*declared, *self._station.outages(connection, start, end)])
        before = None if since is None else since.counted_at
        for chunk in serving.chunks(meters, MOST):
            self._chunk(chunk, look, before)
        if areas is None:
            with self._station.database.write() as connection:
                sheets.forget_areas(connection, self._day, {each.area for each in meters})
                save_state(connection, self._day, self._now, looked=look)
        return len(meters)

    def _chunk(self, meters: list[Served], look: bool, before: datetime | None) -> None:
        names = [each.meter for each in meters]
        self._unheard_of = self._not_there_yet(meters)
        marks = self._came(names, look, before)
        with self._station.database.write() as connection:
            known = sheets.rows(connection, self._day, names)
            sums = Sums(self._day, self._deadline)
            for slot_s in sorted({each.slot_s for each in meters}):
                rows = [number for number, each in enumerate(meters) if each.slot_s == slot_s]
                mine = scan.of_rows(marks, rows, len(meters))
                slots = slots_of(self._day, self._station.zone, slot_s)
                self._group(connection, slots, [meters[row] for row in rows], known, mine, sums)
            areas = {each.area for each in meters}
            sheets.forget_others(connection, self._day, areas, names)
            sums.save(connection, areas)

    def _came(self, names: list[str], look: bool, before: datetime | None) -> Marks:
        """Outside of the transaction: the store is another database, and slow."""
        mine = [mark for name in names for mark in self._marks.get(name, ())]
        noted = scan.noted(mine, {name: number for number, name in enumerate(names)})
        if not look:
            return noted
        found = scan.scanned(self._station.store, names, self._slots.start, self._slots.end, before)
        return scan.both(noted, found)

    def _group(
        self,
        connection: Connection,
        slots: DaySlots,
        meters: list[Served],
        known: sheets.Rows,
        marks: Marks,
        sums: Sums,
    ) -> None:
        policy = self._station.policy
        made = sheets.sheet(slots, meters, known, self._windows)
        merge(made, marks, policy.curve.late_after, SOURCE_ID[Source.FREEZE], SOURCE_ID[Source.FIELD])
        self._leave_out_new(connection, made, meters)
        found = figures(made, due(slots, self._now, policy.curve.close_after))
        frozen = freezes(made, self._deadline, self._now, [each.remembers for each in meters])
        sheets.save(connection, known, sheets.filled(made, meters, found, frozen))
        sums.add(made, meters, found, frozen, self._asked)
        overdue = due(slots, self._now, max(policy.gaps.after, policy.curve.close_after))
        self._gaps.update(connection, made, meters, found.missing & overdue)

    def _leave_out_new(self, connection: Connection, made: Sheet, meters: Sequence[Served]) -> None:
        """A meter that never answered is not commissioned, for some days; then it is missing."""
        places = {each.meter: number for number, each in enumerate(meters)}
        days = timedelta(days=self._station.policy.service.commission_days)
        young = {
            each.meter: number
            for number, each in enumerate(meters)
            if each.installed is not None and self._day < local_day(each.installed, self._station.zone) + days
        }
        new = young.keys() - sheets.ever_heard(connection, self._day, young) if young else set()
        for meter in new | self._unheard_of:
            row = young.get(meter, places.get(meter))
            if row is None:
                continue
            heard = made.heard[row].nonzero()[0]
            made.left_out[row, : heard[0] if len(heard) else None] = _NEW

    def _not_there_yet(self, meters: Sequence[Served]) -> set[str]:
        """Those that the registry did not know yet that day, and that were not heard in the time before it.

        A document says of no meter since when it hangs: who had nobody to expect it, had none to miss.
        """
        always = [each.meter for each in meters if each.installed is None]
        with self._station.database.read() as connection:
            known = topology.known_since(connection, always)
        early = [meter for meter in always if self._day < local_day(known[meter], self._station.zone)]
        if not early:
            return set()
        start = self._slots.start
        asked = self._station.store.columns(WHOLE_STATION, early, [MAIN], start - _LOOK_BACK, start)
        return set(early) - {early[index] for index in np.unique(asked[0].meter).tolist()}

    def _gathered(self, connection: Connection) -> Troubles:
        if self._troubles is None:
            start, end, slack = self._slots.start, self._slots.end, self._station.policy.gaps.slack
            told = self._station.troubles(connection, start, end)
            own = disturbances.own(connection, start, end, self._now)
            self._troubles = Troubles([*told, *own], slack, self._now)
        return self._troubles


# which days were counted, and when


def state(connection: Connection, day: date) -> Row[tuple[date, datetime, datetime | None, int]] | None:
    """(day, counted_at, scanned_at, stale); None when it was never counted."""
    return connection.execute(select(day_table).where(day_table.c.day == day)).one_or_none()


def save_state(connection: Connection, day: date, now: datetime, *, looked: bool) -> None:
    values: dict[str, object] = {"counted_at": now, "stale": 0} | ({"scanned_at": now} if looked else {})
    if not connection.execute(update(day_table).where(day_table.c.day == day).values(values)).rowcount:
        connection.execute(insert(day_table).values(day=day, **values))


def set_stale(connection: Connection, first: date, last: date) -> None:
    """Those days are counted anew at the next turn: what is left out of them has changed."""
    connection.execute(update(day_table).where(day_table.c.day.between(first, last)).values(stale=1))
