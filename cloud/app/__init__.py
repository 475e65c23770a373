"""Builds the service and hands every part what it needs: the only place that knows all of them."""

from pwdlib import PasswordHash

from cloud.app.application import Application
from cloud.kit.auth import DEAR
from cloud.kit.clock import Clock
from cloud.records import open_records
from cloud.settings import Settings, require_shared

__all__ = ["Application", "build"]


def build(settings: Settings, clock: Clock, hasher: PasswordHash = DEAR) -> Application:
    """Open everything, start nothing."""
    if settings.ingest.shared:
        require_shared(settings)
    records = open_records(settings)
    try:
        return Application(settings, clock, records, hasher)
    except BaseException:
        records.close()
        raise
