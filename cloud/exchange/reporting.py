"""The report of a dry run: what was understood of a file, for a person to read and for a machine."""

import json
from collections.abc import Iterable
from datetime import UTC, datetime

from cloud.exchange.layout import Shape
from cloud.exchange.planned import Plan, Stretch
from cloud.exchange.said import Values
from cloud.exchange.sheets import encoding_name

MOST = 10
SHAPES = {
    Shape.WIDE: "a row for each day, a column for each interval",
    Shape.LONG: "a row for each interval",
    Shape.COLUMNS: "a row for each interval, a column for each meter",
}
SEPARATORS = {"\t": "tab", ",": "comma", ";": "semicolon", "|": "bar"}


def as_dict(plan: Plan) -> dict[str, object]:
    """What JSON can hold; times in ISO 8601 in the file's zone, energies in kWh."""
    file = plan.file
    zone = file.said.zone
    firsts = [int(each.at_s[0]) for each in file.series.values() if len(each.at_s)]
    length = 0 if file.values is Values.REGISTER else file.interval_s
    lasts = [int(each.at_s[-1]) + length for each in file.series.values() if len(each.at_s)]
    gaps = [(name, gap) for (name, _), each in file.series.items() for gap in each.gaps]

    def shown(at_s: int) -> str:
        return datetime.fromtimestamp(at_s, UTC).astimezone(zone).isoformat()

    return {
        "file": file.path.name,
        "kind": file.sheet.kind,
        "encoding": encoding_name(file.sheet.encoding),
        "separator": SEPARATORS.get(file.sheet.separator, file.sheet.separator),
        "layout": file.shape.value,
        "values": file.values.value,
        "unit": file.unit,
        "decimal": file.mark.value,
        "labels": file.meaning.value,
        "labels_because": file.why,
        "zone": "in the file" if file.absolute else zone.key,
        "interval_s": file.interval_s,
        "first": shown(min(firsts)) if firsts else None,
        "last": shown(max(lasts)) if lasts else None,
        "intervals": sum(len(each.at_s) for each in file.series.values()),
        "empty": sum(each.empty for each in file.series.values()),
        "gaps": len(gaps),
        "first_gaps": [
            {"meter": name, "from": shown(start), "to": shown(end)} for name, (start, end) in gaps[:MOST]
        ],
        "clock_changes": {day.isoformat(): sorted(how) for day, how in sorted(file.days.items())},
        "matched": len(plan.names),
        "unknown": plan.unknown,
        "meters": [_stretch(each) for each in plan.stretches],
        "doubts": list(file.doubts),
    }


def _stretch(each: Stretch) -> dict[str, object]:
    return {
        "meter": each.meter,
        "quantity": each.channel.value,
        "values": each.count,
        "total_kwh": round(each.total / 1000, 6),
        "register_start_wh": int(each.runs[0].values_wh[0]),
        "register_end_wh": int(each.runs[-1].values_wh[-1]),
        "ratio_taken_out": each.divisor,
    }


def as_json(plan: Plan) -> str:
    return json.dumps(as_dict(plan), ensure_ascii=False)


def as_text(plan: Plan) -> str:
    """One fact a line."""
    told = as_dict(plan)
    lines = list(_facts(plan, told))
    width = max(len(name) for name, _ in lines)
    return "\n".join(f"{name:<{width}}  {text}" for name, text in lines)


def _facts(plan: Plan, told: dict[str, object]) -> Iterable[tuple[str, str]]:
    file = plan.file
    kind = f"CSV, {told['encoding']}, {told['separator']}" if file.sheet.kind == "csv" else file.sheet.kind
    yield "file", f"{told['file']} ({kind})"
    yield "layout", SHAPES[file.shape]
    yield "values", f"{file.values} in {file.unit}, decimal {file.mark}"
    yield "times", f"{_step(file.interval_s)}, labelled by {file.meaning}: {file.why}"
    yield "zone", str(told["zone"])
    yield "period", f"{told['first']} to {told['last']}"
    yield "intervals", f"{told['intervals']}, {told['empty']} empty, {told['gaps']} gaps"
    for name, (start, end) in [(name, gap) for (name, _), each in file.series.items() for gap in each.gaps][
        :MOST
    ]:
        zone = file.said.zone
        shown = [datetime.fromtimestamp(at_s, UTC).astimezone(zone) for at_s in (start, end)]
        yield "  gap", f"{name}: {shown[0]:%Y-%m-%d %H:%M} to {shown[1]:%Y-%m-%d %H:%M}"
    for day, how in sorted(file.days.items()):
        yield "clocks", f"{day}: {'; '.join(sorted(how))}"
    yield "meters", f"{len(plan.names)} known, {len(plan.unknown)} not" + _named(plan.unknown)
    for each in plan.stretches[:MOST]:
        yield (
            "  meter",
            f"{each.meter}: {each.total / 1000:.3f} k{'varh' if 'varh' in each.channel else 'Wh'}",
        )
    if len(plan.stretches) > MOST:
        yield "  meter", f"and {len(plan.stretches) - MOST} more"
    for doubt in file.doubts:
        yield "look at", doubt


def _step(interval_s: int) -> str:
    return f"{interval_s / 60:g} min" if interval_s else "instants"


def _named(names: list[str]) -> str:
    return f": {', '.join(names[:MOST])}" + (" …" if len(names) > MOST else "") if names else ""
