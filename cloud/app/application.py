"""The life of the service: its parts run, its jobs go, its pages answer."""

import logging
import threading

from pwdlib import PasswordHash

from cloud.app import face, jobs
from cloud.app.works import Works
from cloud.fleet import broker as brokers
from cloud.fleet.broker import BrokerAddress, TlsFiles
from cloud.fleet.broker_choice import choose
from cloud.fleet.intake import Intake
from cloud.fleet.link import Link
from cloud.fleet.session import Login
from cloud.insight.parts import warm
from cloud.kit.clock import Clock
from cloud.kit.db import sqlite_note
from cloud.kit.errors import Invalid
from cloud.metering.boards import EVERY as BOARDS_EVERY
from cloud.records import Records
from cloud.schedule import Job, Schedule
from cloud.settings import BrokerSettings, Settings, secret

log = logging.getLogger(__name__)


class Application(Works):
    """The parts in their order of life: `start` from the bottom up, `stop` from the top down."""

    def __init__(self, settings: Settings, clock: Clock, records: Records, hasher: PasswordHash) -> None:
        super().__init__(settings, clock, records, hasher)
        self._broker = choose(
            settings.broker.kind, settings.data_dir, settings.broker.host, settings.broker.port
        )
        self.schedule = Schedule(jobs.table(self), self.database, clock)
        self.api, self.asgi = face.faces(self, self.start, self.stop)

    def start(self) -> None:
        """Invalid or Conflict says in one line why a part cannot be started; then call `stop`."""
        log.info(sqlite_note())
        self._start_link()
        self.courier.start()
        threading.Thread(target=warm, name="warm kernels", daemon=True).start()
        self.schedule.start()

    def start_ingest(self) -> None:
        """Take readings in beside the service with pages and jobs; only its own notes are counted here."""
        own = [Job("collection (ingest)", jobs.COLLECTION_EVERY, self.ledger.merge)]
        if self.boards:
            own.append(Job("boards (ingest)", BOARDS_EVERY, self.boards.write_quarters))
        self.schedule = Schedule(own, self.database, self.clock)
        self._start_link()
        self.schedule.start()

    def _start_link(self) -> None:
        address, login = self._start_broker()
        taking = self.settings.ingest
        self.link = Link(
            address,
            login,
            Intake(self._take, taking.workers),
            self.clock,
            self._link_turned,
            shared=taking.shared,
        )
        self.link.start()

    def stop(self) -> None:
        """End every part; may be called whatever was started."""
        self.live.close()
        self.schedule.stop()
        self.courier.stop()
        if self.link is not None:
            self.link.stop()
            done = self.ingest.state
            log.info("took in %d batches, %d came again", done.batches, done.duplicates)
        if self._broker is not None:
            self._broker.stop()
        self._records.close()

    def _start_broker(self) -> tuple[BrokerAddress, Login]:
        if self._broker is None:
            return _external(self.settings.broker)
        password = brokers.cloud_secret(self.settings.data_dir)
        with self.database.read() as connection:
            users = brokers.users(connection, password)
        return self._broker.start(users), Login(password)


def _external(broker: BrokerSettings) -> tuple[BrokerAddress, Login]:
    if broker.password_file is None:
        raise Invalid("broker.password_file: an external broker needs the cloud's password, in a file")
    tls = None
    if broker.tls is not None:
        tls = TlsFiles(broker.tls.ca_file, broker.tls.cert_file, broker.tls.key_file)
    address = BrokerAddress(broker.host, broker.port, tls=tls)
    return address, Login(secret(broker.password_file), broker.username)
