"""What each view of the service says of a period: a sum in whole Wh, and the stretches it leaves out."""

import csv
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from io import BytesIO
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import openpyxl
import pyarrow.parquet as pq
from greenbutton_objects import parse
from lxml import etree

from cloud.customers import store as customers
from cloud.exchange.choice import Kind, Target, period
from cloud.exchange.exporting import Asked, export
from cloud.exchange.formats import Content, Format
from cloud.exchange.gather import Origin
from cloud.kit.scope import WHOLE_STATION
from cloud.metering.archive import reader
from cloud.metering.archive.layout import Layer
from cloud.metering.points import PointSink
from cloud.metering.vee import days
from cloud.metering.vee.days import Channel
from cloud.web import portal_usage
from tests.clients import TestClient
from tests.cloud.energy.lives import IMPORT, MODULUS_WH, Period
from tests.cloud.energy.station import Station

CIM = "{http://iec.ch/TC57/2011/MeterReadings#}"


@dataclass
class Seen:
    """`wh` as the view has it; `unknown` [from, to) of what it says it does not know."""

    wh: float = 0.0
    unknown: list[tuple[datetime, datetime]] = field(default_factory=list)

    def add(self, value: float | None, start: datetime, end: datetime) -> None:
        if value is None or value != value:
            self.unknown.append((start, end))
        else:
            self.wh += value


View = Callable[[Station, str, str], Seen]


def series(station: Station, point: str, channel: str) -> Seen:
    """Differences of what `GET /meters/{id}/series` gives; not over an instant it names in `breaks`."""
    app, seen = station.application, Seen()
    client = TestClient(app.asgi, base_url="https://station.example/api/v1")
    client.post("login", json={"login": "operator", "password": station.password})
    for meter in station.lived[point].life.meters:
        answer = _series(client, meter, channel, station.period)
        breaks = [_at(each) for each in answer["breaks_ms"]]
        pairs = [(_at(at), value) for at, value in zip(answer["at_ms"], answer["values"], strict=True)]
        for (start, low), (end, high) in pairwise(pairs):
            over = any(start < each <= end for each in breaks)
            seen.add(None if over else (high - low) % MODULUS_WH, start, end)
    return seen


def _series(client: TestClient, meter: str, channel: str, whole: Period) -> Any:
    """All pages as one."""
    end = whole.end + timedelta(milliseconds=1)
    asked = {"quantity": channel, "start": whole.start.isoformat(), "end": end.isoformat(), "limit": "200"}
    found: dict[str, Any] | None = None
    while True:
        answer = client.get(f"meters/{meter}/series", params=asked)
        assert answer.status_code == 200, answer.text
        page = answer.json()
        if found is None:
            found = page
        else:
            for name in ("at_ms", "values"):
                found[name] += page[name]
        if page["next"] is None:
            return found
        asked["start"] = page["next"]


def _at(at_ms: int) -> datetime:
    return datetime.fromtimestamp(at_ms / 1000, UTC)


def portal_hours(station: Station, point: str, _: str) -> Seen:
    seen = Seen()
    for shown in _portal(station, point):
        for slot in shown.slots:
            if slot is not None:
                assert not slot.ahead
                seen.add(slot.wh, _at(slot.start_ms), _at(slot.end_ms))
    return seen


def portal_days(station: Station, point: str, _: str) -> Seen:
    seen = Seen()
    for shown in _portal(station, point):
        start = station.period.midnight(shown.date)
        end = station.period.midnight(shown.date + timedelta(days=1))
        if shown.kwh is None or shown.since is None or shown.until is None:
            seen.add(None, start, end)
            continue
        seen.add(shown.kwh * 1000, start, end)
        for first, last in ((start, shown.since), (shown.until, end)):
            if first < last:
                seen.unknown.append((first, last))
    return seen


def _portal(station: Station, point: str) -> list[portal_usage.Usage]:
    app = station.application
    with app.database.read() as connection:
        scope = customers.scope_of_account(connection, f"10-{point}")
    return [
        portal_usage.of_day(app.primary, scope, day, station.period.zone, station.clock.now())
        for day in station.period.days
    ]


def final(station: Station, point: str, channel: str) -> Seen:
    """The final layer of validated days."""
    seen, whole = Seen(), station.period
    with station.application.database.read() as connection:
        found = days.newest(connection, whole.first, whole.last, points=[point], channel=Channel(channel))
        for day in found:
            step = timedelta(seconds=day.interval_s)
            for slot, value in enumerate(day.final_wh.tolist()):
                seen.add(value, day.start + slot * step, day.start + (slot + 1) * step)
    return seen


def archived(station: Station, point: str, channel: str) -> Seen:
    return _matrix(station, point, channel, Layer.FINAL, _interval_s(station, point))


def archived_hours(station: Station, point: str, channel: str) -> Seen:
    return _matrix(station, point, channel, Layer.HOURLY, 3600)


def _interval_s(station: Station, point: str) -> int:
    return 900 * station.lived[point].life.every


def _matrix(station: Station, point: str, channel: str, layer: Layer, interval_s: int) -> Seen:
    app, whole, seen = station.application, station.period, Seen()
    with app.database.read() as connection:
        found = reader.matrix(
            connection, station.settings.archive.folder, [point], channel, whole.first, whole.last,
            zone=whole.zone, layer=layer, interval_s=interval_s,
        )  # fmt: skip
    assert found.dtype == np.float32
    step = timedelta(seconds=interval_s)
    for slot, value in enumerate(found[0].astype(np.float64).tolist()):
        seen.add(value, whole.start + slot * step, whole.start + (slot + 1) * step)
    return seen


def exported(format: Format) -> View:  # noqa: A002
    """A view of one format; what is missing there has an empty value or no element."""

    def of(station: Station, point: str, channel: str) -> Seen:
        path = station.settings.data_dir / f"{point}.{format}"
        write(station, Target(Kind.POINT, point), format, path)
        return _of_parts(READ[format](path, channel), station.period)

    return of


def write(station: Station, target: Target, format: Format, path: Path) -> None:  # noqa: A002
    app, whole = station.application, station.period
    asked = Asked(target, period(whole.first, whole.last, whole.zone), format, Content.INTERVALS, "示例")
    out = BytesIO()
    export(Origin(app.database, app.store), WHOLE_STATION, asked, station.clock.now(), out)
    path.write_bytes(out.getvalue())


Part = tuple[datetime, datetime, float]


def _of_parts(parts: list[Part], whole: Period) -> Seen:
    """Time that no part speaks of is unknown."""
    seen, told = Seen(), whole.start
    for start, end, value in sorted(parts):
        assert start >= told, "two parts speak of one time"
        if start > told:
            seen.unknown.append((told, start))
        seen.wh += value
        told = end
    if told < whole.end:
        seen.unknown.append((told, whole.end))
    return seen


def of_csv(path: Path, channel: str) -> list[Part]:
    with path.open(encoding="utf-8-sig", newline="") as file:
        return [
            (_iso(row["start"]), _iso(row["end"]), float(row["energy [Wh]"]))
            for row in csv.DictReader(file)
            if row["energy [Wh]"] and row["quantity"] == channel
        ]


def _iso(text: str) -> datetime:
    return datetime.fromisoformat(text).astimezone(UTC)


def _of_xlsx(path: Path, channel: str) -> list[Part]:
    rows = list(openpyxl.load_workbook(path)["intervals"].iter_rows(values_only=True))
    at = {str(name): number for number, name in enumerate(rows[0])}
    return [
        (_iso(str(row[at["start"]])), _iso(str(row[at["end"]])), float(str(row[at["energy [Wh]"]])))
        for row in rows[1:]
        if row[at["energy [Wh]"]] is not None and row[at["quantity"]] == channel
    ]


def _of_parquet(path: Path, channel: str) -> list[Part]:
    return [
        (row["start"].astimezone(UTC), row["end"].astimezone(UTC), row["energy"])
        for row in pq.read_table(path).to_pylist()
        if row["energy"] is not None and row["quantity"] == channel
    ]


def _of_espi(path: Path, channel: str) -> list[Part]:
    (point,) = parse.parse_feed(path)
    way = {IMPORT: "forward"}.get(channel, "reverse")
    return [
        (
            each.timePeriod.start.astimezone(UTC),
            each.timePeriod.start.astimezone(UTC) + each.timePeriod.duration,
            each.value,
        )
        for meter in point.meterReadings
        if meter.readingType.flowDirection.name == way
        for each in meter.intervalReadings
    ]


def _of_iec(path: Path, channel: str) -> list[Part]:
    flow = {IMPORT: "1"}.get(channel, "19")
    return [
        (
            _iso(each.findtext(f"{CIM}timePeriod/{CIM}start")),
            _iso(each.findtext(f"{CIM}timePeriod/{CIM}end")),
            float(each.findtext(f"{CIM}value")),
        )
        for block in etree.parse(path).findall(f"{CIM}MeterReading/{CIM}IntervalBlocks")
        if block.find(f"{CIM}ReadingType").get("ref").split(".")[4] == flow
        for each in block.findall(f"{CIM}IntervalReadings")
    ]


READ: dict[Format, Callable[[Path, str], list[Part]]] = {
    Format.CSV: of_csv,
    Format.XLSX: _of_xlsx,
    Format.PARQUET: _of_parquet,
    Format.ESPI: _of_espi,
    Format.IEC61968: _of_iec,
}
EACH_POINT: dict[str, View] = {
    "series": series,
    "final": final,
    "archive": archived,
    "archive by hours": archived_hours,
    **{f"export {each.value}": exported(each) for each in Format},
}
PORTAL: dict[str, View] = {"portal hours": portal_hours, "portal days": portal_days}


AreaView = Callable[[Station, str], Seen]


def boards(station: Station, area: str) -> Seen:
    """`area_15min` as it was written; a quarter-hour without the field is not known."""
    seen, whole = Seen(), station.period
    known = _of_influx(station, area) if isinstance(station.application.store, PointSink) else None
    if known is None:
        points = station.sheet.points.values()
        known = {
            each.at: float(each.fields["energy_wh"])
            for each in points
            if each.tags.get("area") == area and "energy_wh" in each.fields
        }
    for slot in range(whole.slots):
        seen.add(known.get(whole.at(slot)), whole.at(slot), whole.at(slot + 1))
    return seen


def _of_influx(station: Station, area: str) -> dict[datetime, float]:
    assert station.query is not None
    found = station.query(f"SELECT energy_wh FROM area_15min WHERE area = '{area}'")
    return {_at(at_ms): wh for each in found for at_ms, wh in each["values"] if wh is not None}


def exported_area(station: Station, area: str) -> Seen:
    """A CSV of the area: points side by side, so the time that one leaves out is left out by all."""
    path = station.settings.data_dir / f"{area}.csv"
    write(station, Target(Kind.AREA, area), Format.CSV, path)
    parts = of_csv(path, IMPORT)
    return Seen(sum(wh for _, _, wh in parts))
