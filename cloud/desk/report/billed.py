"""The bill beside those of the other months: how much of the difference is energy, how much price."""

from collections.abc import Iterator, Sequence
from decimal import Decimal

from cloud.billing.store import BillRow
from cloud.desk.report.comparing import Against
from cloud.desk.report.pieces import BillThen
from cloud.kit.money import rounded


def beside(now: BillRow | None, others: Sequence[tuple[Against, BillRow | None]]) -> Iterator[BillThen]:
    """Of each other month that has a bill."""
    for against, then in others:
        if then is not None:
            yield _beside(now, against, then)


def _beside(now: BillRow | None, against: Against, then: BillRow) -> BillThen:
    difference = None if now is None else now.amount - then.amount
    energy = None if now is None else _of_energy(now, then)
    return BillThen(
        against=against,
        month=then.month,
        kwh=then.kwh,
        amount=then.amount,
        difference=difference,
        of_energy=energy,
        of_price=None if energy is None or difference is None else difference - energy,
    )


def _of_energy(now: BillRow, then: BillRow) -> Decimal | None:
    """What the kWh more or fewer would have cost at what a kWh cost then; None where that is not known."""
    if not now.kwh or not then.kwh:
        return None
    return rounded((now.kwh - then.kwh) * then.amount / then.kwh)
