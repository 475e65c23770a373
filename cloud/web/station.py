"""One picture of the whole station for all open consoles, made anew as often as its cost allows."""

import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Row

from cloud.alerts import store as alerts
from cloud.fleet import registry
from cloud.kit.scope import WHOLE_STATION
from cloud.web.overview import MeterNow, meters_now
from cloud.web.parts import Parts

CHEAP_S = 0.05
"""A picture made faster than this is never kept."""
KEPT_TIMES = 5
"""A dear one is kept for so many times what it cost, so that refreshing takes a sixth of a core at most."""


@dataclass(frozen=True, slots=True)
class Picture:
    """Every area and meter with its newest values, as of `at`."""

    at: datetime
    areas: Sequence[Row[Any]]
    meters: list[MeterNow]
    area_names: dict[str, str]


class Station:
    def __init__(self, parts: Parts) -> None:
        self._parts = parts
        self._lock = threading.Lock()
        self._kept: Picture | None = None
        self._until = 0.0

    def picture(self) -> Picture:
        """The newest picture; a second asker waits for the first one's instead of making another."""
        with self._lock:
            if self._kept is not None and time.monotonic() < self._until:
                return self._kept
            begun = time.monotonic()
            self._kept = self._make()
            cost = time.monotonic() - begun
            self._until = begun + cost * (1 + KEPT_TIMES) if cost > CHEAP_S else 0.0
            return self._kept

    def _make(self) -> Picture:
        now = self._parts.clock.now()
        with self._parts.database.read() as connection:
            areas = registry.areas(connection)
            rows = registry.meters(connection)
            silences = alerts.all_silences(connection)
        newest = self._parts.store.latest(WHOLE_STATION)
        limit_v = self._parts.supply.dark_below_v
        names = {area.id: area.name for area in areas}
        return Picture(now, areas, meters_now(rows, newest, silences, now, limit_v), names)
