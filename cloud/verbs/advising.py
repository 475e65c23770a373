"""`wattpost cloud advise`, `wattpost cloud tariff what-if`: what another contract would save, and why."""

from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from cloud.verbs import CONFIG, Config, Json, records_of, say, settings_of, talk
from cloud.verbs.words import Language, words_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from cloud.tiers.advice.actions import Advising
    from cloud.tiers.advice.rules import Advice, Refused
    from cloud.web.language import Words


def register(app: typer.Typer, tariff: typer.Typer) -> None:
    app.command(epilog="Example: wattpost cloud advise 3301A0103")(advise)
    tariff.command(
        "what-if",
        epilog="Example: wattpost cloud tariff what-if 3301A0103 --tariff zhejiang-household --plan tou",
    )(what_if)


def advise(
    account: Annotated[
        str | None, typer.Argument(metavar="[ACCOUNT]", help="Its number; without it all are judged.")
    ] = None,
    config: Config = CONFIG,
    language: Language = None,
    as_json: Json = False,
) -> None:
    """What an account may save, and what is refused; without one, judge all accounts and keep it."""
    with _advising(config) as advising:
        brought = advising.bring()
        talk(f"energies: {brought.areas} area-months reckoned, {brought.same} were so already")
        if account is None:
            ran = advising.run()
            kept = ran.kept
            data: dict[str, Any] = {
                "accounts": ran.accounts, "new": kept.new, "same": kept.same, "renewed": kept.renewed,
                "expired": kept.expired, "refused": kept.refused, "seconds": round(ran.took_s, 3),
            }  # fmt: skip
            text = f"{ran.accounts} accounts: {kept.new} new, {kept.same} as before, {kept.refused} refused"
            say(data, f"{text}, {ran.took_s:.1f} s", as_json)
            return
        found = advising.of_account(account)
    from cloud.tiers.advice.rules import Advice

    given = [each for each in found if isinstance(each, Advice)]
    refused = [each for each in found if not isinstance(each, Advice)]
    data = {
        "account": account,
        "advice": [_advice(each) for each in given],
        "refused": [_refused(each) for each in refused],
    }
    words = words_of(language, settings_of(config).station.zone)
    lines = [line for each in given for line in _told(each, words)]
    lines += [line for each in refused for line in _against(each, words)]
    say(data, "\n".join(lines) or words.text("Nothing stands."), as_json)


def what_if(
    account: Annotated[str, typer.Argument(metavar="ACCOUNT", help="Its number.")],
    tariff: Annotated[str, typer.Option(help="As `tariff list` names it.")],
    plan: Annotated[str, typer.Option(help="A plan of that tariff.")],
    config: Config = CONFIG,
    language: Language = None,
    as_json: Json = False,
) -> None:
    """What an account's last whole months would have cost under another plan, out of the archive."""
    from cloud.tiers.advice.api import what_if_out

    with _advising(config) as advising:
        advising.bring()
        found = advising.what_if(account, tariff, plan)
    if found.why:
        talk(f"note: the bill as it is cannot be priced: {found.why}")
    from cloud.web import tariff_words

    words = words_of(language, settings_of(config).station.zone)
    for each in found.remarks:
        talk(f"note: {words.text(tariff_words.WHAT_IF[each]) if each in tariff_words.WHAT_IF else each}")
    if found.estimated >= 0.01:
        talk(f"note: up to {found.estimated:.0%} of a month's quarter-hours are estimates, not measured")
    now = "?" if found.now is None else f"{found.now.total:.2f}"
    saving = "?" if found.saving is None else f"{found.saving:.2f}"
    text = (
        f"{found.first} to {found.last}: {now} now, {found.then.total:.2f} under {tariff}, {plan}: {saving}"
    )
    say(what_if_out(found).model_dump(mode="json"), f"{text} CNY saved", as_json)


@contextmanager
def _advising(config: Path) -> "Iterator[Advising]":
    """As the service has it, for this command alone."""
    from cloud.kit.clock import SystemClock
    from cloud.tiers.parts import Station, Tiers

    settings = settings_of(config)
    with records_of(config) as records:
        folder, zone = settings.archive.folder, settings.station.zone
        yield Tiers(Station(records.database, folder, zone, settings.policies_dir, SystemClock())).advising


def _told(advice: "Advice", words: "Words") -> list[str]:
    """As the page of advice has it: what for, how much, what was seen, how it was reckoned, what it needs."""
    from cloud.web.customers import advice_views, advice_words

    head = advice_words.title(advice.kind, words)
    if advice.saving is not None:
        head += " · " + words.text("%(saving)s CNY", saving=advice_views.money(advice.saving, words))
    founded = words.text(advice_words.CONFIDENCE[advice.confidence][1])
    head += f" · {founded} · " + words.text("holds until %(day)s", day=words.dated(advice.valid_until))
    said = advice_words.sentence(advice.kind, advice.evidence, words)
    lines = [said, advice.formula, *advice_words.needs(list(advice.needs), words)]
    return [head, *(f"  {line}" for line in lines if line)]


def _against(refused: "Refused", words: "Words") -> list[str]:
    from cloud.web.customers import advice_words

    why = advice_words.why(refused.reason, refused.params, words)
    return [advice_words.title(refused.kind, words), f"  ✗ {why}"]


def _advice(advice: "Advice") -> dict[str, Any]:
    from cloud.tiers.advice.keeping import bills_json

    return {
        "kind": advice.kind,
        "saving": None if advice.saving is None else f"{advice.saving:.2f}",
        "formula": advice.formula,
        "confidence": advice.confidence.value,
        "valid_until": advice.valid_until.isoformat(),
        "needs": list(advice.needs),
        "evidence": dict(advice.evidence),
        "bills": None if advice.bills is None else bills_json(advice.bills),
    }


def _refused(refused: "Refused") -> dict[str, Any]:
    return {"kind": refused.kind, "reason": str(refused.reason), "params": dict(refused.params)}
