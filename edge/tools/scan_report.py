"""What a scan brought: lines for a person, one object for a program, tables to paste into the settings."""

import dataclasses
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final

from edge.drivers.trace import shown
from edge.settings import LineSettings
from edge.tools import chosen, screen
from edge.tools.hearing import DLT645, MODBUS, Traffic
from edge.tools.scanning import MISSING, Row, Wish

HEAD: Final = ("status", "protocol", "address", "id", "model", "speed", "note")


@dataclass(slots=True)
class Result:
    """`refused`: why nothing was sent; empty when the search was made."""

    traffic: Traffic
    refused: str = ""
    meters: Sequence[Row] = ()
    asked: int = 0
    took_s: float = 0.0


def show(line: LineSettings, wish: Wish, result: Result, *, as_json: bool) -> None:
    traffic, rows = result.traffic, result.meters
    if as_json:
        screen.show_json(_as_json(line, wish, result))
        return
    for told in _overheard(traffic):
        screen.show(told)
    if result.refused:
        return
    screen.show(screen.table(HEAD, ([getattr(row, name) for name in HEAD] for row in rows)))
    counts = ", ".join(f"{sum(row.status == each for row in rows)} {each}" for each in _kinds(rows))
    screen.show(f"\n{counts or 'no meter was found'}; {result.asked} questions in {result.took_s} s")
    if any(row.status == MISSING for row in rows):
        screen.show("what is missing: wattpost edge why METER")
        chosen.warn_of_silence()


def _kinds(rows: Sequence[Row]) -> list[str]:
    return list(dict.fromkeys(row.status for row in rows))


def _overheard(traffic: Traffic) -> Iterator[str]:
    heard = f"{traffic.total_bytes} bytes, {traffic.noise_bytes} of them noise"
    yield f"heard in {traffic.seconds:.0f} s: {heard}"
    for master in traffic.masters:
        yield f"another master: {master.told()}"
    for each in traffic.heard:
        if each.refusal:
            yield f"{each.protocol} {each.address} refuses it: {each.refusal}"


def _as_json(line: LineSettings, wish: Wish, result: Result) -> dict[str, Any]:
    traffic = result.traffic
    masters = [
        {
            "protocol": each.protocol, "requests": each.requests, "addresses": list(each.addresses),
            "cycle_s": each.cycle_s, "regularity": round(each.regularity, 3), "example": shown(each.example),
        }
        for each in traffic.masters
    ]  # fmt: skip
    return {
        "line": line.name,
        "endpoint": line.endpoint,
        "listened_s": traffic.seconds,
        "heard_bytes": traffic.total_bytes,
        "noise_bytes": traffic.noise_bytes,
        "masters": masters,
        "refused": result.refused or None,
        "speeds": [str(speed) for speed in wish.speeds],
        "estimate_s": [round(each, 1) for each in wish.seconds()[:2]],
        "asked": result.asked,
        "took_s": result.took_s,
        "meters": [dataclasses.asdict(row) for row in result.meters],
    }


def tables(rows: Sequence[Row]) -> str:
    """What was found, as tables to paste below the [[line]] of the settings."""
    return "\n".join(
        _table(row) for row in rows if row.status != MISSING and row.protocol in (DLT645, MODBUS)
    )


def _table(row: Row) -> str:
    where = f'address = "{row.address}"' if row.protocol == DLT645 else f"unit = {row.address}"
    name = row.id or (f"m-{row.address}" if row.protocol == DLT645 else f"unit-{row.address}")
    model = f'model = "{row.model}"' if row.model else '# model = "…"  # which one cannot be told from here'
    why = f"{row.status}, {row.speed}" + (f"; {row.note}" if row.note else "")
    return f'# {why}\n[[line.meter]]\nid = "{name}"\n{where}\n{model}\n'
