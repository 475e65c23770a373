"""What is known of a meter's registers at an instant, out of the store of raw readings."""

from collections.abc import Collection
from datetime import datetime, timedelta

from cloud.kit.scope import WHOLE_STATION
from cloud.metering.fieldwork.rules import Known
from cloud.metering.store import ReadingStore, instant
from protocols.quantities import QUANTITIES, Kind
from protocols.readings import Source

LOOK_BACK = (timedelta(days=2), timedelta(days=62))
_TICK = timedelta(milliseconds=1)


def registers(store: ReadingStore, meter: str, quantities: Collection[str], at: datetime) -> dict[str, Known]:
    """The newest value of each register at or before `at`, as the meter showed it."""
    found = {
        each.quantity: Known(instant(each.at_ms), int(each.value))
        for each in store.latest(WHOLE_STATION, [meter])
        if each.quantity in quantities and _is_register(each.quantity)
    }
    for quantity, known in list(found.items()):
        if known.at > at:
            before = _before(store, meter, quantity, at)
            del found[quantity]
            if before is not None:
                found[quantity] = before
    return found


def heard(store: ReadingStore, meter: str) -> dict[str, Known]:
    """The newest value of each register that the meter itself told, and nobody wrote down."""
    return {
        each.quantity: Known(instant(each.at_ms), int(each.value))
        for each in store.latest(WHOLE_STATION, [meter])
        if _is_register(each.quantity) and each.source is not Source.FIELD
    }


def _before(store: ReadingStore, meter: str, quantity: str, at: datetime) -> Known | None:
    for back in LOOK_BACK:
        series = store.series(WHOLE_STATION, meter, quantity, at - back, at + _TICK)
        if len(series):
            return Known(instant(series.at_ms[-1]), int(series.values[-1]))
    return None


def _is_register(quantity: str) -> bool:
    return QUANTITIES[quantity].kind is Kind.COUNTER
