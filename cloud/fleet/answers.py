"""Takes what gateways say besides readings: results of commands, settings in force, facts of meters."""

from collections.abc import Callable, Mapping

from cloud.fleet import configs, facts, gateways
from cloud.fleet.commands import Commands
from cloud.fleet.dispatch import Dispatch
from cloud.kit.clock import Clock
from cloud.kit.db import Database
from protocols.errors import MessageError
from protocols.mqtt import orders
from protocols.mqtt.orders import Applied, MeterFacts, OrderResult

Take = Callable[[str, bytes], None]


class Answers:
    """Each is told apart by its topic; MessageError is for what no gateway of ours may say."""

    def __init__(self, database: Database, commands: Commands, dispatch: Dispatch, clock: Clock) -> None:
        self._database, self._commands, self._dispatch, self._clock = database, commands, dispatch, clock

    @property
    def topics(self) -> Mapping[str, Take]:
        return {"result": self.take_result, "config": self.take_applied, "facts": self.take_facts}

    def take_result(self, gateway: str, payload: bytes) -> None:
        """Commit, and only then say `Heard`: until it is said, the gateway says its result again."""
        result = orders.decode(payload, OrderResult)
        _own(gateway, result.gateway)
        with self._database.write() as connection:
            self._commands.answer(connection, result, self._clock.now())
        self._dispatch.heard(gateway, result.id)

    def take_applied(self, gateway: str, payload: bytes) -> None:
        applied = orders.decode(payload, Applied)
        _own(gateway, applied.gateway)
        with self._database.write() as connection:
            configs.take(connection, applied, self._clock.now())

    def take_facts(self, gateway: str, payload: bytes) -> None:
        told = orders.decode(payload, MeterFacts)
        _own(gateway, told.gateway)
        with self._database.write() as connection:
            if told.meter not in gateways.meters_of(connection, gateway):
                raise MessageError(f"meter {told.meter!r} is not one of gateway {gateway!r}")
            facts.take(connection, told, self._clock.now())


def _own(gateway: str, speaker: str) -> None:
    if speaker != gateway:
        raise MessageError(f"{speaker[:64]!r} speaks on the topic of {gateway!r}")
