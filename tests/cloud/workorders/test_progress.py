"""What a customer is told of an order is true for their own meters."""

import pytest

from cloud.alerts.policy import AlertKind
from cloud.kit.errors import NotFound
from cloud.workorders.actions import Moved
from cloud.workorders.progress import STILL_DARK, Progress, order_of, orders_of, progress
from cloud.workorders.rules import OrderEvent
from tests.cloud.alerts.village import PERIOD_S, POLICY, Village, customer_of, meters_of

A01 = meters_of("A01")
FIRST, LAST = customer_of(A01[3]), customer_of(A01[5])


def seen_by(village: Village, customer: str) -> list[Progress]:
    with village.database.read() as connection:
        return [progress(connection, order, customer) for order in orders_of(connection, customer)]


def test_who_was_told_of_an_outage_follows_its_order(village: Village) -> None:
    village.supply_out(*A01)
    village.rounds(3)
    [mine] = seen_by(village, FIRST)
    assert (mine.stage, mine.crew_sent, mine.customers) == ("new", False, 4)
    assert mine.latest is not None
    with village.database.write() as connection:
        for event in (OrderEvent.ACCEPT, OrderEvent.SEND_CREW):
            village.orders.move(connection, mine.number, Moved(event, "operator"), village.clock.now())
    [mine] = seen_by(village, FIRST)
    assert (mine.stage, mine.crew_sent) == ("crew_sent", True)


def test_nobody_sees_the_order_of_another_area(village: Village) -> None:
    village.supply_out(*A01)
    village.rounds(3)
    [order] = village.orders_made()
    assert seen_by(village, "C-A02-01") == []
    with village.database.read() as connection, pytest.raises(NotFound):
        order_of(connection, "C-A02-01", order.number)


def test_a_customer_whose_supply_is_back_first_is_not_kept_waiting_for_it(village: Village) -> None:
    village.supply_out(*A01)
    village.rounds(3)
    village.supply_back(A01[3])
    village.rounds(3)
    [early], [late] = seen_by(village, FIRST), seen_by(village, LAST)
    assert early.supply_back_at is not None
    assert early.latest is None
    assert late.supply_back_at is None
    assert late.latest is not None


def test_an_order_that_is_restored_is_still_dark_for_whom_it_is(village: Village) -> None:
    village.supply_out(*A01)
    village.rounds(3)
    village.supply_back(*(meter for meter in A01 if meter != A01[5]))
    village.rounds(3 + int(POLICY.supply.stragglers_s / PERIOD_S))
    assert village.alerts(AlertKind.AREA_OUTAGE)[0].closed_at is not None
    [restored], [dark] = seen_by(village, FIRST), seen_by(village, LAST)
    assert restored.stage == "restored"
    assert (dark.stage, dark.supply_back_at) == (STILL_DARK, None)
    village.supply_back(A01[5])
    village.rounds(3)
    [dark] = seen_by(village, LAST)
    assert dark.stage == "restored"
