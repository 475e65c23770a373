"""A tool borrows a line from the running agent: one master on the wire at a time, nobody has to be stopped.

A loan lasts as long as its connection to `loans.sock` in the data directory, and never over 15 minutes.
"""

import logging
import os
import socket
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from threading import Lock, Thread
from typing import Final, Protocol

from edge.settings import Settings

log = logging.getLogger(__name__)

SOCKET_NAME: Final = "loans.sock"
LONGEST_S: Final = 900.0
HAND_OVER_S: Final = 15.0
"""A reading under way comes to its end first, at 2400 baud and over time-outs."""
_LENT: Final = "lent"


class LoanRefused(Exception):
    """The agent runs and does not lend the line; the text says why and what to do."""


class Lender(Protocol):
    @property
    def name(self) -> str: ...

    def lend(self, timeout_s: float) -> bool: ...

    def take_back(self) -> None: ...


class LoanDesk:
    """The agent's side: a thread that takes borrowers in, and one for each loan."""

    def __init__(self, folder: Path, lenders: Sequence[Lender], longest_s: float = LONGEST_S) -> None:
        self._folder, self._longest_s = folder, longest_s
        self._lenders = {lender.name: lender for lender in lenders}
        self._lent: set[str] = set()
        self._lock = Lock()
        self._borrowers: set[socket.socket] = set()
        self._listening: socket.socket | None = None

    def replace(self, lenders: Sequence[Lender]) -> None:
        """Others hold the lines from now on, not started yet: what is lent stays lent until its loan ends."""
        with self._lock:
            self._lenders = {lender.name: lender for lender in lenders}
            for line in self._lent & self._lenders.keys():
                self._lenders[line].lend(0)

    def start(self) -> None:
        """A place that takes no socket costs the loans and not the agent."""
        try:
            self._listening = _listen(self._folder)
        except OSError as error:
            log.warning("no line can be lent to tools: %s/%s: %s", self._folder, SOCKET_NAME, error)
            return
        Thread(target=self._serve, args=(self._listening,), name="loans", daemon=True).start()

    def stop(self) -> None:
        if self._listening is None:
            return
        with suppress(OSError):
            self._listening.shutdown(socket.SHUT_RDWR)
        with self._lock:
            for borrower in self._borrowers:
                with suppress(OSError):
                    borrower.shutdown(socket.SHUT_RDWR)
        (self._folder / SOCKET_NAME).unlink(missing_ok=True)

    def _serve(self, listening: socket.socket) -> None:
        with listening:
            while True:
                try:
                    borrower, _ = listening.accept()
                except OSError:
                    return
                Thread(target=self._loan, args=(borrower,), name="loan", daemon=True).start()

    def _loan(self, borrower: socket.socket) -> None:
        with closing(borrower), suppress(OSError):
            with self._lock:
                self._borrowers.add(borrower)
            try:
                borrower.settimeout(5)
                line = _read_line(borrower)
                borrower.sendall(f"{self._lend(line, borrower)}\n".encode())
            finally:
                with self._lock:
                    self._borrowers.discard(borrower)

    def _lend(self, line: str, borrower: socket.socket) -> str:
        lender = self._lenders.get(line)
        if lender is None:
            return f"this gateway has no line {line!r}"
        with self._lock:
            if line in self._lent:
                return f"line {line} is lent to another tool; wait until that has ended"
            self._lent.add(line)
        try:
            if not lender.lend(HAND_OVER_S):
                return f"line {line} was not free within {HAND_OVER_S:.0f} s; try again"
            self._hold(line, lender, borrower)
        finally:
            with self._lock:
                self._lent.discard(line)
        return "the loan is over"

    def _hold(self, line: str, lender: Lender, borrower: socket.socket) -> None:
        log.info("line %s: lent to a tool", line)
        try:
            borrower.sendall(f"{_LENT}\n".encode())
            borrower.settimeout(self._longest_s)
            borrower.recv(1)
        except TimeoutError:
            log.warning("line %s: a tool kept it over %.0f s, taken back", line, self._longest_s)
        finally:
            with self._lock:
                self._lenders.get(line, lender).take_back()
            log.info("line %s: back from a tool", line)


@contextmanager
def borrow(settings: Settings, line: str) -> Iterator[None]:
    """Hold a line for the time of the block; LoanRefused when the agent says no. Without one, just go on."""
    with _connected(settings.data_dir) as agent:
        if agent is not None:
            agent.settimeout(HAND_OVER_S + 5)
            try:
                agent.sendall(f"{line}\n".encode())
                said = _read_line(agent)
            except OSError as error:
                raise LoanRefused(f"the agent did not hand over line {line} ({error}); try again") from None
            if said != _LENT:
                raise LoanRefused(said or f"the agent ended while it was asked for line {line}; try again")
        yield


@contextmanager
def _connected(folder: Path) -> Iterator[socket.socket | None]:
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as agent:
        try:
            with _short(folder) as place:
                agent.connect(place)
        except (FileNotFoundError, ConnectionRefusedError, NotADirectoryError):
            yield None
            return
        except PermissionError:
            raise LoanRefused(
                f"{folder / SOCKET_NAME}: belongs to another user; run this as the agent's user"
            ) from None
        yield agent


def _listen(folder: Path) -> socket.socket:
    (folder / SOCKET_NAME).unlink(
        missing_ok=True
    )  # of an agent that was killed; the outbox keeps a second out
    listening = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        with _short(folder) as place:
            listening.bind(place)
        (folder / SOCKET_NAME).chmod(0o600)  # before anybody can connect
        listening.listen()
    except OSError:
        listening.close()
        raise
    return listening


@contextmanager
def _short(folder: Path) -> Iterator[str]:
    """The socket's path, by way of a descriptor: a path of over 107 bytes fits no socket address."""
    descriptor = os.open(folder, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        yield f"/proc/self/fd/{descriptor}/{SOCKET_NAME}"
    finally:
        os.close(descriptor)


def _read_line(end: socket.socket) -> str:
    got = b""
    while not got.endswith(b"\n") and len(got) < 256 and (more := end.recv(256)):
        got += more
    return got.decode(errors="replace").strip()
