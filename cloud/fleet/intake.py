"""The bounded room between the connection and the workers: when it is full, the broker has to wait."""

import logging
import threading
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from queue import Empty, Full, Queue

log = logging.getLogger(__name__)

DEPTH = 64
GROUP = 32
"""Messages that a worker takes at once: half the room, so that two workers have work."""
_LOOK_UP_S = 0.25


@dataclass(frozen=True, slots=True)
class Message:
    """`done` is called once the message was handled, however that went."""

    topic: str
    payload: bytes
    retained: bool
    done: Callable[[], None]


Handle = Callable[[Sequence[Message]], None]


class Intake:
    """`offer` waits while the room is full; a worker takes what waits there, up to `GROUP`, in its order."""

    def __init__(self, handle: Handle, workers: int = 1, depth: int = DEPTH) -> None:
        self._handle = handle
        self._room: Queue[Message] = Queue(depth)
        self._closed = threading.Event()
        self._workers = [
            threading.Thread(target=self._work, name=f"ingest-{number}", daemon=True)
            for number in range(1, workers + 1)
        ]

    def start(self) -> None:
        for worker in self._workers:
            worker.start()

    @property
    def waiting(self) -> int:
        """Messages taken in and not handled yet."""
        return self._room.unfinished_tasks

    def offer(self, message: Message) -> bool:
        """False when nothing is taken any more: the message stays with its sender."""
        while not self._closed.is_set():
            try:
                self._room.put(message, timeout=_LOOK_UP_S)
            except Full:
                continue
            return True
        return False

    def stop(self, within_s: float) -> None:
        """Take nothing more and finish what is in the room, as far as `within_s` lets."""
        self._closed.set()
        for worker in self._workers:
            if worker.ident is not None:
                worker.join(within_s)

    def _work(self) -> None:
        while True:
            try:
                message = self._room.get(timeout=_LOOK_UP_S)
            except Empty:
                if self._closed.is_set():
                    return
                continue
            group = [message]
            with suppress(Empty):
                while len(group) < GROUP:
                    group.append(self._room.get_nowait())
            self._take(group)

    def _take(self, group: Sequence[Message]) -> None:
        try:
            self._handle(group)
        except Exception:  # a worker that dies stops every gateway; the sender keeps what was not settled
            log.exception("message on %r was not handled", group[-1].topic[:120])
        for message in group:
            self._done(message)
            self._room.task_done()

    def _done(self, message: Message) -> None:
        try:
            message.done()
        except Exception:
            log.exception("message on %r was not acknowledged: it will come again", message.topic[:120])
