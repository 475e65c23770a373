"""What a gateway makes of the meters' own memory: real agent, driver, codecs and simulated meters."""

import logging
from collections.abc import Callable
from dataclasses import replace

import pytest

from edge.memory.spans import Reason
from edge.orders.states import State
from firmware_sim.life import befall
from firmware_sim.stations import Request
from protocols.dlt645 import load_records
from protocols.dlt645.conversations import normal_reply, refusal
from protocols.dlt645.frame import encode, frames_in
from protocols.mqtt import orders
from protocols.mqtt.orders import Capability, MeterFacts, OrderKind
from protocols.readings import Quality, Source
from tests.edge.memory.conftest import ADDRESS, METER, Village, at, at_ms

Make = Callable[..., Village]
Answer = Callable[[Request], bytes]
PLAIN = f'model = "dlt645-2007-1p"\naddress = "{ADDRESS}"'
OFF = [3.25, 3.5, 3.75, 4.0, 4.25]
"""The quarter-hours of a gateway that was off from 3:10 to 4:40."""


def off_and_on(village: Village, until_h: float = 6, **more: object) -> Village:
    village.gateway.run(at(3.17), kill=True)
    village.gateway.off_until(at(4.67))
    village.gateway.run(at(until_h), **more)  # type: ignore[arg-type]
    assert village.gateway.wrong == []
    return village


def di_of(request: Request) -> str:
    frame = request.frame
    return frame.data[:4][::-1].hex().upper() if frame and frame.function == 0x11 else ""


def refusing(*stems: str) -> Callable[[Request, Answer], bytes]:
    """Meters that know nothing of such identifiers."""

    def altered(request: Request, answer: Answer) -> bytes:
        if request.frame and di_of(request).startswith(stems):
            return encode(refusal(request.frame, request.frame.address, 0x02))
        return answer(request)

    return altered


def test_missing_quarter_hours_and_no_others_are_filled_from_memory(village: Make) -> None:
    made = off_and_on(village())
    assert made.stamps(Source.PROFILE) == OFF
    assert made.reasons() == {}
    [*_, last] = made.readings(Source.PROFILE)
    assert {"energy_import_wh", "power_w", "voltage_l1_v"} <= last.values.keys()
    assert last.quality is Quality.GOOD


def test_many_records_come_in_one_frame_and_live_readings_are_not_late(village: Make) -> None:
    made = village()
    asked: list[str] = []

    def altered(request: Request, answer: Answer) -> bytes:
        asked.append(di_of(request))
        return answer(request)

    made.world.altered = altered
    made.gateway.run(at(1))
    made.gateway.off_until(at(25.2))
    made.gateway.run(at(28))
    assert made.stamps(Source.PROFILE) == [1.25 + number / 4 for number in range(95)]
    assert asked.count("06000001") <= 12
    late = [(hour * 4) % 1 * 900 for hour in made.stamps(Source.POLLED) if hour > 25.25]
    assert late
    assert max(late) < 5


def test_a_meter_that_refuses_all_classes_at_once_is_asked_one_by_one(village: Make) -> None:
    made = village()
    made.world.altered = refusing("0600")
    assert off_and_on(made).stamps(Source.PROFILE) == OFF
    assert {"energy_import_wh", "power_w", "voltage_l1_v"} <= made.readings(Source.PROFILE)[0].values.keys()


def test_a_meter_that_gives_two_records_at_a_time_is_asked_on(village: Make) -> None:
    def altered(request: Request, answer: Answer) -> bytes:
        if request.frame and di_of(request) == "06000001":
            data = request.frame.data
            request = replace(request, frame=replace(request.frame, data=data[:4] + b"\x02" + data[5:]))
        return answer(request)

    made = village()
    made.world.altered = altered
    assert off_and_on(made).stamps(Source.PROFILE) == OFF


def test_a_meter_that_refuses_load_records_leaves_the_gap_with_that_reason(village: Make) -> None:
    made = village()
    made.world.altered = refusing("06")
    off_and_on(made)
    assert made.reasons() == {Reason.REFUSED: len(OFF)}
    assert made.stamps(Source.PROFILE) == []


def test_what_nobody_can_read_is_named_so_and_the_rest_is_filled(village: Make) -> None:
    """A record whose own sum is wrong, in a sound frame."""

    def altered(request: Request, answer: Answer) -> bytes:
        [reply] = frames_in(answer(request))
        stamp = bytes.fromhex("45 11 28 11 26")
        return encode(replace(reply, data=reply.data.replace(stamp, stamp[:4] + b"\x25")))

    made = village()
    made.world.altered = altered
    off_and_on(made)
    assert made.stamps(Source.PROFILE) == [hour for hour in OFF if hour != 3.75]
    assert made.reasons() == {Reason.UNREADABLE: 1}


def test_a_record_that_cannot_be_between_the_registers_is_not_taken(village: Make) -> None:
    def altered(request: Request, answer: Answer) -> bytes:
        [reply] = frames_in(answer(request))
        if di_of(request).startswith("0600"):
            return refusing("06")(request, answer)
        if not di_of(request).startswith("0604") or reply.abnormal:
            return encode(reply)
        records = load_records.decode(reply.data[4:])
        more = [
            each.values | {"energy_import_wh": each.values["energy_import_wh"] + 50_000} for each in records
        ]
        data = b"".join(
            load_records.encode(each.stamp, values, [4]) for each, values in zip(records, more, strict=True)
        )
        return encode(normal_reply(request.frame, reply.address, reply.data[:4] + data))  # type: ignore[arg-type]

    made = village()
    made.world.altered = altered
    made.gateway.run(at(3.17))
    made.gateway.off_until(at(4.67))
    made.gateway.run(at(6))
    assert made.stamps(Source.PROFILE) == []
    assert made.reasons() == {Reason.DOUBTFUL: len(OFF)}


def test_nothing_is_read_from_memory_before_the_time_is_valid(village: Make) -> None:
    made = village()
    made.world.at(at(5.9), lambda: made.gateway.clock.set(-3600, synced=False))
    made.gateway.run(at(3.17))
    made.gateway.off_until(at(4.67))
    made.gateway.run(at(6), ahead_s=-3600, synced=False)
    assert made.stamps(Source.PROFILE) == []
    assert not any(
        "clock_offset_s" in each.values for each in made.readings(Source.POLLED) if each.at_ms > at_ms(3.5)
    )
    made.gateway.run(at(8))
    assert made.gateway.wrong == []
    assert set(OFF) <= set(made.stamps(Source.PROFILE))
    assert made.reasons() == {}


def test_a_time_that_is_proved_late_and_was_right_costs_no_second_reading(village: Make) -> None:
    made = village()
    made.world.at(at(3), lambda: made.gateway.clock.set(0, synced=True))
    made.gateway.run(at(5), synced=False)
    assert made.stamps(Source.PROFILE) == []
    assert made.reasons() == {}


def test_what_a_wrong_clock_has_dated_is_read_from_memory(village: Make) -> None:
    """First by one that says it is not sure; then by one that says it is, and jumps."""
    made = village()
    made.world.at(at(3), lambda: made.gateway.clock.set(0, synced=True))
    made.gateway.run(at(5), ahead_s=7200, synced=False)
    assert made.gateway.wrong == []
    assert set(made.stamps(Source.PROFILE)) >= {2.25, 2.5, 2.75}
    made.world.at(at(7), lambda: made.gateway.clock.set(7200))
    made.world.at(at(8), lambda: made.gateway.clock.set(0))
    made.gateway.run(at(12))
    assert set(made.stamps(Source.PROFILE)) >= {7.0, 7.25, 7.5, 7.75, 8.0}
    assert made.reasons() == {}


def test_a_meter_whose_time_is_lost_gives_nothing(village: Make) -> None:
    made = village()
    made.world.at(at(4), lambda: befall("clock-battery", made.world.meters[METER], "", made.world.now_ms()))
    off_and_on(made)
    assert made.reasons() == {Reason.CLOCK_WRONG: len(OFF)}


def test_a_meter_beyond_the_limit_is_flagged_and_its_gap_stays_listed(village: Make) -> None:
    made = off_and_on(village(PLAIN + "\nclock_offset_s = 400"))
    assert {each.quality for each in made.readings(Source.PROFILE)} == {Quality.METER_CLOCK_OFF}
    assert made.reasons() == {Reason.CLOCK_WRONG: len(OFF)}


def test_a_clock_that_is_not_shown_proves_no_stamp(village: Make) -> None:
    made = village()
    made.world.altered = refusing("040001")
    off_and_on(made)
    assert {each.quality for each in made.readings(Source.PROFILE)} == {Quality.METER_CLOCK_OFF}


def test_another_asset_number_ends_the_memory_of_the_meter_before(village: Make) -> None:
    """Its register stands higher, so only the number tells."""
    made = village()
    exchange = f"{ADDRESS},9000"
    made.world.at(at(4), lambda: befall("exchange", made.world.meters[METER], exchange, made.world.now_ms()))
    off_and_on(made)
    assert made.stamps(Source.PROFILE) == []
    assert made.reasons() == {Reason.EXCHANGED: len(OFF)}


def test_another_address_in_the_settings_is_another_meter(village: Make) -> None:
    made = village()
    made.gateway.run(at(3.17))
    other = made.gateway.settings.model_dump(by_alias=True, exclude_none=True)
    other["line"][0]["meter"][0]["address"] = "202600000009"
    made.gateway.settings = type(made.gateway.settings).model_validate(other)
    befall("exchange", made.world.meters[METER], "202600000009", made.world.now_ms())
    made.gateway.off_until(at(4.67))
    made.gateway.run(at(6))
    assert made.stamps(Source.PROFILE) == []
    assert made.reasons() == {Reason.EXCHANGED: len(OFF)}


@pytest.mark.parametrize(
    "more", [{"memory": {"enabled": False}}, {"meter": {"memory": False}}], ids=["gateway", "meter"]
)
def test_switched_off_it_lists_and_reads_nothing(village: Make, more: dict[str, object]) -> None:
    made = off_and_on(village(**more))
    assert made.reasons() == {Reason.SWITCHED_OFF: len(OFF)}
    assert made.readings(Source.FREEZE) == []


def test_what_lies_further_back_than_was_told_is_too_old(village: Make) -> None:
    made = village(memory={"days": 1})
    made.gateway.run(at(1))
    made.gateway.off_until(at(31))
    made.gateway.run(at(33))
    assert made.reasons().keys() == {Reason.TOO_OLD}
    assert min(made.stamps(Source.PROFILE)) == pytest.approx(7, abs=0.5)


def test_an_order_reads_quarter_hours_again_that_have_a_value(village: Make) -> None:
    made = village()
    order = made.order(4.1, OrderKind.REREAD, from_ms=at_ms(1), to_ms=at_ms(2))
    made.gateway.run(at(5))
    assert made.stamps(Source.PROFILE) == [1.0, 1.25, 1.5, 1.75]
    assert made.ended(order).state is State.DONE
    assert "every slot has its value" in made.ended(order).outcome.detail


def test_an_order_outlives_a_kill(village: Make) -> None:
    made = village()
    order = made.order(4.16, OrderKind.REREAD, from_ms=at_ms(1), to_ms=at_ms(2))
    made.gateway.run(at(4.17), kill=True)
    made.gateway.run(at(5))
    assert made.ended(order).state is State.DONE
    assert set(made.stamps(Source.PROFILE)) == {1.0, 1.25, 1.5, 1.75}
    told = {(each.at_ms, tuple(sorted(each.values.items()))) for each in made.readings(Source.PROFILE)}
    assert len(told) == 4, "read twice it says the same"


def test_an_order_to_a_meter_without_memory_says_so(village: Make) -> None:
    made = village('model = "dlt645-1997-1p"\naddress = "000000000006"')
    order = made.order(4.1, OrderKind.REREAD, from_ms=at_ms(1), to_ms=at_ms(2))
    made.gateway.run(at(5))
    assert "4 no_memory" in made.ended(order).outcome.detail


def test_an_order_to_a_silent_meter_ends_when_its_time_is_over(village: Make) -> None:
    made = village()
    made.world.at(at(3.9), lambda: setattr(made.world.meters[METER], "dead", True))
    reread = made.order(4.1, OrderKind.REREAD, from_ms=at_ms(1), to_ms=at_ms(2), lives_h=1)
    facts = made.order(4.1, OrderKind.FACTS, lives_h=1)
    made.gateway.run(at(6))
    assert (made.ended(reread).state, made.ended(facts).state) == (State.FAILED, State.FAILED)
    assert "4 slots" in made.ended(reread).outcome.detail


def facts_of(made: Village) -> list[MeterFacts]:
    return [orders.decode(payload, MeterFacts) for what, payload in made.gateway.said if what == "facts"]


def test_a_meter_tells_its_facts_once_and_when_it_is_asked(
    village: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("edge.memory.told.EVERY_MS", 8 * 3_600_000)  # read a few times, and unchanged
    made = village(PLAIN + '\nratio = 30\nslot_table = ["00:00 4", "08:00 2"]\nclock_offset_s = 40')
    order = made.order(30, OrderKind.FACTS)
    made.gateway.run(at(29))
    assert len(facts_of(made)) == 1
    made.gateway.run(at(31))
    first, second = facts_of(made)
    assert made.ended(order).outcome.detail == "told; as they were"
    assert (first.ct_ratio, first.pt_ratio, first.settlement_days) == (30.0, 1.0, ["01 00:00"])
    assert [[(slot.minute, slot.tariff) for slot in table] for table in first.day_tables] == [
        [(0, 4), (480, 2)]
    ]
    assert first.zones == [(1, 1, 1)]
    assert (first.capability, first.relay_open, first.asset_number) == (Capability.CONTROL, False, METER)
    assert first.clock_offset_s == pytest.approx(40, abs=1)
    assert "04000306" in first.unverified
    assert (second.events["power_down"], second.model) == (0, "dlt645-2007-1p")


def test_facts_of_meters_that_have_little_to_tell(village: Make) -> None:
    made = village('model = "dlt645-1997-1p"\naddress = "000000000006"', 'model = "eastron-sdm120"\nunit = 2')
    made.gateway.run(at(2))
    old, modbus = sorted(facts_of(made), key=lambda each: each.meter)
    assert (old.address, old.capability) == ("000000000006", Capability.READ)
    assert (modbus.address, modbus.capability, modbus.day_tables) == ("2", Capability.READ, [])


def test_clocks_are_looked_at_daily_and_a_jump_is_told(
    village: Make, caplog: pytest.LogCaptureFixture
) -> None:
    made = village(PLAIN, 'model = "dlt645-1997-1p"\naddress = "000000000006"\nclock_offset_s = -30')
    made.world.at(at(30), lambda: befall("clock-step", made.world.meters[METER], "120", made.world.now_ms()))
    with caplog.at_level(logging.WARNING):
        made.gateway.run(at(53))
    assert made.gateway.wrong == []
    for meter, expected in ((METER, [0, 0, 120]), ("A01-02", [-30, -30, -30])):
        told = [each for each in made.readings(Source.POLLED, meter) if "clock_offset_s" in each.values]
        assert [each.values["clock_offset_s"] for each in told] == pytest.approx(expected, abs=1)
    assert [text for text in caplog.messages if "its clock jumped" in text and METER in text]


def test_freezes_come_once_a_day_and_for_days_without_a_gateway(village: Make) -> None:
    """Midnight in Shanghai is 16:00 UTC; through one of them the meter slept."""
    made = village()
    made.world.at(at(39), lambda: made.world.light(METER, on=False))
    made.world.at(at(41), lambda: made.world.light(METER, on=True))
    made.gateway.run(at(10))
    made.gateway.off_until(at(44))
    made.gateway.run(at(94))
    assert made.gateway.wrong == []
    assert made.stamps(Source.FREEZE) == [-8, 16, 64, 88]
    assert made.gateway.agent.memory.gaps[METER].days == {"2026-11-30": Reason.NOT_RECORDED}


def test_a_settlement_is_read_once_it_is_over(village: Make) -> None:
    made = village()
    made.world.meters[METER].own_settings().written["04000B01"] = b"\x08\x30"
    made.gateway.run(at(46))
    made.gateway.off_until(at(50))
    made.gateway.run(at(56))
    assert 48 in made.stamps(Source.FREEZE)  # the 30th, 08:00 in Shanghai
    assert made.gateway.agent.memory.gaps[METER].months == {}


def test_killed_at_any_point_no_value_is_lost_and_none_is_wrong(village: Make) -> None:
    """Each start gets two seconds further than the one before; what is not on disk is gone each time."""
    made = village()
    made.gateway.run(at(3.17))
    made.gateway.off_until(at(4.67))
    made.world.light(METER, on=False)
    made.world.light(METER, on=True)
    for number in range(20):
        made.gateway.run(at(4.67 + number * (28 + number) / 3600), kill=True)
    made.gateway.run(at(6))
    assert made.gateway.wrong == []
    assert set(made.stamps(Source.PROFILE)) >= set(OFF)
    assert made.reasons() == {}


def test_a_register_that_fell_ends_the_memory_of_the_meter_before(village: Make) -> None:
    """One that does not tell its number."""
    made = village(PLAIN + "\nstart_kwh = 500")
    made.world.altered = refusing("04000403")
    exchange = f"{ADDRESS},1"
    made.world.at(at(4), lambda: befall("exchange", made.world.meters[METER], exchange, made.world.now_ms()))
    off_and_on(made)
    assert made.stamps(Source.PROFILE) == []
    assert made.reasons() == {Reason.EXCHANGED: len(OFF)}


def test_a_midnight_that_passes_while_a_freeze_is_read_mixes_nothing(village: Make) -> None:
    made = village()
    passed: list[bool] = []

    def altered(request: Request, answer: Answer) -> bytes:
        if di_of(request) == "05060101" and not passed:
            passed.append(True)
            made.world.advance(86_400)
        return answer(request)

    made.world.altered = altered
    made.gateway.run(at(36))
    assert made.gateway.wrong == []
    assert made.stamps(Source.FREEZE) == [-8, 16]


def test_a_register_that_began_again_is_the_same_meter(village: Make) -> None:
    drawn_kwh = village().world.meters.truth(METER, at_ms(3.6)) / 1e6
    made = off_and_on(village(f"{PLAIN}\nstart_kwh = {1_000_000 - drawn_kwh:.3f}"))
    assert made.stamps(Source.PROFILE) == OFF
    registers = [int(each.values["energy_import_wh"]) for each in made.readings(Source.PROFILE)]
    assert max(registers) > 999_000_000
    assert min(registers) < 1_000_000
    assert made.reasons() == {}
