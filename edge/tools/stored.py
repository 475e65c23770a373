"""Whether the cloud stores what this gateway reads: one of them, settled by its own `Stored`.

With an agent running, its page is asked; without one, a reading just taken goes through the real outbox.
"""

import json
import time
from collections.abc import Sequence
from dataclasses import dataclass
from http.client import HTTPConnection, HTTPException
from typing import Any, Final

from edge.clock import Clock
from edge.outbox import BatchKey, Outbox
from edge.outbox_file import OutboxRefused, StorageFault
from edge.settings import Settings
from edge.uplink import Uplink
from protocols.readings import Reading

OUTBOX: Final = "outbox.db"
LOOK_S: Final = 0.1
MOST_BATCHES: Final = 1000


@dataclass(frozen=True, slots=True)
class Confirmation:
    """`confirmed` only by the cloud's Stored; `says` names the batch, or what stands against it."""

    confirmed: bool
    says: str


def confirm(settings: Settings, clock: Clock, readings: Sequence[Reading], within_s: float) -> Confirmation:
    """One batch of `readings` settled in time, or one of the running agent's."""
    try:
        settings.data_dir.mkdir(parents=True, exist_ok=True)
        outbox = Outbox(settings.data_dir / OUTBOX, settings.gateway, clock, settings.outbox.max_bytes)
    except OutboxRefused:
        return _by_agent(settings, within_s)
    except (StorageFault, OSError) as error:
        return Confirmation(False, f"the outbox cannot be used: {error}")
    try:
        return _by_ourselves(settings, clock, outbox, readings, within_s)
    except StorageFault as fault:
        return Confirmation(False, f"the disk does not keep readings: {fault}")
    finally:
        outbox.close()


def _by_ourselves(
    settings: Settings, clock: Clock, outbox: Outbox, readings: Sequence[Reading], within_s: float
) -> Confirmation:
    if not readings:
        return Confirmation(False, "no meter was read, so there is nothing to send")
    key = outbox.append(list(readings)[: settings.outbox.batch_readings])
    uplink = Uplink(settings, outbox, clock)
    uplink.start()
    reached, began_s = False, time.monotonic()
    try:
        while (took_s := time.monotonic() - began_s) < within_s:
            reached |= uplink.connected
            if not _waits(outbox, key):
                return Confirmation(True, f"batch {key.seq} was stored by the cloud after {took_s:.1f} s")
            time.sleep(LOOK_S)
    finally:
        uplink.stop()
    where = f"{settings.broker.host}:{settings.broker.port}"
    if not reached:
        return Confirmation(False, f"the broker {where} was not reached within {within_s:.0f} s")
    return Confirmation(
        False, f"the broker {where} is reached, the cloud did not answer within {within_s:.0f} s"
    )


def _waits(outbox: Outbox, key: BatchKey) -> bool:
    return any(batch.key == key for batch in outbox.unsettled(MOST_BATCHES))


def _by_agent(settings: Settings, within_s: float) -> Confirmation:
    if settings.page is None:
        return Confirmation(False, "an agent runs and has no page to ask; add [page] and start it again")
    began_s, said = time.monotonic(), "the agent's page does not answer"
    while time.monotonic() - began_s < within_s:
        state = _state(settings.page.listen)
        if state and _is_settled(state):
            seq = state["health"]["last_seq"]
            return Confirmation(
                True, f"batch {seq} of the running agent, its newest, was stored by the cloud"
            )
        if state:
            waiting = state["health"]["backlog_batches"]
            said = f"{waiting} batches of the running agent wait; broker connected: {state['connected']}"
        time.sleep(LOOK_S)
    return Confirmation(False, f"{said} (looked for {within_s:.0f} s)")


def _is_settled(state: dict[str, Any]) -> bool:
    """Only `Stored` empties an outbox: one that has sent and holds nothing was answered."""
    health = state["health"]
    return bool(health["last_seq"] > 0 and health["backlog_batches"] == 0)


def _state(listen: str) -> dict[str, Any] | None:
    connection = HTTPConnection(listen.replace("0.0.0.0", "127.0.0.1"), timeout=5)  # noqa: S104
    try:
        connection.request("GET", "/state.json")
        found: dict[str, Any] = json.loads(connection.getresponse().read())
    except (OSError, HTTPException, ValueError):
        return None
    finally:
        connection.close()
    return found
