"""One task: some areas out of their files into forecasts of customers, totals, transformers. No database."""

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from cloud.analysis.forecast import backtest, coherence, model, night, outlook
from cloud.analysis.forecast.choice import Method
from cloud.analysis.forecast.night import Days, History, Issued, Night, Past, Rules
from cloud.analysis.forecast.outlook import Limits, Outlook
from cloud.analysis.grid import DayGrid, by_wall
from cloud.insight.curves import Curves, Partition, Source, read
from cloud.insight.forecast import rows

Kw = NDArray[np.float32]
LOSS_DAYS = 28
MOST_LOSS = 1.5
"""Supply over sales: more than this is a wrong meter and no loss."""


@dataclass(frozen=True, slots=True)
class AreaTask:
    """`points` are its customers, `classes` whose shape a newcomer borrows; `meter` the area's own.

    `total`, `transformer`, `parts` are the pasts of one subject each: the area as a whole, its transformer,
    and the plain sum of what was forecast of its customers.
    """

    area: str
    feeder: str
    points: tuple[str, ...]
    classes: tuple[int, ...]
    meter: str | None
    capacity_kva: float | None
    power_factor: float | None
    past: Past
    total: Past
    transformer: Past
    parts: Past


@dataclass(frozen=True, slots=True)
class Task:
    """What all areas of a task share; `trees` None: no model has learned yet."""

    areas: tuple[AreaTask, ...]
    source: Source
    days: Days
    rules: Rules
    trees: model.Trees | None
    ahead: int
    limits: Limits
    power_factor: float

    @property
    def partition(self) -> Partition:
        """What it is called where it is lost."""
        return Partition(", ".join(each.area for each in self.areas), self.source.last, self.source.last, ())


@dataclass(frozen=True, slots=True)
class AreaNight:
    """Nights of an area: its customers, and of one subject each as in AreaTask; outlook per day ahead.

    `truth` (1, slots): the transformer's newest day, of which feeders are sums.
    """

    area: str
    feeder: str
    points: tuple[str, ...]
    customers: Night
    total: Night
    transformer: Night
    parts: Night
    outlooks: tuple[Outlook, ...]
    truth: Kw


def compute(task: Task) -> list[AreaNight]:
    """Conflict: a file is damaged or gone."""
    names = [name for each in task.areas for name in _names(each)]
    found = history(read(task.source, names))
    customers, wholes = _stacked(task, found)
    first = night.run(
        customers, task.days, _joined([each.past for each in task.areas]), task.trees, task.rules,
        np.concatenate([np.array(each.classes, np.int64) for each in task.areas]), ahead=task.ahead,
    )  # fmt: skip
    pasts = [past for each in task.areas for past in (each.total, each.transformer)]
    second = night.run(
        wholes, task.days, _joined(pasts), task.trees, task.rules,
        np.tile(np.array([0, 1], np.int64), len(task.areas)), ahead=task.ahead,
    )  # fmt: skip
    out, at = [], 0
    for number, each in enumerate(task.areas):
        own = slice(at, at + len(each.points))
        at = own.stop
        one, two = slice(2 * number, 2 * number + 1), slice(2 * number + 1, 2 * number + 2)
        nights = (_part(first, own), _part(second, one), _part(second, two))
        out.append(_area(task, each, *nights, _of(wholes, one), _of(wholes, two)))
    return out


def alone(task: Task) -> list[Task]:
    """A task area by area, each with its own files: a damaged one costs no other."""
    return [replace(task, areas=(each,), source=_own(task.source, each.area)) for each in task.areas]


def _own(source: Source, area: str) -> Source:
    final, method = (
        tuple(piece for piece in pieces if piece.entry.area == area)
        for pieces in (source.final, source.method)
    )
    return replace(source, final=final, method=method)


def warm() -> None:
    """Compiles the kernels that a task needs, or loads them."""
    kw, marks = np.ones((1, 9, 96), np.float32), np.zeros(9, np.int8)
    known = model.lags(kw, np.ones((1, 9), np.bool_), marks, marks, 8, Rules().alike)
    nothing = np.zeros((1, 9), np.float32)
    trees = model.Trees(
        np.zeros(1, np.uint32), 1, np.zeros(1, np.uint32), np.zeros(1, np.float32), np.zeros(1, np.uint8),
        np.zeros(2, np.uint32), np.zeros(1), 0.0,
    )  # fmt: skip
    model.predict(trees, known)
    past = Past(rows.nothing(1), np.zeros((1, night.SCORE)), np.zeros(1, np.int64))
    night.run(History(kw, kw[:, -1], nothing, nothing), Days(np.zeros(10, np.int8), np.zeros(10, np.int8)),
              past, trees, Rules(), np.zeros(1, np.int64))  # fmt: skip


def history(curves: Curves) -> History:
    """Of all points, on the wall-clock grid, in kW."""
    grid, hours = curves.grid, curves.interval_s / 3600
    kw = by_wall(curves.wh, grid) * np.float32(1e-3 / hours)
    unsure, outage = _share(curves.estimated, grid), _share(curves.outage, grid)
    newest = slice(int(grid.first_slot[-2]), None)
    measured = np.where(curves.estimated[:, newest], np.nan, curves.wh[:, newest]).astype(np.float32)
    last = replace(
        grid, days=grid.days[-1:], day=grid.day[newest] - grid.day[-1], label=grid.label[newest],
        first_slot=grid.first_slot[-2:] - grid.first_slot[-2],
    )  # fmt: skip
    truth = by_wall(measured, last)[:, 0] * np.float32(1e-3 / hours)
    return History(kw, truth, unsure, outage)


def _share(marks: NDArray[np.bool_], grid: DayGrid) -> Kw:
    """(points, days): the share of each day's slots that are marked."""
    lengths = np.diff(grid.first_slot)
    if grid.even:
        number = np.count_nonzero(marks.reshape(len(marks), len(lengths), -1), axis=2)
    else:
        number = np.add.reduceat(marks, grid.first_slot[:-1], axis=1, dtype=np.int64)
    found: Kw = (number / lengths).astype(np.float32)
    return found


def _names(each: AreaTask) -> list[str]:
    return [*each.points, *([each.meter] if each.meter else [])]


def _stacked(task: Task, found: History) -> tuple[History, History]:
    """Customers of all areas, and (total, transformer) of each."""
    at, customers, wholes = 0, [], []
    for each in task.areas:
        own = slice(at, at + len(each.points))  # rows that stand together are not copied
        at = own.stop
        total = _summed(_of(found, own))
        customers.append(np.arange(own.start, own.stop))
        wholes.append(total)
        wholes.append(_of(found, np.array([at])) if each.meter else _empty(total))
        at += each.meter is not None
    return _of(found, np.concatenate(customers)), _together(wholes)


def _summed(parts: History) -> History:
    if not len(parts.kw):
        return _empty(History(*(np.zeros((1, *each.shape[1:]), np.float32) for each in _arrays(parts))))
    kw = coherence.total(parts.kw)
    truth = kw[-1] if np.array_equal(parts.truth, parts.kw[:, -1]) else _true_total(parts)
    return History(kw[None], truth[None], parts.estimated.mean(axis=0)[None], parts.outage.mean(axis=0)[None])


def _true_total(parts: History) -> Kw:
    """(slots,) of the newest day without its estimates; who was there, the days before tell."""
    found: Kw = coherence.total(np.concatenate([parts.kw[:, :-1], parts.truth[:, None]], axis=1))[-1]
    return found


def _empty(like: History) -> History:
    return History(np.full_like(like.kw, np.nan), np.full_like(like.truth, np.nan),
                   np.zeros_like(like.estimated), np.zeros_like(like.outage))  # fmt: skip


def _arrays(of: History) -> tuple[Kw, Kw, Kw, Kw]:
    return of.kw, of.truth, of.estimated, of.outage


def _of(found: History, rows: NDArray[np.int64] | slice) -> History:
    return History(*(np.ascontiguousarray(each[rows]) for each in _arrays(found)))


def _together(found: list[History]) -> History:
    return History(*(np.concatenate(each) for each in zip(*map(_arrays, found), strict=True)))


def _joined(pasts: list[Past]) -> Past:
    issued = Issued(*(np.concatenate([getattr(each.issued, name) for each in pasts])
                      for name in Issued.__slots__))  # fmt: skip
    return Past(
        issued, np.concatenate([each.scores for each in pasts]), np.concatenate([each.days for each in pasts])
    )


def _part(of: Night, rows: slice) -> Night:
    ahead = tuple(Issued(*(getattr(each, name)[rows] for name in Issued.__slots__)) for each in of.ahead)
    return Night(ahead, of.score[rows])


def _area(
    task: Task, each: AreaTask, own: Night, total: Night, transformer: Night, series: History, meter: History
) -> AreaNight:
    """What was forecast of parts and wholes by themselves, made to add up."""
    loss = _loss(series.kw[0, -LOSS_DAYS:], meter.kw[0, -LOSS_DAYS:])
    score = _parts_score(each.parts, series)
    parts_error = _mean_error(each.parts, score)
    total_error = _mean_error(each.total, total.score)
    customers, totals, wholes, sums, outlooks = [], [], [], [], []
    for mine, whole, fed in zip(own.ahead, total.ahead, transformer.ahead, strict=True):
        added = _added(mine)
        p50 = coherence.better(whole.p50[0], added, total_error, parts_error)
        shifted = coherence.shared(mine.p50, mine.p10, mine.p90, p50)
        customers.append(_moved(mine, shifted))
        totals.append(_as_joined(_moved(whole, p50[None])))
        supply = coherence.better(fed.p50[0], p50 * loss, _mean_error(each.transformer, transformer.score),
                                  total_error * loss)  # fmt: skip
        wholes.append(_as_joined(_fed(fed, totals[-1], supply, loss)))
        sums.append(replace(whole, p50=added[None], method=np.full(1, Method.BLEND, np.int8)))
        outlooks.append(_outlook(task, each, wholes[-1]))
    truth = meter.truth if each.meter else series.truth
    return AreaNight(
        each.area, each.feeder, each.points, Night(tuple(customers), own.score),
        Night(tuple(totals), total.score), Night(tuple(wholes), transformer.score),
        Night(tuple(sums), score), tuple(outlooks), truth,
    )  # fmt: skip


def _added(mine: Issued) -> Kw:
    """(slots,): the sum of P50s; NaN where nobody has one."""
    known = ~np.isnan(mine.p50)
    found: Kw = np.where(known.any(axis=0), np.where(known, mine.p50, 0).sum(axis=0), np.nan)
    return found.astype(np.float32)


def _moved(issued: Issued, p50: Kw) -> Issued:
    """The same width around another middle."""
    by = p50 - issued.p50
    return replace(issued, p10=np.maximum(issued.p10 + by, 0), p50=p50, p90=issued.p90 + by)


def _as_joined(issued: Issued) -> Issued:
    nothing = np.isnan(issued.p50).all(axis=1)
    return replace(issued, method=np.where(nothing, Method.NONE, Method.JOINED).astype(np.int8))


def _fed(fed: Issued, total: Issued, supply: Kw, loss: float) -> Issued:
    """The transformer's: around its meter's own forecast, or around its customers' where it has none."""
    if not np.isnan(fed.p50).all():
        return _moved(fed, supply[None])
    scaled = replace(total, p10=total.p10 * loss, p50=total.p50 * loss, p90=total.p90 * loss)
    return _moved(scaled, supply[None])


def _loss(total: Kw, meter: Kw) -> float:
    """Supply over sales where both are known; 1 without a meter, and never below."""
    known = ~np.isnan(total) & ~np.isnan(meter)
    sold, fed = (float(np.where(known, each, 0).sum(dtype=np.float64)) for each in (total, meter))
    return min(max(fed / sold, 1.0), MOST_LOSS) if sold > 0 else 1.0


def _parts_score(past: Past, series: History) -> Kw:
    score = np.full((1, night.SCORE), np.nan, np.float32)
    own = backtest.sums(series.truth, *(past.issued.p50,) * 3, series.kw[:, -8])
    if own[0, 0]:
        score[:, : own.shape[1]] = own
        score[:, own.shape[1] :] = 0
    return score


def _mean_error(past: Past, score: Kw) -> float:
    """Mean |e| in kW over the scored days, the newest with them; NaN without any."""
    both = past.scores[0] + np.nan_to_num(score[0])
    return float(both[2] / both[1]) if both[1] > 0 else float("nan")


def _outlook(task: Task, each: AreaTask, issued: Issued) -> Outlook:
    factor = each.power_factor or None
    return outlook.outlook(
        issued.p10[0], issued.p50[0], issued.p90[0], each.capacity_kva, task.limits,
        power_factor=factor or task.power_factor, assumed=factor is None,
    )  # fmt: skip
