"""How an error looks: what is wrong, every problem, what to do next. Never a traceback."""

from __future__ import annotations

import sys

from fairlead_cli.render.console import note, paint
from fairlead_wire.errors import FairleadError


def error_text(error: FairleadError) -> str:
    lines = [f"{paint('Error:', 'red', sys.stderr)} {error.message}"]
    lines += [f"  {problem}" for problem in error.problems]
    if error.next_step:
        lines.append(f"  → {error.next_step}")
    return "\n".join(lines)


def show(error: FairleadError) -> None:
    note(error_text(error))


def show_wrong_call(message: str, command: str) -> None:
    note(error_text(FairleadError(message, f"See `{command} --help`.")))
