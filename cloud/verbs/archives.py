"""`wattpost cloud archive | verify | rebuild`: closed days as files, proved, and back into a store."""

from datetime import date, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from cloud.kit.errors import Conflict, Invalid
from cloud.verbs import CONFIG, Config, Json, progress, records_of, say, settings_of, talk

if TYPE_CHECKING:
    from cloud.metering.archive.writer import Archive
    from cloud.records import Records
    from cloud.settings import Settings

First = Annotated[str | None, typer.Option("--from", help="The first day, like 2026-03-01.")]
Last = Annotated[str | None, typer.Option("--to", help="The last day, included.")]


def register(app: typer.Typer) -> None:
    for verb, example in (
        (archive, "wattpost cloud archive --from 2026-03-01 --to 2026-03-31"),
        (verify, "wattpost cloud verify --json"),
        (rebuild, "wattpost cloud rebuild --into /srv/again"),
    ):
        app.command(epilog=f"Example: {example}")(verb)


def archive(
    first: First = None,
    last: Last = None,
    area: Annotated[list[str] | None, typer.Option(help="Only this area; may be repeated.")] = None,
    config: Config = CONFIG,
    as_json: Json = False,
) -> None:
    """Archive the closed days that changed or are new, and make months that are over one file."""
    from cloud.fleet import registry
    from cloud.metering.archive.nightly import Nightly

    settings = settings_of(config)
    with records_of(config) as records:
        with records.database.read() as connection:
            for each in area or ():
                registry.area(connection, each)
        made = _archive(settings, records)
        nightly = Nightly(made, settings.archive, settings.retention.archive_days)
        with made.turn():
            asked = first is not None or last is not None
            kept = settings.retention.archive_days
            days = _asked(made, first, last, kept) if asked else nightly.days()
            written = []
            with progress(len(days), "days") as done:
                for day in days:
                    written += made.archive_day(day, area or None)
                    done(1)
            months, swept = nightly.compact(), made.sweep()
    told = {"days": len(days), "files": len(written), "rows": sum(each.rows for each in written)}
    text = f"{len(days)} days looked at, {len(written)} files written, {months} months made one file"
    say(told | {"months": months, "swept": swept}, text, as_json)


def verify(config: Config = CONFIG, as_json: Json = False) -> None:
    """Read every file of the archive and compare it with the manifest; each fault is named."""
    from dataclasses import asdict

    from cloud.keeping import snapshot
    from cloud.metering.archive import verify as checks

    settings = settings_of(config)
    with snapshot.records(settings) as connection, progress(checks.size_of(connection), "bytes") as done:
        found = checks.verify(connection, settings.archive.folder, done)
    for fault in found.faults:
        talk(f"{fault.path}: {fault.what}")
    text = f"{found.files} files, {found.rows} rows, {found.bytes} bytes, {len(found.faults)} faults"
    say(asdict(found), text, as_json)
    if found.faults:
        raise typer.Exit(1)


def rebuild(
    into: Annotated[
        Path | None,
        typer.Option(help="Make readings.db in this folder; else the station's own, empty store."),
    ] = None,
    first: First = None,
    last: Last = None,
    config: Config = CONFIG,
    as_json: Json = False,
) -> None:
    """Write the raw readings of the archive back into an empty store; after a stop it goes on."""
    from cloud.metering.archive import rebuild as rebuilding
    from cloud.metering.sqlite.store import SqliteStore
    from cloud.metering.store import StoreFault

    settings = settings_of(config)
    begin, end = _day(first, "--from") or date(1970, 1, 1), _day(last, "--to") or date(9998, 12, 31)
    with records_of(config) as records:
        if into is not None:
            into.mkdir(mode=0o700, parents=True, exist_ok=True)
        store = records.store if into is None else SqliteStore(into / "readings.db")
        done_list = (into or settings.data_dir) / "rebuild.done"
        try:
            with (
                records.database.read() as connection,
                progress(rebuilding.size_of(connection, begin, end), "values") as done,
            ):
                folder, zone = settings.archive.folder, settings.station.zone
                count = rebuilding.rebuild(connection, folder, store, done_list, begin, end, zone, done)
        except StoreFault as fault:
            raise Conflict(f"{fault}; mend that and call it again, it goes on from there") from None
        finally:
            if into is not None:
                store.close()
    done_list.unlink()
    say({"values": count}, f"{count} values are back", as_json)


def _archive(settings: "Settings", records: "Records") -> "Archive":
    from cloud.kit.clock import SystemClock
    from cloud.metering.archive.writer import Archive

    folder, zone = settings.archive.folder, settings.station.zone
    return Archive(records.database, records.store, folder, zone, SystemClock())


def _asked(made: "Archive", first: str | None, last: str | None, kept: int) -> list[date]:
    """The days that were named; Invalid when they are not over, or older than the archive is kept."""
    from cloud.kit.days import days

    begin, end = _day(first, "--from"), _day(last, "--to")
    begin, end = begin or end, end or begin
    assert begin is not None
    assert end is not None
    if end < begin:
        raise Invalid(f"--to {end} is before --from {begin}")
    today = made.clock.now().astimezone(made.zone).date()
    if end >= today:
        raise Invalid(f"{end} is not over yet: only closed days are archived")
    if kept and begin < today - timedelta(days=kept):
        raise Invalid(
            f"{begin} is older than retention.archive_days = {kept}: what is left of it would be lost"
        )
    return list(days(begin, end))


def _day(text: str | None, option: str) -> date | None:
    try:
        return None if text is None else date.fromisoformat(text)
    except ValueError:
        raise typer.BadParameter("write it like 2026-03-01", param_hint=option) from None
