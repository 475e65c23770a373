"""`wattpost cloud compose …`: the two steps that docker-compose.yml takes before the service starts."""

from pathlib import Path
from typing import Annotated

import typer

from cloud.verbs import CONFIG, STYLE, Config, Json, records_of, say, talk

compose = typer.Typer(**STYLE, help="What docker-compose.yml does once, before the service starts.")


@compose.command("prepare", epilog="Example: wattpost cloud compose prepare /volumes")
def prepare(
    folder: Annotated[Path, typer.Argument(help="Where each service has its folder.")],
    meters: Annotated[int, typer.Option(min=2, max=60, help="Simulated meters on the one line.")] = 12,
    keep_owner: Annotated[
        bool, typer.Option("--keep-owner", help="Do not give the folders to the containers' users.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Make every secret and every settings file that is not there yet."""
    from cloud.demo import composed

    made = composed.prepare(folder, give_away=not keep_owner, meters=meters)
    names = sorted(str(path.relative_to(folder)) for path in made)
    say({"made": names}, "\n".join(names), as_json)
    talk(f"{len(names)} files made; what was there was left as it is")


@compose.command("register", epilog="Example: wattpost cloud compose register -c /run/wattpost/cloud.toml")
def register(config: Config = CONFIG, as_json: Json = False) -> None:
    """Bring in the simulated line's registry and the two operators, unless they are there."""
    from cloud.demo.registering import register_line

    with records_of(config) as records:
        added = register_line(records.database, config.parent)
    say({"operators": added}, "\n".join(added), as_json)
    talk(f"operators' passwords: {config.parent}/operator.password and operator-2.password")
