"""Answers of an InfluxDB as arrays: all values of some quantities of many meters, for analysis."""

from collections.abc import Sequence
from datetime import datetime
from itertools import groupby
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cloud.kit.scope import Scope
from cloud.metering.influx.line_protocol import QUALITY, identifier
from cloud.metering.influx.reading import Ask, Piece, Row, Span, select, some
from cloud.metering.store import SOURCE_ID, Columns, ms
from protocols.quantities import QUANTITIES, Kind

Parts = tuple[NDArray[np.int32], NDArray[np.int64], NDArray[np.uint8], NDArray[np.uint8], NDArray[Any]]
"""meter, at_ms, source, quality, values: of one length."""


def columns(
    ask: Ask, scope: Scope, meters: Sequence[str], quantities: Sequence[str], start: datetime, end: datetime
) -> list[Columns]:
    """One pass over the engine, whatever the number of quantities."""
    number = {meter: place for place, meter in enumerate(meters)}
    found: dict[str, list[Parts]] = {quantity: [] for quantity in quantities}
    fields = [QUALITY]
    for quantity in found:
        fields += [identifier(quantity), identifier(f"{quantity}_{QUALITY}")]
    for part, span in _spans(scope, number, start, end):
        for piece in ask(select(fields, part, span, by="meter, source")):
            _take(piece, number[piece.meter], list(found), found)
    return [_joined(quantity, found[quantity]) for quantity in quantities]


def _spans(
    scope: Scope, meters: dict[str, int], start: datetime, end: datetime
) -> list[tuple[list[str], Span]]:
    """(meters, window), those of one window together."""
    clipped = [
        (ms(first), ms(last), meter) for meter in meters for first, last in scope.clip(meter, start, end)
    ]
    spans = groupby(sorted(clipped), key=lambda each: each[:2])
    return [(part, span) for span, same in spans for part in some([meter for *_, meter in same])]


def _take(piece: Piece, meter: int, quantities: list[str], found: dict[str, list[Parts]]) -> None:
    at, quality, *rest = zip(*piece.values, strict=True)
    at_ms = np.array(at, np.int64)
    whole = _filled(quality)
    for place, quantity in enumerate(quantities):
        values, own = rest[2 * place : 2 * place + 2]
        there = np.array([value is not None for value in values], np.bool_)
        kind = np.int64 if QUANTITIES[quantity].kind is Kind.COUNTER else np.float64
        told = np.where([each is not None for each in own], _filled(own), whole)
        size = int(there.sum())
        found[quantity].append(
            (
                np.full(size, meter, np.int32),
                at_ms[there],
                np.full(size, SOURCE_ID[piece.source], np.uint8),
                told[there],
                np.array([value for value in values if value is not None], kind),
            )
        )


def _filled(qualities: Row) -> NDArray[np.uint8]:
    return np.array([each or 0 for each in qualities], np.uint8)


def _joined(quantity: str, parts: list[Parts]) -> Columns:
    kind = np.int64 if QUANTITIES[quantity].kind is Kind.COUNTER else np.float64
    none = (np.empty(0, np.int32), np.empty(0, np.int64), np.empty(0, np.uint8), np.empty(0, np.uint8))
    whole = zip(*(parts or [(*none, np.empty(0, kind))]), strict=True)
    meter, at_ms, source, quality, values = (np.concatenate(each) for each in whole)
    order = np.lexsort((source, at_ms, meter))
    return Columns(quantity, meter[order], at_ms[order], source[order], quality[order], values[order])
