"""`wattpost cloud gateway …`: which gateways may speak to the broker, and with which settings."""

from pathlib import Path
from typing import Annotated

import typer

from cloud.kit.errors import Invalid
from cloud.verbs import CONFIG, STYLE, Config, Json, records_of, say, settings_of, talk, tell_password

gateways = typer.Typer(**STYLE, help="Which gateways may speak to the broker.")


@gateways.command("add", epilog="Example: wattpost cloud gateway add gw-a01 > gw-a01.password")
def gateway_add(gateway: str, config: Config = CONFIG, as_json: Json = False) -> None:
    """Let a registered gateway in: a new password for the broker, shown once; an old one ends."""
    from cloud.fleet import broker

    with records_of(config) as records, records.database.write() as connection:
        password = broker.add_gateway(connection, gateway)
    tell_password(gateway, password, as_json)


@gateways.command("revoke", epilog="Example: wattpost cloud gateway revoke gw-a01")
def gateway_revoke(gateway: str, config: Config = CONFIG) -> None:
    """Let a gateway in no more."""
    from cloud.fleet import broker

    with records_of(config) as records, records.database.write() as connection:
        broker.revoke_gateway(connection, gateway)
    talk(f"{gateway} is let in no more")


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
        with records_of(config) as records, records.database.read() as connection:
            row = configs.newest(connection, gateway)
        told = {"gateway": gateway, "version": row.version, "state": row.state, "settings": row.document}
        say(told, toml_text.text(row.document).rstrip(), as_json)
        return
    settings = document(file)
    with records_of(config) as records, records.database.write() as connection:
        row, checked = configs.push(
            connection, gateway, settings, by="command line", note=note, now=SystemClock().now()
        )
    for warning in checked.warnings:
        talk(f"  {warning}")
    told = {"gateway": gateway, "version": row.version, "warnings": list(checked.warnings)}
    say(told, f"version {row.version} is written down for {gateway}", as_json)


@gateways.command("export", epilog="Example: wattpost cloud gateway export /etc/mosquitto/wattpost")
def gateway_export(folder: Path, config: Config = CONFIG) -> None:
    """Write who may do what as mosquitto's `passwd` and `acl`, for a broker of your own."""
    from cloud.fleet import broker

    settings = settings_of(config)
    with records_of(config) as records, records.database.read() as connection:
        users = broker.users(connection, broker.cloud_secret(settings.data_dir))
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        for name, text in (("passwd", broker.passwd_file(users)), ("acl", broker.acl_file())):
            path = folder / name
            path.touch(mode=0o600)
            path.write_text(text, encoding="utf-8")
    except OSError as error:
        raise Invalid(f"{folder}: cannot be written: {error.strerror}") from None
    talk(f"wrote {folder / 'passwd'} and {folder / 'acl'}; ours is {settings.data_dir / 'broker.password'}")
