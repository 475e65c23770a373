"""Customers whose energies are in the wrong place or of the wrong size: area, ratio K, crossed meters.

What the data can tell: a customer who is booked in area A and supplied by B makes A's loss smaller and B's
greater by just their energy; a wrong K makes a loss of a fixed part of it. Two crossed meters of one area
leave its loss as it is: they show only where an exchange crossed them, by each going on as the other.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
_HOLES = 0.1
"""A customer with more unmeasured days is left out."""
_LEAST_DAYS = 30


@dataclass(frozen=True, slots=True)
class Group:
    """Areas that may be confused: those of a feeder. `loss`, `supply`, `square` (areas, days), kWh and kWh².

    `clean` (areas, days): both sides measured. `energies` kWh (customers, days), NaN where not measured;
    `area` int (customers,) where each is booked; `ratio` (customers,) the K in use.
    """

    loss: Floats
    supply: Floats
    square: Floats
    clean: NDArray[np.bool_]
    energies: Floats
    area: Ints
    ratio: Floats


@dataclass(frozen=True, slots=True)
class Misplaced:
    """`customer` is supplied by area `belongs`, or by none of the group (-1), not by that of the books.

    `gain` is twice the log-likelihood ratio; `strength` 0..1 against all other explanations of this kind;
    `here`, `there` by how much of the customer's energy the two losses are off (about -1 and 1).
    """

    customer: int
    belongs: int
    gain: float
    strength: float
    here: float
    there: float


@dataclass(frozen=True, slots=True)
class WrongRatio:
    """`factor` of the energy is what it would have to be, about `fits` / K in use; `spread` its error."""

    customer: int
    factor: float
    spread: float
    fits: float
    gain: float


@dataclass(frozen=True, slots=True)
class Effects:
    """How much of each customer's energy is in each area's loss; (customers, areas), NaN: not told."""

    part: Floats
    spread: Floats

    def gain(self, at: float) -> Floats:
        """Twice the log-likelihood gained by a part of just `at` over none."""
        with np.errstate(invalid="ignore", divide="ignore"):
            found: Floats = (self.part**2 - (self.part - at) ** 2) / self.spread**2
        return np.nan_to_num(found, nan=-np.inf)


def effects(group: Group) -> Effects:
    """Each customer alone beside a constant and the squared supply, weighted by the supply of each day."""
    customers, areas = len(group.energies), len(group.loss)
    part = np.full((customers, areas), np.nan)
    spread = np.full((customers, areas), np.nan)
    known = np.isfinite(group.energies)
    for area in range(areas):
        days = group.clean[area] & (group.supply[area] > 0) & np.isfinite(group.square[area])
        if days.sum() < _LEAST_DAYS:
            continue
        weight = 1.0 / group.supply[area, days]
        nuisance = np.column_stack([weight, group.square[area, days] * weight])
        basis = np.linalg.qr(nuisance / np.maximum(np.linalg.norm(nuisance, axis=0), 1e-300))[0]
        mine = known[:, days]
        usable = mine.mean(axis=1) >= 1 - _HOLES
        energies = np.where(mine, group.energies[:, days], 0.0)
        mean = energies.sum(axis=1) / np.maximum(mine.sum(axis=1), 1)
        energies = np.where(mine, energies, mean[:, None]) * weight
        energies -= (energies @ basis) @ basis.T
        loss = group.loss[area, days] * weight
        loss -= basis @ (basis.T @ loss)
        length = (energies**2).sum(axis=1)
        usable &= length > 1e-12
        with np.errstate(invalid="ignore", divide="ignore"):
            found = energies @ loss / length
            rest = float(loss @ loss) - found**2 * length
            error = np.sqrt(np.maximum(rest, 1e-300) / max(days.sum() - 3, 1) / length)
        part[:, area] = np.where(usable, found, np.nan)
        spread[:, area] = np.where(usable, error, np.nan)
    return Effects(part, spread)


def misplaced(group: Group, *, most: int = 10, least_gain: float = 40.0) -> list[Misplaced]:
    """Customers booked in one area and supplied by another of the group, the clearest first.

    One after the other: each is put where it belongs before the next is looked for.
    """
    loss, area = group.loss.copy(), group.area.copy()
    found: list[Misplaced] = []
    for _ in range(most):
        now = Group(loss, group.supply, group.square, group.clean, group.energies, area, group.ratio)
        best = _clearest(now, least_gain, {each.customer for each in found})
        if best is None:
            break
        found.append(best)
        energies = np.nan_to_num(group.energies[best.customer])
        loss[area[best.customer]] += energies
        if best.belongs >= 0:
            loss[best.belongs] -= energies
            area[best.customer] = best.belongs
    return found


def _clearest(group: Group, least_gain: float, taken: set[int]) -> Misplaced | None:
    told = effects(group)
    customers = np.arange(len(group.area))
    here = told.gain(-1.0)[customers, group.area]
    there = told.gain(1.0)
    there[customers, group.area] = -np.inf
    here = np.where(_about(told.part[customers, group.area], -1.0), here, -np.inf)
    there = np.where(_about(told.part, 1.0), there, -np.inf)
    both = here[:, None] + there
    both[sorted(taken)] = -np.inf
    if not np.isfinite(both).any():
        return None
    customer, area = (int(each) for each in np.unravel_index(int(np.argmax(both)), both.shape))
    gain = float(both[customer, area])
    if gain < least_gain or here[customer] < least_gain / 4 or there[customer, area] < least_gain / 4:
        return None
    strength = 1.0 / float(np.exp((both - gain) / 2).sum())
    own = int(group.area[customer])
    return Misplaced(
        customer, area, gain, strength, float(told.part[customer, own]), float(told.part[customer, area])
    )


def _about(part: Floats, at: float, within: float = 0.4) -> NDArray[np.bool_]:
    with np.errstate(invalid="ignore"):
        found: NDArray[np.bool_] = np.abs(part - at) <= within
    return found


def crossed_over(found: Sequence[Misplaced], area: Ints) -> Iterator[tuple[Misplaced, Misplaced]]:
    """Pairs that each belong where the other is booked: two crossed meters (串户) of two areas."""
    for number, one in enumerate(found):
        for other in found[number + 1 :]:
            if one.belongs == area[other.customer] and other.belongs == area[one.customer]:
                yield one, other


def wrong_ratios(
    group: Group, steps: Sequence[float], *, within: float = 0.08, least_gain: float = 30.0
) -> list[WrongRatio]:
    """Customers whose energy times a usual step of K explains their area's loss, the clearest first.

    Only points behind transformers (K other than 1), and those with K 1 whose energy is off by a factor of 4.
    """
    told = effects(group)
    customers = np.arange(len(group.area))
    part = told.part[customers, group.area]
    spread = told.spread[customers, group.area]
    found = []
    for customer in customers[np.isfinite(part)]:
        each = _ratio(float(part[customer]), float(spread[customer]), float(group.ratio[customer]), steps)
        if each is None:
            continue
        fits, factor = each
        off = fits / float(group.ratio[customer]) - 1
        gain = (part[customer] ** 2 - (part[customer] - off) ** 2) / spread[customer] ** 2
        if gain >= least_gain and abs(factor - 1 - off) <= max(within * (1 + off), 2 * spread[customer]):
            found.append(WrongRatio(int(customer), factor, float(spread[customer]), fits, float(gain)))
    return sorted(found, key=lambda each: -each.gain)


def _ratio(part: float, spread: float, ratio: float, steps: Sequence[float]) -> tuple[float, float] | None:
    """(the step that fits best, the factor), None where nothing but the K in use is near."""
    factor = 1 + part
    if factor <= 0 or abs(part) < 4 * spread:
        return None
    usual = [step for step in steps if step != ratio]
    if ratio == 1:
        usual = [step for step in usual if step >= 4] if factor >= 4 else []
    if not usual:
        return None
    return min(usual, key=lambda step: abs(step / ratio - factor)), factor


def area_ratio(
    supply: Floats, sales: Floats, clean: NDArray[np.bool_], ratio: float, steps: Sequence[float],
    *, technical: float = 0.04, within: float = 0.06, least_off: float = 0.15,
) -> WrongRatio | None:  # fmt: skip
    """The area meter's own K: supply is off by one factor on all days; all (days,) kWh. `customer` is -1."""
    days = clean & (supply > 0) & (sales > 0)
    if days.sum() < _LEAST_DAYS:
        return None
    each = sales[days] * (1 + technical) / supply[days]
    factor = float(np.median(each))
    spread = float(1.4826 * np.median(np.abs(each - factor)))
    usual = [step for step in steps if step != ratio]
    if abs(factor - 1) < least_off or spread > 0.03 * factor or not usual:
        return None
    fits = min(usual, key=lambda step: abs(step / ratio - factor))
    if abs(fits / ratio / factor - 1) > within:
        return None
    return WrongRatio(-1, factor, spread, fits, (factor - 1) ** 2 / max(spread, 1e-9) ** 2)


def crossed_at_exchange(
    before: Floats, after: Floats, spread: Floats, *, least: float = 3.0
) -> list[tuple[int, int, float, float]]:
    """(one, other, as themselves, as each other) for pairs who go on as each other after an exchange.

    `before`, `after` (customers, features): mean logarithms of the energies of the parts of a day;
    `spread` (customers, features) their errors. Distances are in those errors, root mean square. Only
    customers whose meters were exchanged in one visit are given: without one nothing of this can be known.
    """
    pairs = []
    for one in range(len(before)):
        for other in range(one + 1, len(before)):
            error = np.sqrt(spread[one] ** 2 + spread[other] ** 2)
            own = np.hypot(_far(after[one], before[one], error), _far(after[other], before[other], error))
            cross = np.hypot(_far(after[one], before[other], error), _far(after[other], before[one], error))
            if own >= least and cross <= own / 2:
                pairs.append((one, other, float(own), float(cross)))
    return sorted(pairs, key=lambda pair: pair[3] / pair[2])


def _far(one: Floats, other: Floats, error: Floats) -> float:
    return float(np.sqrt(np.nanmean(((one - other) / error) ** 2)))
