"""Reading Modbus meters over real ports: grouped, singly where refused, never by another request's answer."""

import logging
import struct
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

import pytest

from edge.drivers.answers import Answers
from edge.drivers.modbus import MARKS, ModbusDriver, marks_of, parts_of
from edge.links import LinkDown, NoReply
from edge.settings import MeterSettings
from protocols.errors import FrameError, Refused
from protocols.modbus.rtu import read_request
from protocols.models import load, names
from tests.edge.lines import line, modbus_driver
from tests.edge.wire import Ask, Chunks, TcpWire, Wire, byte_by_byte, modbus_wire, rtu_ear

KINDS = ["modbus-tcp", "modbus-rtu"]
MODEL = load("eastron-sdm630")
METER = MeterSettings(id="m1", model=MODEL.name, unit=1)
SECOND = MeterSettings(id="m2", model=MODEL.name, unit=2)


def words_of(ask: Ask) -> list[int]:
    """Register pairs hold 231, 232, 233 ... as float32, by their place."""
    floats = {address: 231.0 + address // 2 for address in range(0, 600, 2)}
    words: dict[int, int] = {}
    for address, value in floats.items():
        words[address], words[address + 1] = struct.unpack(">HH", struct.pack(">f", value))
    return [words[ask.address + at] for at in range(ask.count)]


def well(ask: Ask) -> Chunks:
    return [ask.answer(words_of(ask))] if ask.unit in (1, 2) else []


@contextmanager
def driver_on(
    react: Callable[[Ask], Chunks], kind: str, *meters: MeterSettings, retries: int = 1
) -> Iterator[tuple[ModbusDriver, Wire[Ask]]]:
    with modbus_wire(kind, react) as wire:
        driver = modbus_driver(line(wire.endpoint, *(meters or (METER,)), kind=kind), retries=retries)
        driver.open()
        yield driver, wire
        driver.close()


def expected() -> dict[str, float]:
    values: dict[str, float] = {}
    for point in MODEL.points:
        number = (231 + point.address // 2) * point.factor
        values[point.quantity] = number if point.quantity.endswith("h") else float(number)
    return values


@pytest.mark.parametrize("kind", KINDS)
def test_a_meter_is_read_in_few_requests(kind: str) -> None:
    with driver_on(well, kind) as (driver, wire):
        assert driver.read(METER) == expected()
        assert len(wire.requests) == len(MODEL.requests())
        assert (driver.noise_bytes, driver.bad_frames) == (0, 0)


@pytest.mark.parametrize("kind", KINDS)
def test_several_meters_share_one_line(kind: str) -> None:
    with driver_on(well, kind, METER, SECOND) as (driver, wire):
        assert driver.read(METER) == driver.read(SECOND)
        assert {ask.unit for ask in wire.requests} == {1, 2}
        assert wire.connections <= 1


@pytest.mark.parametrize("kind", KINDS)
def test_a_group_that_is_refused_is_read_singly_and_not_asked_as_a_group_again(kind: str) -> None:
    def no_groups(ask: Ask) -> Chunks:
        return [ask.refusal(2)] if ask.count > 2 else well(ask)

    with driver_on(no_groups, kind) as (driver, wire):
        assert driver.read(METER) == expected()
        wire.requests.clear()
        assert driver.read(METER) == expected()
        assert {ask.count for ask in wire.requests} == {2}


def test_a_passing_refusal_is_not_remembered() -> None:
    busy = iter([True])

    def react(ask: Ask) -> Chunks:
        return [ask.refusal(6)] if next(busy, False) else well(ask)

    with driver_on(react, "modbus-tcp") as (driver, wire):
        driver.read(METER)
        wire.requests.clear()
        driver.read(METER)
        assert len(wire.requests) == len(MODEL.requests())


def test_what_a_meter_does_not_have_is_absent() -> None:
    def react(ask: Ask) -> Chunks:
        if ask.address == 0x46:
            return [ask.refusal(2)]
        words = words_of(ask)
        if ask.address == 0:
            words[:2] = [0x7FC0, 0]
        return [ask.answer(words)]

    with driver_on(react, "modbus-tcp") as (driver, _):
        values = driver.read(METER)
    assert "voltage_l1_v" not in values
    assert "frequency_hz" not in values
    assert values["voltage_l2_v"] == 232.0
    assert 0 not in values.values()


@pytest.mark.parametrize("kind", KINDS)
def test_silence_is_no_reply_and_the_next_meter_is_read(kind: str) -> None:
    silent = METER.model_copy(update={"unit": 9})
    with driver_on(well, kind, silent, SECOND) as (driver, _):
        with pytest.raises(NoReply):
            driver.read(silent)
        assert driver.read(SECOND) == expected()


@pytest.mark.parametrize("code", [0x0A, 0x0B])
def test_a_gateway_that_speaks_for_a_silent_meter_is_no_answer_of_it(code: int) -> None:
    with driver_on(lambda ask: [ask.refusal(code)], "modbus-tcp") as (driver, _), pytest.raises(NoReply):
        driver.read(METER)


def test_a_meter_that_refuses_everything_is_refused_and_not_silent() -> None:
    with driver_on(lambda ask: [ask.refusal(1)], "modbus-rtu") as (driver, _):
        with pytest.raises(Refused, match="illegal function"):
            driver.read(METER)
        driver.probe(METER)


def other_unit(ask: Ask) -> bytes:
    return Ask(7, ask.fc, ask.address, ask.count, ask.tid).answer([9] * ask.count)


def other_function(ask: Ask) -> bytes:
    return Ask(ask.unit, 3, ask.address, ask.count, ask.tid).answer([9] * ask.count)


def other_size(ask: Ask) -> bytes:
    return ask.answer([9] * (ask.count + 1))


@pytest.mark.parametrize("wrong", [other_unit, other_function, other_size])
@pytest.mark.parametrize("kind", KINDS)
def test_an_answer_to_another_question_is_passed_over(kind: str, wrong: Callable[[Ask], bytes]) -> None:
    with driver_on(lambda ask: [wrong(ask), *well(ask)], kind) as (driver, _):
        assert driver.read(METER) == expected()
        assert driver.noise_bytes + driver.bad_frames > 0


@pytest.mark.parametrize(
    "spoil",
    [
        pytest.param(byte_by_byte, id="byte by byte"),
        pytest.param(lambda chunks: [b"\x00\x01\x04\xff\x01\x84", *chunks], id="noise first"),
        pytest.param(lambda chunks: [each[:4] for each in chunks] + [*chunks], id="broken off, then whole"),
    ],
)
def test_an_rtu_answer_is_found_in_noise(spoil: Callable[[Sequence[bytes]], Chunks]) -> None:
    with driver_on(lambda ask: spoil([*well(ask)]), "modbus-rtu") as (driver, _):
        assert driver.read(METER) == expected()


def test_a_local_echo_on_rtu_is_dropped_and_is_no_fault() -> None:
    def echoing(ask: Ask) -> Chunks:
        return [read_request(ask.unit, ask.fc, ask.address, ask.count), *well(ask)]

    with driver_on(echoing, "modbus-rtu") as (driver, _):
        assert driver.read(METER) == expected()
        assert (driver.noise_bytes, driver.bad_frames) == (0, 0)


@pytest.mark.parametrize("kind", KINDS)
def test_the_late_answer_of_a_request_is_never_taken_for_the_next_of_the_same_size(kind: str) -> None:
    """On RTU nothing in it tells it apart, so after a time-out the line is first brought into step."""
    owed: list[bytes] = []
    held_back = iter([False, True])

    def react(ask: Ask) -> Chunks:
        if next(held_back, False):
            owed.append(ask.answer([0x4000] * ask.count))
            return []
        late, owed[:] = owed[:], []
        return [*late, *well(ask)]

    with driver_on(react, kind, retries=0) as (driver, _):
        values = driver.read(METER)
    assert len(values) < len(expected())
    assert values.items() <= expected().items()


def test_the_late_answer_to_one_probe_does_not_answer_the_next() -> None:
    owed: list[bytes] = [b""]

    def react(ask: Ask) -> Chunks:
        owed.append(ask.answer(words_of(ask)))
        return [owed.pop(0)]

    with driver_on(react, "modbus-rtu") as (driver, _):
        for _ in range(2):
            with pytest.raises(NoReply):
                driver.probe(METER)


def test_an_echo_that_begins_like_an_answer_is_still_silence() -> None:
    """Register 2012H: the echo's third byte is the size of 16 registers."""
    request = read_request(1, 3, 0x2012, 16)
    for chunks in ([request], [request[:6], request[6:]], byte_by_byte([request])):
        answers = Answers(rtu=True, request=request, count=16)
        assert not [found for chunk in chunks if (found := answers.feed(chunk))]
        assert not answers.spoke
        assert answers.noise_bytes == 0


def test_a_tcp_stream_out_of_step_is_left_and_begun_anew() -> None:
    bad = iter([True])

    def react(ask: Ask) -> Chunks:
        return [b"\xffgarbage" * 3] if next(bad, False) else well(ask)

    with driver_on(react, "modbus-tcp") as (driver, wire):
        assert driver.read(METER) == expected()
        assert wire.connections == 2


def test_only_corrupt_rtu_answers_are_no_silence() -> None:
    def corrupt(ask: Ask) -> Chunks:
        answer = bytearray(ask.answer(words_of(ask)))
        answer[-1] ^= 1
        return [bytes(answer)]

    with driver_on(corrupt, "modbus-rtu") as (driver, _):
        with pytest.raises(FrameError):
            driver.read(METER)
        assert driver.bad_frames >= 2


def test_rtu_through_a_tcp_serial_server() -> None:
    with TcpWire(well, rtu_ear) as wire:
        driver = modbus_driver(line(wire.endpoint, METER, kind="modbus-rtu"))
        driver.open()
        assert driver.read(METER) == expected()
        driver.close()


@pytest.mark.parametrize("kind", KINDS)
def test_a_probe_asks_once(kind: str) -> None:
    with driver_on(lambda _: [], kind) as (driver, wire):
        with pytest.raises(NoReply):
            driver.probe(METER)
        assert len(wire.requests) == 1
    with driver_on(well, kind) as (driver, wire):
        driver.probe(METER)
        assert len(wire.requests) == 1


def test_a_line_that_refuses_connections_is_down_and_comes_back() -> None:
    with driver_on(well, "modbus-tcp") as (driver, wire):
        driver.read(METER)
        assert isinstance(wire, TcpWire)
        wire.cut()
        assert driver.read(METER) == expected()
        wire.refuse()
        with pytest.raises(LinkDown):
            driver.read(METER)
        assert not driver.connected


def test_the_trace_shows_what_went_over_the_wire(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG, "edge.drivers.modbus")
    with driver_on(well, "modbus-rtu") as (driver, _):
        driver.read(METER)
    assert "l1 > 01 04 00 00 00 24" in caplog.text
    assert "l1 < 01 04 48 43 67" in caplog.text


SUNSPEC = load("sunspec-20x")
SUN_METER = MeterSettings(id="s1", model=SUNSPEC.name, unit=1)


def sunspec_words(base: int, block: int = 203) -> dict[int, int]:
    """A map at `base`: who made it (1), some other block (160), then the meter's."""
    words = dict(
        enumerate(
            [0x5375, 0x6E53, 1, 66, *[0] * 66, 160, 8, *[0] * 8, block, 105, *[0] * 105, 0xFFFF, 0], base
        )
    )
    start = base + 2 + 68 + 10
    words |= {
        start + 18: 132,
        start + 22: 1,
        start + 46: 1,
        start + 47: 2,
        start + 54: 0xFFFF,
    }  # W, W_SF, Wh, Wh_SF
    return words


def sunspec_meter(words: dict[int, int]) -> Callable[[Ask], Chunks]:
    def react(ask: Ask) -> Chunks:
        asked = [words.get(ask.address + at) for at in range(ask.count)]
        return [ask.refusal(2) if None in asked else ask.answer([word or 0 for word in asked])]

    return react


@pytest.mark.parametrize("base", [40000, 50000, 0])
@pytest.mark.parametrize("kind", KINDS)
def test_a_sunspec_meter_is_found_once_and_then_read_with_its_own_scales(kind: str, base: int) -> None:
    with driver_on(sunspec_meter(sunspec_words(base)), kind, SUN_METER) as (driver, wire):
        values = driver.read(SUN_METER)
        assert values["power_w"] == 1320.0
        assert values["energy_import_wh"] == round(0x10002 / 10)
        wire.requests.clear()
        assert driver.read(SUN_METER) == values
        assert [ask.address for ask in wire.requests] == [base + 2 + 68 + 10 + 3]
        driver.probe(SUN_METER)


def test_a_sunspec_map_without_a_meter_is_told() -> None:
    with (
        driver_on(sunspec_meter(sunspec_words(40000, 101)), "modbus-tcp", SUN_METER) as (driver, _),
        pytest.raises(Refused, match="its SunSpec map at 40000 has the blocks 1, 160, 101, no meter's"),
    ):
        driver.read(SUN_METER)
    with (
        driver_on(lambda ask: [ask.refusal(2)], "modbus-tcp", SUN_METER) as (driver, _),
        pytest.raises(Refused, match="no SunSpec map at 40000, 50000, 0"),
    ):
        driver.read(SUN_METER)


def test_a_sunspec_map_that_moved_is_searched_for_again() -> None:
    words = sunspec_words(40000)
    with driver_on(sunspec_meter(words), "modbus-tcp", SUN_METER) as (driver, _):
        values = driver.read(SUN_METER)
        words.clear()
        words.update(sunspec_words(50000))
        with pytest.raises(Refused):
            driver.read(SUN_METER)
        assert driver.read(SUN_METER) == values


@pytest.mark.parametrize("kind", KINDS)
def test_any_registers_can_be_read(kind: str) -> None:
    with driver_on(well, kind) as (driver, wire):
        assert driver.registers(METER, 4, 0, 2) == words_of(Ask(1, 4, 0, 2))
        assert driver.registers(METER, 3, 2, 4) == words_of(Ask(1, 3, 2, 4))
        assert [ask.count for ask in wire.requests] == [2, 4]


@pytest.mark.parametrize("count", [1, 4, 6, 8])
def test_a_meter_that_is_one_answer_behind_is_never_believed(count: int) -> None:
    """Registers asked for by hand may have the size of a mark: the mark after their time-out has another."""
    owed: list[bytes] = [b""]

    def react(ask: Ask) -> Chunks:
        owed.append(ask.answer(words_of(ask)))
        return [owed.pop(0)]

    with driver_on(react, "modbus-rtu", retries=0) as (driver, _):
        for address in (0, 20, 40):
            with pytest.raises(NoReply):
                driver.registers(METER, 4, address, count)


@pytest.mark.parametrize("name", [n for n in names() if load(n).protocol == "modbus"])
def test_marks_have_sizes_of_their_own(name: str) -> None:
    model = load(name)
    parts = parts_of(model)
    marks = marks_of(model, parts)
    taken = {each.what.count for part in parts for each in (part, *part.singles)}
    sizes = [count for _, _, count in marks]
    assert len(set(sizes)) == len(sizes) == MARKS
    assert not taken & set(sizes)


def test_the_first_marks_of_a_meter_that_refuses_cut_values_cut_none() -> None:
    model = load("siemens-pac")
    for fc, address, count in marks_of(model, parts_of(model))[: MARKS // 2]:
        assert not [
            point
            for point in model.points
            if point.fc == fc and point.address < address + count < point.address + point.width
        ]
