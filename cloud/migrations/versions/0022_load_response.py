"""load response."""

import sqlalchemy as sa
from alembic import op

revision = "0022"
down_revision = "0021"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "response_event",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("kind", sa.String(length=16), nullable=False),
        sa.Column("subject", sa.String(length=64), nullable=False),
        sa.Column("start", sa.DateTime(timezone=True), nullable=False),
        sa.Column("end", sa.DateTime(timezone=True), nullable=False),
        sa.Column("close_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("need_p50_kw", sa.Float(), nullable=True),
        sa.Column("need_p90_kw", sa.Float(), nullable=True),
        sa.Column("outlook", sa.JSON(), nullable=False),
        sa.Column("policy", sa.String(length=64), nullable=False),
        sa.Column("proposed_by", sa.String(length=64), nullable=False),
        sa.Column("approved_by", sa.String(length=64), nullable=True),
        sa.Column("changed_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("result", sa.JSON(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_response_event")),
    )
    op.create_index(op.f("ix_response_event_start"), "response_event", ["start"], unique=False)
    op.create_index(op.f("ix_response_event_state"), "response_event", ["state"], unique=False)
    op.create_table(
        "response_step",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("event", sa.Integer(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("by", sa.String(length=64), nullable=False),
        sa.Column("step", sa.String(length=16), nullable=False),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("note", sa.String(length=500), nullable=False),
        sa.ForeignKeyConstraint(
            ["event"], ["response_event.id"], name=op.f("fk_response_step_event_response_event")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_response_step")),
    )
    op.create_index(op.f("ix_response_step_event"), "response_step", ["event"], unique=False)
    op.create_table(
        "response_invitation",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("event", sa.Integer(), nullable=False),
        sa.Column("account", sa.String(length=32), nullable=False),
        sa.Column("customer", sa.String(length=64), nullable=False),
        sa.Column("asked_kw", sa.BigInteger(), nullable=False),
        sa.Column("accepted_kw", sa.BigInteger(), nullable=True),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("terms", sa.JSON(), nullable=False),
        sa.Column("invited_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("answered_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("result", sa.JSON(), nullable=True),
        sa.ForeignKeyConstraint(
            ["account"], ["account.no"], name=op.f("fk_response_invitation_account_account")
        ),
        sa.ForeignKeyConstraint(
            ["customer"], ["customer.id"], name=op.f("fk_response_invitation_customer_customer")
        ),
        sa.ForeignKeyConstraint(
            ["event"], ["response_event.id"], name=op.f("fk_response_invitation_event_response_event")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_response_invitation")),
        sa.UniqueConstraint("event", "account", name=op.f("uq_response_invitation_event_account")),
    )
    op.create_index(op.f("ix_response_invitation_account"), "response_invitation", ["account"], unique=False)
    op.create_index(
        op.f("ix_response_invitation_customer"), "response_invitation", ["customer"], unique=False
    )
    op.create_table(
        "response_payment",
        sa.Column("invitation", sa.Integer(), nullable=False),
        sa.Column("line", sa.String(length=16), nullable=False),
        sa.Column("quantity", sa.BigInteger(), nullable=False),
        sa.Column("unit", sa.String(length=8), nullable=False),
        sa.Column("price", sa.BigInteger(), nullable=False),
        sa.Column("amount", sa.BigInteger(), nullable=False),
        sa.Column("why", sa.String(length=32), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("by", sa.String(length=64), nullable=False),
        sa.ForeignKeyConstraint(
            ["invitation"],
            ["response_invitation.id"],
            name=op.f("fk_response_payment_invitation_response_invitation"),
        ),
        sa.PrimaryKeyConstraint("invitation", "line", name=op.f("pk_response_payment")),
    )
    op.create_table(
        "response_offered",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("account", sa.String(length=32), nullable=False),
        sa.Column("kw", sa.BigInteger(), nullable=False),
        sa.Column("since", sa.DateTime(timezone=True), nullable=False),
        sa.Column("by", sa.String(length=64), nullable=False),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(
            ["account"], ["account.no"], name=op.f("fk_response_offered_account_account")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_response_offered")),
    )
    op.create_index(op.f("ix_response_offered_account"), "response_offered", ["account"], unique=False)
    op.create_table(
        "curtailment_list",
        sa.Column("document_no", sa.String(length=120), nullable=False),
        sa.Column("authority", sa.String(length=120), nullable=False),
        sa.Column("from_day", sa.Date(), nullable=False),
        sa.Column("to_day", sa.Date(), nullable=False),
        sa.Column("digest", sa.String(length=64), nullable=False),
        sa.Column("file", sa.String(length=200), nullable=False),
        sa.Column("imported_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("by", sa.String(length=64), nullable=False),
        sa.PrimaryKeyConstraint("document_no", name=op.f("pk_curtailment_list")),
    )
    op.create_table(
        "curtailment_row",
        sa.Column("document_no", sa.String(length=120), nullable=False),
        sa.Column("account", sa.String(length=32), nullable=False),
        sa.Column("kw", sa.BigInteger(), nullable=False),
        sa.Column("order", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(["account"], ["account.no"], name=op.f("fk_curtailment_row_account_account")),
        sa.ForeignKeyConstraint(
            ["document_no"],
            ["curtailment_list.document_no"],
            name=op.f("fk_curtailment_row_document_no_curtailment_list"),
        ),
        sa.PrimaryKeyConstraint("document_no", "account", name=op.f("pk_curtailment_row")),
    )
