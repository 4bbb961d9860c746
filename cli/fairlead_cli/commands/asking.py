"""Questions to the person at the terminal."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

import typer

T = TypeVar("T")


def asked(ask: Callable[[], T], unanswered: T) -> T:
    """What `ask` gives; `unanswered` where the input has ended. Ctrl-C stays Ctrl-C: typer takes both for one."""
    try:
        return ask()
    except typer.Abort as abort:
        if isinstance(abort.__context__, KeyboardInterrupt):
            raise KeyboardInterrupt from None
        return unanswered
