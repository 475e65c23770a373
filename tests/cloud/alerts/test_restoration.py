"""How an outage ends: meter by meter, on each one's own voltage, and never on a short return."""

from datetime import UTC, datetime, timedelta

from cloud.alerts.policy import alert_policy
from cloud.alerts.restoration import OutMeter, Sighting, Step, follow
from cloud.alerts.rules import Dark, State

START = datetime(2026, 3, 2, 8, 0, tzinfo=UTC)
POLICY = alert_policy().supply
HOLD = POLICY.restored_after_s
DARK = Sighting(State.SILENT, START - timedelta(seconds=60))


def at(seconds: float) -> datetime:
    return START + timedelta(seconds=seconds)


def back(seconds: float) -> Sighting:
    return Sighting(State.SUPPLIED, at(seconds))


class Outage:
    """An outage that is followed step by step, as the database would keep it."""

    def __init__(self, *meters: str) -> None:
        self.rows = {meter: OutMeter(meter, START) for meter in meters}

    def step(self, seconds: float, *dark: str, **seen: Sighting) -> Step:
        evidence = tuple(Dark(meter, State.SILENT, at(seconds), "witness") for meter in dark)
        step = follow(self.rows, seen, evidence, at(seconds), POLICY)
        self.rows |= {row.meter: row for row in step.changed}
        return step


def test_a_meter_is_back_when_two_readings_apart_show_voltage() -> None:
    outage = Outage("a", "b")
    assert outage.step(10, a=back(9), b=DARK).restored == ()
    assert outage.step(HOLD, a=back(HOLD - 1), b=DARK).restored == ()
    assert outage.step(HOLD + 10, a=back(HOLD + 9), b=DARK).restored == ("a",)
    assert outage.step(HOLD + 20, a=back(HOLD + 19), b=DARK).restored == ()


def test_one_reading_seen_for_long_is_not_two() -> None:
    outage = Outage("a", "b")
    outage.step(10, a=back(9))
    assert outage.step(10 + 10 * HOLD, a=back(9)).restored == ()


def test_a_reading_older_than_the_darkness_restores_nothing() -> None:
    outage = Outage("a")
    outage.step(10, a=back(-30))
    assert not outage.step(10 + HOLD, a=back(-1)).restored
    assert outage.rows["a"].back_at is None


def test_a_short_return_starts_the_count_again() -> None:
    outage = Outage("a")
    outage.step(10, a=back(9))
    outage.step(20, a=DARK)
    assert not outage.step(10 + HOLD, a=back(9 + HOLD)).restored
    assert outage.step(12 + 2 * HOLD, a=back(10 + 2 * HOLD)).restored == ("a",)


def test_flapping_is_one_outage_that_stays_open() -> None:
    outage = Outage("a", "b")
    for seconds in range(0, 3600, 20):
        up = seconds % 40 == 0
        sighting = back(seconds) if up else DARK
        step = outage.step(seconds, *(() if up else ("a", "b")), a=sighting, b=sighting)
        assert (step.over, step.restored, step.joined) == (False, (), ())


def test_what_is_unknown_changes_nothing() -> None:
    outage = Outage("a", "b")
    outage.step(10, a=back(9))
    unknown = Sighting(State.UNKNOWN, at(5))
    assert outage.step(20, a=unknown, b=unknown) == Step()
    assert outage.step(5000) == Step()


def test_the_outage_is_over_when_every_meter_is_back() -> None:
    outage = Outage("a", "b")
    outage.step(10, a=back(9), b=back(9))
    step = outage.step(10 + HOLD, a=back(9 + HOLD), b=back(9 + HOLD))
    assert (step.restored, step.over, step.left_dark) == (("a", "b"), True, ())


def test_one_meter_left_dark_does_not_hold_the_outage_open_for_ever_and_is_not_called_back() -> None:
    outage = Outage("a", "b", "c")
    outage.step(10, a=back(9), b=back(9), c=DARK)
    step = outage.step(10 + HOLD, a=back(9 + HOLD), b=back(9 + HOLD), c=DARK)
    assert (step.restored, step.over) == (("a", "b"), False)
    assert not outage.step(9 + HOLD + POLICY.stragglers_s, c=DARK).over
    step = outage.step(10 + HOLD + POLICY.stragglers_s, c=DARK)
    assert (step.over, step.left_dark, step.restored) == (True, ("c",), ())
    assert outage.rows["c"].restored_at is None


def test_a_straggler_that_has_shown_voltage_once_is_waited_for() -> None:
    outage = Outage("a", "b")
    outage.step(10, a=back(9), b=DARK)
    outage.step(10 + HOLD, a=back(9 + HOLD), b=DARK)
    late = 20 + HOLD + POLICY.stragglers_s
    assert not outage.step(late, b=back(late - 1)).over
    step = outage.step(late + HOLD, b=back(late - 1 + HOLD))
    assert (step.over, step.left_dark) == (True, ())


def test_enough_meters_left_dark_hold_it_open() -> None:
    outage = Outage("a", "b", "c")
    outage.step(10, a=back(9), b=DARK, c=DARK)
    outage.step(10 + HOLD, a=back(9 + HOLD), b=DARK, c=DARK)
    assert not outage.step(10 + HOLD + 10 * POLICY.stragglers_s, b=DARK, c=DARK).over


def test_a_meter_that_goes_dark_later_joins_and_one_that_goes_dark_again_joins_again() -> None:
    outage = Outage("a", "b")
    step = outage.step(10, "a", "b", "c", a=back(9), b=DARK, c=DARK)
    assert [each.meter for each in step.joined] == ["c"]
    outage.step(10 + HOLD, "b", "c", a=back(9 + HOLD), b=DARK, c=DARK)
    step = outage.step(100, "a", "b", "c", a=DARK, b=DARK, c=DARK)
    assert [each.meter for each in step.joined] == ["a"]
    assert outage.rows["a"].restored_at is None
