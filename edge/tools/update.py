"""`wattpost edge update`: make, sign and take updates by hand; the cloud sends a gateway the same ones."""

from pathlib import Path
from typing import Annotated

import typer

from edge.tools.screen import refuse, show, show_json

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    help="Signed updates in stages: installed beside, tried, and taken back when nothing is stored.",
)
Config = Annotated[Path, typer.Option("--config", help="The settings file, gateway.toml.")]


@app.command(epilog="Example: wattpost edge update key update.secret > update.key")
def key(
    secret: Annotated[Path, typer.Argument(help="Where the signing key goes; keep it off gateways.")],
) -> None:
    """Make a signing key; the key for the gateways goes to stdout."""
    from edge.upkeep.bundle import new_key

    private, public = new_key()
    try:
        secret.touch(0o600, exist_ok=False)
    except OSError as error:
        refuse("update", [f"{secret}: {error.strerror}; choose another name"])
    secret.write_text(private + "\n")
    show(public)


@app.command(epilog="Example: wattpost edge update build dist/*.whl --version 1.4.0 --key update.secret")
def build(
    wheels: Annotated[list[Path], typer.Argument(help="wattpost and all it needs, as wheels.")],
    version: Annotated[str, typer.Option(help="What this update is called.")],
    key: Annotated[Path, typer.Option(help="The signing key.")],
    to: Annotated[Path, typer.Option(help="The bundle to write.")] = Path("update.tar"),
) -> None:
    """Put wheels into one file and sign it; prints its hash and signature as JSON."""
    from edge.upkeep import bundle as bundles

    try:
        sha256 = bundles.build(wheels, version, to)
        signature = bundles.sign(sha256, bytes.fromhex(key.read_text()))
    except (bundles.UpdateRefused, ValueError, OSError) as error:
        refuse("update", [str(error)])
    show_json({"file": str(to), "version": version, "sha256": sha256, "signature": signature})


@app.command(epilog="Example: wattpost edge update take update.tar --sha256 … --signature …")
def take(
    bundle: Annotated[Path, typer.Argument(help="The update, as a file on this machine.")],
    sha256: Annotated[str, typer.Option(help="Its hash.")],
    signature: Annotated[str, typer.Option(help="Its signature.")],
    config: Config = Path("/etc/wattpost/gateway.toml"),
) -> None:
    """Install an update beside the release in use and switch to it, on trial."""
    from edge import settings as gateway_settings
    from edge.upkeep.bundle import UpdateRefused
    from edge.upkeep.update import Updater

    try:
        settings = gateway_settings.load(config)
        if settings.update is None:
            refuse("update", [f"{config}: update: is missing; add [update] with key_file"])
        version = Updater(settings.update, config).take_file(bundle, sha256, signature)
    except gateway_settings.SettingsError as wrong:
        refuse("update", wrong.mistakes)
    except (UpdateRefused, OSError) as error:
        refuse("update", [str(error)])
    show(f"{version} is in place, on trial; now: systemctl restart wattpost-edge")


@app.command(epilog="Example: wattpost edge update status")
def status(
    folder: Annotated[Path, typer.Option(help="Where the releases are.")] = Path("/opt/wattpost"),
) -> None:
    """Which release is in use, whether it is on trial, and what became of the last update."""
    from edge.upkeep.releases import Releases

    releases = Releases(folder)
    trial = releases.trial
    told = {"current": releases.current, "on_trial": trial is not None, "last": releases.last}
    show_json(told | ({"previous": trial.previous} if trial else {}))
