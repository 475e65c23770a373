"""What a writer remembers is never more than is so, and enough for a backlog that comes in order."""

from collections.abc import Iterable, Sequence

from hypothesis import given
from hypothesis import strategies as st

from cloud.metering.influx.known import GAP_MS, Known
from cloud.metering.influx.line_protocol import Key
from protocols.readings import Source

HOUR = GAP_MS
POLLED = ("m1", Source.POLLED)
_keys = st.tuples(
    st.sampled_from(["m1", "m2"]),
    st.integers(-8, 8).map(lambda number: number * HOUR // 2),
    st.sampled_from([Source.POLLED, Source.PROFILE]),
)


def key(hours: float, meter: str = "m1", source: Source = Source.POLLED) -> Key:
    return meter, round(hours * HOUR), source


@given(before=st.sets(_keys), writes=st.lists(st.lists(_keys, max_size=6), max_size=12))
def test_what_is_there_is_never_called_new(before: set[Key], writes: Sequence[Sequence[Key]]) -> None:
    """Met from the first that is written on, and told of the gaps before what was looked for in vain."""
    there, known = set(before), Known()
    for write in writes:
        for meter in known.unmet(each[0] for each in write):
            floor = min(each[1] for each in write if each[0] == meter) - 1
            beyond = [each for each in there if each[0] == meter and each[1] > floor]
            tracks = {(meter, each[2]) for each in beyond}
            newest = {track: max(each[1] for each in beyond if each[2] == track[1]) for track in tracks}
            known.meet([meter], newest, floor)
        old, between = known.admit(set(write))
        assert there & set(write) <= old
        for track in {(each[0], each[2]) for each in old - there}:
            mine = sorted(each[1] for each in {*old, *between} if (each[0], each[2]) == track)
            behind = [each[1] for each in there if (each[0], each[2]) == track and each[1] > mine[-1]]
            coming = [each[1] for each in set(write) - old - between if (each[0], each[2]) == track]
            known.learn(track, mine[-1], min([*behind, *coming], default=None))
        there |= set(write)


def test_what_is_called_newest_is_beyond_all_before_it() -> None:
    known = met(0, 24)
    old, between = known.admit([key(0), key(12), key(25)])
    assert (old, between) == ({key(0)}, {key(12)})


def admitted(known: Known, keys: Iterable[Key]) -> set[Key]:
    """The keys that are not known to be new."""
    return known.admit(keys)[0]


def met(*hours: float) -> Known:
    known = Known()
    known.meet(["m1"], {("m1", Source.POLLED): round(hours[0] * HOUR)} if hours else {})
    for each in hours[1:]:
        admitted(known, [key(each)])
    return known


def test_a_backlog_behind_live_readings_is_new_and_what_comes_twice_is_not() -> None:
    known = met(0, 24, 24.25)
    backlog = [key(number / 4) for number in range(1, 96)]
    assert [admitted(known, [each]) for each in backlog[:90]] == [set()] * 90
    assert admitted(known, backlog[:3]) == set(backlog[:3])
    assert admitted(known, [key(24), key(24.1)]) == {key(24), key(24.1)}


def test_the_history_of_a_meter_without_any_is_new_in_whatever_order() -> None:
    known = met()
    assert admitted(known, [key(100)]) == admitted(known, [key(3)]) == admitted(known, [key(50)]) == set()
    assert admitted(known, [key(50)]) == {key(50)}
    assert admitted(known, [key(50, source=Source.PROFILE)]) == set()


def test_a_meter_that_is_forgotten_is_met_again() -> None:
    known = met(0, 24)
    known.forget(["m1"])
    assert known.unmet(["m1"]) == {"m1"}
    known.meet(["m1"], {("m1", Source.POLLED): 24 * HOUR})
    assert admitted(known, [key(12)]) == {key(12)}


def test_a_gap_that_was_learned_is_filled_without_a_look_and_but_once() -> None:
    known = Known()
    known.meet(["m1"], {POLLED: 24 * HOUR}, floor_ms=2 * HOUR)
    assert admitted(known, [key(3)]) == {key(3)}
    known.learn(POLLED, 3 * HOUR, 24 * HOUR)
    backlog = [key(3 + number / 4) for number in range(1, 80)]
    assert admitted(known, backlog) == set()
    assert admitted(known, [*backlog, key(24)]) == {*backlog, key(24)}


def test_what_is_learned_does_not_open_again_what_was_filled() -> None:
    known = met(0, 24)
    assert admitted(known, [key(12)]) == set()
    known.learn(POLLED, 6 * HOUR, 24 * HOUR)
    assert admitted(known, [key(12)]) == {key(12)}
    known.learn(POLLED, 12 * HOUR, None)
    assert admitted(known, [key(18)]) == set()
    assert admitted(known, [key(18)]) == {key(18)}


def test_a_past_behind_which_there_is_nothing_goes_on_without_a_look() -> None:
    known = Known()
    known.meet(["m1"], {POLLED: 24 * HOUR}, floor_ms=23 * HOUR)
    profile = [key(number, source=Source.PROFILE) for number in range(1, 9)]
    assert admitted(known, profile[:1]) == {profile[0]}
    known.learn(("m1", Source.PROFILE), HOUR, None)
    assert admitted(known, profile[1:]) == set()
    assert admitted(known, profile) == set(profile)
