"""What `wattpost cloud tariff price` is told of capacity, demand, power factor; the useless is refused."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date
from decimal import Decimal, InvalidOperation
from enum import StrEnum
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from cloud.tariffs.documents import Plan, Tariff
    from cloud.tariffs.usage import Part, Supply


class By(StrEnum):
    CAPACITY = "capacity"
    DEMAND = "demand"
    CONTRACT = "contract"


@dataclass(frozen=True, slots=True)
class Told:
    """As they stand on the command line."""

    basis: By | None = None
    capacity: str | None = None
    demand: Sequence[str] = ()
    contracted: str | None = None
    share: str | None = None
    reactive: Sequence[str] = ()
    cos: str | None = None
    standard: str | None = None
    surplus: Sequence[str] = ()
    voltage: str | None = None
    before: str | None = None
    persons: int | None = None
    moved_in: str | None = None

    @property
    def basic(self) -> dict[str, Any]:
        return _given(
            {
                "--basis": self.basis,
                "--capacity": self.capacity,
                "--demand": self.demand,
                "--contracted": self.contracted,
                "--share": self.share,
            }
        )

    @property
    def factor(self) -> dict[str, Any]:
        return _given({"--reactive": self.reactive, "--power-factor": self.cos, "--standard": self.standard})


@dataclass(slots=True)
class Months:
    """What a price needs of each month of the use, by its first day; `measured` kW out of a load curve."""

    kwh: dict[date, Decimal]
    measured: Mapping[date, Decimal] = field(default_factory=dict)


def months_of(parts: "Sequence[Part]") -> Months:
    found: dict[date, Decimal] = {}
    for part in parts:
        month = part.first.replace(day=1)
        found[month] = found.get(month, Decimal(0)) + part.total_kwh
    return Months(found)


def refuse_useless(told: Told, tariff: "Tariff", plan: "Plan") -> None:
    """One message for all options that this tariff or plan has no use for. Invalid."""
    from cloud.kit.errors import Invalid

    found = list(_useless(told, tariff, plan))
    if found:
        why = "; ".join(f"{', '.join(options)}: {reason}" for options, reason in found)
        raise Invalid(f"{tariff.id}, plan {plan.id}: {why}: leave them out, or take another tariff")
    if told.voltage is not None:
        _voltage(told.voltage, tariff, plan)


def _useless(told: Told, tariff: "Tariff", plan: "Plan") -> "list[tuple[list[str], str]]":
    found: list[tuple[list[str], str]] = []
    steps = tariff.steps if plan.steps else None
    if told.basic and tariff.two_part is None:
        found.append((list(told.basic), "it has no two-part terms, there is no basic charge on it"))
    if told.factor and tariff.class_ == "household":
        found.append((list(told.factor), "a household has no power-factor adjustment"))
    if told.voltage is not None and not (plan.voltage or tariff.voltage):
        found.append((["--voltage"], "its document names no voltage, all have one price"))
    if told.surplus and not tariff.surplus:
        found.append((["--surplus"], "its document has no price of it, add [[surplus]]"))
    if told.before is not None and steps is None:
        found.append((["--before"], "there are no steps"))
    if told.persons is not None and (steps is None or steps.large_household is None):
        found.append((["--persons"], "it has no higher limits for large households"))
    if told.moved_in is not None and (steps is None or steps.cycle != "year"):
        found.append((["--moved-in"], "there are no steps of a year"))
    return found


def _voltage(text: str, tariff: "Tariff", plan: "Plan") -> None:
    from cloud.kit.errors import Invalid
    from cloud.tariffs import voltage

    try:
        kv = voltage.kilovolts(text)
    except ValueError as error:
        raise Invalid(f"--voltage: {error}") from None
    its = plan.voltage or tariff.voltage
    if voltage.holds(its, kv) is not False:
        return
    fitting = [each.id for each in tariff.plans if voltage.holds(each.voltage or tariff.voltage, kv)]
    other = f"take plan {' or '.join(fitting)}" if fitting else f"{text} needs a document of its own"
    raise Invalid(f"--voltage: {tariff.id}, plan {plan.id}, is for {its}: {other}")


def supplies(told: Told, months: Months) -> "dict[date, Supply]":
    """By month; none where nothing of it was said. Invalid names the option that is lacking or too much."""
    if not told.basic and not told.factor:
        return {}
    found = dict.fromkeys(months.kwh, _basic(told))
    found = _with_demand(told, months, found)
    return _with_factor(told, months, found)


def fed_in(told: Told, months: Months) -> dict[date, Decimal]:
    """kWh of own PV by month."""
    return by_month("--surplus", told.surplus, list(months.kwh), sums=True)


def _basic(told: Told) -> "Supply":
    from cloud.kit.errors import Invalid
    from cloud.tariffs.two_part import Basis
    from cloud.tariffs.usage import Supply

    if not told.basic:
        return Supply()
    basis = told.basis or (By.CONTRACT if told.contracted else By.DEMAND if told.demand else By.CAPACITY)
    if told.capacity is None:
        raise Invalid("--capacity: a basic charge needs the capacity in kVA")
    if basis is By.CONTRACT and told.contracted is None:
        raise Invalid("--contracted: the basis contract needs the contracted demand in kW")
    if basis is not By.CONTRACT and told.contracted is not None:
        raise Invalid(f"--contracted: has no use with --basis {basis}")
    if basis is By.CAPACITY and told.demand:
        raise Invalid("--demand: has no use with --basis capacity")
    share = number("--share", told.share or "1", "a share like 0.5")
    if not 0 < share <= 1:
        raise Invalid(f"--share: {share} is no part of a month: above 0, at most 1")
    capacity = positive("--capacity", told.capacity, "kVA")
    contracted = None if told.contracted is None else positive("--contracted", told.contracted, "kW")
    return Supply(Basis(basis.value), capacity, None, contracted, share)


def _with_demand(told: Told, months: Months, found: "dict[date, Supply]") -> "dict[date, Supply]":
    """As it was told, else as the load curve says it."""
    from cloud.kit.errors import Invalid

    first = next(iter(found.values()))
    if first.basis is None or first.basis == By.CAPACITY.value:
        return found
    said = by_month("--demand", told.demand, list(found), sums=False) or dict(months.measured)
    if lacking := [f"{month:%Y-%m}" for month in found if month not in said]:
        raise Invalid(f"--demand: {', '.join(lacking)}: say the month's highest demand in kW")
    return {month: replace(each, demand_kw=said[month]) for month, each in found.items()}


def _with_factor(told: Told, months: Months, found: "dict[date, Supply]") -> "dict[date, Supply]":
    from cloud.kit.errors import Invalid

    if not told.factor:
        return found
    if told.standard is None:
        raise Invalid(
            "--standard: say 0.90 (high-voltage industry above 160 kVA), 0.85 (other industry, business and "
            "irrigation from 100 kVA) or 0.80 (farming from 100 kVA, resale)"
        )
    standard = _standard(told.standard)
    if bool(told.reactive) == (told.cos is not None):
        raise Invalid("--standard: give either --reactive (kvarh of the month) or --power-factor with it")
    if told.cos is not None:
        kvarh = {month: _reactive(told.cos, kwh) for month, kwh in months.kwh.items()}
    else:
        kvarh = by_month("--reactive", told.reactive, list(found), sums=True)
    return {
        month: replace(each, standard=standard, reactive_kvarh=kvarh.get(month))
        for month, each in found.items()
    }


def _standard(text: str) -> Any:
    from cloud.kit.errors import Invalid
    from cloud.tariffs.power_factor import Standard

    known = {
        form: each for each in Standard for form in (f"{each / 100:.2f}", f"{each / 100:g}", str(int(each)))
    }
    if text not in known:
        raise Invalid(f"--standard: {text!r}: there are 0.90, 0.85 and 0.80")
    return known[text]


def _reactive(text: str, kwh: Decimal) -> Decimal:
    """kvarh that give exactly that cos φ, which the tables know in hundredths."""
    from cloud.kit.errors import Invalid

    cos = number("--power-factor", text, "a number like 0.91")
    if not 0 < cos <= 1 or cos != round(cos, 2):
        raise Invalid(f"--power-factor: {text}: above 0, at most 1, in hundredths")
    return kwh * (1 / cos**2 - 1).sqrt()


def by_month(option: str, given: Sequence[str], months: Sequence[date], *, sums: bool) -> dict[date, Decimal]:
    """Of "480" or "2026-01=480". `sums`: a number without its month is refused where there are several."""
    from cloud.kit.errors import Invalid

    found: dict[date, Decimal] = {}
    for each in given:
        name, sign, text = each.rpartition("=")
        value = number(option, text, "a number like 480, or 2026-01=480")
        if not sign:
            if len(given) > 1 or (sums and len(months) > 1):
                raise Invalid(
                    f"{option}: {each}: of several months each by itself, as {months[0]:%Y-%m}={each}"
                )
            return dict.fromkeys(months, value)
        month = _month(option, name)
        if month not in months or month in found:
            why = "is there twice" if month in found else "is none of the months that are priced"
            raise Invalid(f"{option}: {name} {why}")
        found[month] = value
    return found


def _month(option: str, text: str) -> date:
    from cloud.kit.errors import Invalid

    try:
        return date.fromisoformat(f"{text}-01")
    except ValueError:
        raise Invalid(f"{option}: {text!r} is no month like 2026-01") from None


def number(option: str, text: str, like: str) -> Decimal:
    """A number from 0 on, of six digits after the point at most. Invalid."""
    from cloud.kit.errors import Invalid

    try:
        found = Decimal(text)
    except InvalidOperation:
        raise Invalid(f"{option}: {text!r} is no {like.removeprefix('a ')}") from None
    if not found.is_finite() or not 0 <= found <= 10**9 or found != round(found, 6):
        raise Invalid(f"{option}: {text} is no {like.removeprefix('a ')}")
    return found


def positive(option: str, text: str, unit: str) -> Decimal:
    from cloud.kit.errors import Invalid

    found = number(option, text, f"number of {unit} like 400")
    if not found:
        raise Invalid(f"{option}: 0 {unit} is nothing to bill")
    return found


def _given(options: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in options.items() if value not in (None, (), [])}
