"""How a meter was made, set and wired, as its scenario says."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime

from firmware_sim.life import MOMENTS, STATES, LifePlan
from firmware_sim.meter import SOUND, Nature
from firmware_sim.scenario_tables import LifeTable, MeterTable
from firmware_sim.slot_tables import STANDARD, SlotTable, from_texts
from protocols.spelling import hint

HABITS: Mapping[str, str] = {
    "no-blocks": "blocks (FF) are refused with bit 1",
    "echo-aa": "a wildcard question is answered with the wildcard as address",
    "no-lead-in": "no FE before an answer",
    "refuses-06": "data it has not is refused with 06H",
    "esam": "no plain password opens anything; a broadcast sets a clock that is at most 5 min off",
    "relay-stuck": "the relay says yes and does not move",
    "only-698": "it knows DL/T 698.45 only and is silent",
}
"""What the firmware of a model does otherwise than the standard."""


@dataclass(frozen=True, slots=True)
class Making:
    """`counts` is the share of the energy that it counts, `serves` the place whose load runs through it."""

    nature: Nature = SOUND
    clock_drift_ppm: float = 0
    clock_offset_s: float = 0
    pv_w: float = 0
    slots: SlotTable = STANDARD
    serves: str = ""
    start_kwh: float = 0
    counts: float = 1


AS_IT_SHOULD_BE = Making()


def making_of(meter: MeterTable) -> Making:
    """ValueError says what cannot be."""
    unknown = sorted(set(meter.behaviour) - HABITS.keys())
    if unknown:
        meant = hint(unknown[0], HABITS)
        raise ValueError(f"there is no behaviour {unknown[0]!r}; {meant}known: {', '.join(HABITS)}")
    if meter.role == "area" and (meter.pv or meter.serves):
        raise ValueError("an area meter has no pv and serves its area; leave both out")
    hung = meter.wrong_ratio or meter.ratio
    return Making(
        nature=Nature(frozenset(meter.behaviour), meter.rating, meter.ratio, hung),
        clock_drift_ppm=meter.clock_drift_ppm,
        clock_offset_s=meter.clock_offset_s,
        pv_w=meter.pv,
        slots=from_texts(meter.slot_table) if meter.slot_table else STANDARD,
        serves=meter.serves or "",
        start_kwh=meter.start_kwh,
        counts=meter.counts,
    )


def check_wiring(meters: Iterable[MeterTable], phases: Mapping[str, int]) -> None:
    """ValueError when a meter serves a place that it cannot; `phases` by meter."""
    known = {meter.id: meter for meter in meters}
    for meter in known.values():
        served = known.get(meter.serves or meter.id)
        if served is None or served.role == "area" or served.area != meter.area:
            if meter.serves:
                raise ValueError(
                    f"meter {meter.id}: serves {meter.serves!r}, no customer's place in its area"
                )
        elif phases[served.id] != phases[meter.id]:
            raise ValueError(f"meter {meter.id}: {served.id} has another number of phases")


def life_of(table: LifeTable, meters: Iterable[str]) -> LifePlan:
    """One event of the script; ValueError says what cannot be."""
    if table.meter not in meters:
        raise ValueError(
            f"life: there is no meter {table.meter!r}; {hint(table.meter, meters)}name one of the scenario"
        )
    if table.event not in MOMENTS and table.event not in STATES:
        raise ValueError(
            f"life of {table.meter}: there is no event {table.event!r}; "
            f"{hint(table.event, (*MOMENTS, *STATES))}known: {', '.join((*MOMENTS, *STATES))}"
        )
    at: datetime = table.at
    return LifePlan(
        round(at.timestamp() * 1000), table.meter, table.event, str(table.value), not table.begins
    )
