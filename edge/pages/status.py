"""The page as HTML: a snapshot in, text out. What needs a person stands first; every text is escaped."""

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from html import escape
from typing import Final
from urllib.parse import quote, urlencode

from edge.pages.snapshot import Snapshot
from edge.pages.words import Words
from edge.schedule import SILENT_FROM
from protocols.mqtt.messages import ClockState, LineHealth, MeterHealth, Storage, Supply
from protocols.quantities import QUANTITIES
from protocols.readings import Quality, Value

REFRESH_S: Final = 15
MOST_METERS: Final = 1000
GOOD, WARN, BAD, PLAIN = "good", "warn", "bad", ""
_MARKS: Final = {GOOD: "●", WARN: "▲", BAD: "■", PLAIN: ""}


def overview(shot: Snapshot, words: Words) -> str:
    """The first page: the verdict, the gateway, its lines, its meters, silent ones first."""
    body = "".join([_verdict(shot, words), _tiles(shot, words), _lines(shot, words), _meters(shot, words)])
    return _frame(shot, words, body, "")


def meter(shot: Snapshot, words: Words, name: str) -> str | None:
    """One meter's last values; None when there is no such meter."""
    one = next((each for each in shot.health.meters if each.meter == name), None)
    if one is None:
        return None
    back = f'<p><a href="{_link("/", words)}">← {escape(words["back"])}</a></p>'
    reading = shot.latest.get(name)
    body = f"<h2>{escape(name)}</h2>{_about(shot, words, one)}<h2>{escape(words['values'])}</h2>"
    if reading is None:
        return _frame(shot, words, f"{back}{body}<p>{escape(words['no_values'])}</p>", name)
    at = f"<p>{_clock_time(reading.at_ms)} ({_ago(shot.health.at_ms, reading.at_ms, words)})</p>"
    if reading.quality is not Quality.GOOD:
        at += (
            f'<p class="verdict warn">▲ {escape(words["quality"])}: {escape(words[str(reading.quality)])}</p>'
        )
    return _frame(shot, words, back + body + at + _values(reading.values, words), name)


def lost(words: Words) -> str:
    """There is no such page."""
    text, back = escape(words["not_found"]), escape(words["back"])
    return _document(
        words, words["title"], f'<main><p>{text}.</p><p><a href="{_link("/", words)}">{back}</a></p></main>'
    )


def _frame(shot: Snapshot, words: Words, body: str, name: str) -> str:
    path = f"/meter/{quote(name, safe='')}" if name else "/"
    head = (
        f"<header><h1>{escape(words['title'])} {escape(shot.health.gateway)}</h1>"
        f'<span class="at">{_clock_time(shot.health.at_ms)}</span>'
        f'<a class="language" href="{path}?lang={words.other}">{words["other"]}</a></header>'
    )
    warning = f'<p class="warning">{escape(words["dark"])}</p>'
    foot = f"<footer>{escape(words['read_only'].format(REFRESH_S))}</footer>"
    return _document(
        words, f"{words['title']} {shot.health.gateway}", f"{head}<main>{body}{warning}</main>{foot}"
    )


def _document(words: Words, title: str, body: str) -> str:
    return (
        f'<!doctype html><html lang="{words.html_language}"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f'<meta http-equiv="refresh" content="{REFRESH_S}"><title>{escape(title)}</title>'
        '<link rel="icon" href="data:,"><link rel="stylesheet" href="/page.css"></head>'
        f"<body>{body}</body></html>"
    )


def _verdict(shot: Snapshot, words: Words) -> str:
    """One sentence: what is wrong with lines and meters, or that nothing is."""
    down = [line.line for line in shot.health.lines if not line.connected]
    dark, total = {each.meter for each in shot.silent}, len(shot.health.meters)
    unheard = sum(each.answered_at_ms is None and each.meter not in dark for each in shot.health.meters)
    told = [f"{words['lines_down']}: {', '.join(down)}"] if down else []
    told += [f"{len(dark)} {words['silent']}"] if dark else []
    told += [f"{unheard} {words['unheard']}"] if unheard else []
    if not told:
        return f'<p class="verdict good">● {escape(words["all_answer"])} ({total})</p>'
    state = BAD if down or dark else WARN
    text = f"{'; '.join(told)} ({words['of']} {total})"
    return f'<p class="verdict {state}">{_MARKS[state]} {escape(text)}</p>'


# -- the gateway -------------------------------------------------------------------------------------------


def _tiles(shot: Snapshot, words: Words) -> str:
    return f'<dl class="tiles">{"".join(_tile(*each) for each in _facts(shot, words))}</dl>'


def _tile(name: str, state: str, value: str, more: str = "") -> str:
    mark = f'<span class="state {state}">{_MARKS[state]} {escape(value)}</span>' if state else escape(value)
    small = f"<small>{escape(more)}</small>" if more else ""
    return f"<div><dt>{escape(name)}</dt><dd>{mark}{small}</dd></div>"


def _facts(shot: Snapshot, words: Words) -> Iterator[tuple[str, str, str, str]]:
    health = shot.health
    linked = words["connected"] if shot.connected else words["not_connected"]
    yield words["broker"], GOOD if shot.connected else WARN, linked, "" if shot.connected else words["kept"]
    yield words["backlog"], *_backlog(shot, words)
    clock = {ClockState.SYNCED: GOOD, ClockState.UNSYNCED: BAD, ClockState.UNKNOWN: WARN}[health.clock]
    yield words["clock"], clock, words[str(health.clock)], ""
    stores = health.storage is Storage.OK
    used = f"{_size(shot.outbox_bytes)} / {_size(shot.outbox_cap_bytes)}"
    yield words["storage"], GOOD if stores else BAD, words[str(health.storage)], used
    if health.supply is not Supply.UNKNOWN:
        yield words["supply"], GOOD if health.supply is Supply.MAINS else WARN, words[str(health.supply)], ""
    cap = shot.month_cap_bytes
    over = cap is not None and shot.month_bytes > cap
    limit = f"/ {_size(cap)}" if cap is not None else ""
    yield (
        words["traffic"],
        (BAD if over else GOOD) if cap else PLAIN,
        f"≈ {_size(shot.month_bytes)}",
        limit,
    )


def _backlog(shot: Snapshot, words: Words) -> tuple[str, str, str]:
    room = f"{words['room']} {min(shot.outbox_days, 9999):.0f} {words['days']}"
    if not shot.health.backlog_readings:
        return GOOD, words["nothing"], room
    oldest = shot.health.oldest_at_ms
    since = f"{words['since']} {_clock_time(oldest)}; " if oldest is not None else ""
    state = BAD if shot.outbox_days < 1 else PLAIN if shot.connected else WARN
    return state, f"{shot.health.backlog_readings:,} {words['readings']}", since + room


# -- lines -------------------------------------------------------------------------------------------------


def _lines(shot: Snapshot, words: Words) -> str:
    cards = "".join(_line(shot, words, each) for each in shot.health.lines)
    return f'<h2>{escape(words["lines"])}</h2><dl class="cards">{cards}</dl>'


def _line(shot: Snapshot, words: Words, line: LineHealth) -> str:
    state, said = (GOOD, words["up"]) if line.connected else (BAD, words["down"])
    share = shot.plan.get(line.line)
    plan = words["plan_unknown"] if share is None else f"{words['plan']} {share:.0%}"
    faults = f"{line.noise_bytes:,} {words['noise']}, {line.bad_frames:,} {words['bad_frames']}"
    return (
        f"<div><dt>{escape(line.line)}</dt>"
        f'<dd><span class="state {state}">{_MARKS[state]} {escape(said)}</span> {escape(plan)}{_bar(share)}'
        f"<small>{escape(faults)}</small></dd></div>"
    )


def _bar(share: float | None) -> str:
    """How full, in steps of 5 %: widths are classes, since the page allows no style of its own."""
    if share is None:
        return ""
    step = min(20, round(share * 20))
    return f'<span class="bar"><i class="w{step}{" full" if share > 0.9 else ""}"></i></span>'


# -- meters ------------------------------------------------------------------------------------------------


def _meters(shot: Snapshot, words: Words) -> str:
    ordered = sorted(shot.health.meters, key=_rank)
    rows = "".join(_row(shot, words, each) for each in ordered[:MOST_METERS])
    head = (
        f"<tr><th>{escape(words['meter'])}</th><th>{escape(words['last'])}</th>"
        f'<th class="wide">{escape(words["line"])}</th>'
        f'<th class="number wide">{escape(words["success"])}</th></tr>'
    )
    more = len(ordered) - MOST_METERS
    rest = f"<p>{escape(words['more'].format(more))}</p>" if more > 0 else ""
    return (
        f"<h2>{escape(words['meters'])}</h2><table><thead>{head}</thead><tbody>{rows}</tbody></table>{rest}"
    )


def _rank(each: MeterHealth) -> tuple[bool, bool, int, str]:
    """Silent first, then those never heard, then the longest not heard."""
    silent = each.unanswered >= SILENT_FROM
    return not silent, each.answered_at_ms is not None, each.answered_at_ms or 0, each.meter


def _row(shot: Snapshot, words: Words, each: MeterHealth) -> str:
    path = _link("/meter/" + quote(each.meter, safe=""), words)
    ago = _ago(shot.health.at_ms, each.answered_at_ms, words)
    return (
        f'<tr><td><a href="{path}">{escape(each.meter)}</a></td><td>{_state(words, each)} {ago}</td>'
        f'<td class="wide">{escape(each.line)}</td><td class="number wide">{_share(each)}</td></tr>'
    )


def _state(words: Words, each: MeterHealth) -> str:
    if each.unanswered >= SILENT_FROM:
        return f'<span class="state bad">■ {escape(words["silent"])}</span>'
    if each.answered_at_ms is None:
        return f'<span class="state warn">▲ {escape(words["unknown"])}</span>'
    return f'<span class="state good">● {escape(words["answers"])}</span>'


def _about(shot: Snapshot, words: Words, one: MeterHealth) -> str:
    facts = [
        (words["last"], _ago(shot.health.at_ms, one.answered_at_ms, words), ""),
        (words["line"], escape(one.line), ""),
        (words["success"], _share(one), f"{one.answered:,} / {one.asked:,}"),
        (words["interval"], f"{shot.intervals.get(one.meter, 0):,} s", ""),
    ]
    if one.unanswered:
        facts.append((words["unanswered"], f"{one.unanswered:,}", ""))
    tiles = "".join(
        f"<div><dt>{escape(name)}</dt><dd>{value}<small>{more}</small></dd></div>"
        for name, value, more in facts
    )
    return f'<p>{_state(words, one)}</p><dl class="tiles">{tiles}</dl>'


def _values(values: Mapping[str, Value], words: Words) -> str:
    rows = "".join(
        f'<tr><td>{escape(words.quantity(name))}</td><td class="number">{_number(name, value)}</td></tr>'
        for name, value in values.items()
    )
    return f"<table><tbody>{rows}</tbody></table>"


def _number(name: str, value: Value) -> str:
    """Energies in kWh as a meter shows them; the rest in its own unit."""
    unit = QUANTITIES[name].unit
    if unit in ("Wh", "varh", "VAh"):
        return f"{value / 1000:,.2f} k{unit}"
    shown = f"{value:,.3f}".rstrip("0").rstrip(".") if isinstance(value, float) else f"{value:,}"
    return escape(f"{shown} {unit}".removesuffix(" 1"))


def _share(each: MeterHealth) -> str:
    return f"{each.answered / each.asked:.1%}" if each.asked else "–"


def _link(path: str, words: Words) -> str:
    return f"{path}?{urlencode({'lang': words.language})}"


def _clock_time(at_ms: int) -> str:
    """In the gateway's own time zone, with seconds; a phone's owner compares it with a watch."""
    return f"{datetime.fromtimestamp(at_ms / 1000, UTC).astimezone():%Y-%m-%d %H:%M:%S}"


def _ago(now_ms: int, at_ms: int | None, words: Words) -> str:
    if at_ms is None:
        return escape(words["never"])
    seconds = max(0, now_ms - at_ms) // 1000
    for size, unit in ((86_400, "d"), (3600, "h"), (60, "min")):
        if seconds >= 2 * size:
            return escape(words[f"ago_{unit}"].format(seconds // size))
    return escape(words["ago_s"].format(seconds))


def _size(count: int) -> str:
    for size, unit in ((1 << 30, "GiB"), (1 << 20, "MiB"), (1 << 10, "KiB")):
        if count >= size:
            return f"{count / size:,.1f} {unit}"
    return f"{count} B"
