"""What leaves the station: every format says the same, within the Scope; what is missing stays missing."""

import csv
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
import openpyxl
import pyarrow.parquet as pq
import pytest
from greenbutton_objects import parse
from lxml import etree

from cloud.exchange import choice, daylight, gather, write_espi, write_xlsx
from cloud.exchange.blocks import Block, Head, What
from cloud.exchange.choice import Kind, Target
from cloud.exchange.formats import Content, Format
from cloud.fleet import topology
from cloud.fleet.registry import import_registry
from cloud.kit.errors import Invalid, NotFound
from cloud.kit.scope import Scope, Window
from cloud.metering.vee import days
from cloud.metering.vee.days import Channel, Flag, Method, PointDay
from protocols.readings import Source
from tests.cloud.conftest import REGISTRY
from tests.cloud.exchange.place import SHANGHAI, Place

MIDNIGHT = datetime(2026, 2, 28, 16, tzinfo=UTC)  # of 1 March in Shanghai
QUARTER = timedelta(minutes=15)
CIM = "{http://iec.ch/TC57/2011/MeterReadings#}"


def at(slot: int) -> datetime:
    return MIDNIGHT + slot * QUARTER


@pytest.fixture
def read(place: Place) -> Place:
    """M-1 on 1 and 2 March by quarter-hours, 100 Wh more each; silent from slot 20 to 30."""
    place.read("M-1", [(at(n), 1000 + 100 * n) for n in range(193) if not 20 < n < 30])
    return place


def cells(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8-sig", newline="") as file:
        return list(csv.DictReader(file))


def test_csv_has_a_bom_offsets_units_and_an_empty_cell_for_what_is_missing(read: Place) -> None:
    path, done = read.export(Format.CSV, "2026-03-01", "2026-03-02")
    assert path.read_bytes().startswith(b"\xef\xbb\xbfpoint,meter,quantity,start,end,energy [Wh],")
    rows = cells(path)
    assert (done.rows, len(rows)) == (192, 192)
    assert rows[0]["start"] == "2026-03-01T00:00:00+08:00"
    assert rows[0]["end"] == "2026-03-01T00:15:00+08:00"
    assert {row["energy [Wh]"] for row in rows if row["method"] == "raw"} == {"100"}
    missing = [row for row in rows if row["method"] == "missing"]
    assert len(missing) == 10
    assert {row["energy [Wh]"] for row in missing} == {""}


def test_the_future_is_not_missing(read: Place) -> None:
    read.clock.set(at(100))
    path, _ = read.export(Format.CSV, "2026-03-01", "2026-03-31")
    assert len(cells(path)) == 100


def test_registers_are_as_read_with_source_and_quality(read: Place) -> None:
    read.read("M-1", [(at(96), 10_600)], Source.FREEZE)
    path, _ = read.export(Format.CSV, "2026-03-02", "2026-03-02", Content.REGISTERS)
    rows = cells(path)
    assert [(row["register [Wh]"], row["source"]) for row in rows[:2]] == [
        ("10600", "polled"),
        ("10600", "freeze"),
    ]
    assert len(rows) == 97


def test_a_validated_day_goes_before_the_raw_one_with_method_and_flags(read: Place) -> None:
    put(read, date(2026, 3, 1))
    path, _ = read.export(Format.CSV, "2026-03-01", "2026-03-02")
    rows = cells(path)
    assert rows[25]["energy [Wh]"] == "99.5"
    assert (rows[25]["method"], rows[25]["quality"]) == ("interpolated", "gap")
    assert rows[26]["method"] == "missing"
    assert rows[26]["energy [Wh]"] == ""
    assert rows[96]["method"] == "raw"


def put(place: Place, day: date) -> None:
    final = np.full(96, 100.0)
    final[25], final[26] = 99.5, np.nan
    flags, method = np.zeros(96, np.uint32), np.full(96, Method.MEASURED, np.uint8)
    flags[25], method[25], method[26] = Flag.GAP, Method.INTERPOLATED, Method.MISSING
    made = PointDay("M-1", Channel.IMPORT, day, MIDNIGHT, 900, final, flags, method)
    with place.origin.database.write() as connection:
        days.put(connection, [made], by="test", why="示例", at=MIDNIGHT)


def test_every_format_holds_the_same_energies(read: Place) -> None:
    put(read, date(2026, 3, 1))
    wanted = {
        row["start"]: float(row["energy [Wh]"])
        for row in cells(read.export(Format.CSV, "2026-03-01", "2026-03-02")[0])
        if row["energy [Wh]"]
    }
    assert len(wanted) == 191
    for format in (Format.XLSX, Format.PARQUET, Format.ESPI, Format.IEC61968):  # noqa: A001
        path, _ = read.export(format, "2026-03-01", "2026-03-02", Content.INTERVALS)
        assert ENERGIES[format](path) == wanted, format


def of_xlsx(path: Path) -> dict[str, float]:
    rows = list(openpyxl.load_workbook(path)["intervals"].iter_rows(values_only=True))
    assert rows[0][5] == "energy [Wh]"
    return {str(row[3]): float(row[5]) for row in rows[1:] if row[5] is not None}


def of_parquet(path: Path) -> dict[str, float]:
    table = pq.read_table(path)
    assert {str(table.schema.field("start").type), str(table.schema.field("energy").type)} == {
        "timestamp[ms, tz=UTC]",
        "double",
    }
    rows = table.to_pylist()
    return {shown(row["start"]): row["energy"] for row in rows if row["energy"] is not None}


def of_espi(path: Path) -> dict[str, float]:
    (point,) = parse.parse_feed(path)
    assert point.title == "M-1"
    (series,) = point.meterReadings
    assert (series.readingType.uom.name, series.readingType.intervalLength) == ("wattHours", 900)
    assert series.readingType.accumulationBehaviour.name == "deltaData"
    found = {shown(each.timePeriod.start): round(each.value, 6) for each in series.intervalReadings}
    qualities = {
        quality.quality.name for each in series.intervalReadings for quality in each.readingQualities
    }
    assert {"raw", "validated", "estimatedUsingLinearInterpolation", "questionable"} == qualities
    return found


def of_iec61968(path: Path) -> dict[str, float]:
    tree = etree.parse(path)
    blocks = tree.findall(f"{CIM}MeterReading/{CIM}IntervalBlocks")
    types = {block.find(f"{CIM}ReadingType").get("ref") for block in blocks}
    assert types == {"0.0.2.4.1.1.12.0.0.0.0.0.0.0.0.0.72.0"}
    readings = [each for block in blocks for each in block.findall(f"{CIM}IntervalReadings")]
    assert readings[0].findtext(f"{CIM}timeStamp") == readings[0].findtext(f"{CIM}timePeriod/{CIM}end")
    return {
        each.findtext(f"{CIM}timePeriod/{CIM}start"): float(each.findtext(f"{CIM}value")) for each in readings
    }


def shown(instant: datetime) -> str:
    return instant.astimezone(SHANGHAI).isoformat()


ENERGIES: dict[Format, Any] = {
    Format.XLSX: of_xlsx,
    Format.PARQUET: of_parquet,
    Format.ESPI: of_espi,
    Format.IEC61968: of_iec61968,
}


def test_registers_go_out_in_xml_too(read: Place) -> None:
    path, done = read.export(Format.IEC61968, "2026-03-01", "2026-03-02")
    meter = etree.parse(path).find(f"{CIM}MeterReading")
    assert [child.tag.removeprefix(CIM) for child in meter][:1] == ["IntervalBlocks"]
    order = list(dict.fromkeys(child.tag.removeprefix(CIM) for child in meter))
    assert order == ["IntervalBlocks", "Meter", "Readings", "UsagePoint"]
    first = meter.find(f"{CIM}Readings")
    assert (first.findtext(f"{CIM}value"), first.find(f"{CIM}ReadingType").get("ref")) == (
        "1000",
        "0.0.0.1.1.1.12.0.0.0.0.0.0.0.0.0.72.0",
    )
    (point,) = parse.parse_feed(read.export(Format.ESPI, "2026-03-01", "2026-03-02")[0])
    kinds = {each.readingType.accumulationBehaviour.name: each for each in point.meterReadings}
    assert set(kinds) == {"deltaData", "cumulative"}
    values = [each.value for each in kinds["cumulative"].intervalReadings]
    assert values[:2] == [1000, 1100]
    assert done.rows == 182 + 183


def test_espi_is_a_feed_whose_entries_have_what_atom_demands(read: Place) -> None:
    root = etree.parse(read.export(Format.ESPI, "2026-03-01", "2026-03-01")[0]).getroot()
    atom = "{http://www.w3.org/2005/Atom}"
    entries = root.findall(f"{atom}entry")
    for each in (root, *entries):
        assert [each.find(f"{atom}{name}") is not None for name in ("id", "title", "updated")] == [True] * 3
    assert len({each.findtext(f"{atom}id") for each in entries}) == len(entries)
    espi = {each[-3][0].tag.partition("}")[2] for each in entries}
    assert espi == {"LocalTimeParameters", "UsagePoint", "MeterReading", "ReadingType", "IntervalBlock"}


def test_the_clocks_rules_are_those_of_the_zone() -> None:
    """From the schema's own description of the bits: the last Sunday of March, 02:00; of October, 03:00."""
    berlin = daylight.rules(ZoneInfo("Europe/Berlin"), 2026)
    assert int(berlin.start, 16) == 2 << 12 | 7 << 17 | 7 << 25 | 3 << 28
    assert int(berlin.end, 16) == 3 << 12 | 7 << 17 | 7 << 25 | 10 << 28
    assert (berlin.saving_s, berlin.standard_s) == (3600, 3600)
    york = daylight.rules(ZoneInfo("America/New_York"), 2026)
    assert int(york.start, 16) == 2 << 12 | 7 << 17 | 3 << 25 | 3 << 28  # the second Sunday of March
    assert daylight.rules(SHANGHAI, 2026) == daylight.Rules("FFFFFFFF", "FFFFFFFF", 0, 28_800)


def test_a_day_of_92_and_one_of_100(place: Place) -> None:
    berlin = ZoneInfo("Europe/Berlin")
    spring = datetime(2026, 3, 28, 23, tzinfo=UTC)
    autumn = datetime(2026, 10, 24, 22, tzinfo=UTC)
    for start, slots in ((spring, 92), (autumn, 100)):
        place.read(
            "M-1", [(start + n * QUARTER, int(start.timestamp() // 100) + n) for n in range(slots + 1)]
        )
    for day, slots in (("2026-03-29", 92), ("2026-10-25", 100)):
        rows = cells(place.export(Format.CSV, day, day, zone=berlin)[0])
        assert [row["energy [Wh]"] for row in rows] == ["1"] * slots
        assert rows[0]["start"].startswith(f"{day}T00:00")
        assert rows[-1]["end"].startswith(str(date.fromisoformat(day) + timedelta(days=1)) + "T00:00")


def test_a_register_that_fell_leaves_its_intervals_empty(place: Place) -> None:
    place.read("M-1", [(at(n), 1000 + n if n < 50 else n) for n in range(97)])
    rows = cells(place.export(Format.CSV, "2026-03-01", "2026-03-01")[0])
    assert [n for n, row in enumerate(rows) if row["method"] == "missing"] == [49]


def test_edges_between_readings_are_marked_as_such(place: Place) -> None:
    place.read("M-1", [(at(n) + timedelta(minutes=5), 150 * n) for n in range(-1, 98)])
    rows = cells(place.export(Format.CSV, "2026-03-01", "2026-03-01")[0])
    assert {(row["energy [Wh]"], row["method"]) for row in rows} == {("150", "raw_interpolated")}


def test_a_customer_gets_no_interval_from_before_they_moved_in(read: Place) -> None:
    scope = Scope((Window("M-1", at(100), None),))
    rows = cells(read.export(Format.CSV, "2026-03-01", "2026-03-02", scope=scope)[0])
    assert rows[0]["start"] == shown(at(100))
    assert len(rows) == 92
    registers = read.export(Format.CSV, "2026-03-01", "2026-03-02", Content.REGISTERS, scope=scope)[0]
    assert cells(registers)[0]["at"] == shown(at(100))


@pytest.mark.parametrize(
    "target", [Target(Kind.METER, "M-1"), Target(Kind.AREA, "A01"), Target(Kind.ACCOUNT, "10A")]
)
def test_what_is_not_in_the_scope_is_not_there(read: Place, target: Target) -> None:
    with pytest.raises(NotFound):
        read.export(Format.CSV, "2026-03-01", "2026-03-02", target=target, scope=Scope(()))


def test_an_account_has_each_meter_for_as_long_as_it_served_it(read: Place) -> None:
    """M-1 passed from account 10A to 10B on 20 February, 16:00 in Shanghai."""
    moved = datetime(2026, 2, 20, 8, tzinfo=UTC)
    read.read("M-1", [(moved + n * QUARTER, n) for n in range(-8, 8)])
    for account, low, high in (("10A", "14:00", "15:45"), ("10B", "16:00", "17:30")):
        target = Target(Kind.ACCOUNT, account)
        path = read.export(Format.CSV, "2026-02-20", "2026-02-20", target=target)[0]
        known = [row["start"][11:16] for row in cells(path) if row["meter"] == "M-1" and row["energy [Wh]"]]
        assert (known[0], known[-1]) in {(low, high), (low, "15:30")}


def test_an_area_has_all_its_meters_and_its_points_come_one_after_the_other(read: Place) -> None:
    read.read("M-2", [(at(n), n) for n in range(97)])
    rows = cells(read.export(Format.CSV, "2026-03-01", "2026-03-01", target=Target(Kind.AREA, "A01"))[0])
    assert [row["meter"] for row in rows] == ["M-1"] * 96 + ["M-2"] * 96


def test_one_table_holds_one_kind(read: Place) -> None:
    with pytest.raises(Invalid, match="one table"):
        read.export(Format.PARQUET, "2026-03-01", "2026-03-02", Content.BOTH)


def test_a_full_sheet_goes_on_in_the_next(tmp_path: Path) -> None:
    head = Head("示例", "示例", MIDNIGHT, MIDNIGHT, SHANGHAI, MIDNIGHT)
    instants = np.arange(10, dtype=np.int64)
    block = Block(
        What.REGISTERS,
        "P",
        "M",
        Channel.IMPORT,
        0,
        instants,
        instants.astype(np.float64),
        ("polled",) * 10,
        ("",) * 10,
    )
    with (tmp_path / "x.xlsx").open("wb") as file:
        assert write_xlsx.write([block], head, file, most_rows=5) == 10
    book = openpyxl.load_workbook(tmp_path / "x.xlsx")
    assert [(sheet.title, sheet.max_row) for sheet in book] == [
        ("registers", 5),
        ("registers 2", 5),
        ("registers 3", 3),
    ]


def test_an_export_of_nothing_is_a_whole_file(place: Place) -> None:
    for format in Format:  # noqa: A001
        path, done = place.export(format, "2025-03-01", "2025-03-01", target=Target(Kind.METER, "M-4"))
        assert path.stat().st_size > 0
        assert done.meters == 1
    assert write_espi.QUALITY["raw"] == 14


def test_where_a_meter_is_exchanged_the_point_goes_on(place: Place) -> None:
    """M-1 until 06:07, M-2 from then on: the interval of the exchange is nobody's difference."""
    swapped = at(24) + timedelta(minutes=7)
    place.read("M-1", [(at(n), 1000 + 100 * n) for n in range(26)])
    place.read("M-2", [(at(n), 10 * n) for n in range(24, 97)])
    with place.origin.database.read() as connection:
        one, other = topology.installations(connection, at(0), at(96), points=["M-1", "M-2"])
    spans = [
        choice.Span(replace(one, point="P", end=swapped), at(0), swapped, at(0), swapped),
        choice.Span(replace(other, point="P", start=swapped), swapped, at(96), swapped, choice.FAR),
    ]
    day = choice.Period(date(2026, 3, 1), date(2026, 3, 1), SHANGHAI)
    found = list(gather.blocks(place.origin, spans, day, [What.INTERVALS]))
    assert [(block.meter, len(block)) for block in found] == [("M-1", 24), ("M-2", 72)]
    assert set(found[0].values) == {100.0}
    assert np.isnan(found[1].values[0])
    assert set(found[1].values[1:]) == {10.0}


def test_values_behind_transformers_go_out_with_their_ratio_once(place: Place) -> None:
    meter = REGISTRY["meter"][0] | {"id": "M-5", "address": "000000000005", "ct_ratio": 20.0}
    with place.origin.database.write() as connection:
        import_registry(connection, {"meter": [meter | {"model": "dlt645-2007-3p"}]})
    place.read("M-5", [(at(n), 1000 + n) for n in range(97)])
    target = Target(Kind.METER, "M-5")
    rows = cells(place.export(Format.CSV, "2026-03-01", "2026-03-01", target=target)[0])
    assert {row["energy [Wh]"] for row in rows} == {"20"}
    registers = place.export(Format.CSV, "2026-03-01", "2026-03-01", Content.REGISTERS, target)[0]
    assert cells(registers)[0]["register [Wh]"] == "20000"


def test_a_files_register_is_never_mixed_with_the_meters_own(read: Place) -> None:
    read.read("M-1", [(at(n), 5 * n) for n in range(20, 31)], Source.IMPORT)
    path, _ = read.export(Format.CSV, "2026-03-01", "2026-03-01")
    assert {row["energy [Wh]"] for row in cells(path)} == {"100", ""}


def test_a_day_of_a_file_goes_out_though_the_meter_is_heard_since(place: Place) -> None:
    place.read("M-1", [(at(n), 5 * n) for n in range(97)], Source.IMPORT)
    place.read("M-1", [(at(n), 70_000 + 9 * n) for n in range(96, 193)])
    path, _ = place.export(Format.CSV, "2026-03-01", "2026-03-02")
    assert [row["energy [Wh]"] for row in cells(path)] == ["5"] * 96 + ["9"] * 96
