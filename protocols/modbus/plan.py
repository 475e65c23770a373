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
    end = 0
    for point in sorted(points, key=lambda each: (each.fc, each.first, each.span)):
        behind = point.first + point.span
        if point.span > max_regs:
            raise ValueError(f"a value of {point.span} registers does not fit a read of {max_regs}")
        if gathered and not (
            point.fc == gathered[0].fc
            and max(end, behind) - gathered[0].first <= max_regs
            and point.first - end <= max_gap
        ):
            requests.append(_request(gathered, end))
            gathered, end = [], 0
        gathered.append(point)
        end = max(end, behind)
    return [*requests, _request(gathered, end)] if gathered else requests


def _request(points: Sequence[S], end: int) -> Request[S]:
    first = points[0]
    return Request(first.fc, first.first, end - first.first, tuple(points))
