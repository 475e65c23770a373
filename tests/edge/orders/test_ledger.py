"""The ledger of orders against a model: in whatever order things come, begun once, ended once, kept."""

import shutil
import tempfile
from pathlib import Path
from typing import Any

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from edge.orders.ledger import Ledger
from edge.orders.states import (
    MOVES,
    OPEN,
    Event,
    Limit,
    LimitReached,
    Offer,
    Outcome,
    State,
    WrongMove,
)  # fmt: skip
from edge.outbox_file import StorageFault
from protocols.mqtt.orders import Order, OrderKind, OrderState
from tests.edge.gateway import START_MS, GatewayClock

IDS = st.sampled_from([f"order-{number:04}" for number in range(4)])
MOST = 2


def order(order_id: str, kind: OrderKind = OrderKind.RELAY_OFF) -> Order:
    return Order(
        gateway="gw-a01",
        id=order_id,
        kind=kind,
        meter="M-1",
        issued_at_ms=START_MS,
        expires_at_ms=START_MS + 1,
    )


class LedgerMachine(RuleBasedStateMachine):
    """`model`: id → (state, heard); `begun`: how often each was begun."""

    def __init__(self) -> None:
        super().__init__()
        self.folder = Path(tempfile.mkdtemp())
        self.clock = GatewayClock()
        self.ledger = Ledger(self.folder / "orders.db", self.clock)
        self.model: dict[str, tuple[State, bool]] = {}
        self.begun: dict[str, int] = {}

    @rule(order_id=IDS, other=st.booleans())
    def take(self, order_id: str, other: bool) -> None:
        offer = self.ledger.take(order(order_id, OrderKind.RELAY_ON if other else OrderKind.RELAY_OFF))
        known = self.ledger.entry(order_id)
        assert known
        same = known.order.kind is (OrderKind.RELAY_ON if other else OrderKind.RELAY_OFF)
        if order_id in self.model:
            assert offer is (Offer.KNOWN if same else Offer.OTHER)
            self.model[order_id] = (self.model[order_id][0], False)
        else:
            assert offer is Offer.NEW
            self.model[order_id] = (State.TAKEN, False)

    @rule(order_id=IDS, event=st.sampled_from(Event))
    def move(self, order_id: str, event: Event) -> None:
        if order_id not in self.model:
            with pytest.raises(KeyError):
                self.ledger.move(order_id, event)
            return
        state, heard = self.model[order_id]
        limit = Limit(MOST, 0, "enough", kind=OrderKind.RELAY_OFF) if event is Event.BEGIN else None
        to = MOVES.get((state, event))
        used = sum(self.begun.get(each, 0) for each in self.model if self._is_off(each))
        if to is None:
            with pytest.raises(WrongMove):
                self.ledger.move(order_id, event, limit=limit)
        elif limit and used >= MOST:
            with pytest.raises(LimitReached):
                self.ledger.move(order_id, event, limit=limit)
        else:
            assert self.ledger.move(order_id, event, Outcome(event), limit=limit).state is to
            self.model[order_id] = (to, heard and to in OPEN)
            self.begun[order_id] = self.begun.get(order_id, 0) + (event is Event.BEGIN)

    def _is_off(self, order_id: str) -> bool:
        entry = self.ledger.entry(order_id)
        return entry is not None and entry.order.kind is OrderKind.RELAY_OFF

    @rule(order_id=IDS, said=st.sampled_from(OrderState))
    def hear(self, order_id: str, said: OrderState) -> None:
        fits = order_id in self.model and self._said(order_id) is said
        assert self.ledger.heard(order_id, said) is fits
        if fits:
            self.model[order_id] = (self.model[order_id][0], True)

    def _said(self, order_id: str) -> OrderState:
        state = self.model[order_id][0]
        return OrderState.TAKEN if state in OPEN else OrderState(state)

    @rule()
    def start_anew(self) -> None:
        self.ledger.close()
        self.ledger = Ledger(self.folder / "orders.db", self.clock)

    @invariant()
    def it_is_as_the_model_says(self) -> None:
        found = {entry.order.id: entry.state for entry in map(self.ledger.entry, self.model) if entry}
        assert found == {order_id: state for order_id, (state, _) in self.model.items()}
        assert {entry.order.id for entry in self.ledger.unheard()} == {
            order_id for order_id, (_, heard) in self.model.items() if not heard
        }
        assert {entry.order.id for entry in self.ledger.unfinished()} == {
            order_id for order_id, (state, _) in self.model.items() if state in OPEN
        }
        assert all(times <= 1 for times in self.begun.values())

    def teardown(self) -> None:
        self.ledger.close()
        shutil.rmtree(self.folder)


TestLedger: Any = LedgerMachine.TestCase
TestLedger.settings = settings(max_examples=40, stateful_step_count=25, deadline=None)


def test_nothing_leads_out_of_an_end_and_nothing_back_to_before_the_sending() -> None:
    assert not {state for state, _ in MOVES} - OPEN
    assert all(to is not State.TAKEN for to in MOVES.values())
    assert [key for key, to in MOVES.items() if to is State.BEGUN] == [(State.TAKEN, Event.BEGIN)]


def test_every_commit_is_fsynced_and_the_file_is_the_owners_alone(tmp_path: Path) -> None:
    path = tmp_path / "orders.db"
    ledger = Ledger(path, GatewayClock())
    assert ledger._db
    assert ledger._db.execute("PRAGMA synchronous").fetchone() == (2,)
    assert ledger._db.execute("PRAGMA journal_mode").fetchone() == ("truncate",)
    assert path.stat().st_mode & 0o777 == 0o600
    ledger.close()
    with pytest.raises(StorageFault, match="is closed"):
        ledger.unheard()


def test_what_is_long_over_and_heard_is_forgotten_and_stays_in_the_audit(tmp_path: Path) -> None:
    clock = GatewayClock()
    ledger = Ledger(tmp_path / "orders.db", clock)
    ledger.take(order("order-0001"))
    ledger.take(order("order-0002"))
    for each in ("order-0001", "order-0002"):
        ledger.move(each, Event.EXPIRE)
    ledger.heard("order-0001", OrderState.EXPIRED)
    ledger.close()
    clock.advance(401 * 86_400)
    ledger = Ledger(tmp_path / "orders.db", clock)
    assert ledger.entry("order-0001") is None
    assert ledger.entry("order-0002")
    ledger.close()
