"""Files become registers: once, whole or not at all, never taking a gap for zero."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import select, update

from cloud.exchange import registers
from cloud.exchange.headings import Unit
from cloud.exchange.registers import State
from cloud.exchange.said import Negative, Said, Side
from cloud.exchange.store import import_table
from cloud.fleet.registry import import_registry
from cloud.kit.errors import Conflict, Invalid
from cloud.kit.scope import WHOLE_STATION
from protocols.readings import Quality, Source
from tests.cloud.conftest import REGISTRY
from tests.cloud.exchange.place import SHANGHAI, VECTORS, Place, totals


def made(place: Place, day: int, energies: list[str], name: str = "") -> Path:
    """A day of March 2026 by hours; an empty text is a hole."""
    lines = [f"2026-03-{day:02}T{hour:02}:00:00+08:00,M-1,{each}" for hour, each in enumerate(energies)]
    path = place.folder / (name or f"{day}.csv")
    path.write_text("\n".join(["start,meter,energy [Wh]", *lines]))
    return path


def test_energies_become_a_register_in_whole_wh_that_carries_what_is_left(place: Place) -> None:
    place.bring_in(made(place, 1, ["0.4"] * 24))
    values = list(place.registers("M-1").values())
    assert values == [round(0.4 * n) for n in range(25)]
    rows = list(place.store.rows(WHOLE_STATION))
    assert {row.source for row in rows} == {Source.IMPORT}
    assert all(isinstance(row.value, int) for row in rows)


def test_the_same_file_twice_counts_once(place: Place) -> None:
    path = VECTORS / "long_end_german.csv"
    first, again = place.bring_in(path), place.bring_in(path)
    assert (first.readings, first.again) == (193, False)
    assert (again.readings, again.again) == (0, True)
    assert totals(place.registers("M-1")) == 56_832
    assert place.store.conflicts(WHOLE_STATION) == []


def test_a_year_mistaken_is_refused_before_later_files_are_out_of_order(place: Place) -> None:
    path = made(place, 1, ["0.4"] * 24)
    path.write_text(path.read_text().replace("2026-03", "2027-03"))
    for taken in (place.plan, place.bring_in):
        with pytest.raises(Invalid, match="until 2027-03-02 00:00, which has not come"):
            taken(path)
    assert list(place.store.rows(WHOLE_STATION)) == []


def test_what_overlaps_is_told_by_the_clock_of_the_station(place: Place) -> None:
    place.bring_in(made(place, 1, ["0.4"] * 24))
    with pytest.raises(
        Conflict, match=r"from 2026-03-01 00:00 to 2026-03-02 00:00 from 1\.csv: they overlap"
    ):
        place.bring_in(made(place, 1, ["0.5"] * 24, "again.csv"))


def test_files_in_a_row_carry_register_and_remainder_on(place: Place) -> None:
    for day in range(1, 6):
        place.bring_in(made(place, day, ["0.39"] * 24))
    found = place.registers("M-1")
    assert len(found) == 5 * 24 + 1
    assert abs(totals(found) - 5 * 24 * 0.39) <= 0.5
    assert (np.diff(list(found.values())) >= 0).all()


def test_behind_a_gap_the_register_begins_again_so_that_it_is_no_zero(place: Place) -> None:
    energies = ["100"] * 24
    energies[10] = energies[11] = ""
    place.bring_in(made(place, 1, energies))
    values = list(place.registers("M-1").values())
    assert values[9:13] == [900, 1000, 0, 100]
    assert totals(place.registers("M-1")) == 2200
    place.bring_in(made(place, 3, ["100"] * 24))  # a day is missing between the two files
    assert list(place.registers("M-1").values())[-25] == 0


def test_a_register_that_begins_again_unseen_is_marked(place: Place) -> None:
    place.bring_in(made(place, 1, ["0", "0", "", *["5"] * 21]))
    doubtful = [row.value for row in place.store.rows(WHOLE_STATION) if row.quality is Quality.SUSPECT]
    assert doubtful == [0]


def test_what_overlaps_or_comes_before_is_refused_whole(place: Place) -> None:
    place.bring_in(made(place, 2, ["100"] * 24))
    before = place.registers("M-1")
    with pytest.raises(Conflict, match="overlap"):
        place.bring_in(made(place, 2, ["100"] * 23 + ["7"], "other.csv"))
    with pytest.raises(Conflict, match="oldest first"):
        place.bring_in(made(place, 1, ["100"] * 24))
    assert place.registers("M-1") == before


def test_an_import_that_was_cut_off_is_finished_by_the_same_file(place: Place) -> None:
    place.bring_in(made(place, 1, ["0.3"] * 24))
    path = made(place, 2, ["0.3"] * 24)
    place.bring_in(path)
    whole = place.registers("M-1")
    with place.origin.database.write() as connection:
        last = connection.scalars(select(import_table.c.id).order_by(import_table.c.id.desc())).first()
        connection.execute(update(import_table).where(import_table.c.id == last).values(done_at=None))
    again = place.bring_in(path)
    assert (again.again, again.readings) == (False, 25)
    assert place.registers("M-1") == whole
    assert place.store.conflicts(WHOLE_STATION) == []
    assert place.bring_in(path).again


def test_energy_fed_back_goes_to_its_own_register(place: Place) -> None:
    place.bring_in(VECTORS / "long_signed.csv", Said(SHANGHAI, negative=Negative.EXPORT))
    assert totals(place.registers("M-1")) == 22_370
    assert totals(place.registers("M-1", "energy_export_wh")) == 5_950


def test_a_ratio_is_never_applied_twice(place: Place) -> None:
    with place.origin.database.write() as connection:
        meter = REGISTRY["meter"][0] | {"id": "M-5", "address": "000000000005", "ct_ratio": 20.0}
        import_registry(connection, {"meter": [meter | {"model": "dlt645-2007-3p"}]})
    path = made(place, 1, ["1000"] * 24)
    path.write_text(path.read_text().replace("M-1", "M-5"))
    with pytest.raises(Invalid, match="--side"):
        place.bring_in(path)
    place.bring_in(path, Said(SHANGHAI, side=Side.PRIMARY))
    assert totals(place.registers("M-5")) == 24_000 // 20


def test_registers_are_taken_as_they_are(place: Place) -> None:
    place.bring_in(VECTORS / "registers_long.csv")
    values = list(place.registers("M-2").values())
    assert (values[0], values[-1]) == (123_456, 123_456 + 28_320)


def test_nothing_is_half_imported(place: Place) -> None:
    path = made(place, 1, ["100"] * 23 + ["many"])
    with pytest.raises(Invalid, match="line 25"):
        place.bring_in(path)
    assert place.registers("M-1") == {}
    with place.origin.database.read() as connection:
        assert connection.execute(select(import_table)).all() == []


def test_a_meter_is_known_by_its_address_or_its_account_too(place: Place) -> None:
    lines = [f"2026-03-01T{hour:02}:00:00Z,{{}},100" for hour in range(24)]
    for number, (name, meter) in enumerate({"000000000004": "M-4", "4": "M-4"}.items()):
        path = place.folder / f"{number}.csv"
        path.write_text("start,meter,energy [Wh]\n" + "\n".join(lines).format(*[name] * 24))
        assert place.plan(path, replace(Said(SHANGHAI), unit=Unit.WH)).names == {name: meter}


@given(
    st.lists(st.floats(0, 5000, allow_nan=False) | st.just(0.0), min_size=1, max_size=200),
    st.floats(-0.5, 0.5),
    st.integers(0, 10**9),
)
def test_a_register_never_falls_and_is_never_half_a_wh_off(
    energies: list[float], remainder: float, start: int
) -> None:
    begin = np.arange(len(energies), dtype=np.int64) * 900
    ((run, state),) = registers.runs(begin, np.array(energies), 900, State(start, remainder))
    exact = start + remainder + np.cumsum([0.0, *energies])
    assert (np.diff(run.values_wh) >= 0).all()
    assert (np.abs(run.values_wh - exact) <= 0.5 + 1e-6).all()
    assert state.register_wh + state.remainder_wh == pytest.approx(exact[-1])
