"""Logging: one line an event, for people or for machines; names of secrets never come with their values."""

from __future__ import annotations

import logging
import sys
from typing import Any

import structlog

from fairlead_controller.config import LogFormat

_SECRET_WORDS = ("secret", "token", "password", "passphrase", "private", "key")
_HARMLESS = frozenset({"token_id", "key_digest"})


def configure(form: LogFormat) -> None:
    """Sends structlog's and the standard library's records to standard error."""
    shared: list[Any] = [
        structlog.contextvars.merge_contextvars,
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper("iso", utc=True),
        redact,
    ]
    structlog.configure(
        processors=[*shared, *_renderers(form)],
        wrapper_class=structlog.make_filtering_bound_logger(logging.INFO),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
        cache_logger_on_first_use=True,
    )
    logging.basicConfig(level=logging.WARNING, stream=sys.stderr, format="%(levelname)s %(name)s: %(message)s")


def redact(_logger: object, _method: str, record: Any) -> Any:
    """Replaces values whose names say that they are secret."""
    for name in record:
        if name not in _HARMLESS and any(word in name.lower() for word in _SECRET_WORDS):
            record[name] = "…"
    return record


def _renderers(form: LogFormat) -> list[Any]:
    if form == "json":
        return [structlog.processors.format_exc_info, structlog.processors.JSONRenderer()]
    plain = structlog.dev.plain_traceback
    return [structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty(), exception_formatter=plain)]
