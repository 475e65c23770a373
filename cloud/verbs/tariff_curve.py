"""A load curve out of a file, for `wattpost cloud tariff price`: read as `cloud analyse` reads it."""

from dataclasses import dataclass
from datetime import date, tzinfo
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING

from cloud.verbs import progress, talk
from cloud.verbs.intervals import Labels, Units

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from cloud.analysis.grid import DayGrid
    from cloud.insight.events import Marks
    from cloud.tariffs.documents import Plan
    from cloud.tariffs.usage import Part


QUARTERS = 96


@dataclass(frozen=True, slots=True)
class Curve:
    wh: "NDArray[np.float32]"
    grid: "DayGrid"
    zone: tzinfo


def curve_of(file: Path, unit: Units | None, labels: Labels | None, zone: str, meter: str | None) -> Curve:
    """One meter's slots (1, slots); what was understood of the file is told."""
    from cloud.analysis.grid import day_grid
    from cloud.exchange import headings, said, walls
    from cloud.exchange.matrix import matrix
    from cloud.exchange.to_report import understood
    from cloud.kit.errors import Invalid

    told = said.Said(
        zone=said.zone_of(zone),
        zone_said=True,
        labels=walls.Meaning(labels.value) if labels else None,
        unit=headings.Unit(unit.value) if unit else None,
        negative=said.Negative.EXPORT,
    )
    found = matrix(file, told, progress)
    for line in understood(found):
        talk(line)
    if meter is None and len(found.meters) > 1:
        raise Invalid(f"{file}: has {len(found.meters)} meters: say --meter, as {found.meters[0]}")
    if meter is not None and meter not in found.meters:
        raise Invalid(f"{file}: has no meter {meter!r}; it has {', '.join(found.meters[:5])}")
    row = found.meters.index(meter) if meter is not None else 0
    grid = day_grid(found.starts_ms, found.interval_s, found.zone)
    return Curve(found.wh[row : row + 1], grid, found.zone)


def parts_of(
    curve: Curve,
    plan: "Plan",
    policies: Path | None,
    notes: list[str],
    weather: Path | None = None,
) -> "tuple[Part, ...]":
    """`notes` gets what is not known: slots without a value, days whose weather decides their bands."""
    from cloud.insight.pricing import PlanBands, months, part
    from cloud.kit.calendar import station_calendar
    from cloud.kit.errors import Invalid

    try:
        marks = _marks(curve, plan, weather, notes)
        bands = PlanBands(plan, station_calendar(policies), marks).slots(curve.grid)
    except ValueError as error:
        raise Invalid(str(error)) from None
    found = list(months(curve.wh, curve.grid, bands))
    if missing := sum(int(each.missing[0]) for each in found):
        notes.append(f"{missing:,} of {curve.wh.size:,} slots have no value and add nothing")
    return tuple(part(each, 0) for each in found)


def _marks(curve: Curve, plan: "Plan", weather: Path | None, notes: list[str]) -> "Marks":
    """Days of the temperature events that the plan's bands ask for; none where the plan asks for none."""
    from cloud.insight import events, weather_file

    names = events.named_by([plan])
    if not names:
        return {}
    zone, days = curve.zone, curve.grid.days
    hours = {} if weather is None else weather_file.read(weather, zone).celsius
    found = events.of_hours(hours, days[0], days[-1], zone, names)
    for name, unknown in sorted(found.unknown.items()):
        notes.append(
            f"{len(unknown):,} of {len(days):,} days may be {name} days: their temperature is not known, "
            "they are priced as usual ones (--weather FILE of hourly temperatures)"
        )
    return found.marks


def demand_of(curve: Curve, notes: list[str]) -> "dict[date, Decimal]":
    """kW: of each month the highest mean of a quarter of an hour; none where the curve is too coarse."""
    import numpy as np

    grid = curve.grid
    if grid.labels % QUARTERS:
        notes.append("the curve is too coarse for a demand, which is the mean of 15 minutes")
        return {}
    found: dict[date, Decimal] = {}
    for number, day in enumerate(grid.days):
        wh = curve.wh[0, grid.first_slot[number] : grid.first_slot[number + 1]].astype(np.float64)
        whole = wh[: len(wh) - len(wh) % (grid.labels // QUARTERS)]
        kw = whole.reshape(-1, grid.labels // QUARTERS).sum(axis=1) * 4 / 1000
        if np.isfinite(kw).any():
            month, most = day.replace(day=1), Decimal(float(np.nanmax(kw))).quantize(Decimal("0.0001"))
            found[month] = max(found.get(month, most), most)
    notes.append(
        "demand is the highest mean of a fixed quarter of an hour in the file; the meter's own window slides "
        "and may have found more"
    )
    return found
