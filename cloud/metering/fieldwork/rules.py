"""Whether register values that somebody wrote down can be true, held against what is known; pure.

What no register can show is refused. What is only hard to believe is told, and taken when a person says why.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from protocols.points import MeterModel
from protocols.quantities import QUANTITIES, Kind

DISPLAY_WH = 999_999_990
"""A DL/T 645 register shows six digits and two decimals of kWh."""
STEP_WH = 10
LARGEST = 10**13
RATED_W = {1: 22_000, 3: 100_000}
"""More than a meter of so many phases carries: 100 A, and 150 A a phase, at 220 V."""
BEHIND_CT_W = 6_000
"""More than three phases of 6 A at 220 V: what a meter behind transformers can count."""
SLACK = timedelta(hours=1)
STILL_HEARD = timedelta(minutes=15)
TOTALS = {"energy_import_wh": "energy_import_t{n}_wh", "energy_export_wh": "energy_export_t{n}_wh"}


class Doubt(StrEnum):
    """Why a value is hard to believe."""

    BELOW_LAST = "below_last"
    FAR_ABOVE = "far_above"
    BANDS = "bands"
    STILL_HEARD = "still_heard"
    NOTHING_KNOWN = "nothing_known"


@dataclass(frozen=True, slots=True)
class Known:
    """The newest value of a register at or before an instant, as the meter showed it."""

    at: datetime
    value: int


@dataclass(frozen=True, slots=True)
class Doubtful:
    """`quantity` is empty where the doubt is of the meter and not of one register."""

    doubt: Doubt
    quantity: str
    text: str


def unfit(registers: Mapping[str, int], model: MeterModel) -> list[str]:
    """What no register of the meter can show; one line each."""
    display = model.protocol.startswith("dlt645")
    found = []
    for quantity, value in registers.items():
        known = QUANTITIES.get(quantity)
        if known is None or known.kind is not Kind.COUNTER:
            found.append(f"{quantity[:64]!r} is no register")
        elif not 0 <= value <= (DISPLAY_WH if display else LARGEST):
            found.append(f"{quantity}: {value} has more digits than the register shows")
        elif display and value % STEP_WH:
            found.append(f"{quantity}: {value} has more decimals than the register shows")
    return found


def doubts(
    registers: Mapping[str, int], at: datetime, known: Mapping[str, Known], rated_w: float
) -> list[Doubtful]:
    """What is hard to believe of values read at an instant."""
    found = []
    for quantity, value in registers.items():
        last = known.get(quantity)
        if last is None:
            continue
        if value < last.value:
            found.append(_doubtful(Doubt.BELOW_LAST, quantity, value, last))
        elif value - last.value > rated_w * ((at - last.at + SLACK) / timedelta(hours=1)):
            found.append(_doubtful(Doubt.FAR_ABOVE, quantity, value, last))
    if registers and not known:
        found.append(
            Doubtful(Doubt.NOTHING_KNOWN, "", "no reading of this meter is known to hold it against")
        )
    return [*found, *_bands(registers)]


def _doubtful(doubt: Doubt, quantity: str, value: int, last: Known) -> Doubtful:
    told = "is less than" if doubt is Doubt.BELOW_LAST else "is further than the meter can have counted from"
    return Doubtful(
        doubt, quantity, f"{quantity}: {value} {told} {last.value} at {last.at:%Y-%m-%d %H:%M} UTC"
    )


def _bands(registers: Mapping[str, int]) -> Iterator[Doubtful]:
    for total, band in TOTALS.items():
        parts = [registers[name] for n in range(1, 5) if (name := band.format(n=n)) in registers]
        if (
            total in registers
            and len(parts) > 1
            and abs(registers[total] - sum(parts)) > STEP_WH * len(parts)
        ):
            text = f"{total}: {registers[total]} is not the sum of its bands, {sum(parts)}"
            yield Doubtful(Doubt.BANDS, total, text)


def heard_after(meter: str, at: datetime, newest: datetime | None) -> list[Doubtful]:
    """A meter that is said to be gone at an instant, and spoke well after it."""
    if newest is None or newest <= at + STILL_HEARD:
        return []
    text = (
        f"meter {meter!r} was still heard at {newest:%Y-%m-%d %H:%M} UTC: is the time right, and the point?"
    )
    return [Doubtful(Doubt.STILL_HEARD, "", text)]


def rated_w(model: MeterModel, ratio: float) -> float:
    """What the register can count in an hour at most, as the meter shows it."""
    point = model.point("energy_import_wh")
    if ratio != 1 and point is not None and point.side == "secondary":
        return BEHIND_CT_W
    return RATED_W.get(model.phases, RATED_W[3]) * ratio


def proves(installed: Mapping[str, int], at: datetime, heard: Mapping[str, Known], rated: float) -> bool:
    """Whether what a new meter says of itself fits to what the fitter wrote down when it was put in.

    Where nothing was written down, as when another system told of the exchange, to be heard is enough.
    """
    if not installed:
        return any(each.at >= at for each in heard.values())
    common = [quantity for quantity in installed if quantity in heard and heard[quantity].at >= at]
    return bool(common) and all(
        0
        <= heard[quantity].value - installed[quantity]
        <= rated * ((heard[quantity].at - at + SLACK) / timedelta(hours=1))
        for quantity in common
    )
