"""What may happen to a campaign and to an offer, who is held out, and who is left out: pure.

Both machines are tables; the draw is a hash of the campaign's seed and the customer, so that it does not
depend on order, nor on who joins later.
"""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from hashlib import blake2b

from cloud.kit.states import Machine
from cloud.tiers.campaigns.segments import Member


class State(StrEnum):
    DRAFT = "draft"
    APPROVED = "approved"
    RUNNING = "running"
    ENDED = "ended"
    MEASURED = "measured"
    CANCELLED = "cancelled"


class Event(StrEnum):
    EDIT = "edit"
    APPROVE = "approve"
    RETURN = "return"
    START = "start"
    END = "end"
    MEASURE = "measure"
    CANCEL = "cancel"


CAMPAIGN: Machine[State, Event] = Machine(
    "the campaign",
    {
        (State.DRAFT, Event.EDIT): State.DRAFT,
        (State.DRAFT, Event.APPROVE): State.APPROVED,
        (State.DRAFT, Event.CANCEL): State.CANCELLED,
        (State.APPROVED, Event.RETURN): State.DRAFT,
        (State.APPROVED, Event.START): State.RUNNING,
        (State.APPROVED, Event.CANCEL): State.CANCELLED,
        (State.RUNNING, Event.END): State.ENDED,
        (State.ENDED, Event.MEASURE): State.MEASURED,
        (State.MEASURED, Event.MEASURE): State.MEASURED,
    },
)


class OfferState(StrEnum):
    """`held_out`: drawn, told nothing, and offered nothing for as long as the campaign is known."""

    HELD_OUT = "held_out"
    SENT = "sent"
    SEEN = "seen"
    ACCEPTED = "accepted"
    DECLINED = "declined"
    EXPIRED = "expired"


class Answer(StrEnum):
    SEE = "see"
    ACCEPT = "accept"
    DECLINE = "decline"
    EXPIRE = "expire"


OFFER: Machine[OfferState, Answer] = Machine(
    "the offer",
    {
        (OfferState.SENT, Answer.SEE): OfferState.SEEN,
        (OfferState.SENT, Answer.ACCEPT): OfferState.ACCEPTED,
        (OfferState.SENT, Answer.DECLINE): OfferState.DECLINED,
        (OfferState.SENT, Answer.EXPIRE): OfferState.EXPIRED,
        (OfferState.SEEN, Answer.SEE): OfferState.SEEN,
        (OfferState.SEEN, Answer.ACCEPT): OfferState.ACCEPTED,
        (OfferState.SEEN, Answer.DECLINE): OfferState.DECLINED,
        (OfferState.SEEN, Answer.EXPIRE): OfferState.EXPIRED,
        (OfferState.ACCEPTED, Answer.SEE): OfferState.ACCEPTED,
        (OfferState.ACCEPTED, Answer.ACCEPT): OfferState.ACCEPTED,
        (OfferState.ACCEPTED, Answer.DECLINE): OfferState.DECLINED,
        (OfferState.DECLINED, Answer.SEE): OfferState.DECLINED,
        (OfferState.DECLINED, Answer.DECLINE): OfferState.DECLINED,
        (OfferState.DECLINED, Answer.ACCEPT): OfferState.ACCEPTED,
        (OfferState.EXPIRED, Answer.SEE): OfferState.EXPIRED,
        (OfferState.EXPIRED, Answer.EXPIRE): OfferState.EXPIRED,
    },
)
"""While the campaign runs, who declined may still take part and who takes part may leave."""
OPEN = frozenset({OfferState.SENT, OfferState.SEEN})


class LeftOut(StrEnum):
    """Why an account of the segment gets no offer, asked in this order."""

    PROTECTED = "protected"
    NO_CONSENT = "no_consent"
    TROUBLED = "troubled"
    CAPPED = "capped"
    NEAR_OVERLOAD = "near_overload"
    FEEDER_PEAK = "feeder_peak"
    LOAD_UNKNOWN = "load_unknown"
    OTHER_CLASS = "other_class"


@dataclass(frozen=True, slots=True)
class Barred:
    """Customers by what stands against an offer; accounts of areas by what stands against the hours."""

    protected: Collection[str]
    consented: Collection[str]
    troubled: Collection[str]
    capped: Collection[str]
    areas: Mapping[str, LeftOut]
    classes: Collection[str] | None = None


def why_left_out(member: Member, barred: Barred) -> LeftOut | None:
    """None: nothing stands against offering it."""
    if member.customer in barred.protected:
        return LeftOut.PROTECTED
    if member.customer not in barred.consented:
        return LeftOut.NO_CONSENT
    if barred.classes is not None and member.class_ not in barred.classes:
        return LeftOut.OTHER_CLASS
    if member.customer in barred.troubled:
        return LeftOut.TROUBLED
    if member.customer in barred.capped:
        return LeftOut.CAPPED
    return next((barred.areas[area] for area in member.areas if area in barred.areas), None)


def split(members: Iterable[Member], barred: Barred) -> tuple[list[Member], dict[LeftOut, int]]:
    """Those that may be offered something, and how many are left out, by reason."""
    taken: list[Member] = []
    left: dict[LeftOut, int] = {}
    for each in members:
        why = why_left_out(each, barred)
        if why is None:
            taken.append(each)
        else:
            left[why] = left.get(why, 0) + 1
    return taken, left


def held_out(seed: str, customer: str, permille: int) -> bool:
    """Whether a customer is drawn into the hold-out: uniform over seeds, the same whenever it is asked."""
    digest = blake2b(f"{seed}|{customer}".encode(), digest_size=8).digest()
    return int.from_bytes(digest, "big") * 1000 < permille << 64
