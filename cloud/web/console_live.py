"""The stream of readings to an open console, in its language. It ends with the session or the server."""

from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Annotated

from fastapi import Depends, Request
from fastapi.sse import EventSourceResponse, ServerSentEvent
from starlette.concurrency import run_in_threadpool

from cloud.kit.auth import User
from cloud.kit.routes import Routes
from cloud.metering.store import instant
from cloud.web.language import NONE, Words
from cloud.web.live import News
from cloud.web.overview import VOLTAGES
from cloud.web.pages import Pages
from cloud.web.parts import Parts
from cloud.web.station import Station
from protocols.readings import Reading

ASK_AGAIN = timedelta(minutes=1)
"""So often a stream asks whether its session still holds."""


@dataclass(frozen=True, slots=True)
class StreamRow:
    at: datetime
    meter: str
    area: str
    voltages: str
    power_kw: float | None
    register_kwh: float | None


def router(parts: Parts, pages: Pages, station: Station) -> Routes:
    routes = Routes()
    Operator = Annotated[User, Depends(parts.guard.operator)]  # noqa: N806 - a type

    @routes.get("/stream", response_class=EventSourceResponse)
    async def stream(request: Request, _: Operator) -> AsyncIterator[ServerSentEvent]:
        names = await run_in_threadpool(_area_names, station)
        asked_at = pages.now()
        async for news in parts.live.listen():
            if pages.now() - asked_at > ASK_AGAIN:
                if await parts.guard.visitor(request) is None:
                    return
                asked_at = pages.now()
            for event in _events(request, pages, news, names):
                yield event

    return routes


def _area_names(station: Station) -> dict[str, str]:
    picture = station.picture()
    return {meter.id: picture.area_names[meter.area] for meter in picture.meters}


def _events(request: Request, pages: Pages, news: News, areas: dict[str, str]) -> Iterator[ServerSentEvent]:
    """Rows as an unnamed message, which is shown; `changed` as a named one: the page asks again."""
    if news.readings or news.first:
        words = pages.words(request)
        rows = [_row(reading, areas, words) for reading in reversed(news.readings)]
        html = pages.text(
            request, "console/stream_rows.html", rows=rows, first=news.first, skipped=news.skipped
        )
        yield ServerSentEvent(raw_data=html)
    if news.changed:
        yield ServerSentEvent(event="changed", raw_data="")
    if not (news.readings or news.first or news.changed):
        yield ServerSentEvent(comment="still here")


def _row(reading: Reading, areas: dict[str, str], words: Words) -> StreamRow:
    values = reading.values
    volts = [words.number(values[name], 1) for name in VOLTAGES if name in values]
    register, power = values.get("energy_import_wh"), values.get("power_w")
    return StreamRow(
        instant(reading.at_ms),
        reading.meter,
        areas.get(reading.meter, NONE),
        " / ".join(volts) or NONE,
        None if power is None else power / 1000,
        None if register is None else register / 1000,
    )
