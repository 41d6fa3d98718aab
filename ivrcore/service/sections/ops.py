"""What operators look after: the database, logs and metrics."""

from enum import Enum

from pydantic import Field

from ivrcore.service.sections.base import Networks, Section

LEVELS = ("DEBUG", "INFO", "WARNING", "ERROR")


class LogFormat(Enum):
    """Of the log: one JSON object a line, or text for a terminal."""

    JSON = "json"
    TEXT = "text"


class StoreSettings(Section):
    """The database."""

    url: str = Field(
        default="",
        repr=False,
        pattern=r"^((sqlite|postgresql)(\+[a-z0-9]+)?://.*)?$",
        description="SQLAlchemy URL (postgresql+psycopg://user:password@host/name); "
        "empty: an SQLite file below data_dir.",
    )
    threads: int = Field(default=4, ge=1, le=64, description="Threads for database work.")


class OpsSettings(Section):
    """Logs and metrics."""

    log_level: str = Field(
        default="INFO",
        pattern=f"^({'|'.join(LEVELS)})$",
        description=f"Least level logged: {', '.join(LEVELS)}.",
    )
    log_format: LogFormat = Field(default=LogFormat.JSON, description="json (an object a line) or text.")
    metrics: bool = Field(default=True, description="Serve /metrics for Prometheus.")
    metrics_from: Networks = Field(
        default=("127.0.0.0/8", "::1/128"), description="Networks that may read /metrics."
    )
