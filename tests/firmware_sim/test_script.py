"""What a scenario has in store happens at its time, in order, whichever clock is used."""

import asyncio
import time

import pytest

from firmware_sim.clock import FastClock, ManualClock
from firmware_sim.pytest_plugin import MeterFleet, RunningFleet
from firmware_sim.scenario import ScenarioError, parse
from firmware_sim.script import Script
from tests.firmware_sim.texts import NOON_MS, ONE_LINE

STORY = """
[[fault]]
kind = "lost-reply"
target = "house"
at = 60
until = 120
nth = 2

[[fault]]
kind = "area-out"
target = "A01"
at = 2026-11-22T13:00:00+08:00
"""


def active(fleet: RunningFleet) -> list[str]:
    """The kinds of fault in force; read in the fleet's own thread."""
    return [outcome.kind for outcome in fleet.faults()]


def test_faults_come_and_go_at_their_times(meter_fleet: MeterFleet) -> None:
    fleet = meter_fleet(ONE_LINE + STORY, ManualClock(NOON_MS))
    seen = []
    for seconds in (59, 2, 60, 3600):
        fleet.advance(seconds)
        seen.append(active(fleet))
    assert seen == [[], ["lost-reply"], [], ["area-out"]]
    [outage] = fleet.faults()
    assert outage.at_ms == NOON_MS + 3_600_000


def test_a_jump_over_all_of_it_plays_it_in_order_of_time() -> None:
    clock, seen = ManualClock(NOON_MS), list[tuple[str, int]]()
    script = Script(clock)

    def note(name: str) -> object:
        async def act() -> None:
            seen.append((name, clock.now_ms() - NOON_MS))

        return act

    for name, at in (("late", 300.0), ("early", 1.0), ("same", 1.0)):
        script.add(at, note(name))  # type: ignore[arg-type]
    asyncio.run(script.play_until(NOON_MS + 400_000))
    assert seen == [("early", 1000), ("same", 1000), ("late", 300_000)]
    assert clock.now_ms() == NOON_MS + 400_000


def test_a_fast_clock_brings_the_same_story_in_less_time(meter_fleet: MeterFleet) -> None:
    fleet = meter_fleet("speed = 3600\n" + ONE_LINE + STORY.split('\n[[fault]]\nkind = "area-out"')[0])
    began, seen = fleet.clock.now_ms(), set[str]()
    deadline = time.monotonic() + 5
    while fleet.clock.now_ms() - began < 180_000 or active(fleet):
        assert time.monotonic() < deadline
        seen.update(active(fleet))
        time.sleep(0.002)
    assert fleet.clock.now_ms() - began < 5 * 3600 * 1000


def test_a_clock_runs_as_fast_as_it_is_told() -> None:
    real = ManualClock(NOON_MS)
    fast = FastClock(600, real)
    real.advance(2)
    assert fast.now_ms() == NOON_MS + 1_200_000


def test_a_clock_that_runs_by_itself_is_not_moved(meter_fleet: MeterFleet) -> None:
    with pytest.raises(TypeError, match="ManualClock"):
        meter_fleet(ONE_LINE).advance(60)


def test_a_fault_that_does_not_exist_is_told_before_anything_runs(meter_fleet: MeterFleet) -> None:
    with pytest.raises(ScenarioError, match="did you mean 'lost-reply'"):
        meter_fleet(ONE_LINE + STORY.replace("lost-reply", "lost-replay"))


@pytest.mark.parametrize(
    ("wrong", "told"),
    [
        ('[[fault]]\nkind = "area-out"\ntarget = "A01"\nnth = 3', "area-out takes no nth"),
        ('[[fault]]\nkind = "exchange"\ntarget = "house:12"', "exchange of house: '12' is no address"),
        ('[[fault]]\nkind = "area-out"\ntarget = "A01"\nat = 9\nuntil = 5', "until 5.0 is not after at 9.0"),
        (
            '[[life]]\nmeter = "house"\nevent = "undercount"\nvalue = 7\nat = 2026-11-22T13:00:00Z',
            "life: undercount of house: 7 is no share",
        ),
        ('[[life]]\nmeter = "area"\nevent = "relay-trip"\nat = 2026-11-22T13:00:00Z', "has no relay"),
    ],
)
def test_what_would_go_wrong_later_is_told_at_the_start(
    meter_fleet: MeterFleet, wrong: str, told: str
) -> None:
    with pytest.raises(ScenarioError) as caught:
        meter_fleet(f"{ONE_LINE}\n{wrong}\n", ManualClock(NOON_MS))
    assert told in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("wrong", "told"),
    [
        ('[[fault]]\nkind = "silence"\ntraget = "bus"', "did you mean 'target'?"),
        ('[[master]]\nname = "x"\nline = "bas"\nrequest = [{hex = "00"}]', "there is no line 'bas'"),
        ('[[master]]\nname = "x"\nline = "bus"\nrequest = [{hex = "0g"}]', "a request cannot be sent"),
        ('[[answer]]\nmeter = "hause"\ndi = "00010000"', "there is no meter 'hause'"),
        ('[[answer]]\nmeter = "house"', "give it a `di`"),
    ],
)
def test_what_is_wrong_with_a_story_is_told_in_one_line(wrong: str, told: str) -> None:
    with pytest.raises(ScenarioError) as caught:
        parse(f"{ONE_LINE}\n{wrong}")
    assert told in str(caught.value)
    assert "\n" not in str(caught.value)
