"""The engine behind the readings, as the page of gateways tells of it."""

import logging

from cloud.metering.influx.facts import StoreFacts
from cloud.metering.store import StoreFault
from cloud.web.parts import Parts

log = logging.getLogger(__name__)


def engine(parts: Parts) -> StoreFacts | None:
    """None when it does not answer: the page itself needs no readings."""
    try:
        return parts.store.facts()
    except StoreFault as fault:
        log.warning("%s", fault)
        return None
