"""Says what a meter's memory holds: load records, freezes and event records, as plain values and as lines."""

from collections.abc import Iterator, Mapping
from datetime import datetime
from decimal import Decimal
from typing import Any

from protocols.dlt645 import events, freezes, load_records
from protocols.dlt645.demands import MaxDemand
from protocols.dlt645.identifiers import lookup
from protocols.errors import FrameError

Explained = dict[str, Any]


def fields(di: str, data: bytes) -> Explained:
    """`records`, `freeze` or `event` for the answer to such a DI, `reason` when it cannot be read."""
    try:
        return _fields(di, data)
    except FrameError as error:
        return {"reason": error.reason}


def request_fields(di: str, behind_di: bytes) -> Explained:
    """`count` and `from` of a request for load records."""
    if not di.startswith("06") or not behind_di:
        return {}
    try:
        count, at = load_records.asked(behind_di)
    except FrameError as error:
        return {"reason": error.reason}
    return {"count": count} | ({"from": _text(at)} if at else {})


def lines(explained: Explained) -> Iterator[tuple[str, str]]:
    """What `fields` and `request_fields` found, a line for each: its name and its meaning."""
    if "count" in explained:
        since = f", from {explained['from']} (the meter's time)" if "from" in explained else ""
        yield "asked", f"{explained['count']} load record{'s' * (explained['count'] != 1)}{since}"
    for record in explained.get("records", []):
        mark = "" if record["sound"] else ": marked as incorrect by the meter"
        yield "load record", f"{record['stamp']} (the meter's time){mark}"
        yield from _register_lines(record["values"])
    if "freeze" in explained:
        yield "frozen at", f"{explained['freeze']['stamp'] or 'not stamped'}"
        yield from _register_lines(explained["freeze"]["values"])
        yield from _demand_lines(explained["freeze"]["demands"])
    if "event" in explained:
        yield from _event_lines(explained["event"])


def _fields(di: str, data: bytes) -> Explained:
    if di.startswith("06"):
        return {"records": [_record(each) for each in load_records.decode(data, di)]}
    if di.startswith("05") and di[4:6] == "FF":
        return {"freeze": _freeze(freezes.decode(di, data))}
    event = events.event_of(di)
    if event is not None and di != event.count_di and di[6:] != "00":
        return {"event": _event(events.decode_record(di, data))}
    return {}


def _record(record: load_records.LoadRecord) -> Explained:
    return {"stamp": _text(record.stamp), "sound": record.sound, "values": _registers(record.numbers)}


def _freeze(freeze: freezes.Freeze) -> Explained:
    demands = [{"di": di, "demands": [_demand(each) for each in many]} for di, many in freeze.demands.items()]
    return {"stamp": _text(freeze.stamp), "values": _registers(freeze.numbers), "demands": demands}


def _demand(demand: MaxDemand) -> Explained:
    return {"value": demand.value, "unit": "W", "at": _text(demand.at)}


def _event(record: events.EventRecord) -> Explained:
    told = {name: _text(value) for name, value in record.fields.items()}
    rest = {"rest_hex": record.rest.hex().upper()} if record.rest else {}
    return {
        "name": record.name,
        "start": _text(record.start),
        "end": _text(record.end),
        "fields": told,
        **rest,
    }


def _registers(numbers: Mapping[str, Decimal]) -> list[Explained]:
    found = []
    for di, number in numbers.items():
        item = lookup(di)
        assert item is not None, "numbers come from rows of the table"
        found.append({"di": di, "name": item.name, "value": str(number), "unit": item.unit})
    return found


def _text(value: events.Field) -> str | None:
    if isinstance(value, datetime):
        return value.isoformat(timespec="seconds" if value.second else "minutes")
    return None if value is None else str(value)


def _register_lines(values: list[Explained]) -> Iterator[tuple[str, str]]:
    for each in values:
        yield f"  {each['di']}", f"{each['name']}: {each['value']} {each['unit'] or ''}".rstrip()


def _demand_lines(many: list[Explained]) -> Iterator[tuple[str, str]]:
    for each in many:
        item = lookup(each["di"])
        name = item.name.removesuffix(", total") if item else "maximum demand"
        for tariff, demand in enumerate(each["demands"]):
            if demand["value"] is not None:
                label = f"{name}, {f'tariff {tariff}' if tariff else 'total'}"
                yield f"  {each['di']}", f"{label}: {demand['value']:g} W at {demand['at'] or 'no time'}"


def _event_lines(event: Explained) -> Iterator[tuple[str, str]]:
    yield "event", event["name"].replace("_", " ")
    for name in ("start", "end"):
        if event[name]:
            yield f"  {name}", f"{event[name]} (the meter's time)"
    for name, value in event["fields"].items():
        yield f"  {name.replace('_', ' ')}", "not available" if value is None else value
    if "rest_hex" in event:
        yield "  rest", f"{event['rest_hex']} (no source describes it)"
