"""Every route of the API × everybody: generated from OpenAPI, so that a route without a row fails here."""

from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import pytest

from cloud.app import Application
from tests.cloud.conftest import KNOWN, MOVED, NOW, Browser

WHO = ("operator", "customer-a", "customer-b", None)


@dataclass(frozen=True)
class Row:
    """What operator, customer A, customer B and nobody get; `path` with parts that are A's alone."""

    path: str
    statuses: tuple[int, int, int, int]
    body: Any = None


CAMPAIGN: dict[str, Any] = {
    "name": "示例",
    "segment": 99,
    "subject_kind": "message",
    "title": {"zh_CN": "示例", "en": "Sample"},
    "text": {"zh_CN": "示例", "en": "Sample"},
    "from_day": "2026-04-01",
    "to_day": "2026-04-30",
}
MATRIX: dict[str, Row] = {
    "GET /healthz": Row("healthz", (200, 200, 200, 200)),
    "GET /readyz": Row("readyz", (503, 503, 503, 503)),  # nothing is started here
    "POST /login": Row("login", (401, 401, 401, 401), {"login": "ghost", "password": "wrong"}),
    "POST /logout": Row("logout", (204, 204, 204, 401)),
    "GET /me": Row("me", (200, 200, 200, 401)),
    "GET /areas": Row("areas", (200, 200, 200, 401)),
    "GET /gateways": Row("gateways", (200, 403, 403, 401)),
    "GET /gateways/{id}/gaps": Row("gateways/gw-a01/gaps", (200, 403, 403, 401)),
    "GET /meters": Row("meters", (200, 200, 200, 401)),
    "GET /meters/{id}": Row("meters/M-2", (200, 200, 404, 401)),
    "GET /meters/{id}/latest": Row("meters/M-2/latest", (200, 200, 404, 401)),
    "GET /meters/{id}/series": Row("meters/M-2/series?quantity=power_w", (200, 200, 404, 401)),
    "GET /store": Row("store", (200, 403, 403, 401)),
    "GET /quarantine": Row("quarantine", (200, 403, 403, 401)),
    "GET /dead-letters": Row("dead-letters", (200, 403, 403, 401)),
    "POST /dead-letters/{id}/replay": Row("dead-letters/{letter}/replay", (422, 403, 403, 401)),
    "GET /customers": Row("customers", (200, 403, 403, 401)),
    "GET /customers/{id}": Row("customers/C-A", (200, 403, 403, 401)),
    "GET /accounts": Row("accounts", (200, 200, 200, 401)),
    "GET /accounts/{no}": Row("accounts/10A", (200, 200, 404, 401)),
    "GET /customers/{id}/file": Row("customers/C-A/file", (200, 403, 403, 401)),
    "GET /me/file": Row("me/file", (404, 200, 200, 401)),
    "GET /me/reports": Row("me/reports", (404, 200, 200, 401)),
    "GET /me/reports/{account}/{month}": Row("me/reports/10A/2026-02", (404, 404, 404, 401)),
    "GET /accounts/{no}/reports": Row("accounts/10A/reports", (200, 403, 403, 401)),
    "GET /accounts/{no}/reports/{month}": Row("accounts/10A/reports/2026-02", (404, 403, 403, 401)),
    "GET /accounts/{no}/contracts": Row("accounts/10A/contracts", (200, 200, 404, 401)),
    "POST /contracts": Row(
        "contracts",
        (201, 403, 403, 401),
        {
            "account": "10B",
            "from_day": "2026-03-01",
            "tariff": "zhejiang-household",
            "plan": "plain",
            "voltage": "220 V",
        },
    ),
    "GET /accounts/{no}/grades": Row("accounts/10A/grades", (200, 200, 404, 401)),
    "POST /grades": Row(
        "grades",
        (201, 403, 403, 401),
        {"account": "10B", "grade": "second", "list_no": "示例名单", "from_day": "2026-01-01"},
    ),
    "POST /grades/end": Row(
        "grades/end", (204, 403, 403, 401), {"account": "10B", "on": "2026-03-01", "why": "示例"}
    ),
    "GET /accounts/{no}/needs": Row("accounts/10A/needs", (200, 200, 404, 401)),
    "POST /needs": Row("needs", (201, 201, 404, 401), {"account": "10A", "need": "price"}),
    "POST /needs/{id}/end": Row("needs/7/end", (404, 404, 404, 401)),
    "GET /consents": Row("consents", (200, 200, 200, 401)),
    "GET /customers/{id}/consents": Row("customers/C-A/consents", (200, 403, 403, 401)),
    "POST /consents": Row(
        "consents", (204, 204, 403, 401), {"customer": "C-A", "purpose": "offers", "how": "示例表单"}
    ),
    "POST /consents/withdraw": Row(
        "consents/withdraw", (204, 204, 403, 401), {"customer": "C-A", "purpose": "offers"}
    ),
    "GET /customers/{id}/persons": Row("customers/C-A/persons", (200, 403, 403, 401)),
    "POST /persons": Row(
        "persons", (201, 403, 403, 401), {"customer": "C-A", "role": "owner", "phone": "00000000000"}
    ),
    "POST /persons/{id}/end": Row("persons/1/end", (204, 403, 403, 401)),
    "GET /accounts/{no}/bills": Row("accounts/10A/bills", (200, 200, 404, 401)),
    "GET /accounts/{no}/entitlements": Row("accounts/10A/entitlements", (200, 200, 404, 401)),
    "GET /accounts/{no}/promises": Row("accounts/10A/promises", (200, 200, 404, 401)),
    "GET /promises": Row("promises", (200, 403, 403, 401)),
    "GET /polling": Row("polling", (200, 403, 403, 401)),
    "POST /accounts/{no}/records": Row(
        "accounts/10A/records", (201, 403, 403, 401), {"how": "phone", "at": "2026-03-02T07:00:00Z"}
    ),
    "GET /products": Row("products", (200, 200, 200, 401)),
    "GET /products/fits": Row("products/fits", (200, 403, 403, 401)),
    "GET /products/{product}/signups": Row("products/energy-training/signups", (200, 403, 403, 401)),
    "GET /accounts/{no}/products": Row("accounts/10A/products", (200, 200, 404, 401)),
    "POST /accounts/{no}/signups": Row(
        "accounts/10A/signups", (201, 201, 404, 401), {"product": "energy-handbook"}
    ),
    "DELETE /accounts/{no}/signups/{product}": Row(
        "accounts/10A/signups/energy-handbook", (204, 204, 404, 401)
    ),
    "GET /accounts/{no}/payment-plans": Row("accounts/10A/payment-plans", (200, 200, 404, 401)),
    "POST /accounts/{no}/payment-plans": Row(
        "accounts/10A/payment-plans",
        (404, 403, 403, 401),
        {"months": ["2026-01-01"], "parts": 2, "first_due": "2026-03-20"},
    ),
    "POST /payment-plans/{id}/agree": Row("payment-plans/1/agree", (404, 404, 404, 401), {}),
    "POST /payment-plans/{id}/withdraw": Row("payment-plans/1/withdraw", (404, 404, 404, 401), {}),
    "POST /payment-plans/{id}/payments": Row(
        "payment-plans/1/payments", (404, 403, 403, 401), {"number": 1, "paid_on": "2026-03-01"}
    ),
    "GET /alerts": Row("alerts", (200, 403, 403, 401)),
    "GET /alerts/{id}": Row("alerts/{alert}", (200, 403, 403, 401)),
    "POST /alerts/{id}/acknowledge": Row("alerts/{alert}/acknowledge", (200, 403, 403, 401)),
    "GET /notices": Row("notices", (200, 200, 200, 401)),
    "POST /notices/{id}/read": Row("notices/{notice}/read", (404, 204, 404, 401)),
    "GET /work-orders": Row("work-orders", (200, 200, 200, 401)),
    "GET /work-orders/{number}": Row("work-orders/{order}", (200, 200, 404, 401)),
    "POST /work-orders/{number}/events": Row(
        "work-orders/{order}/events", (200, 403, 403, 401), {"event": "accept"}
    ),
    "PUT /work-orders/{number}/estimate": Row(
        "work-orders/{order}/estimate",
        (200, 403, 403, 401),
        {"earliest": "2026-03-02T10:00:00Z", "latest": "2026-03-02T12:00:00Z"},
    ),
    "POST /reports": Row("reports", (403, 201, 404, 401), {"account": "10A", "text": "示例"}),
    "GET /commands": Row("commands", (200, 403, 403, 401)),
    "POST /commands": Row("commands", (201, 403, 403, 401), {"kind": "read", "meter": "M-2"}),
    "GET /commands/{id}": Row("commands/{command}", (200, 403, 403, 401)),
    "POST /commands/{id}/approve": Row("commands/{command}/approve", (409, 403, 403, 401)),
    "POST /commands/{id}/cancel": Row("commands/{command}/cancel", (200, 403, 403, 401), {"note": "示例"}),
    "GET /meters/{id}/facts": Row("meters/M-2/facts", (200, 403, 403, 401)),
    "POST /meters/{id}/proof": Row("meters/M-2/proof", (204, 403, 403, 401), {"account": "10A"}),
    "GET /gateways/{id}/config": Row("gateways/gw-a01/config", (200, 403, 403, 401)),
    "POST /gateways/{id}/config": Row(
        "gateways/gw-a01/config", (201, 403, 403, 401), {"settings": {"interval_s": 60}}
    ),
    "GET /protections": Row("protections", (200, 403, 403, 401)),
    "POST /protections": Row(
        "protections", (201, 403, 403, 401), {"account": "10B", "kind": "household", "why": "示例"}
    ),
    "POST /protections/{id}/end": Row("protections/{protection}/end", (200, 403, 403, 401), {"why": "示例"}),
    "GET /points": Row("points", (200, 403, 403, 401)),
    "GET /points/{id}/history": Row("points/M-2/history", (200, 403, 403, 401)),
    "POST /points/{id}/exchange": Row(
        "points/M-2/exchange",
        (201, 403, 403, 401),
        {
            "at": "2026-03-02T08:00:30Z",
            "why": "示例",
            "meter": {"id": "N-2", "address": "900000000002"},
            "removed": {"energy_import_wh": 30000},
            "installed": {"energy_import_wh": 0},
        },
    ),
    "POST /points/{id}/ratio": Row(
        "points/M-2/ratio",
        (201, 403, 403, 401),
        {"at": "2026-03-02T07:00:00Z", "why": "示例", "ct_ratio": 20},
    ),
    "POST /points/{id}/move": Row(
        "points/M-2/move", (201, 403, 403, 401), {"at": "2026-03-02T07:00:00Z", "why": "示例", "area": "A02"}
    ),
    "POST /points/{id}/field-reads": Row(
        "points/M-2/field-reads",
        (201, 403, 403, 401),
        {"at": "2026-03-02T07:30:00Z", "why": "示例", "registers": {"energy_import_wh": 29990}},
    ),
    "GET /registry/areas": Row("registry/areas", (200, 403, 403, 401)),
    "GET /registry/imports": Row("registry/imports", (200, 403, 403, 401)),
    "GET /registry/imports/{id}": Row("registry/imports/1", (404, 403, 403, 401)),
    "GET /photos/{sha256}": Row("photos/" + "0" * 64, (404, 403, 403, 401)),
    "GET /meters/{id}/seals": Row("meters/M-2/seals", (200, 403, 403, 401)),
    "POST /meters/{id}/seals": Row(
        "meters/M-2/seals", (201, 403, 403, 401), {"no": "F-1", "at": "2026-03-02T07:00:00Z"}
    ),
    "POST /seals/{id}/removal": Row(
        "seals/1/removal", (204, 403, 403, 401), {"at": "2026-03-02T07:00:00Z", "why": "示例"}
    ),
    "POST /customers/{id}/erase": Row("customers/C-A/erase", (409, 403, 403, 401), {"why": "示例原因"}),
    "GET /erasures": Row("erasures", (200, 403, 403, 401)),
    "GET /export": Row("export?meter=M-2&first=2026-02-01&last=2026-02-28", (200, 200, 404, 401)),
    "GET /collection": Row("collection", (200, 403, 403, 401)),
    "GET /collection/meters": Row("collection/meters", (200, 403, 403, 401)),
    "GET /collection/meters/{id}": Row("collection/meters/M-2", (200, 403, 403, 401)),
    "GET /collection/gaps": Row("collection/gaps", (200, 403, 403, 401)),
    "GET /collection/gaps/{id}": Row("collection/gaps/7", (404, 403, 403, 401)),
    "GET /collection/rereads": Row("collection/rereads", (200, 403, 403, 401)),
    "GET /collection/exclusions": Row("collection/exclusions", (200, 403, 403, 401)),
    "POST /collection/exclusions": Row(
        "collection/exclusions",
        (201, 403, 403, 401),
        {
            "reason": "planned_outage",
            "place": "area",
            "key": "A01",
            "start": "2026-03-02T01:00:00Z",
            "why": "示例",
        },
    ),
    "POST /collection/exclusions/{id}/withdraw": Row(
        "collection/exclusions/1/withdraw", (200, 403, 403, 401)
    ),
    "GET /accounts/{no}/tiers": Row("accounts/10A/tiers", (200, 200, 404, 401)),
    "POST /accounts/{no}/tiers/contests": Row(
        "accounts/10A/tiers/contests", (403, 201, 404, 401), {"axis": "class", "text": "示例"}
    ),
    "POST /tier-contests/{id}/withdraw": Row("tier-contests/7/withdraw", (403, 404, 404, 401)),
    "POST /tier-contests/{id}/seen": Row("tier-contests/7/seen", (403, 404, 404, 401)),
    "POST /tier-contests/{id}/decide": Row(
        "tier-contests/7/decide", (404, 403, 403, 401), {"event": "uphold", "answer": "示例"}
    ),
    "GET /tier-contests": Row("tier-contests", (200, 403, 403, 401)),
    "GET /tiers": Row("tiers?axis=value", (200, 403, 403, 401)),
    "GET /tiers/policy": Row("tiers/policy", (200, 403, 403, 401)),
    "GET /tiers/runs": Row("tiers/runs", (200, 403, 403, 401)),
    "POST /tiers/run": Row("tiers/run", (200, 403, 403, 401)),
    "GET /accounts/{no}/tiers/locks": Row("accounts/10A/tiers/locks", (200, 403, 403, 401)),
    "POST /accounts/{no}/tiers/locks": Row(
        "accounts/10A/tiers/locks",
        (201, 403, 403, 401),
        {"axis": "value", "value": "A", "until": "2026-04-01", "why": "示例"},
    ),
    "POST /tier-locks/{id}/end": Row("tier-locks/7/end", (404, 403, 403, 401)),
    "GET /load/points/{point}/profile": Row("load/points/M-2/profile", (200, 200, 404, 401)),
    "GET /load/shapes": Row("load/shapes", (404, 403, 403, 401)),
    "GET /load/areas": Row("load/areas", (200, 403, 403, 401)),
    "GET /load/areas/{area}": Row("load/areas/A01?first=2026-02-01&last=2026-02-28", (200, 403, 403, 401)),
    "GET /load/feeders": Row("load/feeders", (200, 403, 403, 401)),
    "GET /load/feeders/{feeder}": Row(
        "load/feeders/F1?first=2026-02-01&last=2026-02-28", (200, 403, 403, 401)
    ),
    "GET /load/points/{point}/days": Row("load/points/M-2/days", (200, 200, 404, 401)),
    "GET /load/points/{point}/months": Row("load/points/M-2/months", (200, 200, 404, 401)),
    "GET /load/forecast/points/{point}": Row("load/forecast/points/M-2", (404, 404, 404, 401)),
    "GET /load/forecast/areas": Row("load/forecast/areas", (200, 403, 403, 401)),
    "GET /load/forecast/areas/{subject}": Row("load/forecast/areas/A01", (404, 403, 403, 401)),
    "GET /load/forecast/transformers": Row("load/forecast/transformers", (200, 403, 403, 401)),
    "GET /load/forecast/transformers/{subject}": Row("load/forecast/transformers/A01", (404, 403, 403, 401)),
    "GET /load/forecast/feeders": Row("load/forecast/feeders", (200, 403, 403, 401)),
    "GET /load/forecast/feeders/{subject}": Row("load/forecast/feeders/F1", (404, 403, 403, 401)),
    "GET /load/losses": Row("load/losses", (200, 403, 403, 401)),
    "GET /load/losses/areas/{area}": Row(
        "load/losses/areas/A01?first=2026-02-01&last=2026-02-28", (200, 403, 403, 401)
    ),
    "GET /load/losses/feeders/{feeder}": Row(
        "load/losses/feeders/F1?first=2026-02-01&last=2026-02-28", (200, 403, 403, 401)
    ),
    "GET /mismatch/cases": Row("mismatch/cases", (200, 403, 403, 401)),
    "GET /mismatch/worth": Row("mismatch/worth", (200, 403, 403, 401)),
    "GET /mismatch/model": Row("mismatch/model", (404, 403, 403, 401)),
    "GET /mismatch/evidence/{account}": Row("mismatch/evidence/1001", (404, 403, 403, 401)),
    "GET /mismatch/cases/{id}": Row("mismatch/cases/7", (404, 403, 403, 401)),
    "POST /mismatch/cases/{id}/events": Row(
        "mismatch/cases/7/events", (404, 403, 403, 401), {"event": "check"}
    ),
    "GET /load/inspections": Row("load/inspections", (200, 403, 403, 401)),
    "GET /load/inspections/precision": Row("load/inspections/precision", (200, 403, 403, 401)),
    "GET /load/inspections/{id}": Row("load/inspections/7", (404, 403, 403, 401)),
    "POST /load/inspections/{id}/order": Row(
        "load/inspections/7/order", (404, 403, 403, 401), {"note": "示例"}
    ),
    "POST /load/inspections/{id}/withdraw": Row(
        "load/inspections/7/withdraw", (404, 403, 403, 401), {"note": "示例"}
    ),
    "POST /load/inspections/{id}/result": Row(
        "load/inspections/7/result", (404, 403, 403, 401), {"result": "nothing", "note": "示例"}
    ),
    "GET /exceptions": Row("exceptions", (200, 403, 403, 401)),
    "GET /exceptions/{id}": Row("exceptions/7", (404, 403, 403, 401)),
    "POST /exceptions/{id}/accept": Row("exceptions/7/accept", (404, 403, 403, 401), {"why": "示例原因"}),
    "POST /exceptions/{id}/correct": Row(
        "exceptions/7/correct", (404, 403, 403, 401), {"why": "示例原因", "values": [{"slot": 0, "wh": 1}]}
    ),
    "POST /exceptions/{id}/reread": Row("exceptions/7/reread", (404, 403, 403, 401)),
    "GET /segments": Row("segments", (200, 403, 403, 401)),
    "POST /segments": Row("segments", (201, 403, 403, 401), {"name": "示例", "conditions": {}}),
    "PUT /segments/{id}": Row("segments/99", (404, 403, 403, 401), {"name": "示例 2", "conditions": {}}),
    "POST /segments/preview": Row("segments/preview", (200, 403, 403, 401), {"conditions": {}}),
    "DELETE /segments/{id}": Row("segments/99", (404, 403, 403, 401)),
    "GET /promotions": Row("promotions", (200, 403, 403, 401)),
    "POST /vouchers/{code}/redeem": Row("vouchers/NONE/redeem", (404, 403, 403, 401)),
    "GET /campaigns": Row("campaigns", (200, 403, 403, 401)),
    "POST /campaigns": Row("campaigns", (404, 403, 403, 401), CAMPAIGN),
    "GET /campaigns/{id}": Row("campaigns/7", (404, 403, 403, 401)),
    "PUT /campaigns/{id}": Row("campaigns/7", (404, 403, 403, 401), CAMPAIGN),
    "POST /campaigns/{id}/approve": Row("campaigns/7/approve", (404, 403, 403, 401)),
    "POST /campaigns/{id}/return": Row("campaigns/7/return", (404, 403, 403, 401), {"why": "示例"}),
    "POST /campaigns/{id}/cancel": Row("campaigns/7/cancel", (404, 403, 403, 401), {"why": "示例"}),
    "POST /campaigns/{id}/start": Row("campaigns/7/start", (404, 403, 403, 401)),
    "POST /campaigns/{id}/end": Row("campaigns/7/end", (404, 403, 403, 401)),
    "POST /campaigns/{id}/measure": Row("campaigns/7/measure", (404, 403, 403, 401)),
    "GET /offers": Row("offers", (200, 200, 200, 401)),
    "POST /offers/{campaign}/answer": Row(
        "offers/7/answer", (403, 404, 404, 401), {"account": "10A", "answer": "accept"}
    ),
    "GET /accounts/{no}/points": Row("accounts/10A/points", (200, 200, 404, 401)),
    "POST /accounts/{no}/vouchers": Row(
        "accounts/10A/vouchers", (403, 409, 404, 401), {"voucher": "led-bulbs", "key": "form-0001"}
    ),
    "GET /latest": Row("latest", (200, 200, 200, 401)),
    "GET /accounts/{no}/advice": Row("accounts/10A/advice", (200, 200, 404, 401)),
    "GET /accounts/{no}/what-if": Row(
        "accounts/10A/what-if?tariff=zhejiang-household&plan=tou", (404, 404, 404, 401)
    ),
    "GET /advice/summary": Row("advice/summary", (200, 403, 403, 401)),
    "GET /advice/{id}": Row("advice/1", (404, 404, 404, 401)),
    "POST /advice/{id}/take": Row("advice/1/take", (404, 404, 404, 401)),
    "POST /advice/{id}/decline": Row("advice/1/decline", (404, 404, 404, 401), {}),
    "GET /response/outlook": Row("response/outlook", (200, 403, 403, 401)),
    "POST /response/plan": Row(
        "response/plan",
        (200, 403, 403, 401),
        {"subject": "A01", "start": "2026-03-03T10:00:00Z", "end": "2026-03-03T12:00:00Z"},
    ),
    "GET /response/events": Row("response/events", (200, 403, 403, 401)),
    "POST /response/events": Row(
        "response/events",
        (422, 403, 403, 401),
        {"subject": "A01", "start": "2026-03-03T10:00:00Z", "end": "2026-03-03T12:00:00Z"},
    ),
    "GET /response/events/{id}": Row("response/events/1", (404, 403, 403, 401)),
    "GET /response/events/{id}/invitations": Row("response/events/1/invitations", (404, 403, 403, 401)),
    "POST /response/events/{id}/steps": Row(
        "response/events/1/steps", (404, 403, 403, 401), {"step": "approve"}
    ),
    "GET /response/invitations": Row("response/invitations", (200, 200, 200, 401)),
    "POST /response/invitations/{id}/reply": Row(
        "response/invitations/1/reply", (403, 404, 404, 401), {"reply": "accept"}
    ),
    "PUT /response/offers/{account}": Row("response/offers/10A", (403, 204, 404, 401), {"kw": "2.5"}),
    "GET /curtailment-lists": Row("curtailment-lists", (200, 403, 403, 401)),
}


def operations(application: Application) -> dict[str, dict[str, Any]]:
    schema = application.api.openapi()
    return {
        f"{method.upper()} {path}": operation
        for path, methods in schema["paths"].items()
        for method, operation in methods.items()
    }


def test_every_route_has_a_row(application: Application) -> None:
    assert set(operations(application)) == set(MATRIX)


@pytest.mark.parametrize("who", WHO)
def test_everybody_gets_what_is_theirs_and_nothing_else(
    application: Application, browser: Browser, who: str | None
) -> None:
    got = {}
    for name, row in MATRIX.items():
        method = name.partition(" ")[0]
        answer = browser(who).request(method, row.path.format(**KNOWN), json=row.body)
        got[name] = answer.status_code
        if 400 <= answer.status_code < 500:
            assert answer.headers["content-type"] == "application/problem+json"
    assert got == {name: row.statuses[WHO.index(who)] for name, row in MATRIX.items()}


def test_every_change_by_cookie_needs_the_sessions_own_proof(
    application: Application, browser: Browser
) -> None:
    stranger = browser("customer-b").headers["X-CSRF-Token"]
    for name in operations(application):
        method, _, path = name.partition(" ")
        if method == "GET" or path == "/login":
            continue
        for proof in ({}, {"X-CSRF-Token": stranger}, {"X-CSRF-Token": "é".encode()}):
            client = browser("operator")
            del client.headers["X-CSRF-Token"]
            answer = client.request(
                method, MATRIX[name].path.format(**KNOWN), json=MATRIX[name].body, headers=proof
            )
            assert answer.status_code == 403, name


@pytest.mark.parametrize(
    ("who", "foreign"), [("customer-a", ["M-3", "C-B", "10B"]), ("customer-b", ["M-2", "C-A", "10A"])]
)
def test_no_answer_to_one_customer_names_what_is_anothers(
    application: Application, browser: Browser, who: str, foreign: list[str]
) -> None:
    client = browser(who)
    for name, row in MATRIX.items():
        if name.startswith("GET") and "{" not in name:
            text = client.get(row.path).text
            assert not [word for word in foreign if f'"{word}"' in text], f"{name}: {text}"


def curve(browser: Browser, who: str) -> list[int]:
    """The instants of M-1 that somebody sees, Unix ms."""
    span = {"start": (NOW - timedelta(days=30)).isoformat(), "end": (NOW + timedelta(days=1)).isoformat()}
    answer = browser(who).get("meters/M-1/series", params={"quantity": "energy_import_wh", **span})
    assert answer.status_code == 200, answer.text
    return list(answer.json()["at_ms"])


def test_a_new_tenant_never_sees_the_old_ones_curve(browser: Browser) -> None:
    moved_ms = MOVED.timestamp() * 1000
    old, new = curve(browser, "customer-a"), curve(browser, "customer-b")
    assert old
    assert max(old) < moved_ms
    assert min(new) == moved_ms
    assert old + new == curve(browser, "operator")


def test_the_old_tenant_sees_no_newer_value_than_their_last(browser: Browser) -> None:
    old = browser("customer-a").get("meters/M-1/latest").json()["values"]
    new = browser("customer-b").get("meters/M-1/latest").json()["values"]
    assert {each["at"] for each in old} == {(MOVED - timedelta(days=1)).isoformat().replace("+00:00", "Z")}
    assert {each["at"] for each in new} == {NOW.isoformat().replace("+00:00", "Z")}
