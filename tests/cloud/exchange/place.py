"""A small station on real stores for the tests of exchange: the village's meters, nothing read yet."""

from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np

from cloud.customers.intake.documents import import_customers
from cloud.exchange import intake
from cloud.exchange.choice import Kind, Target, period
from cloud.exchange.exporting import Asked, Exported, export
from cloud.exchange.formats import Content, Format
from cloud.exchange.gather import Origin
from cloud.exchange.planned import Plan
from cloud.exchange.said import Said
from cloud.fleet.registry import import_registry
from cloud.kit.db import Database
from cloud.kit.scope import WHOLE_STATION, Scope
from cloud.metering.sqlite.store import SqliteStore
from cloud.metering.store import BatchOfReadings, ReadingStore
from protocols.readings import Reading, Source
from tests.clocks import ManualClock
from tests.cloud.conftest import CUSTOMERS, REGISTRY

SHANGHAI = ZoneInfo("Asia/Shanghai")
VECTORS = Path(__file__).parents[2] / "vectors" / "intervals"
LATER = datetime(2026, 12, 1, tzinfo=UTC)


class Place:
    def __init__(self, database: Database, folder: Path, registry: dict[str, Any] = REGISTRY) -> None:
        self.folder = folder
        self.store: ReadingStore = SqliteStore(folder / "readings.db")
        self.origin = Origin(database, self.store)
        self.clock = ManualClock(LATER)
        self._seq = 0
        with database.write() as connection:
            import_registry(connection, registry)
            if registry is REGISTRY:
                import_customers(connection, CUSTOMERS)

    def read(
        self, meter: str, values: Iterable[tuple[datetime, int]], source: Source = Source.POLLED
    ) -> None:
        self._seq += 1
        readings = [
            Reading(meter, round(at.timestamp() * 1000), source, {"energy_import_wh": value})
            for at, value in values
        ]
        self.store.write(BatchOfReadings("gw-a01", "e", self._seq, readings))

    def bring_in(self, path: Path, said: Said | None = None) -> intake.Done:
        return intake.bring_in(self.origin, path, said or Said(SHANGHAI), self.clock, _silent)

    def plan(self, path: Path, said: Said | None = None) -> Plan:
        file, digest = intake.read(self.origin, path, said or Said(SHANGHAI))
        with self.origin.database.read() as connection:
            return intake.plan(connection, file, digest, self.clock.now())

    def registers(self, meter: str, quantity: str = "energy_import_wh") -> dict[int, int]:
        """Instant in ms → register."""
        whole = (datetime(2000, 1, 1, tzinfo=UTC), datetime(2100, 1, 1, tzinfo=UTC))
        found = self.store.series(WHOLE_STATION, meter, quantity, *whole)
        return dict(zip(found.at_ms, map(int, found.values), strict=True))

    def export(
        self,
        format: Format,  # noqa: A002
        first: str,
        last: str,
        content: Content | None = None,
        target: Target = Target(Kind.METER, "M-1"),  # noqa: B008
        scope: Scope = WHOLE_STATION,
        zone: ZoneInfo = SHANGHAI,
    ) -> tuple[Path, Exported]:
        days = period(datetime.fromisoformat(first).date(), datetime.fromisoformat(last).date(), zone)
        path = self.folder / f"out-{content or ''}-{first}-{target.id}.{format}"
        with path.open("wb") as file:
            asked = Asked(target, days, format, content, "示例供电所")
            done = export(self.origin, scope, asked, self.clock.now(), file)
        return path, done


def totals(registers: dict[int, int]) -> int:
    """What a register has counted; across a fall nothing is known."""
    rises = np.diff(np.array(list(registers.values())))
    return int(rises[rises > 0].sum())


class _Silent:
    def __enter__(self) -> Any:
        return lambda _: None

    def __exit__(self, *_: object) -> None:
        pass


def _silent(_: int) -> Any:
    return _Silent()
