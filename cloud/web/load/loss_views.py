"""Line loss as people read it: a state with its reason, a rate with its bounds, and what to do about it."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

from cloud.analysis.loss.balance import Limits
from cloud.analysis.loss.states import Reason, State
from cloud.insight.loss.store import AreaLoss
from cloud.web.language import NONE, Words, mark
from cloud.web.load.figures import Figure, figure, over_days
from cloud.web.load.plot import Form, Series
from cloud.web.load.quality import number, percent

STATES = {
    State.NORMAL: ("good", mark("normal")),
    State.HIGH: ("bad", mark("high")),
    State.NEGATIVE: ("warn", mark("negative")),
    State.NOT_COMPUTABLE: ("none", mark("not computable")),
}
REASONS = {
    Reason.NONE: "",
    Reason.NO_AREA_METER: mark("the registry knows no area meter"),
    Reason.AREA_METER_MISSING: mark("the area meter has no measured day"),
    Reason.NO_CUSTOMERS: mark("no customers stand in it"),
    Reason.SUPPLY_ZERO: mark("nothing was supplied and nothing used"),
    Reason.AREA_METER_STILL: mark("the area meter stands still while customers use energy"),
    Reason.METERS_MISSING: mark("meters are missing, and they decide it"),
    Reason.OVER_LIMIT: mark("over the limit, whatever the missing meters used"),
    Reason.OVER_BASELINE: mark("above its own technical loss by more than chance"),
    Reason.MORE_SOLD: mark("more was sold than supplied"),
    Reason.SOME_AREAS: mark("part of its areas is not in the sum"),
    Reason.ARCHIVE_DAMAGED: mark("a file of the archive is damaged"),
}
TO_DO = {
    Reason.NO_AREA_METER: mark("Write the area meter into the registry file and import it again."),
    Reason.AREA_METER_MISSING: mark("See on the data page why the area meter was not read; order a re-read."),
    Reason.NO_CUSTOMERS: mark("Check in the registry whether its customers stand in another area."),
    Reason.SUPPLY_ZERO: mark("Nothing to do: a loss of nothing has no rate."),
    Reason.AREA_METER_STILL: mark("Look at the area meter on site: wiring, transformers, seal."),
    Reason.METERS_MISSING: mark("Have the missing meters read: without them the loss is not known."),
    Reason.OVER_LIMIT: mark(
        "Look at the inspection list of this area; check ratio and wiring of the area meter first."
    ),
    Reason.OVER_BASELINE: mark(
        "Something changed: look at the inspection list and at what was done here lately."
    ),
    Reason.MORE_SOLD: mark(
        "Check the ratio K of the area meter, which area each meter truly hangs in, the clocks, and feed-in "
        "without a meter."
    ),
    Reason.SOME_AREAS: mark("Mend the areas that are not computable; the rest of the feeder's sum is sound."),
    Reason.ARCHIVE_DAMAGED: mark(
        "Nothing is wrong with the area itself: archive the day again (wattpost cloud archive); the loss "
        "follows the night after."
    ),
}


@dataclass(frozen=True, slots=True)
class Bounded:
    """A rate as text, with what it may be at least and at most when meters are missing."""

    rate: str
    low: str
    high: str


@dataclass(frozen=True, slots=True)
class Spark:
    """The rates of the last days as a small line: pieces of points in a box of 100 by 20."""

    pieces: tuple[str, ...]
    said: str


@dataclass(frozen=True, slots=True)
class Row:
    id: str
    name: str
    feeder: str
    state: tuple[str, str]
    reason: str
    rate: Bounded
    supply: float | None
    sales: float | None
    loss: float | None
    baseline: float | None
    z: float | None
    points: int
    unmeasured: int
    estimated: str
    spark: Spark | None
    order: int
    in_sum: int | None


ORDER = {State.HIGH: 0, State.NEGATIVE: 1, State.NOT_COMPUTABLE: 2, State.NORMAL: 3}


def row(each: AreaLoss, name: str, words: Words, before: Sequence[AreaLoss] = ()) -> Row:
    state = State(each.state)
    sign, word = STATES[state]
    return Row(
        each.key,
        name,
        each.feeder,
        (sign, words.text(word)),
        reason(each, words),
        bounded(each, words),
        number(each.supply_kwh),
        number(each.sales_kwh),
        number(each.loss_kwh),
        number(each.baseline_kwh),
        number(each.z),
        each.points,
        each.unmeasured,
        percent(each.estimated, words),
        spark(before, words) if before else None,
        ORDER[state],
        each.of_areas,
    )


def reason(each: AreaLoss, words: Words) -> str:
    said = REASONS[Reason(each.reason)]
    return words.text(said) if said else ""


def to_do(each: AreaLoss, words: Words, listed: int = 0) -> str:
    """`listed` inspections of the area wait, whatever its state."""
    said = TO_DO.get(Reason(each.reason))
    if said:
        return words.text(said)
    if listed:
        return words.text(
            "The rate is within the limit; what is on the inspection list is worth a look all the same."
        )
    return words.text("Nothing of this day: the rate is within the limit, and as it has been here.")


def steady(words: Words, limits: Limits, every_days: int) -> str:
    """What a baseline cannot tell: it was fitted on the same meters."""
    return words.text(
        "The technical loss is fitted on this area's own past days. What has been lost there all along is in "
        "it: it shows in the rate, not in z. Above %(rate)s the state is high whatever z is, and the search "
        "for what explains the loss runs every %(days)s days whatever the state.",
        rate=percent(limits.high_rate, words),
        days=every_days,
    )


def bounded(each: AreaLoss, words: Words) -> Bounded:
    supply = number(each.supply_kwh)
    low, high = number(each.low_kwh), number(each.high_kwh)
    if supply is None or supply <= 0:
        return Bounded(NONE, "", "")
    shown = signed(each.rate, words)
    if not each.unmeasured or low == high:
        return Bounded(shown, "", "")
    least = "" if low is None else signed(low / supply, words)
    most = "" if high is None else signed(high / supply, words)
    return Bounded(shown, least, most)


def signed(share: float | None, words: Words) -> str:
    known = number(share)
    if known is None:
        return NONE
    return ("-" if known < 0 else "") + percent(abs(known), words, 1)


def rows(
    found: Sequence[AreaLoss], names: dict[str, str], words: Words, trends: dict[str, list[AreaLoss]]
) -> list[Row]:
    """What asks for somebody first; within it the greatest loss."""
    listed = [row(each, names.get(each.key, each.key), words, trends.get(each.key, ())) for each in found]
    return sorted(listed, key=lambda each: (each.order, -abs(each.loss or 0.0), each.name))


def counts(found: Sequence[AreaLoss], words: Words) -> list[tuple[str, str, int]]:
    """(state, word, how many) of every state."""
    return [
        (sign, words.text(word), sum(each.state == state for each in found))
        for state, (sign, word) in STATES.items()
    ]


def said(found: Sequence[AreaLoss], words: Words) -> str:
    """The day's areas together, in one sentence."""
    known = [
        each
        for each in found
        if each.supply_kwh and each.loss_kwh is not None and each.state != State.NOT_COMPUTABLE
    ]
    supply = sum(each.supply_kwh or 0.0 for each in known)
    loss = sum(each.loss_kwh or 0.0 for each in known)
    if not supply:
        return words.text("Of none of the %(areas)s areas could the loss be reckoned.", areas=len(found))
    return words.text(
        "Of %(supply)s kWh supplied to %(known)s of %(areas)s areas %(loss)s kWh were lost: %(rate)s.",
        supply=words.number(supply, 1),
        known=len(known),
        areas=len(found),
        loss=words.number(loss, 1),
        rate=signed(loss / supply, words),
    )


SPARK_WIDTH, SPARK_HEIGHT = 100.0, 20.0


def spark(found: Sequence[AreaLoss], words: Words) -> Spark:
    """Rates as they went; days without one break the line."""
    rates = [number(each.rate) for each in found]
    known = [rate for rate in rates if rate is not None]
    if not known:
        return Spark((), words.text("no rate in these days"))
    low, high = min(*known, 0.0) if len(known) > 1 else min(known[0], 0.0), max(*known, 0.01)
    pitch = SPARK_WIDTH / max(1, len(rates) - 1)
    pieces: list[list[str]] = [[]]
    for at, rate in enumerate(rates):
        if rate is None:
            pieces.append([])
            continue
        y = SPARK_HEIGHT - 1 - (rate - low) / (high - low) * (SPARK_HEIGHT - 2)
        pieces[-1].append(f"{at * pitch:.1f},{y:.1f}")
    text = words.text(
        "in %(days)s days from %(low)s to %(high)s",
        days=len(known),
        low=signed(min(known), words),
        high=signed(max(known), words),
    )
    return Spark(tuple(" ".join(piece) for piece in pieces if len(piece) > 1), text)


def charts(found: Sequence[AreaLoss], days: Sequence[date], words: Words) -> list[tuple[str, Figure]]:
    """Supply and sales of each day, and the loss between them with its bounds."""
    by_day = {each.day: each for each in found}
    kept = [by_day.get(day) for day in days]
    supply = [number(each.supply_kwh) if each else None for each in kept]
    sales = [number(each.sales_kwh) if each else None for each in kept]
    loss = [number(each.loss_kwh) if each else None for each in kept]
    low = [number(each.low_kwh) if each else None for each in kept]
    high = [number(each.high_kwh) if each else None for each in kept]
    technical = [number(each.baseline_kwh) if each else None for each in kept]
    both = (
        Series(words.text("energy supplied"), supply, "a"),
        Series(words.text("energy sold"), sales, "b"),
    )
    lines = [Series(words.text("loss"), loss, "a")]
    if any(one is not None and one != other for one, other in zip(low, high, strict=True)):
        lines.insert(
            0, Series(words.text("what it may be with the missing meters"), low, "a", Form.BAND, high)
        )
    if any(value is not None for value in technical):
        lines.append(Series(words.text("technical loss, as fitted"), technical, "c"))
    day = words.text("Day")
    return [
        (
            words.text("Supplied and sold"),
            figure(over_days(days, both, "kWh", words), _of_sums(found, words), position=day),
        ),
        (
            words.text("Loss of each day"),
            figure(over_days(days, lines, "kWh", words), _of_losses(found, words), position=day),
        ),
    ]


def _of_sums(found: Sequence[AreaLoss], words: Words) -> str:
    whole = [
        each for each in found if number(each.supply_kwh) is not None and number(each.sales_kwh) is not None
    ]
    return words.text(
        "On %(days)s days %(supply)s kWh were supplied and %(sales)s kWh sold.",
        days=len(whole),
        supply=words.number(sum(each.supply_kwh or 0.0 for each in whole), 1),
        sales=words.number(sum(each.sales_kwh or 0.0 for each in whole), 1),
    )


def _of_losses(found: Sequence[AreaLoss], words: Words) -> str:
    known = [each for each in found if number(each.rate) is not None]
    if not known:
        return words.text("On none of these days could the loss be reckoned.")
    top = max(known, key=lambda each: each.rate or 0.0)
    supply = sum(each.supply_kwh or 0.0 for each in known)
    return words.text(
        "%(rate)s of the supply was lost on %(days)s days; most on %(day)s with %(most)s.",
        rate=signed(sum(each.loss_kwh or 0.0 for each in known) / supply if supply else None, words),
        days=len(known),
        day=words.day(top.day),
        most=signed(top.rate, words),
    )
