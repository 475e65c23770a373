"""A meter model of one's own, named by its file, is simulated like those that come along."""

from importlib import resources
from pathlib import Path

import pytest

from firmware_sim import fleet, history, scenario
from firmware_sim.clock import ManualClock
from firmware_sim.modbus_bus import RtuSlaves
from protocols.modbus.rtu import read_reply, read_request
from tests.firmware_sim.texts import NOON_MS

OWN = (resources.files("protocols") / "meters" / "gavazzi-em340.toml").read_text(encoding="utf-8")
FINE = OWN.replace(
    '0x0034, type = "s32", word_order = "little", scale = "0.1"',
    '0x0034, type = "s32", word_order = "little", scale = "0.01"',
)
FINE = FINE.replace("values.energy_import_wh = 12345600", "values.energy_import_wh = 1234560")
METER = """
[[meter]]
id = "{name}"
unit = {unit}
model = "{model}"
area = "A01"
line = "bus"
start_kwh = 8.7
counts = 0
"""
TEXT = '[[area]]\nid = "A01"\n\n[[line]]\nname = "bus"\nkind = "tcp"\n'
MINE = METER.format(name="mine", unit=4, model="models/mine.toml")
THEIRS = METER.format(name="theirs", unit=5, model="gavazzi-em340")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "models").mkdir()
    (tmp_path / "models" / "mine.toml").write_text(FINE, encoding="utf-8")
    return tmp_path


def imported(slaves: RtuSlaves, unit: int) -> int:
    request = read_request(unit, 4, 0x34, 2)
    reply = slaves.hear(request)
    assert reply is not None
    low, high = read_reply(request, reply)
    return high << 16 | low


def test_it_is_found_beside_the_scenario_though_another_has_its_name(folder: Path) -> None:
    (folder / "s.toml").write_text(TEXT + MINE + THEIRS, encoding="utf-8")
    meters = fleet.build(scenario.load(folder / "s.toml"))
    slaves = RtuSlaves(list(meters.values()), ManualClock(NOON_MS))
    assert (imported(slaves, 4), imported(slaves, 5)) == (870, 87)
    for meter in meters.values():
        assert history.polled(meter, NOON_MS)["energy_import_wh"] == 8700


@pytest.mark.parametrize(
    ("own", "told"),
    [
        (None, "mine.toml: cannot be read"),
        ("name = 1", "mine.toml: name: "),
        (FINE.replace("1234560", "1234561"), "energy_import_wh is 1234560, not 1234561"),
        (
            FINE.replace("energy_import_wh", "apparent_energy_import_vah").replace('"kWh"', '"kVAh"', 1),
            "mine: apparent_energy_import_vah of its model gavazzi-em340 is not simulated",
        ),
    ],
)
def test_what_is_wrong_with_it_is_told_in_one_line(folder: Path, own: str | None, told: str) -> None:
    file = folder / "models" / "mine.toml"
    if own is None:
        file.unlink()
    else:
        file.write_text(own, encoding="utf-8")
    with pytest.raises(scenario.ScenarioError) as caught:
        fleet.build(scenario.parse(TEXT + MINE, folder=folder))
    assert told in str(caught.value)
    assert "\n" not in str(caught.value)


def test_twins_are_for_a_bus() -> None:
    text = TEXT.replace('"tcp"', '"modbus-tcp"') + THEIRS + THEIRS.replace("theirs", "twin") + "twin = true\n"
    with pytest.raises(scenario.ScenarioError, match="twins talk at once on a bus"):
        scenario.parse(text)
