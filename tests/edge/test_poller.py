"""A line in its own thread: readings handed over in order, and silence told from everything else."""

import logging
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from edge.clock import SystemClock
from edge.drivers.dlt645 import Dlt645Driver
from edge.links import TcpLink
from edge.poller import LinePoller
from edge.settings import LineSettings, MeterSettings
from protocols.dlt645.frame import Frame
from protocols.models import load
from protocols.mqtt.messages import ClockState, MeterHealth
from protocols.readings import Quality, Reading, Source, Value
from tests.edge.lines import ADDRESS, OTHER, THREE_PHASE_VALUES, blocks, hurried, line, meter, turned
from tests.edge.wire import Chunks, Meters, TcpWire, dlt645_ear

FIRST = meter(interval_s=1)
SECOND = meter(OTHER, id_="m2", interval_s=1)
BOTH = {ADDRESS: blocks(), OTHER: blocks()}


class SureClock(SystemClock):
    """Real time; how sure it is of it can be set."""

    def __init__(self) -> None:
        super().__init__()
        self.says = ClockState.SYNCED

    def state(self) -> ClockState:
        return self.says


class Kept:
    """The place readings go: takes them, or does not while `full`."""

    def __init__(self) -> None:
        self.readings: list[Reading] = []
        self.offered: list[Reading] = []
        self.full = False

    def accept(self, reading: Reading) -> bool:
        self.offered.append(reading)
        if not self.full:
            self.readings.append(reading)
        return not self.full

    def of(self, meter: str) -> list[Reading]:
        return [reading for reading in self.readings if reading.meter == meter]


def until(condition: Callable[[], object], within_s: float = 15) -> None:
    end = time.monotonic() + within_s
    while not condition():
        assert time.monotonic() < end, "this did not come about in time"
        time.sleep(0.005)


@contextmanager
def polling(on: LineSettings, *, as_told: bool = False, **more: Any) -> Iterator[tuple[LinePoller, Kept]]:
    kept = Kept()
    told: dict[str, Any] = {
        "confirm_s": 0.05,
        "probe_s": 1.0,
        "clock": SureClock(),
    }
    poller = LinePoller(on if as_told else hurried(on), accept=kept.accept, **(told | more))
    poller.start()
    try:
        yield poller, kept
    finally:
        poller.stop()
        poller.join(5)
    assert not poller.alive


def health(poller: LinePoller, meter: str = "m1") -> MeterHealth:
    return next(each for each in poller.meter_health() if each.meter == meter)


def test_each_meter_is_read_at_once_and_then_every_interval() -> None:
    began_ms = time.time() * 1000
    with (
        TcpWire(Meters(BOTH), dlt645_ear) as wire,
        polling(line(wire.endpoint, FIRST, SECOND), as_told=True) as (poller, kept),
    ):
        until(lambda: len(kept.of("m1")) >= 3 and len(kept.of("m2")) >= 3)
        reading = kept.of("m1")[0]
        assert (reading.source, reading.quality) == (Source.POLLED, Quality.GOOD)
        assert dict(reading.values) == THREE_PHASE_VALUES
        assert began_ms <= reading.at_ms <= time.time() * 1000
        assert all(each.at_ms % 1000 < 450 for each in kept.of("m1")[1:])
        assert all(each.at_ms % 1000 >= 500 for each in kept.of("m2")[1:])
        said = health(poller)
        assert said.asked == said.answered >= 3
        assert said.unanswered == 0
        assert said.answered_at_ms is not None
        assert 0 <= kept.of("m1")[-1].at_ms - said.answered_at_ms < 1000
        assert poller.line_health().connected


def test_what_the_storage_does_not_take_is_offered_again_and_nothing_overtakes_it() -> None:
    with TcpWire(Meters(BOTH), dlt645_ear) as wire, polling(line(wire.endpoint, FIRST, SECOND)) as (_, kept):
        until(lambda: kept.of("m2"))
        kept.full = True
        until(lambda: len(kept.offered) - len(kept.readings) >= 2)
        refused = kept.offered[-1]
        requests = len(wire.requests)
        until(lambda: len(kept.offered) - len(kept.readings) >= 3)
        assert kept.offered[-1] is refused
        assert len(wire.requests) == requests
        accepted = len(kept.readings)
        kept.full = False
        until(lambda: len(kept.readings) >= accepted + 3)
        assert kept.readings[accepted] is refused
        moments = [reading.at_ms for reading in kept.readings]
        assert moments == sorted(moments)


def test_a_storage_that_breaks_altogether_does_not_end_the_polling() -> None:
    kept: list[Reading] = []

    def accept(reading: Reading) -> bool:
        broken.append(reading)
        if len(broken) == 1:
            raise RuntimeError("no storage at all")
        kept.append(reading)
        return True

    broken: list[Reading] = []
    with TcpWire(Meters(BOTH), dlt645_ear) as wire:
        poller = LinePoller(hurried(line(wire.endpoint, FIRST)), SureClock(), accept)
        poller.start()
        until(lambda: len(kept) >= 2)
        poller.stop()
        poller.join(5)
    assert kept[0] is broken[0]


def test_a_meter_that_falls_silent_is_told_soon_and_once_and_again_when_it_is_back(
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.INFO)
    meters = Meters(BOTH)
    with TcpWire(meters, dlt645_ear) as wire, polling(line(wire.endpoint, FIRST, SECOND)) as (poller, kept):
        until(lambda: kept.of("m1"))
        del meters.values[ADDRESS]
        until(lambda: turned(caplog))
        assert health(poller).unanswered >= 2
        before = len(kept.of("m2"))
        until(lambda: health(poller).unanswered >= 4)
        assert turned(caplog) == ["m1"]
        assert len(kept.of("m2")) > before
        assert health(poller, "m2").unanswered == 0
        meters.values[ADDRESS] = blocks()
        until(lambda: len(turned(caplog)) >= 2)
        assert turned(caplog) == ["m1", "m1"]
        assert health(poller).unanswered == 0
        until(lambda: kept.of("m1")[-1].at_ms >= (health(poller).answered_at_ms or 0))


def test_a_line_that_breaks_is_told_as_such_and_counts_against_no_meter(
    caplog: pytest.LogCaptureFixture,
) -> None:
    with TcpWire(Meters(BOTH), dlt645_ear) as wire:
        settings = line(wire.endpoint, FIRST)
        port = settings.host_port[1]
        with polling(settings) as (poller, kept):
            until(lambda: kept.readings)
            wire.refuse()
            until(lambda: not poller.line_health().connected)
            asked = health(poller).asked
            until(lambda: poller.line_health().connected is False)
            read = len(kept.readings)
            assert health(poller).unanswered == 0
            assert health(poller).asked == asked
            with TcpWire(Meters(BOTH), dlt645_ear, port):
                until(lambda: len(kept.readings) > read)
                assert poller.line_health().connected
            assert not turned(caplog)


def test_a_line_that_was_never_there_is_not_connected(caplog: pytest.LogCaptureFixture) -> None:
    with TcpWire(lambda _: [], dlt645_ear) as wire:
        endpoint = wire.endpoint
    with polling(line(endpoint, FIRST)) as (poller, _):
        until(lambda: "line l1 is down" in caplog.text)
        assert not poller.line_health().connected
        assert health(poller).asked == 0
        assert not turned(caplog)


def test_corrupt_answers_are_no_silence() -> None:
    well = Meters(BOTH)

    def corrupt(request: Frame) -> Chunks:
        answer = bytearray(next(iter(well(request))))
        answer[-2] ^= 1
        return [bytes(answer)]

    with TcpWire(corrupt, dlt645_ear) as wire, polling(line(wire.endpoint, FIRST)) as (poller, kept):
        until(lambda: health(poller).asked >= 2)
        assert health(poller).unanswered == 0
        assert health(poller).answered == 0
        assert poller.line_health().bad_frames >= 4
        assert not kept.readings


def test_a_meter_that_refuses_everything_is_there_though_it_gives_no_reading(
    caplog: pytest.LogCaptureFixture,
) -> None:
    with (
        TcpWire(Meters({ADDRESS: {}}), dlt645_ear) as wire,
        polling(line(wire.endpoint, FIRST)) as (poller, kept),
    ):
        until(lambda: health(poller).answered >= 2)
        assert health(poller).unanswered == 0
        assert not kept.readings
    assert caplog.text.count("meter m1: no reading: refused with 02H") == 1


def test_line_noise_is_counted() -> None:
    well = Meters(BOTH)
    with (
        TcpWire(lambda request: [b"\x01\x02\x03", *well(request)], dlt645_ear) as wire,
        polling(line(wire.endpoint, FIRST)) as (poller, kept),
    ):
        until(lambda: kept.readings)
        assert poller.line_health().noise_bytes >= 3 * 8


def test_polling_stops_at_once_even_while_it_waits_for_a_silent_meter(
    caplog: pytest.LogCaptureFixture,
) -> None:
    with (
        TcpWire(lambda _: [], dlt645_ear) as wire,
        polling(line(wire.endpoint, FIRST, timeout_s=60)) as (poller, _),
    ):
        until(lambda: wire.requests)
        began = time.monotonic()
        poller.stop()
        poller.join(5)
        assert time.monotonic() - began < 1
        assert not poller.alive
        assert health(poller).unanswered == 0
        assert not turned(caplog)


def test_a_reading_taken_while_the_clock_is_unsure_says_so() -> None:
    clock = SureClock()
    clock.says = ClockState.UNSYNCED
    with (
        TcpWire(Meters(BOTH), dlt645_ear) as wire,
        polling(line(wire.endpoint, FIRST), clock=clock) as (_, kept),
    ):
        until(lambda: kept.readings)
        assert kept.readings[0].quality is Quality.CLOCK_UNSURE
        clock.says = ClockState.UNKNOWN
        until(lambda: kept.readings[-1].quality is Quality.GOOD)


def test_a_plan_that_does_not_fit_its_line_is_warned_of(caplog: pytest.LogCaptureFixture) -> None:
    many = [meter(f"{n:012d}", id_=f"m{n}", interval_s=10) for n in range(1, 21)]
    with (
        TcpWire(lambda _: [], dlt645_ear) as wire,
        polling(line(wire.endpoint, *many, baud=2400), as_told=True),
    ):
        pass
    assert "line l1: the plan takes" in caplog.text
    assert caplog.records[0].levelno == logging.WARNING


def test_nothing_is_guessed_of_a_wire_behind_a_network(caplog: pytest.LogCaptureFixture) -> None:
    with TcpWire(Meters(BOTH), dlt645_ear) as wire:
        told = line(wire.endpoint, FIRST, SECOND).model_dump(exclude={"baud", "meters"})
        untold = LineSettings.model_validate(told | {"meter": [FIRST.model_dump(), SECOND.model_dump()]})
        with polling(untold) as (_, kept):
            until(lambda: len(kept.readings) >= 2)
    assert "the plan takes" not in caplog.text


class Defective(Dlt645Driver):
    """A driver with a defect that one meter brings out."""

    met = 0

    def read(self, meter: MeterSettings) -> dict[str, Value]:
        if meter.id == "m1":
            self.met += 1
            raise ZeroDivisionError
        return super().read(meter)


def test_a_defect_in_a_driver_is_told_and_the_line_goes_on(caplog: pytest.LogCaptureFixture) -> None:
    with TcpWire(Meters(BOTH), dlt645_ear) as wire:
        settings = line(wire.endpoint, FIRST, SECOND)
        driver = Defective(settings, {FIRST.model: load(FIRST.model)})
        with polling(settings, driver=driver) as (_, kept):
            until(lambda: driver.met >= 2 and len(kept.of("m2")) >= 2)
    assert caplog.text.count("line l1: defect") == 1
    assert "ZeroDivisionError" in caplog.text


class Watched(TcpLink):
    """Calls `look` in the moment between the old connection and the new one."""

    look: Callable[[], object]

    def distrust(self) -> None:
        self.close()
        self.look()
        self.open()


def test_the_new_connection_after_a_time_out_is_not_told_as_a_broken_line() -> None:
    seen: list[bool] = []
    with TcpWire(Meters({ADDRESS: blocks()}), dlt645_ear) as wire:
        settings = line(wire.endpoint, FIRST, SECOND)
        link = Watched(*settings.host_port)
        driver = Dlt645Driver(settings, {FIRST.model: load(FIRST.model)}, link=link)
        link.look = lambda: seen.append(poller.line_health().connected)
        with polling(settings, driver=driver) as (poller, _):
            until(lambda: len(seen) >= 2)
    assert set(seen) == {True}
