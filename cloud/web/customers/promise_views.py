"""The ledger of promises and what is promised to one account, turned into the words of a page."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from sqlalchemy import Row

from cloud.tiers.entitlements.rules import Entitlements, Granted
from cloud.tiers.entitlements.verdicts import Part, State
from cloud.web.customers import promise_words as named
from cloud.web.customers.axis_names import CREDITS
from cloud.web.language import NONE, Words

PLACES = ("city", "country", "remote")


@dataclass(frozen=True, slots=True)
class PromiseView:
    """`happened` in numbers, `sources` where these come from; `before`: what stood until it reopened."""

    account: str
    month: date
    part: str
    state: tuple[str, str]
    reason: str
    promised: str
    happened: str
    orders: Sequence[str]
    sources: str
    rule: str
    running: bool
    before: str


def row(found: Row[Any], words: Words, grounds: Mapping[str, str] | None = None) -> PromiseView:
    part = Part(found.part)
    sign, state = named.STATES[State(found.state)]
    stood = found.before
    return PromiseView(
        found.account,
        found.month,
        words.text(named.PARTS[part]),
        (sign, words.text(state)),
        words.text(named.REASONS[found.reason]) if found.reason else "",
        _PROMISED[part](found.promised, words),
        _happened(part, found.figures, words),
        found.figures.get("late", []),
        words.listed([words.text(named.SOURCES[each]) for each in dict.fromkeys(found.sources.values())]),
        named.rule(found.rule, words, grounds),
        found.closed_at is None,
        words.text(named.STATES[State(stood["state"])][1]) if stood else "",
    )


def _minutes(promised: Mapping[str, Any], words: Words) -> str:
    least = promised["minutes"]
    return NONE if least is None else words.text("within %(minutes)s min", minutes=words.number(least))


def _every(promised: Mapping[str, Any], words: Words) -> str:
    share, seconds = words.percent(promised["share"]), words.number(promised["interval_s"])
    return words.text("every %(seconds)s s, %(share)s of them", seconds=seconds, share=share)


def _reach(promised: Mapping[str, Any], words: Words) -> str:
    how = named.REACH[promised["reach"]]
    return words.text(how)


def _by(promised: Mapping[str, Any], words: Words) -> str:
    return words.text("by %(day)s", day=promised["by"])


def _months(promised: Mapping[str, Any], words: Words) -> str:
    return words.text("once in %(months)s months", months=words.number(promised["every_months"]))


def _limits(promised: Mapping[str, Any], words: Words) -> str:
    return words.listed([limit(name, values, words) for name, values in promised.items()])


def limit(name: str, values: Sequence[float], words: Words) -> str:
    """A limit in its own form: of a voltage two deviations, of a power factor cos φ, of a demand a share."""
    if name == "voltage":
        low, high = (words.number(100 * each, 0) for each in values)
        return words.text("voltage %(low)s %% … +%(high)s %%", low=low, high=high)
    if name == "power_factor":
        return words.text("power factor from %(value)s", value=words.number(values[0], 2))
    return words.text("demand up to %(share)s of the contract", share=words.percent(values[0]))


_PROMISED: Mapping[Part, Callable[[Mapping[str, Any], Words], str]] = {
    Part.ON_SITE: _minutes,
    Part.RESTORE: _minutes,
    Part.NOTICES: _reach,
    Part.INTERVAL: _every,
    Part.REPORT: _by,
    Part.ADVICE: _months,
    Part.CONTACT: _months,
    Part.LIMITS: _limits,
}


def _happened(part: Part, figures: Mapping[str, Any], words: Words) -> str:
    """The numbers of it; a dash where there are none."""
    if part in (Part.ON_SITE, Part.RESTORE):
        return _of_orders(figures, words)
    if part is Part.NOTICES:
        return _of_notices(figures, words)
    if part is Part.INTERVAL and "owed" in figures:
        share = words.number(100 * figures["kept_share"], 1)
        read, owed = words.number(figures["read"]), words.number(figures["owed"])
        return words.text("%(read)s of %(owed)s read (%(share)s%%)", read=read, owed=owed, share=share)
    if part is Part.LIMITS:
        return _of_limits(figures, words)
    last = figures.get("last")
    return NONE if last is None else words.text("last on %(day)s", day=last)


def _of_orders(figures: Mapping[str, Any], words: Words) -> str:
    if not figures["orders"] and not figures["open"]:
        return NONE
    done, of = words.number(figures["in_time"]), words.number(figures["orders"])
    said = words.text("%(done)s of %(of)s orders in time", done=done, of=of)
    if (longest := figures["longest_min"]) is None:
        return said
    return words.listed([said, words.text("the longest %(minutes)s min", minutes=words.number(longest))])


def _of_notices(figures: Mapping[str, Any], words: Words) -> str:
    if not figures["notices"]:
        return NONE
    sent, of = words.number(figures["pushed"]), words.number(figures["notices"])
    said = [words.text("%(sent)s of %(of)s notices pushed", sent=sent, of=of)]
    if figures["lost"]:
        said.append(words.text("%(count)s not delivered", count=words.number(figures["lost"])))
    return words.listed(said)


def _of_limits(figures: Mapping[str, Any], words: Words) -> str:
    if not figures["judged"] and not figures["unknown"]:
        return NONE
    judged, unknown = words.number(figures["judged"]), words.number(figures["unknown"])
    said = [words.text("%(judged)s verdicts, %(unknown)s days unknown", judged=judged, unknown=unknown)]
    for name, days in figures["passed"].items():
        what = words.text(named.LIMITS[name])
        said.append(words.text("%(what)s passed on %(days)s days", what=what, days=words.number(days)))
    for name, days in figures["untold"].items():
        what = words.text(named.LIMITS[name])
        said.append(words.text("%(what)s: not told on %(days)s days", what=what, days=words.number(days)))
    return words.listed(said)


def totals(found: Mapping[tuple[str, str], int]) -> list[tuple[Part, dict[State, int]]]:
    """By part how many promises are in each state; parts of which there are none are left out."""
    made = [(part, {state: found.get((part, state), 0) for state in named.STATES}) for part in named.PARTS]
    return [(part, states) for part, states in made if any(states.values())]


@dataclass(frozen=True, slots=True)
class TermView:
    name: str
    value: str
    why: str
    rule: str


def terms(found: Entitlements, words: Words) -> list[TermView]:
    """What is promised, term by term, with the rule that gave it and why that fitted."""
    made = []
    for name, text in named.TERMS.items():
        keys = [key for key in found.terms if key == name or key.startswith(f"{name}.")]
        keys = ["voltage_low", "voltage_high"] if name == "voltage" and "voltage_low" in found.terms else keys
        if keys:
            granted = [found.terms[key] for key in keys]
            made.append(TermView(words.text(text), _value(name, granted, words), *_why(granted, words)))
    return made


def _why(granted: Sequence[Granted], words: Words) -> tuple[str, str]:
    """The ground and the rule of what is better than everybody's; empty where nothing is."""
    own = [each for each in granted if each.rule not in named.EVERYBODYS]
    whys = dict.fromkeys(named.ground(each.when, words) for each in own)
    return words.listed(list(whys)), words.listed(list(dict.fromkeys(each.rule for each in own)))


def _value(name: str, granted: Sequence[Granted], words: Words) -> str:
    first = granted[0].value
    if name in ("on_site_min", "restore_min"):
        return " / ".join(words.number(each.value) for each in granted)
    if name == "voltage":
        low, high = (words.number(100 * each.value, 0) for each in granted)
        return f"{low} % … +{high} %"
    if name == "quiet":
        return "–".join(each.value.strftime("%H:%M") for each in granted)
    if name in _CHOICES:
        return words.text(_CHOICES[name][first])
    if first is True:
        return words.text("promised so")
    return words.number(float(first), 0 if float(first).is_integer() else 2)


_CHOICES: Mapping[str, Mapping[str, str]] = {
    "manager": named.MANAGERS,
    "reach": named.REACH,
    "instalment_credit": CREDITS,
}


@dataclass(frozen=True, slots=True)
class GatewayView:
    id: str
    state: tuple[str, str]
    detail: str
    version: int | None
    at: datetime


def gateway(found: Row[Any], words: Words) -> GatewayView:
    sign, state = named.OUTCOMES[found.state]
    detail = named.OUTCOME_DETAILS.get(found.detail)
    told = words.text(detail) if detail else found.detail
    return GatewayView(found.gateway, (sign, words.text(state)), told, found.version, found.at)
