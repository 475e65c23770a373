"""Orders and settings come back as they were, and whatever is out of bounds is a MessageError."""

import json
import zlib
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from protocols.errors import MessageError
from protocols.mqtt import orders
from protocols.mqtt.orders import (
    Applied,
    Approval,
    Config,
    ConfigState,
    Heard,
    MeterFacts,
    Order,
    OrderKind,
    OrderResult,
    OrderState,
    RelayState,
    Slot,
)

KINDS: tuple[type[Any], ...] = (Order, OrderResult, Heard, Config, Applied, MeterFacts)
ORDER = Order(
    gateway="gw-a01", id="order-0001", kind=OrderKind.RELAY_OFF, meter="M-1", issued_at_ms=1, expires_at_ms=2,
    approvals=[Approval(by="li", at_ms=1), Approval(by="wang", at_ms=1)],
)  # fmt: skip
MESSAGES = (
    ORDER,
    OrderResult(
        gateway="gw-a01", id="order-0001", kind=OrderKind.READ, meter="M-1", state=OrderState.DONE, at_ms=5,
        values={"energy_import_wh": 5, "voltage_l1_v": 230.5}, relay=RelayState.OPEN,
    ),
    Heard(gateway="gw-a01", results=[("order-0001", OrderState.DONE)]),
    Config(gateway="gw-a01", version=3, issued_at_ms=1, settings={"line": [{"name": "north"}] * 500}),
    Applied(gateway="gw-a01", version=2, offered=3, state=ConfigState.REFUSED, at_ms=5, detail="line: no"),
    MeterFacts(gateway="gw-a01", meter="M-1", at_ms=1, model="m", address="0", day_tables=[[Slot(0, 1)]]),
)  # fmt: skip


@pytest.mark.parametrize("message", MESSAGES, ids=lambda message: type(message).__name__)
def test_a_message_comes_back_as_it_was(message: orders.OrderMessage) -> None:
    assert orders.decode(orders.encode(message), type(message)) == message


def test_settings_of_hundreds_of_meters_stay_small() -> None:
    assert len(orders.encode(MESSAGES[3])) < 300


def changed(message: orders.OrderMessage, **changes: Any) -> bytes:
    payload = orders.encode(message)
    plain = zlib.decompress(payload) if payload[0] == 0x78 else payload
    return json.dumps(json.loads(plain) | changes).encode()


def nested(depth: int) -> dict[str, Any]:
    return {"deep": nested(depth - 1)} if depth else {}


@pytest.mark.parametrize(
    ("message", "changes", "reason"),
    [
        (0, {"v": 2}, "version 2"),
        (0, {"gateway": "_cloud"}, "not a gateway name"),
        (0, {"id": "short"}, "not a Order"),
        (0, {"id": "order 0001 x"}, "not a Order"),
        (0, {"kind": "relay_close"}, "not a Order"),
        (0, {"kind": "clear_demand"}, "not a Order"),
        (0, {"meter": ""}, "names a meter"),
        (0, {"meter": "a\nb"}, "no such meter"),
        (0, {"meter": "m" * 65}, "no such meter"),
        (0, {"expires_at_ms": 1}, "expires after"),
        (0, {"expires_at_ms": 10**18}, "not a Order"),
        (0, {"approvals": [{"by": "li", "at_ms": 1}] * 5}, "not a Order"),
        (0, {"kind": "reread"}, "from_ms"),
        (0, {"kind": "reread", "from_ms": 5, "to_ms": 5}, "from_ms"),
        (0, {"kind": "update", "url": "https://a"}, "sha256"),
        (0, {"billing_exception": "x" * 201}, "billing_exception"),
        (0, {"url": "x" * 501}, "url"),
        (1, {"values": {"height_m": 1}}, "no value of a known quantity"),
        (1, {"values": {"energy_import_wh": -1}}, "no value of a known quantity"),
        (1, {"detail": "x" * 501}, "not a OrderResult"),
        (1, {"relay": "dead"}, "not a OrderResult"),
        (2, {"results": [["order-0001", "done"]] * 1001}, "over the limit"),
        (3, {"version": -1}, "not a Config"),
        (3, {"settings": nested(10)}, "nested deeper"),
        (5, {"day_tables": [[[1440, 1]]]}, "not a MeterFacts"),
        (5, {"status": ["x"] * 301}, "at most 300"),
        (5, {"model": "x" * 501}, "at most 500"),
    ],
)
def test_a_message_out_of_bounds_is_refused_with_its_reason(
    message: int, changes: dict[str, Any], reason: str
) -> None:
    with pytest.raises(MessageError, match=reason):
        orders.decode(changed(MESSAGES[message], **changes), type(MESSAGES[message]))


@given(payload=st.binary(max_size=200) | st.binary(max_size=200).map(zlib.compress))
def test_no_bytes_break_the_decoder(payload: bytes) -> None:
    for kind in KINDS:
        with pytest.raises(MessageError):
            orders.decode(payload, kind)
