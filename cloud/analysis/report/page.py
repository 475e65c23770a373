"""What a report is made of, and the one HTML file it becomes: nothing fetched, nothing run but sorting."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from html import escape

from cloud.analysis.report.style import SORT, STYLE

WIDE, NARROW = 760, 344
"""Each chart is drawn for a desk and for a phone; the page shows the one that fits."""
LONG = 25
"""A table of more rows scrolls within itself."""


@dataclass(frozen=True, slots=True)
class Figure:
    """`draw` makes the SVG for a width in px; `sentence` says what it shows, with the numbers in it."""

    title: str
    sentence: str
    draw: Callable[[int], str]
    note: str = ""


@dataclass(frozen=True, slots=True)
class Cell:
    """`text` as people read it, `key` as it sorts."""

    text: str
    key: float | None = None


@dataclass(frozen=True, slots=True)
class Table:
    """`head` of names; rows of cells; columns from `numbers_from` on are numbers. `sortable` by a click."""

    title: str
    head: Sequence[str]
    rows: Sequence[Sequence[Cell | str]]
    numbers_from: int = 1
    sortable: bool = False
    note: str = ""


@dataclass(frozen=True, slots=True)
class Fact:
    """One number: what it is called, what it is, and in one sentence what that means."""

    name: str
    value: str
    sentence: str = ""


@dataclass(frozen=True, slots=True)
class Facts:
    title: str
    facts: Sequence[Fact]
    note: str = ""


@dataclass(frozen=True, slots=True)
class Text:
    text: str


Block = Figure | Table | Facts | Text


@dataclass(slots=True)
class Section:
    """`figures` is the same for machines. Where `reason` is given there was nothing to be said, and why."""

    key: str
    title: str
    blocks: list[Block] = field(default_factory=list)
    figures: dict[str, object] = field(default_factory=dict)
    lead: str = ""
    reason: str = ""


def page(title: str, subtitle: str, sections: Sequence[Section], language: str, contents: str) -> str:
    """The whole file."""
    links = "".join(f'<li><a href="#{each.key}">{escape(each.title)}</a></li>' for each in sections)
    body = _tied("".join(map(_section, sections)))
    return (
        f'<!doctype html><html lang="{language}"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width,initial-scale=1">'
        '<meta name="color-scheme" content="light dark"><link rel="icon" href="data:,">'
        f"<title>{escape(title)}</title><style>{STYLE}</style></head><body>"
        f"<header><h1>{escape(title)}</h1><p>{escape(subtitle)}</p></header>"
        f'<nav aria-label="{escape(contents)}"><ol>{links}</ol></nav><main>{body}</main>'
        f"<script>{SORT}</script></body></html>\n"
    )


def _tied(text: str) -> str:
    """A number and its unit stay on one line."""
    for unit in ("%", "kWh", "kW", "°C", "h<"):
        text = text.replace(f" {unit}", f"\u00a0{unit}")
    return text.replace("。 ", "。")


def _section(section: Section) -> str:
    lead = f'<p class="lead">{escape(section.lead)}</p>' if section.lead else ""
    reason = f'<p class="reason">{escape(section.reason)}</p>' if section.reason else ""
    body = "".join(map(_block, section.blocks))
    return f'<section id="{section.key}"><h2>{escape(section.title)}</h2>{lead}{reason}{body}</section>'


def _block(block: Block) -> str:
    if isinstance(block, Figure):
        return _figure(block)
    if isinstance(block, Table):
        return _table(block)
    if isinstance(block, Facts):
        return _facts(block)
    return f"<p>{escape(block.text)}</p>"


def _figure(figure: Figure) -> str:
    return (
        f"<figure><h3>{escape(figure.title)}</h3><p>{escape(figure.sentence)}</p>"
        f'<div class="wide">{figure.draw(WIDE)}</div><div class="narrow">{figure.draw(NARROW)}</div>'
        f"{_note(figure.note)}</figure>"
    )


def _table(table: Table) -> str:
    scope = ' class="sort" tabindex="0"' if table.sortable else ""
    head = "".join(
        f'<th scope="col"{" data-n" * (n >= table.numbers_from)}{scope}>{escape(name)}</th>'
        for n, name in enumerate(table.head)
    )
    rows = "".join(f"<tr>{_cells(row, table.numbers_from)}</tr>" for row in table.rows)
    title = f"<h3>{escape(table.title)}</h3>" if table.title else ""
    return (
        f'{title}<div class="scroll{" long" * (len(table.rows) > LONG)}"><table>'
        f"<thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table></div>"
        f"{_note(table.note)}"
    )


def _cells(row: Sequence[Cell | str], numbers_from: int) -> str:
    made = []
    for number, cell in enumerate(row):
        text, key = (cell, None) if isinstance(cell, str) else (cell.text, cell.key)
        kind = ' class="n"' if number >= numbers_from else ""
        sort = "" if key is None else f' data-k="{key:.6g}"'
        made.append(f"<td{kind}{sort}>{escape(text)}</td>")
    return "".join(made)


def _facts(facts: Facts) -> str:
    items = "".join(
        f"<div><dt>{escape(each.name)}</dt><dd><b>{escape(each.value)}</b>"
        + (f"<span>{escape(each.sentence)}</span>" if each.sentence else "")
        + "</dd></div>"
        for each in facts.facts
    )
    title = f"<h3>{escape(facts.title)}</h3>" if facts.title else ""
    return f"{title}<dl>{items}</dl>{_note(facts.note)}"


def _note(text: str) -> str:
    return f'<p class="note">{escape(text)}</p>' if text else ""
