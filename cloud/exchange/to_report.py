"""From a file's array to what a report is about: calendar, bands, temperature, how the file was taken."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray
from pydantic import ValidationError

from cloud.analysis.grid import DayGrid, day_grid
from cloud.analysis.report.given import Given
from cloud.analysis.report.words import Words
from cloud.exchange import temperatures
from cloud.exchange.matrix import Matrix
from cloud.exchange.reporting import SEPARATORS, SHAPES
from cloud.exchange.sheets import encoding_name
from cloud.kit.calendar import Calendar, station_calendar
from cloud.kit.errors import Invalid

if TYPE_CHECKING:
    from cloud.kit.bands import BandTable

HOME = "CN"


@dataclass(frozen=True, slots=True)
class Beside:
    """What was said beside the file; `policies` is a folder, `interval_min` what the file has to have."""

    country: str = HOME
    policies: Path | None = None
    temperature: Path | None = None
    area_meter: str | None = None
    meter: str | None = None
    interval_min: int | None = None
    language: str = "en"


def given(path: Path, found: Matrix, beside: Beside) -> Given:
    """Invalid where what was said beside the file does not fit it."""
    if beside.interval_min is not None and beside.interval_min * 60 != found.file.interval_s:
        raise Invalid(
            f"{path}: values are {found.file.interval_s // 60} min apart, and --interval says "
            f"{beside.interval_min}: mend the one or the other"
        )
    area = None if beside.area_meter is None else _row(path, found, beside.area_meter, "--area-column")
    if beside.meter is not None:
        _row(path, found, beside.meter, "--meter")
    calendar = _calendar(beside)
    grid = day_grid(found.starts_ms, found.interval_s, found.zone)
    tables, bands = _bands(beside, grid)
    celsius = None
    if beside.temperature is not None:
        hourly = temperatures.read(beside.temperature, found.zone)
        celsius = temperatures.at(hourly, found.starts_ms, found.interval_s)
    t = Words(beside.language)
    return Given(
        path.name, found.meters, found.wh, found.starts_ms, found.interval_s, found.zone, grid, calendar,
        bands, tables, celsius, area, found.fed_back_kwh, tuple(_read(found, t)),
        tuple(_notes(found, beside, t)),
    )  # fmt: skip


def _row(path: Path, found: Matrix, name: str, option: str) -> int:
    if name not in found.meters:
        known = ", ".join(found.meters[:5]) + (" …" if len(found.meters) > 5 else "")
        raise Invalid(f"{path}: {option}: no meter is called {name!r}; there are: {known}")
    return found.meters.index(name)


def _calendar(beside: Beside) -> Calendar:
    if beside.country == HOME:
        return station_calendar(beside.policies)
    try:
        return Calendar(country=beside.country)
    except ValidationError:
        raise Invalid(
            f"--country: {beside.country!r} is not known; say it as ISO 3166 does, such as DE"
        ) from None


def _bands(beside: Beside, grid: DayGrid) -> "tuple[tuple[BandTable, ...], NDArray[np.int8] | None]":
    """A tariff's bands are a country's own: elsewhere only where a folder of one's own was named."""
    from cloud.insight.bands import station_bands

    if beside.country != HOME and beside.policies is None:
        return (), None
    bands = station_bands(beside.policies)
    try:
        return bands.tables, bands.slots(grid)
    except ValueError:
        return (), None


def understood(found: Matrix) -> Iterator[str]:
    """Lines for the terminal: what is taken for what, before anything is reckoned."""
    t = Words("en")
    for name, text in _read(found, t):
        yield f"{name}: {text}"
    for note in _said(found):
        yield "note: " + t(note, zone=found.zone.key)


def _read(found: Matrix, t: Words) -> Iterator[tuple[str, str]]:
    file = found.file
    first, last = (
        datetime.fromtimestamp(int(at) / 1000, UTC).astimezone(found.zone) for at in found.starts_ms[[0, -1]]
    )
    kind = encoding_name(file.sheet.encoding) or file.sheet.kind
    split = SEPARATORS.get(file.sheet.separator, "")
    yield (
        t("Layout"),
        t(SHAPES[file.shape]) + f" ({', '.join(filter(None, (kind, t(split) if split else '')))})",
    )
    yield t("Rows of one meter, meters"), f"{found.rows:,} · {len(found.meters):,}"
    yield t("Days"), f"{first:%Y-%m-%d} … {last:%Y-%m-%d}"
    yield t("Interval"), _interval(found, t)
    yield t("Unit"), f"{file.unit} ({t(str(file.values))})"
    yield t("A time is its interval's"), f"{t(str(file.meaning))} ({t(file.why)})"
    yield t("Time zone"), found.zone.key
    if found.gaps or found.empty:
        yield t("Holes"), t("{gaps} gaps, {empty} empty values", gaps=found.gaps, empty=found.empty)


def _interval(found: Matrix, t: Words) -> str:
    own = f"{found.file.interval_s // 60} min"
    if found.interval_s == found.file.interval_s:
        return own
    return own + t(", added up to {minutes} min", minutes=found.interval_s // 60)


def _said(found: Matrix) -> Iterator[str]:
    """What the importer tells of the station's zone is told of the one taken here."""
    for note in found.notes:
        if note.startswith("times have no offset"):
            yield "times have no offset: taken as those of {zone}; say --timezone for another"
        else:
            yield note


def _notes(found: Matrix, beside: Beside, t: Words) -> Iterator[str]:
    for note in _said(found):
        yield t("Note: {note}.", note=t(note, zone=found.zone.key))
    back = float(found.fed_back_kwh.sum())
    if back:
        yield t(
            "Values below zero were met: {kwh} kWh were fed back. They stand for themselves: the "
            "load below is "
            "what was drawn, and is 0 while energy was fed back.",
            kwh=f"{back:,.1f}",
        )
    if beside.country == HOME and not found.zone.key.startswith(("Asia/", "Etc/GMT-8")):
        yield t("Working days are those of China: say --country for others.")
