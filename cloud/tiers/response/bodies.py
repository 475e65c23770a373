"""What load response says and is told over HTTP; a customer's own part has their kW and money alone."""

from datetime import date, datetime, tzinfo
from decimal import Decimal
from typing import Annotated, Any, Literal

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field
from sqlalchemy import Connection

from cloud.insight.forecast.store import Kind
from cloud.tiers.response import curtailment, planning, settlement, store
from cloud.tiers.response.candidates import Left, Origin, Verdict
from cloud.tiers.response.kept import hours_of
from cloud.tiers.response.planning import Plan, Where
from cloud.tiers.response.rules import EVENT, Answer, Reply, State, Step
from cloud.tiers.response.settlement import LineKind, Why
from cloud.tiers.response.store import Event, Invitation

Name = Annotated[str, Field(min_length=1, max_length=64, pattern=r"^[^\x00-\x1f]*$")]
Kw = Annotated[Decimal, Field(gt=0, le=100_000, decimal_places=3)]
Place = Literal["transformer", "feeder"]


class _In(BaseModel):
    model_config = ConfigDict(extra="forbid")


class SpellOut(BaseModel):
    start: datetime
    end: datetime


class OverloadOut(BaseModel):
    """A transformer that may go above its limit; the kW are what is too much in its worst quarter-hour."""

    subject: str
    day: date
    limit_kw: float
    over_p50_kw: float
    over_p90_kw: float
    over_probability: float | None
    spells: list[SpellOut]


class OutlookOut(BaseModel):
    """`unknown`: transformers of which nothing can be said."""

    day: date
    items: list[OverloadOut]
    unknown: int


class CandidateOut(BaseModel):
    """`kw` may be moved; `expected_kw` after its reliability, with bounds. No value tier has a part in it."""

    account: str
    class_: Annotated[str, Field(serialization_alias="class")]
    kw: float
    expected_kw: float
    low_kw: float
    high_kw: float
    reliability: float
    events: int
    origin: Origin


class PlanIn(_In):
    """A transformer by its area, or a feeder; `limit_kw` where no capacity says what is too much."""

    kind: Place = "transformer"
    subject: Name
    start: AwareDatetime
    end: AwareDatetime
    limit_kw: Annotated[float | None, Field(gt=0, allow_inf_nan=False)] = None

    @property
    def where(self) -> Where:
        return Where(Kind(self.kind), self.subject, self.start, self.end, self.limit_kw)


class PlanOut(BaseModel):
    """`verdict` short: it is not enough, dispatch has to know; `left` counts who is not asked, by reason."""

    over_p50_kw: float | None
    over_p90_kw: float | None
    can_kw: float | None
    can_low_kw: float | None
    can_high_kw: float | None
    verdict: Verdict | None
    lacking_kw: float | None
    candidates: list[CandidateOut]
    asked: list[str]
    left: dict[Left, int]


class ProposeIn(PlanIn):
    """`accounts` of the candidates; without, those who are expected to be enough."""

    accounts: Annotated[list[Name] | None, Field(max_length=500)] = None


class StepIn(_In):
    step: Literal["approve", "invite", "measure", "settle", "cancel"]
    note: Annotated[str, Field(max_length=500, pattern=r"^[^\x00]*$")] = ""


class EventOut(BaseModel):
    """`result` of all together; its curves are of all who have a baseline."""

    id: int
    kind: str
    subject: str
    start: datetime
    end: datetime
    close_at: datetime
    state: State
    next: list[Step]
    over_p50_kw: float | None
    over_p90_kw: float | None
    outlook: dict[str, Any]
    policy: str
    proposed_by: str
    approved_by: str | None
    answers: dict[Answer, int]
    result: dict[str, Any] | None


class LineOut(BaseModel):
    """One line of a settlement in CNY; no line of a bill."""

    kind: LineKind
    quantity: Decimal
    unit: str
    price: Decimal
    amount: Decimal
    why: Why


class InvitationOut(BaseModel):
    """`most_cny`: what it pays at the most, for the accepted kW or else those asked for."""

    id: int
    event: int
    account: str
    start: datetime
    end: datetime
    close_at: datetime
    state: Answer
    event_state: State
    asked_kw: Decimal
    accepted_kw: Decimal | None
    price_per_kwh: Decimal | None
    price_per_kw: Decimal | None
    least_share: Decimal | None
    most_cny: Decimal | None
    measured_kwh: float | None
    known: float | None
    refused: str | None
    lines: list[LineOut]


class ReplyIn(_In):
    """`kw` with an acceptance: those that were asked for where it is not said."""

    reply: Reply
    kw: Kw | None = None


class OfferIn(_In):
    """What one account can move, by its customer's own word; null takes it back."""

    kw: Kw | None


class CurtailedOut(BaseModel):
    account: str
    kw: Decimal
    order: int
    contradicts: list[curtailment.Against]


class ListingOut(BaseModel):
    """A list as an authority approved it; the software shows it and does nothing of it."""

    document_no: str
    authority: str
    valid_from: date
    valid_to: date
    imported_at: datetime | None
    items: list[CurtailedOut]


def overload_out(found: planning.Overload, zone: tzinfo) -> OverloadOut:
    spans = [planning.instants(found.day, each, zone) for each in found.spells]
    return OverloadOut(
        subject=found.subject, day=found.day, limit_kw=round(found.need.limit_kw, 3),
        over_p50_kw=round(found.need.p50_kw, 3), over_p90_kw=round(found.need.p90_kw, 3),
        over_probability=found.over_probability, spells=[SpellOut(start=a, end=b) for a, b in spans],
    )  # fmt: skip


def plan_out(found: Plan) -> PlanOut:
    need, cover = found.need, found.cover
    counts: dict[Left, int] = {}
    for why in found.gathered.left.values():
        counts[why] = counts.get(why, 0) + 1
    rest = ("account", "class_", "kw", "expected_kw", "low_kw", "high_kw", "reliability", "events", "origin")
    return PlanOut(
        over_p50_kw=need.p50_kw if need else None, over_p90_kw=need.p90_kw if need else None,
        can_kw=cover.kw if cover else None, can_low_kw=cover.low_kw if cover else None,
        can_high_kw=cover.high_kw if cover else None, verdict=cover.verdict if cover else None,
        lacking_kw=cover.lacking_kw if cover else None,
        candidates=[
            CandidateOut(**{name: getattr(each, name) for name in rest}) for each in found.gathered.found
        ],
        asked=[each.account for each in found.asked], left=counts,
    )  # fmt: skip


def event_out(connection: Connection, found: Event) -> EventOut:
    return EventOut(
        id=found.id, kind=found.kind, subject=found.subject, start=found.times.start, end=found.times.end,
        close_at=found.times.close_at, state=found.state, next=list(EVENT.events(found.state)),
        over_p50_kw=found.need_p50_kw, over_p90_kw=found.need_p90_kw, outlook=dict(found.outlook),
        policy=found.policy, proposed_by=found.proposed_by, approved_by=found.approved_by,
        answers=store.asked(connection, found.id), result=dict(found.result) if found.result else None,
    )  # fmt: skip


def invitations_out(connection: Connection, found: list[Invitation]) -> list[InvitationOut]:
    events = {number: store.event(connection, number) for number in {each.event for each in found}}
    lines = store.payments(connection, [each.id for each in found]) if found else {}
    return [_invitation(each, events[each.event], lines.get(each.id, [])) for each in found]


def _invitation(found: Invitation, event: Event, lines: list[settlement.Line]) -> InvitationOut:
    result = found.result or {}
    terms = found.terms
    kw = found.accepted_kw if found.accepted_kw is not None else found.asked_kw
    return InvitationOut(
        id=found.id, event=event.id, account=found.account, start=event.times.start, end=event.times.end,
        close_at=event.times.close_at, state=found.state, event_state=event.state, asked_kw=found.asked_kw,
        accepted_kw=found.accepted_kw, price_per_kwh=terms.price_per_kwh if terms else None,
        price_per_kw=terms.price_per_kw if terms else None, least_share=terms.least_share if terms else None,
        most_cny=settlement.most(terms, kw, hours_of(event.times)) if terms else None,
        measured_kwh=(result.get("reduction") or {}).get("kwh"), known=result.get("known"),
        refused=result.get("refused"),
        lines=[
            LineOut(kind=each.kind, quantity=each.quantity, unit=each.unit, price=each.price,
                    amount=each.amount, why=each.why)
            for each in lines
        ],
    )  # fmt: skip


def listing_out(connection: Connection, found: curtailment.Listing) -> ListingOut:
    against = curtailment.contradictions(connection, found)
    return ListingOut(
        document_no=found.document_no, authority=found.authority, valid_from=found.first,
        valid_to=found.last, imported_at=found.imported_at,
        items=[
            CurtailedOut(account=each.account, kw=each.kw, order=each.order,
                         contradicts=sorted(against.get(each.account, ())))
            for each in found.entries
        ],
    )  # fmt: skip
