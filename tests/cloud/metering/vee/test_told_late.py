"""What was done at a point and told days later: its days are validated again, and no energy is lost."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from pathlib import Path

import numpy as np
import pytest
from sqlalchemy import Connection

from cloud.fleet.owners import owners
from cloud.metering.fieldwork.actions import Fieldwork
from cloud.metering.fieldwork.photos import Photos
from cloud.metering.fieldwork.requests import Exchange, NewMeter, RatioChange, Told
from cloud.metering.vee import dirty
from cloud.metering.vee.days import Channel, Flag, PointDay
from tests.cloud.metering.vee.village import DAY, Village, midnight, total

ONE, QUARTER = timedelta(days=1), timedelta(minutes=15)
TOLD = Told("fitter", "示例：到期轮换", "示例：抄表核对过")
AT = midnight() + timedelta(hours=10, minutes=7)
IMPORT, EXPORT = Channel.IMPORT.value, Channel.EXPORT.value


@pytest.fixture
def work(station: Village, tmp_path: Path) -> Fieldwork:
    late = dirty.DirtyDays(station.zone, station.clock, timedelta(hours=2))

    def changed(connection: Connection, meters: Sequence[str], since: datetime) -> None:
        dirty.mark_since(connection, meters, since, station.clock.now(), station.zone)

    photos = Photos(tmp_path / "photos")
    hooks = ([late.on_stored], [changed])
    return Fieldwork(station.database, station.store, owners(None, "sole"), photos, station.clock, *hooks)


def course(station: Village, meter: str, start: datetime, end: datetime, first: int, quantity: str) -> int:
    """A register each quarter-hour, 40 Wh further each time; where it stands at the end."""
    rows = [(start + n * QUARTER, first + 40 * n) for n in range((end - start) // QUARTER + 1)]
    station.write(meter, rows, quantity=quantity)
    return rows[-1][1]


def four(station: Village, channel: Channel) -> list[PointDay]:
    return [station.day("M-1", DAY + number * ONE, channel) for number in range(-1, 3)]


def test_an_exchange_told_three_days_late_repairs_its_days_and_loses_nothing(
    station: Village, work: Fieldwork
) -> None:
    station.registry({"id": "M-1"})
    before, noon = midnight(DAY - ONE), midnight() + timedelta(hours=12)
    removed, installed, last = {}, {IMPORT: 20, EXPORT: 110}, {}
    for quantity in installed:
        shown = course(station, "M-1", before, midnight() + timedelta(hours=10), 500_000, quantity)
        removed[quantity] = shown + 10
        last[quantity] = course(station, "N-1", noon, midnight(DAY + 3 * ONE), 520, quantity)
    for number in range(-1, 3):
        station.validate(DAY + number * ONE)
    station.validation.run()
    assert station.day("M-1", DAY + 2 * ONE).register_end_wh is None, "nobody knows of the new meter"
    meter = NewMeter("N-1", "990000000001")
    work.exchange(Exchange("M-1", AT, meter, removed, installed), TOLD)
    station.validation.run()
    for channel in (Channel.IMPORT, Channel.EXPORT):
        days, name = four(station, channel), channel.value
        assert not any(np.isnan(each.final_wh).any() for each in days)
        passed = removed[name] - 500_000 + last[name] - installed[name]
        assert sum(total(each) for each in days) == passed
        assert days[1].flags[40] & Flag.EXCHANGE


def test_a_ratio_told_late_counts_from_its_instant_on(station: Village, work: Fieldwork) -> None:
    station.registry({"id": "M-1", "ct_ratio": 10, "model": "dlt645-2007-3p"})
    course(station, "M-1", midnight(DAY - ONE), midnight(DAY + 3 * ONE), 500_000, IMPORT)
    for number in range(-1, 3):
        station.validate(DAY + number * ONE)
    station.validation.run()
    at, shown = midnight() + 40 * QUARTER, 500_000 + 136 * 40
    work.change_ratio(RatioChange("M-1", at, 20.0, 1.0, {IMPORT: shown}), TOLD)
    station.validation.run()
    days = four(station, Channel.IMPORT)
    assert sum(total(each) for each in days) == 136 * 40 * 10 + (4 * 96 - 136) * 40 * 20
    assert (days[1].final_wh[:40] == 400).all()
    assert (days[1].final_wh[40:] == 800).all()
