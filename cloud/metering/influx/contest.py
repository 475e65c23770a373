"""Readings against the point that is there under their key: who wins each quantity, and what changes.

What comes out does not depend on the order in which claims came (`claims.contest`); which fields say so does.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from cloud.metering.claims import Claim, contest
from cloud.metering.influx import line_protocol
from cloud.metering.influx.line_protocol import Key
from cloud.metering.store import QUALITY_ID, normal
from protocols.readings import Reading, Value

Identity = tuple[str, str, int]
"""(gateway, epoch, seq)."""


@dataclass(frozen=True, slots=True)
class Found:
    """A point as the engine has it: whose its line is, each quantity's claim, and which say so themselves."""

    origin: Identity
    quality: int
    claims: Mapping[str, Claim]
    own: frozenset[str]


@dataclass(frozen=True, slots=True)
class Settled:
    """What became of a key: the line to be written, if any, the winners' values, who lost each quantity."""

    line: str | None
    winners: Mapping[str, Value]
    losers: Mapping[str, list[Claim]] = field(default_factory=dict)


def settle(key: Key, found: Found | None, said: Iterable[tuple[Identity, Reading]]) -> Settled:
    """`said` are the readings under one key; ValueError when one of their values is none."""
    claims = dict(found.claims) if found else {}
    losers: dict[str, dict[Value, Claim]] = {}
    for identity, reading in said:
        quality = QUALITY_ID[reading.quality]
        for quantity, value in reading.values.items():
            new = Claim(*identity, normal(quantity, value), quality)
            held = claims.setdefault(quantity, new)
            winner, loser = contest(held, new)
            claims[quantity] = winner
            if loser is not None:
                lowest(losers.setdefault(quantity, {}), loser)
    left = {
        quantity: [claim for value, claim in of.items() if value != claims[quantity].value]
        for quantity, of in losers.items()
    }
    winners = {quantity: claim.value for quantity, claim in claims.items()}
    return Settled(_line(key, found, claims), winners, left)


def lowest(of: dict[Value, Claim], claim: Claim) -> None:
    """Of each losing value the lowest claim is kept."""
    of[claim.value] = min(claim, of.get(claim.value, claim))


def _line(key: Key, found: Found | None, claims: Mapping[str, Claim]) -> str | None:
    """What has to be written so that `claims` stand there."""
    before = found.claims if found else {}
    changed = {quantity: claim for quantity, claim in claims.items() if before.get(quantity) != claim}
    if not changed:
        return None
    if found is None:
        first = min(changed.values())
        origin, quality = first[:3], first.quality
        whose = [line_protocol.claim(line_protocol.origin(*origin), quality)]
    else:
        origin, quality, whose = found.origin, found.quality, []
    for quantity, claim in changed.items():
        if (found and quantity in found.own) or (claim[:3], claim.quality) != (origin, quality):
            said = line_protocol.origin(*claim[:3])
            whose.append(line_protocol.override(quantity, said, claim.quality))
    fields = {quantity: claim.value for quantity, claim in changed.items()}
    return line_protocol.change(key, fields, ",".join(whose))
