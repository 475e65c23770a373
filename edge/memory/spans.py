"""Which slots of a meter have no value, and why: spans of time, in order, that never overlap. Pure."""

from collections.abc import Iterable, Iterator
from enum import StrEnum
from itertools import pairwise

import msgspec


class Reason(StrEnum):
    """Why a slot has no value. WAITING is the one that may still get one."""

    WAITING = "waiting"
    NO_SUPPLY = "no_supply"  # the meter had none itself, and has noted so
    NOT_RECORDED = "not_recorded"  # it keeps records, and has none of then
    REFUSED = "refused"  # it refuses load records
    UNREADABLE = "unreadable"  # it answers, and nobody can read that
    DOUBTFUL = "doubtful"  # its record does not lie between the registers read before and after
    TOO_OLD = "too_old"  # beyond memory.days, or its memory
    CLOCK_WRONG = "clock_wrong"  # its clock was off beyond the limit: a value, if any, is flagged
    EXCHANGED = "exchanged"  # another meter hangs there now
    NO_MEMORY = "no_memory"  # a meter of this kind remembers nothing
    SWITCHED_OFF = "switched_off"  # memory.enabled, or the meter's own `memory`, is off


class Span(msgspec.Struct, frozen=True, array_like=True):
    """From `first_ms` up to, not including, `until_ms`. `before_wh`: the register last read before it."""

    first_ms: int
    until_ms: int
    reason: Reason = Reason.WAITING
    before_wh: int | None = None


Spans = tuple[Span, ...]


def painted(spans: Spans, first_ms: int, until_ms: int, new: Span | None) -> Spans:
    """The spans with what lies in [first, until) replaced: by nothing (a value is there), or by `new`."""
    if first_ms >= until_ms:
        return spans
    kept = [part for span in spans for part in _outside(span, first_ms, until_ms)]
    return _joined(sorted([*kept, new], key=_begin) if new else kept)


def reasoned(spans: Spans, first_ms: int, until_ms: int, reason: Reason) -> Spans:
    """What still waits in [first, until) gets a reason; what has one keeps it."""
    for span in spans:
        low, high = max(span.first_ms, first_ms), min(span.until_ms, until_ms)
        if span.reason is Reason.WAITING and low < high:
            spans = painted(spans, low, high, Span(low, high, reason, span.before_wh))
    return spans


def waiting(spans: Iterable[Span]) -> Iterator[Span]:
    return (span for span in spans if span.reason is Reason.WAITING)


def within(spans: Iterable[Span], first_ms: int, until_ms: int) -> Iterator[Span]:
    """The parts of them that lie in [first, until)."""
    for span in spans:
        low, high = max(span.first_ms, first_ms), min(span.until_ms, until_ms)
        if low < high:
            yield Span(low, high, span.reason, span.before_wh)


def _outside(span: Span, first_ms: int, until_ms: int) -> Iterator[Span]:
    if span.first_ms < first_ms:
        yield Span(span.first_ms, min(span.until_ms, first_ms), span.reason, span.before_wh)
    if span.until_ms > until_ms:
        yield Span(max(span.first_ms, until_ms), span.until_ms, span.reason, span.before_wh)


def _joined(spans: list[Span]) -> Spans:
    """Neighbours alike are one; the register before the first of them is before all of them."""
    found: list[Span] = []
    for span in spans:
        last = found[-1] if found else None
        if last and last.until_ms == span.first_ms and last.reason is span.reason:
            found[-1] = Span(last.first_ms, span.until_ms, last.reason, last.before_wh)
        else:
            found.append(span)
    assert all(one.until_ms <= other.first_ms for one, other in pairwise(found)), "spans never overlap"
    return tuple(found)


def _begin(span: Span) -> int:
    return span.first_ms
