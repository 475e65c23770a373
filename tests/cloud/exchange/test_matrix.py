"""A stranger's file as one array: both ways through it agree, days are local, what is wrong is one line."""

import gzip
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from cloud.exchange import bulk, collecting, layout, sheets, temperatures
from cloud.exchange.headings import Unit
from cloud.exchange.matrix import Matrix, matrix
from cloud.exchange.moments import Order
from cloud.exchange.said import Negative, Said, Values
from cloud.exchange.walls import Meaning
from cloud.kit.errors import Invalid

SHANGHAI, BERLIN = ZoneInfo("Asia/Shanghai"), ZoneInfo("Europe/Berlin")
SAID = Said(SHANGHAI, unit=Unit.KWH, labels=Meaning.BEGIN, negative=Negative.EXPORT)
DATA = Path(__file__).parents[2] / "data" / "opendsm"


@contextmanager
def silent(_total: int, _label: str) -> Iterator[Callable[[int], object]]:
    yield lambda _: None


def read(path: Path, said: Said = SAID) -> Matrix:
    return matrix(path, said, silent)


def day(count: int = 96, minutes: int = 15, first: str = "2026-03-02") -> list[str]:
    start = datetime.fromisoformat(first)
    return [f"{start + timedelta(minutes=minutes * k):%Y-%m-%d %H:%M}" for k in range(count)]


def written(folder: Path, text: str, name: str = "x.csv", encoding: str = "utf-8") -> Path:
    path = folder / name
    path.write_bytes(text.encode(encoding))
    return path


def two_meters(times: list[str], separator: str = ",", point: str = ".") -> str:
    rows = (f"{at}{separator}{k}{point}5{separator}{2 * k}{point}25" for k, at in enumerate(times))
    return f"time{separator}M-1{separator}M-2\n" + "\n".join(rows) + "\n"


@pytest.mark.parametrize(
    ("separator", "point", "encoding"),
    [(",", ".", "utf-8"), (";", ",", "utf-8-sig"), ("\t", ".", "gb18030"), (";", ".", "utf-16")],
)
def test_however_it_is_written_the_array_is_the_same(
    tmp_path: Path, separator: str, point: str, encoding: str
) -> None:
    text = two_meters(day(), separator, point).replace("time", "时间" if encoding == "gb18030" else "time")
    found = read(written(tmp_path, text, encoding=encoding))
    assert found.meters == ("M-1", "M-2")
    assert found.wh.shape == (2, 96)
    assert found.wh.dtype == np.float32
    np.testing.assert_allclose(found.wh[0], [1000 * (k + 0.5) for k in range(96)])
    assert found.starts_ms[0] == datetime(2026, 3, 1, 16, tzinfo=UTC).timestamp() * 1000


def test_gzip_is_read_as_what_is_in_it_and_a_torn_one_is_refused(tmp_path: Path) -> None:
    packed = gzip.compress(two_meters(day()).encode())
    (tmp_path / "x.csv.gz").write_bytes(packed)
    assert read(tmp_path / "x.csv.gz").wh.shape == (2, 96)
    (tmp_path / "torn.csv.gz").write_bytes(packed[: len(packed) // 2])
    with pytest.raises(Invalid, match="damaged or cut off"):
        read(tmp_path / "torn.csv.gz")


def tables() -> dict[str, pa.Table]:
    times = [datetime(2026, 3, 2, tzinfo=SHANGHAI) + timedelta(minutes=15 * k) for k in range(192)]
    wide = {f"M-{n}": [None if (k * 7 + n) % 23 == 0 else k + n / 4 for k in range(192)] for n in range(3)}
    long_rows = [(name, times[k], value) for name, values in wide.items() for k, value in enumerate(values)]
    at = pa.array(times, pa.timestamp("ms", "Asia/Shanghai"))
    names, moments_, values = zip(*long_rows, strict=True)
    return {
        "columns": pa.table({"time": at, **{name: pa.array(each) for name, each in wide.items()}}),
        "long": pa.table(
            {"meter": names, "time": pa.array(moments_, pa.timestamp("s", "UTC")), "kwh": pa.array(values)}
        ),
        "by time": pa.table(
            {"meter": names, "time": pa.array(moments_, pa.timestamp("s", "Asia/Shanghai")), "kwh": values}
        ).sort_by("time"),
    }


@pytest.mark.parametrize("kind", ["columns", "long", "by time"])
def test_parquet_goes_the_quick_way_to_the_same_values(tmp_path: Path, kind: str) -> None:
    path = tmp_path / "x.parquet"
    pq.write_table(tables()[kind], path, row_group_size=50)
    said = replace(SAID, zone_said=True)
    sheet = sheets.opened(path)
    form = layout.found(sheet, lambda _: False)
    quick, slow = (
        bulk._Quick(sheet, form, said, lambda _: None).all(),
        collecting.collected(sheet, form, said),
    )
    assert quick.series.keys() == slow.series.keys()
    for key, each in slow.series.items():
        np.testing.assert_array_equal(np.frombuffer(each.labels, np.int64), quick.series[key].labels)
        np.testing.assert_allclose(np.frombuffer(each.values), quick.series[key].values, rtol=1e-6)
    found = read(path, said)
    assert found.wh.shape == (3, 192)
    assert np.isnan(found.wh).sum() == sum(each.null_count for each in tables()["columns"].columns)


def test_the_zone_of_parquet_is_taken_and_utc_is_told(tmp_path: Path) -> None:
    for kind, zone, notes in (("columns", "Asia/Shanghai", 0), ("long", "UTC", 1)):
        path = tmp_path / f"{kind}.parquet"
        pq.write_table(tables()[kind], path)
        found = read(path)
        assert (found.zone.key, sum("--timezone" in each for each in found.notes)) == (zone, notes)


def test_days_of_92_and_100_quarters_are_what_they_were(tmp_path: Path) -> None:
    for first, slots in (("2016-03-27", 92), ("2016-10-30", 100)):
        start = datetime.fromisoformat(first).replace(tzinfo=BERLIN).astimezone(UTC)
        labels = [(start + timedelta(minutes=15 * k)).astimezone(BERLIN) for k in range(slots)]
        text = "time,kwh\n" + "".join(f"{at:%Y-%m-%d %H:%M},{k}\n" for k, at in enumerate(labels))
        found = read(written(tmp_path, text), replace(SAID, zone=BERLIN, zone_said=True))
        np.testing.assert_array_equal(found.wh[0], 1000 * np.arange(slots))


def test_minutes_are_added_up_and_a_quarter_with_a_hole_is_not_known(tmp_path: Path) -> None:
    rows = [f"{at},1" for k, at in enumerate(day(1440, 1)) if k != 20]
    found = read(written(tmp_path, "time,kwh\n" + "\n".join(rows)))
    assert (found.interval_s, found.wh.shape) == (900, (1, 96))
    assert np.flatnonzero(np.isnan(found.wh[0])).tolist() == [1]
    assert found.wh[0, 0] == 15_000


def test_powers_registers_and_energy_fed_back(tmp_path: Path) -> None:
    power = read(written(tmp_path, two_meters(day())), replace(SAID, unit=Unit.KW))
    assert power.wh[0, 4] == 4.5 * 250
    rows = "\n".join(f"{at},{k * 2 if k < 50 else k * 2 - 90}" for k, at in enumerate(day()))
    register = read(written(tmp_path, f"time,示数\n{rows}\n"), replace(SAID, values=Values.REGISTER))
    assert np.flatnonzero(np.isnan(register.wh[0])).tolist() == [49, 95]
    signed = "\n".join(f"{at},{-1 if k == 3 else 2}" for k, at in enumerate(day()))
    found = read(written(tmp_path, f"time,kwh\n{signed}\n"))
    assert (found.wh[0, 3], found.fed_back_kwh[0]) == (0, 1)


LONG = "time,meter,kwh\n" + "".join(f"{at},M-1,1\n" for at in day())
MIXED = "time,kwh\n" + "".join(f"{at},1\n" for at in [*day(48), *day(24, 30, "2026-03-02 12:00")])
REFUSED: dict[str, tuple[bytes, dict[str, Any], str]] = {
    "empty": (b"", {}, "it is empty"),
    "rubbish": (bytes(range(256)) * 40, {}, "no text"),
    "no times": (b"a,b\n1,2\n3,4\n", {}, "no column holds dates"),
    "no values": (b"time,meter\n2026-03-02 00:00,M-1\n", {}, "which column holds the values"),
    "a wrong number": (
        LONG.replace("03:00,M-1,1\n", "03:00,M-1,1x\n").encode(), {}, r"line 14, column 3 \(kwh\): '1x' is no number",  # noqa: E501
    ),
    "a wrong date": (
        LONG.replace("2026-03-02 03:00", "2026-02-31 03:00").encode(), {}, "line 14, column 1: '2026-02-31 03:00'",  # noqa: E501
    ),
    "twice": ((LONG + "2026-03-02 03:00,M-1,7\n").encode(), {}, "lines 14 and 98: M-1 has two different values"),  # noqa: E501
    "mixed": (MIXED.encode(), {}, "line 51: .*intervals are mixed, split the file"),
    "no unit": (two_meters(day()).encode(), {"unit": None}, "say --unit"),
    "no meaning": (
        b"time,kwh\n2026-03-02 05:00,1\n2026-03-02 05:15,1\n", {"labels": None}, "say --labels begin or end",
    ),
    "two zones": (
        b"time,kwh\n2026-03-02T00:00:00+08:00,1\n2026-03-02T00:15:00+09:00,1\n", {},
        r"UTC\+08:00 and UTC\+09:00: two zones.*--timezone",
    ),
    "summer time": (
        b"time,kwh\n2016-03-27T01:45:00+01:00,1\n2016-03-27T03:00:00+02:00,1\n", {}, "such as Europe/Berlin",
    ),
    "a zone and none": (
        b"time,kwh\n2026-03-02T00:00:00+08:00,1\n2026-03-02T00:15:00,1\n", {}, "line 3, column 1: .*offset",
    ),
    "daily": (b"date,kwh\n2026-03-02,1\n2026-03-03,2\n2026-03-04,1\n", {}, "an hour or less"),
    "a date far off": (
        b"time,kwh\n2026-03-02 00:00,1\n2026-03-02 00:15,1\n2126-03-02 00:15,1\n", {}, "more than fits",
    ),
    "mixed units": (b"time,a [kWh],b [kW]\n2026-03-02 00:00,1,1\n2026-03-02 00:15,1,1\n", {"unit": None},
                    "which column holds"),
}  # fmt: skip


@pytest.mark.parametrize("name", REFUSED)
def test_what_is_wrong_is_one_line_with_its_place(tmp_path: Path, name: str) -> None:
    content, said, told = REFUSED[name]
    path = tmp_path / "x.csv"
    path.write_bytes(content)
    with pytest.raises(Invalid, match=told) as refused:
        read(path, replace(SAID, **said))
    assert str(refused.value).startswith(str(path))
    assert "\n" not in str(refused.value)


def test_a_wrong_value_in_parquet_has_its_row(tmp_path: Path) -> None:
    times = pa.array([datetime(2026, 3, 2) + timedelta(minutes=15 * k) for k in range(96)])
    path = tmp_path / "x.parquet"
    pq.write_table(
        pa.table({"time": times, "kwh": [float("inf") if k == 5 else 1.0 for k in range(96)]}), path
    )
    with pytest.raises(Invalid, match=r"line 7, column 2 \(kwh\): 'inf'"):
        read(path)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    content=st.binary(min_size=1, max_size=400),
    head=st.sampled_from([b"", b"PAR1", b"PK\x03\x04", b"\x1f\x8b"]),
)
def test_whatever_bytes_come_it_is_read_or_refused(tmp_path: Path, content: bytes, head: bytes) -> None:
    path = tmp_path / "x"
    path.write_bytes(head + content)
    read_or_refused(path)


CELLS = st.one_of(
    st.sampled_from(
        ["2026-03-02 00:00", "2026-03-02 00:15", "2026-03-02", "00:15", "24:00", "1,5", "1.234,5", "-", "", "M-1",  # noqa: E501
         "kWh", "2026-03-02T00:00:00Z", "1e300", "nan", "合计", '"', "2026-03-02 25:00", "99999999999", "١٢"]
    ),
    st.floats(-1e6, 1e6).map(str),
    st.text(max_size=6),
)  # fmt: skip


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    head=st.lists(st.sampled_from(["time", "meter", "kwh", "date", "start", "end", "1", "2", "kW", "x"]), max_size=4),  # noqa: E501
    rows=st.lists(st.lists(CELLS, max_size=5), max_size=12),
    separator=st.sampled_from([",", ";", "\t"]),
)  # fmt: skip
def test_whatever_table_comes_it_is_read_or_refused(
    tmp_path: Path, head: list[str], rows: list[list[str]], separator: str
) -> None:
    text = "\n".join(separator.join(cells) for cells in [head, *rows])
    path = tmp_path / "x.csv"
    path.write_text(text, encoding="utf-8", errors="replace")
    read_or_refused(path)


def read_or_refused(path: Path) -> None:
    refused = ""
    try:
        found = read(path, replace(SAID, decimal=None, dates=Order.DMY))
    except Invalid as error:
        refused = str(error)
    if refused:
        assert "\n" not in refused
    else:
        assert found.wh.shape[1] == len(found.starts_ms)


def test_temperatures_in_fahrenheit_with_offsets_come_out_by_hour() -> None:
    found = temperatures.read(DATA / "il-electricity-cdd-hdd-tempF.csv.gz", ZoneInfo("America/Chicago"))
    hour = round(datetime(2015, 11, 22, 6, tzinfo=UTC).timestamp()) // 3600
    assert found[hour] == pytest.approx((21.01 - 32) / 1.8)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("time,temp °C\n2026-03-02 00:00,7\n2026-03-02 01:00,x\n", "line 3, column 2: 'x' is no number"),
        ("time,temp °C\n2026-03-02 00:00,7\n2026-03-32 01:00,8\n", "line 3, column 1"),
        ("time,temp\n2026-03-02 00:00,75\n", "put °F into the heading"),
        ("time,a,b\n2026-03-02 00:00,75,2\n", "which column holds the temperature"),
    ],
)
def test_a_mistake_in_temperatures_has_its_place(tmp_path: Path, text: str, told: str) -> None:
    with pytest.raises(Invalid, match=told):
        temperatures.read(written(tmp_path, text), SHANGHAI)


def test_a_table_read_cell_by_cell_shows_how_far_it_is(tmp_path: Path) -> None:
    """What the quick way had counted before it gave up is taken back."""
    times = day(5000)
    lines = [f"{at},{k % 96}" for k, at in enumerate(times)]
    lines[4500] = f"{times[4500]},1000"
    path = written(tmp_path, "time,kWh\n" + "\n".join(lines) + "\n合计,237000\n")
    told: list[int] = []
    totals: list[int] = []

    @contextmanager
    def heard(total: int, label: str) -> Iterator[Callable[[int], object]]:
        totals.append(total)
        yield told.append if label == "rows" else lambda _: None

    made = matrix(path, replace(SAID, meter="M-1"), heard)
    assert made.wh[0, 4500] == 1_000_000
    assert sum(told) == 5000
    assert told == [5001, -5001, *[1000] * 5]
    assert totals[0] == pytest.approx(5000, rel=0.1)


def test_a_register_nobody_named_is_no_energy(tmp_path: Path) -> None:
    times = day(192)
    text = "time,kWh\n" + "".join(f"{at},{1000 + k / 4}\n" for k, at in enumerate(times))
    path = written(tmp_path, text)
    with pytest.raises(
        Invalid, match="x: values only ever rise, as those of a register do: say --values reg"
    ):
        read(path)
    found = read(path, replace(SAID, values=Values.REGISTER, labels=None))
    assert found.wh[0, 5] == pytest.approx(250)
    assert read(path, replace(SAID, values=Values.ENERGY)).wh[0, 0] == 1_000_000
    assert read(written(tmp_path, text.replace(",1047.75", ",0"))).wh[0, 0] == 1_000_000


def test_an_hour_that_comes_twice_asks_for_the_zone(tmp_path: Path) -> None:
    text = "time,kWh\n" + "".join(f"{at},{k}\n" for k, at in enumerate([*day(), day()[9]]))
    path = written(tmp_path, text)
    with pytest.raises(Invalid, match=r"lines 11 and 98.*mend the file, or say --timezone where its clock"):
        read(path)
    with pytest.raises(Invalid, match=r"mend the file$"):
        read(path, replace(SAID, zone_said=True))


def test_energies_are_no_temperatures(tmp_path: Path) -> None:
    with pytest.raises(Invalid, match="call it 'temperature"):
        temperatures.read(written(tmp_path, "time,use [kWh]\n2026-03-02 00:00,1.5\n"), SHANGHAI)
