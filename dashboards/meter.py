"""*One meter*: what this meter says, as it says it, and whether it is read."""

from dashboards.choices import AREAS, CHOSEN_METER, FEEDERS, METER
from dashboards.parts import PLAIN, VOLTAGE, Board, Figure, Lines, Query, Step, Text

_FROM = f'FROM "reading" WHERE {CHOSEN_METER}'
_SPANS = "GROUP BY time($__interval) fill(null)"
_AS_SHOWN = Text("表计示值，未乘倍率。", "As the meter shows it, its ratio not applied.")


def _means(*quantities: str) -> list[Query]:
    return [
        Query(f'SELECT mean("{quantity}") AS "{quantity}" {_FROM} {_SPANS}', alias="$col", ref=ref)
        for ref, quantity in zip("ABCDEFGH", quantities, strict=False)
    ]


def _told(zh: str, en: str) -> Text:
    return Text(f"{zh}{_AS_SHOWN.zh}", f"{en} {_AS_SHOWN.en}")


REGISTER = Figure(
    title=Text("示数是多少？", "What does the register show?"),
    description=_told(
        "所选时段内最新的正向有功总示数。", "The newest total import register of the span shown."
    ),
    queries=[Query(f'SELECT last("energy_import_wh") AS "energy_import_wh" {_FROM}')],
    unit="watth",
    width=6,
    decimals=2,
    has_trend=False,
)
POWER_NOW = Figure(
    title=Text("现在用多少？", "How much is being taken?"),
    description=_told("最近一小时内最新的有功功率。", "The newest active power of the last hour."),
    queries=[Query(f'SELECT last("power_w") AS "power_w" {_FROM}')],
    unit="watt",
    width=6,
    window="1h",
    decimals=1,
    has_trend=False,
)
COUNT = Figure(
    title=Text("读到多少次？", "How many readings were there?"),
    description=Text(
        "所选时段内读到的总示数次数，各来源合计。",
        "Readings of the total register in the span shown, all sources together.",
    ),
    queries=[Query(f'SELECT count("energy_import_wh") AS "readings" {_FROM}')],
    unit="short",
    width=6,
    decimals=0,
    has_trend=False,
)
CLOCK = Figure(
    title=Text("表钟差多少？", "How far off is its clock?"),
    description=Text(
        "最近 7 日内测得的表钟减网关时钟。超过 3 分钟橙色，超过 10 分钟红色。",
        "The meter's clock less the gateway's, as last measured within 7 days. Orange beyond 3 minutes,"
        " red beyond 10.",
    ),
    queries=[Query(f'SELECT last("clock_offset_s") AS "clock_offset_s" {_FROM}')],
    unit="s",
    width=6,
    window="7d",
    steps=(
        Step("red"),
        Step("orange", -600.0),
        Step("green", -180.0),
        Step("orange", 180.0),
        Step("red", 600.0),
    ),
    decimals=1,
    has_trend=False,
)
POWER = Lines(
    title=Text("功率如何变化？", "How does its power go?"),
    description=_told(
        "总有功功率与各相功率；反送为负。断开处没有读数，不是 0。",
        "Total active power and each phase; feed-in is negative. Where a line breaks off there is no"
        " reading; it is not 0.",
    ),
    queries=_means("power_w", "power_l1_w", "power_l2_w", "power_l3_w"),
    unit="watt",
    width=12,
)
USED = Lines(
    title=Text("每小时用多少电？", "How much does it take each hour?"),
    description=_told(
        "正向有功总示数的逐时增量。缺数之后的第一根柱含整个缺数时段的电量；示数下降（如换表）不画。",
        "What the total import register grew by each hour. The first bar after a gap holds the whole"
        " gap's energy; a"
        " register that fell (an exchange) is not drawn.",
    ),
    queries=[
        Query(
            'SELECT non_negative_difference(last("energy_import_wh")) AS "energy_import_wh"'
            f" {_FROM} GROUP BY time(1h) fill(none)",
            alias="$col",
        )
    ],
    unit="watth",
    width=12,
    bars=True,
)
VOLTAGES = Lines(
    title=Text("电压是否在 198～235.4 V 之内？", "Is its voltage within 198 to 235.4 V?"),
    description=_told(
        "各相电压（GB/T 12325：220 V，+7 % / -10 %）。经电压互感器的表不适用此限值。",
        "Phase voltages (GB/T 12325: 220 V, +7 % and -10 %). The limits are not for meters behind"
        " voltage transformers.",
    ),
    queries=_means("voltage_l1_v", "voltage_l2_v", "voltage_l3_v"),
    unit="volt",
    width=12,
    steps=VOLTAGE,
    band=True,
)
CURRENTS = Lines(
    title=Text("三相是否平衡？", "Are its phases in balance?"),
    description=_told("各相与中性线电流。", "Current of each phase and of the neutral."),
    queries=_means("current_l1_a", "current_l2_a", "current_l3_a", "current_n_a"),
    unit="amp",
    width=12,
    steps=PLAIN,
)
SOURCES = Lines(
    title=Text("何时读到，从哪里读到？", "When was it read, and how?"),
    description=Text(
        "每小时读到总示数的次数，按来源：polled 轮询、freeze 冻结、profile 负荷记录、field 补抄、import"
        " 导入。无柱即无读数。",
        "Readings of the total register each hour, by source: polled, freeze, profile (the meter's own"
        " records), field"
        " (hand-read), import. No bar, no reading.",
    ),
    queries=[
        Query(
            f'SELECT count("energy_import_wh") AS "readings" {_FROM} GROUP BY time(1h), "source" fill(none)',
            alias="$tag_source",
        )
    ],
    unit="short",
    width=24,
    height=6,
    bars=True,
    decimals=0,
)

BOARD = Board(
    uid="wattpost-meter",
    title=Text("单表", "One meter"),
    description=Text("这块表说了什么，是否读得到。", "What this meter says, and whether it is read."),
    variables=[FEEDERS, AREAS, METER],
    panels=[REGISTER, POWER_NOW, COUNT, CLOCK, POWER, USED, VOLTAGES, CURRENTS, SOURCES],
    since="now-3d",
)
