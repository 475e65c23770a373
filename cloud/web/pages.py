"""How a page is made: one template, one language, the station's zone, the same few things in every page."""

import hashlib
from datetime import datetime
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import quote
from zoneinfo import ZoneInfo

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response
from starlette.staticfiles import StaticFiles

from cloud.kit.clock import Clock
from cloud.kit.guard import csrf_of
from cloud.web.language import LANGUAGES, Words, known, mark, translations

HERE = Path(__file__).parent
STATIC = HERE / "static"
LANGUAGE_COOKIE = "wattpost_language"
_YEAR_S = 365 * 86_400

SAID = {
    "acknowledged": ("good", mark("The alert is acknowledged.")),
    "moved": ("good", mark("The work order has moved on.")),
    "estimated": ("good", mark("The estimate is saved and shown to the customers.")),
    "refused": ("warn", mark("That is no longer possible: the order or alert has changed meanwhile.")),
    "asked": ("good", mark("It is written down and on its way as far as it may go.")),
    "approved": ("good", mark("Your approval is written down.")),
    "command_cancelled": ("good", mark("The command is cancelled; nothing was sent.")),
    "proven": ("good", mark("It is written down that this meter serves this account.")),
    "protected": ("good", mark("The account is protected: no disconnection reaches it.")),
    "protection_ended": ("good", mark("The protection has ended; it stays in the book.")),
    "written_down": ("good", mark("It is written down; the values read are kept.")),
    "config_offered": (
        "good",
        mark("The settings are offered to the gateway; what it says is shown here."),
    ),
    "config_changed": ("warn", mark("Somebody wrote newer settings meanwhile: look at them and begin anew.")),
    "left_out": ("good", mark("It is left out; its days are counted anew within a few minutes.")),
    "counted_again": ("good", mark("It is counted again within a few minutes; it stays in the book.")),
    "objected": ("bad", mark("That was not done: something stands against it, or it has changed meanwhile.")),
    "lacking": ("bad", mark("That was not done: a reason is needed, and a time within the limits.")),
    "replayed": ("good", mark("It was taken: its readings are in the store.")),
    "exception_saved": ("good", mark("It is written down, with your name and reason.")),
    "exception_lacking": ("bad", mark("That was not saved: a reason is needed, and whole Wh in the slots.")),
    "inspection_saved": ("good", mark("It is written down; the list learns from it.")),
    "inspection_lacking": (
        "bad",
        mark(
            "That was not saved: say what was seen, of which kind if it was something else, kWh as a number."
        ),
    ),
    "mismatch_saved": ("good", mark("It is written down; the account is judged by it.")),
    "mismatch_lacking": ("bad", mark("That was not saved: say what was seen, or how it is known.")),
    "file_saved": ("good", mark("It is written down in the customer's file.")),
    "file_refused": (
        "bad",
        mark("That was not saved: something is missing, not within its limits, or so already."),
    ),
    "file_not_ours": (
        "bad",
        mark("That was not saved: another system owns it, or the customer is protected from it."),
    ),
    "response_moved": ("good", mark("It is written down, with your name.")),
    "response_refused": ("bad", mark("That was not done: it does not follow, or it is too late for it.")),
    "response_saved": ("good", mark("Your answer is saved.")),
    "response_unsaved": ("bad", mark("That was not saved: it is too late, or the number does not fit.")),
    "contest_open": ("good", mark("It is sent: the answer appears on this page.")),
    "contest_saved": ("good", mark("It is written down.")),
    "contest_refused": (
        "bad",
        mark("That was not sent: say in a few words what is wrong, once for each thing."),
    ),
    "advice_taken": ("good", mark("It is written down; what it brings is measured later.")),
    "advice_declined": ("good", mark("It is not shown again for a while.")),
    "advice_refused": ("warn", mark("That is no longer possible: the advice has changed meanwhile.")),
    "signed_up": ("good", mark("You are signed up; the station gets in touch.")),
    "signup_ended": ("good", mark("The sign-up has ended.")),
    "unfit": (
        "bad",
        mark(
            "That was not saved: an estimate needs two times to come, the earlier one first; "
            "a cancellation needs its reason."
        ),
    ),
    "segment_saved": ("good", mark("The segment is kept.")),
    "segment_removed": ("good", mark("The segment is gone.")),
    "campaign_written": ("good", mark("The draft is kept; another person approves it.")),
    "campaign_moved": ("good", mark("The campaign has moved on.")),
    "campaign_own": ("bad", mark("That was not done: another person approves what you wrote.")),
    "campaign_hours": (
        "bad",
        mark(
            "That was not done: in an area of the segment these hours are near overload or the feeder's peak."
        ),
    ),
    "campaign_early": ("warn", mark("Its days are not all checked yet: it is measured later by itself.")),
    "voucher_redeemed": ("good", mark("The voucher is used: hand it over.")),
    "voucher_refused": ("bad", mark("There is no such voucher, or it was used, cancelled or is too old.")),
    "plan_agreed": (
        "good",
        mark("Agreed: pay each part by its day. While you do, nobody reminds you of it."),
    ),
    "plan_declined": ("good", mark("You do not pay in parts; the bill stays as it was.")),
    "plan_refused": (
        "bad",
        mark("That is no longer possible: the offer has lapsed. Ask the station's desk for a new one."),
    ),
    "consent_refused": ("bad", mark("That was not saved: tell the station's desk, they can write it down.")),
    "consent_saved": ("good", mark("Your choice is written down.")),
    "voucher_bought": ("good", mark("The voucher is yours; its code is below.")),
    "offer_answered": ("good", mark("Your answer is written down; you may change it while the offer runs.")),
    "offer_refused": ("warn", mark("That is no longer possible: the offer is over, or points are lacking.")),
}
"""What a page may say after a redirect: the address carries the key, never the text."""


@cache
def asset(name: str) -> str:
    """The address of a static file, with its hash, so that a browser never shows an old one."""
    digest = hashlib.sha256((STATIC / name).read_bytes()).hexdigest()[:10]
    return f"/static/{name}?v={digest}"


class Assets(StaticFiles):
    """Our own files and the vendored ones; the address changes with the content, so they keep for long."""

    def __init__(self) -> None:
        super().__init__(directory=STATIC)

    def file_response(self, *args: Any, **kwargs: Any) -> Response:
        response = super().file_response(*args, **kwargs)
        response.headers["Cache-Control"] = "public, max-age=86400"
        return response


@cache
def environment(language: str) -> Environment:
    made = Environment(
        loader=FileSystemLoader(HERE / "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        extensions=["jinja2.ext.i18n"],
    )
    made.install_gettext_translations(translations(language), newstyle=True)  # type: ignore[attr-defined]
    made.globals.update(asset=asset, offered=LANGUAGES)
    return made


class Pages:
    def __init__(self, station: str, zone: ZoneInfo, clock: Clock, language: str) -> None:
        self.station = station
        self.zone = zone
        self._clock = clock
        self._language = known(language)

    def now(self) -> datetime:
        return self._clock.now()

    def words(self, request: Request) -> Words:
        """The reader's language: as switched on this browser, else the station's."""
        return Words(known(request.cookies.get(LANGUAGE_COOKIE, self._language)), self.zone)

    def page(self, request: Request, template: str, *, status: int = 200, **values: Any) -> HTMLResponse:
        return HTMLResponse(self.text(request, template, **values), status)

    def text(self, request: Request, template: str, **values: Any) -> str:
        words = self.words(request)
        kind, text = SAID.get(request.query_params.get("said", ""), (None, None))
        frame = {
            "words": words,
            "now": self.now(),
            "station": self.station,
            "csrf": csrf_of(request),
            "here": here(request),
            "said": {"kind": kind, "text": words.text(text)} if text else None,
        }
        return environment(words.language).get_template(template).render(frame | values)

    def remember(self, response: Response, language: str) -> None:
        response.set_cookie(LANGUAGE_COOKIE, known(language), max_age=_YEAR_S, httponly=True, samesite="lax")


def here(request: Request) -> str:
    """This page's own address, to come back to; without what it said."""
    left = [(key, value) for key, value in request.query_params.multi_items() if key != "said"]
    query = "&".join(f"{quote(key)}={quote(value)}" for key, value in left)
    return request.url.path + (f"?{query}" if query else "")


def local(address: str, otherwise: str = "/") -> str:
    """An address of ours, or the other one: nobody is sent to a foreign site by a link they trusted."""
    ours = (
        address.startswith(("/console", "/portal", "/login")) and "\\" not in address and "\n" not in address
    )
    return address if ours else otherwise


def back(address: str, said: str | None = None) -> RedirectResponse:
    """To a page after a change, so that loading it again repeats nothing."""
    address = local(address)
    if said:
        path, _, fragment = address.partition("#")
        address = path + ("&" if "?" in path else "?") + f"said={said}" + (f"#{fragment}" if fragment else "")
    return RedirectResponse(address, 303)
