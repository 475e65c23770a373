"""Groups points into few requests: within the meter's limits, and never through the middle of a value."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Generic, Protocol, TypeVar

MAX_REGISTERS = 125
"""What one Modbus read can carry; many meters allow less."""


class Span(Protocol):
    """Anything that needs `span` registers from `first` (0-based, as on the wire) under `fc`."""

    @property
    def fc(self) -> int: ...
    @property
    def first(self) -> int: ...
    @property
    def span(self) -> int: ...


S = TypeVar("S", bound=Span)


@dataclass(frozen=True, slots=True, eq=False)  # the read itself is the key to what is known of it
class Request(Generic[S]):
    """One read, and the points whose registers it brings."""

    fc: int
    address: int
    count: int
    points: tuple[S, ...]


def group(points: Iterable[S], max_regs: int = MAX_REGISTERS, max_gap: int = 0) -> list[Request[S]]:
    """Reads that cover all points. `max_gap` is how many registers nobody asked for may be read along.

    ValueError when a point alone is wider than `max_regs`.
    """
    requests: list[Request[S]] = []
    gathered: list[S] = []
    for point in sorted(points, key=lambda each: (each.fc, each.first, each.span)):
        if point.span > max_regs:
            raise ValueError(f"a value of {point.span} registers does not fit a read of {max_regs}")
        if gathered and not _joins(gathered, point, max_regs, max_gap):
            requests.append(_request(gathered))
            gathered = []
        gathered.append(point)
    return [*requests, _request(gathered)] if gathered else requests


def _end(points: Sequence[Span]) -> int:
    return max(point.first + point.span for point in points)


def _joins(gathered: Sequence[Span], point: Span, max_regs: int, max_gap: int) -> bool:
    first, end = gathered[0], _end(gathered)
    within = max(end, point.first + point.span) - first.first <= max_regs
    return point.fc == first.fc and within and point.first - end <= max_gap


def _request(points: Sequence[S]) -> Request[S]:
    first = points[0]
    return Request(first.fc, first.first, _end(points) - first.first, tuple(points))
