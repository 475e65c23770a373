"""in which months an account was looked at for advice."""

from datetime import date

import sqlalchemy as sa
from alembic import op

revision = "0026"
down_revision = "0025"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "advice_look",
        sa.Column("account", sa.String(length=32), nullable=False),
        sa.Column("month", sa.Date(), nullable=False),
        sa.Column("day", sa.Date(), nullable=False),
        sa.ForeignKeyConstraint(["account"], ["account.no"], name=op.f("fk_advice_look_account_account")),
        sa.PrimaryKeyConstraint("account", "month", name=op.f("pk_advice_look")),
    )
    _of_what_is_kept(op.get_bind())


def _of_what_is_kept(connection: sa.Connection) -> None:
    """What is known of looks before this table: the months of advice made, and of the last refusals."""
    first: dict[tuple[str, date], date] = {}
    for table, at in (("advice", "made_at"), ("advice_refusal", "at")):
        kept = sa.table(table, sa.column("account"), sa.column(at, sa.DateTime(timezone=True)))
        for account, told in connection.execute(sa.select(kept.c.account, kept.c[at]).distinct()):
            day = told.date()
            key = account, day.replace(day=1)
            first[key] = min(day, first.get(key, day))
    look = sa.table(
        "advice_look", sa.column("account"), sa.column("month", sa.Date), sa.column("day", sa.Date)
    )
    rows = [{"account": no, "month": month, "day": day} for (no, month), day in sorted(first.items())]
    if rows:
        connection.execute(sa.insert(look), rows)
