"""Readings in an InfluxDB 2.x: the one place that knows influxdb-client, and what its answers mean.

Written synchronously (its batching mode drops what a server refuses) as line protocol, gzipped, in ms; asked
in InfluxQL over `/query`, which 1.x, 2.x and 3 Core serve. `influx_write` and `influx_read` say what and how.
"""

import gzip
import json
import re
from collections.abc import Collection, Iterable, Iterator, Sequence
from contextlib import suppress
from datetime import datetime
from itertools import islice
from typing import Any, NoReturn

import msgspec
from influxdb_client import InfluxDBClient
from influxdb_client.client.write_api import SYNCHRONOUS
from influxdb_client.rest import ApiException
from urllib3.exceptions import ConnectTimeoutError, HTTPError

from cloud.kit.clock import Clock, SystemClock
from cloud.kit.db import Database
from cloud.kit.errors import Conflict, Invalid
from cloud.kit.scope import Scope
from cloud.metering.influx import columns as influx_columns
from cloud.metering.influx import conflicts as beside
from cloud.metering.influx import let_go as influx_let_go
from cloud.metering.influx import line_protocol
from cloud.metering.influx import reading as influx_read
from cloud.metering.influx.facts import StoreFacts
from cloud.metering.influx.faults import (
    REFUSED,
    SETTINGS,
    LinesRefused,
    Pause,
    QuestionRefused,
    remedy,
    unmapped,
    unreadable,
)
from cloud.metering.influx.reading import Piece
from cloud.metering.influx.turns import Turns
from cloud.metering.influx.writing import LINES, Writer
from cloud.metering.points import Point
from cloud.metering.store import BatchOfReadings, Columns, Kept, Latest, Series, StoreFault
from cloud.settings import InfluxSettings, secret
from protocols.readings import Source

_DROPPED = re.compile(r"dropped=(\d+)")
_CHUNK = 1 << 16


class _Series(msgspec.Struct):
    columns: list[str]
    tags: dict[str, str] = {}
    values: list[list[int | float | str | bool | None]] = []


class _Result(msgspec.Struct):
    series: list[_Series] = []
    error: str = ""


class _Answer(msgspec.Struct):
    results: list[_Result] = []
    error: str = ""


GZIP_LEVEL = 1
_ANSWER = msgspec.json.Decoder(_Answer)


def _lightly_zipped(path: str, body: Any) -> Any:
    """As the library's own, which takes gzip's slowest level: eight times the work for a quarter less."""
    if path != "/api/v2/write":
        return body
    return gzip.compress(body if isinstance(body, bytes) else body.encode(), GZIP_LEVEL)


class InfluxWire:
    """One server, organisation, bucket and token; may be used by several threads."""

    def __init__(self, settings: InfluxSettings, pause: Pause | None = None) -> None:
        if settings.token_file is None:
            raise Invalid("readings.influxdb.token_file: an InfluxDB needs a token, in a file")
        self._settings, self._pause, self._closed = settings, pause or Pause(), False
        self._client = InfluxDBClient(
            url=settings.url,
            token=secret(settings.token_file),
            org=settings.org,
            timeout=round(settings.timeout_s * 1000),
            enable_gzip=True,
            ssl_ca_cert=str(settings.ca_file) if settings.ca_file else None,
        )
        self._client.conf.update_request_body = _lightly_zipped
        self._write = self._client.write_api(write_options=SYNCHRONOUS)

    @property
    def address(self) -> str:
        return f"{self._settings.url} {self._settings.org}/{self._settings.bucket}"

    def ready(self) -> None:
        """StoreFault while a pause lasts, and once this is closed."""
        if self._closed:
            raise StoreFault("closed, this process is ending")
        self._pause.check()

    def post(self, lines: Sequence[str]) -> None:
        """All are durable when it returns. LinesRefused; StoreFault, and for a while nothing is sent."""
        self.ready()
        body = "\n".join(lines).encode()
        try:
            self._write.write(self._settings.bucket, self._settings.org, body, "ms")
        except ApiException as answer:
            self._take_answer(answer)
        except ConnectTimeoutError as error:  # a refused connection too: nothing was sent
            raise StoreFault(self._silent(error)) from error
        except (HTTPError, OSError) as error:
            self._pause.silence(self._silent(error))
            raise StoreFault(self._silent(error)) from error
        self._pause.over()

    def ask(self, statement: str) -> Iterator[Piece]:
        """The series of the answer, piece by piece as they come; StoreFault at any of them."""
        if self._closed:
            raise StoreFault("closed, this process is ending")
        try:
            response = self._client.api_client.call_api(
                "/query",
                "POST",
                query_params=[("db", self._settings.bucket), ("epoch", "ms"), ("chunked", "true")],
                header_params={
                    "Accept": "application/json",
                    "Content-Type": "application/x-www-form-urlencoded",
                },
                post_params=[("q", statement)],
                _preload_content=False,
                _return_http_data_only=True,
            )
            try:
                yield from _pieces(response.stream(_CHUNK))
            except BaseException:
                response.close()  # what is left of the answer is not read
                raise
            response.release_conn()
        except ApiException as answer:
            told = self._told(answer)
            if answer.status == 404:
                told = f"{unmapped(self._settings.url, self._settings.bucket)} ({_message(answer)})"
            raise StoreFault(told) from answer
        except QuestionRefused as refused:
            if not unreadable(refused.told):
                raise
            told = f"{unmapped(self._settings.url, self._settings.bucket)} ({refused.told})"
            raise StoreFault(told) from refused
        except (HTTPError, OSError) as error:
            raise StoreFault(self._silent(error)) from error

    def check(self) -> str:
        """The server's version; Conflict when it does not answer, Invalid when the settings are wrong."""
        try:
            self._client.api_client.call_api("/ping", "GET", _return_http_data_only=True)
            version = self._client.api_client.last_response.getheader("X-Influxdb-Version") or "unknown"
            with suppress(LinesRefused):  # as a body of no line: the token and the bucket are good
                self.post(["# does this token write this bucket?"])
            for _ in self.ask(
                "SHOW FIELD KEYS LIMIT 1"
            ):  # 2.x shows a token that may not read no measurements
                pass
        except (HTTPError, OSError, ApiException) as error:
            raise Conflict(f"{self._silent(error)}: start it, or mend readings.influxdb.url") from error
        return str(version)

    def close(self) -> None:
        self._closed = True
        self._write.close()
        self._client.close()

    def _take_answer(self, answer: ApiException) -> NoReturn:
        message = _message(answer)
        if answer.status in REFUSED:
            dropped = _DROPPED.search(message)
            raise LinesRefused(answer.status, message, int(dropped[1]) if dropped else None) from answer
        told = self._told(answer)
        if answer.status in SETTINGS:
            self._pause.settings(told)
        elif answer.headers is not None:
            self._pause.told(answer.headers.get("Retry-After"), told)
        raise StoreFault(told) from answer

    def _told(self, answer: ApiException) -> str:
        if answer.status in SETTINGS:
            here = self._settings
            return f"{remedy(answer.status, here.url, here.org, here.bucket)} ({_message(answer)})"
        return f"InfluxDB at {self._settings.url} says {answer.status}: {_message(answer)}"

    def _silent(self, error: Exception) -> str:
        return f"InfluxDB at {self._settings.url} does not answer ({_short(error)})"


class InfluxStore:
    """A `ReadingStore` and a `PointSink`; `database` keeps conflicts and quarantine beside it."""

    def __init__(
        self,
        settings: InfluxSettings,
        database: Database,
        *,
        shared: bool = False,
        clock: Clock | None = None,
        pause: Pause | None = None,
    ) -> None:
        """Conflict when the server does not answer, Invalid when token, bucket or address are wrong.

        `shared`: other processes write into the same bucket too, each with this set.
        """
        self._database = database
        self._wire = InfluxWire(settings, pause)
        try:
            self._version = _opened(self._wire)
            self._turns = Turns(database, shared=shared)
            self._writer = Writer(self._wire, database, self._turns, clock or SystemClock())
        except BaseException:
            self._wire.close()
            raise

    def write(self, batch: BatchOfReadings) -> None:
        self._writer.write([batch])

    def write_many(self, batches: Sequence[BatchOfReadings]) -> None:
        self._writer.write(batches)

    def write_points(self, measurement: str, rows: Iterable[Point]) -> None:
        """See `PointSink`; what is refused is a fault here, for it is made by ourselves."""
        lines = iter(list(line_protocol.points(measurement, rows)))
        while part := list(islice(lines, LINES)):
            try:
                self._wire.post(part)
            except LinesRefused as refused:
                raise StoreFault(f"measurement {measurement!r}: {refused}") from refused

    def forget(self, meters: Collection[str]) -> None:
        """Call it after these were written by others than this store: they are looked up again."""
        self._writer.forget(meters)

    def latest(self, scope: Scope, meters: Collection[str] | None = None) -> list[Latest]:
        """Out of memory where this process is the only one that writes; what is past, from the engine."""
        ask, visible = self._wire.ask, scope.meters()
        if visible is not None:
            return influx_read.latest(ask, scope, meters)
        found = self._writer.latest(influx_read.meters(ask) if meters is None else meters)
        if found is None:
            return influx_read.latest(ask, scope, meters)
        return [each for meter in sorted(found) for each in found[meter]]

    def series(
        self,
        scope: Scope,
        meter: str,
        quantity: str,
        start: datetime,
        end: datetime,
        source: Source | None = None,
    ) -> Series:
        return influx_read.values(self._wire.ask, scope, meter, quantity, start, end, source)

    def columns(
        self, scope: Scope, meters: Sequence[str], quantities: Sequence[str], start: datetime, end: datetime
    ) -> list[Columns]:
        return influx_columns.columns(self._wire.ask, scope, meters, quantities, start, end)

    def newest_at(self, scope: Scope, meter: str) -> datetime | None:
        return influx_read.newest_at(self._wire.ask, scope, meter)

    def rows(self, scope: Scope) -> Iterator[Kept]:
        """Batches that this process writes meanwhile are seen whole or not; those of others perhaps half."""
        with self._writer.unseen.reading() as hidden:
            for kept in influx_read.rows(self._wire.ask, scope):
                if not hidden.hides((kept.meter, kept.at_ms, kept.source)):
                    yield kept

    def conflicts(self, scope: Scope) -> list[Kept]:
        with self._database.read() as connection:
            return beside.conflicts(connection, scope)

    def facts(self) -> StoreFacts:
        with self._database.read() as connection:
            quarantined = beside.count_quarantined(connection)
        fields = sum(1 for piece in self._wire.ask("SHOW FIELD KEYS") for _ in piece.values)
        series = self._series()
        return StoreFacts("influxdb", self._version, self._wire.address, series, fields, quarantined)

    def _series(self) -> int | None:
        """Estimated where the engine can, counted where it must, None where it does neither."""
        for statement in ("SHOW SERIES CARDINALITY", "SHOW SERIES EXACT CARDINALITY"):
            with suppress(StoreFault):
                return sum(int(row[0]) for piece in self._wire.ask(statement) for row in piece.values)
        return None

    def let_go(self, meters: Collection[str], start: datetime, end: datetime, expected: int) -> int:
        try:
            with self._turns.hold(set(meters)):
                return influx_let_go.delete(self._wire.ask, self._database, meters, start, end, expected)
        finally:
            self._writer.forget(meters)

    def close(self) -> None:
        self._turns.close()
        self._wire.close()


def _opened(wire: InfluxWire) -> str:
    try:
        return wire.check()
    except StoreFault as fault:
        raise Invalid(str(fault)) from fault


def _pieces(chunks: Iterable[bytes]) -> Iterator[Piece]:
    """One document a line; an answer that ends in the middle of one is a fault."""
    rest = b""
    for chunk in chunks:
        *whole, rest = (rest + chunk).split(b"\n")
        for line in whole:
            yield from _decoded(line)
    yield from _decoded(rest)


def _decoded(line: bytes) -> Iterator[Piece]:
    if not line.strip():
        return
    try:
        answer = _ANSWER.decode(line)
    except msgspec.DecodeError as error:
        raise StoreFault(f"InfluxDB's answer cannot be read: {error}") from error
    for result in answer.results:
        if error_text := result.error or answer.error:
            raise QuestionRefused(error_text)
        for series in result.series:
            yield Piece(series.tags, series.columns, series.values)
    if answer.error:
        raise QuestionRefused(answer.error)


def _message(answer: ApiException) -> str:
    """The server's own words, as one line."""
    told: Any = answer.body or answer.reason or ""
    with suppress(ValueError, TypeError):
        parsed = json.loads(told)
        told = parsed.get("message") or parsed.get("error") or told
    if isinstance(told, bytes):
        told = told.decode(errors="replace")
    return " ".join(str(told).split())[:500]


def _short(error: Exception) -> str:
    return " ".join(str(getattr(error, "reason", None) or error).split())[:200]
