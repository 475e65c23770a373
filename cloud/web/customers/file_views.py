"""A customer's file as its page shows it: words for codes, shares as percent, money with its unit."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

from sqlalchemy import Connection

from cloud.desk import outs
from cloud.fleet import registry
from cloud.tariffs.catalogue import Catalogue
from cloud.tiers.axes import Axis
from cloud.tiers.entitlements import store as entitlements
from cloud.tiers.entitlements.store import Promises
from cloud.tiers.rating import locks
from cloud.tiers.rating.policy import Words as Names
from cloud.tiers.rating.store import Standing
from cloud.web.customers import advice_words, axis_names, promise_views, promise_words, standing_words
from cloud.web.customers.account_list import Listed, areas_of
from cloud.web.customers.axis_names import named, value_of
from cloud.web.customers.standing_words import shape as shape_said
from cloud.web.customers.tariff_names import plan_name, tariff_name
from cloud.web.language import Words
from cloud.web.load.quality import percent
from cloud.web.names import ALERTS

ORDER = ("class", "grade", "need", "shape", "value", "credit")
SHORT_MONTHS = 13
"""So many months of use are shown, a year and the same month of the year before."""


@dataclass(frozen=True, slots=True)
class Book:
    """What the policies say: the names of sub-tiers, as household.large_family, what is promised, and what
    tariffs and their plans are called."""

    subs: Mapping[str, Names]
    promises: Promises
    tariffs: Catalogue

    def sub(self, sub: str | None, words: Words) -> str | None:
        """What a sub-tier is called; one of an older policy by its id."""
        found = self.subs.get(sub or "")
        return sub if found is None else found.zh_CN if words.language == "zh_CN" else found.en

    def tariff(self, tariff: str, words: Words) -> str:
        return tariff_name(self.tariffs, tariff, words)

    def plan(self, tariff: str, plan: str, words: Words) -> str:
        return plan_name(self.tariffs, tariff, plan, words)


def row(each: Listed, areas: Mapping[str, str], book: Book, words: Words) -> dict[str, Any]:
    """One line of the list."""
    tiers = {axis.value: standing for axis, standing in each.tiers.items()}
    own = tiers.get("class")
    return {
        "no": each.no,
        "customer": each.customer,
        "name": each.name,
        "address": each.address,
        "class": named(axis_names.CLASSES, each.class_, words),
        "sub": book.sub(own.sub, words) if own else None,
        "area": areas.get(each.area, each.area) if each.area else None,
        "tariff": book.tariff(each.contract.tariff, words) if each.contract else None,
        "plan": book.plan(each.contract.tariff, each.contract.plan, words) if each.contract else None,
        "grade": _tier(tiers, "grade", words),
        "need": _tier(tiers, "need", words),
        "shape": shape_said(tiers["shape"].value, words) if "shape" in tiers else None,
        "value": _tier(tiers, "value", words),
        "credit": _tier(tiers, "credit", words),
        "credit_sign": sign_of(tiers["credit"].value) if "credit" in tiers else "none",
        "provisional": any(standing.provisional for standing in each.tiers.values()),
        "locked": any(standing.locked_until for standing in each.tiers.values()),
    }


def _tier(tiers: Mapping[str, Any], axis: str, words: Words) -> str | None:
    return value_of(axis, tiers[axis].value, words) if axis in tiers else None


def sign_of(credit: str) -> str:
    return {"good": "good", "watch": "warn", "risk": "bad"}.get(credit, "none")


def values(
    connection: Connection,
    found: outs.CustomerFile,
    account: str,
    book: Book,
    words: Words,
    now: datetime,
) -> dict[str, Any]:
    """What the page of one customer shows, with one of their accounts."""
    shown = next((each for each in found.accounts if each.no == account), None)
    if shown is None:
        return {**_common(found, words), "account": None}
    areas = areas_of(connection, [shown.no], now)
    granted = entitlements.of(connection, book.promises, shown.no, now)
    area = areas.get(shown.no)
    unpaid = [each for each in shown.bills if each.paid_on is None]
    standing = [each for each in locks.of_account(connection, shown.no) if each.ended_on is None]
    return {
        **_common(found, words),
        "account": shown,
        "class_name": named(axis_names.CLASSES, shown.customer_class, words),
        "area": area,
        "area_name": registry.area_names(connection, [area]).get(area, area) if area else None,
        "tiers": [_axis(axis, shown, book, words) for axis in ORDER],
        "locks": [
            (each, f"{named(axis_names.AXES, each.axis, words)} {value_of(each.axis, each.value, words)}")
            for each in standing
            if each.until > now.astimezone(words.zone).date()
        ],
        "contracts": [_contract(each, book, words) for each in reversed(shown.contracts)],
        "grades": [(each, named(axis_names.GRADES, each.grade, words)) for each in reversed(shown.grades)],
        "graded": [each for each in shown.grades if each.to_day is None],
        "needs": [(each, named(axis_names.NEEDS, each.need, words)) for each in shown.needs],
        "months": [_month(each, words) for each in shown.months[:SHORT_MONTHS]],
        "bills": shown.bills[:SHORT_MONTHS],
        "owed": sum((each.amount for each in unpaid), Decimal(0)),
        "overdue": sum((each.amount for each in unpaid if each.days_late), Decimal(0)),
        "history": [_decision(each, shown.customer_class, book, words) for each in shown.tier_history],
        "terms": [] if granted is None else promise_views.terms(granted, words),
        "promises": [
            (_part(part, words), _states(states, words)) for part, states in sorted(shown.promises.items())
        ],
        "advice": [
            {
                "row": each,
                "name": advice_words.title(each.kind, words),
                "said": advice_words.sentence(each.kind, each.evidence, words),
            }
            for each in shown.advice
            if each.state in ("open", "seen")
        ],
        "shapes": [(each.point, _shape(each, words)) for each in shown.shapes],
    }


def _common(found: outs.CustomerFile, words: Words) -> dict[str, Any]:
    standing = {each.purpose.value for each in found.consents if each.withdrawn_at is None}
    return {
        "file": found,
        "persons": [_person(each, words) for each in found.persons if each.ended_at is None],
        "consents": [(each, named(axis_names.PURPOSES, each.purpose, words)) for each in found.consents],
        "alerts": [(each, _alert(each.kind, words)) for each in found.alerts],
        "purposes": [
            each for each in axis_names.choices(axis_names.PURPOSES, words) if each[0] not in standing
        ],
        "roles": axis_names.choices(axis_names.ROLES, words),
        "reaches": axis_names.choices(axis_names.REACHES, words),
        "grade_choices": axis_names.choices(axis_names.GRADES, words),
        "need_choices": axis_names.choices(axis_names.NEEDS, words),
        "lock_choices": _lockable(words),
        "percent": lambda share, digits=0: percent(share, words, digits),
        "money": lambda amount: words.number(None if amount is None else float(amount), 2),
    }


def _lockable(words: Words) -> list[tuple[str, str]]:
    value, credit = (named(axis_names.AXES, axis, words) for axis in (Axis.VALUE, Axis.CREDIT))
    tiers = [
        (f"value:{key}", f"{value} {name}") for key, name in axis_names.choices(axis_names.VALUES, words)
    ]
    held = [(f"credit:{key}", f"{credit} · {n}") for key, n in axis_names.choices(axis_names.CREDITS, words)]
    return [each for each in (*tiers, *held) if each[0] not in ("value:unrated", "credit:unknown")]


def _alert(kind: str, words: Words) -> str:
    known = {key.value: text for key, text in ALERTS.items()}
    return named(known, kind, words)


def _part(part: str, words: Words) -> str:
    return named({key.value: text for key, text in promise_words.PARTS.items()}, part, words)


def _states(states: Mapping[str, int], words: Words) -> list[tuple[str, str, str]]:
    """(sign, word, months) of each state, the missed first."""
    return [
        (sign, words.text(word), words.number(states[state.value]))
        for state, (sign, word) in promise_words.STATES.items()
        if state.value in states
    ]


def _axis(axis: str, account: outs.AccountFile, book: Book, words: Words) -> dict[str, Any]:
    found = next((each for each in account.tiers if each.axis == axis), None)
    name = named(axis_names.AXES, axis, words)
    if found is None:
        lacking = ("value", "sub", "since", "provisional", "locked_until", "rule", "said", "moved", "sign")
        return {"axis": axis, "name": name, **dict.fromkeys(lacking)}
    standing = Standing(account.no, Axis(axis), **found.model_dump(exclude={"axis"}))
    shape = axis == Axis.SHAPE.value
    return {
        "axis": axis,
        "name": name,
        "value": shape_said(found.value, words) if shape else value_of(axis, found.value, words),
        "sub": book.sub(found.sub, words),
        "since": found.since,
        "provisional": found.provisional,
        "locked_until": found.locked_until,
        "rule": words.text("held by hand") if found.locked_until else found.rule,
        "said": standing_words.reasons(standing, book.subs, words),
        "moved": standing_words.change(standing, words),
        "sign": sign_of(found.value) if axis == Axis.CREDIT.value else None,
    }


def _shape(each: Any, words: Words) -> dict[str, Any]:
    said = None if each.name is None else shape_said(f"{each.name}-{each.number}", words)
    return {"said": said, "share": each.share}


def _contract(each: Any, book: Book, words: Words) -> dict[str, Any]:
    return {
        "row": each,
        "tariff": book.tariff(each.tariff, words),
        "plan": book.plan(each.tariff, each.plan, words),
        "basis": named(axis_names.BASES, each.basis, words) if each.basis else None,
        "source": named(axis_names.PRICE_SOURCES, each.price_source, words),
    }


def _person(each: Any, words: Words) -> dict[str, Any]:
    return {
        "row": each,
        "role": named(axis_names.ROLES, each.role, words),
        "reach": named(axis_names.REACHES, each.reach, words),
    }


def _month(each: Any, words: Words) -> dict[str, Any]:
    bands = each.kwh_by_band or {}
    return {
        "row": each,
        "bands": [
            (named(axis_names.BANDS, key, words), bands[key]) for key in axis_names.BANDS if key in bands
        ],
        "load_factor": each.indicators.get("load_factor"),
        "max_kw": each.indicators.get("max_kw"),
    }


def _decision(each: outs.DecisionOut, class_: str, book: Book, words: Words) -> dict[str, Any]:
    return {
        "month": each.month,
        "value": value_of("value", each.value, words),
        "credit": value_of("credit", each.credit, words),
        "shape": shape_said(each.shape, words) if each.shape else None,
        "sub": book.sub(f"{class_}.{each.sub}", words) if each.sub else None,
        "provisional": each.provisional,
        "rule": each.rule,
    }
