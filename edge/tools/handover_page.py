"""The page of a handover as text, as one self-contained HTML file, and as facts for a program."""

import dataclasses
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from html import escape
from importlib import resources
from typing import Any, Final

from edge.settings import MeterSettings
from edge.tools import chosen
from edge.tools.checks import TITLES, Check, Grade, worst
from edge.tools.stored import Confirmation
from edge.volume import Month

MARKS: Final = {Grade.OK: "✓", Grade.LOOK: "?", Grade.FAIL: "✗", Grade.UNKNOWN: "–"}
VERDICTS: Final = {
    Grade.OK: ("可以移交", "can be handed over"),
    Grade.LOOK: ("移交前请查看带 ? 的项目", "look at what is marked ? first"),
    Grade.FAIL: ("不能移交", "cannot be handed over"),
}
STYLES: Final = {Grade.OK: "good", Grade.LOOK: "warn", Grade.FAIL: "bad", Grade.UNKNOWN: "warn"}
MEBI: Final = 1 << 20


@dataclass(frozen=True, slots=True)
class Handover:
    """All that was measured; `meters` holds (line, meter, its checks)."""

    gateway: str
    at: datetime
    clock: str
    meters: Sequence[tuple[str, MeterSettings, list[Check]]]
    month: Month
    cap_bytes: int | None
    interval_s: int
    stored: Confirmation

    @property
    def within_cap(self) -> bool:
        return self.cap_bytes is None or self.month.total <= self.cap_bytes

    @property
    def grade(self) -> Grade:
        """Fails with any meter, with the cap, and without the cloud's word."""
        if not self.stored.confirmed or not self.within_cap:
            return Grade.FAIL
        return worst([check for _, _, checks in self.meters for check in checks])

    def traffic(self) -> str:
        cap = (
            f"of {self.cap_bytes / MEBI:.1f} MiB a month"
            if self.cap_bytes
            else "(no sim_card.bytes_per_month given)"
        )
        parts = f"readings {self.month.readings / MEBI:.1f}, health {self.month.health / MEBI:.1f}"
        return f"{self.month.total / MEBI:.1f} MiB {cap}: {parts}, headers {self.month.overhead / MEBI:.1f}"

    def confirmation(self) -> str:
        return self.stored.says if self.stored.confirmed else f"NOT CONFIRMED: {self.stored.says}"


def text(page: Handover) -> str:
    """For a terminal: what fails is told, what is well is counted."""
    return "\n".join(_lines(page))


def _lines(page: Handover) -> Iterator[str]:
    chinese, english = VERDICTS[page.grade]
    yield f"{page.gateway}, {page.at:%Y-%m-%d %H:%M:%S %z}: {MARKS[page.grade]} {english} · {chinese}"
    yield ""
    for line, meter, checks in page.meters:
        yield f"{MARKS[worst(checks)]} {meter.id}  {meter.address or meter.unit}  {meter.model}  ({line})"
        for check in checks:
            title = " ".join(reversed(TITLES[check.what]))
            yield f"    {MARKS[check.grade]} {title}: {check.says}"
    yield ""
    yield f"{'✓' if page.within_cap else '✗'} traffic 流量: {page.traffic()}"
    yield f"{'✓' if page.stored.confirmed else '✗'} stored by the cloud 主站确认: {page.confirmation()}"
    yield f"  the gateway's own clock 终端时钟: {page.clock}"
    yield f"\n{chosen.DARK}\n{chosen.DARK_ZH}"


def as_facts(page: Handover) -> dict[str, Any]:
    return {
        "gateway": page.gateway,
        "at": page.at.isoformat(timespec="seconds"),
        "grade": page.grade,
        "clock": page.clock,
        "meters": [
            {
                "meter": meter.id, "line": line, "address": meter.address, "unit": meter.unit,
                "model": meter.model, "grade": worst(checks),
                "checks": [dataclasses.asdict(each) for each in checks],
            }
            for line, meter, checks in page.meters
        ],
        "month": dataclasses.asdict(page.month) | {"total": page.month.total, "cap_bytes": page.cap_bytes},
        "stored": dataclasses.asdict(page.stored),
        "warning": chosen.DARK,
    }  # fmt: skip


def html(page: Handover) -> str:
    """One file without anything outside it: to print, to send, to keep."""
    style = (resources.files("edge.pages") / "page.css").read_text(encoding="utf-8")
    chinese, english = VERDICTS[page.grade]
    verdict = f'<p class="verdict {STYLES[page.grade]}">{MARKS[page.grade]} {chinese} · {english}</p>'
    facts = [
        ("流量 traffic", "good" if page.within_cap else "bad", page.traffic()),
        ("主站确认 stored by the cloud", "good" if page.stored.confirmed else "bad", page.confirmation()),
        ("终端时钟 clock", "", page.clock),
    ]
    tiles = "".join(
        f'<div><dt>{name}</dt><dd class="{look}">{escape(said)}</dd></div>' for name, look, said in facts
    )
    meters = "".join(_meter(*each) for each in page.meters)
    title = f"移交单 handover {escape(page.gateway)}"
    return (
        '<!doctype html><html lang="zh-CN"><head><meta charset="utf-8">'
        f'<meta name="viewport" content="width=device-width, initial-scale=1"><title>{title}</title>'
        f"<style>{style}{_PRINT}</style></head><body><header><h1>{title}</h1>"
        f'<span class="at">{page.at:%Y-%m-%d %H:%M:%S}</span></header><main>{verdict}'
        f'<dl class="tiles">{tiles}</dl>{meters}'
        f'<p class="warning">{chosen.DARK_ZH} {chosen.DARK}</p>'
        '<p class="signed">移交 handed over: __________ 接收 received: __________ 日期 date: __________</p>'
        "</main></body></html>"
    )


_PRINT: Final = (
    ".tiles { grid-template-columns: repeat(auto-fill, minmax(min(18rem, 100%), 1fr)) !important; }"
    ".signed { margin: 2.5rem 0; } td { overflow-wrap: anywhere; } td:first-child { width: 14rem; } "
    "@media (max-width: 30rem) { td { display: block; } td:first-child { width: auto; } } "
    "@media print { body { font-size: 11px; background: none; } table { break-inside: avoid; } }"
)


def _meter(line: str, meter: MeterSettings, checks: list[Check]) -> str:
    rows = "".join(
        f'<tr><td><span class="state {STYLES[each.grade]}">{MARKS[each.grade]}</span> '
        f"{' '.join(TITLES[each.what])}</td><td>{escape(each.says)}</td></tr>"
        for each in checks
    )
    grade = worst(checks)
    head = f"{meter.id} · {meter.address or meter.unit} · {meter.model} · {line}"
    return (
        f'<h2><span class="state {STYLES[grade]}">{MARKS[grade]}</span> {escape(head)}</h2>'
        f"<table><tbody>{rows}</tbody></table>"
    )
