"""A station with two operators' worth of commands to give: real database, recorded wire, nothing started."""

from dataclasses import dataclass, field
from functools import partial
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import Row

from cloud.alerts import objections as alert_objections
from cloud.alerts.actions import Alarms, Cause
from cloud.alerts.notify import Notices
from cloud.alerts.policy import AlertKind, alert_policy, notice_policy
from cloud.customers import protection
from cloud.customers.intake.documents import import_customers
from cloud.fleet import command_store as store
from cloud.fleet import facts
from cloud.fleet.answers import Answers
from cloud.fleet.command_rules import CommandPolicy, command_policy
from cloud.fleet.commands import Commands, Wish
from cloud.fleet.dispatch import Dispatch
from cloud.fleet.registry import import_registry
from cloud.kit.db import Database
from protocols.mqtt import orders
from protocols.mqtt.orders import Heard, MeterFacts, Order, OrderKind, OrderResult, OrderState
from tests.clocks import ManualClock
from tests.cloud.alerts.village import customers, registry

ZONE = ZoneInfo("Asia/Shanghai")
METER, GATEWAY, ACCOUNT = "A01-03", "gw-a01", "N-A01-03"
FIRST, SECOND = "operator-1", "operator-2"
OFF = Wish(OrderKind.RELAY_OFF, METER, reason="示例原因")


@dataclass
class Said:
    topic: str
    payload: bytes
    retain: bool


@dataclass
class Commanding:
    database: Database
    clock: ManualClock = field(default_factory=ManualClock)
    connected: bool = True
    wire: list[Said] = field(default_factory=list)
    policy: CommandPolicy = field(default_factory=command_policy)

    def __post_init__(self) -> None:
        with self.database.write() as connection:
            import_registry(connection, registry(("A01", "A02")))
            import_customers(connection, customers(("A01", "A02")))
        self.start()

    def start(self) -> None:
        """As after a restart: only the database remembers."""
        hooks = (alert_objections.outage, partial(protection.objections, policy=self.policy))
        self.commands = Commands(self.policy, ZONE, hooks)
        self.dispatch = Dispatch(self.database, self.commands, self._publish, self.clock)
        self.answers = Answers(self.database, self.commands, self.dispatch, self.clock)

    def _publish(self, topic: str, payload: bytes, retain: bool) -> bool:
        if self.connected:
            self.wire.append(Said(topic, payload, retain))
        return self.connected

    # what people do

    def prove(self, meter: str = METER, account: str = ACCOUNT) -> None:
        with self.database.write() as connection:
            protection.prove(connection, meter, account, FIRST, self.clock.now())

    def ask(self, wish: Wish = OFF, who: str = FIRST) -> str:
        with self.database.write() as connection:
            return str(self.commands.ask(connection, wish, who, self.clock.now()).id)

    def approve(self, command: str, who: str = SECOND) -> None:
        with self.database.write() as connection:
            self.commands.approve(connection, command, who, self.clock.now())

    def issued(self, wish: Wish = OFF) -> str:
        """A relay command that two people agreed to, said once."""
        command = self.ask(wish)
        self.approve(command)
        self.dispatch.tick()
        return command

    def outage(self, area: str = "A01") -> None:
        alarms = Alarms(alert_policy(), Notices(notice_policy()))
        cause = Cause(AlertKind.AREA_OUTAGE, f"area_outage:{area}", "0" * 16, area)
        with self.database.write() as connection:
            alarms.open(connection, cause, self.clock.now())

    # what a gateway does

    def result(self, command: str, state: OrderState, gateway: str = GATEWAY, **more: Any) -> None:
        told = OrderResult(
            gateway=gateway,
            id=command,
            kind=OrderKind.RELAY_OFF,
            meter=METER,
            state=state,
            at_ms=self.now_ms(),
            **more,
        )
        self.answers.take_result(gateway, orders.encode(told))

    def meter_says(self, **more: Any) -> None:
        told: dict[str, Any] = {"gateway": GATEWAY, "meter": METER, "at_ms": self.now_ms()}
        told |= {"model": "dlt645-2007-1p", "address": "000000000003"} | more
        self.answers.take_facts(str(told["gateway"]), orders.encode(MeterFacts(**told)))

    def now_ms(self) -> int:
        return round(self.clock.now().timestamp() * 1000)

    def minutes(self, count: float) -> None:
        self.clock.advance(60 * count)

    # what is in the books and went over the wire

    def row(self, command: str) -> Row[Any]:
        with self.database.read() as connection:
            return store.command(connection, command)

    def state(self, command: str) -> str:
        return str(self.row(command).state)

    def audit(self, command: str) -> list[tuple[str, str]]:
        with self.database.read() as connection:
            steps = store.COMMANDS.events(connection, store.command(connection, command).number)
        return [(step.who, step.event) for step in steps]

    def told(self, meter: str = METER) -> list[facts.Told]:
        with self.database.read() as connection:
            return facts.history(connection, meter)

    def sent(self) -> list[Order]:
        return [orders.decode(each.payload, Order) for each in self.wire if each.topic.endswith("/order")]

    def heard(self) -> list[list[tuple[str, OrderState]]]:
        found = [each.payload for each in self.wire if each.topic.endswith("/heard")]
        return [orders.decode(payload, Heard).results for payload in found]
