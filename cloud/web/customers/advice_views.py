"""Advice as people read it: a sentence, the money, the formula, both bills line by line, what came of it."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Any

from cloud.tiers.advice import registry
from cloud.tiers.advice.store import AdviceRow, KindSum, RefusalRow, State
from cloud.web.customers import advice_words as say
from cloud.web.language import Words, mark

STATES = {
    State.OPEN: ("none", mark("not seen yet")),
    State.SEEN: ("none", mark("seen")),
    State.TAKEN: ("good", mark("taken up")),
    State.DECLINED: ("none", mark("not wanted")),
    State.EXPIRED: ("none", mark("no longer holds")),
    State.REPLACED: ("none", mark("replaced by newer")),
}


@dataclass(frozen=True, slots=True)
class LineView:
    """One line of both bills; empty where a bill has none."""

    name: str
    now: str
    now_amount: str
    then: str
    then_amount: str
    same: bool


@dataclass(frozen=True, slots=True)
class AdviceView:
    """`saving` CNY as text, empty without one; `span` of the months priced; `less` says both in round words;
    `step` what the customer does about it."""

    id: int
    account: str
    customer: str
    kind: str
    title: str
    sentence: str
    saving: str
    less: str
    span: str
    formula: str
    needs: list[str]
    step: str
    confidence: tuple[str, str]
    valid_until: str
    state: tuple[str, str]
    standing: bool
    lines: list[LineView]
    now_total: str
    then_total: str
    partial: bool
    why: str
    measured: str
    ended: str


@dataclass(frozen=True, slots=True)
class RefusalView:
    title: str
    why: str


@dataclass(frozen=True, slots=True)
class KindView:
    """One kind on the console: numbers by state, sums in whole CNY."""

    kind: str
    title: str
    standing: int
    saving: str
    taken: int
    declined: int
    refused: int


def own(rows: Sequence[AdviceRow], words: Words, now: datetime) -> list[AdviceView]:
    """What stands, without what another says better: the product that raises a power factor says its size."""
    said = {each.kind for each in rows}
    return [view(each, words, now) for each in rows if not registry.said_by(each.kind) & said]


def view(row: AdviceRow, words: Words, now: datetime) -> AdviceView:
    bills = row.bills or {}
    return AdviceView(
        id=row.id,
        account=row.account,
        customer=row.customer,
        kind=row.kind,
        title=say.title(row.kind, words),
        sentence=say.sentence(row.kind, row.evidence, words),
        saving="" if row.saving is None else money(row.saving, words),
        less=_less(row, words),
        span=_span(row, words),
        formula=row.formula,
        needs=say.needs(list(row.needs), words),
        step=say.step(row.kind, words),
        confidence=_marked(say.CONFIDENCE[row.confidence], words),
        valid_until=words.dated(row.valid_until),
        state=_marked(STATES[row.state], words),
        standing=row.state in (State.OPEN, State.SEEN),
        lines=_lines(bills, words) if bills else [],
        now_total=_total(bills, "now", words),
        then_total=_total(bills, "then", words),
        partial=bills.get("partial") is not None,
        why=row.why or "",
        measured=_measured(row, words),
        ended="" if row.ended_at is None else words.moment(row.ended_at, now),
    )


def refusals(rows: Iterable[RefusalRow], words: Words) -> list[RefusalView]:
    return [
        RefusalView(say.title(each.kind, words), say.why(each.reason, each.params, words)) for each in rows
    ]


def refused(rows: Iterable[RefusalRow], words: Words) -> list[RefusalView]:
    """For the customer: what has the same ground is said once."""
    found: dict[str, list[str]] = {}
    for each in refusals(rows, words):
        found.setdefault(each.why, []).append(each.title)
    return [RefusalView(words.listed(titles), why) for why, titles in found.items()]


def lacking(rows: Iterable[RefusalRow], words: Words, today: date) -> str:
    """How many whole months are there, how many it takes, and when they will be; empty if nothing lacks."""
    found = [each.params for each in rows if each.reason in ("few_months", "winter_only")]
    found = [each for each in found if each["need"] > each["have"]]
    if not found:
        return ""
    nearest = min(found, key=lambda each: each["need"] - each["have"])
    months = today.year * 12 + today.month - 1 + max(1, nearest["need"] - nearest["have"])
    return words.text(
        "Advice needs %(need)s whole months of your readings; there are %(have)s. Look again in %(month)s.",
        need=words.number(nearest["need"]),
        have=words.number(nearest["have"]),
        month=words.month(date(months // 12, months % 12 + 1, 1)),
    )


def kinds(sums: Sequence[KindSum], reasons: Sequence[tuple[str, str, int]], words: Words) -> list[KindView]:
    """In the order of what stands, the dearest first."""
    names = {each.kind for each in sums} | {kind for kind, _, _ in reasons}
    found = []
    for kind in names:
        mine = {each.state: each for each in sums if each.kind == kind}
        standing = [mine[state] for state in (State.OPEN, State.SEEN) if state in mine]
        saving = sum((each.saving for each in standing), Decimal(0))
        refused = sum(number for of, _, number in reasons if of == kind)
        view = KindView(
            kind,
            say.title(kind, words),
            sum(each.number for each in standing),
            money(saving, words) if saving else "",
            mine[State.TAKEN].number if State.TAKEN in mine else 0,
            mine[State.DECLINED].number if State.DECLINED in mine else 0,
            refused,
        )
        found.append((saving, view))
    return [each for _, each in sorted(found, key=lambda pair: (-pair[0], -pair[1].standing, pair[1].kind))]


def money(amount: Decimal, words: Words) -> str:
    return words.number(float(amount), 0 if abs(amount) >= 1000 else 2)


def _less(row: AdviceRow, words: Words) -> str:
    """The saving to the yuan, as a person would say it: both bills below have it to the cent."""
    if row.saving is None:
        return ""
    months = _months(row)
    about = words.number(float(row.saving))
    if months == 12:
        return words.text("about %(saving)s CNY a year less", saving=about)
    return words.many(
        "about %(saving)s CNY less in %(num)s month",
        "about %(saving)s CNY less in %(num)s months",
        months,
        saving=about,
    )


def _months(row: AdviceRow) -> int:
    """How many are priced; a year where nothing is."""
    if not row.bills:
        return 12
    first, last = (date.fromisoformat(row.bills[name]) for name in ("first", "last"))
    return (last.year - first.year) * 12 + last.month - first.month + 1


def _span(row: AdviceRow, words: Words) -> str:
    if not row.bills:
        return ""
    months = _months(row)
    if months == 12:
        return words.text("in a year")
    return words.many("in %(num)s month", "in %(num)s months", months)


def _lines(bills: Mapping[str, Any], words: Words) -> list[LineView]:
    """Both bills beside one another: lines of one kind and price in one row."""
    sides: dict[str, dict[tuple[str, str, str], list[Mapping[str, Any]]]] = {"now": {}, "then": {}}
    for side, found in sides.items():
        for each in bills[side]["lines"]:
            found.setdefault(_key(each), []).append(each)
    keys = list(dict.fromkeys([*sides["now"], *sides["then"]]))
    return [_line(key, sides["now"].get(key, []), sides["then"].get(key, []), words) for key in keys]


def _key(line: Mapping[str, Any]) -> tuple[str, str, str]:
    """Adjustments of all months are one row: each has its own cos φ and base."""
    return (line["kind"], "" if line["kind"] == "power_factor" else line["what"], line["unit"])


def _line(
    key: tuple[str, str, str],
    now: Sequence[Mapping[str, Any]],
    then: Sequence[Mapping[str, Any]],
    words: Words,
) -> LineView:
    kind, what, _ = key
    name = say.line(kind, what, words)
    one, other = _amount(now, words), _amount(then, words)
    return LineView(name, _quantity(now, words), one, _quantity(then, words), other, one == other)


def _amount(lines: Sequence[Mapping[str, Any]], words: Words) -> str:
    if not lines:
        return ""
    return words.number(float(sum((Decimal(each["amount"]) for each in lines), Decimal(0))), 2)


def _quantity(lines: Sequence[Mapping[str, Any]], words: Words) -> str:
    """How much at which price; of several prices the amount alone says enough."""
    if not lines or lines[0]["kind"] == "power_factor":
        return ""
    much = sum((Decimal(each["quantity"]) for each in lines), Decimal(0))
    prices = {each["price"] for each in lines}
    told = f"{words.number(float(much), 0 if much >= 100 else 1)} {lines[0]['unit']}"
    return f"{told} × {next(iter(prices))}" if len(prices) == 1 else told


def _total(bills: Mapping[str, Any], side: str, words: Words) -> str:
    return words.number(float(bills[side]["total"]), 2) if bills else ""


def _measured(row: AdviceRow, words: Words) -> str:
    found = row.measured
    if not found:
        return ""
    return words.many(
        "Measured over %(num)s month since: %(saving)s CNY saved.",
        "Measured over %(num)s months since: %(saving)s CNY saved.",
        found["months"],
        saving=words.number(float(found["saving"]), 2),
    )


def _marked(state: tuple[str, str], words: Words) -> tuple[str, str]:
    return state[0], words.text(state[1])
