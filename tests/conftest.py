"""What every test may use: real programs, found or refused in one place."""

import os
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest

from cloud.kit.db import Database
from tests.certificates import Certificates
from tests.influx import NAMED, Influx, Influxd, Named, fresh
from tests.mosquitto import Mosquitto
from tests.peer_environments import peer_python
from tests.postgres import PostgresCluster
from tests.programs import free_port, require_program
from tests.scheduling import Together


def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Together | None:
    return Together(config, log) if config.getoption("dist") == "loadgroup" else None


@pytest.fixture(scope="session")
def postgres_cluster() -> Iterator[PostgresCluster]:
    with tempfile.TemporaryDirectory(prefix="wattpost-postgres-", ignore_cleanup_errors=True) as folder:
        cluster = PostgresCluster(Path(folder))
        yield cluster
        cluster.stop()


@pytest.fixture(scope="session")
def postgres_url(postgres_cluster: PostgresCluster) -> str:
    """The maintenance database of a real PostgreSQL."""
    return postgres_cluster.url("postgres")


@pytest.fixture(scope="session")
def empty_sqlite(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A migrated SQLite file, to be copied."""
    path = tmp_path_factory.mktemp("empty") / "records.db"
    migrated(f"sqlite:///{path}")
    return path


@pytest.fixture(scope="session")
def migrated_postgres(postgres_cluster: PostgresCluster) -> str:
    """A migrated PostgreSQL database, emptied after each test: making one takes ten times as long."""
    with psycopg.connect(postgres_cluster.url("postgres"), autocommit=True) as admin:
        admin.execute("CREATE DATABASE migrated")
    migrated(postgres_cluster.url("migrated"))
    return postgres_cluster.url("migrated")


def migrated(url: str) -> None:
    database = Database(url)
    database.migrate()
    database.close()


@pytest.fixture
def sqlite_url(empty_sqlite: Path, tmp_path: Path) -> str:
    """A migrated, empty SQLite database that nobody has open."""
    path = tmp_path / "records.db"
    shutil.copy(empty_sqlite, path)
    return f"sqlite:///{path}"


@pytest.fixture(params=["sqlite", "postgresql"])
def database_url(request: pytest.FixtureRequest) -> Iterator[str]:
    """A migrated, empty database that nobody has open; every test that takes it runs on both kinds."""
    if request.param == "sqlite":
        yield request.getfixturevalue("sqlite_url")
        return
    request.getfixturevalue("empty_postgres")
    yield request.getfixturevalue("migrated_postgres")


@pytest.fixture
def empty_postgres(migrated_postgres: str) -> Iterator[None]:
    """Whatever a test put into that database is gone after it."""
    yield
    _emptied(migrated_postgres)


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def standing_url(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """As `database_url`, for all tests of a module together: they leave nothing that another would notice."""
    if request.param == "sqlite":
        path = tmp_path_factory.mktemp("standing") / "records.db"
        shutil.copy(request.getfixturevalue("empty_sqlite"), path)
        yield f"sqlite:///{path}"
        return
    url = request.getfixturevalue("migrated_postgres")
    yield url
    _emptied(url)


def _emptied(url: str) -> None:
    with psycopg.connect(url, autocommit=True) as admin:
        _nobody_else_is_in(admin)
        tables = [row[0] for row in admin.execute(_TABLES)]
        admin.execute(f"TRUNCATE {', '.join(tables)} RESTART IDENTITY CASCADE".encode())


_TABLES = """
SELECT quote_ident(tablename) FROM pg_tables WHERE schemaname = 'public' AND tablename <> 'alembic_version'
"""
_OTHERS = """
SELECT count(*) FROM pg_stat_activity
WHERE datname = current_database() AND pid <> pg_backend_pid() AND backend_type = 'client backend'
"""


def _nobody_else_is_in(admin: psycopg.Connection[Any]) -> None:
    """A connection that a test left open is a leak; one that was just closed may take a moment to end."""
    deadline = time.monotonic() + 10
    while admin.execute(_OTHERS).fetchone() != (0,):
        assert time.monotonic() < deadline, "a connection to the database was left open"
        time.sleep(0.005)


@pytest.fixture
def database(database_url: str) -> Iterator[Database]:
    """A migrated, empty database; every test that takes it runs on both kinds."""
    made = Database(database_url)
    yield made
    made.close()


@pytest.fixture
def mosquitto(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Mosquitto]:
    """A real broker with the users gw-a01, gw-a02 and cloud, each in its place."""
    program, passwd = require_program("mosquitto"), require_program("mosquitto_passwd")
    folder = tmp_path_factory.mktemp("mosquitto")
    broker = Mosquitto(folder, program, passwd, free_port(), ("gw-a01", "gw-a02", "cloud"))
    yield broker
    broker.stop()


@pytest.fixture(scope="session")
def influx_engine() -> Iterator[Influxd | Named]:
    """A real influxd of our own, or the InfluxDB 2.x that WATTPOST_TEST_INFLUXDB_URL names."""
    if NAMED["URL"]:
        yield Named()
        return
    program = require_program("influxd")
    with tempfile.TemporaryDirectory(prefix="wattpost-influxd-", ignore_cleanup_errors=True) as folder:
        engine = Influxd(Path(folder), program, free_port)
        yield engine
        engine.stop()


@pytest.fixture
def influx(influx_engine: Influxd | Named, tmp_path: Path) -> Iterator[Influx]:
    """A fresh bucket of a real engine; `influx.settings()` is what a station has to say of it."""
    made = fresh(influx_engine, tmp_path)
    yield made
    made.engine.drop(made.bucket)


@pytest.fixture
def unused_port() -> int:
    """A loopback port nobody listens on."""
    return free_port()


@pytest.fixture(scope="session")
def openssl() -> Path:
    return require_program("openssl")


@pytest.fixture(scope="session")
def certificates(tmp_path_factory: pytest.TempPathFactory, openssl: Path) -> Certificates:
    """A CA of our own, and what it signed for 127.0.0.1 and for a gateway."""
    return Certificates(tmp_path_factory.mktemp("certificates"), openssl)


@pytest.fixture
def tls_mosquitto(tmp_path: Path, certificates: Certificates) -> Iterator[Mosquitto]:
    """A broker that speaks TLS only, and wants a certificate of our CA from everybody."""
    folder = tmp_path / "tls-mosquitto"
    folder.mkdir()
    program, passwd = require_program("mosquitto"), require_program("mosquitto_passwd")
    tls = (
        f"cafile {certificates.ca}\ncertfile {certificates.cert('127.0.0.1')}\n"
        f"keyfile {certificates.key('127.0.0.1')}\nrequire_certificate true\n"
    )
    broker = Mosquitto(folder, program, passwd, free_port(), ("gw-a01", "cloud"), more=tls)
    yield broker
    broker.stop()


@pytest.fixture(scope="session")
def dlt645_peer_python() -> Path:
    """The Python of an environment that holds the package dlt645 of PyPI, a DL/T 645 client and server."""
    try:
        return peer_python("dlt645")
    except subprocess.CalledProcessError as error:
        lacking = f"the peer dlt645 cannot be installed: {error.stderr.decode(errors='replace')[-300:]}"
        if os.environ.get("CI"):
            pytest.fail(lacking)
        pytest.skip(lacking)
