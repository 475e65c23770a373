"""Asks for commands, approves, cancels and ends them, everything in the caller's transaction.

What stands against a relay command is asked when it is wanted, when it is issued and before it is sent.
"""

import secrets
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta, tzinfo
from typing import Any

from sqlalchemy import Connection, Row

from cloud.fleet import command_store as store
from cloud.fleet import facts, gateways, registry
from cloud.fleet.command_rules import (
    HARMLESS,
    LAPSE_GRACE,
    OF_GATEWAY,
    OPEN,
    RELAY,
    CommandEvent,
    CommandPolicy,
    CommandState,
    Objection,
    Standing,
    approvers,
    clock_objections,
    expiry,
    move,
    refuse,
    relay_objections,
)
from cloud.fleet.command_store import COMMANDS
from cloud.kit.days import local_day, midnight
from cloud.kit.errors import Conflict, Invalid, NotFound
from protocols.errors import MessageError
from protocols.mqtt import orders
from protocols.mqtt.orders import Approval, Order, OrderKind, OrderResult

SYSTEM = "system"
MOST_STRANGE = 1000
"""Answers of one gateway to orders unknown here: a database put back from a backup has some."""

Hook = Callable[[Connection, Row[Any], OrderKind, datetime], Sequence[Objection]]
"""(connection, meter, kind, now) → what stands against moving that meter's relay.

`cloud/app` hands these in: outage, proof, protected customers. Billing adds its own when it is there: an
open dispute, an estimated or held bill, a payment not yet posted.
"""


@dataclass(frozen=True, slots=True)
class Wish:
    """What somebody wants done; `good_for_min` None is the policy's. `more`: see `Order`."""

    kind: OrderKind
    meter: str = ""
    gateway: str = ""
    reason: str = ""
    good_for_min: int | None = None
    more: dict[str, Any] = field(default_factory=dict)


class Commands:
    """The station's commands under one policy; `zone` bounds the day of the cap."""

    def __init__(self, policy: CommandPolicy, zone: tzinfo, hooks: Sequence[Hook] = ()) -> None:
        self.policy = policy
        self._zone = zone
        self._hooks = tuple(hooks)

    def objections(
        self, connection: Connection, meter: Row[Any], kind: OrderKind, now: datetime, besides: int = 0
    ) -> list[Objection]:
        """All that stands against moving this relay now; `besides` is the command that asks."""
        found = relay_objections(kind, self._standing(connection, meter, now, besides), self.policy)
        for hook in self._hooks:
            found.extend(hook(connection, meter, kind, now))
        return found

    def _standing(self, connection: Connection, meter: Row[Any], now: datetime, besides: int) -> Standing:
        earlier = [row for row in store.of_relay(connection, meter.id) if row.number != besides]
        under_way = next((row.id for row in earlier if row.state in OPEN), None)
        last = next((row for row in earlier if row.sent_at is not None), None)
        unknown = last.changed_at if last is not None and last.state == CommandState.UNKNOWN else None
        if unknown is not None and facts.relay_known_since(connection, meter.id, unknown):
            unknown = None
        told = facts.of_meter(connection, meter.id)
        return Standing(
            meter.role,
            under_way,
            unknown,
            store.off_issued_since(connection, midnight(local_day(now, self._zone), self._zone)),
            None if told is None else told.capability,
        )

    def ask(self, connection: Connection, wish: Wish, who: str, now: datetime) -> Row[Any]:
        """Write the wish down. A relay command waits for its approvals, of which this is the first."""
        meter, gateway = self._target(connection, wish)
        good_for = expiry(wish.kind, wish.good_for_min, self.policy)
        self._check(connection, wish, meter, now)
        relay = wish.kind in RELAY
        event = CommandEvent.ASK if relay else CommandEvent.ISSUE
        state = move(CommandState.DRAFT, event)
        number = COMMANDS.add(
            connection,
            {
                "id": self._id(now),
                "kind": wish.kind,
                "gateway": gateway,
                "meter": wish.meter or None,
                "state": state,
                "reason": wish.reason.strip(),
                "asked_by": who,
                "asked_at": now,
                "good_for_min": round(good_for / timedelta(minutes=1)),
                "issued_at": None if relay else now,
                "expires_at": now + good_for,
                "changed_at": now,
                "detail": "",
                "more": wish.more,
            },
        )
        COMMANDS.note(connection, number, now, who=who, event=event, state=state, note=wish.reason.strip())
        store.approve(connection, number, who, now)
        row = self._row(connection, number)
        if row.issued_at is not None:
            self._sound(connection, row)
        return row

    def _sound(self, connection: Connection, row: Row[Any]) -> None:
        """Invalid for what the gateway could not even read, such as an update without its signature."""
        try:
            orders.decode(orders.encode(self.order(connection, row)), Order)
        except MessageError as error:
            raise Invalid(str(error)) from None

    def _target(self, connection: Connection, wish: Wish) -> tuple[Row[Any] | None, str]:
        if wish.kind in OF_GATEWAY:
            if wish.meter or not wish.gateway:
                raise Invalid(f"{wish.kind} concerns a gateway: name the gateway and no meter")
            if not gateways.known(connection, wish.gateway):
                raise NotFound(f"there is no gateway {wish.gateway!r}")
            return None, wish.gateway
        if not wish.meter:
            raise Invalid(f"{wish.kind} concerns one meter: name it")
        meter = registry.meter(connection, wish.meter)
        if wish.gateway and wish.gateway != meter.gateway:
            raise Invalid(f"meter {wish.meter!r} hangs on gateway {meter.gateway!r}")
        return meter, meter.gateway

    def _check(self, connection: Connection, wish: Wish, meter: Row[Any] | None, now: datetime) -> None:
        if wish.kind not in HARMLESS and not wish.reason.strip():
            raise Invalid("a reason is required: it stays with the command")
        if wish.kind in RELAY and meter is not None:
            refuse(self.objections(connection, meter, wish.kind, now))
        if wish.kind is OrderKind.CLOCK and meter is not None:
            told = facts.of_meter(connection, meter.id)
            offset_s = None if told is None else told.clock_offset_s
            refuse(clock_objections(offset_s, wish.more.get("billing_exception", ""), self.policy))

    def _id(self, now: datetime) -> str:
        """Random, so that a database put back from a backup gives none a second time."""
        return f"RC-{now.astimezone(self._zone):%Y%m%d}-{secrets.token_hex(4)}"

    def approve(self, connection: Connection, id: str, who: str, now: datetime) -> Row[Any]:  # noqa: A002
        """Count one more person; with the last that is needed the command is issued."""
        row = store.command(connection, id)
        if row.state != CommandState.AWAITING_APPROVAL:
            raise Conflict(f"the command is {row.state}: there is nothing to approve")
        if row.expires_at <= now:
            raise Conflict("the command has expired: ask for it anew")
        given = approvers(each.by for each in store.approvals(connection, row.number))
        if approvers([who]) <= given:
            raise Conflict(f"{who} has approved already: somebody else has to")
        meter = registry.meter(connection, row.meter)
        refuse(self.objections(connection, meter, OrderKind(row.kind), now, besides=row.number))
        store.approve(connection, row.number, who, now)
        if len(given) + 1 >= self.policy.approvers:
            self._issue(connection, row, who, now)
        else:
            COMMANDS.note(connection, row.number, now, who=who, event="approve", state=row.state)
        return self._row(connection, row.number)

    def _issue(self, connection: Connection, row: Row[Any], who: str, now: datetime) -> None:
        good_for = timedelta(minutes=row.good_for_min)
        COMMANDS.change(connection, row.number, issued_at=now, expires_at=now + good_for)
        self._move(connection, row, CommandEvent.ISSUE, who, now)

    def cancel(
        self,
        connection: Connection,
        id: str,  # noqa: A002
        who: str,
        note: str,
        now: datetime,
    ) -> Row[Any]:
        """Only before it is issued: nobody can take back what a gateway may hold."""
        row = store.command(connection, id)
        self._move(connection, row, CommandEvent.CANCEL, who, now, note)
        return self._row(connection, row.number)

    def lapse(self, connection: Connection, now: datetime) -> int:
        """End what was not approved or not answered in time; how many that were."""
        ended = 0
        for row in store.open_ones(connection):
            grace = timedelta(0) if row.sent_at is None else LAPSE_GRACE
            if row.expires_at + grace > now:
                continue
            event = CommandEvent.LAPSE_UNSENT if row.sent_at is None else CommandEvent.LAPSE
            self._move(connection, row, event, SYSTEM, now)
            ended += 1
        return ended

    def answer(self, connection: Connection, result: OrderResult, now: datetime) -> bool:
        """Write down what a gateway says; False when it said so before. MessageError: not its own."""
        row = store.find(connection, result.id)
        if row is not None and row.gateway != result.gateway:
            raise MessageError(f"command {result.id} is of another gateway")
        if row is None and store.strange_results(connection, result.gateway) >= MOST_STRANGE:
            raise MessageError("too many answers to orders that were never given here")
        told: dict[str, Any] = {"state": result.state, "detail": result.detail, "relay": result.relay}
        kept = {"gateway": result.gateway, "order": result.id, "at": facts.believable(result.at_ms, now)}
        if not store.keep_result(connection, told | kept | {"values": result.values or None}):
            return False
        if row is not None:
            self._answered(connection, row, result, now)
        return True

    def _answered(self, connection: Connection, row: Row[Any], result: OrderResult, now: datetime) -> None:
        event = CommandEvent(result.state.value)
        try:
            move(CommandState(row.state), event)
        except Conflict:  # a late TAKEN, or a second end: it is in the audit and moves nothing
            at = {"event": event, "state": row.state, "note": result.detail}
            COMMANDS.note(connection, row.number, now, who=result.gateway, **at)
            return
        brought = {"values": result.values or None, "relay": result.relay}
        if brought := {key: value for key, value in brought.items() if value}:
            COMMANDS.change(connection, row.number, **brought)
        self._move(connection, row, event, result.gateway, now, result.detail)

    def needed(self, row: Row[Any]) -> int:
        """How many people have to approve it, whoever asked included."""
        return self.policy.approvers if row.kind in RELAY else 1

    def order(self, connection: Connection, row: Row[Any]) -> Order:
        """The message that goes to the gateway, the same however often it is said."""
        given = [Approval(by=each.by, at_ms=_ms(each.at)) for each in store.approvals(connection, row.number)]
        return Order(
            gateway=row.gateway,
            id=row.id,
            kind=OrderKind(row.kind),
            meter=row.meter or "",
            issued_at_ms=_ms(row.issued_at),
            expires_at_ms=_ms(row.expires_at),
            approvals=given if row.kind in RELAY else [],
            **row.more,
        )

    def _move(
        self,
        connection: Connection,
        row: Row[Any],
        event: CommandEvent,
        who: str,
        now: datetime,
        note: str = "",
    ) -> None:
        state, detail = CommandState(row.state), note[:500]
        COMMANDS.move(connection, row.number, state, event, who=who, at=now, note=note, detail=detail)

    @staticmethod
    def _row(connection: Connection, number: int) -> Row[Any]:
        (row,) = store.commands(connection, before=number + 1, limit=1)
        return row


def _ms(at: datetime) -> int:
    return round(at.timestamp() * 1000)
