"""Numbers as people write them: decimal point or comma, thousands, signs; missing is NaN, never 0."""

import math
import re
from collections.abc import Iterable
from enum import StrEnum


class Mark(StrEnum):
    """What stands before the tenths."""

    POINT = "point"
    COMMA = "comma"


MISSING = frozenset(
    {"", "-", "--", "—", "nan", "null", "none", "n/a", "na", "#n/a", "无", "缺", "缺失", "\\n"}
)
_SPACES = str.maketrans("", "", " \u00a0\u202f\u2009'’_")
_FIGURE = re.compile(r"^[+-]?(\d+(?:[.,]\d*)*|[.,]\d+)(?:[eE][+-]?\d+)?$")
_PLAIN = {
    Mark.POINT: re.compile(r"^-?[0-9]{1,12}(?:\.[0-9]+)?$"),
    Mark.COMMA: re.compile(r"^-?[0-9]{1,12}(?:,[0-9]+)?$"),
}
"""How nearly all of them are written, so that these cost little."""
_LARGEST = 1e15


def figure(text: str, decimal: Mark) -> float | None:
    """NaN for what is missing; None for what is no number."""
    if _PLAIN[decimal].match(text):
        return float(text.replace(",", "."))
    if text.lower() in MISSING:
        return math.nan
    bare = text.translate(_SPACES).replace("−", "-")
    if bare.endswith("-"):
        bare = "-" + bare[:-1]
    group, point = (",", ".") if decimal is Mark.POINT else (".", ",")
    if not _FIGURE.match(bare) or bare.count(point) > 1 or not _grouped(bare, group, point):
        return None
    value = float(bare.replace(group, "").replace(point, "."))
    return value if abs(value) < _LARGEST else None


def decimal_of(texts: Iterable[str]) -> tuple[Mark | None, bool]:
    """What the numbers prove, and whether anything was there to be proved. (None, True): it stays open."""
    votes: set[Mark] = set()
    is_open = False
    for text in texts:
        vote = _vote(text.translate(_SPACES).lstrip("+-−"))
        if isinstance(vote, Mark):
            votes.add(vote)
        is_open = is_open or vote == "open"
    if len(votes) == 1:
        return votes.pop(), False
    if votes:
        return None, True
    return (None, True) if is_open else (Mark.POINT, False)


def _vote(bare: str) -> Mark | str | None:
    if not _FIGURE.match(bare) or ("," not in bare and "." not in bare):
        return None
    last = max(bare.rfind(","), bare.rfind("."))
    mark, before, after = bare[last], bare[:last], bare[last + 1 :]
    here = Mark.COMMA if mark == "," else Mark.POINT
    other = Mark.POINT if here is Mark.COMMA else Mark.COMMA
    if mark in before:
        return other  # twice the same mark: groups of thousands
    if "," in before or "." in before:
        return here  # both marks: the last is the decimal one
    if len(after) != 3 or before in {"", "0"} or len(before) > 3:
        return here
    return None if mark == "." else "open"  # 1.234 is usually a decimal point, 1,234 is anybody's guess


def _grouped(bare: str, group: str, point: str) -> bool:
    whole = bare.lstrip("+-").split(point)[0]
    if group not in bare:
        return True
    parts = whole.split(group)
    return (
        group not in bare.partition(point)[2] and all(len(part) == 3 for part in parts[1:]) and bool(parts[0])
    )
