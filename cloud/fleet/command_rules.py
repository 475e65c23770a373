"""Decides how a command to a meter or gateway moves, and what stands against one; pure.

A command goes out once under one id. "Unknown" is an end of its own: nothing is resent, the state is read.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from cloud import policies
from cloud.kit.errors import Conflict, Invalid
from cloud.kit.states import Machine
from protocols.mqtt.orders import Capability, OrderKind

RELAY = frozenset({OrderKind.RELAY_OFF, OrderKind.RELAY_ON})
OF_GATEWAY = frozenset({OrderKind.UPDATE})
HARMLESS = frozenset({OrderKind.READ, OrderKind.REREAD, OrderKind.FACTS})
"""They change nothing, so they may be asked for anew at any time."""
LAPSE_GRACE = timedelta(minutes=2)
"""So long after its expiry a gateway's own last word may still be on its way."""


class CommandState(StrEnum):
    DRAFT = "draft"
    AWAITING_APPROVAL = "awaiting_approval"
    ISSUED = "issued"
    TAKEN = "taken"
    DONE = "done"
    REFUSED = "refused"
    EXPIRED = "expired"
    FAILED = "failed"
    UNKNOWN = "unknown"
    CANCELLED = "cancelled"


class CommandEvent(StrEnum):
    """`taken` to `unknown` are what a gateway says; `lapse` and `lapse_unsent` are said by the clock."""

    ASK = "ask"
    ISSUE = "issue"
    CANCEL = "cancel"
    LAPSE = "lapse"
    LAPSE_UNSENT = "lapse_unsent"
    TAKEN = "taken"
    DONE = "done"
    REFUSED = "refused"
    EXPIRED = "expired"
    FAILED = "failed"
    UNKNOWN = "unknown"


_S, _E = CommandState, CommandEvent
ANSWERS = (_E.DONE, _E.REFUSED, _E.EXPIRED, _E.FAILED, _E.UNKNOWN)
OPEN = frozenset({_S.AWAITING_APPROVAL, _S.ISSUED, _S.TAKEN})
TABLE: dict[tuple[CommandState, CommandEvent], CommandState] = {
    (_S.DRAFT, _E.ASK): _S.AWAITING_APPROVAL,
    (_S.DRAFT, _E.ISSUE): _S.ISSUED,
    (_S.AWAITING_APPROVAL, _E.ISSUE): _S.ISSUED,
    (_S.AWAITING_APPROVAL, _E.CANCEL): _S.CANCELLED,
    (_S.AWAITING_APPROVAL, _E.LAPSE): _S.EXPIRED,
    (_S.AWAITING_APPROVAL, _E.LAPSE_UNSENT): _S.EXPIRED,
    (_S.ISSUED, _E.LAPSE_UNSENT): _S.EXPIRED,
    (_S.ISSUED, _E.LAPSE): _S.UNKNOWN,
    (_S.ISSUED, _E.TAKEN): _S.TAKEN,
    (_S.TAKEN, _E.LAPSE): _S.UNKNOWN,
    **{(state, event): _S(event.value) for state in (_S.ISSUED, _S.TAKEN) for event in ANSWERS},
    # The gateway's word may come days later: it keeps it until it is heard.
    **{(_S.UNKNOWN, event): _S(event.value) for event in ANSWERS if event is not _E.UNKNOWN},
}


MACHINE = Machine("the command", TABLE)
move = MACHINE.move


class CommandPolicy(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    version: str
    source: str
    approvers: Annotated[int, Field(ge=2, le=4)]
    relay_off_per_day: Annotated[int, Field(ge=0, le=10_000)]
    expiry_min: Annotated[int, Field(ge=1, le=1440)]
    longest_expiry_min: Annotated[int, Field(ge=1, le=1440)]
    answer_min: Annotated[int, Field(ge=1, le=1440)]
    clock_exception_over_s: Annotated[int, Field(ge=1, le=300)]
    unproven: Literal["refuse", "allow"]


def command_policy(folder: Path | None = None) -> CommandPolicy:
    return policies.read("commands", CommandPolicy, folder)


class Against(StrEnum):
    """Why a command is not issued; billing adds its own when it is there (dispute, held bill, …)."""

    AREA_METER = "area_meter"
    NO_ACCOUNT = "no_account"
    NOT_PROVEN = "not_proven"
    PROTECTED = "protected"
    IMPORTANT = "important"
    OUTAGE = "outage"
    UNDER_WAY = "under_way"
    STATE_UNKNOWN = "state_unknown"
    DAILY_CAP = "daily_cap"
    NO_CONTROL = "no_control"
    EXCEPTION = "exception"


@dataclass(frozen=True, slots=True)
class Objection:
    """`code` is for pages, which have words of their own for it; `text` says it to the API."""

    code: str
    text: str


@dataclass(frozen=True, slots=True)
class Standing:
    """What is known of a meter when its relay is to be moved; `unknown_since` is unresolved."""

    role: str
    under_way: str | None
    unknown_since: datetime | None
    off_today: int
    capability: Capability | None


def relay_objections(kind: OrderKind, standing: Standing, policy: CommandPolicy) -> list[Objection]:
    found = []
    if standing.role != "customer":
        found.append(Objection(Against.AREA_METER, "an area meter's relay is never moved"))
    if standing.under_way:
        text = f"{standing.under_way} is under way for this meter: wait for its end, or cancel it"
        found.append(Objection(Against.UNDER_WAY, text))
    if standing.unknown_since:
        text = "what became of the last relay command is unknown: read the relay's state first"
        found.append(Objection(Against.STATE_UNKNOWN, text))
    if kind is OrderKind.RELAY_OFF and standing.off_today >= policy.relay_off_per_day:
        text = f"{standing.off_today} disconnections today: the station's cap is {policy.relay_off_per_day}"
        found.append(Objection(Against.DAILY_CAP, text))
    if standing.capability not in (None, Capability.CONTROL):
        text = f"the meter lets us {standing.capability} and no more, as its gateway found out"
        found.append(Objection(Against.NO_CONTROL, text))
    return found


def clock_objections(
    offset_s: float | None, billing_exception: str, policy: CommandPolicy
) -> list[Objection]:
    """A clock far off was counting in wrong bands: somebody answers for that in writing."""
    limit = policy.clock_exception_over_s
    if offset_s is None or abs(offset_s) <= limit or billing_exception.strip():
        return []
    text = f"the clock is {offset_s:+.0f} s off, more than {limit} s: a billing exception has to be written"
    return [Objection(Against.EXCEPTION, text)]


def refuse(objections: Sequence[Objection]) -> None:
    """Conflict with all that stands against it."""
    if objections:
        raise Conflict("; ".join(each.text for each in objections))


def approvers(approvals: Iterable[str]) -> set[str]:
    """Nobody counts twice, however a login is written."""
    return {login.strip().lower() for login in approvals}


def expiry(kind: OrderKind, wanted_min: int | None, policy: CommandPolicy) -> timedelta:
    """How long a command is good for; Invalid for a life longer than the policy's."""
    usual = policy.expiry_min if kind in RELAY else policy.answer_min
    minutes = usual if wanted_min is None else wanted_min
    if not 1 <= minutes <= policy.longest_expiry_min:
        raise Invalid(f"a command is good for 1 to {policy.longest_expiry_min} minutes, not {minutes}")
    return timedelta(minutes=minutes)
