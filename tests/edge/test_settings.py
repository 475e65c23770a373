"""gateway.toml: every mistake is one clear line with file, key and what to do."""

from pathlib import Path

import pytest

from edge import settings as gateway_settings
from edge.settings import SettingsError

GOOD = """
gateway = "gw-a01"
data_dir = "data"
interval_s = 900
supply_file = "/sys/class/power_supply/AC/online"
[broker]
host = "broker.example"
password_file = "secret"
[outbox]
max_bytes = 8388608
[[line]]
name = "north"
kind = "tcp"
endpoint = "10.0.0.5:4001"
[[line.meter]]
id = "M-001"
address = "202107072529"
model = "dlt645-2007-3p"
[[line.meter]]
id = "M-002"
address = "000000000002"
model = "dlt645-2007-1p"
interval_s = 60
[[line]]
name = "hall"
kind = "modbus-rtu"
endpoint = "/dev/ttyS1"
[[line.meter]]
id = "M-003"
unit = 1
model = "eastron-sdm630"
"""


@pytest.fixture
def config(tmp_path: Path) -> Path:
    (tmp_path / "secret").write_text("the-secret\n")
    (tmp_path / "secret").chmod(0o600)
    path = tmp_path / "gateway.toml"
    path.write_text(GOOD)
    return path


def test_good_settings_are_read_with_paths_beside_the_file_and_intervals_spread(config: Path) -> None:
    read = gateway_settings.load(config)
    assert read.data_dir == config.parent / "data"
    assert [meter.interval_s for meter in read.meters] == [900, 60, 900]
    assert read.lines[0].host_port == ("10.0.0.5", 4001)
    assert [(line.baud, line.parity) for line in read.lines] == [(2400, "even"), (9600, "none")]
    assert read.username == "gw-a01"
    assert read.broker.password() == "the-secret"
    assert gateway_settings.warnings(read) == []


@pytest.mark.parametrize(
    ("good", "bad", "said"),
    [
        ('gateway = "gw-a01"', "", "gateway: is missing; add it"),
        ('"gw-a01"', '"Gate way"', "gateway: 'Gate way' is no gateway name; use"),
        ("interval_s = 900", "interval_s = 0", "interval_s: input should be greater than or equal to 1, but"),
        ("interval_s = 900", "interval_s = 900.0", "interval_s: input should be a valid integer, but is 900"),
        ("interval_s = 900", 'interval_s = "900"', "interval_s: input should be a valid integer, but is '"),
        ("interval_s = 900", "health_s = inf", "health_s: input should be a finite number, but is inf"),
        ('name = "north"', 'name = "no\\trth"', "name: string should match pattern"),
        ('"202107072529"', '"٢٠٢١٠٧٠٧٢٥٢٩"', "is no meter address; write its 12 digits"),
        ('"202107072529"', '"999999999999"', "'999999999999' is no meter address"),
        ("interval_s = 900", "intervall = 900", "intervall: no such key; did you mean 'interval_s'?"),
        ('"broker.example"', '""', "broker.host: string should have at least 1 character"),
        ('password_file = "secret"', 'password = "x"', "broker.password: no such key; did you mean 'pass"),
        ('"secret"', '"gone"', "gone; create it or correct the path"),
        ("8388608", '"much"', "outbox.max_bytes: input should be a valid integer"),
        ("10.0.0.5:4001", "10.0.0.5", "endpoint '10.0.0.5' of a tcp line must be host:port, as 10"),
        ("10.0.0.5:4001", "10.0.0.5:99999", "must be host:port"),
        ("10.0.0.5:4001", "10.0.0.5:４００１", "must be host:port"),
        ("10.0.0.5:4001", "/dev/ttyS0", "endpoint '/dev/ttyS0' of a tcp line must be host:port, as 10"),
        ("/dev/ttyS1", "ttyS1", "modbus-rtu line must be a device, as /dev/ttyS1, or a serial server's host"),
        ('"202107072529"', '"2021"', "line[north].meter[M-001].address: '2021' is no meter address"),
        ('"000000000002"', '"202107072529"', "line[north]: address 202107072529 is given to two meters"),
        ('"M-003"', '"M-001"', "two meters have the id 'M-001'; correct one"),
        ('"hall"', '"north"', "two lines are called 'north'; rename one"),
        ("unit = 1", 'address = "000000000009"', "'M-003': a eastron-sdm630 needs unit, and no address"),
        ('"eastron-sdm630"', '"dlt645-2007-3p"', "a dlt645-2007-3p cannot be read on a modbus-rtu line"),
        ('"eastron-sdm630"', '"sdm-9000"', "'sdm-9000' is no meter model; give a file of your own"),
        ("[[line]]", "[[line", "is not TOML"),
        ('kind = "tcp"', 'kind = "udp"', "line[north].kind: input should be 'tcp', 'serial'"),
    ],
)  # fmt: skip
def test_a_mistake_is_one_line_that_names_file_key_and_cure(
    good: str, bad: str, said: str, config: Path
) -> None:
    config.write_text(GOOD.replace(good, bad, 1))
    with pytest.raises(SettingsError) as wrong:
        gateway_settings.load(config)
    (line,) = wrong.value.mistakes
    assert line.startswith(f"{config}: ")
    assert said in line
    assert "\n" not in line


def test_a_gateway_may_fill_one_gibibyte_unless_told_otherwise(config: Path) -> None:
    config.write_text(GOOD.replace("[outbox]\nmax_bytes = 8388608\n", ""))
    assert gateway_settings.load(config).outbox.max_bytes == 1 << 30


def test_an_rtu_line_may_be_behind_a_serial_server(config: Path) -> None:
    config.write_text(GOOD.replace("/dev/ttyS1", "10.0.0.7:4001"))
    hall = gateway_settings.load(config).lines[1]
    assert hall.is_network
    assert hall.host_port == ("10.0.0.7", 4001)


def test_every_mistake_is_told_at_once(config: Path) -> None:
    config.write_text(GOOD.replace("interval_s = 900", "interval_s = -1").replace("8388608", "1"))
    with pytest.raises(SettingsError) as wrong:
        gateway_settings.load(config)
    assert len(wrong.value.mistakes) == 2


def test_settings_that_are_not_there_are_told_in_one_line(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="cannot be read"):
        gateway_settings.load(tmp_path / "none.toml")


def test_a_secret_that_others_can_read_is_a_warning_with_the_command_that_mends_it(config: Path) -> None:
    (config.parent / "secret").chmod(0o644)
    (warning,) = gateway_settings.warnings(gateway_settings.load(config))
    assert f"chmod 600 {config.parent / 'secret'}" in warning
    assert "the-secret" not in warning


def test_half_a_client_certificate_is_refused(config: Path) -> None:
    config.write_text(
        GOOD.replace("[outbox]", '[broker.tls]\nca_file = "secret"\ncert_file = "secret"\n[outbox]')
    )
    with pytest.raises(SettingsError, match="belong together"):
        gateway_settings.load(config)
