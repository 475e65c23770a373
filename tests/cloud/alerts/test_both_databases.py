"""One story through every state of the watch, its orders and notices: the same books on either database."""

from pathlib import Path

import pytest

from cloud.alerts.rules import Broker
from cloud.kit.db import Database
from cloud.kit.errors import NotFound
from cloud.workorders import progress
from tests.cloud.alerts.village import PERIOD_S, POLICY, Village, meters_of

A01 = meters_of("A01")


def test_the_same_story_leaves_the_same_books(database: Database, tmp_path: Path) -> None:
    village = Village(database, tmp_path)
    village.rounds(2)
    _outage_with_one_left_dark(village)
    _faults_of_communication(village)
    village.close()
    _every_cause_was_one_alert_and_ended(village)
    _everybody_was_told_once_of_the_outage_and_once_of_its_end(village)
    _its_order_is_followed_by_whom_it_is(village)


def _outage_with_one_left_dark(village: Village) -> None:
    village.supply_out(*A01[:-1])
    village.rounds(3)
    village.supply_out(A01[-1])
    village.rounds(1)
    village.supply_back(*A01[:-1])
    village.rounds(4 + round(POLICY.supply.stragglers_s / PERIOD_S))
    assert village.open_causes() == [f"meter_silent:{A01[-1]}"]
    village.supply_back(A01[-1])
    village.rounds(4)


def _faults_of_communication(village: Village) -> None:
    village.fate.cut.add("A01")
    village.fate.dead.add("A02-01")
    village.rounds(4)
    village.fate.dark_gateways.add("gw-a02")
    village.rounds(4)
    village.broker = Broker(False, village.clock.now())
    village.rounds(2)
    village.broker = Broker(True, village.clock.now())
    village.fate.cut.clear()
    village.fate.dead.clear()
    village.fate.dark_gateways.clear()
    village.rounds(6)


def _every_cause_was_one_alert_and_ended(village: Village) -> None:
    kinds = sorted(alert.kind for alert in village.alerts())
    assert kinds == ["area_outage", "broker_down", "gateway_dark", "line_silent", "meter_silent"]
    assert village.open_causes() == []


def _everybody_was_told_once_of_the_outage_and_once_of_its_end(village: Village) -> None:
    [order] = village.orders_made()
    assert (order.state, order.customers) == ("restored", 4)
    everybody = ["C-A01-01", "C-A01-03", "C-A01-04", "C-A01-05"]
    assert village.who_was_told("outage") == everybody
    assert village.who_was_told("restored") == everybody


def _its_order_is_followed_by_whom_it_is(village: Village) -> None:
    [order] = village.orders_made()
    with village.database.read() as connection:
        [mine] = progress.orders_of(connection, "C-A01-01", limit=5)
        seen = progress.progress(connection, mine, "C-A01-01")
        assert (seen.number, seen.stage) == (order.number, "restored")
        assert seen.supply_back_at is not None
        with pytest.raises(NotFound):
            progress.order_of(connection, "C-A02-01", order.number)
