"""What the service tells its operator: log lines on standard error, and whether it is alive and ready."""

import logging
import sys
from typing import Any

import structlog


def configure_logging(*, level: str, format: str) -> None:
    """Send all log lines, the libraries' too, through one formatter. Nothing here ever logs a message's content."""
    shared: list[Any] = [
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.format_exc_info,
    ]
    renderer = structlog.processors.JSONRenderer() if format == "json" else structlog.dev.ConsoleRenderer(colors=False)
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, renderer],
        )
    )
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level.upper())
    for noisy in ("alembic", "spyne"):
        logging.getLogger(noisy).setLevel(logging.WARNING)
