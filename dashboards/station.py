"""*Station*: is supply and reading all right now, and where is it not?"""

from dashboards.choices import CHOSEN_FEEDERS, FEEDERS
from dashboards.parts import (
    PLAIN,
    SHARE,
    VOLTAGE,
    Board,
    Column,
    Figure,
    Lines,
    Query,
    Step,
    Table,
    Text,
    Timeline,
)

_AREAS = f'FROM "area_15min" WHERE {CHOSEN_FEEDERS}'
_LOAD = f'SELECT sum("power_w") AS "power_w" {_AREAS} GROUP BY time(15m), "feeder" fill(none)'

LOAD_NOW = Figure(
    title=Text("当前负荷是多少？", "How much load is there now?"),
    description=Text(
        "最近一个已结束的一刻钟内，各台区平均有功功率之和（台区总表；"
        "无总表的台区在全部用户表都有数时为其和）。"
        "未读到的台区不计入，也不当作 0：请同时看右侧“负荷已知的台区”。",
        "Mean active power of the areas in the last quarter-hour that has ended, added up (area meters;"
        " an area"
        " without one counts once all of its customers' meters are known). An area that was not read is"
        " left out,"
        " never taken for 0: look at “Areas whose load is known” beside it.",
    ),
    queries=[Query(f'SELECT sum("power_w") AS "power_w" {_AREAS} GROUP BY time(15m) fill(none)')],
    unit="watt",
    width=6,
    window="6h",
    decimals=1,
)
KNOWN = Figure(
    title=Text("负荷已知的台区占多少？", "Areas whose load is known"),
    description=Text(
        "最近一个一刻钟内负荷已知的台区占全部台区的比例。低于 100 % 时，左侧的负荷偏小。",
        "Share of areas whose load is known in the last quarter-hour. Below 100 % the load to the left"
        " is too low.",
    ),
    queries=[
        Query(
            f'SELECT 100 * count("power_w") / count("meters") AS "known" {_AREAS} GROUP BY time(15m)'
            " fill(none)"
        )
    ],
    unit="percent",
    width=6,
    window="6h",
    steps=SHARE,
    decimals=1,
)
HEARD = Figure(
    title=Text("有多少电能表有数？", "How many meters were heard?"),
    description=Text(
        "最近一个一刻钟内有读数的电能表占应读表的比例。没有读数不等于停电：停电由控制台按拓扑判断。",
        "Meters with a reading in the last quarter-hour, of those that should have one. No reading is no"
        " outage:"
        " outages are inferred on the topology and shown in the console.",
    ),
    queries=[
        Query(f'SELECT 100 * sum("heard") / sum("meters") AS "heard" {_AREAS} GROUP BY time(15m) fill(none)')
    ],
    unit="percent",
    width=6,
    window="6h",
    steps=SHARE,
    decimals=1,
)
COLLECTED = Figure(
    title=Text("最近一日采集成功率是多少？", "Collection rate of the last day"),
    description=Text(
        "最近一个已结束日：实收读数 ÷ 应收读数。分母为当日在运的电能表。",
        "The last day that has ended: readings received of those expected from the meters in service"
        " that day.",
    ),
    queries=[
        Query(
            'SELECT 100 * sum("received") / sum("expected") AS "rate"'
            f' FROM "collection_day" WHERE {CHOSEN_FEEDERS} GROUP BY time(15m) fill(none)'
        )
    ],
    unit="percent",
    width=6,
    window="7d",
    steps=SHARE,
    decimals=2,
)
LOAD = Lines(
    title=Text("各线路负荷如何变化？", "How does the load of each feeder go?"),
    description=Text(
        "各线路下已知台区的平均有功功率之和。曲线断开处为没有数据，不是 0。",
        "Mean active power of the known areas of each feeder. Where a line breaks off nothing is known;"
        " it is not 0.",
    ),
    queries=[
        Query(
            f'SELECT mean("power_w") AS "power_w" FROM ({_LOAD})'
            ' WHERE $timeFilter GROUP BY time($__interval), "feeder" fill(null)',
            alias="$tag_feeder",
        )
    ],
    unit="watt",
    width=14,
    height=9,
    steps=PLAIN,
)
SILENT = Timeline(
    title=Text("哪条线路何时读不到表？", "Which feeder's meters were not heard, and when?"),
    description=Text(
        "各线路有读数的电能表比例：绿 ≥ 99 %，橙 ≥ 95 %，红更低；空白为没有任何统计。",
        "Share of each feeder's meters that were heard: green from 99 %, orange from 95 %, red below; a"
        " hole where"
        " nothing was counted.",
    ),
    queries=[
        Query(
            f'SELECT 100 * sum("heard") / sum("meters") AS "heard" {_AREAS}'
            ' GROUP BY time($__interval), "feeder" fill(null)',
            alias="$tag_feeder",
        )
    ],
    unit="percent",
    width=10,
    height=9,
    steps=SHARE,
)
LEAGUE = Table(
    title=Text("现在先看哪个台区？", "Which area wants looking at first?"),
    description=Text(
        "每个台区最近一小时内的最新值：负荷、有数的表、最低与最高相电压（限值 198～235.4 V，GB/T 12325）"
        "、越限表数。"
        "空格表示没有数据。",
        "The newest of the last hour for each area: load, meters heard, lowest and highest phase voltage"
        " (limits"
        " 198 to 235.4 V, GB/T 12325) and meters outside them. An empty cell is not known.",
    ),
    queries=[
        Query(
            'SELECT last("power_w") AS "power_w", last("heard") AS "heard", last("meters") AS "meters",'
            ' last("voltage_min_v") AS "voltage_min_v", last("voltage_max_v") AS "voltage_max_v",'
            f' last("voltage_out") AS "voltage_out" {_AREAS} GROUP BY "feeder", "area"',
            result="table",
        )
    ],
    unit="none",
    width=24,
    height=11,
    window="1h",
    columns=(
        Column("feeder", Text("线路", "Feeder")),
        Column("area", Text("台区", "Area")),
        Column("power_w", Text("负荷", "Load"), "watt", decimals=1),
        Column("heard", Text("有数的表", "Meters heard"), decimals=0),
        Column("meters", Text("应读的表", "Meters"), decimals=0),
        Column("voltage_min_v", Text("最低电压", "Lowest voltage"), "volt", VOLTAGE, 1),
        Column("voltage_max_v", Text("最高电压", "Highest voltage"), "volt", VOLTAGE, 1),
        Column(
            "voltage_out",
            Text("电压越限表数", "Meters out of limits"),
            steps=(Step("green"), Step("red", 1.0)),
            decimals=0,
        ),
    ),
    worst="voltage_out",
    falling=True,
)

BOARD = Board(
    uid="wattpost-station",
    title=Text("全所", "Station"),
    description=Text(
        "供电与采集现在是否正常，哪里不正常。", "Whether supply and reading are all right now, and where not."
    ),
    variables=[FEEDERS],
    panels=[LOAD_NOW, KNOWN, HEARD, COLLECTED, LOAD, SILENT, LEAGUE],
)
