"""Where a station under proof keeps its readings and records, and what of it can be killed.

`sqlite` is the embedded default: both are files of the cloud itself. `influxdb` is what production has:
a real influxd and a real PostgreSQL, each a victim of its own.
"""

import shutil
import sqlite3
import tempfile
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, Protocol

import psycopg

from cloud.demo.station import Place
from tests.influx import Influxd, fresh
from tests.postgres import PostgresCluster
from tests.programs import free_port, require_program

Kind = Literal["sqlite", "influxdb"]
KINDS: tuple[Kind, ...] = ("sqlite", "influxdb")
DATABASE = "station"


class Killable(Protocol):
    def start(self) -> None: ...

    def kill(self) -> None: ...

    @property
    def running(self) -> bool: ...

    def told(self) -> str: ...


class Engines(Protocol):
    def prepare(self) -> None: ...

    def settings(self) -> str:
        """What stands in cloud.toml, before its first table."""
        ...

    def tables(self) -> str:
        """What stands in cloud.toml, as tables of its own."""
        ...

    def settled(self) -> int:
        """Batches in the cloud's book, read past every lock; 0 while nobody answers."""
        ...

    def victims(self) -> dict[str, Killable]: ...

    def stop(self) -> None: ...


@dataclass(slots=True)
class Files:
    """SQLite: killing the cloud kills them."""

    place: Place

    def prepare(self) -> None: ...

    def settings(self) -> str:
        return ""

    def tables(self) -> str:
        return ""

    def settled(self) -> int:
        path = self.place.cloud_data / "records.db"
        try:
            with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True, timeout=0.2)) as look:
                return int(look.execute("SELECT count(*) FROM batch").fetchone()[0])
        except sqlite3.Error:
            return 0

    def victims(self) -> dict[str, Killable]:
        return {}

    def stop(self) -> None: ...


class Servers:
    """PostgreSQL, which fsyncs, and InfluxDB, which does so by default."""

    def __init__(self, _: Place) -> None:
        # PostgreSQL runs as a user of its own, whom a test's folder does not let in
        self._folder = Path(tempfile.mkdtemp(prefix="wattpost-engines-"))
        self._folder.chmod(0o711)

    def prepare(self) -> None:
        for name in ("postgres", "influxd"):
            (self._folder / name).mkdir()
        self._postgres = PostgresCluster(self._folder / "postgres", fsync="on")
        with psycopg.connect(self._postgres.url("postgres"), autocommit=True) as admin:
            admin.execute(f"CREATE DATABASE {DATABASE}".encode())
        self._influxd = Influxd(self._folder / "influxd", require_program("influxd"), free_port)
        self._influx = fresh(self._influxd, self._folder)

    def settings(self) -> str:
        return f'database_url = "{self._postgres.url(DATABASE)}"\n'

    def tables(self) -> str:
        influx = self._influx
        return (
            f'[readings]\nkind = "influxdb"\n[readings.influxdb]\nurl = "{influx.url}"\n'
            f'org = "{influx.org}"\nbucket = "{influx.bucket}"\ntoken_file = "{influx.token_file}"\n'
        )

    def settled(self) -> int:
        try:
            with psycopg.connect(self._postgres.url(DATABASE), connect_timeout=1) as look:
                found = look.execute("SELECT count(*) FROM batch").fetchone()
        except psycopg.Error:
            return 0
        return int(found[0]) if found else 0

    def victims(self) -> dict[str, Killable]:
        return {"postgres": self._postgres, "influxd": self._influxd}

    def stop(self) -> None:
        self._influxd.stop()
        self._postgres.stop()
        shutil.rmtree(self._folder, ignore_errors=True)


MAKE: dict[Kind, Callable[[Place], Engines]] = {"sqlite": Files, "influxdb": Servers}
