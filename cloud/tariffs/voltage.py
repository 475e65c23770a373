"""The levels a document is for, as notices write them: "1-10（20）千伏", "不满1千伏", "110千伏及以上"."""

import re
from decimal import Decimal

_NUMBER = r"(\d+(?:\.\d+)?)"
_BELOW = re.compile(rf"不满{_NUMBER}千伏")
_FROM = re.compile(rf"{_NUMBER}千伏及以上")
_SPAN = re.compile(rf"{_NUMBER}(?:[-–~至]{_NUMBER})?(?:[（(]{_NUMBER}[）)])?千伏")
_SAID = re.compile(rf"{_NUMBER}\s*(kv|v|千伏|伏)", re.IGNORECASE)


def kilovolts(text: str) -> Decimal:
    """Of "10 kV", "380 V", "10千伏". ValueError: neither."""
    found = _SAID.fullmatch(text.strip())
    if found is None:
        raise ValueError(f"{text!r} is no voltage like '10 kV' or '380 V'")
    number, unit = Decimal(found.group(1)), found.group(2).lower()
    return number / 1000 if unit in ("v", "伏") else number


def holds(levels: str, kv: Decimal) -> bool | None:
    """Whether a document of these levels is for that voltage; None where it does not say, or not so."""
    text = levels.replace(" ", "")
    if found := _BELOW.fullmatch(text):
        return kv < Decimal(found.group(1))
    if found := _FROM.fullmatch(text):
        return kv >= Decimal(found.group(1))
    if found := _SPAN.fullmatch(text):
        edges = [Decimal(each) for each in found.groups() if each is not None]
        return min(edges) <= kv <= max(edges)
    return None
