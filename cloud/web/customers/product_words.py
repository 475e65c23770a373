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
SHORT = {
    "not_fit": mark("conditions not met"),
    "payback_too_long": mark("pays back too late"),
    "too_small": mark("too little needed"),
    "low_self_use": mark("too little used on site"),
    "no_saving": mark("no saving"),
    "little_saving": mark("too little saved"),
    "low_r2": mark("hardly follows the weather"),
    "has_pv": mark("has PV already"),
}
"""In a word or two, where refusals are counted."""
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
Shown = Callable[[Any, Words], str]


def _digits(digits: int) -> Shown:
    return lambda value, words: words.number(None if value is None else float(value), digits)


def _share(value: Any, words: Words) -> str:
    return words.percent(None if value is None else float(value))


def _cos(value: Any, words: Words) -> str:
    """A power factor, kept in hundredths."""
    return words.number(float(value) / 100, 2)


WHOLE, TENTH, HUNDREDTH = _digits(0), _digits(1), _digits(2)


def _told(text: str, **fields: Shown | tuple[str, Shown]) -> Told:
    """A sentence with its figures: each field as it is shown, with its key where that is another."""
    of = {name: each if isinstance(each, tuple) else (name, each) for name, each in fields.items()}

    def said(params: Mapping[str, Any], words: Words) -> str:
        return words.text(text, **{name: show(params.get(key), words) for name, (key, show) in of.items()})

    return said


_UPKEEP = _told(mark("Its upkeep costs more than it saves."))
_TOO_LONG = _told(
    mark("It would pay back in %(years)s years, later than the %(most)s that count as worth while."),
    years=TENTH,
    most=WHOLE,
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
    "payback_too_long": lambda params, words: (_UPKEEP if params.get("years") is None else _TOO_LONG)(
        params, words
    ),
    "too_small": _told(
        mark("Too little is needed: %(need)s, and the smallest there is has %(least)s."),
        need=TENTH,
        least=TENTH,
    ),
    "little_saving": _told(
        mark("It would save %(saving)s CNY a year, too little for the trouble."), saving=HUNDREDTH
    ),
    "low_r2": _told(
        mark("The weather explains too little of the use (R² %(r2)s, at least %(least)s)."),
        r2=HUNDREDTH,
        least=HUNDREDTH,
    ),
    "has_pv": _told(mark("PV of %(kwp)s kWp stands already."), kwp=TENTH),
    "low_self_use": _told(mark("Only %(share)s of the yield would be used on site."), share=_share),
    "leading": _told(
        mark("%(share)s of the reactive energy is leading: it is compensated too much already."), share=_share
    ),
    "few_months": _told(
        mark("%(have)s whole months are known; %(need)s are needed."), have=WHOLE, need=WHOLE
    ),
    "few_peers": _told(
        mark("Fewer than %(need)s accounts of its kind and size to compare with."), need=WHOLE
    ),
    "estimated": _told(mark("%(share)s of the readings are estimated, too many."), share=_share),
}


def why(reason: str | None, params: Mapping[str, Any], words: Words) -> str:
    """A refusal in one sentence; empty for a reason that is not of these rules."""
    if reason is None:
        return ""
    told = TOLD.get(reason)
    if told is not None:
        return told(params, words)
    return words.text(PLAIN[reason]) if reason in PLAIN else ""


_REPLACED = _told(
    mark("Assumed: %(part)s of your energy goes there, and %(saved)s of that is saved."),
    part=_share,
    saved=_share,
)
_MOVED = _told(mark("%(kwh)s kWh a year would be drawn in valley hours instead."), kwh=("moved_kwh", WHOLE))
_PV = _told(
    mark(
        "%(kwp)s kWp would make %(made)s kWh a year, "
        "%(share)s of it used on site; the surplus is not counted."
    ),
    kwp=WHOLE,
    made=("yield_kwh", WHOLE),
    share=("self_use", _share),
)
_PV_FED_IN = _told(
    mark(
        "%(kwp)s kWp would make %(made)s kWh a year, %(share)s of it used on site; %(surplus)s kWh would be "
        "fed in at %(price)s CNY/kWh."
    ),
    kwp=WHOLE,
    made=("yield_kwh", WHOLE),
    share=("self_use", _share),
    surplus=("surplus_kwh", WHOLE),
    price=("surplus_prices", lambda prices, words: words.listed(list(prices or []))),
)
SENTENCES: dict[str, Told] = {
    "capacitor": _told(
        mark(
            "The power factor was below %(standard)s in %(below)s of "
            "%(months)s months; %(kvar)s kvar are lacking."
        ),
        standard=_cos,
        below=WHOLE,
        months=WHOLE,
        kvar=TENTH,
    ),
    "standby": _told(
        mark(
            "%(base)s kW never go off, more than a year ago; "
            "a quarter of comparable accounts need %(peer)s kW or less."
        ),
        base=("base_kw", HUNDREDTH),
        peer=("peer_p25_kw", HUNDREDTH),
    ),
    "cooling": _told(
        mark(
            "Each degree of heat costs you %(slope)s kWh a day; "
            "half of comparable accounts need less than %(peer)s."
        ),
        slope=("kwh_per_c", TENTH),
        peer=("peer_median", TENTH),
    ),
    "heating": _told(
        mark(
            "Each degree of cold costs you %(slope)s kWh a day; "
            "half of comparable accounts need less than %(peer)s."
        ),
        slope=("kwh_per_c", TENTH),
        peer=("peer_median", TENTH),
    ),
    "pv": lambda said, words: (_PV_FED_IN if said.get("surplus_priced") else _PV)(said, words),
    "storage": _told(
        mark("A battery of %(size)s kWh would take %(moved)s kWh a year out of the dear hours."),
        size=("battery_kwh", WHOLE),
        moved=("moved_kwh", WHOLE),
    ),
    "lighting": _REPLACED,
    "motor": _REPLACED,
    "hot_water": _REPLACED,
    "ev_night": _MOVED,
    "irrigation": _MOVED,
    "training": _told(mark("A course, a handbook or a report, free of charge.")),
    "important_inspection": _told(
        mark("Due every %(months)s months for customers of your grade."), months=("every_months", WHOLE)
    ),
    "voltage_quality": _told(
        mark("The voltage of your area was within its limits %(rate)s of the time."), rate=_share
    ),
}
"""What was seen, in one sentence, of each kind's evidence."""
