"""The report's texts in Chinese; keys are the English texts of the sections."""
# ruff: noqa: E501  (a sentence and its translation are easier compared on a line each)

_FRAME = {
    "en": "zh_CN",
    "Load report: {title}": "负荷分析报告：{title}",
    "Meters: {meters}. {first} to {last}.": "电能表 {meters} 只，{first} 至 {last}。",
    "Contents": "目录",
    "all meters together": "全部电能表合计",
    "Monday": "星期一", "Tuesday": "星期二", "Wednesday": "星期三", "Thursday": "星期四",
    "Friday": "星期五", "Saturday": "星期六", "Sunday": "星期日",
}  # fmt: skip
_READ = {
    "What was read": "读入的数据",
    "Check this first: everything below rests on it.": "请先核对这一节：下文全部以此为据。",
    "Layout": "表格布局",
    "a row for each day, a column for each interval": "每日一行，每个时段一列",
    "a row for each interval": "每个时段一行",
    "a row for each interval, a column for each meter": "每个时段一行，每只表一列",
    "tab": "制表符", "comma": "逗号", "semicolon": "分号", "bar": "竖线",
    "Rows of one meter, meters": "单表行数 · 电能表数",
    "Days": "日期范围",
    "Interval": "间隔",
    ", added up to {minutes} min": "，已合并为 {minutes} min",
    "Unit": "单位",
    "energy": "电量", "power": "功率", "register": "示数",
    "A time is its interval's": "时标是时段的",
    "begin": "起点", "end": "终点", "instant": "瞬时",
    "a register is read at an instant": "示数是某一瞬时的读数",
    "you said so": "由参数指定",
    "a column names the start": "有一列写明起始时间",
    "a column names the end": "有一列写明结束时间",
    "headings name begin and end": "列标题写明起止",
    "there is a 24:00, which only an end can be": "出现 24:00，只能是终点",
    "days go from 00:00 to the last interval's begin": "每日从 00:00 到最后一个时段的起点",
    "days go from the first interval's end to 00:00": "每日从第一个时段的终点到 00:00",
    "Time zone": "时区",
    "Holes": "空缺",
    "{gaps} gaps, {empty} empty values": "{gaps} 处间断，{empty} 个空值",
    "Note: {note}.": "注意：{note}。",
    "values are powers: taken as the mean of their interval": "数值是功率，按时段平均功率处理",
    "columns are numbered, not timed: the first is taken for the day's first interval":
        "列按序号而非时间：第一列视为当日第一个时段",
    "times are in UTC, and days are cut at its midnight: say --timezone for another":
        "时间为 UTC，按其零点分日；如需其他时区请用 --timezone",
    "times have no offset: taken as those of {zone}; say --timezone for another":
        "时间没有时区标记：按 {zone} 处理；如需其他时区请用 --timezone",
    "Values below zero were met: {kwh} kWh were fed back. They stand for themselves: the load below is what was "
    "drawn, and is 0 while energy was fed back.":
        "出现负值：上网电量 {kwh} kWh，单独计列；下文负荷只计用电，上网时段记为 0。",
    "Working days are those of China: say --country for others.": "工作日按中国日历；其他国家请用 --country。",
    "Values that are there": "数据完整率",
    "No value is missing.": "没有缺数。",
    "{days} of {all} days lack something.": "{all} 天中 {days} 天有缺数。",
    "What is there, day by day": "逐日数据完整情况",
    "{span}: no value is missing.": "{span}：无缺数。",
    "Few whole days ({days}): they tell nothing of other seasons, and little of what is usual.":
        "完整日只有 {days} 天：不能代表其他季节，也难以说明常态。",
    "{span}: {share} % of all values are there. The poorest day is {day} with {low} %.":
        "{span}：数据完整率 {share} %，最差的一天是 {day}，{low} %。",
    "meter": "电能表",
    "blue: whole, orange: missing": "蓝：完整，橙：缺数",
}  # fmt: skip
_LOAD = {
    "Load over the year": "全年负荷",
    "The load of {name}.": "对象：{name}。",
    "There is no moment at which all meters are known together: nothing can be added up.":
        "没有任何时刻全部电能表同时有数，无法合计。",
    "Every day at a glance": "负荷热力图",
    "Each column is a day, each row a time of day; the brighter, the higher the load. The highest was {top} kW on "
    "{day} at {clock}; on average the day is highest at {usual} and lowest at {least}.":
        "一列为一天，一行为一个时刻，越亮负荷越高。最大负荷 {top} kW，出现在 {day} {clock}；平均而言每日 {usual} 最高，"
        "{least} 最低。",
    "Grey: no value.": "灰色：无数据。",
    "time of day": "时刻",
    "Working day": "工作日",
    "Weekend and holiday": "周末及节假日",
    "The real day that is most like all others of its kind.": "典型日取同类日中与其余各日最接近的真实一天。",
    "{name}: {energy} kWh, highest {top} kW at {clock}, lowest {low} kW ({days} days).":
        "{name}：电量 {energy} kWh，{clock} 最高 {top} kW，最低 {low} kW（共 {days} 天）。",
    "Typical day": "典型日",
    "Shaded: where eight of ten days lie. Dashed: the mean of all days, which hides their peaks.":
        "阴影：八成日子所在范围。虚线：各日平均，会抹平尖峰。",
    "This load leaps about, and no real day is like its mean: of typical days {usual} kWh, of all {mean} kWh. For "
    "energy go by the mean.":
        "该负荷起伏很大，没有哪一天与平均日相似：典型日平均 {usual} kWh，全部日平均 {mean} kWh。看电量请以平均值为准。",
    "One day is whole: it took {energy} kWh.": "只有一天完整，电量 {energy} kWh。",
    "No day is whole, so no daily energy can be said.": "没有完整的一天，无法给出日电量。",
    "{mean} kWh on an average day; most on {top_day} ({top} kWh), least on {low_day} ({low} kWh). {days} of {all} "
    "days are whole.":
        "平均日电量 {mean} kWh；最多 {top_day}（{top} kWh），最少 {low_day}（{low} kWh）。{all} 天中 {days} 天完整。",
    "The line is the day's mean temperature, {low} to {high} °C.": "折线为日平均气温，{low} 至 {high} °C。",
    "Energy day by day": "逐日电量",
    "A day with more than 5 % of its values missing has no bar: it is not zero.":
        "缺数超过 5 % 的日子不画柱，并非为零。",
    "How long which load": "负荷持续曲线",
    "All values sorted from the highest to the lowest. For half of the time the load is above {half} kW; above 90 % "
    "of its highest ({top} kW) it is for {above} of {total} hours.":
        "全部数值由高到低排列。一半时间负荷高于 {half} kW；{total} 小时中有 {above} 小时高于最大值（{top} kW）的 90 %。",
    "90 % of the highest": "最大值的 90 %",
    "Across: share of the time.": "横轴：时间占比。",
}  # fmt: skip
_INDICATORS = {
    "Indicators": "负荷指标",
    "Means over the days that are whole.": "取完整日的平均值。",
    "No day has 95 % of its values: an indicator of it would mislead.": "没有一天数据达到 95 %，给出指标会误导。",
    "Energy a day": "日电量", "What is drawn on an average day.": "平均一天的用电量。",
    "Highest load of a day": "日最大负荷", "The highest interval of each day, on average.": "每日最高时段的平均。",
    "Base load": "基荷",
    "What runs day and night; much of it is worth a look at standby use.": "昼夜不停的负荷；偏高时值得查看待机用电。",
    "Load factor": "负荷率",
    "Mean over highest load: 100 % is perfectly even, low is peaky.": "平均负荷与最大负荷之比：100 % 最平稳，越低越尖。",
    "Peak-valley rate": "峰谷差率", "How far the load falls below its peak within a day.": "一天之内负荷从峰值下降的幅度。",
    "Steepest step": "最大爬坡",
    "The greatest change from one interval to the next, on average.": "相邻时段最大变化的平均。",
    "Hours near the peak": "尖峰持续时间",
    "How long a day stays within 5 % of its own highest load.": "负荷不低于当日最大值 95 % 的时长。",
    "Share at night": "夜间电量占比", "Energy from 22:00 to 06:00; a third would be an even load.":
        "22:00 至 06:00 的电量；平稳负荷为三分之一。",
    "Share by day": "日间电量占比", "Energy from 08:00 to 18:00; 42 % would be an even load.":
        "08:00 至 18:00 的电量；平稳负荷为 42 %。",
    "Spike ratio": "尖峰比",
    "The highest over the third-highest value of a day: far above 1 is odd.": "当日最高值与第三高值之比，远大于 1 即异常。",
    "Of {name}: {days} of {all} days, {share} % of their values known; none of them estimated here.":
        "{name}：{all} 天中的 {days} 天，其数据完整率 {share} %；此处没有估算值。",
    "Energy in the file": "文件内总电量",
    "The sum of what is known; nothing is added for what is missing.": "已有数据之和，缺数部分不补。",
    "Hours of use of the peak": "最大负荷利用小时",
    "Energy over the highest load ({top} kW): of {all} hours that are known.":
        "总电量除以最大负荷（{top} kW）；有数据的共 {all} 小时。",
    "Change from day to day": "日电量波动", "Spread of daily energies around their mean.": "日电量的标准差与平均值之比。",
    "Weekend to working day": "休息日与工作日之比",
    "Daily energy of days off over that of working days.": "休息日平均日电量与工作日之比。",
    "Highest load": "最大负荷", "The highest interval of all.": "全部时段的最高值。",
    "Bands": "时段", "The tariff's bands change within an interval: energy cannot be shared out by them.":
        "峰谷时段在本文件的一个间隔之内切换，电量无法分摊。",
    "No bands of a tariff are known here: --policies FOLDER names one with your bands.toml.":
        "没有适用的峰谷时段表：可用 --policies 指定含 bands.toml 的文件夹。",
    "Energy by band": "分时电量",
    "Sharp": "尖", "Peak": "峰", "Flat": "平", "Valley": "谷", "Deep valley": "深谷",
    "Of {total} kWh: {shares}. By the table “{table}”.": "共 {total} kWh：{shares}。时段表：“{table}”。",
    "The days with the highest peaks": "峰值最高的日子",
    "Rank": "序号", "Day": "日期", "Weekday": "星期", "Time": "时刻", "Known of the day": "当日完整率", "Mean °C": "平均气温 °C",
}  # fmt: skip
_MANY = {
    "All meters": "全部电能表",
    "Peaks together": "峰值同时性",
    "Coincidence factor": "同时率",
    "The highest sum is {peak} kW; added up, each meter's own highest come to {sum} kW. 1 would mean that all peak at "
    "once.":
        "合计最大 {peak} kW；各表自身最大值相加为 {sum} kW。等于 1 表示全部同时达到峰值。",
    "Common peak": "共同峰值时刻",
    "{known} of {all} meters have a value then.": "此刻 {all} 只表中 {known} 只有数。",
    "At the common peak the first {count} of {all} meters draw {share} % of all; {first} alone {one} %.":
        "共同峰值时刻，{all} 只表中前 {count} 只占 {share} %；{first} 一只占 {one} %。",
    "Who makes the common peak": "谁构成共同峰值",
    "Meter": "电能表", "Highest kW": "最大 kW", "Base kW": "基荷 kW", "At night": "夜间", "At common peak": "共同峰值时",
    "Coverage": "完整率",
    "Click a heading to sort. “At common peak”: what the meter draws then over its own highest.":
        "点击列标题排序。“共同峰值时”：该表此刻负荷与自身最大值之比。",
    "{count} meters of less energy are not listed.": "另有 {count} 只电量较小的表未列出。",
    "Meter by meter": "逐表一览",
}  # fmt: skip
_PROFILE = {
    "Profile": "用电画像",
    "What a degree costs": "气温敏感度",
    "No temperatures were given: with --temperature FILE the report says what a degree costs.":
        "未提供气温：加上 --temperature FILE 可得出每度气温对应的电量。",
    "There are no temperatures of these days.": "这些日子没有气温数据。",
    "Fewer than {least} whole days have a temperature.": "有气温的完整日不足 {least} 天。",
    "Temperature explains next to nothing of this load.": "气温几乎不能解释该负荷。",
    "Each degree below {limit} °C costs {kwh} kWh a day.": "低于 {limit} °C 时每低 1 °C，日电量增加 {kwh} kWh。",
    "Each degree above {limit} °C costs {kwh} kWh a day.": "高于 {limit} °C 时每高 1 °C，日电量增加 {kwh} kWh。",
    "Without either, a working day takes {base} kWh. The line explains {r2} % of the differences between {days} days.":
        "两者皆无时工作日用电 {base} kWh。该线解释了 {days} 天之间差异的 {r2} %。",
    "mean of the day, °C": "日平均气温，°C",
    "Each dot is a day.": "每点为一天。",
    "Shapes are left out: the interval does not make whole hours.": "未做形状分组：间隔不能整除小时。",
    "Shapes are left out: only {days} days are whole.": "未做形状分组：完整日只有 {days} 天。",
    "{count} shapes tell these days apart; the most frequent is “{name}” with {share} % of {days} days.":
        "共 {count} 种日负荷形状；最常见的是“{name}”，占 {days} 天的 {share} %。",
    "Sought again on half of the days, {score} of 1 agree (adjusted Rand index).":
        "用一半的日子重新分组，一致程度 {score}（调整兰德指数，满分 1）。",
    "Upwards: percent of the day's energy in an hour. Days are compared by shape, not by size.":
        "纵轴：每小时占当日电量的百分比。只比形状，不比大小。",
    "Shapes of days": "日负荷形状",
    "Usual shape": "常见形状", "Share of days": "占比", "Variety (bits)": "多样性（比特）", "Days looked at": "参与天数",
    "Variety is 0 where every day is alike and grows with how differently a meter's days go.":
        "多样性为 0 表示天天一样，越大表示各日差别越大。",
    "Which meter is like which": "各表所属形状",
}  # fmt: skip
_FORECAST = {
    "Forecast": "负荷预测",
    "Left out: a forecast needs {least} whole days, and there are {days}.":
        "从略：预测至少需要 {least} 个完整日，现有 {days} 个。",
    "Left out: too few of the last days are whole.": "从略：最近的完整日太少。",
    "The next day": "次日预测",
    "Do not rely on it: in the last days it was no better than the same day of the week before.":
        "请勿以此为据：最近几天并不优于直接取上周同日。",
    "Do not rely on its single values: they missed by {wape} % of the load in the last days.":
        "请勿以单个时刻的值为据：最近几天的误差达负荷的 {wape} %。",
    "For {day}, {weekday}: {energy} kWh expected, highest about {top} kW at {clock}. Eight of ten times the load "
    "should lie within the shaded band.":
        "{day}（{weekday}）：预计 {energy} kWh，{clock} 最高约 {top} kW。阴影为八成把握的区间。",
    "expected": "预测值",
    "Usual error (WAPE)": "平均误差（WAPE）",
    "Sum of all misses over the sum of the load. For single customers 20 to 30 % is usual.":
        "误差绝对值之和与负荷之和之比。单个用户一般为 20 至 30 %。",
    "Against last week's same day (MASE)": "与上周同日相比（MASE）",
    "Below 1: better than to repeat the day of a week before.": "小于 1：优于直接照搬上周同日。",
    "Within the band": "落在区间内",
    "How often the load really was in the shaded band; 80 % is what it is made for.":
        "实际负荷落在阴影内的比例；设计值为 80 %。",
    "Error of the peak": "峰值误差",
    "How far the day's highest load was missed, on average.": "每日最大负荷的平均偏差。",
    "What such a forecast is worth": "预测有多可信",
    "Tried on the last {days} days, each forecast with what was known the day before. Method: {method}.":
        "用最近 {days} 天检验，每天只用前一日已知的数据。方法：{method}。",
    "the mean of the five latest days of the same kind": "最近五个同类日的平均",
    "similar days, newer ones weighing more, moved to last week's level": "相似日加权（越近权重越大），并调整到上周水平",
}  # fmt: skip
_LOSS = {
    "Line loss": "线损",
    "There are no customers beside the area meter.": "除总表外没有用户表。",
    "On no day have the area meter and all of its customers every value: what is missing would look like loss, so "
    "nothing is said.":
        "没有一天总表与全部用户表都完整：缺数会被误认为损耗，因此不作结论。",
    "Of {supply} kWh that went in, {loss} kWh did not come out at a meter: {rate} %, on {days} of {all} days that are "
    "complete; day by day from {low} to {high} %.":
        "供电 {supply} kWh，损失 {loss} kWh，线损率 {rate} %（{all} 天中 {days} 天完整）；逐日 {low} 至 {high} %。",
    "Loss day by day": "逐日线损率",
    "Days with a missing value have no point.": "有缺数的日子不画点。",
    "More came out than went in: a meter that belongs to another area, a wrong ratio, or clocks that differ are the "
    "usual causes.":
        "售电多于供电：常见原因是用户表归属错误、倍率错误或时钟不一致。",
    "Who might explain the loss is left out: it takes {least} complete days, and there are {days}.":
        "未查找损耗来源：至少需要 {least} 个完整日，现有 {days} 个。",
    "No customer's energy goes along with the loss strongly enough to be worth a visit.":
        "没有哪一户的电量与损耗明显同步，暂无需到户核查。",
    "kWh a month": "每月 kWh", "80 % between": "八成把握区间", "Chance that anything is there": "存在问题的可能",
    "Where the loss rises and falls with a meter's own energy. It says where to look first, and nothing about "
    "anybody: wiring, ratio and a meter's age are the usual findings.":
        "损耗随该表电量同增同减。只说明先查哪里，不对任何人下结论：常见的是接线、倍率和表计老化。",
    "Where to look first": "建议先核查",
}  # fmt: skip
ZH: dict[str, str] = _FRAME | _READ | _LOAD | _INDICATORS | _MANY | _PROFILE | _FORECAST | _LOSS
