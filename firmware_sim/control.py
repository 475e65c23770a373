"""The control socket of a running fleet: one JSON object a line, loopback only, with a token.

The address and the token stand in the ready line and in `sim.json` (mode 0600) of the state directory, so
only who may read that file can break the fleet.
"""

import asyncio
import hmac
import json
import os
import secrets
import socket
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path

from firmware_sim.fault_book import OPTIONS
from firmware_sim.faults import Faults, Outcome, UnknownFault
from firmware_sim.line import listen
from firmware_sim.scenario import ScenarioError

STATE_FILE = "sim.json"
ANSWER_S = 10.0


class ControlError(Exception):
    """The fleet cannot be reached or refused; the text says what to do."""


class Control:
    def __init__(self, faults: Faults) -> None:
        self._faults = faults
        self._server: asyncio.Server | None = None
        self.token = secrets.token_hex(16)
        self.endpoint = ""

    async def open(self) -> None:
        self._server = await listen("control", self._serve, 0)
        host, port = self._server.sockets[0].getsockname()[:2]
        self.endpoint = f"{host}:{port}"

    async def close(self) -> None:
        if self._server is not None:
            self._server.close()
            await self._server.wait_closed()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while line := await reader.readline():
                writer.write(json.dumps(await self._answer(line), ensure_ascii=False).encode() + b"\n")
                await writer.drain()
        except (ConnectionError, ValueError, asyncio.CancelledError):
            pass  # the client has gone, sent a line without end, or the simulator ends
        finally:
            writer.close()

    async def _answer(self, line: bytes) -> dict[str, object]:
        try:
            asked = json.loads(line)
            kind, target = str(asked["kind"]), str(asked.get("target", ""))
            token, clear = str(asked.get("token", "")), bool(asked.get("clear", False))
            options = {name: float(asked[name]) for name in OPTIONS if asked.get(name) is not None}
        except (ValueError, KeyError, TypeError, AttributeError):
            return {
                "error": 'not understood; send {"token": ..., "kind": ..., "target": ..., "clear": false}'
            }
        if not hmac.compare_digest(token.encode(), self.token.encode()):
            return {"error": "wrong token; it is in sim.json of the simulator's state directory"}
        if kind == "list":
            return {"faults": [_told(outcome) for outcome in self._faults.active()]}
        try:
            return _told(await self._faults.set(kind, target, not clear, options))
        except (UnknownFault, ScenarioError) as error:
            return {"error": str(error)}


def _told(outcome: Outcome) -> dict[str, object]:
    told: dict[str, object] = asdict(outcome)
    if not told["detail"]:
        del told["detail"]
    return told


def write_state(state_dir: Path, control: Control) -> Path:
    """Leave the address and the token where `wattpost sim fault` looks for them."""
    state_dir.mkdir(parents=True, exist_ok=True)
    path = state_dir / STATE_FILE
    path.unlink(missing_ok=True)
    state = {"control": control.endpoint, "token": control.token, "pid": os.getpid()}
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        json.dump(state, file)
    return path


def read_state(state_dir: Path) -> tuple[str, str]:
    """(control, token) of the fleet that runs with this state directory."""
    path = state_dir / STATE_FILE
    try:
        state = json.loads(path.read_text(encoding="utf-8"))
        return str(state["control"]), str(state["token"])
    except FileNotFoundError:
        raise ControlError(f"{path} is not there: is `wattpost sim run` on, with this --state-dir?") from None
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ControlError(f"{path} cannot be used: {error}; start `wattpost sim run` anew") from None


def ask(
    endpoint: str,
    token: str,
    kind: str,
    target: str,
    clear: bool,
    options: Mapping[str, float | None] | None = None,
) -> dict[str, object]:
    """Send one order and take its answer; ControlError when the fleet refuses or is not there."""
    host, _, port = endpoint.rpartition(":")
    order = {"token": token, "kind": kind, "target": target, "clear": clear, **(options or {})}
    try:
        with socket.create_connection((host, int(port)), timeout=ANSWER_S) as connection:
            connection.sendall(json.dumps(order).encode() + b"\n")
            answer = connection.makefile("rb").readline()
    except (OSError, ValueError, OverflowError) as error:
        raise ControlError(f"no fleet answers at {endpoint} ({error}); is `wattpost sim run` on?") from None
    try:
        told: dict[str, object] = json.loads(answer)
    except ValueError:
        raise ControlError(f"{endpoint} hung up without an answer; look at the simulator's output") from None
    if "error" in told:
        raise ControlError(str(told["error"]))
    return told
