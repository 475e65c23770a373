"""`wattpost grafana build | push`."""

import json
from pathlib import Path
from typing import Annotated

import typer

DATASOURCE = "wattpost-influxdb"

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    help="Grafana boards as code: write them, or bring them into a Grafana.",
)


@app.command(epilog="Example: wattpost grafana build --check")
def build(
    check: Annotated[bool, typer.Option("--check", help="Write nothing; exit 1 if a file differs.")] = False,
    folder: Annotated[
        Path | None, typer.Option(help="Where to; the package's own boards/ otherwise.")
    ] = None,
) -> None:
    """Write the boards' JSON from the code, or say which files differ from it."""
    from dashboards import build as boards

    place = folder or boards.FOLDER
    changed = boards.differing(place) if check else boards.write(place)
    for path in changed:
        print(place / path)
    if check and changed:
        typer.echo(f"{len(changed)} files differ from the code: run wattpost grafana build", err=True)
        raise SystemExit(1)
    typer.echo(f"{len(changed)} files written" if changed else "the files are what the code makes", err=True)


@app.command(epilog="Example: wattpost grafana push --url http://127.0.0.1:3000 --token-file grafana.token")
def push(
    url: Annotated[str, typer.Option(help="Where the Grafana is.")],
    token_file: Annotated[
        Path, typer.Option(help="A file with a service account's token; its role: Editor.")
    ],
    folder: Annotated[str, typer.Option(help="The folder the boards go into.")] = "wattpost",
    language: Annotated[str, typer.Option(help="zh_CN or en.")] = "zh_CN",
    datasource: Annotated[str, typer.Option(help="The uid of the InfluxDB datasource there.")] = DATASOURCE,
    ca_file: Annotated[Path | None, typer.Option(help="Trust this CA instead of the machine's.")] = None,
    overwrite: Annotated[
        bool, typer.Option("--overwrite", help="Also over what somebody saves there right now.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object on stdout, for machines.")] = False,
) -> None:
    """Bring the boards into a Grafana; doing it twice changes nothing."""
    from dashboards.grafana import GrafanaRefused
    from dashboards.push import push_boards

    try:
        pushed = push_boards(url, token_file, folder, language, datasource, ca_file, overwrite=overwrite)
    except GrafanaRefused as error:
        typer.echo(f"wattpost grafana: {error}", err=True)
        raise SystemExit(1) from None
    for warning in pushed.warnings:
        typer.echo(warning, err=True)
    told = {"grafana": pushed.version, "folder": pushed.folder, "boards": pushed.boards}
    text = "\n".join(f"{uid}: {outcome}" for uid, outcome in pushed.boards.items())
    print(json.dumps(told, ensure_ascii=False) if as_json else text)


def main() -> None:
    app(prog_name="wattpost grafana")


if __name__ == "__main__":
    main()
