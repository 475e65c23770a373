"""Products as people read them: for one account with its money, for the station with how many they fit."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from sqlalchemy import Connection

from cloud.tariffs.documents import Words as Names
from cloud.tiers.advice import signups
from cloud.tiers.advice.fits import Counted, Fit, Verdict
from cloud.tiers.advice.product_documents import Kind, Product, Sentence
from cloud.tiers.advice.recommending import Recommending
from cloud.tiers.advice.signups import Signup
from cloud.web.customers.axis_names import CLASSES
from cloud.web.customers.product_words import KINDS, PLAIN, SHORT, why
from cloud.web.language import Words

MEASURES = ("kvar", "kW", "kWh", "kWp")


@dataclass(frozen=True, slots=True)
class OwnProduct:
    """`money` in one line, `why` it does not fit; `signed` when the customer signed up, `mays` they may."""

    id: str
    name: str
    about: str
    answers: str
    amount: str
    money: str
    payback: str
    why: str
    signed: str
    assumed: bool
    free: bool


@dataclass(frozen=True, slots=True)
class OwnProducts:
    """Of one account: what fits, and what does not and why; `quiet` names what nothing calls for."""

    account: str
    fitting: tuple[OwnProduct, ...]
    refused: tuple[OwnProduct, ...]
    quiet: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Listed:
    """A product on the console's list."""

    id: str
    name: str
    classes: str
    answers: str
    price: str
    life: str
    fits: int
    refused: str
    saving: str
    cost: str
    signed: int
    source: str
    assumed: bool


def own(
    connection: Connection, recommending: Recommending, account: str, words: Words, now: datetime
) -> OwnProducts:
    """What `portal/products_part.html` shows; the account must be the reader's own."""
    found, signed = recommending.of_account(connection, account), signups.of_account(connection, account)
    shown = [(each, _own(each, signed.get(each.product.id), words, now)) for each in found]
    return OwnProducts(
        account,
        tuple(one for each, one in shown if each.verdict is Verdict.FITS or one.signed),
        tuple(one for each, one in shown if each.verdict is Verdict.REFUSED and not one.signed),
        tuple(one.name for each, one in shown if _quiet(each) and not one.signed),
    )


def _quiet(fit: Fit) -> bool:
    """Worth naming: equipment that nothing calls for; a reminder that is not due is not missed."""
    return fit.verdict is Verdict.QUIET and fit.product.kind is Kind.EQUIPMENT


def listed(found: Sequence[Counted], signed: Mapping[str, int], words: Words) -> list[Listed]:
    """Those that fit most accounts first."""
    rows = [_listed(each, signed.get(each.product.id, 0), words) for each in found]
    return sorted(rows, key=lambda row: (-row.fits, row.id))


def in_language(text: Names | Sentence, words: Words) -> str:
    return text.zh_CN if words.language == "zh_CN" else text.en


def classes(names: Collection[str], words: Words) -> str:
    return words.listed([words.text(CLASSES[each]) for each in sorted(names)])


def price(product: Product, words: Words) -> str:
    if product.price is None:
        return words.text("free of charge")
    return words.text(
        "%(price)s CNY a %(unit)s",
        price=words.number(float(product.price), 2),
        unit=in_language(product.unit, words),
    )


def _own(fit: Fit, signed: Signup | None, words: Words, now: datetime) -> OwnProduct:
    product = fit.product
    return OwnProduct(
        id=product.id,
        name=in_language(product.name, words),
        about=in_language(product.about, words),
        answers=words.text(KINDS[product.answers]),
        amount=_amount(fit, words),
        money=_money(fit, words),
        payback=_payback(fit, words),
        why=why(fit.why, fit.params, words),
        signed=words.moment(signed.at, now) if signed else "",
        assumed=product.price is not None and not product.certain,
        free=product.price is None,
    )


def _amount(fit: Fit, words: Words) -> str:
    if fit.units is None or fit.product.kind is not Kind.EQUIPMENT:
        return ""
    digits = 0 if fit.units == fit.units.to_integral_value() else 1
    unit = in_language(fit.product.unit, words)
    many = "s" if words.language == "en" and fit.units != 1 and unit not in MEASURES else ""
    return f"{words.number(float(fit.units), digits)} {unit}{many}"


def _money(fit: Fit, words: Words) -> str:
    if fit.product.price is None:
        return words.text("free of charge")
    if fit.saving is None or fit.cost is None:
        return price(fit.product, words)
    return words.text(
        "saves %(saving)s CNY a year, costs %(cost)s CNY once",
        saving=_yuan(fit.saving, words),
        cost=_yuan(fit.cost, words),
    )


def _payback(fit: Fit, words: Words) -> str:
    if fit.payback is None:
        return ""
    years = max(fit.payback, Decimal("0.1"))
    return words.text("pays back in %(years)s years", years=words.number(float(years), 1))


def _listed(each: Counted, signed: int, words: Words) -> Listed:
    product = each.product
    paid = product.price is not None
    return Listed(
        id=product.id,
        name=in_language(product.name, words),
        classes=classes(product.for_.classes, words),
        answers=words.text(KINDS[product.answers]),
        price=price(product, words),
        life="" if product.life_years is None else words.number(product.life_years),
        fits=each.fits,
        refused=words.listed([_reason(why, count, words) for why, count in list(each.refused.items())[:3]]),
        saving=_yuan(each.saving, words) if paid and each.fits else "",
        cost=_yuan(each.cost, words) if paid and each.fits else "",
        signed=signed,
        source=product.source,
        assumed=paid and not product.certain,
    )


def _reason(reason: str, count: int, words: Words) -> str:
    name = SHORT.get(reason) or PLAIN.get(reason)
    said = words.text(name).rstrip("。.") if name else reason
    return f"{said} {words.number(count)}"


def _yuan(amount: Decimal, words: Words) -> str:
    return words.number(float(amount), 0 if amount >= 100 else 2)
