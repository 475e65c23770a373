"""From archived curves to points and uplift: SimBench's real shapes, an effect planted in takers.

The draw, the offers, the answers, the archive and the measurement are the service's own.
"""

from collections.abc import Iterator
from datetime import date
from decimal import Decimal
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from sqlalchemy import select

from cloud.analysis.grid import day_grid
from cloud.insight import curves, pricing
from cloud.kit.calendar import station_calendar
from cloud.metering.vee.point_day import Method
from cloud.tariffs import bill, catalogue
from cloud.tariffs.price import price
from cloud.tariffs.usage import Household, Usage
from cloud.tiers.campaigns import awards, ledger, store, uplift
from cloud.tiers.campaigns.awards import Earned, points_due
from cloud.tiers.campaigns.measured_days import day_wh
from cloud.tiers.campaigns.measuring import measure
from cloud.tiers.campaigns.promotions import parsed
from cloud.tiers.campaigns.rules import Answer, State, held_out
from cloud.tiers.campaigns.tables import point_entry_table
from tests import simbench_station
from tests.cloud.insight.archived_station import ZONE
from tests.cloud.tiers.campaigns.campaigning import DAYS, FIRST, START, Town, town

CUSTOMERS, TAKERS = 330, 0.5
NIGHT = slice(0, 28)
"""00:00 to 07:00."""


@pytest.fixture(scope="module")
def shapes() -> NDArray[np.float32]:
    """Wh (330, 28 · 96) of households, shops and farms in autumn, each with days of its own."""
    found = simbench_station.station(CUSTOMERS, 3, date(2016, 9, 5), DAYS).energy_wh
    random = np.random.default_rng(7)
    days = found.reshape(CUSTOMERS, DAYS, 96)
    own = np.exp(0.15 * random.standard_normal((CUSTOMERS, DAYS, 1)))
    return (np.maximum(days, 5) * own).astype(np.float32)


def planted(shapes: NDArray[np.float32], share: float) -> NDArray[np.float32]:
    """Takers move so much of what they use by day into the night, from the campaign's first day on."""
    days = shapes.copy()
    first = (START - FIRST).days
    for n in range(CUSTOMERS):
        if takes(n):
            moved = days[n, first:, 28:].sum(axis=1) * share
            days[n, first:, 28:] *= 1 - share
            days[n, first:, NIGHT] += (moved / 28)[:, None]
    return days.reshape(CUSTOMERS, -1)


def takes(n: int) -> bool:
    return not held_out("s1", f"C{n}", 100) and n % 2 == 0


@pytest.fixture(scope="module")
def nothing(shapes: NDArray[np.float32], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Town]:
    made = town(tmp_path_factory.mktemp("none"), planted(shapes, 0.0), areas=3)
    yield made
    made.station.close()


@pytest.fixture(scope="module")
def moved(shapes: NDArray[np.float32], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Town]:
    wh = planted(shapes, 0.2)
    made = town(tmp_path_factory.mktemp("some"), wh, areas=3)
    yield made
    made.station.close()


def ended(made: Town) -> int:
    """Run to its end; every second of those offered takes part on the first day."""
    campaign = made.started()
    with made.database.write() as connection:
        for n in range(CUSTOMERS):
            if takes(n):
                made.campaigns.answer(connection, campaign, f"{1000 + n}", Answer.ACCEPT, f"C{n}")
    made.clock.advance(18 * 86_400)
    made.daily()
    return campaign


def test_a_planted_shift_is_recovered_and_held_by_its_interval(
    moved: Town, shapes: NDArray[np.float32]
) -> None:
    campaign = ended(moved)
    result = measure(moved.campaigns, moved.database, campaign, "bob")["effect"]
    after = (START - FIRST).days
    gain = np.array(
        [shapes[n, after:, 28:].sum() * 0.2 / 14_000 if takes(n) else 0 for n in range(CUSTOMERS)]
    )
    offered = np.array([not held_out("s1", f"C{n}", 100) for n in range(CUSTOMERS)])
    truth = gain[offered].mean()
    assert result["verdict"] == "shown"
    assert result["all_offered"]["low"] <= truth <= result["all_offered"]["high"]
    assert result["all_offered"]["value"] == pytest.approx(truth, rel=0.5)
    assert result["takers"]["value"] == pytest.approx(result["all_offered"]["value"] / result["take_up"])
    with moved.database.read() as connection:
        assert store.campaign(connection, campaign).state == State.MEASURED
        kept = store.measurements(connection, campaign)
    assert [row.result["effect"]["verdict"] for row in kept] == ["shown"]
    assert kept[0].result["coverage"] == 1.0


def test_where_nothing_was_planted_none_is_shown(nothing: Town) -> None:
    result = measure(nothing.campaigns, nothing.database, ended(nothing), "bob")["effect"]
    assert result["verdict"] == "none_shown"
    assert result["all_offered"]["low"] < 0 < result["all_offered"]["high"]


def test_over_many_draws_the_interval_is_right_19_times_of_20(shapes: NDArray[np.float32]) -> None:
    """The same customers and days, drawn anew with other seeds; the effect is in each draw's takers."""
    first = (START - FIRST).days
    night, day = shapes[:, :, NIGHT].sum(axis=2) / 1000, shapes[:, :, 28:].sum(axis=2) / 1000
    before, plain = night[:, :first].mean(axis=1), night[:, first:].mean(axis=1)
    names = [f"C{n}" for n in range(CUSTOMERS)]
    for share, shown_least, shown_most in ((0.0, 0.0, 0.09), (0.1, 0.1, 1.0), (0.3, 0.5, 1.0)):
        held = shown = 0
        for seed in range(100):
            offered = np.array([not held_out(f"draw {seed}", name, 100) for name in names])
            took = offered & (np.random.default_rng(seed).random(CUSTOMERS) < TAKERS)
            gain = share * day[:, first:].mean(axis=1)
            sides = uplift.Sides(before, plain + gain * took, offered, took)
            found = uplift.effect(sides, confidence=0.95, min_per_arm=15, resamples=199).all_offered
            assert found is not None
            held += found.low <= gain.mean() * TAKERS <= found.high
            shown += not found.low <= 0 <= found.high
        assert held / 100 >= 0.9, share
        assert shown_least <= shown / 100 <= shown_most, (share, shown / 100)


# points


@pytest.fixture
def homes(tmp_path: Path, sqlite_url: str) -> Iterator[Town]:
    """Four homes that use 1 kWh in each quarter-hour of the night; one has holes, one is estimated."""
    wh = np.full((40, DAYS, 96), 10.0, np.float32)
    wh[:, :, NIGHT] = 1000 / 28
    wh[1, 15, :14] = np.nan
    made = town(tmp_path, wh.reshape(40, -1), areas=1, url=sqlite_url)
    yield made
    made.station.close()


def free(count: int) -> list[int]:
    return [n for n in range(40) if not held_out("s1", f"C{n}", 100)][:count]


def test_points_are_for_valid_kwh_from_the_day_after_and_no_day_twice(homes: Town) -> None:
    campaign = homes.started()
    mine = free(3)
    assert 1 in mine
    with homes.database.write() as connection:
        for n in mine:
            homes.campaigns.answer(connection, campaign, f"{1000 + n}", Answer.ACCEPT, f"C{n}")
    assert homes.award_due() == 0  # nothing has been checked yet
    homes.clock.advance(6 * 86_400)  # to the 18th: the 13th and the 14th are checked
    assert homes.award_due() == 2 * len(mine)
    assert homes.award_due() == 0
    with homes.database.read() as connection:
        earned = awards.earned(connection, campaign)
        today = homes.campaigns.today
        whole = next(n for n in mine if n != 1)
        assert earned[f"{1000 + whole}"].wh in range(1998, 2001)
        assert earned["1001"].wh in range(1498, 1501)  # half a night is missing, and counts for nothing
        assert ledger.balance(connection, f"{1000 + whole}", today) in (0, 1)
        days = connection.scalars(select(point_entry_table.c.day).distinct()).all()
    assert sorted(days) == [date(2026, 10, 13), date(2026, 10, 14)]


def test_rounding_loses_nothing_from_day_to_day_and_the_caps_hold() -> None:
    text = Path(awards.__file__).parents[2].joinpath("policies/promotions/household-valley.toml").read_text()
    promotion = parsed(text, "x").promotion
    past = Earned(0, 0)
    for _ in range(300):
        due = points_due(promotion, past, 333)
        past = Earned(past.wh + 333, past.points + due)
        assert past.points == min(int(Decimal("0.5") * past.wh / 1000), promotion.cap_points or 0)
    assert promotion.cap_points is not None
    assert past.points == min(49, promotion.cap_points)


def test_estimated_slots_earn_nothing(tmp_path: Path, sqlite_url: str) -> None:
    marks = np.full((40, DAYS * 96), Method.MEASURED, np.uint8)
    marks[0, :] = Method.INTERPOLATED
    made = town(tmp_path, np.full((40, DAYS * 96), 100.0, np.float32), areas=1, url=sqlite_url, method=marks)
    with made.database.read() as connection:
        used = day_wh(connection, made.campaigns.archive, ["1000", "1001"], frozenset(range(28)), START)
    made.station.close()
    assert used == {"1001": 2800}


def test_a_participants_bill_is_the_same_to_the_byte(homes: Town) -> None:
    n = free(1)[0]
    point = f"A0-{n:03}"

    def told() -> str:
        with homes.database.read() as connection:
            read = curves.curves(
                connection, homes.station.folder, [point], FIRST, date(2026, 10, 25), zone=ZONE, areas=["A0"]
            )
        grid = day_grid(read.starts_ms, 900, ZONE)
        found = catalogue.read()
        tariff = found.in_force("zhejiang-household", START)
        plan = next(each for each in tariff.plans if each.windows)
        bands = pricing.PlanBands(plan, station_calendar()).slots(grid)
        parts = tuple(pricing.part(each, 0) for each in pricing.months(np.nan_to_num(read.wh), grid, bands))
        usage = Usage(parts, household=Household())
        made = price(lambda day: found.in_force("zhejiang-household", day), plan.id, usage)
        return repr(bill.as_json(made))

    before = told()
    campaign = homes.started()
    with homes.database.write() as connection:
        homes.campaigns.answer(connection, campaign, f"{1000 + n}", Answer.ACCEPT, f"C{n}")
    homes.clock.advance(10 * 86_400)
    assert homes.award_due() > 0
    with homes.database.read() as connection:
        assert ledger.balance(connection, f"{1000 + n}", homes.campaigns.today) > 0
    assert told() == before
