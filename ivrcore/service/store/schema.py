"""The tables, for SQLite and PostgreSQL alike.

Moments are stored as UTC microseconds since 1970 (BIGINT): exact, ordered, and the same on both. Enums are
stored by value, JSON as text. Foreign keys are enforced on both (SQLite by a pragma).
"""

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Float,
    ForeignKey,
    Index,
    Integer,
    MetaData,
    String,
    Table,
    Text,
    UniqueConstraint,
)

metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s",
        "pk": "pk_%(table_name)s",
    }
)

_BIG = BigInteger().with_variant(Integer, "sqlite")  # SQLite counts an INTEGER PRIMARY KEY up by itself

accounts = Table(
    "accounts",
    metadata,
    Column("id", _BIG, primary_key=True),
    Column("name", String(64), nullable=False, unique=True),
    Column("sp_id", String(64), nullable=False, unique=True),
    Column("standing", String(16), nullable=False),
    Column("concurrency", Integer),
    Column("password", String(128), nullable=False, default=""),
)

applications = Table(
    "applications",
    metadata,
    Column("app_key", String(64), primary_key=True),
    Column("account_id", ForeignKey("accounts.id"), nullable=False, index=True),
    Column("secret", String(128), nullable=False),
    Column("name", String(64), nullable=False),
    # Names are unique in an account, whatever their case; folding can make three characters of one.
    Column("folded_name", String(192), nullable=False),
    Column("service", String(16), nullable=False),
    Column("standing", String(16), nullable=False),
    Column("recording", Boolean, nullable=False),
    Column("status_url", String(512), nullable=False, default=""),
    Column("fee_url", String(512), nullable=False, default=""),
    Column("concurrency", Integer, nullable=False),
    Column("calls_per_second", Float, nullable=False),
    Column("allowed_ips", Text, nullable=False, default="[]"),
    Column("created_us", BigInteger, nullable=False),
    UniqueConstraint("account_id", "folded_name"),
)

numbers = Table(
    "numbers",
    metadata,
    Column("number", String(32), primary_key=True),
    Column("account_id", ForeignKey("accounts.id"), nullable=False, index=True),
    Column("app_key", ForeignKey("applications.app_key"), index=True),
    Column("bind_number", String(32), nullable=False, default=""),
    Column("shared", Boolean, nullable=False),
    Column("state", String(16), nullable=False),
    Column("issued_us", BigInteger, nullable=False),
    Column("released_us", BigInteger),
)

voice_files = Table(
    "voice_files",
    metadata,
    Column("id", _BIG, primary_key=True),
    Column("account_id", ForeignKey("accounts.id"), nullable=False),
    Column("name", String(128), nullable=False),
    Column("sha256", String(64), nullable=False, index=True),
    Column("n_bytes", Integer, nullable=False),
    Column("duration_ms", Integer, nullable=False),
    Column("level_dbm0", Float, nullable=False),
    Column("peak_dbm0", Float, nullable=False),
    Column("state", String(16), nullable=False),
    Column("reason", String(512), nullable=False, default=""),
    Column("created_us", BigInteger, nullable=False),
    UniqueConstraint("account_id", "name"),
)

templates = Table(
    "templates",
    metadata,
    Column("id", String(32), primary_key=True),
    Column("account_id", ForeignKey("accounts.id"), nullable=False, index=True),
    Column("name", String(64), nullable=False, default=""),
    Column("content", Text, nullable=False),
    Column("language", String(8), nullable=False, default="zh"),
    Column("state", String(16), nullable=False),
    Column("reason", String(512), nullable=False, default=""),
    Column("created_us", BigInteger, nullable=False),
)

calls = Table(
    "calls",
    metadata,
    Column("session", String(256), primary_key=True),
    Column("app_key", ForeignKey("applications.app_key"), nullable=False),
    Column("account_id", ForeignKey("accounts.id"), nullable=False),
    Column("service", String(16), nullable=False),
    Column("accepted_us", BigInteger, nullable=False, index=True),
    Column("display_a", String(32), nullable=False),
    Column("a_number", String(256), nullable=False, index=True),
    Column("display_b", String(32), nullable=False, default=""),
    Column("b_number", String(256), nullable=False, default=""),
    Column("bind_number", String(32), nullable=False, default=""),
    Column("status_url", String(512), nullable=False, default=""),
    Column("fee_url", String(512), nullable=False, default=""),
    Column("user_data", String(256), nullable=False, default=""),
    Column("wants_party_type", Boolean, nullable=False),
    Column("record", Boolean, nullable=False),
    Column("recording_name", String(128), nullable=False, default=""),
    Column("request", Text, nullable=False),
    Column("worker", String(64), nullable=False, default=""),  # "" until a worker has taken it
    Column("ended_us", BigInteger),  # null while the call is open; set exactly once, with the CDR
    Index("ix_calls_open", "ended_us", "app_key"),
)

events = Table(
    "events",
    metadata,
    Column("session", ForeignKey("calls.session", ondelete="CASCADE"), primary_key=True),
    Column("seq", Integer, primary_key=True),
    Column("kind", String(16), nullable=False),
    Column("at_us", BigInteger, nullable=False),
    Column("payload", Text, nullable=False),
)

cdrs = Table(
    "cdrs",
    metadata,
    Column("session", ForeignKey("calls.session", ondelete="CASCADE"), primary_key=True),
    Column("app_key", String(64), nullable=False),
    Column("account_id", BigInteger, nullable=False),
    Column("service", String(16), nullable=False),
    Column("accepted_us", BigInteger, nullable=False),
    Column("ended_us", BigInteger, index=True),  # null while the row waits to be completed
    Column("state_code", Integer),
    Column("fee", Text, nullable=False, default="{}"),  # the FeeInfo as pushed
    Column("record", Text, nullable=False, default="{}"),  # CallRecord.as_json()
    Column("billed_minutes_a", Integer, nullable=False, default=0),
    Column("billed_minutes_b", Integer, nullable=False, default=0),
    Column("amount", String(32), nullable=False, default="0"),  # decimal text, in the configured currency
)

recordings = Table(
    "recordings",
    metadata,
    Column("name", String(128), primary_key=True),
    Column("session", String(256), nullable=False, index=True),
    Column("app_key", String(64), nullable=False, index=True),
    Column("path", Text, nullable=False),
    Column("n_bytes", BigInteger, nullable=False),
    Column("duration_s", Float, nullable=False),
    Column("created_us", BigInteger, nullable=False, index=True),
)

outbox = Table(
    "outbox",
    metadata,
    Column("id", _BIG, primary_key=True),
    Column("kind", String(8), nullable=False),
    Column("app_key", String(64), nullable=False),
    Column("session", String(256), nullable=False),
    Column("seq", Integer, nullable=False),
    Column("url", String(512), nullable=False),
    Column("body", Text, nullable=False),
    Column("created_us", BigInteger, nullable=False),
    Column("due_us", BigInteger, nullable=False),
    Column("attempts", Integer, nullable=False, default=0),
    Column("state", String(16), nullable=False),
    Column("group", String(64), nullable=False, default=""),
    Column("last_error", String(256), nullable=False, default=""),
    UniqueConstraint("kind", "session", "seq"),
    Index("ix_outbox_due", "state", "due_us"),
)

idempotency = Table(
    "idempotency",
    metadata,
    Column("app_key", String(64), primary_key=True),
    Column("key", String(128), primary_key=True),
    Column(
        "digest", String(64), nullable=False
    ),  # of path and body: the same key with another request is refused
    Column("status", Integer, nullable=False),
    Column("body", Text, nullable=False),
    Column("created_us", BigInteger, nullable=False, index=True),
)

nonces = Table(
    "nonces",
    metadata,
    Column("app_key", String(64), primary_key=True),
    Column("nonce", String(128), primary_key=True),
    Column("seen_us", BigInteger, nullable=False, index=True),
)

tokens = Table(
    "tokens",
    metadata,
    Column("token", String(64), primary_key=True),
    Column("refresh", String(64), nullable=False, unique=True),
    Column("app_key", String(64), nullable=False),
    Column("expires_us", BigInteger, nullable=False),
)

audit = Table(
    "audit",
    metadata,
    Column("id", _BIG, primary_key=True),
    Column("at_us", BigInteger, nullable=False, index=True),
    Column("who", String(64), nullable=False),
    Column("what", String(64), nullable=False),
    Column("target", String(256), nullable=False),
    Column("detail", Text, nullable=False, default="{}"),
)

operators = Table(
    "operators",
    metadata,
    Column("name", String(64), primary_key=True),
    Column("role", String(16), nullable=False),  # owner, operator, reviewer, reader
    Column("account_id", ForeignKey("accounts.id")),  # null: of the whole platform
    Column("key_hash", String(128), nullable=False),
    Column("created_us", BigInteger, nullable=False),
)
