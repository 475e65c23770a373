"""Facts over time never overlap, leave gaps only where they may, and installations partition the time."""

from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from cloud.fleet import spans
from cloud.fleet.spans import Span

DAY0 = datetime(2026, 1, 1, tzinfo=UTC)
DAYS = st.integers(0, 20)
CHANGE = st.tuples(
    DAYS, st.none() | DAYS, st.sampled_from(["put", "fill", "end"]), st.sampled_from("ab"), st.integers(1, 3)
)


def day(number: int | None) -> datetime | None:
    return None if number is None else DAY0 + timedelta(days=number)


def told(found: list[Span], number: int) -> Any:
    span = spans.at(found, DAY0 + timedelta(days=number, hours=12))
    return None if span is None else dict(span.values)


@settings(max_examples=300, deadline=None)
@given(st.lists(CHANGE, max_size=12))
def test_whatever_is_laid_over_what_each_day_says_the_last_that_was_said_of_it(changes: list[Any]) -> None:
    found: list[Span] = []
    expected: list[dict[str, int] | None] = [None] * 25
    for start, end, kind, name, value in changes:
        if end is not None and end <= start:
            continue
        begin = DAY0 + timedelta(days=start)
        if kind == "end":
            found = spans.without(found, begin, day(end))
        else:
            fresh = {"a": 0, "b": 0} if kind == "fill" else None
            found = spans.patched(found, begin, day(end), {name: value}, fresh)
        for number in range(start, 25 if end is None else end):
            before = expected[number]
            if kind == "end":
                expected[number] = None
            elif before is not None or kind == "fill":
                expected[number] = {**(before or {"a": 0, "b": 0}), name: value}
    assert [told(found, number) for number in range(25)] == expected
    assert spans.faults(found, gapless=False) == []
    assert all(one.until < other.start or one.values != other.values for one, other in pairwise(found))


@settings(max_examples=100, deadline=None)
@given(st.lists(st.tuples(DAYS, st.integers(1, 3)), max_size=10))
def test_facts_that_may_not_have_gaps_have_none_whatever_changes(changes: list[tuple[int, int]]) -> None:
    found = [Span(spans.BEGINNING, None, {"a": 0})]
    for start, value in changes:
        found = spans.patched(found, DAY0 + timedelta(days=start), None, {"a": value})
    assert spans.faults(found, gapless=True) == []
    assert (found[0].start, found[-1].end) == (spans.BEGINNING, None)


def test_overlaps_gaps_and_backward_spans_are_told() -> None:
    one, two, three = (DAY0 + timedelta(days=n) for n in (1, 2, 3))
    assert "two hold at" in spans.faults([Span(one, three, {}), Span(two, None, {})], gapless=False)[0]
    assert "nothing holds from" in spans.faults([Span(one, two, {}), Span(three, None, {})], gapless=True)[0]
    assert spans.faults([Span(one, two, {}), Span(three, None, {})], gapless=False) == []
    assert spans.faults([Span(two, one, {})], gapless=False)
