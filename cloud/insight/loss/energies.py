"""Day energies of an area's points with their bounds: kept as compact rows, given back as arrays."""

import hashlib
import zlib
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import date, timedelta

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import Connection, delete, insert, select

from cloud.analysis.loss.balance import Bounded
from cloud.insight.loss.tables import energy_table, roster_table

VERSION = 1
"""Of the rule by which day energies and their bounds are reckoned."""
Floats = NDArray[np.float64]
_CHUNK = 300


@dataclass(frozen=True, slots=True)
class Roster:
    """Who belongs to an area on a day; `role` int8 as `balance` takes it, `ratio` K of each (points,)."""

    points: tuple[str, ...]
    role: NDArray[np.int8]
    ratio: Floats

    def packed(self) -> bytes:
        told = "\n".join(
            f"{point}\t{role}\t{ratio:g}"
            for point, role, ratio in zip(self.points, self.role, self.ratio, strict=True)
        )
        return zlib.compress(told.encode(), 1)

    @property
    def digest(self) -> str:
        return hashlib.blake2b(self.packed(), digest_size=16).hexdigest()

    @classmethod
    def unpacked(cls, content: bytes) -> "Roster":
        rows = [line.split("\t") for line in zlib.decompress(content).decode().splitlines()]
        return cls(
            tuple(row[0] for row in rows),
            np.array([int(row[1]) for row in rows], np.int8),
            np.array([float(row[2]) for row in rows]),
        )


@dataclass(frozen=True, slots=True)
class AreaDay:
    """One area on one day: kWh bounds of shape (points, 1), in the roster's order."""

    area: str
    feeder: str
    day: date
    roster: Roster
    imported: Bounded
    exported: Bounded
    square: float


@dataclass(frozen=True, slots=True)
class History:
    """One area over days that follow one another; bounds (points, days), `role` -1 where not there.

    A day that was not reckoned is in it as nobody there. `square` kWh² (days,), NaN where not known.
    """

    area: str
    days: tuple[date, ...]
    points: tuple[str, ...]
    role: NDArray[np.int8]
    ratio: Floats
    imported: Bounded
    exported: Bounded
    square: Floats


def put(connection: Connection, found: Iterable[AreaDay]) -> None:
    """Save these in place of those of the same areas and days."""
    known: set[str] = set(connection.scalars(select(roster_table.c.digest)))
    rows, new = [], {}
    by_day: dict[date, list[str]] = {}
    for each in found:
        content = each.roster.packed()
        digest = hashlib.blake2b(content, digest_size=16).hexdigest()
        if digest not in known:
            new[digest] = content
        by_day.setdefault(each.day, []).append(each.area)
        rows.append(
            {
                "area": each.area,
                "day": each.day,
                "roster": digest,
                "content": packed(each.imported, each.exported),
                "square": None if np.isnan(each.square) else each.square,
                "version": VERSION,
            }
        )
    if not rows:
        return
    if new:
        connection.execute(
            insert(roster_table), [{"digest": key, "content": value} for key, value in new.items()]
        )
    table = energy_table.c
    for day, areas in by_day.items():
        for part in _parts(areas):
            connection.execute(delete(energy_table).where(table.day == day, table.area.in_(part)))
    connection.execute(insert(energy_table), rows)


def packed(imported: Bounded, exported: Bounded) -> bytes:
    """Six rows of float32; a bound that is the value is NaN, so that most of them take no room."""
    rows = []
    for each in (imported, exported):
        value, low, high = each.value[:, 0], each.low[:, 0], each.high[:, 0]
        exact = low == high
        rows += [
            np.where(exact, low, value),
            np.where(exact, np.nan, low),
            np.where(exact, np.nan, high),
        ]
    return zlib.compress(np.stack(rows).astype("<f4").tobytes(), 1)


def unpacked(content: bytes) -> NDArray[np.float64]:
    """(6, points): value, low, high of what was drawn and of what was fed in."""
    rows = np.frombuffer(zlib.decompress(content), "<f4").reshape(6, -1).astype(np.float64)
    for first in (0, 3):
        exact = np.isnan(rows[first + 1])
        rows[first + 1 : first + 3, exact] = rows[first, exact]
    return rows


def histories(connection: Connection, areas: Collection[str], first: date, last: date) -> dict[str, History]:
    """Of each of these areas that has any day from `first` to `last`, both included."""
    by_area: dict[str, list[tuple[int, str, bytes, float | None]]] = {}
    table = energy_table.c
    for part in _parts(sorted(areas)):
        query = select(table.area, table.day, table.roster, table.content, table.square).where(
            table.area.in_(part), table.day.between(first, last)
        )
        for area, day, digest, content, square in connection.execute(query):
            by_area.setdefault(area, []).append(((day - first).days, digest, content, square))
    rosters = _rosters(connection, {row[1] for rows in by_area.values() for row in rows})
    days = tuple(first + timedelta(days=number) for number in range((last - first).days + 1))
    return {area: _history(area, days, rows, rosters) for area, rows in sorted(by_area.items())}


def since(of: History, first: date) -> History:
    """The same from `first` on; none of it where all days are before."""
    at = min(max((first - of.days[0]).days, 0), len(of.days))
    if not at:
        return of
    imported, exported = _from(of.imported, at), _from(of.exported, at)
    return History(
        of.area, of.days[at:], of.points, of.role[:, at:], of.ratio, imported, exported, of.square[at:]
    )


def _from(of: Bounded, at: int) -> Bounded:
    return Bounded(of.value[:, at:], of.low[:, at:], of.high[:, at:])


def _rosters(connection: Connection, digests: Collection[str]) -> dict[str, Roster]:
    found = {}
    for part in _parts(sorted(digests)):
        query = select(roster_table).where(roster_table.c.digest.in_(part))
        found.update({row.digest: Roster.unpacked(row.content) for row in connection.execute(query)})
    return found


def _history(
    area: str,
    days: tuple[date, ...],
    rows: Sequence[tuple[int, str, bytes, float | None]],
    rosters: dict[str, Roster],
) -> History:
    used = {digest for _, digest, _, _ in rows}
    points = tuple(sorted({point for digest in used for point in rosters[digest].points}))
    place = {point: number for number, point in enumerate(points)}
    where = {digest: np.array([place[point] for point in rosters[digest].points]) for digest in used}
    values = np.zeros((6, len(points), len(days)))
    role = np.full((len(points), len(days)), -1, np.int8)
    ratio = np.ones(len(points))
    square = np.full(len(days), np.nan)
    for day, digest, content, squared in sorted(rows):
        at = where[digest]
        if not len(at):
            continue
        values[:, at, day] = unpacked(content)
        role[at, day] = rosters[digest].role
        ratio[at] = rosters[digest].ratio
        square[day] = np.nan if squared is None else squared
    imported, exported = Bounded(*values[:3]), Bounded(*values[3:])
    return History(area, days, points, role, ratio, imported, exported, square)


def _parts(items: Sequence[str]) -> list[Sequence[str]]:
    return [items[at : at + _CHUNK] for at in range(0, len(items), _CHUNK)]
