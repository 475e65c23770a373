"""A week of simulated life: whatever happens, each quarter-hour has its value or a reason why not."""

from collections import Counter
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from edge.memory.spans import Reason
from edge.settings import Settings
from firmware_sim.life import befall
from protocols.readings import Quality, Reading, Source
from tests.system.simulated_station import Gateway, World, in_simulated_time

__all__ = ["in_simulated_time"]

START = datetime(2026, 11, 28, 0, 4, tzinfo=UTC)
SLOT_MS = 900_000
SCENARIO = """
seed = 11
[station]
installed = 2026-11-15
[[area]]
id = "A01"
[[line]]
name = "bus"
kind = "tcp"
"""
METERS = {
    "A01-01": 'model = "dlt645-2007-1p"\naddress = "202600000001"',
    "A01-02": 'model = "dlt645-2007-1p"\naddress = "202600000002"\nclock_offset_s=160\nclock_drift_ppm=100',
    "A01-03": 'model = "dlt645-2007-1p"\naddress = "202600000003"\nstart_kwh = 700',
    "A01-04": 'model = "dlt645-2007-3p"\naddress = "202600000004"\nload = "factory"\nclock_drift_ppm = -60',
    "A01-05": 'model = "dlt645-2007-1p"\naddress = "202600000005"\nclock_offset_s = 95',
    "A01-06": 'model = "dlt645-1997-1p"\naddress = "000000000006"',
    "A01-07": 'model = "eastron-sdm120"\nunit = 7',
}


def at(day: int, hour: int, minute: int = 0) -> datetime:
    """Days since the first, UTC."""
    return START.replace(hour=0, minute=0) + timedelta(days=day, hours=hour, minutes=minute)


def scenario() -> str:
    tables = (
        f'[[meter]]\nid = "{name}"\narea = "A01"\nline = "bus"\n{what}\n' for name, what in METERS.items()
    )
    return SCENARIO + "".join(tables)


def settings(folder: Path) -> Settings:
    wanted = ("model", "address", "unit")
    meters = []
    for name, what in METERS.items():
        pairs = dict(line.replace(" ", "").split("=") for line in what.splitlines())
        told = {key: pairs[key].strip('"') for key in wanted if key in pairs}
        meters.append({"id": name, "interval_s": 900} | told)
    line = {"name": "bus", "kind": "tcp", "endpoint": "127.0.0.1:9", "meter": meters}
    return Settings.model_validate(
        {"gateway": "gw-a01", "data_dir": str(folder), "broker": {"host": "127.0.0.1"}, "line": [line]}
    )


def slots(since: datetime, until: datetime) -> list[int]:
    first, last = (round(each.timestamp() * 1000) // SLOT_MS * SLOT_MS for each in (since, until))
    return list(range(first, last, SLOT_MS))


def explained(gateway: Gateway, accepted: list[Reading], until: datetime) -> dict[str, Counter[str]]:
    """How each slot of each meter came by its value, or why it has none; a slot with neither fails."""
    have: dict[tuple[str, int], str] = {}
    for reading in accepted:
        sound = reading.quality in (Quality.GOOD, Quality.SUSPECT)
        if "energy_import_wh" in reading.values and sound and reading.source is not Source.FREEZE:
            have.setdefault((reading.meter, reading.at_ms // SLOT_MS * SLOT_MS), reading.source)
    why = {
        (gap.meter, slot): gap.reason
        for gap in gateway.agent.memory.listing()
        for slot in range(gap.first_ms, gap.until_ms, SLOT_MS)
    }
    found: dict[str, Counter[str]] = {}
    for meter in METERS:
        for slot in slots(START, until):
            key = meter, slot
            assert key in have or key in why, f"{meter} {datetime.fromtimestamp(slot / 1000, UTC)}: nothing"
            found.setdefault(meter, Counter())[str(have.get(key) or why[key])] += 1
    return found


@pytest.fixture
def world(in_simulated_time: Callable[[World], None]) -> World:
    made = World(scenario(), START)
    in_simulated_time(made)
    return made


def test_after_a_week_every_quarter_hour_has_its_value_or_its_reason(world: World, tmp_path: Path) -> None:
    gateway = Gateway(world, settings(tmp_path))
    dark = ("A01-01", "A01-05")
    world.at(at(2, 3, 5), lambda: world.light(*dark, on=False))
    world.at(at(2, 7, 40), lambda: world.light(*dark, on=True))
    world.at(at(3, 9, 20), lambda: setattr(world, "cut", True))
    world.at(
        at(3, 10, 50), lambda: befall("exchange", world.meters["A01-03"], "202600000003,0.5", world.now_ms())
    )
    world.at(at(3, 12, 10), lambda: setattr(world, "cut", False))
    world.at(at(4, 1), lambda: befall("roll-over", world.meters["A01-04"], "2.5", world.now_ms()))
    world.at(at(4, 6, 1), lambda: setattr(world.meters["A01-01"], "dead", True))
    world.at(at(4, 10, 32), lambda: setattr(world.meters["A01-01"], "dead", False))

    gateway.run(at(0, 10, 7), kill=True)
    gateway.off_until(at(0, 13, 52))
    gateway.run(at(1, 1))
    gateway.off_until(at(1, 1, 40))
    gateway.run(at(2, 12, 31), kill=True)
    gateway.run(at(3, 2), kill=True)
    world.at(at(3, 2, 21), lambda: gateway.clock.set(0, synced=True))
    gateway.run(at(4, 20), ahead_s=-7200, synced=False)
    world.at(at(4, 23, 30), lambda: gateway.clock.set(25))
    world.at(at(5, 1, 30), lambda: gateway.clock.set(0))
    gateway.run(at(5, 4, 10), kill=True)
    gateway.off_until(at(5, 22))
    gateway.run(at(7, 0, 5))

    assert gateway.wrong == []
    accepted = list(gateway.accepted())
    found = explained(gateway, accepted, at(7, 0))
    assert not {Reason.WAITING, Reason.DOUBTFUL, Reason.NOT_RECORDED} & set().union(*found.values()), found
    slept = len(slots(at(2, 3, 15), at(2, 7, 30)))
    assert found["A01-01"][Reason.NO_SUPPLY] == found["A01-05"][Reason.NO_SUPPLY] == slept
    assert found["A01-06"][Reason.NO_MEMORY] == found["A01-07"][Reason.NO_MEMORY] > 80
    assert min(found["A01-02"][what] for what in ("polled", "profile", Reason.CLOCK_WRONG)) > 0
    assert 1 <= found["A01-03"][Reason.EXCHANGED] <= len(slots(at(3, 9), at(3, 13)))
    assert set(found["A01-04"]) == {"polled", "profile"}
    for meter in ("A01-01", "A01-02", "A01-03", "A01-04", "A01-05"):
        frozen = [each for each in accepted if each.meter == meter and each.source is Source.FREEZE]
        assert len({each.at_ms for each in frozen}) == len(frozen) >= 6, meter
        assert all("energy_import_t4_wh" in each.values for each in frozen)
