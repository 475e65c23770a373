"""The ratio of a meter is applied once, at the edge where values are read, and to secondary values alone."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from cloud.fleet.registry import import_registry
from cloud.kit.db import Database
from cloud.kit.scope import WHOLE_STATION
from cloud.metering.primary import POWER, PrimaryReadings, Ratio, ratio_of
from cloud.metering.sqlite.store import SqliteStore
from cloud.metering.store import BatchOfReadings, ms
from protocols import models
from protocols.quantities import QUANTITIES, Kind
from protocols.readings import Reading, Source
from tests.cloud.alerts.village import registry

NOW = datetime(2026, 3, 2, 8, tzinfo=UTC)
BEHIND, DIRECT = "A01-01", "A01-02"
CT, PT = 40.0, 100.0
VALUES: dict[str, Any] = {
    "energy_import_wh": 1_234_567,
    "power_w": 1500.5,
    "voltage_l1_v": 57.5,
    "current_l1_a": 1.25,
    "frequency_hz": 50.0,
}


@pytest.fixture
def raw(tmp_path: Path) -> Iterator[SqliteStore]:
    made = SqliteStore(tmp_path / "readings.db")
    for number, meter in enumerate((BEHIND, DIRECT), 1):
        reading = Reading(meter, ms(NOW), Source.POLLED, VALUES)
        made.write(BatchOfReadings("gw-a01", "e", number, [reading]))
    yield made
    made.close()


@pytest.fixture
def records(sqlite_url: str) -> Iterator[Database]:
    made = Database(sqlite_url)
    document = registry(("A01",))
    for meter in document["meter"]:
        if meter["id"] == BEHIND:
            meter |= {"ct_ratio": CT, "pt_ratio": PT, "model": "dlt645-2007-3p"}
    with made.write() as connection:
        import_registry(connection, document)
    yield made
    made.close()


def sides() -> dict[str, str]:
    return {point.quantity: point.side for point in models.load("dlt645-2007-3p").points}


def expected(meter: str, quantity: str) -> float:
    factors = {"energy_import_wh": CT * PT, "power_w": CT * PT, "voltage_l1_v": PT, "current_l1_a": CT}
    behind = meter == BEHIND and sides()[quantity] == "secondary"
    return float(VALUES[quantity] * (factors.get(quantity, 1.0) if behind else 1.0))


@pytest.mark.parametrize("meter", [BEHIND, DIRECT])
def test_newest_values_series_and_the_stream_agree_and_the_store_stays_raw(
    raw: SqliteStore, records: Database, meter: str
) -> None:
    primary = PrimaryReadings(records, raw)
    newest = {each.quantity: each.value for each in primary.latest(WHOLE_STATION, [meter])}
    [shown] = primary.shown([Reading(meter, ms(NOW), Source.POLLED, VALUES)])
    for quantity in VALUES:
        series = primary.series(WHOLE_STATION, meter, quantity, NOW, NOW + timedelta(seconds=1))
        assert newest[quantity] == shown.values[quantity] == series.values[0] == expected(meter, quantity)
        assert type(newest[quantity]) is type(VALUES[quantity])
    assert {each.quantity: each.value for each in raw.latest(WHOLE_STATION, [meter])} == VALUES


def test_the_whole_station_is_read_with_each_meters_own_ratio(raw: SqliteStore, records: Database) -> None:
    found = PrimaryReadings(records, raw).latest(WHOLE_STATION)
    assert {(each.meter, each.quantity): each.value for each in found} == {
        (meter, quantity): expected(meter, quantity) for meter in (BEHIND, DIRECT) for quantity in VALUES
    }


def test_a_ratio_cannot_be_applied_to_what_has_it_already(raw: SqliteStore, records: Database) -> None:
    once = PrimaryReadings(records, raw)
    with pytest.raises(TypeError, match="applied once"):
        PrimaryReadings(records, once)  # type: ignore[arg-type]


NAMES = models.names()
RATIOS = st.sampled_from([1.0, 1.5, 15.0, 40.0, 100.0, 2000.0])


@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.sampled_from(NAMES), RATIOS, RATIOS, st.sampled_from(sorted(QUANTITIES)), st.integers(0, 2**40))
def test_whatever_the_model_a_value_is_multiplied_once_or_never(
    model: str, ct: float, pt: float, quantity: str, value: int
) -> None:
    ratio = ratio_of(model, ct, pt)
    side = {point.quantity: point.side for point in models.load(model).points}.get(quantity)
    counter = QUANTITIES[quantity].kind is Kind.COUNTER
    given_value = value if counter else float(value)
    got = ratio.of(quantity, given_value)
    factor = ratio.factor(quantity)
    assert factor in (1, ratio.ct, ratio.pt, ratio.ct * ratio.pt)
    if side != "secondary" or (ct, pt) == (1.0, 1.0):
        assert got == given_value
    elif QUANTITIES[quantity].unit in POWER:
        assert float(factor) == ct * pt
        assert got == pytest.approx(value * ct * pt, abs=0.5)
    assert isinstance(got, int) == counter


def test_a_primary_value_is_left_alone_whatever_the_ratio() -> None:
    for model in NAMES:
        primary = {point.quantity for point in models.load(model).points if point.side == "primary"}
        ratio = ratio_of(model, 40.0, 100.0)
        assert all(ratio.factor(quantity) == 1 for quantity in primary)


def test_a_counter_behind_a_broken_ratio_is_a_whole_number() -> None:
    ratio = Ratio(Decimal("1.5"), Decimal(1), frozenset({"energy_import_wh"}))
    assert [ratio.of("energy_import_wh", value) for value in (3, 2**50)] == [4, 3 * 2**49]
