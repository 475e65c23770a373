"""The turn of searches: feeder by feeder, a part of the station each night, each area once a week."""

from collections.abc import Collection, Sequence
from datetime import date, timedelta, tzinfo
from pathlib import Path

from sqlalchemy import Connection

from cloud.analysis.loss import evidence
from cloud.analysis.loss.evidence import Item
from cloud.insight.loss import area_history, energies, listing, misplaced, searching, store
from cloud.insight.loss.area_history import Area
from cloud.insight.loss.listing import Span
from cloud.insight.loss.policy import LossPolicy
from cloud.insight.loss.store import Inspection, Searched
from cloud.kit.clock import Clock
from cloud.kit.db import Database


class Searches:
    """`folder` is the archive's: the parts of a day are read from it."""

    def __init__(
        self, database: Database, folder: Path, policy: LossPolicy, zone: tzinfo, clock: Clock
    ) -> None:
        self._database, self._folder, self._policy = database, folder, policy
        self._zone, self._clock = zone, clock

    def run(self, day: date, areas: Collection[str] | None = None) -> Searched:
        """Search the history up to `day` of the areas whose turn it is, or of these whatever their turn.

        Feeder by feeder: an area's energies are held against its neighbours' losses, too.
        """
        with self._database.read() as connection:
            groups = self._groups(connection, day, areas)
        total = Searched(0, 0, 0, 0)
        for group in groups:
            total += self._search(group, day)
        return total

    def _groups(
        self, connection: Connection, day: date, areas: Collection[str] | None
    ) -> list[tuple[str, ...]]:
        """Areas by feeder; by themselves those feeders whose last search is oldest, a part each night."""
        of: dict[str, list[str]] = {}
        for each in store.areas(connection, day):
            of.setdefault(each.feeder, []).append(each.key)
        if areas is not None:
            wanted = set(areas)
            return [tuple(sorted(own)) for own in of.values() if wanted.intersection(own)]
        last = store.searched(connection)
        due = day - timedelta(days=self._policy.search.every_days)
        oldest = {feeder: min(last.get(area, date.min) for area in own) for feeder, own in of.items()}
        share = -(-sum(map(len, of.values())) // self._policy.search.every_days)
        groups, count = [], 0
        for feeder in sorted(of, key=lambda each: (oldest[each], each)):
            if oldest[feeder] > due or count >= share:
                break
            groups.append(tuple(sorted(of[feeder])))
            count += len(of[feeder])
        return groups

    def _search(self, group: tuple[str, ...], day: date) -> Searched:
        zone, own = self._zone, self._policy.search
        with self._database.read() as connection:
            known: dict[str, list[Inspection]] = {area: [] for area in group}
            for each in store.of_areas(connection, group):
                known[each.area].append(each)
            seen = {area: listing.inspected_on(known[area], zone) for area in group}
            first = {
                area: area_history.window(own.days, tuple(seen[area].values()), day, own.least_days)
                for area in group
            }
            whole = energies.histories(connection, group, min(first.values()), day)
            found = {
                area: area_history.area_of(energies.since(each, first[area]), self._policy)
                for area, each in whole.items()
            }
            together = [area_history.area_of(each, self._policy) for area, each in whole.items()]
            items = self._items(connection, found, together)
        now = self._clock.now()
        done = Searched(len(group), 0, 0, 0)
        with self._database.write() as connection:
            for area in group:
                clean = int(found[area].clean.sum()) if area in found else 0
                changed = listing.keep(
                    connection,
                    items.get(area, []),
                    known[area],
                    Span(first[area], day, zone),
                    now,
                    whole=clean >= own.least_days,
                )
                outcome = "searched" if clean >= own.least_days else "too_few_days"
                store.note_search(connection, area, day, clean, outcome, now)
                done += Searched(0, changed.listed, changed.again, changed.lapsed)
        return done

    def _items(
        self, connection: Connection, found: dict[str, Area], together: Sequence[Area]
    ) -> dict[str, list[Item]]:
        """What was found in each area, one item for each place."""
        policy, items = self._policy, list(misplaced.misplaced(together, self._policy))
        for area in found.values():
            mine = list(searching.under_registered(area, policy, connection, self._folder, self._zone))
            explained = sum(each.kwh_month or 0.0 for each in mine)
            items += [*mine, *searching.fallen(area, policy)]
            items += searching.of_area_itself(area, explained, policy)
        area_of = {point: area.name for area in found.values() for point in area.history.points}
        days = next(iter(found.values())).history.days if found else ()
        if days:
            span = Span(days[0], days[-1], self._zone)
            together_visited = listing.visits(connection, area_of, span)
            for area in found.values():
                items += misplaced.crossed_at_exchanges(area, together_visited)
            told = listing.events(connection, area_of, span)
            items = listing.with_events([*items, *listing.faults(area_of, told)], told)
        by_area: dict[str, list[Item]] = {}
        for item in evidence.together(items):
            by_area.setdefault(item.area, []).append(item)
        return by_area
