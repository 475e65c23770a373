"""Why a meter is silent, asked of real lines: each fault is named, and shown by its bytes."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from protocols.dlt645.conversations import read_request
from protocols.dlt645.frame import Frame, encode
from protocols.modbus import rtu
from tests.edge.tools.buses import MeterBus, call, called, gateway_file, meter_table, only_at, tcp
from tests.edge.wire import Chunks, PtyWire, TcpWire, dlt645_ear

A, B, C, D = "202107072501", "202107072602", "202107072703", "202107072804"
LISTED = [meter_table(name, address) for name, address in (("m1", A), ("m2", B), ("m3", C), ("m4", D))]
React = Callable[[Frame], Chunks]


def asked_why(
    folder: Path, react: React, meter: str = "m1", *, top: str = "", meters: list[str] = LISTED
) -> Any:
    with TcpWire(react, dlt645_ear) as wire:
        file = gateway_file(folder, tcp(wire.endpoint, 0.05), meters, top=top)
        return called("why", meter, "--config", file, "--listen", "0.05", "--json")


def codes(found: Any) -> list[str]:
    return [each["code"] for each in found["findings"]]


def test_a_meter_that_alone_is_silent(tmp_path: Path) -> None:
    found = asked_why(tmp_path, MeterBus([A, B, C, D], muted=[A]))
    assert codes(found)[0] == "itself"
    assert (found["asked"], found["answered"]) == (3, 0)
    assert "not de-energised" in found["warning"]


def test_a_meter_that_answers(tmp_path: Path) -> None:
    found = asked_why(tmp_path, MeterBus([A, B]))
    assert codes(found) == ["answers"]
    assert found["findings"][0]["shown"].startswith("> FE FE FE FE 68")


def test_two_meters_with_one_address(tmp_path: Path) -> None:
    found = asked_why(tmp_path, MeterBus([A, B, C], twins=[A]))
    assert codes(found)[0] == "two_meters"
    assert " < " in found["findings"][0]["shown"]


def test_two_meters_that_answer_one_behind_the_other(tmp_path: Path) -> None:
    first, second = MeterBus([A]), MeterBus([], twins=[A])
    found = asked_why(tmp_path, lambda request: [*first(request), *second(request)])
    assert codes(found)[0] == "two_meters"
    assert found["findings"][0]["confidence"] == pytest.approx(0.95)


def test_a_refusal_is_told_by_name(tmp_path: Path) -> None:
    def refusing(request: Frame) -> Chunks:
        return [encode(Frame(A, 0xD1, b"\x02"))] if request.address == A else []

    found = asked_why(tmp_path, refusing)
    assert codes(found)[0] == "refuses"
    assert "D1H: no_requested_data" in found["findings"][0]["says"]


def test_only_an_echo_comes_back(tmp_path: Path) -> None:
    assert codes(asked_why(tmp_path, lambda request: [encode(request)]))[0] == "echo_only"


def test_the_end_of_the_line_is_silent(tmp_path: Path) -> None:
    found = asked_why(tmp_path, MeterBus([A, B, C, D], muted=[C, D]), "m3")
    assert codes(found)[0] == "bad_segment"
    assert "m4: > " in found["findings"][0]["shown"]


def test_an_area_without_supply(tmp_path: Path) -> None:
    supply = tmp_path / "supply"
    supply.write_text("0")
    assert codes(asked_why(tmp_path, MeterBus([]), top=f'supply_file = "{supply}"'))[0] == "no_supply"
    supply.write_text("1")
    assert codes(asked_why(tmp_path, MeterBus([]), top=f'supply_file = "{supply}"'))[0] == "whole_line"


def test_a_mistyped_address(tmp_path: Path) -> None:
    found = asked_why(tmp_path, MeterBus(["202107082501", B, C, D]))
    assert codes(found)[0] == "wrong_address"
    assert "202107082501" in found["findings"][0]["says"]


def test_a_meter_of_the_older_edition(tmp_path: Path) -> None:
    others = MeterBus([B, C, D])

    def react(request: Frame) -> Chunks:
        if request.address == A and request.function == 0x01:
            return [encode(Frame(A, 0x81, request.data + bytes.fromhex("94140200")))]
        return others(request)

    found = asked_why(tmp_path, react)
    assert codes(found)[0] == "wrong_protocol"
    assert "DL/T 645-1997" in found["findings"][0]["says"]


class RawWire(TcpWire[bytes]):
    """A wire that hands over the bytes themselves."""

    def __init__(self, react: Callable[[bytes], Chunks]) -> None:
        super().__init__(react, lambda: lambda data: [data])


ANSWER_698 = bytes.fromhex("68 21 00 C3 05 11 22 33 44 55 66 00")


def test_a_meter_that_speaks_698(tmp_path: Path) -> None:
    from edge.tools.dlt698 import check

    head = ANSWER_698 + check(ANSWER_698[1:])
    body = head + bytes(0x21 + 2 - len(head) - 3)
    answer = body + check(body[1:]) + b"\x16"

    def react(raw: bytes) -> Chunks:
        return [answer] if raw.startswith(b"\x68\x17\x00\x43") else []

    with RawWire(react) as wire:
        file = gateway_file(tmp_path, tcp(wire.endpoint, 0.05), LISTED[:1])
        found = called("why", "m1", "--config", file, "--listen", "0.05", "--json")
    assert codes(found)[0] == "only_698"


def test_a_meter_that_speaks_modbus(tmp_path: Path) -> None:
    def react(raw: bytes) -> Chunks:
        if raw == rtu.read_request(1, 3, 0, 1):
            body = b"\x01\x03\x02\x00\x07"
            return [body + rtu.crc(body)]
        return []

    with RawWire(react) as wire:
        file = gateway_file(tmp_path, tcp(wire.endpoint, 0.05), LISTED[:1])
        found = called("why", "m1", "--config", file, "--listen", "0.05", "--json")
    assert "Modbus RTU as unit 1" in found["findings"][0]["says"]


def test_a_meter_at_another_speed(tmp_path: Path) -> None:
    bus = MeterBus([A])
    with PtyWire(lambda request: react(request), dlt645_ear) as wire:
        react = only_at(9600, wire, bus)
        line = f'kind = "serial"\nendpoint = "{wire.endpoint}"\ntimeout_s = 0.05\nbaud = 2400'
        file = gateway_file(tmp_path, line, LISTED[:1])
        found = called("why", "m1", "--config", file, "--listen", "0", "--json")
    assert codes(found)[0] == "wrong_speed"
    assert "9600 8E1" in found["findings"][0]["says"]


def test_beside_another_master_nothing_is_asked(tmp_path: Path) -> None:
    from threading import Timer

    with TcpWire(MeterBus([A]), dlt645_ear) as wire:
        file = gateway_file(tmp_path, tcp(wire.endpoint, 0.05), LISTED)
        Timer(0.3, lambda: wire.push(encode(read_request(B, "00010000")))).start()
        found = called("why", "m1", "--config", file, "--listen", "0.8", "--json")
        assert wire.requests == []
    assert codes(found) == ["other_master"]
    assert found["findings"][0]["shown"].startswith("68 02 26 07 07 21 20 68 11")


def test_a_line_that_is_down_is_a_finding(tmp_path: Path) -> None:
    found = called("why", "m1", "--config", gateway_file(tmp_path, tcp("127.0.0.1:9"), LISTED), "--json")
    assert codes(found) == ["line_down"]


def test_the_page_for_a_person_warns_in_both_languages(tmp_path: Path) -> None:
    with TcpWire(MeterBus([B]), dlt645_ear) as wire:
        file = gateway_file(tmp_path, tcp(wire.endpoint, 0.05), LISTED[:2])
        result = call("why", "m1", "--config", file, "--listen", "0")
    assert result.exit_code == 0
    assert "not de-energised" in result.stdout
    assert "必须验电" in result.stdout


def test_an_unknown_meter_is_told_with_the_nearest(tmp_path: Path) -> None:
    result = call("why", "m11", "--config", gateway_file(tmp_path, tcp("127.0.0.1:9"), LISTED))
    assert result.exit_code == 1
    assert "did you mean 'm1'?" in result.stderr
