"""What a monthly energy report says where it cannot give a number, and what its revisions changed."""

from collections.abc import Mapping
from datetime import date
from typing import Any

from cloud.web.customers import advice_words
from cloud.web.language import NONE, Words, mark

AGAINST = {"month_before": mark("The month before"), "year_before": mark("The same month last year")}
KINDS = {"workday": mark("Workdays"), "day_off": mark("Days off")}
COMPARED = {
    "not_served": mark("Nothing served this account then."),
    "points_changed": mark("Other metering points served this account then: they are not compared."),
    "nothing_stored": mark("Nothing is stored of that month."),
    "nothing_used": mark("Nothing was used then: there is no share of nothing."),
}
ESTIMATED = {
    "no_contract": mark("No contract is known for this month."),
    "nothing_stored": mark("Nothing is stored of this month."),
    "market_price": mark("The price of the energy is agreed on the market and not known here."),
    "part_month": mark("The account was served a part of the month: its basic charge is not reckoned here."),
    "no_document": mark("No tariff document of the station holds in this month."),
    "unpriced": mark("It could not be priced."),
}
COS = {
    "no_standard": mark("The contract names no power factor."),
    "reactive_unknown": mark("The reactive energy is not read, or not whole."),
}
BASES = {
    "capacity": mark("by capacity"),
    "demand": mark("by demand"),
    "contract": mark("by contracted demand"),
}
CHANGES = {
    "kwh": mark("Energy, kWh"),
    "coverage": mark("Share of the slots that were read or estimated"),
    "estimated_share": mark("Share of the slots that is estimated"),
    "highest_day": mark("Highest day"),
    "peak_kw": mark("Highest demand, kW"),
    "bill": mark("Bill, CNY"),
    "bill_month_before": mark("Bill of the month before, CNY"),
    "bill_year_before": mark("Bill of the same month last year, CNY"),
    "estimate": mark("Priced here, CNY"),
    "cos": mark("Power factor, hundredths"),
    "month_before": mark("Against the month before"),
    "year_before": mark("Against the same month last year"),
    "promises_kept": mark("Promises kept"),
    "promises_missed": mark("Promises missed"),
    "outages": mark("Times without supply"),
    "orders": mark("Orders of your own"),
    "rules": mark("The rules by which it is made"),
    "details": mark("Details"),
}
_AGAINST = frozenset(AGAINST)
_SHARES = frozenset({"coverage", "estimated_share", "month_before", "year_before"})


def compared(code: str, params: Mapping[str, Any], words: Words) -> str:
    """Why two months are not compared."""
    if code == "few_days":
        return words.text(
            "Only %(have)s workdays are known well enough in both months; %(need)s are needed.",
            have=words.number(params["have"]),
            need=words.number(params["need"]),
        )
    return words.text(COMPARED[code])


def estimated(code: str, params: Mapping[str, Any], words: Words) -> str:
    """Why a month is not priced."""
    if code == "holes":
        return words.text(
            "Only %(share)s of the month was read: a price of it would be too low.",
            share=words.percent(params["coverage"]),
        )
    if code == "contract_changed":
        day = date.fromisoformat(params["day"])
        return words.text("The contract changed on %(day)s.", day=words.day(day))
    if code == "few_months":
        return words.text(
            "Steps run over a year, and of the year's days before only %(have)s of %(need)s are stored.",
            have=words.number(params["have"]),
            need=words.number(params["need"]),
        )
    return words.text(ESTIMATED[code]) if code in ESTIMATED else advice_words.why(code, params, words)


def changed(change: Mapping[str, Any], words: Words) -> str:
    """One difference from the revision before."""
    what = change["what"]
    name = words.text(CHANGES[what]) if what in CHANGES else what
    if what == "details":
        return name
    before, after = (_said(what, change[side], words) for side in ("before", "after"))
    return words.text("%(what)s: %(before)s before, %(after)s now", what=name, before=before, after=after)


def _said(what: str, value: Any, words: Words) -> str:
    if value is None:
        return NONE
    if what == "highest_day":
        return words.day(date.fromisoformat(value))
    if what in _SHARES:
        return signed(value, words) if what in _AGAINST else words.percent(value)
    number = float(value)
    return words.number(number, 0 if number.is_integer() else 2)


def signed(share: float, words: Words) -> str:
    """+4.2 %"""
    number = words.number(abs(100 * share), 1)
    sign = "−" if share < 0 else "+" if share > 0 else "±"
    return f"{sign}{number} %"
