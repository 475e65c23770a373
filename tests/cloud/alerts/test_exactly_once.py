"""Whatever happens, in whatever order, with crashes and repeats: one alert, one order, one notice each."""

from collections import Counter
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from cloud.alerts.policy import AlertKind
from cloud.alerts.rules import Broker
from cloud.kit.db import Database, metadata
from tests.cloud.alerts.village import Village, customer_of, meters_of

A01 = meters_of("A01")


def crash_while_told(village: Village) -> None:
    village.clock.advance(60)
    village.poll(crash=True)


def crash_at_the_tick(village: Village) -> None:
    village.tick(crash=True)


def broker_down(village: Village) -> None:
    village.broker = Broker(False, village.clock.now())


def broker_up(village: Village) -> None:
    village.broker = Broker(True, village.clock.now())


HAPPENINGS: dict[str, Callable[[Village], None]] = {
    "the area goes dark": lambda village: village.supply_out(*A01),
    "the area comes back": lambda village: village.supply_back(*A01),
    "half of it comes back": lambda village: village.supply_back(*A01[:3]),
    "two meters break": lambda village: village.fate.dead.update(A01[1:3]),
    "they are mended": lambda village: village.fate.dead.clear(),
    "the line is cut": lambda village: village.fate.cut.add("A01"),
    "the line is mended": lambda village: village.fate.cut.discard("A01"),
    "the gateway goes dark": lambda village: village.fate.dark_gateways.add("gw-a01"),
    "the gateway comes back": lambda village: village.fate.dark_gateways.clear(),
    "the broker goes down": broker_down,
    "the broker comes back": broker_up,
    "one round": lambda village: village.rounds(1),
    "three rounds": lambda village: village.rounds(3),
    "a quick round": lambda village: village.rounds(1, seconds=5),
    "ten rounds": lambda village: village.rounds(10),
    "the last messages come again": Village.replay,
    "a crash while messages are handled": crash_while_told,
    "a crash at the tick": crash_at_the_tick,
}


class Witness:
    """Remembers what was true at each notice."""

    def __init__(self, village: Village) -> None:
        self.village = village
        self.seen = 0
        self.been_dark: set[str] = set()
        self.outages = 0

    def look(self) -> None:
        self.been_dark |= self.village.fate.out
        told = self.village.told()
        for notice in told[self.seen :]:
            meters = {meter for meter in A01[1:] if customer_of(meter) == notice.customer}
            assert notice.kind in ("outage", "restored")
            if notice.kind == "outage":
                assert meters & (self.been_dark | self.village.fate.dead), "told of an outage that never was"
            else:
                assert all(self.village.answered_since_dark(meter) for meter in meters), "told a lie"
        self.seen = len(told)

    def books_balance(self) -> None:
        outages = self.village.alerts(AlertKind.AREA_OUTAGE)
        orders = self.village.orders_made()
        assert [order.alert for order in orders] == [alert.id for alert in outages]
        assert len({alert.cause for alert in self.village.alerts(only_open=True)}) == len(
            self.village.alerts(only_open=True)
        )
        assert len(outages) <= self.outages
        told = Counter((n.alert, n.customer, n.kind, n.round) for n in self.village.told())
        assert set(told.values()) <= {1}
        for order, alert in zip(orders, outages, strict=True):
            assert (order.restored_at is not None) == (alert.closed_at is not None)


@settings(
    max_examples=25,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(happenings=st.lists(st.sampled_from(sorted(HAPPENINGS)), min_size=4, max_size=20))
def test_one_alert_one_order_one_notice_each(database: Database, happenings: list[str]) -> None:
    with database.write() as connection:
        for table in reversed(metadata.sorted_tables):
            connection.execute(table.delete())
    with TemporaryDirectory() as folder:
        village = Village(database, Path(folder), ("A01",))
        try:
            live(village, happenings)
        finally:
            village.close()


def live(village: Village, happenings: list[str]) -> None:
    village.rounds(2)
    witness = Witness(village)
    for happening in happenings:
        if happening == "the area goes dark":
            witness.outages += 1
        HAPPENINGS[happening](village)
        witness.look()
        witness.books_balance()
    make_all_well(village, witness)


def make_all_well(village: Village, witness: Witness) -> None:
    """In the end everything works and everybody who was told of an outage is told of its end, once."""
    village.supply_back(*A01)
    village.fate.dead.clear()
    village.fate.cut.clear()
    village.fate.dark_gateways.clear()
    village.broker = Broker(True, village.clock.now())
    village.rounds(8)
    witness.look()
    witness.books_balance()
    assert village.open_causes() == []
    assert village.who_was_told("outage") == village.who_was_told("restored")
