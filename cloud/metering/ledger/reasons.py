"""The closed lists of the ledger: why a slot is not expected, why one is missing, and how a gap moves.

A reason that is not here cannot be given: what leaves the denominator is the same at every station.
"""

from enum import StrEnum

from cloud.kit.states import Machine


class Excluded(StrEnum):
    """Why slots of a meter in service are left out of the denominator; the first that fits is counted."""

    NOT_COMMISSIONED = "not_commissioned"
    DISCONNECTED = "disconnected"
    PLANNED_OUTAGE = "planned_outage"
    CONFIRMED_OUTAGE = "confirmed_outage"


class Cause(StrEnum):
    """What most likely kept a slot from being read; UNKNOWN is said as such and never guessed away."""

    DECLARED_DROP = "declared_drop"
    BROKER = "broker"
    GATEWAY = "gateway"
    LINE = "line"
    METER = "meter"
    CLOCK = "clock"
    UNKNOWN = "unknown"


class Freeze(StrEnum):
    """What became of a meter's daily freeze; NOT_DUE: the meter was not in service at that midnight."""

    ON_TIME = "on_time"
    LATE = "late"
    MISSING = "missing"
    PENDING = "pending"
    EXCLUDED = "excluded"
    NOT_DUE = "not_due"


class GapState(StrEnum):
    OPEN = "open"
    ORDERED = "ordered"
    REPAIRED = "repaired"
    NOT_REPAIRABLE = "not_repairable"
    EXCLUDED = "excluded"


class GapEvent(StrEnum):
    """HEARD: no slot is missing any more. FRUITLESS: the order ended, its values did not come; try again."""

    ORDER = "order"
    HEARD = "heard"
    FRUITLESS = "fruitless"
    GIVE_UP = "give_up"
    EXCLUDE = "exclude"
    INCLUDE = "include"


class Hopeless(StrEnum):
    """Why nobody asks for a gap any more."""

    NO_MEMORY = "no_memory"
    TOO_OLD = "too_old"
    METER_HAS_NONE = "meter_has_none"
    TRIES_SPENT = "tries_spent"


_S, _E = GapState, GapEvent
UNSETTLED = frozenset({_S.OPEN, _S.ORDERED})
TABLE: dict[tuple[GapState, GapEvent], GapState] = {
    (_S.OPEN, _E.ORDER): _S.ORDERED,
    (_S.OPEN, _E.HEARD): _S.REPAIRED,
    (_S.OPEN, _E.GIVE_UP): _S.NOT_REPAIRABLE,
    (_S.OPEN, _E.EXCLUDE): _S.EXCLUDED,
    (_S.ORDERED, _E.HEARD): _S.REPAIRED,
    (_S.ORDERED, _E.FRUITLESS): _S.OPEN,
    (_S.ORDERED, _E.GIVE_UP): _S.NOT_REPAIRABLE,
    (_S.ORDERED, _E.EXCLUDE): _S.EXCLUDED,
    # A reading may come when nobody hopes for it any more, and an exclusion may be taken back.
    (_S.NOT_REPAIRABLE, _E.HEARD): _S.REPAIRED,
    (_S.NOT_REPAIRABLE, _E.EXCLUDE): _S.EXCLUDED,
    (_S.EXCLUDED, _E.INCLUDE): _S.OPEN,
}


move = Machine("the gap", TABLE).move
