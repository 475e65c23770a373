"""What a balance can come to, and why it came to nothing: fixed words, stored and shown as they stand."""

from enum import StrEnum


class State(StrEnum):
    NORMAL = "normal"
    HIGH = "high"
    NEGATIVE = "negative"
    NOT_COMPUTABLE = "not_computable"


class Reason(StrEnum):
    """Why a state is what it is; `NONE` of a normal balance."""

    NONE = ""
    NO_AREA_METER = "no_area_meter"
    """The registry knows no area meter (台区总表)."""
    AREA_METER_MISSING = "area_meter_missing"
    """It has no measured day."""
    NO_CUSTOMERS = "no_customers"
    SUPPLY_ZERO = "supply_zero"
    """Nothing was supplied, nothing used: there is no rate of nothing."""
    AREA_METER_STILL = "area_meter_still"
    """The area meter stands still while customers use energy."""
    METERS_MISSING = "meters_missing"
    """Days that were not measured leave open which side of a limit the loss is on."""
    OVER_LIMIT = "over_limit"
    """The rate is over the policy's limit, whatever the missing meters used."""
    OVER_BASELINE = "over_baseline"
    """Above this area's own technical loss by more than chance."""
    MORE_SOLD = "more_sold_than_supplied"
    SOME_AREAS = "some_areas_not_computable"
    """Of a feeder: part of its areas is not in the sum."""
    ARCHIVE_DAMAGED = "archive_damaged"
    """A file of the day cannot be read."""


STATES = tuple(State)
REASONS = tuple(Reason)
STATE_CODE = {state: code for code, state in enumerate(STATES)}
REASON_CODE = {reason: code for code, reason in enumerate(REASONS)}
"""Arrays hold these codes as int8; the words are stored."""
