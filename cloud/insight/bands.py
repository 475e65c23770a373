"""Reads bands.toml: which band each slot of the station's days lies in, by dated tables and its calendar."""

from collections.abc import Sequence
from datetime import date
from pathlib import Path
from typing import Annotated

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field, model_validator

from cloud import policies
from cloud.analysis.grid import DayGrid
from cloud.analysis.indicators.bands import by_slot
from cloud.kit.bands import BandTable, DayKind, in_force
from cloud.kit.calendar import Calendar, station_calendar
from cloud.tariffs.windows import DayWindows, Overlay


class _Table(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str
    source: str
    from_: Annotated[date, Field(alias="from")]
    days: tuple[DayWindows, ...]
    festivals: tuple[Overlay, ...] = ()

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
        return DayKind(day, self._calendar.day_type(day).value, self._calendar.breaks(day, self._holidays))


def station_bands(folder: Path | None = None) -> StationBands:
    """The station's bands; Invalid says what is wrong with its file."""
    return StationBands(policies.read("bands", BandPolicy, folder), station_calendar(folder))
