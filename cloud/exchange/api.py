"""Exports over HTTP, within what the asker may see; made in a temporary file: never half a file."""

import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from threading import BoundedSemaphore
from typing import IO, Annotated
from urllib.parse import quote
from zoneinfo import ZoneInfo

from fastapi import Depends, Query
from starlette.responses import StreamingResponse

from cloud.exchange import choice
from cloud.exchange.exporting import MEDIA, Asked, Exported, export, file_name
from cloud.exchange.formats import Content, Format
from cloud.exchange.gather import Origin
from cloud.kit.clock import Clock
from cloud.kit.errors import TooMany
from cloud.kit.guard import Guard
from cloud.kit.problems import RESPONSES
from cloud.kit.routes import Routes
from cloud.kit.scope import Scope

LONGEST_DAYS = 400
AT_ONCE = 2
IN_MEMORY = 4 << 20
CHUNK = 1 << 16
Name = Annotated[str, Query(max_length=64, pattern=r"^[^\x00-\x1f]*$")]


@dataclass(frozen=True, slots=True)
class Station:
    """Whose data it is, and the zone of its days."""

    name: str
    zone: ZoneInfo


def router(origin: Origin, guard: Guard, station: Station, clock: Clock) -> Routes:
    routes = Routes(tags=["readings"], responses=RESPONSES)
    turn = BoundedSemaphore(AT_ONCE)

    @routes.get("/export", response_class=StreamingResponse)
    def export_readings(
        scope: Annotated[Scope, Depends(guard.scope)],
        first: date,
        last: date,
        format: Format = Format.CSV,  # noqa: A002
        content: Content | None = None,
        meter: Name = "",
        point: Name = "",
        account: Name = "",
        area: Name = "",
    ) -> StreamingResponse:
        """Readings of one meter, point, account or area as a file: whole local days, both included."""
        target = choice.target(meter=meter, point=point, account=account, area=area)
        period = choice.period(first, last, station.zone, LONGEST_DAYS)
        asked = Asked(target, period, format, content, station.name)
        if not turn.acquire(blocking=False):
            raise TooMany(f"{AT_ONCE} exports are being made already", 10)
        try:
            file = tempfile.SpooledTemporaryFile(IN_MEMORY)  # noqa: SIM115 - closed once it is sent
            try:
                done = export(origin, scope, asked, clock.now(), file)
            except BaseException:
                file.close()
                raise
        finally:
            turn.release()
        return _answer(asked, done, file)

    return routes


def _answer(asked: Asked, done: Exported, file: IO[bytes]) -> StreamingResponse:
    length = file.tell()
    file.seek(0)
    headers = {
        "Content-Disposition": f"attachment; filename*=UTF-8''{quote(file_name(asked))}",
        "Content-Length": str(length),
        "Cache-Control": "no-store",
        "X-Rows": str(done.rows),
    }
    return StreamingResponse(_pieces(file), media_type=MEDIA[asked.format], headers=headers)


def _pieces(file: IO[bytes]) -> Iterator[bytes]:
    with file:
        while piece := file.read(CHUNK):
            yield piece
