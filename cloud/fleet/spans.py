"""Facts over time as half-open spans: patched, ended, joined; pure, and never with an overlap."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import pairwise
from typing import Any

BEGINNING = datetime(1970, 1, 1, tzinfo=UTC)
"""The start of what was always so, as far as anybody said."""
_NEVER = datetime.max.replace(tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Span:
    """`values` hold from `start` up to and without `end`; None is still."""

    start: datetime
    end: datetime | None
    values: Mapping[str, Any]

    @property
    def until(self) -> datetime:
        """`end`, where still is as late as can be: for comparing."""
        return self.end or _NEVER

    def holds(self, at: datetime) -> bool:
        return self.start <= at < self.until


def patched(
    spans: Iterable[Span],
    start: datetime,
    end: datetime | None,
    values: Mapping[str, Any],
    fresh: Mapping[str, Any] | None = None,
) -> list[Span]:
    """`values` laid over what holds in [start, end).

    Where nothing holds there: `fresh` with them, or with `fresh` None still nothing.
    """
    found, free = [], start
    until = end or _NEVER
    for span in sorted(spans, key=_start):
        found.extend(_outside(span, start, until))
        low, high = max(span.start, start), min(span.until, until)
        if low < high:
            if fresh is not None and free < low:
                found.append(Span(free, low, {**fresh, **values}))
            found.append(Span(low, _end(high), {**span.values, **values}))
            free = high
    if fresh is not None and free < until:
        found.append(Span(free, end, {**fresh, **values}))
    return joined(found)


def without(spans: Iterable[Span], start: datetime, end: datetime | None) -> list[Span]:
    """What is left when nothing holds in [start, end)."""
    return joined(part for span in spans for part in _outside(span, start, end or _NEVER))


def joined(spans: Iterable[Span]) -> list[Span]:
    """In order; neighbours that say the same are one."""
    found: list[Span] = []
    for span in sorted(spans, key=_start):
        if found and found[-1].until == span.start and found[-1].values == span.values:
            found[-1] = Span(found[-1].start, span.end, span.values)
        else:
            found.append(span)
    return found


def at(spans: Iterable[Span], instant: datetime) -> Span | None:
    """The one that holds then."""
    return next((span for span in spans if span.holds(instant)), None)


def faults(spans: Sequence[Span], *, gapless: bool) -> list[str]:
    """What is wrong with spans in order: backward, overlapping, or apart where that may not be."""
    found = [f"ends at {span.end} and begins at {span.start}" for span in spans if span.until <= span.start]
    for one, other in pairwise(spans):
        if one.until > other.start:
            found.append(f"two hold at {other.start:%Y-%m-%d %H:%M}")
        elif gapless and one.until < other.start:
            found.append(f"nothing holds from {one.end:%Y-%m-%d %H:%M} to {other.start:%Y-%m-%d %H:%M}")
    return found


def _outside(span: Span, start: datetime, until: datetime) -> list[Span]:
    parts = []
    if span.start < start:
        parts.append(Span(span.start, _end(min(span.until, start)), span.values))
    if span.until > until:
        parts.append(Span(max(span.start, until), span.end, span.values))
    return parts


def _start(span: Span) -> datetime:
    return span.start


def _end(until: datetime) -> datetime | None:
    return None if until == _NEVER else until
