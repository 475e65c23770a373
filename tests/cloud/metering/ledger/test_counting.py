"""Whatever comes in whatever order and however often: a slot is counted once, and never more than was due."""

from datetime import date, timedelta
from zoneinfo import ZoneInfo

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cloud.metering.ledger.counting import NOBODY, REASONS, Marks, Sheet, due, figures, merge
from cloud.metering.ledger.days import blobs, matrix, packed, runs, slots_of, unpacked
from cloud.metering.ledger.gap_spans import Known, joined, reconciled
from cloud.metering.ledger.reasons import GapEvent, GapState
from cloud.metering.store import ms

HOUR = timedelta(hours=1)
BERLIN = ZoneInfo("Europe/Berlin")
DAYS = (date(2026, 3, 29), date(2026, 6, 1), date(2026, 10, 25))
METERS = 3

Came = tuple[int, int, int, int]
"""(meter, minute of the day, source, minutes until it came)"""
coming = st.lists(
    st.tuples(
        st.integers(0, METERS - 1), st.integers(-30, 1560), st.sampled_from([0, 1, 2, 4]), st.integers(0, 600)
    ),
    max_size=60,
)


def sheet(day: date, out: np.ndarray, service: np.ndarray) -> Sheet:
    slots = slots_of(day, BERLIN, 900)
    shape = (METERS, slots.count)
    return Sheet(
        slots,
        service[:, : slots.count].copy(),
        np.zeros(shape, np.bool_),
        np.zeros(shape, np.bool_),
        out[:, : slots.count].copy(),
        np.full(METERS, NOBODY, np.int64),
        np.zeros(METERS, np.int64),
    )


def marks(day: date, came: list[Came]) -> Marks:
    start = ms(slots_of(day, BERLIN, 900).start)
    rows = np.array(came, np.int64).reshape(-1, 4)
    at = start + rows[:, 1] * 60_000
    return Marks(rows[:, 0], at, rows[:, 2], at + rows[:, 3] * 60_000)


def merged(made: Sheet, day: date, came: list[Came]) -> Sheet:
    merge(made, marks(day, came), HOUR, 1, 3)
    return made


@settings(max_examples=150, deadline=None)
@given(
    st.sampled_from(DAYS),
    coming,
    st.randoms(use_true_random=False),
    st.integers(0, 26 * 60),
    st.integers(0, 2**32),
)
def test_any_order_and_any_duplication_give_the_same_day(
    day: date, came: list[Came], chance: object, minutes: int, seed: int
) -> None:
    random = np.random.default_rng(seed)
    out = (random.random((METERS, 100)) < 0.1).astype(np.uint8) * random.integers(1, 1 + len(REASONS))
    service = random.random((METERS, 100)) < 0.9
    once = merged(sheet(day, out, service), day, came)
    shuffled = came + came[: len(came) // 2]
    chance.shuffle(shuffled)  # type: ignore[attr-defined]
    again = sheet(day, out, service)
    for number in range(0, len(shuffled), 7):
        merged(again, day, shuffled[number : number + 7])
    for name in ("heard", "on_time", "freeze_ms", "sources"):
        assert (getattr(once, name) == getattr(again, name)).all(), name
    over = due(once.slots, once.slots.start + timedelta(minutes=minutes), timedelta(0))
    found = figures(once, over)
    assert (found.late <= found.received).all()
    assert (found.received <= found.expected).all()
    assert (found.expected + found.reasons.sum(axis=1) == (once.service & over).sum(axis=1)).all()
    assert (found.expected - found.received == found.missing.sum(axis=1)).all()


@settings(max_examples=100, deadline=None)
@given(coming, coming)
def test_what_came_later_takes_nothing_away(first: list[Came], later: list[Came]) -> None:
    day, none = DAYS[1], np.zeros((METERS, 100), np.uint8)
    made = merged(sheet(day, none, none == 0), day, first)
    over = np.ones(made.slots.count, np.bool_)
    before = figures(made, over)
    after = figures(merged(made, day, later), over)
    assert (after.received >= before.received).all()
    assert (after.missing <= before.missing).all()


@settings(max_examples=150, deadline=None)
@given(st.lists(st.tuples(st.booleans(), st.booleans()), min_size=12, max_size=12), st.data())
def test_every_missing_slot_is_in_one_gap_and_none_in_two(
    now: list[tuple[bool, bool]], data: st.DataObject
) -> None:
    missing = np.array([one and not other for one, other in now])
    heard = np.array([other for _, other in now])
    cuts = sorted(data.draw(st.sets(st.integers(0, 12), max_size=6)))
    known = [
        Known(
            number,
            first,
            until,
            data.draw(st.sampled_from(GapState)),
            data.draw(st.integers(0, until - first)),
            data.draw(st.booleans()),
        )
        for number, (first, until) in enumerate(zip(cuts[::2], cuts[1::2], strict=False))
    ]
    changes = reconciled(missing, heard, known)
    spans = {each.id: (each.first, each.until) for each in known}
    spans |= {each.id: (each.first, each.until) for each in changes if each.id is not None}
    listed = [*spans.values(), *((each.first, each.until) for each in changes if each.id is None)]
    count = np.zeros(12, int)
    for first, until in listed:
        count[first:until] += 1
    assert (count[missing] == 1).all()
    assert (count <= 1).all()
    for change in changes:
        assert change.missing == missing[change.first : change.until].sum()
        assert change.event is not GapEvent.HEARD or heard[change.first : change.until].all()


def test_of_several_freezes_of_a_midnight_the_first_to_come_counts() -> None:
    none = np.zeros((METERS, 100), np.uint8)
    twice: list[Came] = [(0, 0, 1, 50), (0, 1, 1, 600), (1, 20, 1, 5)]
    for came in (twice, twice[::-1]):
        made = merged(sheet(DAYS[1], none, none == 0), DAYS[1], came)
        begin = ms(made.slots.start)
        assert made.freeze_ms.tolist() == [begin + 50 * 60_000, NOBODY, NOBODY]


@pytest.mark.parametrize(("day", "count"), list(zip(DAYS, (92, 96, 100), strict=True)))
def test_slots_begin_at_local_midnight_and_end_at_the_next(day: date, count: int) -> None:
    slots = slots_of(day, BERLIN, 900)
    assert slots.count == count
    assert slots.at(count) == slots.end == slots_of(day + timedelta(days=1), BERLIN, 900).start
    assert slots.ends_ms()[-1] == ms(slots.end)


def test_a_slot_is_in_service_when_all_of_it_is_and_left_out_when_any_of_it_is() -> None:
    slots = slots_of(DAYS[1], BERLIN, 900)
    start, end = slots.start + timedelta(minutes=20), slots.start + timedelta(minutes=70)
    assert slots.within(start, end) == slice(2, 4)
    assert slots.touched(start, end) == slice(1, 5)
    assert slots.within(slots.start - HOUR, None) == slots.touched(slots.start - HOUR, None) == slice(0, 96)
    assert slots.within(start, start) == slice(2, 2)


@given(st.lists(st.booleans(), min_size=1, max_size=120))
def test_bits_come_back_as_they_were(bits: list[bool]) -> None:
    row = np.array(bits)
    assert (unpacked(packed(row), len(bits)) == row).all()
    assert (matrix([*blobs(row.reshape(1, -1)), None], len(bits))[1] == False).all()  # noqa: E712
    assert sum(until - first for first, until in runs(row)) == sum(bits)


def test_near_spans_are_taken_together() -> None:
    assert list(joined([(0, 2), (3, 4), (9, 10), (1, 3)], 1)) == [(0, 4), (9, 10)]
    assert list(joined([], 5)) == []
