"""The words of a notice, made when it is shown or sent: no usage, and no line is called dead or safe."""

from collections.abc import Callable, Mapping
from datetime import UTC, date, datetime
from typing import Any
from zoneinfo import ZoneInfo

from cloud.alerts.notify import Notice, Render
from cloud.alerts.policy import AlertKind, NoticeKind
from cloud.web.language import Words, known, mark
from cloud.web.names import ALERTS, NEXT_STEPS


def renderer(language_of: Callable[[str | None], str], zone: ZoneInfo) -> Render:
    """For senders: each notice in its reader's language; `language_of(None)` is the operators'."""

    def render(notice: Notice) -> tuple[str, str]:
        return render_notice(notice, language_of(notice.customer), zone)

    return render


def render_notice(notice: Notice, language: str, zone: ZoneInfo) -> tuple[str, str]:
    """(title, body) in a language; times are the station's."""
    words = Words(known(language), zone)
    return _TEXTS[notice.kind](notice, words)


def _instant(params: Mapping[str, Any], name: str) -> datetime | None:
    text = params.get(name)
    return datetime.fromisoformat(text).astimezone(UTC) if text else None


def _accounts(notice: Notice, words: Words) -> str:
    return words.listed([str(number) for number in notice.params.get("accounts", ())])


def _joined(parts: list[str], words: Words) -> str:
    return (" " if words.language == "en" else "").join(parts)


def _outage(notice: Notice, words: Words) -> tuple[str, str]:
    params, at = notice.params, notice.created_at
    parts = [
        words.text(
            "There has been no supply at your address (area %(area)s, account %(accounts)s) since %(time)s.",
            area=params.get("area_name", ""),
            accounts=_accounts(notice, words),
            time=words.moment(_instant(params, "opened_at"), at),
        )
    ]
    latest = _instant(params, "latest")
    if latest is not None:
        parts.append(
            words.text(
                "Supply is expected between %(start)s and %(end)s.",
                start=words.moment(_instant(params, "earliest") or latest, at),
                end=words.moment(latest, at),
            )
        )
    if params.get("order"):
        parts.append(words.text("Work order %(number)s. You need not report it.", number=params["order"]))
    parts.append(words.text("Keep away from lines and switchgear: treat every line as live."))
    return words.text("Supply outage at your address"), _joined(parts, words)


def _restored(notice: Notice, words: Words) -> tuple[str, str]:
    parts = [
        words.text(
            "Your meter (account %(accounts)s) shows voltage again.", accounts=_accounts(notice, words)
        ),
        words.text("If you still have no supply, report it: the fault may be in your own installation."),
    ]
    return words.text("Your supply is back"), _joined(parts, words)


def _unusual(notice: Notice, words: Words) -> tuple[str, str]:
    body = words.text(
        "On %(day)s account %(accounts)s used clearly more than is usual for it at that hour. Look whether "
        "something was left on; sign in to see the hours.",
        day=words.day(date.fromisoformat(notice.params["day"])),
        accounts=_accounts(notice, words),
    )
    return words.text("Unusual usage"), body


def _station(notice: Notice, words: Words) -> tuple[str, str]:
    params = notice.params
    kind = AlertKind(params["kind"])
    where = [str(params[name]) for name in ("area", "gateway", "line", "meter") if params.get(name)]
    title = words.text(ALERTS[kind])
    if where:
        title = f"{title} · {' · '.join(where)}"
    return title, words.text(NEXT_STEPS[kind])


def _offer(notice: Notice, words: Words) -> tuple[str, str]:
    """The station's own words in the reader's language; whether to take it is said on the page."""
    params = notice.params
    title, body = (params[name].get(words.language) or params[name]["zh_CN"] for name in ("title", "text"))
    last = date.fromisoformat(params["until"])
    more = words.text(
        "Open until %(day)s. Sign in to accept or decline; you need not answer.", day=words.day(last)
    )
    return words.text("Offer: %(title)s", title=title), _joined([body, more], words)


def _response(notice: Notice, words: Words) -> tuple[str, str]:
    """When, and what has come of it; how many kW and how much money is said on the page alone."""
    params, at = notice.params, notice.created_at
    start, end = (_instant(params, name) or at for name in ("start", "end"))
    title, body = {
        "invited": (
            words.text("Invitation to shift load"),
            words.text("You can be paid for drawing less then. Sign in to see how much and to answer; "
                       "you need not answer."),
        ),
        "cancelled": (
            words.text("The invitation to shift load is withdrawn"),
            words.text("You need not shift anything then."),
        ),
        "settled": (
            words.text("Your shifted load is measured"),
            words.text("Sign in to see what came of it and what you are paid."),
        ),
    }[params["what"]]  # fmt: skip
    when = words.text("From %(start)s to %(end)s.", start=words.moment(start, at), end=words.moment(end, at))
    return title, _joined([when, body], words)


def _reminder(notice: Notice, words: Words) -> tuple[str, str]:
    """What is owed and since when; how much is said on the page alone."""
    debts = [_debt(each, words) for each in notice.params["debts"]]
    more = words.text("Sign in to see the amounts. If it is paid already, you need do nothing.")
    if all(not each["overdue"] for each in notice.params["debts"]):
        return words.text("A payment is due soon"), _joined([*debts, more], words)
    return words.text("A payment is overdue"), _joined([*debts, more], words)


def _debt(debt: Mapping[str, Any], words: Words) -> str:
    due = words.day(date.fromisoformat(debt["due_on"]))
    if debt["what"] == "instalment":
        number = words.number(debt["number"])
        return words.text(
            "Account %(account)s: part %(number)s of the payment plan, due on %(day)s.",
            account=debt["account"], number=number, day=due,
        )  # fmt: skip
    return words.text(
        "Account %(account)s: the bill of %(month)s, due on %(day)s.",
        account=debt["account"], month=debt["month"][:7], day=due,
    )  # fmt: skip


_LIMITS = {
    "voltage": mark("the voltage was beyond the limits that you are promised"),
    "power_factor": mark("the power factor is below the limit that you are promised to be told of"),
    "demand": mark("the demand was above the limit that you are promised to be told of"),
}
_LIMITS_OVER = {
    "voltage": mark("the voltage has been within the promised limits for some days"),
    "power_factor": mark("the power factor has been above its limit for some days"),
    "demand": mark("the demand has been below its limit for some days"),
}


def _limit(notice: Notice, words: Words) -> tuple[str, str]:
    """Which limit; the figures are on the page."""
    params = notice.params
    what = _LIMITS[params["limit"]]
    body = words.text(
        "Account %(account)s, %(day)s: %(what)s. Sign in to see the figures.",
        account=params["account"],
        day=words.day(date.fromisoformat(params["day"])),
        what=words.text(what),
    )
    return words.text("A limit was passed"), body


def _limit_over(notice: Notice, words: Words) -> tuple[str, str]:
    params = notice.params
    what = _LIMITS_OVER[params["limit"]]
    body = words.text("Account %(account)s: %(what)s.", account=params["account"], what=words.text(what))
    return words.text("Within the limit again"), body


def _report(notice: Notice, words: Words) -> tuple[str, str]:
    """Of which month, and whether it is a new revision: nothing of what is in it."""
    params = notice.params
    month = words.month(date.fromisoformat(params["month"]))
    if params["revision"] > 1:
        title = words.text("Your energy report of %(month)s has a new revision", month=month)
        body = words.text("Late facts have changed it. Sign in to read what, and the report.")
        return title, body
    title = words.text("Your energy report of %(month)s is ready", month=month)
    return title, words.text("Sign in to read, print or keep it.")


_TEXTS: dict[NoticeKind, Callable[[Notice, Words], tuple[str, str]]] = {
    NoticeKind.OUTAGE: _outage,
    NoticeKind.RESTORED: _restored,
    NoticeKind.UNUSUAL_USAGE: _unusual,
    NoticeKind.STATION_ALERT: _station,
    NoticeKind.OFFER: _offer,
    NoticeKind.RESPONSE: _response,
    NoticeKind.REMINDER: _reminder,
    NoticeKind.REPORT: _report,
    NoticeKind.LIMIT: _limit,
    NoticeKind.LIMIT_OVER: _limit_over,
}
