"""What controller and agents log as an error: expected where a fault explains it, a bug of ours otherwise."""

from __future__ import annotations

import logging
import traceback
from collections.abc import Iterator, MutableMapping
from contextlib import contextmanager
from typing import Any

import structlog

from fairlead_wire.errors import FairleadError


@contextmanager
def unexpected_errors() -> Iterator[list[str]]:
    """Nothing is printed inside; the sentences of errors that no fault explains are collected."""
    found: list[str] = []
    handler = _Handler(found)
    log = logging.getLogger("fairlead_agent")
    propagated, level = log.propagate, log.level
    log.addHandler(handler)
    log.propagate, log.level = False, logging.ERROR
    structlog.configure(
        processors=[lambda logger, name, event: _controller(found, event)],
        wrapper_class=structlog.make_filtering_bound_logger(logging.ERROR),
    )
    try:
        yield found
    finally:
        structlog.reset_defaults()
        log.removeHandler(handler)
        log.propagate, log.level = propagated, level


class _Handler(logging.Handler):
    def __init__(self, found: list[str]) -> None:
        super().__init__()
        self._found = found

    def emit(self, record: logging.LogRecord) -> None:
        error = record.exc_info[1] if record.exc_info else None
        self._found.append(f"an agent logged: {record.getMessage()}{_told(error)}")


def _controller(found: list[str], event: MutableMapping[str, Any]) -> str:
    error = event.get("exc_info")
    if error is True:
        import sys

        error = sys.exc_info()[1]
    if not isinstance(error, FairleadError):
        found.append(f"the controller logged: {event.get('event')}{_told(error)}")
    raise structlog.DropEvent


def _told(error: Any) -> str:
    return "\n" + "".join(traceback.format_exception(error)) if isinstance(error, BaseException) else ""
