"""The job that keeps the archive in step: closed days, days that changed, months that are over."""

import logging
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, timedelta

from cloud.metering.archive import due
from cloud.metering.archive.layout import month_of
from cloud.metering.archive.retention import Retention
from cloud.metering.archive.writer import Archive
from cloud.settings import ArchiveSettings, RetentionSettings

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Archived:
    days: int
    files: int
    rows: int
    months: int
    swept: int


class Nightly:
    """`keep_days` is how long the archive is kept, 0 for ever: what is older is not made again."""

    def __init__(self, archive: Archive, settings: ArchiveSettings, keep_days: int = 0) -> None:
        self._archive, self._settings, self._keep = archive, settings, timedelta(days=keep_days)

    def run(self) -> Archived:
        """Bring the archive up to date; what was done stays done when a later step fails."""
        if not self.days() and not self._archive.is_begun():
            return Archived(0, 0, 0, 0, 0)
        with self._archive.turn():
            days = self.days()
            written = [each for day in days for each in self._archive.archive_day(day)]
            months = self.compact()
            swept = self._archive.sweep()
        return Archived(len(days), len(written), sum(each.rows for each in written), months, swept)

    def days(self) -> list[date]:
        """Those that are over long enough and not in the archive as they are."""
        today = self._today()
        with self._archive.database.read() as connection:
            found = due.due(connection, today - timedelta(days=1 + self._settings.after_days))
        return [day for day in found if not self._keep or day >= today - self._keep]

    def compact(self, progress: Callable[[int], object] = lambda _: None) -> int:
        """Make months one file; how many area-months of a layer."""
        over = self._today() - timedelta(days=1 + self._settings.compact_after_days)
        months = [each for each in self._archive.uncompacted(over) if month_of(each[2])[1] <= over]
        for month in months:
            self._archive.compact_month(*month)
            progress(1)
        return len(months)

    def _today(self) -> date:
        return self._archive.clock.now().astimezone(self._archive.zone).date()


class Upkeep:
    """Both in one job, one after the other: what was archived now is proved and may go."""

    def __init__(self, archive: Archive, settings: ArchiveSettings, retention: RetentionSettings) -> None:
        self._nightly = Nightly(archive, settings, retention.archive_days)
        self._retention = Retention(archive, retention)

    def run(self) -> None:
        """Conflict: somebody else writes the archive. What had to stay is told in the log, day by day."""
        done = self._nightly.run()
        if done.days:
            log.info("archived: %s", done)
        forgotten = self._retention.run()
        for day, why in forgotten.kept.items():
            log.warning("raw readings of %s stay in the store: %s", day, why)
