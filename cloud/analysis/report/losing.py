"""What is lost between a meter that measures all and those of its customers; evidence, no verdict."""

import numpy as np
from numpy.typing import NDArray

from cloud.analysis.loss import search
from cloud.analysis.report.numbers import number
from cloud.analysis.report.page import Block, Cell, Figure, Section, Table, Text
from cloud.analysis.report.svg import Plot, shown, ticks
from cloud.analysis.report.work import Work, day_ticks, nice

LISTED = 10
FLOOR_KWH = 1.0
OPTIONS = search.Options()


def section(work: Work) -> Section | None:
    """None where no area meter was named."""
    t, given = work.t, work.given
    if given.area_meter is None:
        return None
    made = Section("loss", t("Line loss"))
    rows = given.customers
    if not rows:
        made.reason = t("There are no customers beside the area meter.")
        return made
    kwh = np.add.reduceat(given.wh, given.grid.first_slot[:-1], axis=1, dtype=np.float64) / 1000
    whole = given.coverage() >= 1
    clean = whole[rows].all(axis=0) & whole[given.area_meter] & (kwh[given.area_meter] >= FLOOR_KWH)
    if not clean.any():
        made.reason = t(
            "On no day have the area meter and all of its customers every value: what is missing "
            "would look like "
            "loss, so nothing is said."
        )
        return made
    supply, sales = kwh[given.area_meter], kwh[rows].sum(axis=0)
    loss = np.where(clean, supply - sales, np.nan)
    made.blocks += _told(work, supply, loss, clean)
    made.blocks += _explained(work, kwh[rows], loss, clean, made)
    made.figures |= {
        "days": int(clean.sum()),
        "supply_kwh": number(float(supply[clean].sum())),
        "loss_kwh": number(float(loss[clean].sum())),
        "rate": number(float(loss[clean].sum() / supply[clean].sum())),
    }
    return made


def _told(
    work: Work, supply: NDArray[np.float64], loss: NDArray[np.float64], clean: NDArray[np.bool_]
) -> list[Block]:
    t, given = work.t, work.given
    total, lost = float(supply[clean].sum()), float(loss[clean].sum())
    rate = np.where(clean, 100 * loss / np.where(supply > 0, supply, np.nan), np.nan)
    sentence = t(
        "Of {supply} kWh that went in, {loss} kWh did not come out at a meter: {rate} %, on {days} "
        "of {all} days that "
        "are complete; day by day from {low} to {high} %.",
        supply=shown(total), loss=shown(lost), rate=shown(100 * lost / total), days=int(clean.sum()),
        all=len(clean),
        low=shown(float(np.nanmin(rate))), high=shown(float(np.nanmax(rate))),
    )  # fmt: skip

    def draw(width: int) -> str:
        low, high = min(0.0, float(np.nanmin(rate))), float(np.nanmax(rate))
        plot = Plot(width, 240, (0, len(rate)), (low, nice(max(high, 1.0))))
        plot.axes("%", day_ticks(given.days, 4 if plot.is_narrow else 9), ticks(low, max(high, 1.0), 6))
        plot.line(np.arange(len(rate)) + 0.5, rate, "a")
        plot.dots(np.arange(len(rate)) + 0.5, rate, "a", 1.4)
        return plot.svg(sentence)

    facts: list[Block] = [
        Figure(t("Loss day by day"), sentence, draw, t("Days with a missing value have no point."))
    ]
    if lost < 0:
        facts.append(
            Text(
                t(
                    "More came out than went in: a meter that belongs to another area, a wrong "
                    "ratio, or clocks that "
                    "differ are the usual causes."
                )
            )
        )
    return facts


def _explained(
    work: Work, kwh: NDArray[np.float64], loss: NDArray[np.float64], clean: NDArray[np.bool_], made: Section
) -> list[Block]:
    """Which customers' energies go along with the loss: a list of where to look."""
    t, given = work.t, work.given
    rows = given.customers
    assert given.area_meter is not None
    squares = np.nan_to_num(given.wh[given.area_meter].astype(np.float64) / 1000) ** 2
    square = np.add.reduceat(squares, given.grid.first_slot[:-1])
    supply = np.nan_to_num(given.wh[given.area_meter].astype(np.float64) / 1000)
    of_day = np.add.reduceat(supply, given.grid.first_slot[:-1])
    day = np.flatnonzero(clean)
    design = search.Design(kwh[:, clean].T.copy(), loss[clean], of_day[clean], square[clean], day)
    found = search.search(design, OPTIONS)
    if found is None:
        return [
            Text(
                t(
                    "Who might explain the loss is left out: it takes {least} complete days, and "
                    "there are {days}.",
                    least=OPTIONS.least_days, days=int(clean.sum()),
                )
            )
        ]  # fmt: skip
    places = found.ranked(OPTIONS, LISTED)
    made.figures["worth_a_look"] = [
        {
            "meter": given.meters[rows[place]],
            "kwh_month": number(float(found.kwh_month[place])),
            "probability": number(float(found.probability[place])),
        }
        for place in places
    ]
    if not places:
        return [Text(t("No customer's energy goes along with the loss strongly enough to be worth a visit."))]
    listed: list[list[Cell | str]] = [
        [
            Cell(str(rank), float(rank)),
            given.meters[rows[place]],
            Cell(shown(float(found.kwh_month[place])), float(found.kwh_month[place])),
            f"{shown(float(found.low[place]))} … {shown(float(found.high[place]))}",
            Cell(f"{100 * found.probability[place]:.0f} %", float(found.probability[place])),
        ]
        for rank, place in enumerate(places, 1)
    ]
    head = [t("Rank"), t("Meter"), t("kWh a month"), t("80 % between"), t("Chance that anything is there")]
    note = t(
        "Where the loss rises and falls with a meter's own energy. It says where to look first, and "
        "nothing about "
        "anybody: wiring, ratio and a meter's age are the usual findings."
    )
    return [Table(t("Where to look first"), head, listed, numbers_from=2, note=note)]
