"""The page's words in Chinese and English; which of the two a browser wants."""

from collections.abc import Mapping
from typing import Final

LANGUAGES: Final = ("zh", "en")

WORDS: Final[Mapping[str, tuple[str, str]]] = {
    "title": ("采集终端", "Gateway"),
    "other": ("English", "中文"),
    "all_answer": ("全部电能表有应答", "All meters answer"),
    "silent": ("无应答", "silent"),
    "of": ("共", "of"),
    "meters": ("电能表", "Meters"),
    "meter": ("电能表", "Meter"),
    "lines": ("线路", "Lines"),
    "line": ("线路", "Line"),
    "lines_down": ("线路断开", "line down"),
    "unheard": ("尚未应答", "not heard yet"),
    "clock": ("时钟", "Clock"),
    "synced": ("已同步", "in step"),
    "unsynced": ("未同步", "not in step"),
    "unknown": ("未知", "unknown"),
    "broker": ("主站连接", "Broker"),
    "connected": ("已连接", "connected"),
    "not_connected": ("未连接", "not connected"),
    "kept": ("数据保存在本机", "readings are kept here"),
    "backlog": ("待上送", "Waiting to be sent"),
    "nothing": ("无", "nothing"),
    "readings": ("条", "readings"),
    "since": ("最早", "oldest"),
    "room": ("断网还可保存", "without the cloud, room for"),
    "days": ("天", "days"),
    "storage": ("存储", "Disk"),
    "ok": ("正常", "well"),
    "fault": ("故障：不接收数据", "fault: nothing is accepted"),
    "supply": ("终端供电", "Supply"),
    "mains": ("市电", "mains"),
    "backup": ("备用电池", "battery"),
    "traffic": ("月流量", "Traffic a month"),
    "up": ("通", "open"),
    "down": ("断", "down"),
    "noise": ("干扰字节", "noise bytes"),
    "bad_frames": ("坏帧", "bad frames"),
    "plan": ("占用", "in use"),
    "plan_unknown": ("速率未给出", "speed not told"),
    "answers": ("有应答", "answers"),
    "never": ("从未", "never"),
    "ago_d": ("{} 天前", "{} d ago"),
    "ago_h": ("{} 小时前", "{} h ago"),
    "ago_min": ("{} 分钟前", "{} min ago"),
    "ago_s": ("{} 秒前", "{} s ago"),
    "last": ("最近应答", "Last answer"),
    "unanswered": ("连续未应答", "Unanswered in a row"),
    "success": ("应答率", "Answered"),
    "interval": ("采集间隔", "Interval"),
    "values": ("最近数据", "Last values"),
    "no_values": ("尚无数据", "no values yet"),
    "back": ("返回", "back"),
    "more": ("另有 {} 只未列出", "{} more are not listed"),
    "dark": (
        "无应答或显示 0 V 不等于已停电：作业前必须验电。",
        "Silent or 0 V is not de-energised: test for voltage before you touch anything.",
    ),
    "read_only": ("本页只读，每 {} 秒刷新", "read-only, refreshed every {} s"),
    "quality": ("数据质量", "Quality"),
    "clock_unsure": ("终端时钟未校准", "the gateway's clock is not proved"),
    "meter_clock_off": ("表计时钟超差", "the meter's clock is off"),
    "suspect": ("存疑", "doubtful"),
    "not_found": ("没有这一页", "There is no such page"),
}

_STEMS: Final[Mapping[str, tuple[str, str]]] = {
    "energy_import": ("正向有功电量", "energy import"),
    "energy_export": ("反向有功电量", "energy export"),
    "reactive_energy_import": ("正向无功电量", "reactive energy import"),
    "reactive_energy_export": ("反向无功电量", "reactive energy export"),
    "reactive_energy": ("无功电量", "reactive energy"),
    "apparent_energy": ("视在电量", "apparent energy"),
    "voltage": ("电压", "voltage"),
    "current": ("电流", "current"),
    "power_factor": ("功率因数", "power factor"),
    "power": ("有功功率", "power"),
    "reactive_power": ("无功功率", "reactive power"),
    "apparent_power": ("视在功率", "apparent power"),
    "frequency": ("频率", "frequency"),
    "demand_power": ("需量", "demand"),
    "temperature": ("温度", "temperature"),
    "clock_offset": ("时钟偏差", "clock offset"),
}
_PARTS: Final[Mapping[str, tuple[str, str]]] = {
    "l1": ("A 相", "L1"), "l2": ("B 相", "L2"), "l3": ("C 相", "L3"), "n": ("中性线", "neutral"),
    "t1": ("费率 1", "band 1"), "t2": ("费率 2", "band 2"), "t3": ("费率 3", "band 3"),
    "t4": ("费率 4", "band 4"), "q1": ("一象限", "quadrant 1"), "q2": ("二象限", "quadrant 2"),
    "q3": ("三象限", "quadrant 3"), "q4": ("四象限", "quadrant 4"),
}  # fmt: skip
_UNITS: Final = ("_wh", "_varh", "_vah", "_v", "_a", "_w", "_var", "_va", "_hz", "_c", "_s")


class Words:
    """`words["meters"]` in one language; an unknown word shows itself, so that it is seen."""

    def __init__(self, language: str) -> None:
        self.language = language
        self._at = LANGUAGES.index(language)

    def __getitem__(self, word: str) -> str:
        return WORDS[word][self._at] if word in WORDS else word

    @property
    def html_language(self) -> str:
        return ("zh-CN", "en")[self._at]

    @property
    def other(self) -> str:
        return LANGUAGES[1 - self._at]

    def quantity(self, name: str) -> str:
        """A quantity's name for a person; the vocabulary's own where no word is known."""
        stem = next((name.removesuffix(unit) for unit in _UNITS if name.endswith(unit)), name)
        head, _, tail = stem.rpartition("_")
        if tail in _PARTS and head in _STEMS:
            return f"{_STEMS[head][self._at]} {_PARTS[tail][self._at]}"
        return _STEMS[stem][self._at] if stem in _STEMS else name


def wanted(accept_language: str) -> str:
    """The first of the browser's languages that is ours; Chinese where none is."""
    weighed = []
    for place, part in enumerate(accept_language.split(",")[:20]):
        tag, _, rest = part.strip().partition(";")
        weighed.append((-_weight(rest), place, tag.strip().lower()[:2]))
    return next((tag for weight, _, tag in sorted(weighed) if tag in LANGUAGES and weight < 0), "zh")


def _weight(rest: str) -> float:
    try:
        return float(rest.strip().removeprefix("q=") or 1)
    except ValueError:
        return 0.0
