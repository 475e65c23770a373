"""What promises, their terms and grounds are called on a page; words from the catalogues."""

from collections.abc import Mapping
from typing import Any

from cloud.web.language import Words, mark

CLASSES = {
    "large_industry": mark("large industry customers"),
    "business": mark("business customers"),
    "household": mark("household customers"),
    "farm": mark("farm customers"),
    "other": mark("other customers"),
}
GRADES = {
    "special": mark("important customer, special grade"),
    "first": mark("important customer, first grade"),
    "second": mark("important customer, second grade"),
    "temporary": mark("important customer for a time"),
}
NEEDS = {
    "continuity": mark("cannot do without supply"),
    "voltage": mark("sensitive to voltage"),
    "price": mark("minds the price"),
    "help": mark("needs help"),
    "channel": mark("asked for a channel of their own"),
}
PROTECTIONS = {"important": mark("protected as important"), "household": mark("protected household")}
CREDITS = {
    "good": mark("pays in time"),
    "watch": mark("pays late at times"),
    "risk": mark("owes money"),
    "unknown": mark("no bills known"),
}
_WORDS: Mapping[str, Mapping[str, str]] = {
    "class": CLASSES,
    "grade": GRADES,
    "need": NEEDS,
    "protection": PROTECTIONS,
    "credit": CREDITS,
}


def ground(when: Mapping[str, str], words: Words) -> str:
    """Why a rule fitted, axis by axis."""
    return words.listed([_met(axis, value, words) for axis, value in when.items()])


def _met(axis: str, value: str, words: Words) -> str:
    if axis == "value":
        return words.text("value tier %(tier)s", tier=value)
    known = _WORDS.get(axis, {}).get(value)
    return value if known is None else words.text(known)


def why_first(promised: Mapping[str, Any] | None, words: Words) -> str:
    """Why an order has its priority: to whom it is owed, and on what ground."""
    if promised is None:
        return ""
    return words.text(
        "account %(account)s: %(ground)s",
        account=promised["account"],
        ground=ground(promised.get("when", {}), words) or promised["rule"],
    )
