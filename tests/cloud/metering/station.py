"""A small station for ingest: two gateways, their meters, both databases, and what was published."""

from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

from cloud.fleet.registry import import_registry
from cloud.kit.db import Database, metadata
from cloud.metering.ingest import Callbacks, Ingest
from cloud.metering.sqlite.store import SqliteStore
from protocols.mqtt import messages, topics
from protocols.mqtt.messages import Readings, Stored
from protocols.readings import Reading, Source, Value
from tests.clocks import ManualClock

NOW = datetime(2026, 11, 23, 8, tzinfo=UTC)
NOW_MS = int(NOW.timestamp() * 1000)
METERS = {"gw-1": ("m11", "m12"), "gw-2": ("m21",)}


def registry(meters: dict[str, tuple[str, ...]] = METERS) -> dict[str, list[dict[str, object]]]:
    return {
        "area": [{"id": "a1", "name": "Area 1", "feeder": "f1"}],
        "gateway": [{"id": gateway, "name": gateway} for gateway in meters],
        "meter": [
            {
                "id": meter,
                "address": f"{number:012d}",
                "model": "dlt645-2007-3p",
                "area": "a1",
                "gateway": gateway,
                "line": "l1",
                "role": "customer",
            }
            for number, (gateway, meter) in enumerate(
                (gateway, meter) for gateway, hung in meters.items() for meter in hung
            )
        ],
    }


class Station:
    """`published` holds every Stored, in order."""

    def __init__(
        self,
        folder: Path,
        callbacks: Callbacks | None = None,
        kind: type[Ingest] = Ingest,
        database: Database | None = None,
    ) -> None:
        self.clock = ManualClock(NOW)
        self.database = database or Database(f"sqlite:///{folder / 'records.db'}")
        with self.database.write() as connection:
            metadata.create_all(connection)
            import_registry(connection, registry())
        self.store = SqliteStore(folder / "readings.db")
        self.published: list[Stored] = []
        self.ingest = kind(self.database, self.store, self.published.append, self.clock, callbacks)

    def close(self) -> None:
        self.store.close()
        self.database.close()

    def settled(self, gateway: str = "gw-1", epoch: str = "e1") -> set[int]:
        """Every seq ever told to be settled."""
        return {
            seq
            for stored in self.published
            if (stored.gateway, stored.epoch) == (gateway, epoch)
            for first, last in stored.settled
            for seq in range(first, last + 1)
        }


def reading(meter: str = "m11", minute: int = 0, **values: Value) -> Reading:
    return Reading(
        meter, NOW_MS + minute * 60_000, Source.POLLED, values or {"energy_import_wh": 1000 + minute}
    )


def payload(seq: int, *readings: Reading, gateway: str = "gw-1", epoch: str = "e1") -> bytes:
    rows = [messages.row(each) for each in readings or (reading(minute=seq % 1000),)]
    return messages.encode(Readings(gateway=gateway, epoch=epoch, seq=seq, readings=rows))


def send(station: Station, seqs: Sequence[int], gateway: str = "gw-1") -> None:
    for seq in seqs:
        station.ingest.take(topics.up(gateway, "readings"), payload(seq, gateway=gateway))
