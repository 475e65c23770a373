"""The broker for a demo or a small station, inside this process: MQTT 3.1.1, on loopback, with our own rules.

amqtt lets a client choose any topic for its last will and any other client's id, so both are judged at the
door; and a name counts only for the session that proved it.
"""

import asyncio
import logging
import threading
from collections.abc import Coroutine
from dataclasses import dataclass
from typing import Any

from amqtt.broker import Broker
from amqtt.contexts import Action as AmqttAction
from amqtt.contexts import BaseContext, BrokerConfig, ListenerConfig
from amqtt.errors import BrokerError
from amqtt.plugins.base import BaseAuthPlugin, BaseTopicPlugin
from amqtt.session import Session

from cloud.fleet.broker import HOST, BrokerAddress, Users, allowed, free_port, right_password
from cloud.kit.errors import Conflict

log = logging.getLogger(__name__)

MAX_CONNECTIONS = 1000
_ANSWER_S = 10.0


class Door:
    """Who may come in and do what; one for the broker's whole life, its users replaced as a whole."""

    def __init__(self, users: Users) -> None:
        self.users = dict(users)

    def admits(self, session: Session) -> bool:
        """Only with the right password, under one's own name as client id, with a will one may publish."""
        session.proven_user = None  # another one may have written its name into an open session
        user, password = session.username, session.password
        hashed = self.users.get(user or "")
        if hashed is None or session.client_id != user or not right_password(password or "", hashed):
            return False
        if session.will_flag and not allowed(user, "write", session.will_topic or ""):
            return False
        session.proven_user = user
        return True

    def allows(self, session: Session, action: AmqttAction, topic: str) -> bool:
        user = _proven(session)
        if user not in self.users:
            return False
        return allowed(user, "write" if action is AmqttAction.PUBLISH else "read", topic)

    def strangers(self, sessions: dict[str, Any]) -> list[str]:
        """The client ids of those who are in and may no longer be."""
        return [client for client, (session, _) in sessions.items() if _proven(session) not in self.users]


def _proven(session: Session) -> str:
    return getattr(session, "proven_user", None) or ""


class Doorkeeper(BaseAuthPlugin, BaseTopicPlugin):  # type: ignore[misc]  # the library is untyped for us
    """What amqtt asks; the answers are the Door's."""

    @dataclass
    class Config:
        door: Any = None

    def __init__(self, context: BaseContext) -> None:
        super().__init__(context)
        self._door: Door = self.config.door

    async def authenticate(self, *, session: Session) -> bool:
        return self._door.admits(session)

    async def topic_filtering(
        self, *, session: Session | None = None, topic: str | None = None, action: AmqttAction | None = None
    ) -> bool:
        if session is None or topic is None or action is None:
            return False
        return self._door.allows(session, action, topic)


class EmbeddedBroker:
    """Runs in a thread with a loop of its own."""

    def __init__(self, port: int = 0) -> None:
        self._port = port
        self._door = Door({})
        self._loop: asyncio.AbstractEventLoop
        self._thread: threading.Thread | None = None
        self._broker: Broker | None = None

    def start(self, users: Users) -> BrokerAddress:
        _quieten()
        self._door.users = dict(users)
        self._port = free_port(self._port)
        self._loop = asyncio.new_event_loop()
        self._loop.set_exception_handler(_note_trouble)
        self._thread = threading.Thread(target=self._loop.run_forever, name="broker", daemon=True)
        self._thread.start()
        try:
            self._do(self._open())
        except BrokerError as error:
            self._end_loop()
            raise Conflict(f"port {self._port} cannot be listened on ({error}): change broker.port") from None
        return BrokerAddress(HOST, self._port, "3.1.1")

    async def _open(self) -> None:
        config = BrokerConfig(
            listeners={
                "default": ListenerConfig(bind=f"{HOST}:{self._port}", max_connections=MAX_CONNECTIONS)
            },
            plugins={f"{__name__}.Doorkeeper": {"door": self._door}},
        )
        self._broker = Broker(config, loop=self._loop)
        await self._broker.start()

    def reload(self, users: Users) -> None:
        self._door.users = dict(users)
        self._do(self._cut_off_strangers())

    async def _cut_off_strangers(self) -> None:
        assert self._broker is not None
        for client in self._door.strangers(self._broker.sessions):
            await self._broker._cleanup_session(client)

    def stop(self) -> None:
        if self._broker is not None:
            self._do(self._broker.shutdown())
            self._broker = None
        self._end_loop()

    def _do(self, work: Coroutine[Any, Any, None]) -> None:
        asyncio.run_coroutine_threadsafe(work, self._loop).result(_ANSWER_S)

    def _end_loop(self) -> None:
        if self._thread is None:
            return
        self._do(_cancel_others())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._thread = None
        self._loop.close()


def _quieten() -> None:
    """It warns of every client that comes or goes, and writes a traceback for each late PUBACK.

    Whether it delivers is seen by the link's own proof, and nothing it says changes that.
    """
    for name in ("amqtt", "transitions"):
        logging.getLogger(name).setLevel(logging.CRITICAL)


def _note_trouble(_: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
    log.debug("a connection broke: %s (%r)", context["message"], context.get("exception"))


async def _cancel_others() -> None:
    others = [task for task in asyncio.all_tasks() if task is not asyncio.current_task()]
    for task in others:
        task.cancel()
    await asyncio.gather(*others, return_exceptions=True)
