"""`wattpost grafana build | push`."""

from pathlib import Path
from typing import Annotated

import typer

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


def main() -> None:
    app(prog_name="wattpost grafana")


if __name__ == "__main__":
    main()
