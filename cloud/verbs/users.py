"""`wattpost cloud user …`: who may sign in."""

from pathlib import Path
from typing import Annotated

import typer

from cloud.verbs import CONFIG, STYLE, Config, Json, records_of, tell_password

users = typer.Typer(**STYLE, help="Who may sign in.")


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
    with records_of(config) as records:
        if customer is not None:
            with records.database.read() as connection:
                customers.customer(connection, customer)
        accounts = Accounts(records.database, SystemClock())
        password = accounts.add(login, Role(role), customer, _password(password_file))
    tell_password(login, None if password_file else password, as_json)


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

    with records_of(config) as records:
        password = Accounts(records.database, SystemClock()).set_password(login, _password(password_file))
    tell_password(login, None if password_file else password, as_json)


def _password(path: Path | None) -> str | None:
    from cloud.settings import secret

    return None if path is None else secret(path)
