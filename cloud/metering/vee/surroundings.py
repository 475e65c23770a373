"""What validation has to be told of by the slices above: who was without supply, and whom a point serves."""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import Connection

from cloud.metering.store import ms

Times = tuple[datetime, datetime | None]
"""[start, end); no end means still."""


def _none(_: Connection, _first: date, _last: date) -> Collection[date]:
    return ()


@dataclass(frozen=True, slots=True)
class Supplied:
    """An account of the tariff class `kind` was served at a point."""

    kind: str
    times: Times


def _nothing(*_: object) -> Mapping[str, Sequence[Times]]:
    return {}


def _nobody(*_: object) -> Mapping[str, Sequence[Supplied]]:
    return {}


@dataclass(frozen=True, slots=True)
class Surroundings:
    """`dark`: when each of these meters was without supply; `areas_out`: when an area had an outage;

    `supplied`: every account that each of these points ever served. All that overlaps [start, end).
    `let_go`: the days, both included, whose raw readings are in the archive only.
    """

    dark: Callable[[Connection, Collection[str], datetime, datetime], Mapping[str, Sequence[Times]]] = (
        _nothing
    )
    areas_out: Callable[[Connection, datetime, datetime], Mapping[str, Sequence[Times]]] = _nothing
    supplied: Callable[[Connection, Collection[str]], Mapping[str, Sequence[Supplied]]] = _nobody
    let_go: Callable[[Connection, date, date], Collection[date]] = _none


def within(bounds_ms: NDArray[np.int64], times: Sequence[Times]) -> NDArray[np.bool_]:
    """The slots between these boundaries that lie wholly in one of the times."""
    found = np.zeros(len(bounds_ms) - 1, np.bool_)
    for start, end in times:
        found |= (bounds_ms[:-1] >= ms(start)) & (bounds_ms[1:] <= (2**62 if end is None else ms(end)))
    return found


def touching(bounds_ms: NDArray[np.int64], times: Sequence[Times]) -> NDArray[np.bool_]:
    """The slots between these boundaries that share an instant with one of the times."""
    found = np.zeros(len(bounds_ms) - 1, np.bool_)
    for start, end in times:
        found |= (bounds_ms[1:] > ms(start)) & (bounds_ms[:-1] < (2**62 if end is None else ms(end)))
    return found


def wide(
    area: str, feeder_of: Mapping[str, str], out: Mapping[str, Sequence[Times]], least: int
) -> list[Times]:
    """When estimates stop in `area`: its own outages, and those of `least` or more areas of its feeder."""
    own = list(out.get(area, ()))
    feeder = feeder_of.get(area)
    others = [times for each, times in out.items() if feeder is not None and feeder_of.get(each) == feeder]
    edges = sorted({start for times in others for start, _ in times})
    for start in edges:
        at_once = [time for times in others for time in times if _holds(time, start)]
        if len(at_once) >= least:
            ends = [end for _, end in at_once]
            own.append((start, None if None in ends else min(end for end in ends if end is not None)))
    return own


def _holds(times: Times, at: datetime) -> bool:
    return times[0] <= at and (times[1] is None or at < times[1])
