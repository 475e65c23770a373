"""The service itself counts: what ingest stores is in the ledger at the job's next turn."""

from datetime import timedelta

from sqlalchemy import select

from cloud.app import Application
from cloud.metering.ledger.tables import meter_day_table
from cloud.metering.store import ms
from protocols.mqtt import messages, topics
from protocols.mqtt.messages import Readings
from protocols.readings import Reading, Source
from tests.cloud.conftest import NOW


def test_a_batch_that_was_stored_is_counted(application: Application) -> None:
    application.ledger.tick()  # it looks the store through once; from now on it relies on what it is told
    at = NOW - timedelta(hours=3)
    reading = Reading("M-1", ms(at), Source.POLLED, {"energy_import_wh": 5})
    message = Readings(gateway="gw-a01", epoch="late", seq=1, readings=[reading])
    application.ingest.take(topics.up("gw-a01", "readings"), messages.encode(message))
    before = received(application)
    application.ledger.tick()
    assert received(application) == before + 1


def received(application: Application) -> int:
    with application.database.read() as connection:
        table = meter_day_table.c
        mine = table.meter == "M-1", table.day == NOW.date()
        return int(connection.scalar(select(table.received).where(*mine)) or 0)
