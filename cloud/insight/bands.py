"""Reads bands.toml: which band each slot of the station's days lies in, by dated tables and its calendar."""

import re
from collections.abc import Sequence
from datetime import date, timedelta
from pathlib import Path
from typing import Annotated

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from cloud import policies
from cloud.analysis.grid import DayGrid
from cloud.analysis.indicators.bands import (
    Band,
    BandTable,
    DayBands,
    DayKind,
    Festival,
    Window,
    by_slot,
    in_force,
)
from cloud.kit.calendar import Calendar, DayType, station_calendar

_SPAN = re.compile(r"(\d\d):([0-5]\d)-(\d\d):([0-5]\d)")
Spans = tuple[str, ...]


class _Windows(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    sharp: Spans = ()
    peak: Spans = ()
    flat: Spans = ()
    valley: Spans = ()
    deep_valley: Spans = ()

    @field_validator("sharp", "peak", "flat", "valley", "deep_valley")
    @classmethod
    def _spans(cls, spans: Spans) -> Spans:
        for span in spans:
            if not _SPAN.fullmatch(span):
                raise ValueError(f"{span!r} is no span of time like '08:00-11:30'")
        return spans

    def windows(self) -> tuple[Window, ...]:
        return tuple(_window(band, span) for band in Band for span in getattr(self, band.name.lower()))


class _Days(_Windows):
    months: frozenset[Annotated[int, Field(ge=1, le=12)]] = frozenset(range(1, 13))
    days: frozenset[DayType] = frozenset(DayType)

    def day_bands(self) -> DayBands:
        kinds = frozenset(each.value for each in self.days)
        return DayBands(self.months, kinds, self.windows(), rest_flat=not self.flat)


class _Festival(_Windows):
    holidays: Annotated[frozenset[str], Field(min_length=1)]

    def festival(self) -> Festival:
        return Festival(self.holidays, self.windows())


class _Table(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str
    source: str
    from_: Annotated[date, Field(alias="from")]
    days: tuple[_Days, ...]
    festivals: tuple[_Festival, ...] = ()

    def table(self) -> BandTable:
        festivals = [each.festival() for each in self.festivals]
        return BandTable(self.name, [each.day_bands() for each in self.days], festivals, self.from_)

    @model_validator(mode="after")
    def _whole(self) -> "_Table":
        self.table()
        return self


class BandPolicy(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    version: str
    source: str
    table: Annotated[tuple[_Table, ...], Field(min_length=1)]

    @model_validator(mode="after")
    def _apart(self) -> "BandPolicy":
        since = [each.from_ for each in self.table]
        if len(set(since)) < len(since):
            raise ValueError("two tables begin on the same day")
        return self

    @property
    def holidays(self) -> frozenset[str]:
        """All names that some table asks for."""
        return frozenset(
            name for table in self.table for festival in table.festivals for name in festival.holidays
        )


class StationBands:
    """The station's tables with its calendar: the bands of any days; a `BandsOfDays`."""

    def __init__(self, policy: BandPolicy, calendar: Calendar) -> None:
        self.version, self.source = policy.version, policy.source
        self.tables = tuple(each.table() for each in policy.table)
        self._holidays, self._calendar = policy.holidays, calendar

    def slots(self, grid: DayGrid) -> NDArray[np.int8]:
        """int8 (slots,). ValueError where the grid is too coarse for a table's edges."""
        return by_slot(grid, self.kinds(grid.days), self.tables)

    def quarters(self, day: date) -> NDArray[np.int8]:
        """int8 (96,): the band of each quarter of an hour of a day by the wall clock."""
        return in_force(self.tables, day).quarters(self.kind(day))

    def kinds(self, days: Sequence[date]) -> list[DayKind]:
        return [self.kind(day) for day in days]

    def kind(self, day: date) -> DayKind:
        return DayKind(day, self._calendar.day_type(day).value, self._breaks(day))

    def _breaks(self, day: date) -> frozenset[str]:
        """The holidays asked for that lie in the unbroken run of days off around this one."""
        if self._calendar.day_type(day) is DayType.WORK:
            return frozenset()
        names = [self._calendar.holiday(each) or "" for each in self._run(day)]
        return frozenset(name for name in self._holidays if any(name in each for each in names))

    def _run(self, day: date) -> list[date]:
        found = [day]
        for step in (-1, 1):
            each = day + timedelta(days=step)
            while self._calendar.day_type(each) is not DayType.WORK:
                found.append(each)
                each += timedelta(days=step)
        return found


def station_bands(folder: Path | None = None) -> StationBands:
    """The station's bands; Invalid says what is wrong with its file."""
    return StationBands(policies.read("bands", BandPolicy, folder), station_calendar(folder))


def _window(band: Band, span: str) -> Window:
    found = _SPAN.fullmatch(span)
    assert found is not None
    hour, minute, until, past = map(int, found.groups())
    return Window(band, hour * 60 + minute, until * 60 + past)
