"""What headings of columns mean: which is meter, time, value, in what unit. Data, no decisions."""

import re
from dataclasses import dataclass
from enum import StrEnum

from cloud.exchange import moments


class Role(StrEnum):
    METER = "meter"
    POINT = "point"
    TIME = "time"
    CLOCK = "clock"
    START = "start"
    END = "end"
    QUANTITY = "quantity"
    UNIT = "unit"
    ENERGY = "energy"
    POWER = "power"
    REGISTER = "register"
    VALUE = "value"


class Unit(StrEnum):
    WH = "Wh"
    KWH = "kWh"
    MWH = "MWh"
    W = "W"
    KW = "kW"
    MW = "MW"
    VARH = "varh"
    KVARH = "kvarh"

    @property
    def is_power(self) -> bool:
        return self in {Unit.W, Unit.KW, Unit.MW}

    @property
    def is_reactive(self) -> bool:
        return self in {Unit.VARH, Unit.KVARH}

    @property
    def factor(self) -> float:
        """To Wh, varh or W."""
        return {"k": 1e3, "M": 1e6}.get(self.value[0], 1.0)


_UNITS = {unit.value.lower(): unit for unit in Unit} | {
    "度": Unit.KWH,
    "千瓦时": Unit.KWH,
    "千瓦·时": Unit.KWH,
    "瓦时": Unit.WH,
    "兆瓦时": Unit.MWH,
    "千瓦": Unit.KW,
    "瓦": Unit.W,
    "兆瓦": Unit.MW,
}
_UNIT_AT_END = re.compile(
    r"[\s_/\[(（【]*(?P<unit>m?k?wh|k?varh|[mk]?w|度|千瓦·?时|瓦时|兆瓦时|千瓦|瓦|兆瓦)[\s\])）】]*$",
    re.IGNORECASE,
)
_WORDS: dict[Role, tuple[str, ...]] = {
    Role.METER: (
        "meter",
        "meter id",
        "meterid",
        "meter no",
        "meter number",
        "asset",
        "asset no",
        "asset number",
        "mpan",
        "nmi",
        "device",
        "serial",
        "serial number",
        "lclid",
        "zähler",
        "zählernummer",
        "zählpunkt",
        "cups",
        "prm",
        "pod",
        "电表",
        "电能表",
        "表号",
        "电表号",
        "表计",
        "电表编号",
        "资产编号",
        "资产号",
        "电能表资产编号",
        "表计资产号",
        "通信地址",
        "电表地址",
        "户号",
        "用户编号",
        "account",
    ),
    Role.POINT: (
        "point",
        "metering point",
        "usage point",
        "计量点",
        "计量点编号",
        "messlokation",
        "marktlokation",
    ),
    Role.START: (
        "start",
        "from",
        "begin",
        "beginning",
        "interval start",
        "start time",
        "starttime",
        "period start",
        "interval begin",
        "von",
        "beginn",
        "开始",
        "开始时间",
        "起始时间",
    ),
    Role.END: (
        "end",
        "to",
        "until",
        "interval end",
        "end time",
        "endtime",
        "period end",
        "interval ending",
        "ending",
        "bis",
        "ende",
        "结束",
        "结束时间",
        "截止时间",
        "终止时间",
    ),
    Role.TIME: (
        "time",
        "timestamp",
        "datetime",
        "date time",
        "date",
        "day",
        "at",
        "local time",
        "utc",
        "zeit",
        "datum",
        "zeitstempel",
        "时间",
        "数据时间",
        "采集时间",
        "日期时间",
        "日期",
        "数据日期",
        "date/time",
        "read date",
    ),
    Role.QUANTITY: ("quantity", "channel", "通道", "数据项"),
    Role.UNIT: ("unit", "uom", "units", "单位", "einheit"),
    Role.REGISTER: (
        "register",
        "cumulative",
        "register value",
        "meter reading",
        "zählerstand",
        "stand",
        "index",
        "示数",
        "表码",
        "累计电量",
        "正向有功总",
        "正向有功示数",
        "有功总示数",
    ),
    Role.POWER: ("power", "load", "demand", "leistung", "功率", "有功功率", "负荷"),
    Role.ENERGY: (
        "energy",
        "consumption",
        "usage",
        "verbrauch",
        "wirkarbeit",
        "电量",
        "用电量",
        "有功电量",
        "正向有功电量",
        "energy import",
        "import",
        "general supply",
        "use",
    ),
    Role.VALUE: ("value", "reading", "wert", "数值", "值", "lastgang", ""),
}
_ROLES = {word: role for role, words in _WORDS.items() for word in words}
_SLOT = re.compile(r"^(?P<name>.*?)(?P<number>\d{1,3})$")
_RANGE = re.compile(r"^(.+?)\s*[-–~至到]\s*(.+)$")


@dataclass(frozen=True, slots=True)
class Heading:
    """What one heading says; `at_s` and `to_s` in seconds of the day, where it names a time of day.

    `bare` is without its unit: what a meter would be called.
    """

    text: str
    bare: str
    role: Role | None
    unit: Unit | None
    at_s: int | None = None
    to_s: int | None = None
    number: int | None = None


def heading(text: str) -> Heading:
    bare, unit = _without_unit(text)
    word = re.sub(r"[\s_]+", " ", bare).strip(" :：.[]()").lower()
    role = _ROLES.get(word)
    at_s, to_s = _times(bare.strip())
    slot = _SLOT.match(bare.strip())
    return Heading(text, bare.strip(), role, unit, at_s, to_s, int(slot["number"]) if slot else None)


def unit_of(text: str) -> Unit | None:
    return _UNITS.get(text.strip().lower())


def unit_within(text: str) -> Unit | None:
    """The unit at the end of some text, as of a line above the table."""
    return _without_unit(text)[1]


def _without_unit(text: str) -> tuple[str, Unit | None]:
    found = _UNIT_AT_END.search(text)
    if found is None:
        return text, None
    before = text[: found.start()]
    if before and before[-1].isascii() and before[-1].isalnum() and found.group()[0].isalpha():
        return text, None  # the end of a longer word
    return before, _UNITS.get(found["unit"].lower())


def _times(text: str) -> tuple[int | None, int | None]:
    at_s = moments.clock_of(text)
    if at_s is not None:
        return at_s, None
    parts = _RANGE.match(text)
    if parts is None:
        return None, None
    first, second = moments.clock_of(parts[1]), moments.clock_of(parts[2])
    return (first, second) if first is not None and second is not None else (None, None)
