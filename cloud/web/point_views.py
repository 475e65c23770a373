"""What the pages of the registry over time show: points, their timelines, events in words, diff reports."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, Row

from cloud.customers.points import view as points_view
from cloud.customers.points.view import History
from cloud.fleet import events, registry, topology
from cloud.kit.errors import CloudError
from cloud.metering.fieldwork.checks import Doubted
from cloud.web.language import Words, mark
from cloud.web.quantities import name_of, value_of

WIDTH = 1000
NARROWEST = 12.0
"""What happened today is seen beside what was so for years."""
SHORTEST = timedelta(days=30)
KINDS = {
    "exchange": mark("Meter exchange"),
    "removal": mark("Meter removal"),
    "ratio": mark("Ratio change"),
    "move": mark("Move to another area"),
}
DOUBTS = {
    "below_last": mark("less than the last known value"),
    "far_above": mark("more than the meter can have counted since"),
    "bands": mark("the total is not the sum of the bands"),
    "still_heard": mark("the removed meter was still heard afterwards"),
    "nothing_known": mark("no earlier reading to hold it against"),
    "registers_missing": mark("the register values were not told"),
}
OUTCOMES = {
    "done": ("good", mark("taken over")),
    "unchanged": ("none", mark("nothing changed")),
    "refused": ("bad", mark("refused")),
}
FIELDS = {
    "name": mark("Name"),
    "area": mark("Area"),
    "feeder": mark("Feeder"),
    "section": mark("Section"),
    "area_name": mark("Area's name"),
    "area_kind": mark("Public or dedicated"),
    "capacity_kva": mark("Transformer capacity"),
    "manager": mark("Area manager"),
    "deputy": mark("Deputy"),
    "box": mark("Meter box"),
    "role": mark("Use"),
    "side": mark("Side of metering"),
    "phase": mark("Phase"),
    "parent": mark("Deducted from"),
    "ct_ratio": mark("CT ratio"),
    "pt_ratio": mark("PT ratio"),
    "meter": mark("Meter"),
    "asset_no": mark("Asset number"),
    "address": mark("Address"),
    "model": mark("Model"),
    "gateway": mark("Gateway"),
    "line": mark("Line"),
    "interval_s": mark("Reading interval"),
    "account": mark("Account"),
}
THINGS = {
    "area": mark("Area"),
    "gateway": mark("Gateway"),
    "meter": mark("Meter"),
    "point": mark("Metering point"),
}


@dataclass(frozen=True, slots=True)
class Bar:
    """One span of a track; x and width of `WIDTH`."""

    x: float
    width: float
    text: str
    start: datetime | None
    end: datetime | None


@dataclass(frozen=True, slots=True)
class Track:
    name: str
    bars: list[Bar]


def found(connection: Connection, wanted: str, limit: int) -> list[Row[Any]]:
    """The points that fit to what was typed, as they are now."""
    names = points_view.found(connection, wanted, limit)
    return list(topology.points_named(connection, names))


def waiting(connection: Connection) -> list[dict[str, Any]]:
    """Exchanges whose new meter has not been heard."""
    rows = events.events(connection, unproven=True)
    return [{"point": row.point, "meter": row.installed, "at": row.at, "by": row.by} for row in rows]


def area_names(connection: Connection, history: History) -> dict[str, str]:
    return registry.area_names(connection, {place.area for place in history.places})


def point(
    id: str,  # noqa: A002
    history: History,
    names: Mapping[str, str],
    words: Words,
    now: datetime,
) -> dict[str, Any]:
    place = history.places[-1] if history.places else None
    meter = next((each.meter for each in reversed(history.meters) if each.end is None), None)
    account = next((each.account for each in reversed(history.accounts) if each.end is None), None)
    return {
        "id": id,
        "name": history.name,
        "place": place,
        "area_name": names.get(place.area, "") if place else "",
        "meter": meter,
        "account": account,
        "tracks": _tracks(history, names, words, now),
        "events": [_event(row, words) for row in reversed(history.events)],
        "reads": [_read(row, words) for row in history.reads],
        "unproven": [row for row in history.events if row.installed and row.proven_at is None],
    }


def _tracks(history: History, names: Mapping[str, str], words: Words, now: datetime) -> list[Track]:
    known: Sequence[Any] = [*history.meters, *history.places, *history.accounts]
    times = [at for each in known for at in (each.start, each.end) if at is not None]
    first = min([*times, now - SHORTEST])
    scale = _scale(first, now)
    of_area: Callable[[Any], str] = lambda each: names.get(each.area, each.area)  # noqa: E731
    of_ratio: Callable[[Any], str] = lambda each: f"K {each.ct_ratio * each.pt_ratio:g}"  # noqa: E731
    return [
        Track(words.text("Meter"), _bars(history.meters, lambda each: each.meter, scale)),
        Track(words.text("Ratio K"), _bars(history.places, of_ratio, scale)),
        Track(words.text("Area"), _bars(history.places, of_area, scale)),
        Track(words.text("Account"), _bars(history.accounts, lambda each: each.account, scale)),
    ]


def _scale(first: datetime, now: datetime) -> Callable[[datetime | None, float], float]:
    whole = (now - first) / timedelta(seconds=1) or 1.0

    def x(at: datetime | None, otherwise: float) -> float:
        return otherwise if at is None else round(WIDTH * ((at - first) / timedelta(seconds=1)) / whole, 1)

    return x


def _bars(
    spans: Iterable[Any], text: Callable[[Any], str], scale: Callable[[datetime | None, float], float]
) -> list[Bar]:
    """Neighbours that say the same here are one bar."""
    found: list[Bar] = []
    for each in spans:
        start, end, said = each.start, each.end, text(each)
        if found and found[-1].text == said and found[-1].end == start:
            start, found = found[-1].start, found[:-1]
        x = min(scale(start, 0.0), WIDTH - NARROWEST)
        found.append(Bar(x, max(scale(end, float(WIDTH)) - x, NARROWEST), said, start, end))
    return found


def _event(row: Row[Any], words: Words) -> dict[str, Any]:
    changed = [
        f"{_field(name, words)} {_plain(row.old.get(name))} → {_plain(value)}"
        for name, value in row.new.items()
        if row.old.get(name) != value
    ]
    return {
        "kind": words.text(KINDS[row.kind]),
        "at": row.at,
        "changed": changed,
        "removed": _values(row.removed_registers, words),
        "installed": _values(row.installed_registers, words),
        "doubts": _doubts(row.doubts, words),
        "by": row.by,
        "why": row.why,
        "unproven": row.installed is not None and row.proven_at is None,
        "proven_at": row.proven_at,
    }


def _read(row: Row[Any], words: Words) -> dict[str, Any]:
    values = _values(row.registers, words)
    doubts = _doubts(row.doubts, words)
    names = ("id", "meter", "at", "photo", "by", "why", "replaces")
    return {name: row._mapping[name] for name in names} | {"values": values, "doubts": doubts}


def _values(registers: Mapping[str, int], words: Words) -> list[tuple[str, str]]:
    return [
        (name_of(quantity, words), value_of(quantity, value, words)) for quantity, value in registers.items()
    ]


def _doubts(doubts: Iterable[Mapping[str, str]], words: Words) -> list[tuple[str, str]]:
    told = ((each["doubt"], each["despite"]) for each in doubts)
    return [(words.text(DOUBTS[doubt]), despite) for doubt, despite in told]


def refusal(error: CloudError, words: Words) -> dict[str, Any]:
    """Why a form was not taken: in our words where it is a doubt, else as it was said."""
    if isinstance(error, Doubted):
        lines = [
            f"{name_of(each.quantity, words)}: {words.text(DOUBTS[each.doubt])}"
            if each.quantity
            else words.text(DOUBTS[each.doubt])
            for each in error.doubts
        ]
        return {"doubts": lines, "detail": ""}
    return {"doubts": [], "detail": str(error)}


def import_row(row: Row[Any], words: Words) -> dict[str, Any]:
    sign, outcome = OUTCOMES[row.outcome]
    names = ("id", "file", "system", "as_of", "at", "by")
    shown = {name: row._mapping[name] for name in names}
    return shown | {"sign": sign, "outcome": words.text(outcome), "counts": row.report["counts"]}


def report(report: Mapping[str, Any], words: Words) -> dict[str, Any]:
    """The lists of a diff report with things and fields in words."""
    return {
        "added": [(_thing(kind, words), name) for kind, name in report["added"]],
        "ended": [(_thing(kind, words), name) for kind, name in report["ended"]],
        "changed": [
            {
                "thing": _thing(each["kind"], words),
                "id": each["id"],
                "point": each["id"] if each["kind"] == "point" else None,
                "field": _field(each["field"], words),
                "old": _plain(each["old"]),
                "new": _plain(each["new"]),
                "row": each["row"],
            }
            for each in report["changed"]
        ],
        "refused": report["refused"],
    }


def _thing(kind: str, words: Words) -> str:
    return words.text(THINGS[kind]) if kind in THINGS else kind


def _field(name: str, words: Words) -> str:
    return words.text(FIELDS[name]) if name in FIELDS else name


def _plain(value: Any) -> str:
    if value is None:
        return "–"
    return f"{value:g}" if isinstance(value, float) else str(value)
