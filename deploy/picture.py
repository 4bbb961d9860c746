"""Takes the README's picture: runs a command in a real terminal (tmux) and saves what the screen shows as SVG.

    python deploy/picture.py docs/lab.svg 'make lab'

Needs tmux. The picture is what the program drew, colours included; nothing is added.
"""

from __future__ import annotations

import io
import subprocess
import sys
import uuid

from rich.console import Console
from rich.text import Text

COLUMNS, ROWS = 100, 60
DEADLINE_SECONDS = 3600


def main(target: str, command: str) -> None:
    session, ended = f"picture-{uuid.uuid4().hex[:8]}", f"ended-{uuid.uuid4().hex[:8]}"
    # The marker wakes `wait-for`; the shell then stays, so that the screen can be read.
    shown = f"clear; echo '$ {command}'; {command}; tmux wait-for -S {ended}; exec cat"
    tmux("new-session", "-d", "-s", session, "-x", str(COLUMNS), "-y", str(ROWS), f"sh -c {quoted(shown)}")
    try:
        tmux("wait-for", ended, timeout=DEADLINE_SECONDS)
        screen = tmux("capture-pane", "-e", "-p", "-S", "-", "-t", session)
    finally:
        tmux("kill-session", "-t", session)
    console = Console(record=True, width=COLUMNS, file=io.StringIO(), force_terminal=True)
    console.print(Text.from_ansi(screen.rstrip()))
    console.save_svg(target, title=command)


def tmux(*arguments: str, timeout: float = 10) -> str:
    """What tmux answers; raises CalledProcessError or TimeoutExpired."""
    answer = subprocess.run(["tmux", *arguments], check=True, text=True, capture_output=True, timeout=timeout)
    return answer.stdout


def quoted(text: str) -> str:
    return "'" + text.replace("'", "'\\''") + "'"


if __name__ == "__main__":
    main(*sys.argv[1:])
