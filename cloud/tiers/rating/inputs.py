"""The inputs that rules may name: what each is, its unit, and whether a customer can move it."""

from dataclasses import dataclass
from enum import StrEnum


class CustomerClass(StrEnum):
    """The contract's classes that are rated; "other" is not."""

    LARGE_INDUSTRY = "large_industry"
    BUSINESS = "business"
    HOUSEHOLD = "household"
    FARM = "farm"


@dataclass(frozen=True, slots=True)
class Input:
    """`most` and `least` bound what is possible; `own` is what a customer can change by how they use or pay.

    A flag is 1 or 0; an unknown one is NaN, as a number is. `grain`: less than that is no change.
    """

    name: str
    unit: str
    own: bool = False
    least: float = 0.0
    most: float = float("inf")
    flag: bool = False
    grain: float = 0.0


_ALL = (
    Input("annual_kwh", "kWh", grain=1.0),
    Input("revenue", "CNY", grain=1.0),
    Input("growth", "1", least=-1.0, grain=0.01),
    Input("punctuality", "1", own=True, most=1.0, grain=1 / 12),
    Input("load_factor", "1", own=True, most=1.0, grain=0.01),
    Input("valley_share", "1", own=True, most=1.0, grain=0.01),
    Input("peak_share", "1", own=True, most=1.0, grain=0.01),
    Input("coincidence", "1", own=True, most=1.0, grain=0.01),
    Input("service_events", "times", grain=1.0),
    Input("hours_of_use", "h", own=True, most=8784.0, grain=1.0),
    Input("base_ratio", "1", own=True, grain=0.01),
    Input("season_ratio", "1", own=True, least=1.0, grain=0.1),
    Input("empty_share", "1", most=1.0, grain=0.01),
    Input("valley_shift", "1", own=True, least=-1.0, most=1.0, grain=0.01),
    Input("step", "step", least=1.0),
    Input("capacity_kva", "kVA"),
    Input("kilovolts", "kV"),
    Input("persons", "persons"),
    Input("pv_kwp", "kWp"),
    Input("round_the_clock", "1", most=1.0, flag=True),
)
INPUTS: dict[str, Input] = {each.name: each for each in _ALL}
"""Of the twelve months that end with the month judged, as far as they are known:

annual_kwh: energy of the known days, as of a year. revenue: bills, as of a year. growth: energy over that
of the same months a year before, minus 1. punctuality: share of bills that were paid by their day.
load_factor, valley_share (deep valley with it), peak_share (sharp with it), base_ratio (base over mean
load): means by energy. coincidence: share of the own highest load of a typical working day at the hours at
which the area peaked. service_events: calls a year that no fault of the supply caused. hours_of_use:
annual_kwh over the highest load. season_ratio: highest month over the mean one. empty_share: days without
use. valley_shift: valley share now less that of the year before. step: the highest household step reached.
"""
NAMES = tuple(INPUTS)
AT = {name: place for place, name in enumerate(NAMES)}
"""The column of each in a table of inputs."""
