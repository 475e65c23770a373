"""`wattpost edge plan`: whether a polling plan fits its lines, meter by meter, and what to change if not."""

from collections.abc import Iterator
from typing import Any, Final

import typer

from edge.planner import FULL_LINE, LinePlan, MeterPlan, plan_of, speed_is_known
from edge.tools import chosen, screen

VERB: Final = "plan"
NICE_INTERVALS_S: Final = (
    1, 2, 5, 10, 15, 20, 30, 60, 120, 180, 300, 600, 900, 1800, 3600, 7200, 21600, 86400,
)  # fmt: skip
BAUDS: Final = (1200, 2400, 4800, 9600, 19200, 38400, 57600, 115200)
BAR: Final = 50
app = typer.Typer(
    no_args_is_help=True, add_completion=False, rich_markup_mode=None, pretty_exceptions_enable=False
)


@app.command(epilog="Example: wattpost edge plan --config gateway.toml")
def plan(config: chosen.Config, as_json: chosen.AsJson = False) -> None:
    """Compute whether a polling plan fits its lines, and how far it is from what the wires can do."""
    settings = chosen.load(VERB, config)
    plans = [plan_of(line, settings.probe_s) for line in settings.lines]
    if as_json:
        screen.show_json(
            {"fits": all(each.fits for each in plans), "lines": [_facts(each) for each in plans]}
        )
    else:
        for each in plans:
            for text in told(each):
                screen.show(text)
    if not all(each.fits for each in plans):
        raise typer.Exit(1)


def told(plan: LinePlan) -> Iterator[str]:
    line = plan.line
    speed = f"{line.baud} baud, parity {line.parity}" if speed_is_known(line) else "speed not told"
    yield f"line {line.name}: {line.kind} {line.endpoint}, {speed}, {len(plan.meters)} meters"
    if not speed_is_known(line) and line.kind != "modbus-tcp":
        yield "  only thinking is counted: give the wire's baud under [[line]] to count its bytes too"
    yield f"  [{bar(plan)}] {plan.load:.1%} of its time"
    yield "   █ bytes  ▒ waits: gaps, and meters thinking  ░ repeated questions  · free"
    yield (
        f"  the wire's own limit {plan.limit_load:.1%}; "
        f"with one meter in ten dead {plan.load_with_dead:.1%}; at most {FULL_LINE:.0%} is good"
    )
    yield from _table(plan)
    yield from advice(plan)


def bar(plan: LinePlan) -> str:
    """What the line's time goes to, in fifty steps; an overfull one ends with >."""
    parts = (
        ("█", sum(each.wire_s / each.meter.interval_s for each in plan.meters)),
        ("▒", sum((each.gap_s + each.think_s) / each.meter.interval_s for each in plan.meters)),
        ("░", sum(each.retry_s / each.meter.interval_s for each in plan.meters)),
    )
    drawn, share = "", 0.0
    for sign, part in parts:
        share += part
        drawn += sign * (round(share * BAR) - len(drawn))
    return drawn.ljust(BAR, "·") if len(drawn) <= BAR else drawn[: BAR - 1] + ">"


def _table(plan: LinePlan) -> Iterator[str]:
    head = (
        "meter",
        "model",
        "every",
        "asks",
        "bytes",
        "wire ms",
        "wait ms",
        "repeat ms",
        "share",
        "left",
    )
    for row in screen.table(head, (_row(plan, each) for each in plan.meters)).splitlines():
        yield f"  {row}"


def _row(plan: LinePlan, each: MeterPlan) -> tuple[str, ...]:
    ms = (1000 * each.wire_s, 1000 * (each.think_s + each.gap_s), 1000 * each.retry_s)
    return (
        each.meter.id, each.meter.model, f"{each.meter.interval_s} s", f"{len(each.exchanges)}",
        f"{each.bytes}", *(f"{each:.0f}" for each in ms), f"{each.share:.1%}", f"{plan.margin_s(each):.0f} s",
    )  # fmt: skip


def advice(plan: LinePlan) -> Iterator[str]:
    """Fits, with what margin; or what would make it fit."""
    if plan.fits:
        yield f"  it fits: {1 - plan.load:.1%} is left, {1 - plan.load_with_dead:.1%} with one in ten dead"
        return
    yield f"  it does not fit: {_why(plan)}. Any one of these makes it fit:"
    if interval := fitting_interval(plan):
        group, wanted_s = interval
        yield f"    ask every {wanted_s} s what is asked every {group} s"
    if baud := fitting_baud(plan):
        yield f"    {baud} baud, where all meters of the line can be set to it"
    if asks := fitting_asks(plan):
        most = max(len(each.exchanges) for each in plan.meters)
        yield f"    fewer quantities: at most {asks} of the {most} questions that a reading asks now"
    yield "    a second line for a part of the meters"


def _why(plan: LinePlan) -> str:
    if plan.load > FULL_LINE:
        return f"it takes {plan.load:.1%} of the line's time"
    if plan.cramped:
        names = ", ".join(each.meter.id for each in plan.cramped[:3])
        return f"while another meter is read, the interval passes of {names}"
    return f"with one meter in ten dead it takes {plan.load_with_dead:.1%}"


def fitting_interval(plan: LinePlan) -> tuple[int, int] | None:
    """(interval now, interval that fits) of the group of meters that takes most."""
    shares: dict[int, float] = {}
    for each in plan.meters:
        shares[each.meter.interval_s] = shares.get(each.meter.interval_s, 0.0) + each.share
    now_s = max(shares, key=lambda interval_s: shares[interval_s])
    for wanted_s in NICE_INTERVALS_S:
        if wanted_s > now_s and _with(plan, interval={now_s: wanted_s}).fits:
            return now_s, wanted_s
    return None


def fitting_baud(plan: LinePlan) -> int | None:
    if not speed_is_known(plan.line) or plan.line.kind == "modbus-tcp":
        return None
    faster = (baud for baud in BAUDS if baud > plan.line.baud)
    return next((baud for baud in faster if _with(plan, baud=baud).fits), None)


def fitting_asks(plan: LinePlan) -> int | None:
    """How many questions a reading may have at most, if that helps."""
    most = max(len(each.exchanges) for each in plan.meters)
    for asks in range(most - 1, 0, -1):
        share = sum(each.share * min(1.0, asks / len(each.exchanges)) for each in plan.meters)
        if share <= FULL_LINE and not plan.cramped:
            return asks
    return None


def _with(plan: LinePlan, interval: dict[int, int] | None = None, baud: int | None = None) -> LinePlan:
    changed = interval or {}
    meters = tuple(
        each.model_copy(
            update={"interval_s": changed.get(each.interval_s, each.interval_s)}
            | ({"baud": None} if baud else {})
        )
        for each in plan.line.meters
    )
    update: dict[str, Any] = {"meters": meters} | ({"baud": baud} if baud else {})
    return plan_of(plan.line.model_copy(update=update), plan.probe_s)


def _facts(plan: LinePlan) -> dict[str, Any]:
    interval, known = fitting_interval(plan) if not plan.fits else None, speed_is_known(plan.line)
    return {
        "line": plan.line.name,
        "baud": plan.line.baud if known else None,
        "fits": plan.fits,
        "load": round(plan.load, 4),
        "load_with_dead": round(plan.load_with_dead, 4),
        "limit_load": round(plan.limit_load, 4),
        "interval_that_fits_s": interval[1] if interval else None,
        "baud_that_fits": None if plan.fits else fitting_baud(plan),
        "questions_that_fit": None if plan.fits else fitting_asks(plan),
        "meters": [_meter_facts(plan, each) for each in plan.meters],
    }


def _meter_facts(plan: LinePlan, each: MeterPlan) -> dict[str, Any]:
    return {
        "meter": each.meter.id,
        "interval_s": each.meter.interval_s,
        "questions": len(each.exchanges),
        "bytes": each.bytes,
        "wire_ms": round(1000 * each.wire_s, 1),
        "gap_ms": round(1000 * each.gap_s, 1),
        "think_ms": round(1000 * each.think_s, 1),
        "repeat_ms": round(1000 * each.retry_s, 1),
        "limit_ms": round(1000 * each.limit_s, 1),
        "share": round(each.share, 5),
        "margin_s": round(plan.margin_s(each), 1),
    }
