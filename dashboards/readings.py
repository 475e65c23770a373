"""*Readings*: which readings are missing, day by day, and where."""

from dashboards.choices import AREAS, CHOSEN_AREAS, FEEDERS
from dashboards.parts import SHARE, Board, Column, Figure, Lines, Query, Step, Table, Text, Timeline

_DAYS = f'FROM "collection_day" WHERE {CHOSEN_AREAS}'
# A local midnight is a whole quarter-hour of UTC everywhere: grouped so, a day keeps its own beginning.
_EACH_DAY = "GROUP BY time(15m)"

FREEZE_NOW = Figure(
    title=Text("最近一日日冻结成功率是多少？", "Daily freeze of the last day"),
    description=Text(
        "最近一个已结束日：按时收到日冻结的电能表 ÷ 应有日冻结的电能表。",
        "The last day that has ended: meters whose daily freeze came in time, of those that have one.",
    ),
    queries=[
        Query(
            'SELECT 100 * sum("freeze_received") / sum("freeze_expected") AS "freeze_rate"'
            f" {_DAYS} {_EACH_DAY} fill(none)"
        )
    ],
    unit="percent",
    width=6,
    window="7d",
    steps=SHARE,
    decimals=2,
)
RATE_NOW = Figure(
    title=Text("最近一日采集成功率是多少？", "Collection rate of the last day"),
    description=Text(
        "最近一个已结束日：实收读数 ÷ 应收读数；分母为当日在运的电能表。",
        "The last day that has ended: readings received of those expected from the meters in service"
        " that day.",
    ),
    queries=[
        Query(f'SELECT 100 * sum("received") / sum("expected") AS "rate" {_DAYS} {_EACH_DAY} fill(none)')
    ],
    unit="percent",
    width=6,
    window="7d",
    steps=SHARE,
    decimals=2,
)
MISSING_NOW = Figure(
    title=Text("最近一日缺多少读数？", "How many readings does the last day lack?"),
    description=Text(
        "最近一个已结束日：应收减实收。", "The last day that has ended: expected less received."
    ),
    queries=[Query(f'SELECT sum("expected") - sum("received") AS "missing" {_DAYS} {_EACH_DAY} fill(none)')],
    unit="short",
    width=6,
    window="7d",
    steps=(Step("green"), Step("orange", 1.0)),
    decimals=0,
)
SILENT_NOW = Figure(
    title=Text("最近一日多少块表全天无数？", "Meters without a single reading on the last day"),
    description=Text(
        "最近一个已结束日全天没有读数的在运电能表；缺数的原因在控制台“数据”页。",
        "Meters in service that gave nothing on the last day that has ended; why is on the console's"
        " page “Data”.",
    ),
    queries=[Query(f'SELECT sum("silent") AS "silent" {_DAYS} {_EACH_DAY} fill(none)')],
    unit="short",
    width=6,
    window="7d",
    steps=(Step("green"), Step("red", 1.0)),
    decimals=0,
)
RATE = Lines(
    title=Text("各网关采集成功率如何变化？", "How does each gateway's collection rate go?"),
    description=Text(
        "逐日实收 ÷ 应收，点在当日本地零时。没有点的日子尚未统计。",
        "Received of expected, day by day; the point stands at the day's local midnight. A day without a"
        " point has"
        " not been counted.",
    ),
    queries=[
        Query(
            'SELECT 100 * sum("received") / sum("expected") AS "rate"'
            f' {_DAYS} {_EACH_DAY}, "gateway" fill(none)',
            alias="$tag_gateway",
        )
    ],
    unit="percent",
    width=12,
    height=9,
    steps=SHARE,
    high=100.0,
)
MISSING = Lines(
    title=Text("每日缺多少读数，在哪个台区？", "How many readings are missing each day, and where?"),
    description=Text("逐日应收减实收，按台区。", "Expected less received, day by day, for each area."),
    queries=[
        Query(
            f'SELECT sum("expected") - sum("received") AS "missing" {_DAYS} {_EACH_DAY}, "area" fill(none)',
            alias="$tag_area",
        )
    ],
    unit="short",
    width=12,
    height=9,
    bars=True,
    low=0.0,
    decimals=0,
)
NOW = Timeline(
    title=Text("一日之内何时读不到？", "At what times were meters not heard?"),
    description=Text(
        "最近 24 小时各台区有读数的电能表比例：绿 ≥ 99 %，橙 ≥ 95 %，红更低；空白为没有任何统计。",
        "Share of each area's meters heard over the last 24 hours: green from 99 %, orange from 95 %,"
        " red below; a hole"
        " where nothing was counted.",
    ),
    queries=[
        Query(
            f'SELECT 100 * sum("heard") / sum("meters") AS "heard" FROM "area_15min" WHERE {CHOSEN_AREAS}'
            ' GROUP BY time($__interval), "area" fill(null)',
            alias="$tag_area",
        )
    ],
    unit="percent",
    width=24,
    window="24h",
    steps=SHARE,
)
LEAGUE = Table(
    title=Text("哪个台区的采集最差？", "Where is reading worst?"),
    description=Text(
        "所选时段内各网关各台区合计：应收、实收、全天无数的表日。按采集成功率从低到高。",
        "Each gateway's areas over the span shown: expected, received, and meter-days without any"
        " reading. Worst first.",
    ),
    queries=[
        Query(
            'SELECT sum("expected") AS "expected", sum("received") AS "received", sum("silent") AS'
            ' "silent",'
            f' 100 * sum("received") / sum("expected") AS "rate" {_DAYS} GROUP BY "feeder", "area",'
            ' "gateway"',
            result="table",
        )
    ],
    unit="none",
    width=24,
    height=10,
    columns=(
        Column("feeder", Text("线路", "Feeder")),
        Column("area", Text("台区", "Area")),
        Column("gateway", Text("网关", "Gateway")),
        Column("expected", Text("应收", "Expected"), decimals=0),
        Column("received", Text("实收", "Received"), decimals=0),
        Column("silent", Text("无数的表日", "Silent meter-days"), decimals=0),
        Column("rate", Text("采集成功率", "Collection rate"), "percent", SHARE, 2),
    ),
    worst="rate",
)

BOARD = Board(
    uid="wattpost-readings",
    title=Text("采集", "Readings"),
    description=Text("逐日缺了哪些读数，在哪里。", "Which readings are missing, day by day, and where."),
    variables=[FEEDERS, AREAS],
    panels=[FREEZE_NOW, RATE_NOW, MISSING_NOW, SILENT_NOW, RATE, MISSING, NOW, LEAGUE],
    since="now-30d",
    refresh="15m",
)
