"""Hourly temperatures out of somebody's file: a column of times and one of °C or °F."""

import math
import re
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path
from zoneinfo import ZoneInfo

import numpy as np
from numpy.typing import NDArray

from cloud.exchange import figures, headings, moments, sheets
from cloud.exchange.figures import Mark
from cloud.kit.errors import Invalid

HOUR_S = 3600
COLDEST, HOTTEST = -60.0, 60.0
_FAHRENHEIT = re.compile(r"(°\s*F|fahrenheit|temp\w*[\s_]*\(?F\)?$|[_\s(\[]F[)\]]?$)", re.IGNORECASE)
_HEAD = re.compile(r"temp|celsius|fahrenheit|°|气温|温度|t2m|tavg", re.IGNORECASE)


def read(path: Path, zone: ZoneInfo) -> dict[int, float]:
    """Hours since 1970 in UTC → mean °C; times without an offset are of `zone`. Invalid: line and column."""
    sheet = sheets.opened(path)
    sample = list(islice(sheet.rows(), 30))
    first = next((n for n, (_, cells) in enumerate(sample) if any(map(moments.moment, cells))), None)
    if first is None:
        raise Invalid(f"{path}: no column holds dates or times: temperatures need one")
    line, cells = sample[first]
    titles = sample[first - 1][1] if first else []
    time = next(index for index, cell in enumerate(cells) if moments.moment(cell))
    value = _value_column(path, titles, cells, time)
    is_fahrenheit = value < len(titles) and bool(_FAHRENHEIT.search(titles[value].strip()))
    sums: dict[int, list[float]] = {}
    order = moments.order_of(row[time] for _, row in sample[first:] if time < len(row))
    for number, row in sheet.rows():
        if number < line:
            continue
        at = moments.moment(row[time] if time < len(row) else "", order)
        degrees = figures.figure(row[value] if value < len(row) else "", Mark.POINT)
        if at is None or degrees is None:
            column = time if at is None else value
            text = row[column][:40] if column < len(row) else ""
            what = "no date and time" if at is None else "no number"
            raise Invalid(f"{path}, line {number}, column {column + 1}: {text!r} is {what}")
        if math.isnan(degrees):
            continue
        celsius = (degrees - 32) / 1.8 if is_fahrenheit else degrees
        if not COLDEST <= celsius <= HOTTEST:
            raise Invalid(
                f"{path}, line {number}, column {value + 1}: {degrees:g} is no temperature of the air in "
                f"{'°F' if is_fahrenheit else '°C: put °F into the heading if it is that'}"
            )
        sums.setdefault(_hour(at, zone), []).append(celsius)
    return {hour: sum(each) / len(each) for hour, each in sums.items()}


def at(hourly: dict[int, float], starts_ms: NDArray[np.int64], interval_s: int) -> NDArray[np.float32]:
    """(slots,) °C of the hour each slot begins in, NaN where there is none. Invalid: none fits at all."""
    hours = starts_ms // (HOUR_S * 1000)
    found = np.array([hourly.get(hour, math.nan) for hour in hours.tolist()], np.float32)
    if not np.isfinite(found).any():
        raise Invalid(f"the temperatures are of other days than the load ({interval_s // 60} min values)")
    return found


def _value_column(path: Path, titles: list[str], cells: list[str], time: int) -> int:
    named = [index for index, title in enumerate(titles) if index != time and _HEAD.search(title)]
    if named:
        return named[0]
    figured = [
        index
        for index, cell in enumerate(cells)
        if index != time and cell and figures.figure(cell, Mark.POINT) is not None
    ]
    if len(figured) == 1 and not (
        figured[0] < len(titles) and headings.unit_within(titles[figured[0]]) is not None
    ):
        return figured[0]
    raise Invalid(f"{path}: which column holds the temperature is not plain: call it 'temperature [°C]'")


def _hour(at: moments.Moment, zone: ZoneInfo) -> int:
    if at.absolute:
        return at.seconds // HOUR_S
    wall = datetime.fromtimestamp(at.seconds, UTC).replace(tzinfo=zone)
    return int(wall.timestamp()) // HOUR_S
