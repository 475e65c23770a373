"""What a tariff, a bill's lines and how their prices came about are called: on pages and on a terminal."""

from decimal import Decimal

from cloud.tariffs.bill import plain
from cloud.tariffs.documents import Words as Names
from cloud.tariffs.formula import BasicPrice, Composed
from cloud.web.language import Words, mark

COMPONENTS = {
    "price": mark("price without funds"),
    "purchase": mark("purchase price"),
    "loss": mark("losses upstream"),
    "distribution": mark("transmission and distribution"),
    "system_operation": mark("system operation"),
    "funds": mark("funds"),
}
"""Of a kWh's price, as documents usually name them; others are shown as they are written."""
BASES = {
    "capacity": mark("per kVA of capacity"),
    "demand": mark("per kW of the month's highest demand"),
    "contract": mark("per kW contracted"),
    "over": mark("per kW above the contracted demand"),
}


WHAT_IF = {
    "class_differs": mark("that tariff is for another class than this account's"),
    "no_basis": mark("without its basic charge: the contract names no basis of it"),
}
"""What is remarked about another contract's price."""


def name(names: Names, words: Words) -> str:
    """Of a document or a plan."""
    return names.zh_CN if words.language == "zh_CN" else names.en


def component(key: str, words: Words) -> str:
    return words.text(COMPONENTS[key]) if key in COMPONENTS else key


def energy_formula(of: Composed, price: Decimal, words: Words) -> str:
    """How an energy price came about; where the notice prints it, that stands above what was reckoned."""
    floats = " + ".join(plain(each) for each in of.floating.values())
    if of.ratio != 1:
        floats = (
            f"({floats}) × {plain(of.ratio)}" if len(of.floating) > 1 else f"{floats} × {plain(of.ratio)}"
        )
    rest = [plain(each) for each in (*of.fixed.values(), *([of.funds] if of.funds else []))]
    said = " + ".join([floats, *rest])
    if of.published is None or of.published != price:
        return said
    if of.made.quantize(price) == price:
        return words.text("%(formula)s, as the notice prints it", formula=said)
    return words.text("as the notice prints it (%(formula)s = %(made)s)", formula=said, made=plain(of.made))


def composition(of: Composed, words: Words) -> str:
    """What the numbers of those formulas are."""
    floats = words.listed([_term(key, each, words) for key, each in of.floating.items()])
    fixed = [_term(key, each, words) for key, each in of.fixed.items()]
    fixed += [_term("funds", of.funds, words)] if of.funds else []
    if not fixed:
        return words.text("CNY/kWh: floating %(floats)s", floats=floats)
    return words.text(
        "CNY/kWh: floating %(floats)s; fixed %(fixed)s", floats=floats, fixed=words.listed(fixed)
    )


def _term(key: str, price: Decimal, words: Words) -> str:
    return f"{component(key, words)} {plain(price)}"


def basic_formula(what: str, of: BasicPrice, words: Words) -> str:
    """What is charged for each kVA or kW, and why so much."""
    found = [words.text(BASES[what])] if what in BASES else []
    factors = [plain(each) for each in (of.price, of.discount, of.over) if each is not None]
    if len(factors) > 1:
        found.append(" × ".join(factors))
    if of.discount is not None and of.used_kwh_per_kva is not None:
        used = words.number(float(of.used_kwh_per_kva), 1)
        found.append(words.text("%(used)s kWh of each kVA were used: discount", used=used))
    return words.listed(found)


def step_formula(limit_kwh: Decimal, cycle: str, words: Words) -> str:
    limit = words.number(float(limit_kwh))
    if cycle == "year":
        return words.text("what is above %(limit)s kWh of the year", limit=limit)
    return words.text("what is above %(limit)s kWh of the month", limit=limit)


def cos_formula(cos: str, standard: int, active: str, reactive: str, words: Words) -> str:
    return words.text(
        "cos φ %(cos)s of %(active)s kWh and %(reactive)s kvarh; standard %(standard)s; on energy and basic "
        "charge without funds",
        cos=cos, active=active, reactive=reactive, standard=f"{standard / 100:.2f}",
    )  # fmt: skip
