"""`wattpost edge orders`: this gateway's record of what the cloud ordered, who approved it, how it ended."""

from datetime import UTC, datetime
from typing import Annotated, Any, Final

import typer

from edge.agent import ORDERS_NAME
from edge.orders.ledger import read_audit
from edge.orders.states import AuditRow
from edge.outbox_file import StorageFault
from edge.tools import chosen, screen

VERB: Final = "orders"

app = typer.Typer(
    no_args_is_help=True, add_completion=False, rich_markup_mode=None, pretty_exceptions_enable=False
)


@app.command(epilog="Example: wattpost edge orders --config gateway.toml --last 20")
def orders(
    config: chosen.Config,
    last: Annotated[int, typer.Option(min=1, help="How many rows, the newest at the end.")] = 50,
    meter: Annotated[str | None, typer.Option(help="Only orders to this meter.")] = None,
    as_json: chosen.AsJson = False,
) -> None:
    """List the orders from the cloud with approvals, masked frames and ends; check that none was changed."""
    path = chosen.load(VERB, config).data_dir / ORDERS_NAME
    if not path.is_file():
        screen.refuse(VERB, [f"{path}: is not there; the agent makes it when it starts"])
    try:
        rows = read_audit(path)
    except StorageFault as fault:
        screen.refuse(VERB, [str(fault)])
    shown = _of_meter(rows, meter)[-last:]
    if as_json:
        screen.show_json([_plain(row) for row in shown])
    else:
        told = ([_at(row), row.order_id, row.what, _words(row)] for row in shown)
        screen.show(screen.table(("at", "order", "what", "detail"), told))


def _of_meter(rows: list[AuditRow], meter: str | None) -> list[AuditRow]:
    if meter is None:
        return rows
    wanted = {row.order_id for row in rows if row.detail.get("meter") == meter}
    return [row for row in rows if row.order_id in wanted]


def _at(row: AuditRow) -> str:
    return datetime.fromtimestamp(row.at_ms / 1000, UTC).astimezone().isoformat(timespec="seconds")


def _plain(row: AuditRow) -> dict[str, Any]:
    return {"at": _at(row), "order": row.order_id, "what": row.what, "detail": row.detail}


def _words(row: AuditRow) -> str:
    """An order in a few words; of a move, what is known and what was sent."""
    detail = row.detail
    if "kind" in detail:
        by = ", ".join(approval["by"] for approval in detail.get("approvals", ()))
        return f"{detail['kind']} {detail.get('meter', '')}{f', approved by {by}' if by else ''}"
    outcome = detail.get("outcome", {})
    relay = f"relay {outcome['relay']}" if outcome.get("relay") else ""
    return "; ".join(filter(None, (detail.get("frame", ""), relay, outcome.get("detail", ""))))
