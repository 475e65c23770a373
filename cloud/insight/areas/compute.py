"""One task: an area's day out of its files into its row; plain data in and out."""

from dataclasses import replace

from cloud.insight.areas import together
from cloud.insight.areas.files import Files
from cloud.insight.areas.store import AreaDay, Imbalance, Loading, Reason, Voltage
from cloud.insight.areas.task import AreaResult, AreaTask, Gauge


def compute(task: AreaTask) -> AreaResult:
    """Conflict: a file is damaged or gone."""
    from cloud.insight.areas.loading import loading  # they load the kernels

    files = Files(task)
    curves = files.curves(task.customers)
    row = together.of_area(curves, task.area, task.day, task.policy.publish)
    load = loading(task, files, curves)
    row = _with(row, "loading", load)
    kva = load.capacity_kva if isinstance(load, Loading) else _kva(task)
    row = _with_gauges(row, task, kva)
    valid = 0 if row.coverage is None else round(row.coverage * curves.wh.size)
    return AreaResult(
        row,
        curves.points,
        curves.starts_ms,
        curves.interval_s,
        curves.wh,
        together.enough(curves.wh, task.policy.publish),
        valid,
        int(curves.estimated.sum()),
    )


def warm() -> None:
    """Compiles the kernels that a task needs, or loads them."""
    import numpy as np

    from cloud.analysis.indicators import quality
    from cloud.analysis.indicators.coincidence import coincidence

    one, row = np.ones(1), np.zeros(1, np.int64)
    coincidence(np.ones((1, 96), np.float32))
    quality.imbalance(np.ones((1, 3)))
    quality.voltage(np.ones((1, 3)), one, row, one, one, one)


def _with_gauges(row: AreaDay, task: AreaTask, kva: float | None) -> AreaDay:
    from cloud.insight.areas import gauges

    found = gauges.readings(task)
    own = [each for each in found if each.gauge.is_area]
    others = [each for each in found if not each.gauge.is_area]
    limits = task.policy.voltage
    if not task.meters:
        row = _with(_with(row, "imbalance", Reason.NO_AREA_METER), "voltage", Reason.NO_AREA_METER)
    else:
        row = _with(row, "imbalance", gauges.imbalance(own, kva, task.policy.imbalance))
        row = _with(row, "voltage", gauges.voltage(own, _expected_min(task, is_area=True), limits))
    if not limits.customers:
        return row
    return _with(row, "customers_voltage", gauges.voltage(others, _expected_min(task, is_area=False), limits))


def _expected_min(task: AreaTask, *, is_area: bool) -> float:
    return sum(_minutes(each) for each in task.gauges if each.is_area is is_area)


def _minutes(gauge: Gauge) -> float:
    return (gauge.end_ms - gauge.start_ms) / 60_000


def _kva(task: AreaTask) -> float | None:
    return task.capacity[-1].kva if task.capacity else None


def _with(row: AreaDay, name: str, found: Loading | Imbalance | Voltage | Reason) -> AreaDay:
    if isinstance(found, Reason):
        return replace(row, reasons={**row.reasons, name: found})
    return replace(row, **{name: found})  # type: ignore[arg-type]
