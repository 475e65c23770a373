"""What the values of the six axes, consents, roles and channels are called on a page, each in few words."""

from collections.abc import Mapping

from cloud.web.language import Words, mark

AXES = {
    "class": mark("Tariff class"),
    "grade": mark("Important grade"),
    "need": mark("Service need"),
    "shape": mark("Load shape"),
    "value": mark("Value tier"),
    "credit": mark("Credit tier"),
}
CLASSES = {
    "large_industry": mark("Large industry"),
    "business": mark("Business"),
    "household": mark("Household"),
    "farm": mark("Farming"),
    "other": mark("Other use"),
}
GRADES = {
    "special": mark("Special grade"),
    "first": mark("First grade"),
    "second": mark("Second grade"),
    "temporary": mark("Temporary grade"),
}
NEEDS = {
    "continuity": mark("Supply without a break"),
    "voltage": mark("Steady voltage"),
    "price": mark("Low price"),
    "help": mark("Help"),
    "channel": mark("A channel of their own"),
}
CREDITS = {
    "good": mark("Good"),
    "watch": mark("To watch"),
    "risk": mark("At risk"),
    "unknown": mark("No bills known"),
}
VALUES = {"A": "A", "B": "B", "C": "C", "D": "D", "unrated": mark("Not rated")}
PURPOSES = {
    "offers": mark("Offers and campaigns"),
    "observation": mark("Needs read off use"),
    "response": mark("Invitations to shift load"),
    "roof": mark("Survey of the roof for PV"),
}
ROLES = {
    "owner": mark("Owner"),
    "finance": mark("Finance"),
    "electrician": mark("Electrician in charge"),
    "deputy": mark("Deputy"),
    "duty": mark("On duty"),
    "other": mark("Other person"),
}
REACHES = {
    "call": mark("by telephone"),
    "sms": mark("by SMS"),
    "email": mark("by e-mail"),
    "wecom": mark("by WeCom"),
    "dingtalk": mark("by DingTalk"),
    "inbox": mark("in the portal"),
}
BASES = {
    "capacity": mark("by capacity"),
    "demand": mark("by the month's demand"),
    "contract": mark("by contracted demand"),
}
PRICE_SOURCES = {
    "administered": mark("administered price"),
    "agency_purchase": mark("agency purchase"),
    "market": mark("market price"),
}
BANDS = {
    "sharp": mark("Sharp band"),
    "peak": mark("Peak band"),
    "flat": mark("Flat band"),
    "valley": mark("Valley band"),
    "deep_valley": mark("Deep valley band"),
}
_VALUES: Mapping[str, Mapping[str, str]] = {
    "class": CLASSES,
    "grade": GRADES,
    "need": NEEDS,
    "value": VALUES,
    "credit": CREDITS,
}


def named(table: Mapping[str, str], key: str | None, words: Words) -> str:
    """The word for a key; the key itself where there is none, a dash for nothing."""
    if key is None:
        return "–"
    return words.text(table[key]) if key in table else key


def value_of(axis: str, value: str, words: Words) -> str:
    """The value of an axis; needs are several."""
    parts = [named(_VALUES.get(axis, {}), each, words) for each in value.split(",")]
    return words.listed(parts)


def choices(table: Mapping[str, str], words: Words) -> list[tuple[str, str]]:
    return [(key, words.text(text)) for key, text in table.items()]
