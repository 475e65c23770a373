"""limits and reminders."""

import sqlalchemy as sa
from alembic import op

revision = "0024"
down_revision = "0023"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "limit_day",
        sa.Column("account", sa.String(length=32), nullable=False),
        sa.Column("kind", sa.String(length=16), nullable=False),
        sa.Column("day", sa.Date(), nullable=False),
        sa.Column("state", sa.String(length=8), nullable=False),
        sa.Column("reason", sa.String(length=24), nullable=True),
        sa.Column("value", sa.Float(), nullable=True),
        sa.Column("limit", sa.Float(), nullable=True),
        sa.Column("coverage", sa.Float(), nullable=True),
        sa.Column("rule", sa.String(length=64), nullable=False),
        sa.Column("evidence", sa.JSON(), nullable=False),
        sa.Column("alert", sa.Integer(), nullable=True),
        sa.Column("made_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["account"], ["account.no"], name=op.f("fk_limit_day_account_account")),
        sa.PrimaryKeyConstraint("account", "kind", "day", name=op.f("pk_limit_day")),
    )
    op.create_index(op.f("ix_limit_day_day"), "limit_day", ["day"], unique=False)
    op.create_table(
        "reminder",
        sa.Column("subject", sa.String(length=80), nullable=False),
        sa.Column("step", sa.Integer(), nullable=False),
        sa.Column("account", sa.String(length=32), nullable=False),
        sa.Column("month", sa.Date(), nullable=True),
        sa.Column("plan", sa.Integer(), nullable=True),
        sa.Column("number", sa.Integer(), nullable=True),
        sa.Column("due_on", sa.Date(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["account"], ["account.no"], name=op.f("fk_reminder_account_account")),
        sa.ForeignKeyConstraint(["plan"], ["payment_plan.id"], name=op.f("fk_reminder_plan_payment_plan")),
        sa.PrimaryKeyConstraint("subject", "step", name=op.f("pk_reminder")),
    )
    op.create_index(op.f("ix_reminder_account_at"), "reminder", ["account", "at"], unique=False)
