"""The whole service on an InfluxDB: the same answers, the same isolation, and what it tells of its engine."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from cloud.settings import BrokerSettings, HttpSettings, ReadingsSettings, Settings
from tests.cloud.conftest import Browser
from tests.cloud.metering.influx_between import Between
from tests.cloud.test_isolation import curve
from tests.influx import Influx


@pytest.fixture
def between(influx: Influx) -> Iterator[Between]:
    made = Between(influx.url)
    yield made
    made.close()


@pytest.fixture
def settings(empty_sqlite: Path, tmp_path: Path, influx: Influx, between: Between) -> Settings:
    shutil.copy(empty_sqlite, tmp_path / "records.db")
    return Settings(
        data_dir=tmp_path,
        http=HttpSettings(base_url="https://station.example"),
        broker=BrokerSettings(port=0),
        readings=ReadingsSettings(kind="influxdb", influxdb=influx.settings(url=between.url)),
    )


def test_two_tenants_see_the_curve_of_their_own_time(browser: Browser) -> None:
    """Day by day over 30 days and today: the new one moved in ten days ago."""
    assert [len(curve(browser, who)) for who in ("operator", "customer-a", "customer-b")] == [31, 20, 11]
    assert browser("customer-b").get("meters/M-2/latest").status_code == 404


def test_operators_are_told_of_the_engine(browser: Browser, influx: Influx) -> None:
    told = browser("operator").get("store").json()
    assert (told["engine"], told["series"], told["crowded"], told["quarantined"]) == ("influxdb", 4, False, 0)
    assert told["fields"] == 3
    assert influx.token not in str(told)
    page = browser("operator").get("https://station.example/console/gateways").text
    assert f"InfluxDB {told['version']}" in page


def test_without_its_engine_a_page_says_so_and_the_service_says_503(
    browser: Browser, between: Between
) -> None:
    client = browser("operator")
    between.queries.extend([(503, {}, b'{"message": "starting"}')] * 3)
    answer = client.get("store")
    assert answer.status_code == 503
    assert answer.json()["title"] == "The store of readings does not answer"
    assert client.get("meters/M-2/latest").status_code == 503
    assert "读数库无应答" in client.get("https://station.example/console/gateways").text
