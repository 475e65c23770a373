"""Stored energies are what the curve gives, to the last bit, by plan and band; what is missing is counted."""

from collections.abc import Iterator
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from cloud.insight import pricing
from cloud.insight.curves import Curves, curves
from cloud.insight.energies import store
from cloud.insight.energies.actions import Energies
from cloud.insight.energies.plans import Wanted, key_of
from cloud.insight.energies.store import FLAT, Block
from cloud.insight.engine import Threads
from cloud.kit.calendar import station_calendar
from cloud.metering.vee.point_day import Method
from cloud.tariffs import catalogue
from cloud.tariffs.catalogue import Catalogue
from tests.cloud.insight.archived_station import ArchivedStation, Place

FIRST, DAYS = date(2026, 8, 20), 60
SHIPPED = catalogue.read()
WANTED = Wanted(frozenset({"zhejiang-household", "guangdong-industry"}))
TOU = "zhejiang-household/tou"


def load(seed: int, customers: int, days: int) -> NDArray[np.float32]:
    made = np.random.default_rng(seed).gamma(2, 90, (customers, days * 96)).astype(np.float32)
    made[1, 200:240] = np.nan
    return made


@pytest.fixture
def station(tmp_path: Path) -> Iterator[ArchivedStation]:
    wh = load(3, 4, DAYS)
    method = np.full(wh.shape, Method.MEASURED, np.uint8)
    method[2, 500:520] = Method.LIKE_DAY
    wh[2, 510] = 90_000
    found = ArchivedStation(
        tmp_path, [Place("A01", "f1", wh, method=method), Place("A02", "f1", load(5, 3, DAYS))], FIRST, DAYS
    )
    yield found
    found.close()


def energies(station: ArchivedStation) -> Energies:
    return Energies(
        station.database, station.folder, station.zone, station.clock, station_calendar(), Threads(2)
    )


def kept(station: ArchivedStation) -> list[Block]:
    with station.database.read() as connection:
        return list(store.blocks(connection, date(2026, 1, 1), date(2026, 12, 1)))


def curve(station: ArchivedStation, points: tuple[str, ...], first: date, last: date) -> Curves:
    with station.database.read() as connection:
        return curves(connection, station.folder, points, first, last, zone=station.zone)


@pytest.mark.parametrize("plan", ["plain", "tou", "shared"])
def test_a_part_is_what_pricing_makes_of_the_curve(station: ArchivedStation, plan: str) -> None:
    energies(station).bring(SHIPPED, WANTED)
    found = kept(station)
    assert len(found) == 6, "three months of two areas"
    for block in found:
        first, last = block.month, station_last(block)
        seen = curve(station, block.points, max(first, FIRST), last)
        bands = pricing.PlanBands(SHIPPED.documents("zhejiang-household")[0].plan(plan), station_calendar())
        (month,) = pricing.months(seen.wh, seen.grid, bands.slots(seen.grid))
        key = key_of(SHIPPED, "zhejiang-household", plan, first, last)
        assert key == (TOU if plan == "tou" else FLAT)
        for row in range(len(block.points)):
            mine, theirs = block.part(row, key), pricing.part(month, row)
            assert mine.kwh == theirs.kwh
            assert mine.last == theirs.last
        assert np.array_equal(block.kwh(key), month.kwh), "to the last bit"
        inside = block.column("slots") - (96 * (FIRST.day - 1) if first.month == 8 else 0)
        assert (inside - block.column("known")).tolist() == month.missing.tolist()


def station_last(block: Block) -> date:
    return date.fromordinal(int(block.column("last")[0]))


def test_the_highest_demand_has_its_time_and_says_whether_it_was_measured(station: ArchivedStation) -> None:
    energies(station).bring(SHIPPED, WANTED)
    block = kept(station)[0]
    seen = curve(station, block.points, FIRST, date(2026, 8, 31))
    assert block.column("max_kw")[0] == float(seen.wh[0].max()) * 4 / 1000
    at = datetime.fromtimestamp(block.column("max_at_ms")[0] / 1000, UTC)
    assert at == datetime.fromtimestamp(seen.starts_ms[seen.wh[0].argmax()] / 1000, UTC)
    assert block.column("max_measured").tolist() == [1, 1, 0, 1]
    assert block.column("estimated").tolist() == [0, 0, 20, 0]
    assert np.isnan(block.column("reactive_import_kvarh")).all(), "no channel, no zero"


def test_the_open_month_ends_with_the_newest_day_and_goes_on(station: ArchivedStation) -> None:
    made = energies(station).bring(SHIPPED, WANTED)
    assert (made.areas, made.same, made.last) == (6, 0, date(2026, 10, 18))
    assert station_last(kept(station)[-1]) == date(2026, 10, 18)
    assert energies(station).bring(SHIPPED, WANTED).areas == 0


def test_another_plan_or_another_cut_makes_its_months_due_again(station: ArchivedStation) -> None:
    energies(station).bring(SHIPPED, WANTED)
    cut = Wanted(WANTED.tariffs, {"A01-001": frozenset({date(2026, 9, 11)})})
    assert energies(station).bring(SHIPPED, cut).areas == 2, "September of both areas"
    block = next(each for each in kept(station) if each.area == "A01" and each.month == date(2026, 9, 1))
    assert block.points == ("A01-000", "A01-001", "A01-001", "A01-002", "A01-003")
    days = [date.fromordinal(int(each)).day for each in block.content[:, :2].ravel()]
    assert days == [1, 30, 1, 10, 11, 30, 1, 30, 1, 30]
    seen = curve(station, ("A01-001",), date(2026, 9, 1), date(2026, 9, 30))
    assert block.kwh(FLAT)[1:3].sum() == pytest.approx(np.nansum(seen.wh, dtype=np.float64) / 1000)


def test_a_document_that_begins_within_a_month_cuts_it_for_all(station: ArchivedStation) -> None:
    old = SHIPPED.documents("zhejiang-household")[0]
    new = old.model_copy(update={"from_": date(2026, 9, 16)})
    both = Catalogue(
        catalogue.Filed(each, f"{each.from_}.toml", "")
        for each in (old.model_copy(update={"to": date(2026, 9, 16)}), new)
    )
    energies(station).bring(both, Wanted(frozenset({"zhejiang-household"})))
    block = next(each for each in kept(station) if each.area == "A02" and each.month == date(2026, 9, 1))
    parts = [block.part(row, TOU) for row in (0, 1)]
    assert [(each.first.day, each.last.day) for each in parts] == [(1, 15), (16, 30)]
    whole = curve(station, ("A02-000",), date(2026, 9, 1), date(2026, 9, 30)).wh
    told = sum((each.total_kwh for each in parts), Decimal(0))
    assert float(told) == pytest.approx(np.nansum(whole, dtype=np.float64) / 1000, abs=1e-5)


def test_a_hot_day_moves_energy_into_the_sharp_band(station: ArchivedStation) -> None:
    hot = {date(2026, 10, 5): frozenset({"hot-35"})}
    plain, marked = energies(station), energies(station)
    marked._marks = lambda *_: hot  # the weather of one day
    plain.bring(SHIPPED, WANTED)
    before = kept(station)[-1].kwh("guangdong-industry/tou")
    assert marked.bring(SHIPPED, WANTED).areas == 2, "the month of that day"
    after = kept(station)[-1].kwh("guangdong-industry/tou")
    assert before[:, 0].sum() == 0 < after[:, 0].sum()
    assert after.sum() == pytest.approx(before.sum())
