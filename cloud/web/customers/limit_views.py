"""The limits that an account is promised to be watched: each with its newest verdict, or why it has none."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any, Final

from sqlalchemy import Connection, Row

from cloud.tiers.entitlements.limits import TERMS, Kept, Limit
from cloud.tiers.entitlements.rules import Granted
from cloud.tiers.entitlements.watching import Watch, watches
from cloud.web.alert_words import limit_figure
from cloud.web.customers import promise_views
from cloud.web.customers.promise_words import LIMITS
from cloud.web.language import Words, mark

DAYS: Final = 31
"""A verdict that is older is not shown."""
REASONS: Final = {
    "few_data": mark("too little of it is known"),
    "not_measured": mark("the meter does not measure it"),
    "no_contract": mark("no capacity is written in the contract"),
    "estimated": mark("the highest value may be an estimate"),
    "slots_coarser": mark("it is read too seldom to say"),
    "several_points": mark("the demands of several meters cannot be added"),
    "young_month": mark("the month is still too young"),
    "nothing_used": mark("nothing was used"),
}
STATES: Final = {
    Kept.WITHIN: ("good", mark("within the limit")),
    Kept.PASSED: ("warn", mark("limit passed")),
    Kept.UNKNOWN: ("none", mark("no verdict")),
}


@dataclass(frozen=True, slots=True)
class LimitView:
    """`figure` of the newest day with a verdict; `why` the newest day of all has none."""

    name: str
    promised: str
    state: tuple[str, str]
    figure: str
    why: str


def limits(
    connection: Connection, account: str, terms: Mapping[str, Granted], today: date, words: Words
) -> list[LimitView]:
    """Of each limit that is promised."""
    found = watches(connection, today - timedelta(days=DAYS), [account])
    return [
        _view(limit, [float(terms[name].value) for name in names], found.get((account, limit)), words)
        for limit, names in TERMS.items()
        if set(names) <= terms.keys()
    ]


def _view(limit: Limit, promised: list[float], watch: Watch | None, words: Words) -> LimitView:
    newest = None if watch is None else watch.newest
    last = watch.days[0] if watch is not None else None
    sign, state = STATES[Kept.UNKNOWN if newest is None else Kept(newest.state)]
    why = REASONS.get(last.reason or "") if last is not None and last.state == Kept.UNKNOWN else None
    return LimitView(
        words.text(LIMITS[limit.value]),
        promise_views.limit(limit.value, promised, words),
        (sign, words.text(state)),
        "" if newest is None else limit_figure(limit, _evidence(newest), words),
        "" if why is None or last is None else _why(last, why, words),
    )


def _evidence(row: Row[Any]) -> dict[str, Any]:
    return {
        "day": row.day.isoformat(), "value": row.value, "limit": row.limit, "coverage": row.coverage,
        **row.evidence,
    }  # fmt: skip


def _why(row: Row[Any], why: str, words: Words) -> str:
    return words.text("%(day)s: %(why)s", day=words.day(row.day), why=words.text(why))
