"""Segments and campaigns over HTTP, for operators: who is meant, who is left out, what came of it."""

from datetime import date, datetime
from typing import Annotated, Any

from fastapi import Depends, Path
from pydantic import BaseModel, ConfigDict, Field
from sqlalchemy import Connection, Row

from cloud.kit.auth import User
from cloud.kit.db import Database
from cloud.kit.guard import Guard
from cloud.kit.moving import Happened
from cloud.kit.paging import AfterId, Limit, Page, RowId
from cloud.kit.problems import RESPONSES, explained
from cloud.kit.routes import Routes
from cloud.tiers.campaigns import ledger, segment_store, store
from cloud.tiers.campaigns.actions import Campaigns
from cloud.tiers.campaigns.measuring import measure
from cloud.tiers.campaigns.plan import CampaignIn
from cloud.tiers.campaigns.rules import OfferState
from cloud.tiers.campaigns.segments import Preview

Name = Annotated[str, Field(min_length=1, max_length=120, pattern=r"^[^\x00]*$")]
Code = Annotated[str, Path(max_length=32, pattern=r"^[^\x00]*$")]
Why = Annotated[str, Field(min_length=1, max_length=500, pattern=r"^[^\x00]*$")]


class SegmentIn(BaseModel):
    """`conditions`: {"class": ["household"], "ranges": [{"indicator": "valley_share", "most": 0.3}]}."""

    model_config = ConfigDict(extra="forbid")

    name: Name
    conditions: dict[str, Any]


class ConditionsIn(BaseModel):
    model_config = ConfigDict(extra="forbid")

    conditions: dict[str, Any]


class SegmentOut(BaseModel):
    id: int
    name: str
    conditions: dict[str, Any]
    by: str
    at: datetime
    changed_by: str
    changed_at: datetime


class PreviewOut(BaseModel):
    """Counts of accounts; `left_out` by the first condition that fails. Groups under ten are null."""

    accounts: int
    customers: int
    asked: int
    left_out: dict[str, int]
    by_class: dict[str, int | None] | None
    by_area: dict[str, int | None] | None
    mean_kwh: float | None
    known_kwh: int | None
    consented: int | None
    month: date | None


class CampaignOut(BaseModel):
    """`left_out` of the last delivery, by reason; `offers` by state, those held out too."""

    id: int
    name: str
    state: str
    segment: int
    subject_kind: str
    subject: str
    title: dict[str, str]
    text: dict[str, str]
    from_day: date
    to_day: date
    measure: dict[str, Any]
    holdout_permille: int
    left_out: dict[str, int]
    written_by: str
    approved_by: str | None
    offers: dict[str, int]


class CampaignDetail(CampaignOut):
    """`measured` by metric, with interval, coverage and what was left out; null until it has ended."""

    events: list[Happened]
    points: int
    vouchers: int
    measured: dict[str, dict[str, Any]]


class DrawnOut(BaseModel):
    offered: int
    held_out: int
    left_out: dict[str, int]


class WhyIn(BaseModel):
    model_config = ConfigDict(extra="forbid")

    why: Why


class RedeemedOut(BaseModel):
    code: str
    account: str
    what: dict[str, str]
    redeemed_at: datetime
    redeemed_by: str


def router(database: Database, guard: Guard, campaigns: Campaigns) -> Routes:
    routes = Routes(tags=["campaigns"], responses=RESPONSES | explained(409))
    Operator = Annotated[User, Depends(guard.operator)]  # noqa: N806 - a type

    @routes.get("/segments")
    def segments(_: Operator, after: AfterId = None, limit: Limit = 100) -> Page[SegmentOut]:
        """Saved segments, oldest first."""
        with database.read() as connection:
            rows = segment_store.segments(connection, after=after or 0, limit=limit + 1)
        more = str(rows[limit - 1].id) if len(rows) > limit else None
        return Page(items=[SegmentOut(**row._mapping) for row in rows[:limit]], next=more)

    @routes.post("/segments", status_code=201)
    def save_segment(user: Operator, body: SegmentIn) -> SegmentOut:
        """Keep conditions under a name."""
        with database.write() as connection:
            asked = campaigns.conditions(connection, body.conditions)
            made = segment_store.save(connection, body.name, asked, by=user.login, at=campaigns.clock.now())
            return SegmentOut(**segment_store.segment(connection, made)._mapping)

    @routes.put("/segments/{id}")
    def change_segment(user: Operator, id: RowId, body: SegmentIn) -> SegmentOut:  # noqa: A002
        """Other conditions or another name; campaigns keep those that they were written with."""
        with database.write() as connection:
            asked = campaigns.conditions(connection, body.conditions)
            now = campaigns.clock.now()
            segment_store.save(connection, body.name, asked, by=user.login, at=now, id=id)
            return SegmentOut(**segment_store.segment(connection, id)._mapping)

    @routes.post("/segments/preview")
    def preview(_: Operator, body: ConditionsIn) -> PreviewOut:
        """Whom conditions take now, and how many each leaves out."""
        with database.read() as connection:
            found = campaigns.previewed(connection, campaigns.conditions(connection, body.conditions))
        return PreviewOut(**_plain(found))

    @routes.delete("/segments/{id}", status_code=204)
    def remove_segment(_: Operator, id: RowId) -> None:  # noqa: A002
        """Only while no campaign is of it."""
        with database.write() as connection:
            segment_store.remove(connection, id)

    @routes.get("/promotions")
    def promotions(_: Operator) -> list[dict[str, Any]]:
        """The promotions that campaigns may be about, as their documents have them."""
        return [each.model_dump(mode="json", by_alias=True) for each in campaigns.rules.promotions.value]

    @routes.post("/vouchers/{code}/redeem")
    def redeem(user: Operator, code: Code) -> RedeemedOut:
        """Hand over what a voucher is for: once."""
        now = campaigns.clock.now()
        with database.write() as connection:
            row = ledger.redeem(connection, code, by=user.login, at=now, today=campaigns.today)
        return RedeemedOut(**{name: row._mapping[name] for name in RedeemedOut.model_fields})

    routes.include_router(_campaigns(database, guard, campaigns))
    routes.include_router(_moving(database, guard, campaigns))
    return routes


def _campaigns(database: Database, guard: Guard, campaigns: Campaigns) -> Routes:
    routes = Routes(prefix="/campaigns")
    Operator = Annotated[User, Depends(guard.operator)]  # noqa: N806 - a type

    @routes.get("")
    def every(_: Operator, after: AfterId = None, limit: Limit = 100) -> Page[CampaignOut]:
        """Campaigns, newest first."""
        with database.read() as connection:
            rows = store.campaigns(connection, before=after, limit=limit + 1)
            items = [CampaignOut(**_campaign(connection, row)) for row in rows[:limit]]
        return Page(items=items, next=str(rows[limit - 1].id) if len(rows) > limit else None)

    @routes.post("", status_code=201)
    def write(user: Operator, body: CampaignIn) -> CampaignDetail:
        """A draft; another person approves it."""
        with database.write() as connection:
            return _detail(connection, campaigns.write(connection, body, user.login))

    @routes.get("/{id}")
    def one(_: Operator, id: RowId) -> CampaignDetail:  # noqa: A002
        """One of them, with its history and what it changed."""
        with database.read() as connection:
            return _detail(connection, id)

    @routes.put("/{id}")
    def edit(user: Operator, id: RowId, body: CampaignIn) -> CampaignDetail:  # noqa: A002
        """Only a draft."""
        with database.write() as connection:
            campaigns.edit(connection, id, body, user.login)
            return _detail(connection, id)

    return routes


def _moving(database: Database, guard: Guard, campaigns: Campaigns) -> Routes:
    routes = Routes(prefix="/campaigns")
    Operator = Annotated[User, Depends(guard.operator)]  # noqa: N806 - a type

    @routes.post("/{id}/approve")
    def approve(user: Operator, id: RowId) -> CampaignDetail:  # noqa: A002
        """By another person than wrote it."""
        with database.write() as connection:
            campaigns.approve(connection, id, user.login)
            return _detail(connection, id)

    @routes.post("/{id}/return")
    def send_back(user: Operator, id: RowId, body: WhyIn) -> CampaignDetail:  # noqa: A002
        """To its writer, with why."""
        with database.write() as connection:
            campaigns.send_back(connection, id, user.login, body.why)
            return _detail(connection, id)

    @routes.post("/{id}/cancel")
    def cancel(user: Operator, id: RowId, body: WhyIn) -> CampaignDetail:  # noqa: A002
        """Before it has begun."""
        with database.write() as connection:
            campaigns.cancel(connection, id, user.login, body.why)
            return _detail(connection, id)

    @routes.post("/{id}/start")
    def start(user: Operator, id: RowId) -> DrawnOut:  # noqa: A002
        """Draw the hold-out and offer it to everybody else."""
        with database.write() as connection:
            found = campaigns.start(connection, id, user.login)
        return DrawnOut(offered=found.offered, held_out=found.held_out, left_out=dict(found.left_out))

    @routes.post("/{id}/end")
    def end(user: Operator, id: RowId) -> CampaignDetail:  # noqa: A002
        """Before its last day."""
        with database.write() as connection:
            campaigns.end(connection, id, user.login)
            return _detail(connection, id)

    @routes.post("/{id}/measure")
    def measured(user: Operator, id: RowId) -> CampaignDetail:  # noqa: A002
        """What it changed, once its days have been checked."""
        measure(campaigns, database, id, user.login)
        with database.read() as connection:
            return _detail(connection, id)

    return routes


def _campaign(connection: Connection, row: Row[Any]) -> dict[str, Any]:
    counts = store.counts(connection, row.id)
    values = {name: row._mapping[name] for name in CampaignOut.model_fields if name != "offers"}
    return values | {"offers": {each.value: counts.get(each, 0) for each in OfferState}}


def _detail(connection: Connection, id: int) -> CampaignDetail:  # noqa: A002
    row = store.campaign(connection, id)
    points, vouchers = ledger.given(connection, id)
    events = [Happened.model_validate(each) for each in store.CAMPAIGNS.events(connection, id)]
    measured = {
        each.metric: each.result | {"at": each.at, "version": each.version, "inputs": each.inputs}
        for each in store.measurements(connection, id)
    }
    return CampaignDetail(
        **_campaign(connection, row), events=events, points=points, vouchers=vouchers, measured=measured
    )


def _plain(found: Preview) -> dict[str, Any]:
    return {name: getattr(found, name) for name in PreviewOut.model_fields}
