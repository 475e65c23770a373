"""Counts in how many promised intervals a meter was read: where slots are too coarse to tell."""

from datetime import datetime

import numpy as np

from cloud.kit.scope import WHOLE_STATION
from cloud.metering.store import ReadingStore, ms
from protocols.readings import Source

REGISTER = "energy_import_wh"


def intervals_read(store: ReadingStore, meter: str, start: datetime, end: datetime, interval_s: int) -> int:
    """Of the whole intervals of `interval_s` from `start` to `end`, those with a reading in them."""
    found = store.series(WHOLE_STATION, meter, REGISTER, start, end, Source.POLLED)
    whole = (ms(end) - ms(start)) // (interval_s * 1000)
    number = (np.asarray(found.at_ms, dtype=np.int64) - ms(start)) // (interval_s * 1000)
    return int(np.unique(number[number < whole]).size)
