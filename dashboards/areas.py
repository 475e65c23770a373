"""*Areas*: load, voltage and reading of the transformer areas (台区) that were chosen."""

from dashboards.choices import AREAS, CHOSEN_AREAS, FEEDERS
from dashboards.parts import SHARE, VOLTAGE, Board, Column, Lines, Query, Table, Text, Timeline

_FROM = f'FROM "area_15min" WHERE {CHOSEN_AREAS}'
_EACH = 'GROUP BY time($__interval), "area" fill(null)'

LOAD = Lines(
    title=Text("各台区负荷如何变化？", "How does the load of each area go?"),
    description=Text(
        "台区平均有功功率，已乘倍率。曲线断开处为没有数据，不是 0。",
        "Mean active power of the area, ratio applied. Where a line breaks off nothing is known; it is"
        " not 0.",
    ),
    queries=[Query(f'SELECT mean("power_w") AS "power_w" {_FROM} {_EACH}', alias="$tag_area")],
    unit="watt",
    width=12,
    height=9,
)
VOLTAGES = Lines(
    title=Text("电压是否在 198～235.4 V 之内？", "Is the voltage within 198 to 235.4 V?"),
    description=Text(
        "各台区每刻钟的最低与最高相电压（GB/T 12325：220 V，+7 % / -10 %）。不含经电压互感器的表；"
        "无电压的相不计入。",
        "Lowest and highest phase voltage of each area in each quarter-hour (GB/T 12325: 220 V, +7 % and"
        " -10 %)."
        " Meters behind voltage transformers and phases without voltage are not counted.",
    ),
    queries=[
        Query(f'SELECT min("voltage_min_v") AS "min" {_FROM} {_EACH}', alias="$tag_area ↓", ref="A"),
        Query(f'SELECT max("voltage_max_v") AS "max" {_FROM} {_EACH}', alias="$tag_area ↑", ref="B"),
    ],
    unit="volt",
    width=12,
    height=9,
    steps=VOLTAGE,
    band=True,
)
OUT = Lines(
    title=Text("多少块表电压越限？", "How many meters are outside the voltage limits?"),
    description=Text(
        "每个时段内越限表数的最大值。0 表示测到的表都在限内；断开处为没有测到电压。",
        "The most meters outside the limits within each span. 0 says that all that were measured are"
        " within; where"
        " a line breaks off no voltage was measured.",
    ),
    queries=[Query(f'SELECT max("voltage_out") AS "voltage_out" {_FROM} {_EACH}', alias="$tag_area")],
    unit="short",
    width=12,
    low=0.0,
    decimals=0,
)
HEARD = Timeline(
    title=Text("哪个台区何时读不到表？", "Which area's meters were not heard, and when?"),
    description=Text(
        "有读数的电能表比例：绿 ≥ 99 %，橙 ≥ 95 %，红更低；空白为没有任何统计。没有读数不等于停电。",
        "Share of meters heard: green from 99 %, orange from 95 %, red below; a hole where nothing was"
        " counted."
        " No reading is no outage.",
    ),
    queries=[
        Query(f'SELECT 100 * sum("heard") / sum("meters") AS "heard" {_FROM} {_EACH}', alias="$tag_area")
    ],
    unit="percent",
    width=12,
    steps=SHARE,
)
SUMS = Table(
    title=Text("这段时间各台区供电多少？", "How much did each area take in this span?"),
    description=Text(
        "所选时段内的供电量与最大一刻钟负荷。“已知刻钟数”少于“应有刻钟数”时，供电量偏小，不作估计。",
        "Energy supplied and the highest quarter-hour of the span shown. Where fewer quarter-hours are"
        " known than"
        " there were, the energy is too low; nothing is estimated here.",
    ),
    queries=[
        Query(
            'SELECT sum("energy_wh") AS "energy_wh", max("power_w") AS "peak_w", count("energy_wh") AS'
            ' "known",'
            ' count("meters") AS "slots", min("voltage_min_v") AS "voltage_min_v",'
            f' max("voltage_max_v") AS "voltage_max_v" {_FROM} GROUP BY "feeder", "area"',
            result="table",
        )
    ],
    unit="none",
    width=24,
    height=10,
    columns=(
        Column("feeder", Text("线路", "Feeder")),
        Column("area", Text("台区", "Area")),
        Column("energy_wh", Text("供电量", "Energy"), "watth", decimals=1),
        Column("peak_w", Text("最大负荷", "Peak"), "watt", decimals=1),
        Column("known", Text("已知刻钟数", "Quarter-hours known"), decimals=0),
        Column("slots", Text("应有刻钟数", "Quarter-hours counted"), decimals=0),
        Column("voltage_min_v", Text("最低电压", "Lowest voltage"), "volt", VOLTAGE, 1),
        Column("voltage_max_v", Text("最高电压", "Highest voltage"), "volt", VOLTAGE, 1),
    ),
    worst="peak_w",
    falling=True,
)

BOARD = Board(
    uid="wattpost-areas",
    title=Text("台区", "Areas"),
    description=Text("所选台区的负荷、电压与采集。", "Load, voltage and reading of the areas chosen."),
    variables=[FEEDERS, AREAS],
    panels=[LOAD, VOLTAGES, OUT, HEARD, SUMS],
)
