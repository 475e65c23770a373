"""Few requests, within the meter's limits, and no value is ever cut in two."""

from dataclasses import dataclass

import pytest
from hypothesis import given
from hypothesis import strategies as st

from protocols.modbus.plan import group


@dataclass(frozen=True, slots=True)
class Span:
    fc: int
    first: int
    span: int


spans = st.lists(
    st.builds(Span, st.sampled_from([3, 4]), st.integers(0, 400), st.sampled_from([1, 2, 4])),
    unique=True,
    max_size=40,
)


@given(spans, st.integers(4, 125), st.integers(0, 20))
def test_every_value_is_whole_inside_exactly_one_request(
    points: list[Span], max_regs: int, max_gap: int
) -> None:
    requests = group(points, max_regs, max_gap)
    for request in requests:
        assert 1 <= request.count <= max_regs
        for point in request.points:
            assert point.fc == request.fc
            assert request.address <= point.first
            assert point.first + point.span <= request.address + request.count
    served = [point for request in requests for point in request.points]
    assert sorted(served, key=str) == sorted(points, key=str)


@given(spans, st.integers(4, 125))
def test_without_a_gap_only_asked_registers_are_read(points: list[Span], max_regs: int) -> None:
    asked = {(point.fc, point.first + at) for point in points for at in range(point.span)}
    for request in group(points, max_regs, max_gap=0):
        assert {(request.fc, request.address + at) for at in range(request.count)} <= asked


def test_neighbours_share_a_request_and_gaps_are_bridged_as_far_as_allowed() -> None:
    points = [Span(4, 0, 2), Span(4, 2, 2), Span(4, 7, 2), Span(3, 9, 1)]
    assert [(r.fc, r.address, r.count) for r in group(points, 80, 0)] == [(3, 9, 1), (4, 0, 4), (4, 7, 2)]
    assert [(r.fc, r.address, r.count) for r in group(points, 80, 3)] == [(3, 9, 1), (4, 0, 9)]
    assert [(r.fc, r.address, r.count) for r in group(points, 3, 3)] == [
        (3, 9, 1), (4, 0, 2), (4, 2, 2), (4, 7, 2),
    ]  # fmt: skip


def test_a_value_wider_than_the_limit_is_refused() -> None:
    with pytest.raises(ValueError, match="4 registers"):
        group([Span(3, 0, 4)], max_regs=2)


def test_nothing_asked_is_nothing_read() -> None:
    assert group([]) == []
