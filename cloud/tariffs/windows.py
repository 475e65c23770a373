"""Windows of the day as documents write them: "08:00-11:30", by months and kinds of day; cut at midnight."""

import re
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from cloud.kit.bands import Band, DayBands, Festival, Window, partition
from cloud.kit.calendar import DayType

_SPAN = re.compile(r"(\d\d):([0-5]\d)-(\d\d):([0-5]\d)")
Spans = tuple[str, ...]


class Windows(BaseModel):
    """Spans of each band; local wall-clock time on quarters of an hour."""

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


class DayWindows(Windows):
    """The days of these months and kinds; where no flat is named, flat is what is left of the 24 hours."""

    months: Annotated[frozenset[Annotated[int, Field(ge=1, le=12)]], Field(min_length=1)] = frozenset(
        range(1, 13)
    )
    days: Annotated[frozenset[DayType], Field(min_length=1)] = frozenset(DayType)

    @model_validator(mode="after")
    def _fills_the_day(self) -> "DayWindows":
        partition(self.windows(), rest_flat=not self.flat)
        return self

    def day_bands(self) -> DayBands:
        kinds = frozenset(each.value for each in self.days)
        return DayBands(self.months, kinds, self.windows(), rest_flat=not self.flat)


class Overlay(Windows):
    """What replaces the usual bands on some days: those off around holidays so named, or hot ones."""

    holidays: Annotated[frozenset[str], Field(min_length=1)]

    def festival(self) -> Festival:
        return Festival(self.holidays, self.windows())


def _window(band: Band, span: str) -> Window:
    found = _SPAN.fullmatch(span)
    assert found is not None
    hours = [int(each) for each in found.groups()]
    return Window(band, hours[0] * 60 + hours[1], hours[2] * 60 + hours[3])
