"""Reads what was chosen, block by block: validated days where there are any, else differences of registers.

Memory holds a month of one point at most, however long the period and however many the points.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from functools import lru_cache
from itertools import groupby

import numpy as np
from numpy.typing import NDArray

from cloud.exchange import raw_intervals
from cloud.exchange.blocks import Block, What
from cloud.exchange.choice import Period, Span
from cloud.kit.db import Database
from cloud.kit.scope import Scope, Window
from cloud.metering import primary
from cloud.metering.store import QUALITIES, SOURCES, Columns, ReadingStore, ms
from cloud.metering.vee import days
from cloud.metering.vee.days import Channel, Flag, Method, PointDay
from cloud.metering.vee.families import one_register
from protocols.readings import Quality

RAW = "raw"
RAW_INTERPOLATED = "raw_interpolated"
"""An edge was not read to the moment: there the register is on the straight line between two readings."""
MISSING = Method.MISSING.name.lower()
STEP = timedelta(days=31)
SLOT_S = 900
_HOLE = timedelta(milliseconds=raw_intervals.LONGEST_HOLE_MS)
_MS = timedelta(milliseconds=1)


@dataclass(frozen=True, slots=True)
class Origin:
    """Where the raw readings and the validated days are."""

    database: Database
    store: ReadingStore


def blocks(
    origin: Origin,
    spans: Iterable[Span],
    period: Period,
    what: Iterable[What],
    channels: Sequence[Channel] = tuple(Channel),
) -> Iterator[Block]:
    """By point, then kind and channel, then time; a channel without a word is left out, but import."""
    kinds = list(what)
    for _, group in groupby(spans, key=lambda span: span.installation.point):
        own = list(group)
        for kind in kinds:
            for channel in channels:
                found = _channel(origin, own, period, kind, channel)
                yield from found if channel is Channel.IMPORT else _once_known(found)


def _channel(
    origin: Origin, spans: list[Span], period: Period, what: What, channel: Channel
) -> Iterator[Block]:
    for step in _steps(period):
        own = [span for span in spans if span.start < step.end and span.end > step.start]
        if not own:
            continue
        known = _validated(origin, own[0].installation.point, step, channel) if what is What.INTERVALS else {}
        read = {}
        if len(known) < step.days() or what is What.REGISTERS:
            read = {number: _registers(origin.store, span, step, channel) for number, span in enumerate(own)}
        for day in _days(step):
            if what is What.REGISTERS:
                yield from _register_blocks(own, read, day, channel)
            elif day.first in known:
                yield from _validated_blocks(own, known[day.first], channel)
            else:
                yield from _raw_blocks(own, read, day, channel)


def _once_known(found: Iterable[Block]) -> Iterator[Block]:
    """From the start on if there is anything at all, without what is empty at the end."""
    waiting: list[Block] = []
    for block in found:
        waiting.append(block)
        if not np.isnan(block.values).all():
            yield from waiting
            waiting = []


def _steps(period: Period) -> Iterator[Period]:
    first = period.first
    while first <= period.last:
        last = min(first + STEP - timedelta(days=1), period.last)
        yield Period(first, last, period.zone)
        first = last + timedelta(days=1)


def _days(period: Period) -> Iterator[Period]:
    for number in range(period.days()):
        day = period.first + timedelta(days=number)
        yield Period(day, day, period.zone)


def _validated(origin: Origin, point: str, step: Period, channel: Channel) -> dict[date, PointDay]:
    with origin.database.read() as connection:
        found = days.newest(connection, step.first, step.last, points=[point], channel=channel)
        return {each.day: each for each in found}


def _registers(store: ReadingStore, span: Span, step: Period, channel: Channel) -> Columns:
    """In primary values, from a little before the step to a little after it, and nothing out of sight."""
    installed = span.installation
    scope = Scope((Window(installed.meter, span.seen_from, span.seen_to),))
    around = max(_HOLE, 2 * timedelta(seconds=installed.interval_s))
    start, end = step.start - around, step.end + around + _MS
    (found,) = store.columns(scope, [installed.meter], [channel.value], start, end)
    ratio = primary.ratio_of(installed.model, float(installed.ct_ratio), float(installed.pt_ratio))
    factor = ratio.factor(channel.value)
    if factor == 1:
        return found
    values = np.array([ratio.of(channel.value, value) for value in found.values.tolist()], np.int64)
    return Columns(found.quantity, found.meter, found.at_ms, found.source, found.quality, values)


def _register_blocks(
    spans: list[Span], read: dict[int, Columns], day: Period, channel: Channel
) -> Iterator[Block]:
    for number, span in enumerate(spans):
        columns = read[number]
        start, end = ms(max(day.start, span.start)), ms(min(day.end, span.end))
        inside = slice(*np.searchsorted(columns.at_ms, (start, end)).tolist())
        if inside.start < inside.stop:
            method = tuple(SOURCES[each].value for each in columns.source[inside])
            quality = tuple(_QUALITY[each] for each in columns.quality[inside])
            values = columns.values[inside].astype(np.float64)
            at_ms = columns.at_ms[inside]
            yield _block(span, What.REGISTERS, channel, 0, at_ms, values, method, quality)


def _validated_blocks(spans: list[Span], day: PointDay, channel: Channel) -> Iterator[Block]:
    starts = ms(day.start) + np.arange(day.slots, dtype=np.int64) * (day.interval_s * 1000)
    method = [_METHOD[each] for each in day.method.tolist()]
    quality = [_flags(each) for each in day.flags.tolist()]
    for span, inside in _shared_out(spans, starts, day.interval_s * 1000):
        yield _block(
            span,
            What.INTERVALS,
            channel,
            day.interval_s,
            starts[inside],
            day.final_wh[inside],
            tuple(method[inside]),
            tuple(quality[inside]),
        )


def _raw_blocks(
    spans: list[Span], read: dict[int, Columns], day: Period, channel: Channel
) -> Iterator[Block]:
    slot_s = _slot_s(spans[0].installation.interval_s)
    edges = np.arange(ms(day.start), ms(day.end) + 1, slot_s * 1000, dtype=np.int64)
    for span, inside in _shared_out(spans, edges[:-1], slot_s * 1000):
        at_ms, values = _one_source(read[spans.index(span)], edges)
        own = edges[inside.start : inside.stop + 1]
        hole_ms = max(raw_intervals.LONGEST_HOLE_MS, 2000 * span.installation.interval_s)
        energy, exact = raw_intervals.energies(own, at_ms, values, hole_ms)
        unknown = np.isnan(energy)
        method = tuple(np.where(unknown, MISSING, np.where(exact, RAW, RAW_INTERPOLATED)).tolist())
        quality = ("",) * len(energy)
        yield _block(span, What.INTERVALS, channel, slot_s, own[:-1], energy, method, quality)


def _one_source(columns: Columns, edges: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """One register value for each instant; a file's registers count from elsewhere: never mixed in."""
    used, _ = one_register(columns, edges)
    at_ms, first = np.unique(used.at_ms, return_index=True)
    return at_ms, used.values[first].astype(np.int64)


def _shared_out(spans: list[Span], starts: NDArray[np.int64], slot_ms: int) -> Iterator[tuple[Span, slice]]:
    """Which slots are whose: where a meter is exchanged, of the one that was there at the slot's end."""
    ends = starts + slot_ms
    for number, span in enumerate(spans):
        follows = number and spans[number - 1].end == span.start and spans[number - 1].start <= span.start
        first_ms, last_ms = ms(span.start), ms(span.end)
        inside = (ends > first_ms) & (ends <= last_ms)
        if not follows:
            inside &= starts >= first_ms
        where = np.flatnonzero(inside)
        if len(where):
            yield span, slice(int(where[0]), int(where[-1]) + 1)


def _block(
    span: Span,
    what: What,
    channel: Channel,
    interval_s: int,
    at_ms: NDArray[np.int64],
    values: NDArray[np.float64],
    method: Sequence[str],
    quality: Sequence[str],
) -> Block:
    installed = span.installation
    return Block(what, installed.point, installed.meter, channel, interval_s, at_ms, values, method, quality)


def _slot_s(polled_every_s: int) -> int:
    """A quarter of an hour, or what a meter that is read less often allows."""
    return next((each for each in (SLOT_S, 1800, 3600, 21_600) if polled_every_s <= each), 86_400)


@lru_cache(maxsize=4096)
def _flags(bits: int) -> str:
    return "|".join(str(flag.name).lower() for flag in Flag if bits & flag)


_METHOD = {method.value: method.name.lower() for method in Method}
_QUALITY = {number: "" if each is Quality.GOOD else each.value for number, each in enumerate(QUALITIES)}


def clipped(spans: Iterable[Span], now: datetime) -> list[Span]:
    """Without what is still to come: it is not missing, it has not been."""
    return [
        Span(span.installation, span.start, min(span.end, now), span.seen_from, span.seen_to)
        for span in spans
        if span.start < now
    ]
