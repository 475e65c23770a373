"""DL/T 645 and Modbus RTU on one bus: each at its own speed and quiet, no answer taken for the other's."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import pairwise
from typing import Any

import pytest
import serial

from edge.drivers.mixed import SWITCH_S, LineDriver
from edge.jobs import Job, Priority
from edge.links import NoReply, SerialLink
from edge.settings import LineSettings, MeterSettings
from protocols.dlt645.frame import Decoder, Frame, encode
from protocols.errors import FrameError, Refused
from protocols.models import load
from tests.edge.lines import ADDRESS, THREE_PHASE_VALUES, blocks, line, meter
from tests.edge.test_poller import polling, until
from tests.edge.wire import Ask, Chunks, Ear, Meters, PtyWire, TcpWire, Wire, rtu_ear

DLT645 = meter(interval_s=1)
MODBUS = MeterSettings(id="m2", unit=7, model="eastron-sdm630", interval_s=1)
WELL = Meters({ADDRESS: blocks()})
Heard = Frame | Ask
React = Callable[[Heard], Chunks]


def both_ears() -> Ear[Heard]:
    """A bus on which a lead-in or 68H begins a DL/T 645 frame, and anything else a Modbus request."""
    decoder, rtu = Decoder(), rtu_ear()

    def hear(data: bytes) -> list[Heard]:
        return [*decoder.feed(data)] if data[:1] in (b"\xfe", b"\x68") else [*rtu(data)]

    return hear


def answer(request: Heard) -> Chunks:
    if isinstance(request, Ask):
        return [request.answer([0x4366 if at % 2 == 0 else 0 for at in range(request.count)])]
    return WELL(request)


@contextmanager
def bus(
    react: React, kind: str = "tcp", *meters: MeterSettings, **more: Any
) -> Iterator[tuple[LineDriver, Wire[Heard]]]:
    with TcpWire(react, both_ears) if kind == "tcp" else PtyWire(react, both_ears) as wire:
        on = line(wire.endpoint, *(meters or (DLT645, MODBUS)), kind=kind, **more)
        driver = LineDriver(on, {each.model: load(each.model) for each in on.meters})
        driver.open()
        yield driver, wire
        driver.close()


@pytest.mark.parametrize("kind", ["tcp", "serial"])
def test_both_protocols_are_read_over_one_link(kind: str) -> None:
    with bus(answer, kind) as (driver, wire):
        assert driver.read(DLT645) == THREE_PHASE_VALUES
        assert driver.read(MODBUS)["voltage_l1_v"] == 230
        assert driver.read(DLT645) == THREE_PHASE_VALUES
        assert wire.connections == (1 if kind == "tcp" else 0)
        assert (driver.noise_bytes, driver.bad_frames) == (0, 0)
        driver.probe(DLT645)
        driver.probe(MODBUS)


def test_a_job_speaks_its_meters_protocol() -> None:
    with bus(answer) as (driver, _):
        assert len(driver.talk(MODBUS).registers(4, 0, 2)) == 2
        assert driver.talk(MODBUS).values()["voltage_l1_v"] == 230
        assert len(driver.talk(DLT645).ask("0201FF00")) == 6
        for wrong in (
            lambda: driver.talk(MODBUS).ask("0201FF00"),
            lambda: driver.talk(DLT645).registers(3, 0, 1),
        ):
            with pytest.raises(ValueError, match="speaks"):
                wrong()


def test_after_a_change_of_protocol_the_line_is_quiet_first() -> None:
    heard: list[tuple[float, type]] = []

    def react(request: Heard) -> Chunks:
        heard.append((time.monotonic(), type(request)))
        return answer(request)

    with bus(react) as (driver, _):
        driver.read(DLT645)
        driver.read(MODBUS)
        driver.read(DLT645)
    gaps = [(now - before, kind is not last) for (before, last), (now, kind) in pairwise(heard)]
    assert [changed for _, changed in gaps].count(True) == 2
    assert all(gap >= SWITCH_S for gap, changed in gaps if changed)
    assert min(gap for gap, changed in gaps if not changed) < SWITCH_S / 2


def test_modbus_gets_its_three_and_a_half_characters() -> None:
    heard: list[float] = []

    def react(request: Heard) -> Chunks:
        heard.append(time.monotonic())
        return answer(request)

    with bus(react, "serial", MODBUS, baud=1200) as (driver, _):
        driver.read(MODBUS)
    assert min(b - a for a, b in pairwise(heard)) >= 3.5 * 11 / 1200


@pytest.mark.parametrize("kind", ["tcp", "serial"])
def test_a_late_answer_in_one_protocol_is_never_taken_in_the_other(kind: str) -> None:
    """Each meter answers only when the other one is asked, in front of that one's answer."""
    owed: list[bytes] = []

    def react(request: Heard) -> Chunks:
        late, owed[:] = b"".join(owed), list(answer(request))
        return [late] if late else []

    with bus(react, kind, retries=0) as (driver, _):
        for each in (DLT645, MODBUS) * 2:
            try:
                values = driver.read(each)
            except (NoReply, FrameError, Refused):
                continue
            right = THREE_PHASE_VALUES if each is DLT645 else {"voltage_l1_v": 230}
            assert all(right.get(name, value) == value for name, value in values.items())


def test_a_frame_of_the_other_protocol_before_the_answer_is_passed_over() -> None:
    foreign_rtu = Ask(7, 4, 0, 2).answer([1, 2])
    foreign_dlt = encode(Frame(ADDRESS, 0x91, bytes(4) + b"\x01\x02"))

    def react(request: Heard) -> Chunks:
        return [foreign_dlt if isinstance(request, Ask) else foreign_rtu, *answer(request)]

    with bus(react) as (driver, _):
        assert driver.read(DLT645) == THREE_PHASE_VALUES
        assert driver.read(MODBUS)["voltage_l1_v"] == 230


class Port(SerialLink):
    """Notes at which speed each request went out."""

    def __init__(self, on: LineSettings) -> None:
        super().__init__(on.endpoint, on.baud, on.parity)
        self.speeds: list[int] = []

    def write(self, data: bytes) -> None:
        assert isinstance(self._port, serial.Serial)
        self.speeds.append(self._port.baudrate)
        super().write(data)


def test_each_meter_is_asked_at_its_own_speed_on_a_serial_device() -> None:
    fast = MODBUS.model_copy(update={"baud": 19200, "parity": "none"})
    with PtyWire(answer, both_ears) as wire:
        on = line(wire.endpoint, DLT645, fast, kind="serial", baud=2400)
        port = Port(on)
        driver = LineDriver(on, {each.model: load(each.model) for each in on.meters}, link=port)
        driver.open()
        driver.probe(DLT645)
        driver.probe(fast)
        driver.probe(DLT645)
        driver.close()
        port.open()
        assert port.speeds == [2400, 19200, 2400]
        port.close()


def test_a_speed_set_while_the_device_is_closed_holds_once_it_is_open() -> None:
    with PtyWire(answer, both_ears) as wire:
        port = Port(line(wire.endpoint, DLT645, kind="serial", baud=2400))
        port.set_speed(4800, "even")
        port.open()
        port.write(b"")
        port.close()
        assert port.speeds == [4800]


@pytest.mark.parametrize("retries", [0, 1, 3])
def test_the_lines_retries_are_kept_to(retries: int) -> None:
    def silent(request: Heard) -> Chunks:
        return []

    with bus(silent, retries=retries, timeout_s=0.02) as (driver, wire):
        with pytest.raises(NoReply):
            driver.talk(DLT645).ask("02800002")
        assert len(wire.requests) == retries + 1


def test_a_mixed_line_is_polled_and_served_between_two_questions() -> None:
    ends: list[Any] = []
    with TcpWire(answer, both_ears) as wire, polling(line(wire.endpoint, DLT645, MODBUS)) as (poller, kept):
        until(lambda: kept.of("m1") and kept.of("m2"))
        poller.submit(Job("m2", Priority.COMMAND, "read", lambda talk: talk.registers(4, 0, 2), ends.append))
        until(lambda: ends)
        assert ends[0] == [0x4366, 0]
        assert poller.line_health().bad_frames == 0
