"""entitlements, promises, planned intervals and payment plans; an order has a priority."""

import sqlalchemy as sa
from alembic import op

revision = "0018"
down_revision = "0017"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "entitlement",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("account", sa.String(length=32), nullable=False),
        sa.Column("since", sa.DateTime(timezone=True), nullable=False),
        sa.Column("until", sa.DateTime(timezone=True), nullable=True),
        sa.Column("version", sa.String(length=64), nullable=False),
        sa.Column("terms", sa.JSON(), nullable=False),
        sa.ForeignKeyConstraint(["account"], ["account.no"], name=op.f("fk_entitlement_account_account")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_entitlement")),
    )
    op.create_index(op.f("ix_entitlement_account_since"), "entitlement", ["account", "since"], unique=False)
    op.create_index(op.f("ix_entitlement_until"), "entitlement", ["until"], unique=False)
    op.create_table(
        "promise",
        sa.Column("account", sa.String(length=32), nullable=False),
        sa.Column("month", sa.Date(), nullable=False),
        sa.Column("part", sa.String(length=24), nullable=False),
        sa.Column("state", sa.String(length=12), nullable=False),
        sa.Column("reason", sa.String(length=32), nullable=True),
        sa.Column("promised", sa.JSON(), nullable=False),
        sa.Column("figures", sa.JSON(), nullable=False),
        sa.Column("sources", sa.JSON(), nullable=False),
        sa.Column("rule", sa.String(length=64), nullable=False),
        sa.Column("made_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("closed_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("reopened", sa.Integer(), nullable=False),
        sa.Column("before", sa.JSON(), nullable=True),
        sa.ForeignKeyConstraint(["account"], ["account.no"], name=op.f("fk_promise_account_account")),
        sa.PrimaryKeyConstraint("account", "month", "part", name=op.f("pk_promise")),
    )
    op.create_index(op.f("ix_promise_month_state"), "promise", ["month", "state"], unique=False)
    op.create_table(
        "manager_contact",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("account", sa.String(length=32), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("how", sa.String(length=16), nullable=False),
        sa.Column("note", sa.String(length=500), nullable=False),
        sa.Column("by", sa.String(length=64), nullable=False),
        sa.Column("recorded_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["account"], ["account.no"], name=op.f("fk_manager_contact_account_account")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_manager_contact")),
    )
    op.create_index(op.f("ix_manager_contact_account_at"), "manager_contact", ["account", "at"], unique=False)
    op.create_table(
        "planned_interval",
        sa.Column("meter", sa.String(length=64), nullable=False),
        sa.Column("gateway", sa.String(length=32), nullable=False),
        sa.Column("account", sa.String(length=32), nullable=False),
        sa.Column("rule", sa.String(length=64), nullable=False),
        sa.Column("promised_s", sa.Integer(), nullable=False),
        sa.Column("before_s", sa.Integer(), nullable=True),
        sa.Column("interval_s", sa.Integer(), nullable=True),
        sa.Column("version", sa.Integer(), nullable=True),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["account"], ["account.no"], name=op.f("fk_planned_interval_account_account")
        ),
        sa.ForeignKeyConstraint(["meter"], ["meter.id"], name=op.f("fk_planned_interval_meter_meter")),
        sa.ForeignKeyConstraint(
            ["gateway"], ["gateway.id"], name=op.f("fk_planned_interval_gateway_gateway")
        ),
        sa.PrimaryKeyConstraint("meter", name=op.f("pk_planned_interval")),
    )
    op.create_index(op.f("ix_planned_interval_gateway"), "planned_interval", ["gateway"], unique=False)
    op.create_table(
        "gateway_polling",
        sa.Column("gateway", sa.String(length=32), nullable=False),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("detail", sa.String(length=500), nullable=False),
        sa.Column("version", sa.Integer(), nullable=True),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("pushed_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(["gateway"], ["gateway.id"], name=op.f("fk_gateway_polling_gateway_gateway")),
        sa.PrimaryKeyConstraint("gateway", name=op.f("pk_gateway_polling")),
    )
    op.create_table(
        "payment_plan",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("account", sa.String(length=32), nullable=False),
        sa.Column("state", sa.String(length=12), nullable=False),
        sa.Column("amount", sa.BigInteger(), nullable=False),
        sa.Column("months", sa.JSON(), nullable=False),
        sa.Column("rule", sa.String(length=64), nullable=False),
        sa.Column("offered_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("offered_by", sa.String(length=64), nullable=False),
        sa.Column("changed_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["account"], ["account.no"], name=op.f("fk_payment_plan_account_account")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_payment_plan")),
    )
    op.create_index(op.f("ix_payment_plan_account_state"), "payment_plan", ["account", "state"], unique=False)
    op.create_index(op.f("ix_payment_plan_state"), "payment_plan", ["state"], unique=False)
    op.create_table(
        "instalment",
        sa.Column("plan", sa.Integer(), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("due_on", sa.Date(), nullable=False),
        sa.Column("amount", sa.BigInteger(), nullable=False),
        sa.Column("paid_on", sa.Date(), nullable=True),
        sa.Column("recorded_by", sa.String(length=64), nullable=True),
        sa.Column("recorded_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(["plan"], ["payment_plan.id"], name=op.f("fk_instalment_plan_payment_plan")),
        sa.PrimaryKeyConstraint("plan", "number", name=op.f("pk_instalment")),
    )
    op.create_table(
        "payment_plan_event",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("plan", sa.Integer(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("who", sa.String(length=64), nullable=False),
        sa.Column("event", sa.String(length=16), nullable=False),
        sa.Column("state", sa.String(length=12), nullable=False),
        sa.Column("note", sa.String(length=500), nullable=False),
        sa.ForeignKeyConstraint(
            ["plan"], ["payment_plan.id"], name=op.f("fk_payment_plan_event_plan_payment_plan")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_payment_plan_event")),
    )
    op.create_index(op.f("ix_payment_plan_event_plan"), "payment_plan_event", ["plan"], unique=False)
    op.add_column("work_order", sa.Column("priority", sa.Integer(), nullable=True))
    op.add_column("work_order", sa.Column("promised", sa.JSON(), nullable=True))
