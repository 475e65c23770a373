"""Says to gateways what is written down for them: commands, settings, and which results were heard.

A command is said again until the gateway says that it has it, or it expires; its id makes that harmless.
"""

from collections.abc import Callable
from datetime import datetime, timedelta
from threading import Lock
from typing import Any

from sqlalchemy import Connection, Row

from cloud.fleet import command_store as store
from cloud.fleet import configs, registry
from cloud.fleet.command_rules import RELAY, CommandState
from cloud.fleet.command_store import COMMANDS
from cloud.fleet.commands import SYSTEM, Commands
from cloud.kit.clock import Clock
from cloud.kit.db import Database
from protocols.mqtt import orders, topics
from protocols.mqtt.orders import Heard, OrderKind, OrderState

FIRST_AGAIN = timedelta(seconds=5)
LAST_AGAIN = timedelta(seconds=60)
MOST_HEARD = 100

Publish = Callable[[str, bytes, bool], bool]
"""(topic, payload, retain) → whether there was a connection to say it on."""


class Dispatch:
    """`tick` is called often and by whoever changed something; what is due is read from the database."""

    def __init__(self, database: Database, commands: Commands, publish: Publish, clock: Clock) -> None:
        self._database, self._commands, self._publish, self._clock = database, commands, publish, clock
        self._turn = Lock()
        self._all_configs = False
        self._again: dict[int, tuple[datetime, timedelta]] = {}

    def tick(self) -> int:
        """End what lapsed and say what is due; how many commands ended."""
        if self._all_configs:
            self._all_configs = False
            self._say_all_configs()
        with self._turn:
            now = self._clock.now()
            with self._database.read() as connection:
                waiting = store.open_ones(connection)
            if not waiting:
                self._again.clear()
                return 0
            ended = 0
            if any(row.expires_at <= now for row in waiting):
                with self._database.write() as connection:
                    ended = self._commands.lapse(connection, now)
            for row in waiting:
                if row.state == CommandState.ISSUED and row.expires_at > now:
                    self._say_when_due(row.number, row.id, now)
            open_ones = {row.number for row in waiting}
            self._again = {number: due for number, due in self._again.items() if number in open_ones}
            return ended

    def _say_when_due(self, number: int, id: str, now: datetime) -> None:  # noqa: A002
        at, wait = self._again.get(number, (now, FIRST_AGAIN))
        if at > now:
            return
        with self._database.write() as connection:
            row = store.command(connection, id)
            if row.state != CommandState.ISSUED or self._held_back(connection, row, now):
                return
            order = self._commands.order(connection, row)
            if row.sent_at is None:
                # before it is said: after a crash we must not believe that it never went out
                COMMANDS.change(connection, number, sent_at=now)
        if self._publish(topics.down(order.gateway, "order"), orders.encode(order), False):
            self._again[number] = (now + wait, min(wait * 2, LAST_AGAIN))

    def _held_back(self, connection: Connection, row: Row[Any], now: datetime) -> bool:
        """Something may have come between its approval and now; a disconnection then stays here."""
        if row.kind not in RELAY:
            return False
        meter = registry.meter(connection, row.meter)
        against = self._commands.objections(connection, meter, OrderKind(row.kind), now, besides=row.number)
        against = [each for each in against if each.code != "daily_cap"]
        if against and not self._noted(connection, row.number):
            why = "; ".join(each.text for each in against)
            COMMANDS.note(
                connection, row.number, now, who=SYSTEM, event="held_back", state=row.state, note=why
            )
        return bool(against)

    @staticmethod
    def _noted(connection: Connection, number: int) -> bool:
        return any(each.event == "held_back" for each in COMMANDS.events(connection, number))

    def heard(self, gateway: str, order: str) -> None:
        """Tell a gateway which of its results are written down, from the committed rows."""
        with self._database.read() as connection:
            found = store.results(connection, gateway, [order])[:MOST_HEARD]
        if found:
            message = Heard(gateway=gateway, results=[(each, OrderState(state)) for each, state in found])
            self._publish(topics.down(gateway, "heard"), orders.encode(message), False)

    def say_config(self, gateway: str) -> None:
        """The newest settings of a gateway, retained by the broker."""
        with self._database.read() as connection:
            config = configs.message(connection, gateway)
        if config is None:
            return
        if not self._publish(topics.down(gateway, "config"), orders.encode(config), True):
            self._all_configs = True

    def say_all_configs_soon(self) -> None:
        """A broker that was started anew may have forgotten what it retained: the next tick says it again."""
        self._all_configs = True

    def _say_all_configs(self) -> None:
        with self._database.read() as connection:
            known = configs.gateways(connection)
        for gateway in known:
            self.say_config(gateway)
