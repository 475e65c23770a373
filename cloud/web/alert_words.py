"""What an alert's evidence says in words: a limit with its figure, day and coverage; a curtailment list."""

from collections.abc import Mapping
from datetime import date
from typing import Any, Final

from sqlalchemy import Row

from cloud.alerts.limits import KINDS
from cloud.alerts.policy import AlertKind
from cloud.tiers.entitlements.limits import Limit
from cloud.web.language import Words, mark

LIMITS: Final = {kind: limit for limit, kind in KINDS.items()}
CONTRACTS: Final = {
    "contracted_kw": mark("of the contracted demand"),
    "capacity_kva": mark("of the capacity"),
}


def detail(row: Row[Any], words: Words) -> str:
    """One line; empty where the alert's title and place say all."""
    kind, evidence = AlertKind(row.kind), row.evidence
    if kind in LIMITS:
        return limit_figure(LIMITS[kind], evidence, words)
    if kind is not AlertKind.CURTAILMENT:
        return ""
    said = words.text(
        "%(first)s to %(last)s, %(accounts)s accounts, %(kw)s kW, by %(authority)s.",
        first=evidence["first"],
        last=evidence["last"],
        accounts=words.number(evidence["accounts"]),
        kw=evidence["kw"],
        authority=evidence["authority"],
    )
    if not evidence["contradictions"]:
        return said
    more = words.text(
        "Protected or important among them: %(count)s.", count=words.number(evidence["contradictions"])
    )
    return f"{said} {more}" if words.language == "en" else said + more


def limit_figure(limit: Limit, evidence: Mapping[str, Any], words: Words) -> str:
    """What was measured on a day against what is promised, and how much of the day was known."""
    value, bound = evidence["value"], evidence["limit"]
    day = words.day(date.fromisoformat(evidence["day"]))
    coverage = words.percent(evidence["coverage"])
    if limit is Limit.VOLTAGE:
        return words.text(
            "%(day)s: %(value)s %% off the nominal voltage, limit %(limit)s %%; beyond it %(share)s %% of "
            "the time (coverage %(coverage)s)",
            day=day,
            value=_signed(100 * value, words),
            limit=_signed(100 * bound, words),
            share=words.number(100 * evidence["beyond_share"], 1),
            coverage=coverage,
        )
    if limit is Limit.POWER_FACTOR:
        return words.text(
            "month to %(day)s: power factor %(value)s, limit %(limit)s (coverage %(coverage)s)",
            day=day,
            value=words.number(value, 2),
            limit=words.number(bound, 2),
            coverage=coverage,
        )
    contract = CONTRACTS[evidence["of"]]
    return words.text(
        "%(day)s: demand %(value)s %% %(of)s, limit %(limit)s %% (coverage %(coverage)s)",
        day=day,
        value=words.number(100 * value, 1),
        of=words.text(contract),
        limit=words.number(100 * bound),
        coverage=coverage,
    )


def _signed(value: float, words: Words) -> str:
    return ("+" if value > 0 else "") + words.number(value, 1)


def where(row: Row[Any]) -> tuple[str, str]:
    """(what is named, its page in the console) of an alert that is of no place."""
    kind = AlertKind(row.kind)
    if kind in LIMITS:
        account = str(row.evidence["account"])
        return account, f"/console/customers/promises/{account}"
    if kind is AlertKind.CURTAILMENT:
        return str(row.evidence["document_no"]), "/console/customers/response"
    return "", ""
