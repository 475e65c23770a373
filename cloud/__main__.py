"""`wattpost cloud …`: data on stdout, talk on stderr, one line for each mistake."""

import json
import logging
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from cloud.kit.errors import CloudError, Invalid

if TYPE_CHECKING:
    from cloud.records import Records
    from cloud.settings import Settings

STYLE: dict[str, Any] = {
    "no_args_is_help": True,
    "add_completion": False,
    "rich_markup_mode": None,
    "pretty_exceptions_enable": False,
}
app = typer.Typer(**STYLE, help="The service: ingest, store, alerts, work orders, console and portal.")
users = typer.Typer(**STYLE, help="Who may sign in.")
imports = typer.Typer(**STYLE, help="Bring data in from a file, whole or not at all.")
gateways = typer.Typer(**STYLE, help="Which gateways may speak to the broker.")
app.add_typer(users, name="user")
app.add_typer(imports, name="import")
app.add_typer(gateways, name="gateway")

Config = Annotated[Path, typer.Option("--config", "-c", help="The settings file.")]
Json = Annotated[bool, typer.Option("--json", help="One JSON object on stdout, for machines.")]
CONFIG = Path("cloud.toml")


def main() -> None:
    try:
        app(standalone_mode=True)
    except CloudError as error:
        _refuse(error)
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        raise SystemExit(1) from None


def _refuse(error: CloudError) -> None:
    _talk(f"wattpost cloud: {error}")
    if isinstance(error, Invalid):
        for problem in error.problems[1:]:
            _talk(f"  {problem}")
    raise SystemExit(1) from None


def _talk(text: str) -> None:
    print(text, file=sys.stderr)


def _say(data: dict[str, Any], text: str, as_json: bool) -> None:
    print(json.dumps(data, ensure_ascii=False) if as_json else text)


def _settings(config: Path) -> "Settings":
    from cloud import settings

    return settings.load(config)


@contextmanager
def _records(config: Path) -> Iterator["Records"]:
    """The station's data, for this command alone: while the service runs, this is refused."""
    from cloud.records import open_records

    records = open_records(_settings(config))
    try:
        yield records
    finally:
        records.close()


@app.command(epilog="Example: wattpost cloud init station --name 示例供电所")
def init(
    folder: Annotated[Path, typer.Argument(help="Where cloud.toml and the data folder go.")] = Path(),
    name: Annotated[str, typer.Option(help="The station's name.")] = "示例供电所",
    timezone: Annotated[str, typer.Option(help="The station's time zone.")] = "Asia/Shanghai",
) -> None:
    """Write a commented cloud.toml and make the data folder."""
    from cloud.settings import write_first

    path = write_first(folder, name, timezone)
    _talk(f"wrote {path}; next: wattpost cloud user add NAME --role operator -c {path}")


@app.command(epilog="Example: wattpost cloud run --config station/cloud.toml")
def run(config: Config = CONFIG, as_json: Json = False) -> None:
    """Serve until told to stop: take readings in, watch, alert, answer."""
    from cloud.serve import serve

    logging.basicConfig(
        level=logging.INFO, stream=sys.stderr, format="%(asctime)s %(levelname)s %(name)s: %(message)s"
    )
    logging.getLogger("alembic").setLevel(logging.WARNING)
    settings = _settings(config)

    def ready(url: str) -> None:
        _say({"ready": True, "url": url}, f"ready on {url}", as_json)
        sys.stdout.flush()

    serve(settings, ready)


@app.command(epilog="Example: wattpost cloud migrate --config station/cloud.toml")
def migrate(config: Config = CONFIG) -> None:
    """Bring the databases to what this version needs; `run` does it by itself."""
    with _records(config):
        _talk("the databases are up to date")


@users.command("add", epilog="Example: wattpost cloud user add head --role operator")
def user_add(
    login: str,
    role: Annotated[str, typer.Option(help="operator or customer.")],
    customer: Annotated[str | None, typer.Option(help="The customer whose login it is.")] = None,
    password_file: Annotated[Path | None, typer.Option(help="Take the password from here.")] = None,
    config: Config = CONFIG,
    as_json: Json = False,
) -> None:
    """Make a login; its password is made up and shown once, unless a file holds it."""
    from cloud.customers import store as customers
    from cloud.kit.auth import Accounts, Role
    from cloud.kit.clock import SystemClock

    if role not in list(Role):
        raise typer.BadParameter("is operator or customer", param_hint="--role")
    with _records(config) as records:
        if customer is not None:
            with records.database.read() as connection:
                customers.customer(connection, customer)
        accounts = Accounts(records.database, SystemClock())
        password = accounts.add(login, Role(role), customer, _password(password_file))
    _tell_password(login, None if password_file else password, as_json)


@users.command("password", epilog="Example: wattpost cloud user password head")
def user_password(
    login: str,
    password_file: Annotated[Path | None, typer.Option(help="Take the password from here.")] = None,
    config: Config = CONFIG,
    as_json: Json = False,
) -> None:
    """Give a login a new password and end all its sessions."""
    from cloud.kit.auth import Accounts
    from cloud.kit.clock import SystemClock

    with _records(config) as records:
        password = Accounts(records.database, SystemClock()).set_password(login, _password(password_file))
    _tell_password(login, None if password_file else password, as_json)


def _password(path: Path | None) -> str | None:
    from cloud.settings import secret

    return None if path is None else secret(path)


def _tell_password(login: str, password: str | None, as_json: bool) -> None:
    if password is None:
        _say({"login": login}, f"{login} may sign in", as_json)
        return
    _talk("this password is shown once:")
    _say({"login": login, "password": password}, password, as_json)


@imports.command("registry", epilog="Example: wattpost cloud import registry village.toml")
def import_registry(file: Path, config: Config = CONFIG, as_json: Json = False) -> None:
    """Bring in areas, gateways and meters from JSON or TOML."""
    from dataclasses import asdict

    from cloud.fleet import registry
    from cloud.importing import document

    rows = document(file)
    with _records(config) as records, records.database.write() as connection:
        done = registry.import_registry(connection, rows)
    text = f"{done.areas} areas, {done.gateways} gateways, {done.meters} meters"
    _say(asdict(done), text, as_json)


@imports.command("customers", epilog="Example: wattpost cloud import customers customers.toml")
def import_customers(file: Path, config: Config = CONFIG, as_json: Json = False) -> None:
    """Bring in customers, their accounts, the meters that serve them, and where notices go."""
    from dataclasses import asdict

    from cloud.customers import actions
    from cloud.importing import document

    rows = document(file)
    with _records(config) as records, records.database.write() as connection:
        done = actions.import_customers(connection, rows)
    text = f"{done.customers} customers, {done.accounts} accounts, {done.services} services"
    _say(asdict(done), text, as_json)


@imports.command(
    "readings", epilog="Example: wattpost sim history village.toml | wattpost cloud import readings -"
)
def import_readings(
    file: Annotated[Path, typer.Argument(help="JSON lines, one reading each; - for stdin.")],
    config: Config = CONFIG,
    as_json: Json = False,
) -> None:
    """Bring in readings; the same file twice counts once."""
    from cloud.importing import readings

    with _records(config) as records:
        count = readings(file, records.database, records.store, _progress)
    _say({"readings": count}, f"{count} readings", as_json)


@gateways.command("add", epilog="Example: wattpost cloud gateway add gw-a01 > gw-a01.password")
def gateway_add(gateway: str, config: Config = CONFIG, as_json: Json = False) -> None:
    """Let a registered gateway in: a new password for the broker, shown once; an old one ends."""
    from cloud.fleet import broker

    with _records(config) as records, records.database.write() as connection:
        password = broker.add_gateway(connection, gateway)
    _tell_password(gateway, password, as_json)


@gateways.command("revoke", epilog="Example: wattpost cloud gateway revoke gw-a01")
def gateway_revoke(gateway: str, config: Config = CONFIG) -> None:
    """Let a gateway in no more."""
    from cloud.fleet import broker

    with _records(config) as records, records.database.write() as connection:
        broker.revoke_gateway(connection, gateway)
    _talk(f"{gateway} is let in no more")


@gateways.command(
    "config", epilog="Example: wattpost cloud gateway config gw-a01 settings.toml --note 'every 5 min'"
)
def gateway_config(
    gateway: str,
    file: Annotated[Path | None, typer.Argument(help="TOML or JSON; without it the newest is shown.")] = None,
    note: Annotated[str, typer.Option(help="What changes, and why.")] = "",
    config: Config = CONFIG,
    as_json: Json = False,
) -> None:
    """Write the next settings of a gateway; it is offered them as soon as the service runs."""
    from cloud.fleet import configs, toml_text
    from cloud.importing import document
    from cloud.kit.clock import SystemClock

    if file is None:
        with _records(config) as records, records.database.read() as connection:
            row = configs.newest(connection, gateway)
        told = {"gateway": gateway, "version": row.version, "state": row.state, "settings": row.document}
        _say(told, toml_text.text(row.document).rstrip(), as_json)
        return
    settings = document(file)
    with _records(config) as records, records.database.write() as connection:
        row, checked = configs.push(
            connection, gateway, settings, by="command line", note=note, now=SystemClock().now()
        )
    for warning in checked.warnings:
        _talk(f"  {warning}")
    told = {"gateway": gateway, "version": row.version, "warnings": list(checked.warnings)}
    _say(told, f"version {row.version} is written down for {gateway}", as_json)


@gateways.command("export", epilog="Example: wattpost cloud gateway export /etc/mosquitto/wattpost")
def gateway_export(folder: Path, config: Config = CONFIG) -> None:
    """Write who may do what as mosquitto's `passwd` and `acl`, for a broker of your own."""
    from cloud.fleet import broker

    settings = _settings(config)
    with _records(config) as records, records.database.read() as connection:
        users = broker.users(connection, broker.cloud_secret(settings.data_dir))
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        for name, text in (("passwd", broker.passwd_file(users)), ("acl", broker.acl_file())):
            path = folder / name
            path.touch(mode=0o600)
            path.write_text(text, encoding="utf-8")
    except OSError as error:
        raise Invalid(f"{folder}: cannot be written: {error.strerror}") from None
    _talk(f"wrote {folder / 'passwd'} and {folder / 'acl'}; ours is {settings.data_dir / 'broker.password'}")


@contextmanager
def _progress(total: int) -> Iterator[Any]:
    with typer.progressbar(
        length=total, label="readings", file=sys.stderr, hidden=not sys.stderr.isatty()
    ) as bar:
        yield bar.update


if __name__ == "__main__":
    main()
