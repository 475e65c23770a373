"""The facts a product's fit may ask for, by name: one vocabulary for the files and for those who answer."""

from decimal import Decimal
from enum import StrEnum
from typing import Protocol

Answer = Decimal | bool


class Answers(Protocol):
    """What is known of one account by name; None: it is not known, which never counts as a yes."""

    def get(self, name: str, /) -> Answer | None: ...


class Sort(StrEnum):
    NUMBER = "number"
    FLAG = "flag"


NUMBERS = frozenset({
    "capacity_kva",  # as contracted
    "kwh_year",  # of the twelve months judged
    "max_kw",  # the highest quarter of an hour of these
    "base_kw",  # what never goes off: the months' median base load
    "base_share",  # base load over mean load
    "full_hours",  # hours a year at the highest load: kwh_year / max_kw
    "day_share",  # of the energy, 08:00 to 18:00
    "night_share",  # of the energy, 22:00 to 06:00
    "sharp_peak_share",  # of the energy, in bands above flat
    "ramp_share",  # the steepest quarter of an hour over the highest load
    "cos_hundredths",  # of the lowest month
    "cooling_share",  # of the energy, what hot days add
    "persons",  # of the household
    "pv_kwp",  # that stands already
    "kvar",  # that is lacking in the months judged
    "kwp",  # PV that the roof's owner may be told of
    "battery_kwh",  # that is emptied every working day
    "affected_kwh",  # a year, of what the product takes the place of
    "movable_kwh_day",  # that another hour would do as well for
})  # fmt: skip
FLAGS = frozenset({
    "two_part",  # pays a basic charge
    "by_hours",  # pays by bands
    "power_factor_judged",  # has a standard of cos φ
    "leading_at_night",  # gives reactive energy at night: compensated too much already
    "round_the_clock",  # declared, or base load above nine tenths of the mean
    "has_pv",
    "roof_consent",  # agreed to a survey for PV
    "area_strained",  # the transformer is, or is soon, near overload
    "important",  # on a list of important customers
    "needs_voltage",
    "needs_continuity",
})  # fmt: skip
NAMES = dict.fromkeys(sorted(NUMBERS), Sort.NUMBER) | dict.fromkeys(sorted(FLAGS), Sort.FLAG)
NEEDS = frozenset({"kvar", "kwp", "battery_kwh", "affected_kwh", "movable_kwh_day", "capacity_kva", "max_kw"})
"""The numbers that a product is sized by."""
