"""The layouts that exist in the world, each a small file; what is open is refused with what to say."""

from dataclasses import replace
from pathlib import Path
from typing import Any
from zipfile import ZIP_DEFLATED, ZipFile
from zoneinfo import ZoneInfo

import pytest

from cloud.exchange import reporting, sheets
from cloud.exchange.figures import Mark
from cloud.exchange.headings import Unit
from cloud.exchange.moments import Order
from cloud.exchange.said import Negative, Said, zone_of
from cloud.exchange.walls import Meaning, Repeated
from cloud.kit.errors import Invalid
from tests.cloud.exchange.place import SHANGHAI, VECTORS, Place

BERLIN, LISBON = ZoneInfo("Europe/Berlin"), ZoneInfo("Europe/Lisbon")


def wh(k: int) -> int:
    """What the files hold: the energy of their k-th interval."""
    return 100 + (k * 37) % 400


def total(count: int) -> float:
    return sum(map(wh, range(count))) / 1000


HOLES = (50, 51, 120)
SUMMED = (
    sum(wh(k) for k in range(188)) / 1000 + sum(wh(k) for k in range(96, 104) if k in range(96, 100)) / 1000
)
CASES: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "wide_96_begin.csv": (
        {"unit": Unit.KWH},
        {"layout": "wide", "labels": "begin", "intervals": 384, "total": total(192), "encoding": "UTF-8"},
    ),
    "wide_96_end_gbk.csv": (
        {},
        {"layout": "wide", "labels": "end", "unit": "kWh", "encoding": "GBK", "decimal": "comma",
         "separator": "semicolon", "intervals": 192, "total": total(192)},
    ),
    "wide_96_numbered_kw.tsv": (
        {},
        {"layout": "wide", "values": "power", "unit": "kW", "separator": "tab", "total": total(192)},
    ),
    "wide_48_one_meter.csv": (
        {"meter": "M-1", "unit": Unit.KWH},
        {"layout": "wide", "interval_s": 1800, "intervals": 96, "total": total(96)},
    ),
    "wide_24_thousands.csv": (
        {"decimal": Mark.POINT},
        {"layout": "wide", "interval_s": 3600, "intervals": 48, "unit": "Wh", "total": total(48) * 10},
    ),
    "wide_100_numbered.csv": (
        {"unit": Unit.KWH, "zone": BERLIN},
        {"intervals": 384, "gaps": 1, "total": total(384), "last": "2026-10-26T00:00:00+01:00"},
    ),
    "long_start_end_offset.csv": (
        {},
        {"layout": "long", "labels": "begin", "zone": "in the file", "intervals": 189, "gaps": 2,
         "total": total(192) - sum(map(wh, HOLES)) / 1000},
    ),
    "long_end_german.csv": (
        {}, {"layout": "long", "labels": "end", "decimal": "comma", "total": total(192)}
    ),
    "long_american.csv": ({}, {"interval_s": 1800, "intervals": 96, "total": total(96)}),
    "long_newest_first.csv": ({}, {"labels": "begin", "unit": "Wh", "total": total(192)}),
    "long_signed.csv": (
        {"negative": Negative.EXPORT},
        {"intervals": 96, "total": sum(wh(k) for k in range(96) if k % 5) / 1000},
    ),
    "columns_clock_labels.csv": (
        {"zone": BERLIN},
        {"layout": "columns", "labels": "begin", "intervals": 384, "total": total(192),
         "first": "2016-03-27T00:00:00+01:00", "last": "2016-10-31T00:00:00+01:00"},
    ),
    "columns_always_96.csv": (
        {"zone": LISBON, "unit": Unit.KW},
        {"layout": "columns", "labels": "end", "decimal": "comma", "intervals": 384, "total": SUMMED},
    ),
    "registers_long.csv": (
        {}, {"values": "register", "labels": "instant", "intervals": 97, "total": total(96)}
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", CASES)
def test_a_file_is_understood_as_it_was_meant(place: Place, name: str) -> None:
    said, wanted = CASES[name]
    plan = place.plan(VECTORS / name, replace(Said(SHANGHAI), **said))
    told = reporting.as_dict(plan)
    own = plan.stretches[0]
    assert {key: told[key] for key in wanted if key != "total"} == {
        key: value for key, value in wanted.items() if key != "total"
    }
    assert own.total / 1000 == pytest.approx(wanted["total"], abs=1e-9)
    assert reporting.as_text(plan)


@pytest.mark.parametrize("name", sorted(path.name for path in VECTORS.glob("*.?sv")))
def test_every_file_has_its_case(name: str) -> None:
    assert name in CASES


@pytest.mark.parametrize(
    ("name", "said", "told"),
    [
        ("wide_96_begin.csv", {}, "--unit"),
        ("wide_48_one_meter.csv", {"unit": Unit.KWH}, "--meter"),
        ("wide_24_thousands.csv", {}, "--decimal"),
        ("long_signed.csv", {}, "--negative export"),
        ("columns_always_96.csv", {"unit": Unit.KW, "zone": BERLIN}, "--zone"),
        ("columns_clock_labels.csv", {}, "two different values for 2016-10-30 02:00"),
        ("none.csv", {}, "No such file"),
    ],
)
def test_what_is_open_is_refused_with_what_to_say(
    place: Place, name: str, said: dict[str, Any], told: str
) -> None:
    with pytest.raises(Invalid, match=told):
        place.plan(VECTORS / name, replace(Said(SHANGHAI), **said))


def made(place: Place, text: str, name: str = "x.csv") -> Path:
    path = place.folder / name
    path.write_text(text, encoding="utf-8")
    return path


DOUBLED = """time,meter,kwh
2026-04-05 00:00,M-1,1.5
2026-04-05 00:00,M-1,2.5
2026-04-05 00:15,M-1,2
2026-04-05 23:45,M-1,2
"""
OFF_GRID = """time,meter,kwh
2026-04-05 00:00,M-1,1.5
2026-04-05 00:15,M-1,2
2026-04-05 00:22,M-1,2
2026-04-05 00:30,M-1,2
2026-04-05 00:45,M-1,2
2026-04-05 01:00,M-1,2
2026-04-05 23:45,M-1,2
"""


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("time,meter,kwh\n05/04/2026 00:00,M-1,1.5\n05/04/2026 00:15,M-1,2.5\n", "--dates"),
        ("time,meter,kwh\n2026-04-05 10:00,M-1,1.5\n2026-04-05 10:15,M-1,2.5\n", "--labels"),
        (
            "time,meter,kwh\n2026-04-05 00:00,M-1,1.5\n2026-04-05 00:15,M-1,x\n",
            r"line 3, column 3 \(kwh\): 'x' is no number",
        ),
        (
            "time,meter,kwh\n2026-04-05 00:00,M-1,1.5\n2026-04-55 00:15,M-1,2\n",
            "line 3, column 1: '2026-04-55 00:15'",
        ),
        (DOUBLED, "lines 2 and 3: M-1 has two different values"),
        (OFF_GRID, "line 4: 2026-04-05 00:22.*whole number of 15 min"),
        (
            "time,meter,kwh\n2026-04-05 00:00,M-1,1.5\n2026-04-05T00:15:00Z,M-1,2\n",
            "line 3, column 1: .*offset",
        ),
        ("a,b\nc,d\n", "no column holds dates"),
        ("", "empty"),
        ("time,meter,energy [kWh],load [kW]\n2026-04-05 00:00,M-1,1,2\n", "which column holds the values"),
        ("time,meter,kwh\n2026-04-05 00:00,,1\n", "names no meter"),
    ],
)  # fmt: skip
def test_a_mistake_is_named_in_one_line(place: Place, text: str, told: str) -> None:
    with pytest.raises(Invalid, match=told) as refused:
        place.plan(made(place, text))
    assert "\n" not in str(refused.value)


def test_what_is_said_settles_what_is_open(place: Place) -> None:
    path = made(place, "time,meter,kwh\n05/04/2026 10:00,M-1,1.5\n05/04/2026 10:15,M-1,2.5\n")
    said = Said(SHANGHAI, labels=Meaning.END, dates=Order.MDY)
    told = reporting.as_dict(place.plan(path, said))
    assert told["first"] == "2026-05-04T09:45:00+08:00"
    told = reporting.as_dict(place.plan(path, replace(said, dates=Order.DMY, labels=Meaning.BEGIN)))
    assert told["first"] == "2026-04-05T10:00:00+08:00"


def test_a_name_that_is_no_meter_is_told_and_refused(place: Place) -> None:
    path = made(place, "time;M-1;M-99\n2026-04-05 00:00;1;1\n2026-04-05 00:15;1;1\n2026-04-05 23:45;1;1\n")
    said = Said(SHANGHAI, unit=Unit.KWH)
    assert reporting.as_dict(place.plan(path, said))["unknown"] == ["M-99"]
    with pytest.raises(Invalid, match="M-99"):
        place.bring_in(path, said)
    assert place.registers("M-1") == {}
    assert place.bring_in(path, replace(said, skip_unknown=True)).readings == 5


def day_labels(labels: list[str], values: list[float]) -> str:
    return "time,meter,kwh\n" + "".join(f"{at},M-1,{v}\n" for at, v in zip(labels, values, strict=True))


def test_labels_of_ends_that_follow_the_clock_through_summer_time(place: Place) -> None:
    spring = [f"2016-03-27 {h:02}:{m:02}" for h in range(24) for m in (0, 30) if h != 2][1:]
    autumn = [f"2016-10-30 {h:02}:{m:02}" for h in [0, 1, 2, 2, *range(3, 24)] for m in (0, 30)][1:]
    for labels, first, slots in (
        ([*spring, "2016-03-28 00:00"], "2016-03-27T00:00:00+01:00", 46),
        ([*autumn, "2016-10-31 00:00"], "2016-10-30T00:00:00+02:00", 50),
    ):
        path = made(place, day_labels(labels, [float(n) for n in range(len(labels))]))
        told = reporting.as_dict(place.plan(path, Said(BERLIN)))
        assert (told["labels"], told["first"], told["intervals"], told["gaps"]) == ("end", first, slots, 0)


def test_an_autumn_hour_that_is_there_once_has_to_be_explained(place: Place) -> None:
    labels = [f"2016-10-30 {h:02}:{m:02}" for h in range(24) for m in (0, 30)]
    flat = made(place, day_labels(labels, [1.0] * 48))
    with pytest.raises(Invalid, match="--repeated-hour"):
        place.plan(flat, Said(BERLIN))
    once = place.plan(flat, Said(BERLIN, repeated_hour=Repeated.ONCE))
    assert reporting.as_dict(once)["gaps"] == 1
    double = made(place, day_labels(labels, [2.0 if 4 <= n < 6 else 1.0 for n in range(48)]), "y.csv")
    shared = place.plan(double, Said(BERLIN))
    assert (reporting.as_dict(shared)["intervals"], reporting.as_dict(shared)["gaps"]) == (50, 0)
    assert shared.stretches[0].total == 50_000


def test_zones_can_be_said_as_offsets() -> None:
    assert zone_of("UTC+08:00").key == "Etc/GMT-8"
    assert zone_of("UTC-5").key == "Etc/GMT+5"
    with pytest.raises(Invalid, match="Mars"):
        zone_of("Mars/Base")


def test_a_workbook_that_would_fill_the_memory_is_refused_unread(tmp_path: Path) -> None:
    path = tmp_path / "bomb.xlsx"
    with ZipFile(path, "w", ZIP_DEFLATED) as packed, packed.open("xl/sharedStrings.xml", "w") as file:
        for _ in range(33):
            file.write(bytes(1 << 24))
    with pytest.raises(Invalid, match="unpacked it is larger than 512 MiB"):
        sheets.opened(path)
