"""The two stores of a station, opened together: for the service, or for one command while no service runs."""

from dataclasses import dataclass

from cloud.kit.db import Database
from cloud.kit.errors import Invalid
from cloud.metering.sqlite.store import SqliteStore
from cloud.metering.store import ReadingStore
from cloud.settings import Settings


@dataclass(frozen=True, slots=True)
class Records:
    """What every command that touches the data opens: it is refused while another process has it open."""

    database: Database
    store: ReadingStore

    def close(self) -> None:
        self.store.close()
        self.database.close()


def open_records(settings: Settings) -> Records:
    """The two stores of this station, brought to what this version needs."""
    if not settings.data_dir.is_dir():
        raise Invalid(f"folder {settings.data_dir} does not exist: run `wattpost cloud init` first")
    database = Database(settings.records_url)
    try:
        database.ping()
        database.migrate()
        return Records(database, store_of(settings, database))
    except BaseException:
        database.close()
        raise


def store_of(settings: Settings, database: Database) -> ReadingStore:
    """The store that the settings name; `database` is for what it keeps beside itself."""
    if settings.readings.kind == "sqlite":
        return SqliteStore(settings.data_dir / "readings.db")
    from cloud.metering.influx.store import InfluxStore  # half a second: only where there is one

    return InfluxStore(settings.readings.influxdb, database, shared=settings.ingest.shared)
