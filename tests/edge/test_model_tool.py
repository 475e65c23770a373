"""A meter model of one's own: checked with a clear report, named in gateway.toml by its file, and read."""

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from edge import settings
from edge.drivers.modbus import ModbusDriver
from edge.settings import SettingsError
from edge.tools.model import app
from protocols import models
from tests.edge.wire import Ask, Chunks, modbus_wire

GOOD = """
name = "my-meter"
maker = "made up"
protocol = "modbus"
phases = 1
sources = ["made up"]
[serial]
baud = 9600
parity = "none"
[[register]]
quantity = "voltage_l1_v"
fc = 4
address = 0
type = "f32"
unit = "V"
side = "primary"
[[golden]]
origin = "published"
source = "Eastron manual"
request = "01 04 00 00 00 02 71 CB"
response = "01 04 04 43 66 33 34 1B 38"
values = { voltage_l1_v = 230.2 }
"""
GATEWAY = """
gateway = "gw-a01"
data_dir = "."
[broker]
host = "127.0.0.1"
[[line]]
name = "l1"
kind = "modbus-tcp"
endpoint = "{endpoint}"
[[line.meter]]
id = "m1"
unit = 1
model = "{model}"
"""


def told(*arguments: str) -> tuple[int, str, list[str]]:
    """Exit code, stdout, and the lines of stderr."""
    result = CliRunner().invoke(app, list(arguments))
    return result.exit_code, result.stdout, result.stderr.splitlines()


@pytest.fixture
def model_file(tmp_path: Path) -> Path:
    path = tmp_path / "my-meter.toml"
    path.write_text(GOOD)
    return path


def test_a_good_file_is_shown_with_all_that_a_reading_takes(model_file: Path) -> None:
    code, out, _ = told("check", str(model_file))
    assert code == 0
    assert "voltage_l1_v" in out
    assert "FC04 0x0000 (0)" in out
    assert "1 requests, 17 bytes, 0.04 s of the line at 9600 baud" in out
    assert "golden frames: 1, all give the values they must (1 published by others, 0 constructed)" in out


def test_each_mistake_of_a_bad_file_is_one_line_with_what_was_meant(model_file: Path) -> None:
    model_file.write_text(GOOD.replace('maker = "made up"', 'makr = "made up"').replace("fc = 4", "fc = 7"))
    code, out, lines = told("check", str(model_file))
    assert (code, out) == (1, "")
    assert len(lines) == 2
    assert all(f"{model_file}: " in line for line in lines)
    assert any("makr: no such key; did you mean 'maker'?" in line for line in lines)
    model_file.write_text(GOOD.replace('"voltage_l1_v"', '"voltage_l1"'))
    assert "did you mean 'voltage_l1_v'?" in told("check", str(model_file))[2][0]


def test_a_file_whose_frames_do_not_give_its_values_is_refused(model_file: Path) -> None:
    model_file.write_text(GOOD.replace("230.2 }", "231.2 }"))
    code, _, lines = told("check", str(model_file))
    assert code == 1
    assert "golden[0].values: voltage_l1_v is 230.2, not 231.2" in lines[0]


def test_for_programs_it_is_one_object(model_file: Path) -> None:
    code, out, _ = told("check", str(model_file), "--json")
    assert code == 0
    assert json.loads(out)["quantities"][0]["side"] == "primary"
    model_file.write_text("")
    code, out, _ = told("check", str(model_file), "--json")
    assert code == 1
    assert json.loads(out)["mistakes"]
    assert told("check", str(model_file.with_name("none.toml")))[0] == 1


def test_every_model_of_the_program_is_listed_and_shown() -> None:
    code, out, _ = told("list")
    assert code == 0
    for name in models.names():
        assert name in out
        code, shown, _ = told("show", name, "--json")
        assert code == 0
        fields = json.loads(shown)
        assert {each["quantity"] for each in fields["quantities"]} == {
            p.quantity for p in models.load(name).points
        }
        assert told("show", name)[0] == 0


def test_doubts_and_limits_for_bills_are_shown() -> None:
    _, out, _ = told("show", "eastron-sdm630")
    assert "131,072 kWh" in next(line for line in out.splitlines() if line.startswith("energy_import_wh"))
    assert " NO" in next(line for line in out.splitlines() if line.startswith("demand_power_w"))
    assert "searched for at 40000, 50000, 0" in told("show", "sunspec-20x")[1]


def test_an_unknown_model_is_refused_with_those_there_are() -> None:
    code, _, lines = told("show", "sdm999")
    assert code == 1
    assert "eastron-sdm630" in lines[0]


def test_a_meter_is_read_by_a_model_of_ones_own(tmp_path: Path, model_file: Path) -> None:
    def react(ask: Ask) -> Chunks:
        return [ask.answer([0x4366, 0x3334])]

    with modbus_wire("modbus-tcp", react) as wire:
        config = tmp_path / "gateway.toml"
        config.write_text(GATEWAY.format(endpoint=wire.endpoint, model="./my-meter.toml"))
        line = settings.load(config).lines[0]
        assert line.meters[0].model == str(model_file)
        driver = ModbusDriver(line, {str(model_file): models.load(line.meters[0].model)})
        driver.open()
        assert driver.read(line.meters[0]) == {"voltage_l1_v": 230.2}
        driver.close()


@pytest.mark.parametrize(
    ("content", "said"),
    [(None, "cannot be read"), (GOOD.replace("230.2 }", "231.2 }"), "voltage_l1_v is 230.2, not 231.2")],
)
def test_a_model_file_that_cannot_be_used_is_told_with_the_settings(
    tmp_path: Path, content: str | None, said: str
) -> None:
    if content:
        (tmp_path / "my.toml").write_text(content)
    config = tmp_path / "gateway.toml"
    config.write_text(GATEWAY.format(endpoint="127.0.0.1:502", model="my.toml"))
    with pytest.raises(SettingsError, match=said) as refused:
        settings.load(config)
    assert len(refused.value.mistakes) == 1
    assert "line[l1].meter[m1].model" in str(refused.value)


def test_a_changed_model_file_is_taken_when_the_settings_are_read_again(
    tmp_path: Path, model_file: Path
) -> None:
    config = tmp_path / "gateway.toml"
    config.write_text(GATEWAY.format(endpoint="127.0.0.1:502", model="my-meter.toml"))
    name = settings.load(config).lines[0].meters[0].model
    assert models.load(name).maker == "made up"
    model_file.write_text(GOOD.replace('maker = "made up"', 'maker = "another"'))
    settings.load(config)
    assert models.load(name).maker == "another"
