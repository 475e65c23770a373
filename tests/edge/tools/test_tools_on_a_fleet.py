"""The tools beside a simulated station: crossed meters, a second master, two meters with one address."""

import json
import threading
from pathlib import Path

import pytest

from firmware_sim.pytest_plugin import MeterFleet
from tests.edge.tools.buses import call, called, gateway_file, meter_table, tcp

A, B, C = "202107072501", "202107072602", "202107072703"
LISTED = [meter_table(name, address) for name, address in (("A01-01", A), ("A01-02", B), ("A01-03", C))]


def station(*, more: str = "", first: str = "", third: str = "") -> str:
    """Three customers on one TCP line."""
    table = '[[meter]]\nid = "{}"\naddress = "{}"\nmodel = "dlt645-2007-1p"\narea = "A01"\nline = "l"\n{}\n'
    three = (("A01-01", A, first), ("A01-02", B, ""), ("A01-03", C, third))
    meters = "".join(table.format(*each) for each in three)
    return f'[[area]]\nid = "A01"\n[[line]]\nname = "l"\nkind = "dlt645-tcp"\ndelay_ms = 1\n{meters}{more}'


def test_crossed_meters_are_found_by_one_breaker(meter_fleet: MeterFleet, tmp_path: Path) -> None:
    fleet = meter_fleet(station(first='serves = "A01-03"', third='serves = "A01-01"'))
    file = gateway_file(tmp_path, tcp(fleet.endpoint("l")), LISTED)
    opened = threading.Timer(1.0, lambda: fleet.fault("breaker-open", "A01-03"))
    closed = threading.Timer(2.0, lambda: fleet.clear("breaker-open", "A01-03"))
    opened.start()
    closed.start()
    words = ("--account", "3601000103", "--expected", "A01-03", "--for", 10, "--json")
    result = call("identify", "--config", file, *words)
    closed.join()
    record = json.loads(result.stdout)
    assert (record["meter"], record["crossed"], result.exit_code) == ("A01-01", True, 0)


def test_a_second_master_of_a_simulated_line_is_named_with_its_cycle(
    meter_fleet: MeterFleet, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("edge.tools.hearing.RETRY_S", 0.1)
    master = (
        '[[master]]\nname = "old"\nline = "l"\ncycle_s = 0.5\ngap_ms = 50\n'
        f'[[master.request]]\naddress = "{A}"\ndi = "00010000"\n'
        f'[[master.request]]\naddress = "{B}"\ndi = "00010000"\n'
    )
    fleet = meter_fleet(station(more=master))
    result = call("scan", "--endpoint", fleet.endpoint("l"), "--listen", "2.2", "--json")
    assert result.exit_code == 1
    (told,) = json.loads(result.stdout)["masters"]
    assert set(told["addresses"]) == {A, B}
    assert told["cycle_s"] == pytest.approx(0.5, abs=0.1)


def test_a_meter_that_knows_another_protocol_only_is_the_one_that_is_silent(
    meter_fleet: MeterFleet, tmp_path: Path
) -> None:
    fleet = meter_fleet(station(first='behaviour = ["only-698"]'))
    file = gateway_file(tmp_path, tcp(fleet.endpoint("l")), LISTED)
    found = called("why", "A01-01", "--config", file, "--listen", "0", "--json")
    assert found["findings"][0]["code"] in ("only_698", "itself")
