"""Commands and what meters say of themselves as the console shows them: rows turned into words."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row

from cloud.customers import protection
from cloud.customers import store as customers
from cloud.customers.protection import Protection
from cloud.fleet import command_store as store
from cloud.fleet import facts, registry
from cloud.fleet.command_rules import OPEN, RELAY, Against, CommandState, Objection
from cloud.fleet.commands import Commands
from cloud.web.language import Words, mark
from cloud.web.parts import Parts
from cloud.web.quantities import in_order, name_of, value_of
from protocols.mqtt.orders import Capability, OrderKind, RelayState, Slot

KINDS = {
    OrderKind.READ: mark("Read now"),
    OrderKind.REREAD: mark("Read gaps again"),
    OrderKind.FACTS: mark("Read settings and relay state"),
    OrderKind.CLOCK: mark("Set the clock"),
    OrderKind.FREEZE: mark("Freeze now"),
    OrderKind.RELAY_OFF: mark("Disconnect"),
    OrderKind.RELAY_ON: mark("Permit closing"),
    OrderKind.UPDATE: mark("Update the gateway"),
}
STATES = {
    CommandState.DRAFT: ("none", mark("draft")),
    CommandState.AWAITING_APPROVAL: ("warn", mark("awaiting approval")),
    CommandState.ISSUED: ("none", mark("issued, on its way")),
    CommandState.TAKEN: ("none", mark("taken by the gateway")),
    CommandState.DONE: ("good", mark("done")),
    CommandState.REFUSED: ("bad", mark("refused")),
    CommandState.EXPIRED: ("none", mark("expired")),
    CommandState.FAILED: ("bad", mark("failed")),
    CommandState.UNKNOWN: ("bad", mark("outcome unknown")),
    CommandState.CANCELLED: ("none", mark("cancelled")),
}
STEPS = {
    "ask": mark("asked for, with the first approval"),
    "approve": mark("approved"),
    "issue": mark("issued"),
    "cancel": mark("cancelled"),
    "lapse": mark("no word from the gateway in time"),
    "lapse_unsent": mark("expired before it could be sent"),
    "held_back": mark("held back"),
    "taken": mark("taken by the gateway"),
    "done": mark("done"),
    "refused": mark("refused"),
    "expired": mark("expired"),
    "failed": mark("failed"),
    "unknown": mark("sent to the meter, no answer came"),
}
AGAINST = {
    Against.AREA_METER: mark("It is an area meter: its relay is never moved."),
    Against.NO_ACCOUNT: mark("It serves no account: nobody knows whose supply it is."),
    Against.NOT_PROVEN: mark("It is unproven which account it serves: let a fitter identify it on site."),
    Against.PROTECTED: mark("The household is protected: no disconnection reaches it."),
    Against.IMPORTANT: mark("It is an important customer's: no disconnection reaches it."),
    Against.OUTAGE: mark("Its area has an open outage: nothing is switched in it."),
    Against.UNDER_WAY: mark("Another relay command is under way: wait for its end, or cancel it."),
    Against.STATE_UNKNOWN: mark(
        "What became of the last relay command is unknown: read the relay's state first."
    ),
    Against.DAILY_CAP: mark("The station's disconnections for today are used up."),
    Against.NO_CONTROL: mark("The meter does not let its gateway control it."),
    Against.EXCEPTION: mark("The clock is far off: a billing exception has to be written."),
}
RELAYS = {
    RelayState.OPEN: mark("relay open"),
    RelayState.CLOSED: mark("relay closed"),
    RelayState.UNKNOWN: mark("relay state not read"),
}
CAPABILITIES = {
    Capability.READ: mark("reading"),
    Capability.CLOCK: mark("reading, clock"),
    Capability.CONTROL: mark("reading, clock, relay"),
}
PROTECTIONS = {
    Protection.IMPORTANT: mark("important customer"),
    Protection.HOUSEHOLD: mark("protected household"),
}
BACKFEED = {
    True: mark("PV or a generator is recorded in this area: it may feed back. Isolate, test, earth."),
    False: mark("No PV and no generator is recorded in this area. Test all the same: records may be old."),
    None: mark(
        "Back-feed risk is not recorded for this area: assume that PV or a generator may feed back. "
        "Isolate, test, earth."
    ),
}
FACTS = {
    "address": mark("Address"),
    "model": mark("Model"),
    "ct_ratio": mark("CT ratio"),
    "pt_ratio": mark("PT ratio"),
}


@dataclass(frozen=True, slots=True)
class CommandView:
    id: str
    kind: str
    kind_name: str
    meter: str | None
    gateway: str
    state: str
    sign: tuple[str, str]
    open: bool
    reason: str
    asked_by: str
    asked_at: datetime
    expires_at: datetime
    changed_at: datetime
    detail: str
    relay: str
    values: Sequence[tuple[str, str]]


@dataclass(frozen=True, slots=True)
class CommandPage:
    """One command with all that is to be known before somebody approves it."""

    command: CommandView
    approvals: Sequence[Row[Any]]
    needed: int
    steps: Sequence[tuple[Row[Any], str]]
    against: Sequence[str]
    backfeed: tuple[str, str]
    may_approve: bool
    area: str | None


@dataclass(frozen=True, slots=True)
class Strip:
    """A day table as a strip of 24 hours: (x, width, tariff) in minutes, and the same in words."""

    number: int
    parts: Sequence[tuple[int, int, int]]
    text: str


@dataclass(frozen=True, slots=True)
class FactsView:
    at: datetime
    told: Any
    offset: str
    offset_sign: str
    capability: str
    relay: str
    strips: Sequence[Strip]
    differs: Sequence[tuple[str, str, str]]
    before: Sequence[datetime]


def command_view(row: Row[Any], words: Words) -> CommandView:
    kind, sign = OrderKind(row.kind), STATES[CommandState(row.state)]
    values = sorted((row.values or {}).items(), key=lambda each: in_order(each[0]))
    return CommandView(
        row.id,
        kind.value,
        words.text(KINDS[kind]),
        row.meter,
        row.gateway,
        row.state,
        (sign[0], words.text(sign[1])),
        row.state in OPEN,
        row.reason,
        row.asked_by,
        row.asked_at,
        row.expires_at,
        row.changed_at,
        row.detail,
        words.text(RELAYS[RelayState(row.relay)]) if row.relay else "",
        [(name_of(name, words), value_of(name, value, words)) for name, value in values],
    )


def waiting(parts: Parts, words: Words) -> list[CommandView]:
    """Commands that somebody still has to approve, the oldest first."""
    with parts.database.read() as connection:
        rows = store.commands(connection, states={CommandState.AWAITING_APPROVAL})
    return [command_view(row, words) for row in reversed(rows)]


def command_page(
    connection: Connection, row: Row[Any], commands: Commands, who: str, words: Words, now: datetime
) -> CommandPage:
    approvals = store.approvals(connection, row.number)
    awaiting = row.state == CommandState.AWAITING_APPROVAL
    meter = registry.meter(connection, row.meter) if row.meter else None
    against: Sequence[Objection] = ()
    if awaiting and meter is not None:
        against = commands.objections(connection, meter, OrderKind(row.kind), now, besides=row.number)
    area = None if meter is None else registry.area(connection, meter.area)
    return CommandPage(
        command_view(row, words),
        approvals,
        commands.needed(row),
        [(step, words.text(STEPS[step.event])) for step in store.COMMANDS.events(connection, row.number)],
        against_words(against, words),
        backfeed(None if area is None else area.has_backfeed, words),
        awaiting and row.expires_at > now and who not in {each.by for each in approvals} and not against,
        None if area is None else area.name,
    )


def backfeed(has_backfeed: bool | None, words: Words) -> tuple[str, str]:
    """(kind of note, text): what is not recorded is a warning as much as what is."""
    return ("info" if has_backfeed is False else "warn", words.text(BACKFEED[has_backfeed]))


def against_words(against: Sequence[Objection], words: Words) -> list[str]:
    """Each once; one that a later part brings along says it itself."""
    known = set(Against)
    said = [words.text(AGAINST[Against(each.code)]) if each.code in known else each.text for each in against]
    return list(dict.fromkeys(said))


def meter_values(
    connection: Connection, meter: Row[Any], commands: Commands, words: Words, now: datetime
) -> dict[str, Any]:
    """What the meter page says of commands, whom it serves and what the meter tells of itself."""
    rows = store.commands(connection, meter=meter.id, limit=8)
    services = customers.services_of(connection, meter.id, now)
    newest = facts.newest(connection, meter.id)
    return {
        "row": meter,
        "commands": [command_view(row, words) for row in rows],
        "against": {
            kind.value: against_words(commands.objections(connection, meter, kind, now), words)
            for kind in sorted(RELAY)
        },
        "services": [
            (each, _protections(protection.protections(connection, each.account), words)) for each in services
        ],
        "facts": None if newest is None else facts_view(newest, meter, connection, words),
        "backfeed": backfeed(registry.area(connection, meter.area).has_backfeed, words),
        "policy": commands.policy,
        "protections": [(each.value, words.text(name)) for each, name in PROTECTIONS.items()],
    }


def _protections(rows: Sequence[Row[Any]], words: Words) -> list[tuple[Row[Any], str]]:
    return [(row, words.text(PROTECTIONS[Protection(row.kind)])) for row in rows]


def facts_view(newest: facts.Told, meter: Row[Any], connection: Connection, words: Words) -> FactsView:
    told = newest.facts
    offset_s = told.clock_offset_s
    relay = None if told.relay_open is None else RelayState.OPEN if told.relay_open else RelayState.CLOSED
    return FactsView(
        newest.at,
        told,
        words.text("not told") if offset_s is None else words.text("%(s)s s", s=_signed(offset_s, words)),
        "none" if offset_s is None else "good" if abs(offset_s) <= 60 else "warn",
        words.text(CAPABILITIES[told.capability]) if told.capability else words.text("not found out yet"),
        words.text(RELAYS[relay]) if relay else words.text("not told"),
        [strip(number, table, words) for number, table in enumerate(told.day_tables, 1) if table],
        [
            (words.text(FACTS[each.key]), each.meter_says, each.registry_says)
            for each in facts.mismatches(told, meter)
        ],
        [each.at for each in facts.history(connection, meter.id)][1:],
    )


def _signed(value: float, words: Words) -> str:
    sign = "+" if value > 0 else "−" if value < 0 else ""
    return sign + words.number(abs(value), 0 if abs(value) >= 10 else 1)


def strip(number: int, table: Sequence[Slot], words: Words) -> Strip:
    """A table begins anew each midnight: until its first slot the last one still holds."""
    slots = sorted(table, key=lambda slot: slot.minute)
    if slots[0].minute > 0:
        slots.insert(0, Slot(0, slots[-1].tariff))
    ends = [*(slot.minute for slot in slots[1:]), 1440]
    parts = [
        (slot.minute, end - slot.minute, slot.tariff)
        for slot, end in zip(slots, ends, strict=True)
        if end > slot.minute
    ]
    said = [
        words.text("%(time)s tariff %(tariff)s", time=f"{at // 60:02}:{at % 60:02}", tariff=tariff)
        for at, _, tariff in parts
    ]
    return Strip(number, parts, words.listed(said))
