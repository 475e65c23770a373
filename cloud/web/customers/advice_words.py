"""What advice about tariffs says on a page: a sentence for each kind, needs, refusals, lines of bills."""

from collections.abc import Callable, Mapping
from datetime import date
from typing import Any

from cloud.web.customers import product_words
from cloud.web.language import Words, mark

KINDS: dict[str, str] = {
    "basic_charge": mark("Another basis for the basic charge"),
    "contracted_demand": mark("Another contracted demand"),
    "power_factor": mark("A better power factor"),
    "band_shift": mark("Use moved out of the dear hours"),
    "step_crossing": mark("A dearer step lies ahead"),
    "tou_choice": mark("Another plan for your hours"),
    "large_household": mark("Higher limits for a large household"),
    "shared_meter": mark("A meter of one's own, or a shared one"),
    **product_words.KINDS,
}
CONFIDENCE = {
    "high": ("good", mark("well founded")),
    "medium": ("none", mark("founded")),
    "low": ("warn", mark("depends on a condition")),
}
NEEDS: dict[str, str] = {
    "capacitor": mark("Capacitors of the right size: have a survey made."),
    "flexible_hours": mark("Only what may run at other hours without harm."),
    "household_register": mark("The household register must show so many persons."),
    "own_meter": mark("Each household needs a meter of its own."),
    **product_words.NEEDS,
}
_DESK = mark("Ask for it at the station's desk: nothing changes by itself.")
_SELF = mark("You do this yourself: there is nothing to apply for.")
STEPS: dict[str, str] = {
    **dict.fromkeys(
        ("basic_charge", "contracted_demand", "tou_choice", "large_household", "shared_meter"), _DESK
    ),
    **dict.fromkeys(("band_shift", "step_crossing"), _SELF),
}
"""What a customer does about it; of other kinds a product says so."""
REASONS: dict[str, str] = {
    "few_months": mark("too few months"),
    "winter_only": mark("winter alone"),
    "estimated": mark("too much estimated"),
    "components_missing": mark("purchase price missing"),
    "no_document": mark("no tariff document"),
    "market_price": mark("market price"),
    "capacity_pending": mark("capacity is about to change"),
    "basis_fixed": mark("basis is fixed"),
    "demand_unknown": mark("demand not known"),
    "reactive_unknown": mark("reactive energy not read"),
    "leading": mark("over-compensated"),
    "round_the_clock": mark("runs day and night"),
    "few_peers": mark("too few to compare with"),
    "several_points": mark("several points"),
    "unpriced": mark("could not be priced"),
    "consent_missing": mark("no consent"),
}
"""In a word or two, where refusals are counted."""
_WHY: dict[str, str] = {
    "winter_only": mark("Only winter months are known: they say nothing of a year."),
    "several_points": mark("The account has several points: their demands are never added up."),
}
BANDS = {
    "sharp": mark("sharp"),
    "peak": mark("peak"),
    "flat": mark("flat"),
    "valley": mark("valley"),
    "deep_valley": mark("deep valley"),
}
_BASIC = {
    "capacity": mark("Basic charge by capacity"),
    "demand": mark("Basic charge by demand"),
    "contract": mark("Basic charge by contracted demand"),
    "over": mark("Demand above the contract"),
}
BASES = {"capacity": mark("capacity"), "demand": mark("demand"), "contract": mark("contracted demand")}
Sentence = Callable[[Mapping[str, Any], Words], str]


def title(kind: str, words: Words) -> str:
    return words.text(KINDS[kind]) if kind in KINDS else kind


def sentence(kind: str, evidence: Mapping[str, Any], words: Words) -> str:
    """What was seen, in one sentence; empty for a kind that others describe."""
    told = _TOLD.get(kind) or product_words.SENTENCES.get(kind)
    return told(evidence, words) if told else ""


def step(kind: str, words: Words) -> str:
    """What the customer does about it; empty where a product says so."""
    return words.text(STEPS[kind]) if kind in STEPS else ""


def needs(codes: list[str], words: Words) -> list[str]:
    return [words.text(NEEDS[code]) for code in codes if code in NEEDS]


def reason(code: str, words: Words) -> str:
    if code in REASONS:
        return words.text(REASONS[code])
    said = product_words.SHORT.get(code) or product_words.PLAIN.get(code)
    return words.text(said).rstrip("。.") if said else code


def why(code: str, params: Mapping[str, Any], words: Words) -> str:
    """A refusal in one sentence."""
    if code in _WHY:
        return words.text(_WHY[code])
    if code == "capacity_pending":
        return words.text(
            "The capacity changes on %(day)s: wait for it.",
            day=words.dated(date.fromisoformat(str(params["on"]))),
        )
    if code == "basis_fixed":
        text = "The basis of the basic charge is fixed until %(day)s."
        return words.text(text, day=words.dated(date.fromisoformat(str(params["until"]))))
    if code == "demand_unknown":
        return words.text(
            "The highest demand of %(month)s was not measured.", month=_month(params["month"], words)
        )
    if code == "components_missing" and "month" in params:
        text = "The purchase price of %(month)s is not in the tariff document: the station has to add it."
        return words.text(text, month=_month(params["month"], words))
    return product_words.why(code, params, words) or reason(code, words)


def line(kind: str, what: str, words: Words) -> str:
    """A bill's line as people read it."""
    if kind == "energy":
        return words.text("Energy, %(band)s", band=words.text(BANDS.get(what, what)))
    if kind == "step":
        return words.text("Step %(step)s, added", step=what)
    if kind == "basic":
        return words.text(_BASIC.get(what, what))
    if kind == "surplus":
        return words.text("Surplus fed in")
    return words.text("Power-factor adjustment")


def _n(evidence: Mapping[str, Any], name: str, words: Words, digits: int = 0) -> str:
    value = evidence.get(name)
    return words.number(None if value is None else float(value), digits)


def _day(text: Any, words: Words) -> str:
    return words.day(date.fromisoformat(str(text)))


def _month(text: Any, words: Words) -> str:
    """Of "2026-09"."""
    return words.month(date.fromisoformat(f"{text}-01"))


def _base(basis: str, words: Words) -> str:
    return words.text(BASES[basis])


def _basis(evidence: Mapping[str, Any], words: Words) -> str:
    return words.text(
        "You pay the basic charge by %(basis)s. Your highest demand is %(least)s to %(most)s of the "
        "capacity; below %(limit)s demand is cheaper. In %(months)s months %(then)s would have been.",
        basis=_base(evidence["basis"], words),
        least=words.percent(float(evidence["ratio_least"])),
        most=words.percent(float(evidence["ratio_most"])),
        limit=words.percent(float(evidence["limit"])),
        months=_n(evidence, "better_months", words),
        then=_base(evidence["then"], words),
    )


def _contracted(evidence: Mapping[str, Any], words: Words) -> str:
    return words.text(
        "You contracted %(now)s kW. Over your months' demands (median %(median)s, highest %(most)s kW) "
        "%(then)s kW would have cost least.",
        now=_n(evidence, "contracted_kw", words),
        median=_n(evidence, "demand_median", words),
        most=_n(evidence, "demand_most", words),
        then=_n(evidence, "then_kw", words),
    )


def _cos(evidence: Mapping[str, Any], words: Words) -> str:
    return words.text(
        "cos φ was below the standard of %(standard)s in %(months)s months. From %(aim)s on the table gives "
        "its best; about %(kvar)s kvar at the mean load of the worst month.",
        standard=_n(evidence, "standard", words, 2),
        months=_n(evidence, "months_below", words),
        aim=_n(evidence, "aim", words, 2),
        kvar=_n(evidence, "kvar_at_mean_load", words),
    )


def _shift(evidence: Mapping[str, Any], words: Words) -> str:
    return words.text(
        "%(share)s of your energy lies in sharp and peak hours; of %(peers)s accounts like yours three "
        "quarters have at most %(p75)s. Reckoned with %(kwh)s kWh moved to the valley, at most %(bound)s "
        "of it.",
        share=words.percent(evidence["share"]),
        peers=_n(evidence, "peers", words),
        p75=words.percent(evidence["p75"]),
        kwh=_n(evidence, "moved_kwh", words),
        bound=words.percent(float(evidence["bound"])),
    )


def _crossing(evidence: Mapping[str, Any], words: Words) -> str:
    return words.text(
        "As you use it now, step %(step)s (above %(limit)s kWh) is reached about %(day)s; %(left)s kWh are "
        "left. About %(over)s kWh would then cost %(adder)s CNY more each.",
        step=evidence["step"],
        limit=_n(evidence, "limit_kwh", words),
        day=_day(evidence["crossing_on"], words),
        left=_n(evidence, "left_kwh", words),
        over=_n(evidence, "over_kwh", words),
        adder=evidence["adder"],
    )


def _tou(evidence: Mapping[str, Any], words: Words) -> str:
    text = (
        "%(share)s of your energy lies in valley hours: billed by the hour it would have cost less."
        if evidence["then"] != "plain"
        else "Only %(share)s of your energy lies in valley hours: at one price it would have cost less."
    )
    return words.text(text, share=words.percent(evidence["valley_share"]))


def _large(evidence: Mapping[str, Any], words: Words) -> str:
    return words.text(
        "Nobody told us how many you are. From %(persons)s persons on every limit is %(add)s kWh a month "
        "higher.",
        persons=evidence["persons"],
        add=_n(evidence, "add_kwh", words),
    )


def _shared(evidence: Mapping[str, Any], words: Words) -> str:
    if evidence["then"] == "shared":
        return words.text("A household of as many as yours may choose the price of shared meters.")
    return words.text("You pay the price of a shared meter; with one's own the steps would have cost less.")


_TOLD: dict[str, Sentence] = {
    "basic_charge": _basis,
    "contracted_demand": _contracted,
    "power_factor": _cos,
    "band_shift": _shift,
    "step_crossing": _crossing,
    "tou_choice": _tou,
    "large_household": _large,
    "shared_meter": _shared,
}
MARKED = (
    mark("%(share)s of your energy lies in valley hours: billed by the hour it would have cost less."),
    mark("Only %(share)s of your energy lies in valley hours: at one price it would have cost less."),
    mark("The basis of the basic charge is fixed until %(day)s."),
    mark("The purchase price of %(month)s is not in the tariff document: the station has to add it."),
)
"""Texts that are chosen above."""
