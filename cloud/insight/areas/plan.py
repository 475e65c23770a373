"""Who stood in which area on a day, behind which transformer, and where its files lie: the tasks of a day."""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from datetime import date, datetime, timedelta, tzinfo
from functools import lru_cache
from pathlib import Path

from sqlalchemy import Connection

from cloud.fleet import history, topology
from cloud.fleet.history import area_facts
from cloud.fleet.spans import Span
from cloud.fleet.topology import InService, Installation
from cloud.insight.areas import store
from cloud.insight.areas.policy import QualityPolicy
from cloud.insight.areas.task import AreaTask, Capacity, Gauge
from cloud.insight.curves import QUARTER_S, Partition, Source, sources
from cloud.kit.days import bounds
from cloud.metering.archive import reader
from cloud.metering.archive.layout import Layer
from cloud.metering.archive.reader import Piece
from cloud.metering.primary import Ratio, ratio_of
from cloud.metering.store import ms

_AREA = "area"
_INTERVALS_S = (QUARTER_S, 1800, 3600)


def tasks(
    connection: Connection,
    folder: Path,
    day: date,
    *,
    zone: tzinfo,
    policy: QualityPolicy,
    areas: Collection[str] | None = None,
) -> list[AreaTask]:
    """One for each area that had a point in service and has a file, with all areas of its feeder."""
    start, end = bounds(day, zone)
    facts = history.load(connection, area_facts)
    wanted = _with_their_feeders(areas, facts, start, end)
    found = sources(connection, folder, day, day, zone=zone, areas=wanted)
    raw = _raw(connection, day, zone, wanted)
    known = _factors(connection, day, policy)
    stood = _by_area(topology.in_service(connection, start, end, areas=wanted))
    return [
        _task(area, stood[area], source, raw.get(area, ()), facts.get(area, ()), known.get(area), policy)
        for area, source in found.items()
        if area in stood
    ]


def feeder_of(facts: Mapping[str, Sequence[Span]], area: str, start: datetime, end: datetime) -> str | None:
    """The feeder that an area hung on last in [start, end)."""
    spans = [each for each in facts.get(area, ()) if each.start < end and each.until > start]
    return str(spans[-1].values["feeder"]) if spans else None


def _with_their_feeders(
    areas: Collection[str] | None,
    facts: Mapping[str, Sequence[Span]],
    start: datetime,
    end: datetime,
) -> Collection[str] | None:
    """A feeder's figures are of all its areas: where one is reckoned again, all are."""
    if areas is None:
        return None
    feeders = {area: feeder_of(facts, area, start, end) for area in facts}
    asked = {feeders[area] for area in areas if area in feeders}
    return {area for area, feeder in feeders.items() if feeder in asked}


def _task(
    area: str,
    stood: Sequence[InService],
    source: Source,
    raw: Sequence[Piece],
    spans: Iterable[Span],
    known_factor: float | None,
    policy: QualityPolicy,
) -> AreaTask:
    start, end = bounds(source.first, source.zone)
    mine = {each.point for each in stood}
    outer = [each for each in stood if each.installations[-1].parent not in mine]
    shortest = min(part.interval_s for each in stood for part in each.installations)
    return AreaTask(
        Partition(area, source.first, source.last, tuple(sorted(mine))),
        stood[-1].feeder,
        source,
        tuple(raw),
        next((each for each in _INTERVALS_S if each >= shortest), _INTERVALS_S[-1]),
        tuple(each.point for each in outer if each.role != _AREA),
        tuple(each.point for each in outer if each.role == _AREA),
        tuple(
            _gauge(part, start, end)
            for each in stood
            for part in each.installations
            if policy.voltage.customers or part.role == _AREA
        ),
        tuple(_capacities(spans, start, end)),
        known_factor,
        policy,
    )


def _gauge(part: Installation, start: datetime, end: datetime) -> Gauge:
    ratio = _ratio(part.model, float(part.ct_ratio), float(part.pt_ratio))
    since, until = max(part.start, start), end if part.end is None else min(part.end, end)
    volts, amperes = (float(ratio.factor(name)) for name in ("voltage_l1_v", "current_l1_a"))
    is_area = part.role == _AREA
    return Gauge(part.meter, part.point, is_area, ms(since), ms(until), part.interval_s, volts, amperes)


@lru_cache(maxsize=1024)
def _ratio(model: str, ct_ratio: float, pt_ratio: float) -> Ratio:
    return ratio_of(model, ct_ratio, pt_ratio)


def _capacities(spans: Iterable[Span], start: datetime, end: datetime) -> Iterator[Capacity]:
    for each in spans:
        if each.start < end and each.until > start:
            yield Capacity(ms(max(each.start, start)), each.values["capacity_kva"])


def _raw(
    connection: Connection, day: date, zone: tzinfo, areas: Collection[str] | None
) -> dict[str, list[Piece]]:
    found: dict[str, list[Piece]] = {}
    for piece in reader.pieces(connection, Layer.RAW, day, day, zone, areas):
        found.setdefault(piece.entry.area, []).append(piece)
    return found


def _factors(connection: Connection, day: date, policy: QualityPolicy) -> dict[str, float]:
    since = day - timedelta(days=policy.transformer.known_days)
    return store.last_factors(connection, since, day - timedelta(days=1))


def _by_area(stood: Iterable[InService]) -> dict[str, list[InService]]:
    found: dict[str, list[InService]] = {}
    for each in stood:
        found.setdefault(each.area, []).append(each)
    return found
