"""The ledger on real databases: delivered, missed, not due, not known, with numbers; late facts reopen."""

from datetime import date, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import Connection, Engine, event, insert, update

from cloud.alerts import deliveries
from cloud.alerts.courier import DEAD, SENT
from cloud.alerts.notify import delivery_table, notice_table
from cloud.customers.store import service_table
from cloud.kit.db import Database
from cloud.metering.ledger.tables import meter_day_table
from cloud.tiers.entitlements import book, ledger, records, store
from cloud.tiers.entitlements.actions import Entitling
from cloud.tiers.entitlements.evidence import Outside
from cloud.tiers.entitlements.gathering import advice_since, month_of
from cloud.tiers.entitlements.records import How
from cloud.tiers.entitlements.rules import Granted
from cloud.tiers.entitlements.store import Spell
from cloud.tiers.entitlements.verdicts import Collected, Part, State, interval
from cloud.workorders.actions import Moved
from cloud.workorders.fulfilment import Fulfilment
from cloud.workorders.rules import OrderEvent
from cloud.workorders.store import order_table
from tests.cloud.tiers.entitlements.promised import DAY, MINUTE, NOW, POLICY, ZONE, Station

ACCOUNT, CUSTOMER, METER = "N-A01-04", "C-A01-04", "A01-04"
MARCH = month_of(date(2026, 3, 1), ZONE)


class Counted(Station):
    """What is promised is written down on 1 March, station time; readings of no meter are counted finely."""

    def __init__(self, database: Database) -> None:
        super().__init__(database)
        outside = Outside(orders=Fulfilment(POLICY).facts, notices=deliveries.facts, counted=self.read)
        self.entitling = Entitling(database, self.promises, self.clock, outside)
        self.times_read = 0

    def read(self, meter: str, start: datetime, end: datetime, interval_s: int) -> int:
        return self.times_read

    def promise(self) -> None:
        self.clock.set(MARCH.start)
        self.entitling.apply()

    def judge(self) -> dict[Part, Any]:
        """The account's rows of March, as they stand at the clock's instant."""
        self.entitling.ledger.judge(MARCH)
        with self.database.read() as connection:
            rows = book.listed(connection, MARCH.first, account=ACCOUNT)
        return {Part(row.part): row for row in rows}

    def report(self, at: datetime, arrives: datetime | None, back: datetime | None = None) -> str:
        with self.database.write() as connection:
            number = self.orders.create_report(connection, CUSTOMER, ACCOUNT, "停电", True, at)
            for event in (OrderEvent.ACCEPT, OrderEvent.SEND_CREW):
                self.orders.move(connection, number, Moved(event, "operator"), at)
            if arrives is not None:
                self.orders.move(connection, number, Moved(OrderEvent.ARRIVE, "operator"), arrives)
            if back is not None:
                for event in (OrderEvent.START_REPAIR, OrderEvent.FINISH_REPAIR, OrderEvent.CLOSE):
                    self.orders.move(connection, number, Moved(event, "operator"), back)
        return number

    def collected(self, expected: int, received: int, slot_s: int = 900) -> None:
        row: dict[str, Any] = dict.fromkeys(("late", "excluded", "sources"), 0)
        row |= {"day": date(2026, 3, 2), "meter": METER, "point": METER, "area": "A01", "gateway": "gw-a01"}
        row |= {"slot_s": slot_s, "expected": expected, "received": received, "freeze": "none"}
        row |= {"heard": b"", "on_time": b"", "reasons": None}
        with self.database.write() as connection:
            connection.execute(insert(meter_day_table).values(row))


@pytest.fixture
def station(plain: Database) -> Counted:
    return Counted(plain)


@pytest.fixture
def both(database: Database) -> Counted:
    return Counted(database)


def notice(connection: Connection, state: str | None) -> None:
    """A notice to the customer; `state` of its one delivery, None: none was made."""
    row: dict[str, Any] = {
        "key": f"key {state}",
        "alert": None,
        "customer": CUSTOMER,
        "kind": "unusual_usage",
    }
    row |= {"round": 1, "severity": "info", "params": {}, "trace": "0" * 16, "created_at": NOW}
    id = connection.execute(insert(notice_table).values(row).returning(notice_table.c.id)).scalar_one()  # noqa: A001
    if state is not None:
        sent: dict[str, Any] = {
            "notice": id,
            "channel": "json://x",
            "state": state,
            "attempts": 1,
            "next_at": NOW,
        }
        connection.execute(insert(delivery_table).values(sent))


def stops_after(times: int, write: Any) -> Any:
    """As `write`, and at the next time the process ends."""
    left = iter(range(times))

    def writing(*given: Any, **more: Any) -> Any:
        if next(left, None) is None:
            raise KeyboardInterrupt
        return write(*given, **more)

    return writing


def test_a_month_in_which_nothing_happened_owed_nothing_and_proves_nothing(station: Counted) -> None:
    station.promise()
    station.clock.set(MARCH.end + 15 * DAY)
    found = station.judge()
    states = {part: (row.state, row.reason) for part, row in found.items()}
    assert states[Part.ON_SITE] == (State.NOT_DUE, "no_order")
    assert states[Part.RESTORE] == (State.NOT_DUE, "no_order")
    assert states[Part.NOTICES] == (State.NOT_DUE, "no_notice")
    assert states[Part.INTERVAL] == (State.NOT_KNOWN, "not_counted")
    assert states[Part.ADVICE] == (State.NOT_KNOWN, "not_kept")
    assert all(row.closed_at is not None for row in found.values())


def test_a_crew_in_time_and_one_too_late(station: Counted) -> None:
    """Country: 90 minutes to arrive, 240 more to restore."""
    station.promise()
    first = station.report(NOW, NOW + 80 * MINUTE, NOW + 300 * MINUTE)
    station.clock.set(NOW + DAY)
    found = station.judge()
    assert (found[Part.ON_SITE].state, found[Part.RESTORE].state) == (State.DELIVERED, State.DELIVERED)
    assert found[Part.ON_SITE].promised == {"minutes": 90}
    assert found[Part.ON_SITE].figures["longest_min"] == 80
    assert found[Part.RESTORE].figures["longest_min"] == 220
    assert found[Part.ON_SITE].sources["in_time"] == "work_orders"
    assert found[Part.ON_SITE].closed_at is None  # the month is running
    second = station.report(NOW + DAY, NOW + DAY + 91 * MINUTE)
    assert first != second
    station.clock.set(NOW + 2 * DAY)
    found = station.judge()
    assert (found[Part.ON_SITE].state, found[Part.ON_SITE].figures["late"]) == (State.MISSED, [second])
    assert found[Part.RESTORE].state == State.MISSED  # nobody restored it


def test_an_order_under_way_is_neither_delivered_nor_missed(station: Counted) -> None:
    station.promise()
    station.report(NOW, None)
    station.clock.set(NOW + 89 * MINUTE)
    assert station.judge()[Part.ON_SITE].reason == "under_way"
    station.clock.set(NOW + 91 * MINUTE)
    assert station.judge()[Part.ON_SITE].state == State.MISSED


def test_a_better_promise_is_the_one_that_counts(station: Counted) -> None:
    """80 minutes would do for everybody; a first-grade customer is promised 60."""
    station.grade(ACCOUNT, "first")
    station.promise()
    station.report(NOW, NOW + 80 * MINUTE)
    station.clock.set(NOW + DAY)
    row = station.judge()[Part.ON_SITE]
    assert (row.state, row.rule, row.promised) == (State.MISSED, "grade-first", {"minutes": 60})


def test_the_interval_is_judged_by_what_the_collection_counted(both: Counted) -> None:
    both.promise()
    both.collected(96, 92)
    both.clock.set(NOW + DAY)
    row = both.judge()[Part.INTERVAL]
    assert (row.state, row.figures["read"], row.figures["owed"]) == (State.DELIVERED, 92, 96)
    assert row.sources["read"] == "collection"
    with both.database.write() as connection:
        connection.execute(update(meter_day_table).values(received=80))
    assert both.judge()[Part.INTERVAL].state == State.MISSED


def test_where_slots_are_too_coarse_the_readings_themselves_are_counted(station: Counted) -> None:
    station.grade(ACCOUNT, "first")
    station.promise()
    station.collected(96, 96)
    station.clock.set(MARCH.start + timedelta(hours=1))
    station.times_read = 50
    row = station.judge()[Part.INTERVAL]
    assert (row.state, row.figures["read"], row.figures["owed"]) == (State.MISSED, 50, 60)
    assert row.sources["read"] == "readings"


def test_coarse_slots_alone_prove_nothing() -> None:
    found = interval(60, "grade-first", Collected(96, 96, 0, 900, 1), 0.95)
    assert (found.state, found.reason) == (State.NOT_KNOWN, "slots_coarser")
    assert interval(900, "base", Collected(0, 0, 96, 900, 1), 0.95).reason == "nothing_owed"


@pytest.mark.parametrize(
    ("state", "wanted"),
    [
        (SENT, (State.DELIVERED, None)),
        (DEAD, (State.MISSED, None)),
        ("pending", (State.NOT_DUE, "under_way")),
        (None, (State.NOT_KNOWN, "not_sent")),
    ],
)
def test_a_notice_counts_by_how_far_it_came(station: Counted, state: str | None, wanted: Any) -> None:
    station.promise()
    with station.database.write() as connection:
        notice(connection, state)
    station.clock.set(NOW + DAY)
    row = station.judge()[Part.NOTICES]
    assert (row.state, row.reason) == wanted


def test_what_only_a_person_can_know_is_not_known_until_one_says_so(station: Counted) -> None:
    station.grade(ACCOUNT, "second")
    station.promise()
    station.clock.set(MARCH.end + 15 * DAY)
    row = station.judge()[Part.CONTACT]
    assert (row.state, row.reason, row.reopened) == (State.NOT_KNOWN, "nothing_recorded", 0)
    with station.database.write() as connection:
        at, now = NOW + DAY, station.clock.now()
        records.record(connection, ACCOUNT, How.PHONE, at=at, note="示例", by="manager", now=now)
    row = station.judge()[Part.CONTACT]
    assert (row.state, row.reopened, row.before["state"]) == (State.DELIVERED, 1, "not_known")
    assert row.sources["recorded"] == "recorded_by_a_person"


def test_late_facts_reopen_a_closed_month_and_the_same_facts_do_not(
    both: Counted, monkeypatch: pytest.MonkeyPatch
) -> None:
    """However many pieces a month is written in; what a stop between two leaves out the next time writes."""
    monkeypatch.setattr(ledger, "AT_ONCE", 7)
    both.promise()
    number = both.report(NOW, NOW + 80 * MINUTE)
    both.clock.set(MARCH.end + 15 * DAY)
    with monkeypatch.context() as patched:
        patched.setattr(book, "write", stops_after(3, book.write))
        with pytest.raises(KeyboardInterrupt):
            both.entitling.ledger.judge(MARCH)
    counted = both.entitling.ledger.judge(MARCH)
    assert (counted.written, counted.reopened) == (counted.rows - 3 * 7, 0)
    row = both.judge()[Part.ON_SITE]
    assert (row.state, row.reopened) == (State.DELIVERED, 0)
    assert both.entitling.ledger.judge(MARCH).written == 0
    with both.database.write() as connection:
        mine = order_table.c.number == number
        connection.execute(update(order_table).where(mine).values(arrived_at=NOW + 100 * MINUTE))
    counted = both.entitling.ledger.judge(MARCH)
    assert (counted.written, counted.reopened) == (1, 1)
    row = both.judge()[Part.ON_SITE]
    assert (row.state, row.before["state"]) == (State.MISSED, State.DELIVERED)


def test_before_anything_was_promised_nothing_is_in_the_ledger(station: Counted) -> None:
    station.clock.set(NOW)
    assert station.judge() == {}
    station.entitling.apply()
    counted = station.entitling.reopen()
    assert [each.rows > 0 for each in counted] == [False] * 6 + [True]


def test_what_was_promised_is_kept_over_time(both: Counted) -> None:
    both.promise()
    with both.database.read() as connection:
        assert len(book.months(connection)) == 0
    assert both.entitling.apply() is not None
    both.clock.set(NOW)
    both.grade(ACCOUNT, "first")
    both.entitling.apply()
    with both.database.read() as connection:
        [before, after] = store.given(connection, MARCH.start, MARCH.end, [ACCOUNT])[ACCOUNT]
    assert (before.until, after.since, after.until) == (NOW, NOW, None)
    assert after.terms["interval_s"] == Granted(60, "grade-first", {"grade": "first"})


def test_a_month_is_not_closed_on_the_day_by_which_its_report_may_come(station: Counted) -> None:
    station.promise()
    for day, closed in ((9, False), (10, True)):  # days after the first of the next month
        station.clock.set(MARCH.end + day * DAY + 60 * MINUTE)
        assert (station.judge()[Part.ON_SITE].closed_at is not None) is closed


def test_closing_a_month_asks_no_question_for_each_row(station: Counted) -> None:
    station.promise()
    station.judge()
    station.clock.set(MARCH.end + 15 * DAY)
    asked: list[str] = []

    def seen(*given: Any) -> None:
        asked.append(given[2])

    event.listen(Engine, "before_cursor_execute", seen)
    try:
        written = station.entitling.ledger.judge(MARCH).written
    finally:
        event.remove(Engine, "before_cursor_execute", seen)
    assert written >= 40
    assert len(asked) < 25, asked


def test_who_has_left_is_promised_nothing_any_more(station: Counted) -> None:
    station.promise()
    with station.database.write() as connection:
        mine = update(service_table).where(service_table.c.account == ACCOUNT)
        connection.execute(mine.values(end=MARCH.start - DAY))
    assert station.judge() == {}


def test_advice_that_is_promised_goes_on_when_another_promise_changes() -> None:
    def spell(first: int, until: int | None, every: int, reach: str) -> Spell:
        since, end = MARCH.start + first * DAY, None if until is None else MARCH.start + until * DAY
        terms = {"advice_every_months": Granted(every, "base"), "reach": Granted(reach, "base")}
        return Spell(since, end, terms)

    old, other = spell(-300, -20, 12, "push"), spell(-20, None, 12, "call")
    assert advice_since([old, other], ZONE) == (MARCH.start - 300 * DAY).astimezone(ZONE).date()
    oftener = spell(-20, None, 1, "call")
    assert advice_since([old, oftener], ZONE) == date(2026, 2, 9), "and of the station's own day"
    assert advice_since([spell(-300, -30, 12, "push"), other], ZONE) == date(2026, 2, 9)
