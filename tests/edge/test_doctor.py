"""The doctor names what is wrong with a gateway and what to do, and changes nothing."""

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from edge.clock import SystemClock
from edge.doctor import machine, network
from edge.doctor.findings import Finding, State
from edge.session import greet
from edge.settings import Settings
from tests.certificates import Certificates
from tests.edge.gateway import GATEWAY, GatewayClock, gateway_settings
from tests.mosquitto import Mosquitto


def told(findings: Iterator[Finding], state: State) -> str:
    return "\n".join(f"{each.about}: {each.seen} -> {each.todo}" for each in findings if each.state is state)


def test_a_lost_clock_is_bad_and_one_without_a_time_server_is_looked_at(tmp_path: Path) -> None:
    clock = GatewayClock(now_ms=0)
    assert "shows 1970-01-01" in told(machine.time(clock), State.BAD)
    clock = GatewayClock()
    assert not told(machine.time(clock), State.BAD)


def test_a_data_dir_that_is_not_there_is_told_with_the_command_that_makes_it(tmp_path: Path) -> None:
    settings = gateway_settings(tmp_path, 1, None, data_dir=str(tmp_path / "gone"))
    assert f"run: mkdir -p {tmp_path / 'gone'}" in told(machine.disk(settings), State.BAD)


def test_an_outbox_cap_beyond_the_disk_is_told(tmp_path: Path) -> None:
    settings = gateway_settings(tmp_path, 1, None, data_dir=str(tmp_path), outbox={"max_bytes": 1 << 60})
    assert "set outbox.max_bytes to what there is" in told(machine.disk(settings), State.WARN)


def test_a_serial_device_that_is_not_there_is_told(tmp_path: Path) -> None:
    settings = one_line(tmp_path, {"kind": "serial", "endpoint": "/dev/ttyUSB77"})
    assert "there is no /dev/ttyUSB77 -> plug the adapter in" in told(
        machine.permissions(settings), State.BAD
    )


def test_a_file_in_the_place_of_a_serial_device_is_told(tmp_path: Path) -> None:
    (tmp_path / "tty").touch()
    settings = one_line(tmp_path, {"kind": "serial", "endpoint": str(tmp_path / "tty")})
    assert "is no serial device" in told(machine.permissions(settings), State.BAD)


def test_a_box_that_does_not_listen_is_told(tmp_path: Path, unused_port: int) -> None:
    settings = one_line(tmp_path, {"kind": "tcp", "endpoint": f"127.0.0.1:{unused_port}"})
    assert "cannot be reached: Connection refused" in told(network.lines(settings), State.BAD)


def test_a_broker_whose_name_leads_nowhere_is_told(tmp_path: Path) -> None:
    settings = gateway_settings(tmp_path, 1883, None, broker={"host": "broker.invalid"})
    findings = network.broker(settings, GatewayClock(), greet)
    assert "its name leads nowhere" in told(findings, State.BAD)


def test_a_broker_that_lets_the_gateway_in_is_good(mosquitto: Mosquitto, tmp_path: Path) -> None:
    settings = broker_settings(mosquitto, tmp_path)
    findings = list(network.broker(settings, GatewayClock(), greet))
    assert [each.state for each in findings] == [State.GOOD, State.GOOD]
    assert findings[-1].seen == f"lets '{GATEWAY}' in"


def test_a_wrong_password_is_told_as_a_refusal(mosquitto: Mosquitto, tmp_path: Path) -> None:
    settings = broker_settings(mosquitto, tmp_path)
    assert settings.broker.password_file is not None
    settings.broker.password_file.write_text("not the password")
    findings = network.broker(settings, GatewayClock(), greet)
    assert f"does not let '{GATEWAY}' in: Not authorized" in told(findings, State.BAD)


def test_a_broker_with_a_good_certificate_is_reached_by_tls(
    tls_mosquitto: Mosquitto, certificates: Certificates, tmp_path: Path
) -> None:
    settings = broker_settings(tls_mosquitto, tmp_path, tls_files(certificates))
    findings = list(network.broker(settings, now(), greet))
    assert [each.state for each in findings] == [State.GOOD] * 3
    assert "its certificate is good for 36" in findings[1].seen


def test_a_certificate_that_ends_soon_is_looked_at(
    tls_mosquitto: Mosquitto, certificates: Certificates, tmp_path: Path
) -> None:
    settings = broker_settings(tls_mosquitto, tmp_path, tls_files(certificates))
    clock = now()
    clock.advance(350 * 86_400)
    assert "have it renewed" in told(network.broker(settings, clock, greet), State.WARN)


def test_a_broker_of_another_ca_is_not_believed(
    tls_mosquitto: Mosquitto,
    certificates: Certificates,
    tmp_path_factory: pytest.TempPathFactory,
    openssl: Path,
) -> None:
    other = Certificates(tmp_path_factory.mktemp("other"), openssl)
    settings = broker_settings(tls_mosquitto, tmp_path_factory.mktemp("gateway"), {"ca_file": str(other.ca)})
    findings = network.broker(settings, now(), greet)
    assert "its certificate is not accepted" in told(findings, State.BAD)


def test_a_gateway_without_a_certificate_is_not_let_in_where_one_is_wanted(
    tls_mosquitto: Mosquitto, certificates: Certificates, tmp_path: Path
) -> None:
    settings = broker_settings(tls_mosquitto, tmp_path, {"ca_file": str(certificates.ca)})
    assert "does not let 'gw-a01' in" in told(network.broker(settings, now(), greet), State.BAD)


def test_the_command_tells_each_finding_with_its_cure_and_fails_when_one_is_bad(
    tmp_path: Path, unused_port: int
) -> None:
    config = tmp_path / "gateway.toml"
    config.write_text(CONFIG.format(port=unused_port))
    done = doctor("--config", config)
    assert done.returncode == 1
    assert f"BAD  data_dir {tmp_path / 'data'}: is not there\n       -> run: mkdir -p" in done.stdout
    assert f"BAD  broker 127.0.0.1:{unused_port}: cannot be reached" in done.stdout
    document = json.loads(doctor("--config", config, "--json").stdout)
    assert document["good"] is False
    assert {"about", "state", "seen", "todo"} == set(document["findings"][0])


CONFIG = """
gateway = "gw-a01"
data_dir = "data"
[broker]
host = "127.0.0.1"
port = {port}
[[line]]
name = "north"
kind = "serial"
endpoint = "/dev/ttyUSB77"
[[line.meter]]
id = "M-001"
model = "dlt645-2007-3p"
address = "202107072529"
"""


def doctor(*words: str | Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "edge.doctor.__main__", *words]
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)


def now() -> GatewayClock:
    return GatewayClock(SystemClock().now_ms())


def tls_files(certificates: Certificates) -> dict[str, str]:
    return {
        "ca_file": str(certificates.ca),
        "cert_file": str(certificates.cert("gw-a01")),
        "key_file": str(certificates.key("gw-a01")),
    }


def broker_settings(broker: Mosquitto, folder: Path, tls: dict[str, str] | None = None) -> Settings:
    password = folder / "password"
    password.write_text(broker.password(GATEWAY))
    more: dict[str, object] = {"broker": {"tls": tls}} if tls else {}
    return gateway_settings(folder, broker.port, password, **more)


def one_line(folder: Path, line: dict[str, object]) -> Settings:
    meter = {"id": "M-000", "model": "dlt645-2007-3p", "address": "202107072529"}
    return gateway_settings(folder, 1, None, line=[{"name": "north", "meter": [meter], **line}])
