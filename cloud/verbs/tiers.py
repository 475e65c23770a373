"""`wattpost cloud tiers …`: judge a month now, and how one account stands and why."""

from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from cloud.verbs import CONFIG, STYLE, Config, Json, progress, records_of, say, settings_of
from cloud.verbs.words import Language, left, width, words_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    from cloud.records import Records
    from cloud.settings import Settings
    from cloud.tiers.rating.actions import Ratings
    from cloud.tiers.rating.policy import Words as Names
    from cloud.tiers.rating.store import Standing
    from cloud.web.language import Words

tiers = typer.Typer(**STYLE, help="Tiers of customers: judged month by month, with the reasons.")
Month = Annotated[
    str | None, typer.Option("--month", help="A month that is over, like 2026-10; else the last.")
]


@tiers.command("run", epilog="Example: wattpost cloud tiers run --month 2026-10")
def run(month: Month = None, config: Config = CONFIG, as_json: Json = False) -> None:
    """Judge every account of a month that is over, and say how many moved."""
    with records_of(config) as records:
        ratings = _ratings(records, settings_of(config))
        with progress(_accounts(records), "accounts") as more:
            report = ratings.run(_month(month), more)
    moved = "nobody was compared" if report.flips is None else f"{report.flips:.1%} moved"
    text = (
        f"{report.accounts:,} accounts, {report.rated:,} rated ({report.provisional:,} provisional); "
        f"{report.up:,} up, {report.down:,} down, {report.returned:,} back to a tier they had left: {moved}"
    )
    say(report.plain(), text, as_json)


@tiers.command("show", epilog="Example: wattpost cloud tiers show 10A --json")
def show(
    account: Annotated[str, typer.Argument(metavar="ACCOUNT", help="An account's number.")],
    config: Config = CONFIG,
    language: Language = None,
    as_json: Json = False,
) -> None:
    """Say how an account stands on each axis, why, and what would change it."""
    from cloud.customers import store as customers
    from cloud.tiers.rating import store

    settings = settings_of(config)
    with records_of(config) as records:
        ratings = _ratings(records, settings)
        with records.database.read() as connection:
            customers.account(connection, account)
            found = list(store.standing(connection, ratings.today(), account).values())
    data = {"account": account, "standings": [_plain(each) for each in found]}
    words = words_of(language, settings.station.zone)
    names = ratings.policy.names()
    say(data, "\n".join(line for each in found for line in _lines(each, names, words)), as_json)


def _ratings(records: "Records", settings: "Settings") -> "Ratings":
    """As the service's own job has them, under the policies as they are now."""
    from cloud.kit.clock import SystemClock
    from cloud.policies.current import fixed
    from cloud.tariffs import catalogue
    from cloud.tiers.rating import policy
    from cloud.tiers.rating.actions import Ratings
    from cloud.workorders.calls import without_fault

    folder: Path | None = settings.policies_dir
    tariffs = catalogue.read(None if folder is None else folder / "tariffs")
    return Ratings(
        records.database,
        settings.station.zone,
        SystemClock(),
        fixed(policy.read(folder)),
        fixed(tariffs),
        without_fault,
    )


def _accounts(records: "Records") -> int:
    from sqlalchemy import func, select

    from cloud.customers.store import account_table

    with records.database.read() as connection:
        return connection.scalar(select(func.count()).select_from(account_table)) or 0


def _month(text: str | None) -> date | None:
    from cloud.kit.errors import Invalid

    if text is None:
        return None
    try:
        return date.fromisoformat(f"{text}-01")
    except ValueError:
        raise Invalid(f"--month {text}: write a month like 2026-10") from None


def _plain(each: "Standing") -> dict[str, Any]:
    names = ("value", "sub", "since", "provisional", "locked_until", "rule", "month", "reasons", "change")
    found: dict[str, Any] = {"axis": each.axis.value}
    for name in names:
        value = getattr(each, name)
        found[name] = value.isoformat() if isinstance(value, date) else value
    return found


def _lines(each: "Standing", names: "Mapping[str, Names]", words: "Words") -> list[str]:
    """As the page of the account has it: the axis, how it stands, since when; then why, and what would change
    it."""
    from cloud.web.customers import axis_names, standing_words

    axes = {axis: words.text(said) for axis, said in axis_names.AXES.items()}
    wide = max(width(said) for said in axes.values()) + 2
    if each.locked_until:
        marks = [words.text("held by hand until %(day)s", day=words.dated(each.locked_until))]
    else:
        marks = [words.text("since %(day)s", day=words.dated(each.since))] if each.since else []
    marks += [words.text("provisional tier")] if each.provisional else []
    said = standing_words.value(each, names, words)
    shown = f"{said}  ({words.listed(marks)})" if marks else said
    why = [f"– {reason}" for reason in standing_words.reasons(each, names, words)]
    change = [f"→ {reason}" for reason in standing_words.change(each, words)]
    return [left(axes[each.axis.value], wide) + shown, *(" " * wide + line for line in (*why, *change))]
