"""`wattpost cloud …`: every verb of the service, put together."""

import os

import typer

from cloud.kit.errors import CloudError, Invalid
from cloud.verbs import (
    STYLE,
    advising,
    analyse,
    archives,
    collection,
    curtailment,
    customer_files,
    exporting,
    intervals,
    keeping,
    load,
    reporting,
    service,
    talk,
    validation,
    weather,
)
from cloud.verbs.boards import boards
from cloud.verbs.compose import compose
from cloud.verbs.gateways import gateways
from cloud.verbs.imports import imports
from cloud.verbs.policy import policy
from cloud.verbs.products import products
from cloud.verbs.tariff import tariff
from cloud.verbs.tiers import tiers
from cloud.verbs.users import users

app = typer.Typer(**STYLE, help="The service: ingest, store, alerts, work orders, console and portal.")
service.register(app)
archives.register(app)
keeping.register(app)
collection.register(app)
validation.register(app)
exporting.register(app)
analyse.register(app)
load.register(app)
advising.register(app, tariff)
reporting.register(app)
customer_files.register(imports)
intervals.register(imports)
weather.register(imports)
curtailment.register(imports)
app.add_typer(users, name="user")
app.add_typer(imports, name="import")
app.add_typer(gateways, name="gateway")
app.add_typer(compose, name="compose")
app.add_typer(tariff, name="tariff")
app.add_typer(tiers, name="tiers")
app.add_typer(policy, name="policy")
app.add_typer(products, name="products")
app.command("boards", epilog="Example: wattpost cloud boards --days 30")(boards)


def main() -> None:
    try:
        app(standalone_mode=True)
    except CloudError as error:
        _refuse(error)
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
        raise SystemExit(1) from None


def _refuse(error: CloudError) -> None:
    talk(f"wattpost cloud: {error}")
    if isinstance(error, Invalid):
        for problem in error.problems[1:]:
            talk(f"  {problem}")
    raise SystemExit(1) from None


if __name__ == "__main__":
    main()
