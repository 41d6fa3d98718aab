"""The first schema: accounts to outbox.

A migration is frozen: it names its tables itself, and never changes when `schema.py` does.
"""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

_BIG = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    """Make every table."""
    op.create_table(
        "accounts",
        sa.Column("id", _BIG, nullable=False),
        sa.Column("name", sa.String(64), nullable=False),
        sa.Column("sp_id", sa.String(64), nullable=False),
        sa.Column("standing", sa.String(16), nullable=False),
        sa.Column("concurrency", sa.Integer()),
        sa.Column("password", sa.String(128), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_accounts")),
        sa.UniqueConstraint("name", name=op.f("uq_accounts_name")),
        sa.UniqueConstraint("sp_id", name=op.f("uq_accounts_sp_id")),
    )
    op.create_table(
        "audit",
        sa.Column("id", _BIG, nullable=False),
        sa.Column("at_us", sa.BigInteger(), nullable=False),
        sa.Column("who", sa.String(64), nullable=False),
        sa.Column("what", sa.String(64), nullable=False),
        sa.Column("target", sa.String(256), nullable=False),
        sa.Column("detail", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_audit")),
    )
    op.create_index(op.f("ix_audit_at_us"), "audit", ["at_us"])
    op.create_table(
        "idempotency",
        sa.Column("app_key", sa.String(64), nullable=False),
        sa.Column("key", sa.String(128), nullable=False),
        sa.Column("digest", sa.String(64), nullable=False),
        sa.Column("status", sa.Integer(), nullable=False),
        sa.Column("body", sa.Text(), nullable=False),
        sa.Column("created_us", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("app_key", "key", name=op.f("pk_idempotency")),
    )
    op.create_index(op.f("ix_idempotency_created_us"), "idempotency", ["created_us"])
    op.create_table(
        "nonces",
        sa.Column("app_key", sa.String(64), nullable=False),
        sa.Column("nonce", sa.String(128), nullable=False),
        sa.Column("seen_us", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("app_key", "nonce", name=op.f("pk_nonces")),
    )
    op.create_index(op.f("ix_nonces_seen_us"), "nonces", ["seen_us"])
    op.create_table(
        "outbox",
        sa.Column("id", _BIG, nullable=False),
        sa.Column("kind", sa.String(8), nullable=False),
        sa.Column("app_key", sa.String(64), nullable=False),
        sa.Column("session", sa.String(256), nullable=False),
        sa.Column("seq", sa.Integer(), nullable=False),
        sa.Column("url", sa.String(512), nullable=False),
        sa.Column("body", sa.Text(), nullable=False),
        sa.Column("created_us", sa.BigInteger(), nullable=False),
        sa.Column("due_us", sa.BigInteger(), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("state", sa.String(16), nullable=False),
        sa.Column("group", sa.String(64), nullable=False),
        sa.Column("last_error", sa.String(256), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_outbox")),
        sa.UniqueConstraint("kind", "session", "seq", name=op.f("uq_outbox_kind_session_seq")),
    )
    op.create_index("ix_outbox_due", "outbox", ["state", "due_us"])
    op.create_table(
        "recordings",
        sa.Column("name", sa.String(128), nullable=False),
        sa.Column("session", sa.String(256), nullable=False),
        sa.Column("app_key", sa.String(64), nullable=False),
        sa.Column("path", sa.Text(), nullable=False),
        sa.Column("n_bytes", sa.BigInteger(), nullable=False),
        sa.Column("duration_s", sa.Float(), nullable=False),
        sa.Column("created_us", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_recordings")),
    )
    op.create_index(op.f("ix_recordings_app_key"), "recordings", ["app_key"])
    op.create_index(op.f("ix_recordings_created_us"), "recordings", ["created_us"])
    op.create_index(op.f("ix_recordings_session"), "recordings", ["session"])
    op.create_table(
        "tokens",
        sa.Column("token", sa.String(64), nullable=False),
        sa.Column("refresh", sa.String(64), nullable=False),
        sa.Column("app_key", sa.String(64), nullable=False),
        sa.Column("expires_us", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("token", name=op.f("pk_tokens")),
        sa.UniqueConstraint("refresh", name=op.f("uq_tokens_refresh")),
    )
    op.create_table(
        "applications",
        sa.Column("app_key", sa.String(64), nullable=False),
        sa.Column("account_id", _BIG, nullable=False),
        sa.Column("secret", sa.String(128), nullable=False),
        sa.Column("name", sa.String(64), nullable=False),
        sa.Column("folded_name", sa.String(192), nullable=False),
        sa.Column("service", sa.String(16), nullable=False),
        sa.Column("standing", sa.String(16), nullable=False),
        sa.Column("recording", sa.Boolean(), nullable=False),
        sa.Column("status_url", sa.String(512), nullable=False),
        sa.Column("fee_url", sa.String(512), nullable=False),
        sa.Column("concurrency", sa.Integer(), nullable=False),
        sa.Column("calls_per_second", sa.Float(), nullable=False),
        sa.Column("allowed_ips", sa.Text(), nullable=False),
        sa.Column("created_us", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["account_id"], ["accounts.id"], name=op.f("fk_applications_account_id")),
        sa.PrimaryKeyConstraint("app_key", name=op.f("pk_applications")),
        sa.UniqueConstraint("account_id", "folded_name", name=op.f("uq_applications_account_id_folded_name")),
    )
    op.create_index(op.f("ix_applications_account_id"), "applications", ["account_id"])
    op.create_table(
        "operators",
        sa.Column("name", sa.String(64), nullable=False),
        sa.Column("role", sa.String(16), nullable=False),
        sa.Column("account_id", _BIG),
        sa.Column("key_hash", sa.String(128), nullable=False),
        sa.Column("created_us", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["account_id"], ["accounts.id"], name=op.f("fk_operators_account_id")),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_operators")),
    )
    op.create_table(
        "templates",
        sa.Column("id", sa.String(32), nullable=False),
        sa.Column("account_id", _BIG, nullable=False),
        sa.Column("name", sa.String(64), nullable=False),
        sa.Column("content", sa.Text(), nullable=False),
        sa.Column("language", sa.String(8), nullable=False),
        sa.Column("state", sa.String(16), nullable=False),
        sa.Column("reason", sa.String(512), nullable=False),
        sa.Column("created_us", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["account_id"], ["accounts.id"], name=op.f("fk_templates_account_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_templates")),
    )
    op.create_index(op.f("ix_templates_account_id"), "templates", ["account_id"])
    op.create_table(
        "voice_files",
        sa.Column("id", _BIG, nullable=False),
        sa.Column("account_id", _BIG, nullable=False),
        sa.Column("name", sa.String(128), nullable=False),
        sa.Column("sha256", sa.String(64), nullable=False),
        sa.Column("n_bytes", sa.Integer(), nullable=False),
        sa.Column("duration_ms", sa.Integer(), nullable=False),
        sa.Column("level_dbm0", sa.Float(), nullable=False),
        sa.Column("peak_dbm0", sa.Float(), nullable=False),
        sa.Column("state", sa.String(16), nullable=False),
        sa.Column("reason", sa.String(512), nullable=False),
        sa.Column("created_us", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["account_id"], ["accounts.id"], name=op.f("fk_voice_files_account_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_voice_files")),
        sa.UniqueConstraint("account_id", "name", name=op.f("uq_voice_files_account_id_name")),
    )
    op.create_index(op.f("ix_voice_files_sha256"), "voice_files", ["sha256"])
    op.create_table(
        "calls",
        sa.Column("session", sa.String(256), nullable=False),
        sa.Column("app_key", sa.String(64), nullable=False),
        sa.Column("account_id", _BIG, nullable=False),
        sa.Column("service", sa.String(16), nullable=False),
        sa.Column("accepted_us", sa.BigInteger(), nullable=False),
        sa.Column("display_a", sa.String(32), nullable=False),
        sa.Column("a_number", sa.String(256), nullable=False),
        sa.Column("display_b", sa.String(32), nullable=False),
        sa.Column("b_number", sa.String(256), nullable=False),
        sa.Column("bind_number", sa.String(32), nullable=False),
        sa.Column("status_url", sa.String(512), nullable=False),
        sa.Column("fee_url", sa.String(512), nullable=False),
        sa.Column("user_data", sa.String(256), nullable=False),
        sa.Column("wants_party_type", sa.Boolean(), nullable=False),
        sa.Column("record", sa.Boolean(), nullable=False),
        sa.Column("recording_name", sa.String(128), nullable=False),
        sa.Column("request", sa.Text(), nullable=False),
        sa.Column("worker", sa.String(64), nullable=False),
        sa.Column("ended_us", sa.BigInteger()),
        sa.ForeignKeyConstraint(["account_id"], ["accounts.id"], name=op.f("fk_calls_account_id")),
        sa.ForeignKeyConstraint(["app_key"], ["applications.app_key"], name=op.f("fk_calls_app_key")),
        sa.PrimaryKeyConstraint("session", name=op.f("pk_calls")),
    )
    op.create_index(op.f("ix_calls_a_number"), "calls", ["a_number"])
    op.create_index(op.f("ix_calls_accepted_us"), "calls", ["accepted_us"])
    op.create_index("ix_calls_open", "calls", ["ended_us", "app_key"])
    op.create_table(
        "numbers",
        sa.Column("number", sa.String(32), nullable=False),
        sa.Column("account_id", _BIG, nullable=False),
        sa.Column("app_key", sa.String(64)),
        sa.Column("bind_number", sa.String(32), nullable=False),
        sa.Column("shared", sa.Boolean(), nullable=False),
        sa.Column("state", sa.String(16), nullable=False),
        sa.Column("issued_us", sa.BigInteger(), nullable=False),
        sa.Column("released_us", sa.BigInteger()),
        sa.ForeignKeyConstraint(["account_id"], ["accounts.id"], name=op.f("fk_numbers_account_id")),
        sa.ForeignKeyConstraint(["app_key"], ["applications.app_key"], name=op.f("fk_numbers_app_key")),
        sa.PrimaryKeyConstraint("number", name=op.f("pk_numbers")),
    )
    op.create_index(op.f("ix_numbers_account_id"), "numbers", ["account_id"])
    op.create_index(op.f("ix_numbers_app_key"), "numbers", ["app_key"])
    op.create_table(
        "cdrs",
        sa.Column("session", sa.String(256), nullable=False),
        sa.Column("app_key", sa.String(64), nullable=False),
        sa.Column("account_id", sa.BigInteger(), nullable=False),
        sa.Column("service", sa.String(16), nullable=False),
        sa.Column("accepted_us", sa.BigInteger(), nullable=False),
        sa.Column("ended_us", sa.BigInteger()),
        sa.Column("state_code", sa.Integer()),
        sa.Column("fee", sa.Text(), nullable=False),
        sa.Column("record", sa.Text(), nullable=False),
        sa.Column("billed_minutes_a", sa.Integer(), nullable=False),
        sa.Column("billed_minutes_b", sa.Integer(), nullable=False),
        sa.Column("amount", sa.String(32), nullable=False),
        sa.ForeignKeyConstraint(
            ["session"], ["calls.session"], name=op.f("fk_cdrs_session"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("session", name=op.f("pk_cdrs")),
    )
    op.create_index(op.f("ix_cdrs_ended_us"), "cdrs", ["ended_us"])
    op.create_table(
        "events",
        sa.Column("session", sa.String(256), nullable=False),
        sa.Column("seq", sa.Integer(), nullable=False),
        sa.Column("kind", sa.String(16), nullable=False),
        sa.Column("at_us", sa.BigInteger(), nullable=False),
        sa.Column("payload", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(
            ["session"], ["calls.session"], name=op.f("fk_events_session"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("session", "seq", name=op.f("pk_events")),
    )


def downgrade() -> None:
    """There is nothing before the first schema: the tables go, with everything in them."""
    for table in (
        "events",
        "cdrs",
        "numbers",
        "calls",
        "voice_files",
        "templates",
        "operators",
        "applications",
        "tokens",
        "recordings",
        "outbox",
        "nonces",
        "idempotency",
        "audit",
        "accounts",
    ):
        op.drop_table(table)
