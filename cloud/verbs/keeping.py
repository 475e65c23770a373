"""`wattpost cloud backup | restore | copy | erase`."""

from pathlib import Path
from typing import Annotated

import typer

from cloud.verbs import CONFIG, Config, Json, progress, records_of, say, settings_of, talk


def register(app: typer.Typer) -> None:
    for verb, example in (
        (backup, "wattpost cloud backup station-2026-03-02.tar.gz"),
        (restore, "wattpost cloud restore station-2026-03-02.tar.gz --drill"),
        (copy, "wattpost cloud copy --to /srv/wattpost/cloud.toml"),
        (erase, "wattpost cloud erase C-01 --why 'moved away and asked for it'"),
    ):
        app.command(epilog=f"Example: {example}")(verb)


def _load_every_table() -> None:
    """The application knows every slice, and so every table: none may be left out."""
    import cloud.app

    assert cloud.app


def backup(
    file: Annotated[Path, typer.Argument(help="The file to make, a .tar.gz; it holds secrets.")],
    config: Config = CONFIG,
    as_json: Json = False,
) -> None:
    """Put the whole station into one file, also while the service runs."""
    from dataclasses import asdict

    from cloud.keeping import backup as backups
    from cloud.kit.clock import SystemClock

    _load_every_table()
    settings = settings_of(config)
    with progress(backups.steps(), "backup") as done:
        made = backups.backup(settings, config, file, SystemClock().now(), done)
    text = f"{file}: {made.tables} tables, {made.rows} rows, {made.files} files, {made.bytes / 2**20:.1f} MiB"
    say({"file": str(file), **asdict(made)}, text, as_json)
    talk(f"try it: wattpost cloud restore {file} --drill")


def restore(
    file: Annotated[Path, typer.Argument(help="A file that `backup` made.")],
    folder: Annotated[
        Path | None, typer.Option("--into", help="A new folder for cloud.toml and the data.")
    ] = None,
    drill: Annotated[bool, typer.Option("--drill", help="Only try it: restore, compare, remove.")] = False,
    as_json: Json = False,
) -> None:
    """Bring a station back from a backup, every count and hash compared; or only try whether it would."""
    from dataclasses import asdict
    from datetime import datetime

    from cloud.keeping import restore as restoring

    if drill == (folder is not None):
        raise typer.BadParameter("name either --into FOLDER or --drill", param_hint="--into")
    _load_every_table()
    size = file.stat().st_size if file.is_file() else 0
    with progress(size, "reading") as done:
        if folder is None:
            found = restoring.drill(file, file.parent, done)
        else:
            found = restoring.restore(file, folder, done)
    what = "could be restored" if drill else "is restored"
    made_at = f"{datetime.fromisoformat(found.made_at).astimezone():%Y-%m-%d %H:%M:%S %Z}"
    text = f"{found.station} {what} as of {made_at}: {found.rows} rows, {found.readings} values, all equal"
    say({"drill": drill, **asdict(found)}, text, as_json)


def copy(
    to: Annotated[Path, typer.Option("--to", help="The settings file of the new place.")],
    config: Config = CONFIG,
    as_json: Json = False,
) -> None:
    """Move a station to other engines; may be stopped and goes on; both sides are compared at the end."""
    from dataclasses import asdict

    from cloud.keeping.copy import Side
    from cloud.keeping.copy import copy as copy_station
    from cloud.records import open_records

    if to.resolve() == config.resolve():
        raise typer.BadParameter("name another settings file than the station's own", param_hint="--to")
    _load_every_table()
    target_settings = settings_of(to)
    target_settings.data_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
    with records_of(config) as source:
        target = open_records(target_settings)
        try:
            sides = Side(settings_of(config), source), Side(target_settings, target)
            done = copy_station(*sides, progress)
        finally:
            target.close()
    text = (
        f"{done.rows} rows of {done.tables} tables, {done.values} values of {done.meters} meters, all equal"
    )
    say(asdict(done), text, as_json)
    talk("start the service with the new settings file; the old files are as they were")


def erase(
    customer: str,
    why: Annotated[str, typer.Option(help="Why, in a few words; it is kept.")],
    config: Config = CONFIG,
    as_json: Json = False,
) -> None:
    """Erase one customer's person for good; accounts, meters and what was measured are kept."""
    from dataclasses import asdict

    from cloud.keeping import erase as erasing
    from cloud.kit.clock import SystemClock
    from cloud.metering.fieldwork.photos import Photos

    _load_every_table()
    photos, now = Photos(settings_of(config).data_dir / "photos"), SystemClock().now()
    with records_of(config) as records:
        done = erasing.erase_with_photos(
            records.database, photos, customer, by="command line", why=why, now=now
        )
    text = f"{customer} is erased: {done.rows} rows, {len(done.photos)} photos"
    text += f"; {done.accounts} accounts are kept"
    say(asdict(done), text, as_json)
    talk("backups made before still hold this customer until they are destroyed")
