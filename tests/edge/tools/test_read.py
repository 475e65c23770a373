"""One meter, read now: values with units, one identifier, or one clear line why not."""

from pathlib import Path

import pytest

from edge.settings import load
from tests.edge.lines import THREE_PHASE_VALUES, blocks
from tests.edge.tools.buses import MeterBus, call, called, gateway_file, meter_table, tcp
from tests.edge.wire import Meters, TcpWire, dlt645_ear

A = "202107072529"
METER = [meter_table("m1", A, "dlt645-2007-3p")]


def test_all_values_come_with_their_units(tmp_path: Path) -> None:
    with TcpWire(Meters({A: blocks()}), dlt645_ear) as wire:
        file = gateway_file(tmp_path, tcp(wire.endpoint), METER)
        found = called("read", "m1", "--config", file, "--json")
        assert {name: each["value"] for name, each in found["values"].items()} == THREE_PHASE_VALUES
        assert found["values"]["power_w"] == {"value": 345.0, "unit": "W"}
        page = call("read", A, "--config", file).stdout
    assert "energy_import_wh" in page
    assert "214,940" in page


def test_one_identifier_is_read_and_decoded(tmp_path: Path) -> None:
    with TcpWire(MeterBus([A]), dlt645_ear) as wire:
        file = gateway_file(tmp_path, tcp(wire.endpoint), METER)
        found = called("read", "m1", "--config", file, "--di", "02010100", "--json")
    ((name, each),) = found["values"].items()
    assert (each["value"], each["unit"], each["di"]) == ("230.1", "V", "02010100")
    assert name


def test_a_silent_meter_is_told_and_warned_of(tmp_path: Path) -> None:
    with TcpWire(MeterBus([]), dlt645_ear) as wire:
        result = call("read", "m1", "--config", gateway_file(tmp_path, tcp(wire.endpoint, 0.02), METER))
    assert result.exit_code == 1
    assert "wattpost edge why m1" in result.stderr
    assert result.stdout == ""


@pytest.mark.parametrize(("di", "told"), [("0201", "the 8 hex digits"), ("0201010G", "is no identifier")])
def test_a_wrong_identifier_is_a_usage_mistake(tmp_path: Path, di: str, told: str) -> None:
    result = call("read", "m1", "--config", gateway_file(tmp_path, tcp("127.0.0.1:9"), METER), "--di", di)
    assert result.exit_code == 2
    assert told in " ".join(result.stderr.replace("│", " ").split())


def test_the_line_is_borrowed_from_a_running_agent(tmp_path: Path) -> None:
    from edge.loans import LoanDesk

    class Lender:
        name = "north"

        def __init__(self) -> None:
            self.told: list[str] = []

        def lend(self, timeout_s: float) -> bool:
            self.told.append("lent")
            return True

        def take_back(self) -> None:
            self.told.append("back")

    lender = Lender()
    with TcpWire(Meters({A: blocks()}), dlt645_ear) as wire:
        file = gateway_file(tmp_path, tcp(wire.endpoint), METER)
        folder = load(file).data_dir
        folder.mkdir()
        desk = LoanDesk(folder, [lender])
        desk.start()
        try:
            called("read", "m1", "--config", file, "--json")
        finally:
            desk.stop()
    assert lender.told[0] == "lent"


def test_a_line_that_is_not_lent_is_a_refusal(tmp_path: Path) -> None:
    from edge.loans import LoanDesk

    file = gateway_file(tmp_path, tcp("127.0.0.1:9"), METER)
    folder = load(file).data_dir
    folder.mkdir()
    desk = LoanDesk(folder, [])
    desk.start()
    try:
        result = call("read", "m1", "--config", file)
    finally:
        desk.stop()
    assert (result.exit_code, "has no line 'north'" in result.stderr) == (1, True)
