"""What advice on equipment, its conditions and its refusals are called on a page."""

from collections.abc import Callable, Mapping
from typing import Any

from cloud.web.language import Words, mark

KINDS = {
    "capacitor": mark("Compensate reactive power"),
    "standby": mark("Find what stands by"),
    "cooling": mark("Cooling above the usual"),
    "heating": mark("Heating above the usual"),
    "pv": mark("PV on your own roof"),
    "storage": mark("Storage from valley to peak"),
    "lighting": mark("Better lighting"),
    "motor": mark("Better motors"),
    "hot_water": mark("Hot water for less"),
    "ev_night": mark("Charge the car at night"),
    "irrigation": mark("Water the field in valley hours"),
    "training": mark("Course and material on saving"),
    "important_inspection": mark("Supply and standby power are due for a look"),
    "voltage_quality": mark("Voltage at your place"),
}
NEEDS = {
    "check_night": mark("First see that nothing is over-compensated at night: this meter does not count it."),
    "check_ramps": mark("First see how fast the load jumps: that decides between steps and static."),
    "roof_survey": mark("The roof is looked at on site before anything is signed."),
    "grid_approval": mark("The connection needs the station's approval."),
    "back_feed_risk": mark(
        "It can feed back into a line that is switched off (反送电): only with anti-islanding protection, "
        "and crews are told."
    ),
    "fire_approval": mark("A battery needs the fire department's approval first."),
    "count_devices": mark("Count the devices first: their share of the energy is an assumption."),
    "car_by_morning": mark("The car must be full by morning."),
    "crop_allows": mark("Only where the crop allows the hour."),
    "dual_supply": mark("Both supplies are tried one after the other."),
    "standby_power": mark("Standby power of at least 120 % of the protected load (to be checked)."),
    "protected_load": mark("The list of protected loads is brought up to date."),
}
PLAIN = {
    "no_product": mark("There is no product for this class."),
    "no_saving": mark("The bill would not be lower."),
    "no_typical_day": mark("At which hours it is used is not known yet."),
    "no_spread": mark("The tariff has no cheap hours to move to."),
    "area_strained": mark("The area's transformer is near its limit in the hours it would be moved to."),
    "area_unknown": mark("Nothing is known of the area's transformer: no load is put on it blindly."),
    "no_headroom": mark("The contracted capacity leaves no room to charge."),
    "no_weather": mark("The weather of the time is not known."),
    "reactive_unknown": mark("Reactive energy is not read."),
    "round_the_clock": mark("The use never stops: nothing could be switched off or moved."),
    "consent_missing": mark("You have not agreed to a survey of the roof."),
    "market_price": mark("The price of the energy is agreed on the market and not known here."),
    "components_missing": mark("The purchase price of some months is not in the tariff document."),
    "no_document": mark("No tariff document holds for some months."),
    "unpriced": mark("The bill could not be priced."),
}
Told = Callable[[Mapping[str, Any], Words], str]


def _number(params: Mapping[str, Any], name: str, words: Words, digits: int = 0) -> str:
    value = params.get(name)
    return words.number(None if value is None else float(value), digits)


def _percent(params: Mapping[str, Any], name: str, words: Words) -> str:
    value = params.get(name)
    return words.percent(None if value is None else float(value))


def _payback(params: Mapping[str, Any], words: Words) -> str:
    if params.get("years") is None:
        return words.text("Its upkeep costs more than it saves.")
    return words.text(
        "It would pay back in %(years)s years, later than the %(most)s that count as worth while.",
        years=_number(params, "years", words, 1),
        most=_number(params, "most", words),
    )


def _not_fit(params: Mapping[str, Any], words: Words) -> str:
    otherwise = params.get("otherwise")
    if isinstance(otherwise, Mapping):
        return str(otherwise.get(words.language) or otherwise.get("en") or "")
    if params.get("fact") == "sub_tier":
        return words.text("It is made for another kind of customer.")
    return words.text("What decides it is not known yet.")


TOLD: dict[str, Told] = {
    "not_fit": _not_fit,
    "payback_too_long": _payback,
    "too_small": lambda params, words: words.text(
        "Too little is needed: %(need)s, and the smallest there is has %(least)s.",
        need=_number(params, "need", words, 1),
        least=_number(params, "least", words),
    ),
    "little_saving": lambda params, words: words.text(
        "It would save %(saving)s CNY a year, too little for the trouble.",
        saving=_number(params, "saving", words, 2),
    ),
    "low_r2": lambda params, words: words.text(
        "The weather explains too little of the use (R² %(r2)s, at least %(least)s).",
        r2=_number(params, "r2", words, 2),
        least=_number(params, "least", words, 2),
    ),
    "has_pv": lambda params, words: words.text(
        "PV of %(kwp)s kWp stands already.", kwp=_number(params, "kwp", words, 1)
    ),
    "low_self_use": lambda params, words: words.text(
        "Only %(share)s of the yield would be used on site.", share=_percent(params, "share", words)
    ),
    "leading": lambda params, words: words.text(
        "%(share)s of the reactive energy is leading: it is compensated too much already.",
        share=_percent(params, "share", words),
    ),
    "few_months": lambda params, words: words.text(
        "%(have)s whole months are known; %(need)s are needed.",
        have=_number(params, "have", words),
        need=_number(params, "need", words),
    ),
    "few_peers": lambda params, words: words.text(
        "Fewer than %(need)s accounts of its kind and size to compare with.",
        need=_number(params, "need", words),
    ),
    "estimated": lambda params, words: words.text(
        "%(share)s of the readings are estimated, too many.", share=_percent(params, "share", words)
    ),
}


def why(reason: str | None, params: Mapping[str, Any], words: Words) -> str:
    """A refusal in one sentence; empty for a reason that is not of these rules."""
    if reason is None:
        return ""
    told = TOLD.get(reason)
    if told is not None:
        return told(params, words)
    return words.text(PLAIN[reason]) if reason in PLAIN else ""


def _capacitor(said: Mapping[str, Any], words: Words) -> str:
    return words.text(
        "The power factor was below %(standard)s in %(below)s of "
        "%(months)s months; %(kvar)s kvar are lacking.",
        standard=words.number(float(said["standard"]) / 100, 2),
        below=_number(said, "below", words),
        months=_number(said, "months", words),
        kvar=_number(said, "kvar", words, 1),
    )


def _standby(said: Mapping[str, Any], words: Words) -> str:
    return words.text(
        "%(base)s kW never go off, more than a year ago; "
        "a quarter of comparable accounts need %(peer)s kW or less.",
        base=_number(said, "base_kw", words, 2),
        peer=_number(said, "peer_p25_kw", words, 2),
    )


def _cooling(said: Mapping[str, Any], words: Words) -> str:
    return words.text(
        "Each degree of heat costs you %(slope)s kWh a day; "
        "half of comparable accounts need less than %(peer)s.",
        slope=_number(said, "kwh_per_c", words, 1),
        peer=_number(said, "peer_median", words, 1),
    )


def _heating(said: Mapping[str, Any], words: Words) -> str:
    return words.text(
        "Each degree of cold costs you %(slope)s kWh a day; "
        "half of comparable accounts need less than %(peer)s.",
        slope=_number(said, "kwh_per_c", words, 1),
        peer=_number(said, "peer_median", words, 1),
    )


def _pv(said: Mapping[str, Any], words: Words) -> str:
    if said.get("surplus_priced"):
        return words.text(
            "%(kwp)s kWp would make %(made)s kWh a year, %(share)s of it used on site; %(surplus)s kWh would be "
            "fed in at %(price)s CNY/kWh.",
            kwp=_number(said, "kwp", words),
            made=_number(said, "yield_kwh", words),
            share=_percent(said, "self_use", words),
            surplus=_number(said, "surplus_kwh", words),
            price=words.listed(list(said["surplus_prices"])),
        )
    return words.text(
        "%(kwp)s kWp would make %(made)s kWh a year, "
        "%(share)s of it used on site; the surplus is not counted.",
        kwp=_number(said, "kwp", words),
        made=_number(said, "yield_kwh", words),
        share=_percent(said, "self_use", words),
    )


def _storage(said: Mapping[str, Any], words: Words) -> str:
    return words.text(
        "A battery of %(size)s kWh would take %(moved)s kWh a year out of the dear hours.",
        size=_number(said, "battery_kwh", words),
        moved=_number(said, "moved_kwh", words),
    )


def _replacing(said: Mapping[str, Any], words: Words) -> str:
    return words.text(
        "Assumed: %(part)s of your energy goes there, and %(saved)s of that is saved.",
        part=_percent(said, "part", words),
        saved=_percent(said, "saved", words),
    )


def _moved(said: Mapping[str, Any], words: Words) -> str:
    return words.text(
        "%(kwh)s kWh a year would be drawn in valley hours instead.", kwh=_number(said, "moved_kwh", words)
    )


SENTENCES: dict[str, Told] = {
    "capacitor": _capacitor,
    "standby": _standby,
    "cooling": _cooling,
    "heating": _heating,
    "pv": _pv,
    "storage": _storage,
    "lighting": _replacing,
    "motor": _replacing,
    "hot_water": _replacing,
    "ev_night": _moved,
    "irrigation": _moved,
    "training": lambda _, words: words.text("A course, a handbook or a report, free of charge."),
    "important_inspection": lambda said, words: words.text(
        "Due every %(months)s months for customers of your grade.",
        months=_number(said, "every_months", words),
    ),
    "voltage_quality": lambda said, words: words.text(
        "The voltage of your area was within its limits %(rate)s of the time.",
        rate=_percent(said, "rate", words),
    ),
}
"""What was seen, in one sentence, of each kind's evidence."""
