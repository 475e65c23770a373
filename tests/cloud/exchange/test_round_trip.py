"""What we write, we read back to the same registers; no file, however odd, ends in more than one message."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from cloud.exchange.formats import Content, Format
from cloud.exchange.said import Said
from cloud.exchange.understanding import understood
from cloud.kit.errors import Invalid
from tests.cloud.exchange.place import SHANGHAI, VECTORS, Place

START = datetime(2026, 2, 28, 16, tzinfo=UTC)
TABLES = (Format.CSV, Format.XLSX, Format.PARQUET)
energies = st.lists(st.integers(0, 20_000), min_size=1, max_size=192)
a_station = settings(
    max_examples=5, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)


def fill(place: Place, steps: list[int], round_: list[int]) -> dict[int, int]:
    """A day after the one before, so that examples do not meet; the registers that were written."""
    round_[0] += 1
    start = START + timedelta(days=3 * round_[0])
    value, at, written = 1000, start, {}
    for step in [0, *steps]:
        value += step
        written[round(at.timestamp() * 1000)] = value
        at += timedelta(minutes=15)
    place.read("M-1", [(datetime.fromtimestamp(ms / 1000, UTC), v) for ms, v in written.items()])
    return written


@pytest.mark.parametrize("format", TABLES)
def test_exported_registers_come_back_the_same(place: Place, format: Format) -> None:  # noqa: A002
    rounds = [0]

    @a_station
    @given(energies)
    def comes_back(steps: list[int]) -> None:
        written = fill(place, steps, rounds)
        path = _exported(place, format, Content.REGISTERS, rounds[0])
        (found,) = understood(path, Said(SHANGHAI), is_m_1).series.values()
        assert dict(zip((found.at_s * 1000).tolist(), found.values.tolist(), strict=True)) == written

    comes_back()


@pytest.mark.parametrize("format", TABLES)
def test_exported_intervals_become_the_same_register(place: Place, format: Format) -> None:  # noqa: A002
    """Into the same meter as an import: from 0, each step as it was."""
    rounds = [0]

    @a_station
    @given(energies)
    def comes_back(steps: list[int]) -> None:
        written = fill(place, steps, rounds)
        path = _exported(place, format, Content.INTERVALS, rounds[0])
        plan = place.plan(path)
        ours = {
            int(at_s) * 1000: value - int(run.values_wh[0]) + 1000
            for run in plan.stretches[0].runs
            for at_s, value in zip(run.at_s.tolist(), run.values_wh.tolist(), strict=True)
        }
        assert ours == written

    comes_back()


def test_an_export_can_be_imported_as_it_is(place: Place) -> None:
    written = fill(place, [7, 0, 1500, 3], [0])
    path = _exported(place, Format.CSV, Content.REGISTERS, 1)
    other = path.with_name("other.csv")
    other.write_bytes(path.read_bytes().replace(b"M-1", b"M-2"))
    assert place.bring_in(other).readings == 5
    assert place.registers("M-2") == written


def _exported(place: Place, format: Format, content: Content, number: int) -> Path:  # noqa: A002
    first = START + timedelta(days=3 * number, hours=8)
    last = first + timedelta(days=2)
    return place.export(format, first.date().isoformat(), last.date().isoformat(), content)[0]


def is_m_1(name: str) -> bool:
    return name == "M-1"


VECTOR_TEXTS = [path.read_bytes() for path in sorted(VECTORS.glob("*.?sv"))]
odd_cells = st.sampled_from(
    [
        "",
        "x",
        "-",
        "1,234",
        "1.234,5",
        "1e999",
        "1_0",
        "٣",
        "00:15",
        "24:00",
        "2026-02-30",
        "31.12.2026 24:00",
        "2026-03-01T00:00+99:99",
        "1772000000",
        "99999999999999",
        "nan",
        "M-1",
        "kWh",
        "−5",
        "5-",
        "\ufeff",
        "\x00",
    ]
)
tables = st.lists(st.lists(odd_cells, min_size=1, max_size=6), min_size=1, max_size=12)


odd_tables = st.builds(
    lambda rows, mark: "\n".join(mark.join(row) for row in rows).encode(),
    tables,
    st.sampled_from([",", ";", "\t"]),
)
damaged = st.builds(
    lambda text, cut, put, at: text[: at % len(text)] + put + text[at % len(text) + cut :],
    st.sampled_from(VECTOR_TEXTS),
    st.integers(0, 40),
    st.binary(max_size=6),
    st.integers(0, 10_000),
)
pretended = st.builds(bytes.__add__, st.sampled_from([b"PAR1", b"PK\x03\x04"]), st.binary(max_size=100))


@settings(max_examples=80, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.one_of(st.binary(max_size=400), odd_tables, damaged, pretended))
def test_no_file_ends_in_anything_but_one_message(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "odd.csv"
    path.write_bytes(content)
    told = _refused(path)
    assert "\n" not in told
    assert len(told) < 600


def _refused(path: Path) -> str:
    try:
        found = understood(path, Said(ZoneInfo("Europe/Berlin"), meter="M-1"), is_m_1)
    except Invalid as refused:
        return str(refused)
    assert found.series
    return ""
