"""A process that only takes readings in counts its own; the one with the jobs keeps that."""

from datetime import timedelta

import pytest

from cloud.metering.ledger.actions import Ledger
from tests.cloud.fleet.station import METER
from tests.cloud.metering.ledger.collecting import DAY, Collecting


def test_what_another_process_took_in_is_counted_and_stays_counted(light: Collecting) -> None:
    light.poll(8)
    light.count()
    assert light.slots_heard() == list(range(8))
    other, mine = Ledger(light.ledger.station, light.commands, light.clock), light.ledger
    light.ledger = other
    light.poll(12, first=8)
    light.ledger = mine
    light.count()
    assert light.slots_heard() == list(range(8))
    other.merge()
    assert light.slots_heard() == list(range(12))
    other.merge()
    light.clock.advance(timedelta(minutes=5).total_seconds())
    light.count()
    assert light.slots_heard() == list(range(12))
    assert light.rereads() == []


def test_marks_that_could_not_be_merged_are_merged_the_next_time(
    light: Collecting, monkeypatch: pytest.MonkeyPatch
) -> None:
    light.poll(4)
    light.count()
    other, mine = Ledger(light.ledger.station, light.commands, light.clock), light.ledger
    light.ledger = other
    light.come(METER, light.quarters(4, 5, DAY))
    light.ledger = mine
    with monkeypatch.context() as patch:
        patch.setattr(light.database, "write", light.fails)
        with pytest.raises(OSError, match="full"):
            other.merge()
    other.merge()
    assert light.slots_heard() == list(range(5))
