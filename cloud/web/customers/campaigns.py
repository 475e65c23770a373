"""Campaigns on the console: the list, a new one, and one with its offers, its history and what it changed."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Annotated, Any

from fastapi import Depends, Form, Request
from pydantic import BaseModel, Field, ValidationError
from sqlalchemy import Connection
from starlette.responses import Response

from cloud.kit.auth import User
from cloud.kit.errors import CloudError, Conflict, Forbidden, Invalid, NotFound
from cloud.kit.paging import RowId
from cloud.kit.routes import Routes
from cloud.tiers.campaigns import ledger, segment_store, store
from cloud.tiers.campaigns.measuring import measure
from cloud.tiers.campaigns.plan import CampaignIn, MeasurePlan, Metric, usual_measure
from cloud.tiers.campaigns.rules import OfferState, State
from cloud.web.customers import campaign_views as views
from cloud.web.customers import segment_forms
from cloud.web.customers.segments import subs_of
from cloud.web.language import Words, mark
from cloud.web.pages import Pages, back
from cloud.web.parts import Parts

HERE = "/console/customers/campaigns"
NEWEST = 60
Text = Annotated[str, Field(max_length=500)]
Why = Annotated[str, Form(max_length=500)]


class CampaignForm(BaseModel):
    """As a browser sends it; `subject` is "promotion:household-valley", "product:…" or "message:"."""

    name: Annotated[str, Field(max_length=120)] = ""
    segment: Annotated[str, Field(max_length=12)] = ""
    subject: Annotated[str, Field(max_length=80)] = ""
    title_zh: Text = ""
    title_en: Text = ""
    text_zh: Text = ""
    text_en: Text = ""
    from_day: Annotated[str, Field(max_length=10)] = ""
    to_day: Annotated[str, Field(max_length=10)] = ""
    metric: Annotated[str, Field(max_length=24)] = ""

    def document(self) -> dict[str, Any]:
        kind, _, subject = self.subject.partition(":")
        return {
            "name": self.name.strip(),
            "segment": self.segment,
            "subject_kind": kind,
            "subject": subject,
            "title": {"zh_CN": self.title_zh.strip(), "en": self.title_en.strip()},
            "text": {"zh_CN": self.text_zh.strip(), "en": self.text_en.strip()},
            "from_day": self.from_day,
            "to_day": self.to_day,
        }


Filled = Annotated[CampaignForm, Form()]


@dataclass(frozen=True, slots=True)
class _Desk:
    parts: Parts
    pages: Pages

    def show(self, request: Request, user: User, template: str, **values: Any) -> Response:
        values |= {"section": "customers", "customer_tab": "campaigns"}
        return self.pages.page(request, f"console/customers/{template}", user=user, **values)

    def form(self, request: Request, user: User, form: CampaignForm, wrong: str = "") -> Response:
        words, campaigns = self.pages.words(request), self.parts.tiers.campaigns
        today = campaigns.today
        promotions = [each for each in campaigns.rules.promotions.value if each.to >= today]
        products = campaigns.rules.products.value.in_force(today)
        with self.parts.database.read() as connection:
            segments = [(str(row.id), row.name) for row in segment_store.segments(connection)]
        offered = [
            *((f"promotion:{each.id}", _said(each.name, words)) for each in promotions),
            *((f"product:{each.id}", _said(each.name, words)) for each in products),
        ]
        return self.show(
            request,
            user,
            "campaign_new.html",
            form=form,
            segments=segments,
            promotions=[each for each in offered if each[0].startswith("promotion")],
            products=[each for each in offered if each[0].startswith("product")],
            metrics=[(each.value, words.text(name)) for each, name in views.METRICS.items()],
            policy=campaigns.rules.policy.value,
            wrong=wrong,
        )

    def write(self, request: Request, user: User, form: CampaignForm) -> Response:
        words, campaigns = self.pages.words(request), self.parts.tiers.campaigns
        try:
            plan = CampaignIn.model_validate(form.document())
            if form.metric:
                plan = _measured_by(self.parts, plan, form.metric)
            with self.parts.database.write() as connection:
                made = campaigns.write(connection, plan, user.login)
        except ValidationError:
            return self.form(
                request, user, form, words.text("Every field is needed, and the last day after the first.")
            )
        except (Invalid, NotFound) as error:
            return self.form(request, user, form, words.text(_wrong(error)))
        return back(f"{HERE}/{made}", "campaign_written")


def router(parts: Parts, pages: Pages) -> Routes:
    routes = Routes(prefix="/customers/campaigns")
    Operator = Annotated[User, Depends(parts.guard.operator)]  # noqa: N806 - a type
    desk = _Desk(parts, pages)

    @routes.get("")
    def every(request: Request, user: Operator) -> Response:
        words = pages.words(request)
        with parts.database.read() as connection:
            rows = [_row(parts, connection, row, words) for row in store.campaigns(connection, limit=NEWEST)]
        return desk.show(request, user, "campaigns.html", rows=rows)

    @routes.get("/new")
    def new(request: Request, user: Operator, segment: str = "") -> Response:
        today = parts.tiers.campaigns.today
        last = today + timedelta(days=27)
        form = CampaignForm(segment=segment, from_day=today.isoformat(), to_day=last.isoformat())
        return desk.form(request, user, form)

    @routes.post("")
    def write(request: Request, user: Operator, form: Filled) -> Response:
        return desk.write(request, user, form)

    @routes.get("/{id}")
    def one(request: Request, user: Operator, id: RowId) -> Response:  # noqa: A002
        with parts.database.read() as connection:
            values = _one(parts, connection, id, pages.words(request))
        return desk.show(request, user, "campaign.html", **values)

    @routes.post("/vouchers/redeem")
    def redeem(user: Operator, code: Annotated[str, Form(max_length=32)]) -> Response:
        campaigns = parts.tiers.campaigns
        try:
            with parts.database.write() as connection:
                now = campaigns.clock.now()
                ledger.redeem(connection, code, by=user.login, at=now, today=campaigns.today)
        except CloudError:
            return back(HERE, "voucher_refused")
        return back(HERE, "voucher_redeemed")

    routes.include_router(_moving(parts))
    return routes


def _moving(parts: Parts) -> Routes:
    """What a person does with one: approve, send back, start, end, call off, measure."""
    routes = Routes(prefix="/{id}")
    Operator = Annotated[User, Depends(parts.guard.operator)]  # noqa: N806 - a type
    campaigns = parts.tiers.campaigns

    @routes.post("/approve")
    def approve(user: Operator, id: RowId) -> Response:  # noqa: A002
        return _done(parts, id, lambda connection: campaigns.approve(connection, id, user.login))

    @routes.post("/return")
    def send_back(user: Operator, id: RowId, why: Why = "") -> Response:  # noqa: A002
        return _done(parts, id, lambda connection: campaigns.send_back(connection, id, user.login, why))

    @routes.post("/cancel")
    def cancel(user: Operator, id: RowId, why: Why = "") -> Response:  # noqa: A002
        return _done(parts, id, lambda connection: campaigns.cancel(connection, id, user.login, why))

    @routes.post("/start")
    def start(user: Operator, id: RowId) -> Response:  # noqa: A002
        return _done(parts, id, lambda connection: campaigns.start(connection, id, user.login))

    @routes.post("/end")
    def end(user: Operator, id: RowId) -> Response:  # noqa: A002
        return _done(parts, id, lambda connection: campaigns.end(connection, id, user.login))

    @routes.post("/measure")
    def measured(user: Operator, id: RowId) -> Response:  # noqa: A002
        try:
            measure(campaigns, parts.database, id, user.login)
        except Conflict:
            return back(f"{HERE}/{id}", "campaign_early")
        return back(f"{HERE}/{id}", "campaign_moved")

    return routes


def _done(parts: Parts, id: int, change: Callable[[Connection], object]) -> Response:  # noqa: A002
    said = "campaign_moved"
    try:
        with parts.database.write() as connection:
            change(connection)
    except Forbidden:
        said = "campaign_own"
    except Conflict as error:
        said = "campaign_hours" if "draws load" in str(error) else "objected"
    except Invalid:
        said = "lacking"
    return back(f"{HERE}/{id}", said)


def _row(parts: Parts, connection: Connection, row: Any, words: Words) -> dict[str, Any]:
    counts = store.counts(connection, row.id)
    found = store.measurements(connection, row.id)
    offered = sum(count for state, count in counts.items() if state != OfferState.HELD_OUT)
    return {
        "row": row,
        "state": views.state(row.state, found[0].result if found else None, words),
        "kind": words.text(views.KINDS[row.subject_kind]),
        "subject": _subject(parts, row, words),
        "offered": offered,
        "taken": counts.get(OfferState.ACCEPTED, 0),
        "lead": views.measured(found[0].result, words).lead if found else "",
    }


def _one(parts: Parts, connection: Connection, id: int, words: Words) -> dict[str, Any]:  # noqa: A002
    campaigns = parts.tiers.campaigns
    row = store.campaign(connection, id)
    segment = segment_store.segment(connection, row.segment)
    waits = row.state in (State.DRAFT, State.APPROVED)
    members, left = campaigns.foreseen(connection, row) if waits else ([], row.left_out)
    found = store.measurements(connection, id)
    points, vouchers = ledger.given(connection, id)
    plan = MeasurePlan.model_validate(row.measure)
    policy = campaigns.rules.policy.value
    held = round(len({each.customer for each in members}) * row.holdout_permille / 1000)
    counts, happened = store.counts(connection, id), store.CAMPAIGNS.events(connection, id)
    return {
        "row": row,
        "segment": segment,
        "conditions": segment_forms.told(
            segment_store.conditions_of(row), _areas(connection), subs_of(parts, words), words
        ),
        "state": views.state(row.state, found[-1].result if found else None, words),
        "kind": words.text(views.KINDS[row.subject_kind]),
        "subject": _subject(parts, row, words),
        "title": row.title[words.language],
        "text": row.text[words.language],
        "counts": [(words.text(name), counts.get(each, 0)) for each, name in views.OFFERS.items()],
        "foreseen": len(members) if waits else None,
        "held": held,
        "too_few": waits and held < policy.measure.min_per_arm,
        "left": segment_forms.left_out({str(key): count for key, count in left.items()}, words),
        "plan": views.periods(plan, words),
        "given": (points, vouchers),
        "events": [(each, words.text(views.EVENTS[each.event])) for each in happened],
        "measured": [(each, views.measured(each.result, words)) for each in found],
        "least": policy.measure.min_per_arm,
    }


def _areas(connection: Connection) -> dict[str, str]:
    from cloud.fleet.registry import area_names

    return area_names(connection)


def _wrong(error: CloudError) -> str:
    """What a refusal means to whoever fills in the form."""
    if isinstance(error, NotFound) and "does not hold" not in str(error):
        return mark("Segment or offer are not there any more: choose again.")
    if "hours" in str(error):
        return mark("Only a promotion has hours to measure.")
    return mark("What it offers does not hold on all these days.")


def _subject(parts: Parts, row: Any, words: Words) -> str:
    """What is offered by its name; one that is off the shelf by its id."""
    campaigns = parts.tiers.campaigns
    try:
        if row.subject_kind == "promotion":
            return _said(campaigns.rules.promotions.value.of(row.subject, row.from_day).name, words)
        if row.subject_kind == "product":
            return _said(campaigns.rules.products.value.documents(row.subject)[-1].name, words)
    except CloudError:
        pass
    return str(row.subject)


def _said(name: Any, words: Words) -> str:
    return str(getattr(name, words.language, None) or getattr(name, "zh_CN", name))


def _measured_by(parts: Parts, plan: CampaignIn, metric: str) -> CampaignIn:
    """Another metric over the usual days; hours are the promotion's. Invalid: it has none."""
    promotion = None
    if plan.subject_kind == "promotion":
        promotion = parts.tiers.campaigns.rules.promotions.value.of(plan.subject, plan.from_day)
    usual = usual_measure(plan, promotion).model_dump()
    hours = () if promotion is None or metric != Metric.KWH_IN_HOURS else promotion.hours
    try:
        chosen = MeasurePlan.model_validate(usual | {"metric": metric, "hours": hours})
    except ValidationError:
        raise Invalid(f"{metric}: only a promotion has hours") from None
    return plan.model_copy(update={"measure": chosen})
