"""The service as it was on some day: its parts by a clock that stands where it is put, never started."""

import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path

from sqlalchemy import Connection

from cloud.app import Application, build
from cloud.customers import store as customers
from cloud.demo.station import Place
from cloud.insight.engine import engine_of
from cloud.insight.parts import Station, nightly_of
from cloud.kit.errors import CloudError
from cloud.settings import load


@dataclass(slots=True)
class Then:
    """A clock that stands where it is put."""

    at: datetime

    def now(self) -> datetime:
        return self.at


@dataclass(frozen=True, slots=True)
class Told:
    """Says each step to the person who waits, and keeps in the log why one was left out."""

    log: Path
    say: Callable[[str], object]

    @contextmanager
    def leaving_out(self, what: str) -> Iterator[None]:
        """What the station refuses to do of this is no fault of the demo's."""
        try:
            yield
        except CloudError as error:
            with self.log.open("a", encoding="utf-8") as log:
                log.write(f"left out: {what}: {error}\n")


@dataclass(frozen=True, slots=True)
class Days:
    """The service as it was on some day, never started: its parts alone."""

    app: Application
    clock: Then

    def at(self, day: date, hour: int = 9) -> None:
        zone = self.app.settings.station.zone
        self.clock.at = datetime.combine(day, time(hour), zone).astimezone(UTC)

    def night(self, nights: int) -> None:
        """The newest days that are archived, as the nightly job reckons them."""
        app, settings = self.app, self.app.settings
        station = Station(
            app.database,
            settings.archive.folder,
            settings.station.zone,
            settings.policies_dir,
            self.clock,
            engine_of(settings.analysis),
            _classes,
        )
        nightly_of(station, app.line_loss, timedelta(days=nights)).run()


def _classes(connection: Connection, at: datetime) -> dict[str, str]:
    return dict(customers.classes_of_points(connection, at))


@contextmanager
def days_of(place: Place, at: datetime) -> Iterator[Days]:
    clock = Then(at)
    logging.getLogger("cloud").setLevel(logging.ERROR)
    app = build(load(place.cloud_toml), clock)
    try:
        yield Days(app, clock)
    finally:
        app.stop()
