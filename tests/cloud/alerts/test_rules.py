"""What the station concludes from answers and silence: a table of pictures, each with its verdict."""

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from cloud.alerts.policy import AlertKind, alert_policy
from cloud.alerts.rules import (
    Broker,
    Gateway,
    Judgement,
    Line,
    Meter,
    Picture,
    State,
    judge,
    silent_since,
)

NOW = datetime(2026, 3, 2, 8, 0, tzinfo=UTC)
POLICY = alert_policy().supply
AREA_METER = "A01-00"
SILENCE = NOW - timedelta(seconds=20)


def ago(seconds: float) -> datetime:
    return NOW - timedelta(seconds=seconds)


def supplied(name: str, area: str = "A01", line: str = "L1", seconds: float = 5) -> Meter:
    return Meter(
        name,
        area,
        f"gw-{area.lower()}",
        line,
        name.endswith("-00"),
        60,
        answered_at=ago(seconds),
        voltages=(231.0,),
        voltages_at=ago(seconds),
    )


def silent(meter: Meter, since: datetime = SILENCE) -> Meter:
    before = since - timedelta(seconds=60)
    return replace(meter, silent_since=since, answered_at=before, voltages_at=before)


def no_voltage(meter: Meter) -> Meter:
    return replace(meter, voltages=(0.0, 0.0, 0.0))


def village(*areas: str, gateway: str | None = None, customers: int = 5) -> Picture:
    """Every area with its area meter and some customers' meters, all supplied."""
    meters = tuple(supplied(f"{area}-{n:02d}", area) for area in areas for n in range(customers + 1))
    if gateway is not None:
        meters = tuple(replace(meter, gateway=gateway) for meter in meters)
    names = sorted({meter.gateway for meter in meters})
    return Picture(
        NOW,
        Broker(True, ago(3600)),
        areas,
        tuple(Gateway(name, ago(3), ago(3), False, "mains") for name in names),
        tuple(Line(name, "L1", True) for name in names),
        meters,
    )


def change(picture: Picture, change_one: Callable[[Meter], Meter], *ids: str) -> Picture:
    meters = tuple(change_one(meter) if not ids or meter.id in ids else meter for meter in picture.meters)
    return replace(picture, meters=meters)


def customers_silent(picture: Picture, area: str = "A01") -> Picture:
    ids = [m.id for m in picture.meters if m.area == area and not m.area_meter]
    return change(picture, silent, *ids)


def on_backup(picture: Picture) -> Picture:
    return replace(picture, gateways=tuple(replace(each, supply="backup") for each in picture.gateways))


def unheard(picture: Picture) -> Picture:
    return replace(
        picture,
        gateways=tuple(replace(each, heard_at=ago(600), health_at=ago(600)) for each in picture.gateways),
    )


def disconnected(picture: Picture) -> Picture:
    return replace(picture, lines=tuple(replace(line, connected=False) for line in picture.lines))


def causes(judgement: Judgement) -> list[str]:
    return [verdict.cause for verdict in judgement.present]


def all_quiet() -> Picture:
    return village("A01")


def outage_with_a_witness() -> Picture:
    return change(customers_silent(village("A01")), no_voltage, AREA_METER)


def outage_shown_by_voltage_alone() -> Picture:
    return change(village("A01"), no_voltage)


def outage_told_by_the_gateways_own_supply() -> Picture:
    return on_backup(change(village("A01"), silent))


def one_of_two_areas_on_a_line() -> Picture:
    return change(village("A01", "A02", gateway="gw-x"), silent, *(f"A01-{n:02d}" for n in range(6)))


def both_areas_of_a_line_with_their_area_meters() -> Picture:
    picture = village("A01", "A02", gateway="gw-x")
    picture = customers_silent(customers_silent(picture, "A01"), "A02")
    return change(picture, no_voltage, "A01-00", "A02-00")


def both_areas_of_a_line_silent_on_backup() -> Picture:
    return on_backup(change(village("A01", "A02", gateway="gw-x"), silent))


def a_line_cut() -> Picture:
    return change(village("A01"), silent)


def a_line_cut_while_one_meter_was_not_asked_again_yet() -> Picture:
    picture = change(village("A01"), silent, *(f"A01-{n:02d}" for n in range(1, 6)))
    return change(picture, lambda m: supplied(m.id, seconds=50), AREA_METER)


def a_line_cut_behind_another_areas_outage() -> Picture:
    """A02's 0 V was read before A01 fell silent: it says nothing of the line since."""
    picture = change(one_of_two_areas_on_a_line(), no_voltage, *(f"A02-{n:02d}" for n in range(6)))
    late = (f"A02-{n:02d}" for n in range(6))
    return change(picture, lambda m: replace(m, answered_at=ago(50), voltages_at=ago(50)), *late)


def meters_long_silent_and_one_more() -> Picture:
    """No area meter answers for the area; three of five have long been given up."""
    picture = change(village("A01", customers=6), silent, *(f"A01-{n:02d}" for n in range(5)))
    return change(picture, lambda m: replace(m, given_up=True), *(f"A01-{n:02d}" for n in range(4)))


def the_same_for_a_meter_of_another_area() -> Picture:
    picture = one_of_two_areas_on_a_line()
    late = (f"A02-{n:02d}" for n in range(6))
    return change(picture, lambda m: replace(m, answered_at=ago(50), voltages_at=ago(50)), *late)


def a_line_down() -> Picture:
    return disconnected(change(village("A01"), silent))


def a_line_down_on_backup() -> Picture:
    return on_backup(a_line_down())


def a_dark_gateway() -> Picture:
    return unheard(change(village("A01"), silent))


def a_gateway_that_speaks_every_five_minutes() -> Picture:
    """Last heard eight minutes ago: one word of it was missed, which is nothing yet."""
    picture = outage_with_a_witness()
    seldom = (
        replace(each, every_s=300.0, heard_at=ago(480), health_at=ago(480)) for each in picture.gateways
    )
    return replace(picture, gateways=tuple(seldom))


def a_gateway_whose_last_word_was_an_outage() -> Picture:
    return unheard(outage_with_a_witness())


def a_gateway_that_took_leave() -> Picture:
    picture = outage_with_a_witness()
    return replace(picture, gateways=tuple(replace(each, left=True) for each in picture.gateways))


def the_broker_down() -> Picture:
    return replace(a_dark_gateway(), broker=Broker(False, ago(600)))


def the_broker_just_back() -> Picture:
    return replace(a_dark_gateway(), broker=Broker(True, ago(60)))


def a_lost_phase() -> Picture:
    picture = change(village("A01", customers=9), silent, "A01-01", "A01-04", "A01-07")
    return change(picture, lambda m: replace(m, voltages=(0.0, 230.0, 229.0)), AREA_METER)


def a_lost_phase_that_most_meters_hang_on() -> Picture:
    picture = change(village("A01"), silent, *(f"A01-{n:02d}" for n in range(1, 6)))
    return change(picture, lambda m: replace(m, voltages=(0.0, 230.0, 229.0)), AREA_METER)


def a_reading_that_lacks_phases() -> Picture:
    return change(village("A01"), lambda m: replace(no_voltage(m), all_phases=False))


def only_the_area_meter_dark() -> Picture:
    return change(village("A01"), no_voltage, AREA_METER)


def an_area_of_an_area_meter_alone() -> Picture:
    return change(village("A01", customers=0), no_voltage)


def one_dead_meter() -> Picture:
    return change(village("A01"), silent, "A01-03")


def meters_that_were_never_heard() -> Picture:
    never = [f"A01-{n:02d}" for n in range(1, 6)]
    return change(
        village("A01"), lambda m: replace(silent(m), answered_at=None, voltages=(), voltages_at=None), *never
    )


def an_outage_that_ended_but_the_health_is_late() -> Picture:
    """Readings with voltage, newer than the silence, are there before the next health."""
    return change(
        outage_with_a_witness(),
        lambda m: replace(m, voltages=(231.0,), voltages_at=ago(2), answered_at=ago(2)),
    )


OUTAGE = "area_outage:A01"
OTHER_OUTAGE = "area_outage:A02"
METERS_SILENT = [f"meter_silent:A01-{n:02d}" for n in range(1, 6)]
CASES: list[tuple[Callable[[], Picture], list[str]]] = [
    (all_quiet, []),
    (outage_with_a_witness, [OUTAGE]),
    (outage_shown_by_voltage_alone, [OUTAGE]),
    (outage_told_by_the_gateways_own_supply, [OUTAGE]),
    (one_of_two_areas_on_a_line, [OUTAGE]),
    (both_areas_of_a_line_with_their_area_meters, [OUTAGE, OTHER_OUTAGE]),
    (both_areas_of_a_line_silent_on_backup, ["line_silent:gw-x:L1"]),
    (a_line_cut, ["line_silent:gw-a01:L1"]),
    (a_line_cut_while_one_meter_was_not_asked_again_yet, METERS_SILENT),
    (the_same_for_a_meter_of_another_area, [f"meter_silent:A01-{n:02d}" for n in range(6)]),
    (
        a_line_cut_behind_another_areas_outage,
        [OTHER_OUTAGE, *(f"meter_silent:A01-{n:02d}" for n in range(6))],
    ),
    (meters_long_silent_and_one_more, [f"meter_silent:A01-{n:02d}" for n in range(5)]),
    (a_line_down, ["line_down:gw-a01:L1"]),
    (a_line_down_on_backup, ["line_down:gw-a01:L1"]),
    (a_dark_gateway, ["gateway_dark:gw-a01"]),
    (a_gateway_whose_last_word_was_an_outage, ["gateway_dark:gw-a01"]),
    (a_gateway_that_speaks_every_five_minutes, [OUTAGE]),
    (a_gateway_that_took_leave, []),
    (the_broker_down, ["broker_down"]),
    (the_broker_just_back, []),
    (a_lost_phase, ["meter_silent:A01-01", "meter_silent:A01-04", "meter_silent:A01-07"]),
    (a_lost_phase_that_most_meters_hang_on, METERS_SILENT),
    (a_reading_that_lacks_phases, []),
    (only_the_area_meter_dark, ["meter_silent:A01-00"]),
    (an_area_of_an_area_meter_alone, ["meter_silent:A01-00"]),
    (one_dead_meter, ["meter_silent:A01-03"]),
    (meters_that_were_never_heard, METERS_SILENT),
    (an_outage_that_ended_but_the_health_is_late, []),
]


@pytest.mark.parametrize(("picture", "expected"), CASES, ids=[make.__name__ for make, _ in CASES])
def test_verdict(picture: Callable[[], Picture], expected: list[str]) -> None:
    assert causes(judge(picture(), POLICY)) == expected


def test_an_outage_names_each_dark_meter_its_evidence_and_its_witness() -> None:
    [verdict] = judge(outage_with_a_witness(), POLICY).present
    assert {each.meter: (each.evidence, each.witness) for each in verdict.dark} == {
        AREA_METER: (State.NO_VOLTAGE, None),
        **{f"A01-{n:02d}": (State.SILENT, AREA_METER) for n in range(1, 6)},
    }


def test_a_meter_given_up_before_is_no_news_and_no_witness() -> None:
    """Its 0 V is its own fault, so when the line is cut later it vouches for nobody."""
    picture = change(outage_with_a_witness(), lambda m: replace(m, given_up=True), AREA_METER)
    picture = change(picture, lambda m: replace(m, answered_at=ago(50)), AREA_METER)
    assert OUTAGE not in causes(judge(picture, POLICY))


def test_a_line_silent_for_an_outage_that_backup_proves_is_no_alert_of_its_own() -> None:
    judgement = judge(outage_told_by_the_gateways_own_supply(), POLICY)
    assert "line_silent:gw-a01:L1" in judgement.absent


def test_nothing_is_taken_back_while_nobody_can_be_heard() -> None:
    """What is neither present nor absent stays as it is, so no alert ends for want of evidence."""
    judgement = judge(a_dark_gateway(), POLICY)
    assert not [key for key in judgement.absent if key != "broker_down"]
    assert set(judgement.states.values()) == {State.UNKNOWN}


def test_a_slow_clock_at_the_gateway_does_not_make_its_readings_stale() -> None:
    late = timedelta(hours=3)
    picture = outage_shown_by_voltage_alone()
    picture = change(picture, lambda m: replace(m, voltages_at=ago(5) - late, answered_at=ago(5) - late))
    assert causes(judge(picture, POLICY)) == []
    gateways = tuple(replace(each, cloud_ahead=late) for each in picture.gateways)
    assert causes(judge(replace(picture, gateways=gateways), POLICY)) == [OUTAGE]


@pytest.mark.parametrize(
    ("before", "unanswered", "answered_at", "expected"),
    [
        (None, 0, ago(5), None),
        (None, 1, ago(65), None),
        (None, 2, ago(125), NOW),
        (None, 2, None, NOW),
        (ago(60), 3, ago(125), ago(60)),
        (ago(60), 2, ago(30), NOW),
        (ago(60), 1, ago(30), None),
        (ago(60), 0, ago(5), None),
        (ago(60), 0, None, ago(60)),
        (ago(60), 1, None, ago(60)),
    ],
    ids=[
        "answers",
        "missed once",
        "falls silent",
        "silent since the gateway started",
        "still silent",
        "answered in between and fell silent again",
        "answered in between and missed once",
        "is back",
        "the gateway has just started",
        "the gateway has just started and missed it once",
    ],
)
def test_when_a_silence_began(
    before: datetime | None, unanswered: int, answered_at: datetime | None, expected: datetime | None
) -> None:
    assert silent_since(before, unanswered, answered_at, NOW, POLICY.silent_after) == expected


def test_the_operators_kinds_are_all_there_is_but_what_other_rooms_tell() -> None:
    elsewhere = {
        AlertKind.UNUSUAL_USAGE,
        AlertKind.DELIVERY_FAILED,
        AlertKind.DATA_MISSING,
        AlertKind.POLICY_REFUSED,
        AlertKind.VOLTAGE_LIMIT,
        AlertKind.POWER_FACTOR_LIMIT,
        AlertKind.DEMAND_LIMIT,
        AlertKind.CURTAILMENT,
    }
    judged = {verdict.kind for make, _ in CASES for verdict in judge(make(), POLICY).present}
    assert judged == set(AlertKind) - elsewhere
