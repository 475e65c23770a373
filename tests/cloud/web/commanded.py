"""The village after operators asked things of it: a read, a relay that waits, one whose end is unknown."""

from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from sqlalchemy import Connection

from cloud.customers import protection
from cloud.fleet import configs, facts
from cloud.fleet.commands import Wish
from cloud.kit.auth import Role
from protocols.mqtt.orders import (
    Applied,
    Capability,
    ConfigState,
    MeterFacts,
    OrderKind,
    OrderResult,
    OrderState,
    RelayState,
    Slot,
)
from tests.cloud.web.village import NOW, Village

METER, OTHER, GATEWAY = "A01-03", "A02-01", "gw-a01"
ACCOUNT, OTHER_ACCOUNT = "6001030", "6001031"
SECOND = "operator-2"
DAY = [Slot(0, 4), Slot(480, 3), Slot(600, 2), Slot(720, 3), Slot(1080, 1), Slot(1260, 3), Slot(1380, 4)]
FACTS = MeterFacts(
    gateway=GATEWAY,
    meter=METER,
    at_ms=round((NOW - timedelta(hours=1)).timestamp() * 1000),
    model="dlt645-2007-1p",
    address="000001000003",
    capability=Capability.CONTROL,
    clock_offset_s=-134.0,
    settlement_days=["01 00:00"],
    zones=[(1, 1, 1), (7, 1, 2)],
    day_tables=[DAY, [Slot(0, 4), Slot(420, 3)]],
    ct_ratio=30.0,
    pt_ratio=1.0,
    relay_open=False,
    status=["battery_low"],
    events={"power_down": 12, "cover_open": 1},
    unverified=["pt_ratio"],
)


@dataclass(frozen=True)
class Asked:
    """The ids of what was asked for."""

    read: str
    waiting: str
    unknown: str


def command(village: Village) -> Asked:
    application, now = village.application, NOW - timedelta(minutes=4)
    village.passwords[SECOND] = application.accounts.add(SECOND, Role.OPERATOR)
    with application.database.write() as connection:
        facts.take(connection, FACTS, now)
        for meter, account in ((METER, ACCOUNT), (OTHER, OTHER_ACCOUNT)):
            protection.prove(connection, meter, account, "operator", now)
        ask, approve = application.commands.ask, application.commands.approve
        read = ask(connection, Wish(OrderKind.READ, METER), "operator", now).id
        waiting = ask(connection, Wish(OrderKind.RELAY_OFF, METER, reason="示例原因"), "operator", now).id
        wish = Wish(OrderKind.RELAY_ON, OTHER, reason="示例原因")
        unknown = ask(connection, wish, "operator", now).id
        approve(connection, unknown, SECOND, now)
    application.dispatch.tick()
    with application.database.write() as connection:
        _answers(village, connection, read, unknown)
        _settings(connection)
    return Asked(read, waiting, unknown)


def _answers(village: Village, connection: Connection, read: str, unknown: str) -> None:
    at_ms = round(NOW.timestamp() * 1000)
    values = {"voltage_l1_v": 228.4, "power_w": 1204.0, "energy_import_wh": 8_544_120}
    for id, kind, gateway, state, more in (  # noqa: A001
        (read, OrderKind.READ, GATEWAY, OrderState.DONE, {"values": values}),
        (unknown, OrderKind.RELAY_ON, "gw-a02", OrderState.UNKNOWN, {"relay": RelayState.UNKNOWN}),
    ):
        told: dict[str, Any] = {"gateway": gateway, "id": id, "kind": kind, "state": state, "at_ms": at_ms}
        village.application.commands.answer(connection, OrderResult(**told, **more), NOW)


def _settings(connection: Connection) -> None:
    documents: list[dict[str, Any]] = [
        {"interval_s": 60, "health_s": 30.0},
        {"interval_s": 900, "health_s": 30.0, "orders": {"protected": ["A01-05"], "relay_per_day": 4}},
    ]
    for number, document in enumerate(documents, 1):
        at = NOW - timedelta(days=3 - number)
        configs.push(connection, GATEWAY, document, by="operator", note=f"示例 {number}", now=at)
        told: dict[str, Any] = {"gateway": GATEWAY, "version": 1, "offered": number}
        told |= {"state": ConfigState.APPLIED if number == 1 else ConfigState.REFUSED}
        told |= {"detail": "" if number == 1 else "interval_s: 900 s is too slow here"}
        configs.take(connection, Applied(**told, at_ms=round(at.timestamp() * 1000)), at)
