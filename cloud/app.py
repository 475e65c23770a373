"""Builds the service and hands every part what it needs: the only place that knows all of them."""

import logging
from dataclasses import dataclass
from datetime import timedelta

from pwdlib import PasswordHash
from starlette.applications import Starlette

from cloud import asgi
from cloud.customers import store as customers
from cloud.fleet import api as fleet_api
from cloud.kit import access
from cloud.kit.auth import DEAR, Accounts, User
from cloud.kit.clock import Clock
from cloud.kit.db import Database, sqlite_note
from cloud.kit.errors import CloudError, Invalid
from cloud.kit.guard import Guard
from cloud.kit.scope import Scope
from cloud.metering import api as metering_api
from cloud.metering.store import ReadingStore
from cloud.metering.store_sqlite import SqliteStore
from cloud.schedule import Job, Schedule
from cloud.settings import Settings
from cloud.web.live import Broadcaster

log = logging.getLogger(__name__)


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
        return Records(database, SqliteStore(settings.data_dir / "readings.db"))
    except BaseException:
        database.close()
        raise


class Application:
    """The parts in their order of life: `start` from the bottom up, `stop` from the top down."""

    def __init__(self, settings: Settings, clock: Clock, records: Records, hasher: PasswordHash) -> None:
        self.settings = settings
        self.database, self.store = records.database, records.store
        self.accounts = Accounts(self.database, clock, settings.http.session_hours, hasher)
        self.guard = Guard(self.accounts, self._scope_of, settings.http.secure)
        self.live = Broadcaster()
        self._records = records
        self.schedule = Schedule(
            [Job("forget ended sessions", timedelta(hours=1), self.accounts.sweep)], self.database, clock
        )
        session_s = round(settings.http.session_hours * 3600)
        self.api = asgi.api(
            [
                access.router(self.accounts, self.guard, session_s),
                fleet_api.router(self.database, self.guard),
                metering_api.router(self.database, self.guard, self.store, clock),
            ],
            self.lacking,
        )
        self.asgi: Starlette = asgi.build(
            self.api, None, secure=settings.http.secure, start=self.start, stop=self.stop
        )

    def start(self) -> None:
        log.info(sqlite_note())
        self.schedule.start()

    def stop(self) -> None:
        self.live.close()
        self.schedule.stop()
        self._records.close()

    def lacking(self) -> list[str]:
        """The parts that do not work now, one line each."""
        try:
            self.database.ping()
        except CloudError as error:
            return [str(error)]
        return []

    def _scope_of(self, user: User) -> Scope:
        if user.customer is None:
            return Scope(())
        with self.database.read() as connection:
            return customers.scope_of(connection, user.customer)


def build(settings: Settings, clock: Clock, hasher: PasswordHash = DEAR) -> Application:
    """Open everything, start nothing."""
    records = open_records(settings)
    try:
        return Application(settings, clock, records, hasher)
    except BaseException:
        records.close()
        raise
