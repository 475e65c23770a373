"""`wattpost cloud report`: one account's monthly energy report as a file, or a month's for all."""

from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from cloud.verbs import CONFIG, Config, Json, progress, records_of, say, settings_of, talk

if TYPE_CHECKING:
    from collections.abc import Iterator

    from cloud.desk.report.actions import Reports
    from cloud.settings import Settings

WAITING = 20
"""So many accounts that wait are named."""


def register(app: typer.Typer) -> None:
    app.command(epilog="Example: wattpost cloud report 3301A0103 2026-10 --out october.html")(report)


def report(
    account: Annotated[
        str | None, typer.Argument(metavar="[ACCOUNT]", help="Its number; none with --all.")
    ] = None,
    month: Annotated[
        str | None, typer.Argument(metavar="[MONTH]", help="A month that is over, like 2026-10.")
    ] = None,
    out: Annotated[Path | None, typer.Option("--out", "-o", help="The HTML file to write.")] = None,
    every: Annotated[
        str | None,
        typer.Option("--all", metavar="MONTH", help="Issue this month's to all to whom one is promised."),
    ] = None,
    revision: Annotated[int | None, typer.Option(min=1, help="An earlier one than the newest.")] = None,
    language: Annotated[str | None, typer.Option(help="zh_CN or en; else the station's.")] = None,
    config: Config = CONFIG,
    as_json: Json = False,
) -> None:
    """Write an account's monthly energy report as issued, or as it stands now; or issue a month's to all."""
    from cloud.desk.report.span import written
    from cloud.kit.errors import Invalid

    if every is not None:
        if account is not None or out is not None:
            raise Invalid("--all issues to every account: name neither an account nor a file with it")
        _all(config, written(every), as_json)
        return
    if account is None or month is None or out is None:
        raise Invalid("name an account, a month like 2026-10 and --out FILE; or --all MONTH")
    _one(config, account, month, out, revision, language, as_json)


def _all(config: Path, month: Any, as_json: bool) -> None:
    from cloud.desk.report.span import closed

    with _reports(config) as (reports, _):
        number = len(reports.promised(closed(month, reports.today(), reports.zone)))
        with progress(number, "reports") as more:
            made = reports.issue_all(month, more)
    text = (
        f"{made.accounts:,} accounts are promised a report of {month:%Y-%m}: {made.issued:,} issued, "
        f"{made.revised:,} revised, {made.same:,} as issued, {len(made.waiting):,} wait"
    )
    say(made.plain(), text, as_json)
    if made.waiting:
        some = ", ".join(made.waiting[:WAITING])
        more_wait = "" if len(made.waiting) <= WAITING else ", …"
        talk(f"waiting for validated days or the bill: {some}{more_wait}")


def _one(
    config: Path,
    account: str,
    month: str,
    out: Path,
    revision: int | None,
    language: str | None,
    as_json: bool,
) -> None:
    from cloud.customers import store as customers
    from cloud.desk.report import store
    from cloud.desk.report.span import written
    from cloud.kit.errors import NotFound
    from cloud.tiers.rating import policy
    from cloud.web.customers.report_file import rendered

    first = written(month)
    with _reports(config) as (reports, settings):
        with reports.database.read() as connection:
            row = customers.account(connection, account)
            name = customers.customer(connection, row.customer).name
        try:
            with reports.database.read() as connection:
                issued, found = store.one(connection, account, first, revision)
        except NotFound:
            if revision is not None:
                raise
            issued, found = None, reports.compose(account, first)
        text = rendered(
            found,
            issued,
            policy.read(settings.policies_dir).names(),
            language=language or settings.station.language,
            zone=settings.station.zone,
            station=settings.station.name,
            customer=name,
            address=row.address,
        )
    _write(out, text)
    number = None if issued is None else issued.revision
    said = "not issued: as it stands now" if number is None else f"revision {number}"
    say({"account": account, "month": month, "revision": number, "file": str(out)}, f"{out}: {said}", as_json)


def _write(out: Path, text: str) -> None:
    from cloud.kit.errors import Invalid

    try:
        out.write_text(text, encoding="utf-8")
    except OSError as error:
        raise Invalid(f"--out {out}: {error.strerror or error}") from None


@contextmanager
def _reports(config: Path) -> "Iterator[tuple[Reports, Settings]]":
    """As the service's own job has them; letters go out when the service runs again."""
    from cloud.alerts.notify import Notices
    from cloud.alerts.policy import NoticeKind, notice_policy
    from cloud.desk.report.actions import Reports
    from cloud.kit.calendar import station_calendar
    from cloud.kit.clock import SystemClock
    from cloud.policies.current import fixed
    from cloud.settings import lines
    from cloud.tiers.entitlements import preferences
    from cloud.tiers.entitlements.store import promises
    from cloud.tiers.letters import Letter
    from cloud.tiers.parts import tariff_catalogue

    settings = settings_of(config)
    folder, zone = settings.policies_dir, settings.station.zone
    channels = lines(settings.notices.urls_file) if settings.notices.urls_file else []
    notices = Notices(notice_policy(folder), channels, preferences.preferred)

    def tell(connection: Any, letter: Letter) -> None:
        notices.write_letter(
            connection, letter.customer, NoticeKind(letter.kind), letter.subject, letter.at, letter.params
        )

    with records_of(config) as records:
        yield (
            Reports(
                records.database,
                zone,
                SystemClock(),
                fixed(tariff_catalogue(folder)),
                promises(folder, zone),
                station_calendar(folder),
                tell,
            ),
            settings,
        )
