"""What Docker tells while it pulls or builds: one JSON object a line, shown as Docker's own client shows it.

On a terminal the lines of layers are repainted in place; elsewhere each change of a layer is a line, without bars.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from fairlead_cli.docker.human import size

BAR_COLUMNS = 110
"""A terminal has to be wider than this for a bar."""
_LONGEST = 16 * 1024 * 1024

Message = Mapping[str, Any]


class Messages:
    """The objects of a stream of bytes, however it is cut into blocks. What is no object is left out."""

    def __init__(self) -> None:
        self._held = b""

    def feed(self, block: bytes) -> Iterator[Message]:
        *lines, self._held = (self._held + block).split(b"\n")
        self._held = self._held if len(self._held) <= _LONGEST else b""
        for line in lines:
            yield from _objects(line)

    def close(self) -> Iterator[Message]:
        """The last one, if no line's end follows it."""
        yield from _objects(self._held)
        self._held = b""


def _objects(line: bytes) -> Iterator[Message]:
    try:
        found = json.loads(line)
    except ValueError:
        return
    if isinstance(found, dict):
        yield found


class Screen:
    """Lines in the order in which they first came. `columns`: the terminal's width, 0 where there is none.

    Several nodes share one: a line is told apart by node and layer.
    """

    def __init__(self, write: Callable[[str], None], columns: int = 0) -> None:
        self._write, self._columns = write, columns
        self._places: dict[tuple[str, str], int] = {}
        self._begun: dict[str, str] = {}

    def show(self, message: Message, prefix: str = "") -> None:
        """`prefix` goes before the line, and tells nodes apart."""
        if "stream" in message:
            self._stream(str(message["stream"]), prefix)
        elif "status" in message:
            self._status(message, prefix)

    def close(self, prefix: str) -> None:
        """No more comes after this prefix: shows the line that was begun."""
        if begun := self._begun.pop(prefix, ""):
            self._plain(f"{prefix}{begun}\n")

    def _stream(self, text: str, prefix: str) -> None:
        """With a prefix only whole lines, for those of several nodes must not mix."""
        if not prefix:
            self._plain(text)
            return
        *lines, self._begun[prefix] = (self._begun.get(prefix, "") + text).split("\n")
        if lines:
            self._plain("".join(f"{prefix}{line}\n" for line in lines))

    def _status(self, message: Message, prefix: str) -> None:
        bar = progress_bar(message.get("progressDetail") or {}, self._columns)
        if bar and not self._columns:
            return
        layer = str(message.get("id") or "")
        text = f"{prefix}{f'{layer}: ' if layer else ''}{message['status']}{f' {bar}' if bar else ''}"
        if self._columns and layer and "progressDetail" in message:
            self._repaint((prefix, layer), text)
        else:
            self._plain(f"{text}\n")

    def _repaint(self, key: tuple[str, str], text: str) -> None:
        if key not in self._places:
            self._places[key] = len(self._places)
            self._write(f"{text[: self._columns]}\n")
            return
        up = len(self._places) - self._places[key]
        # Cursor up, erase the line, write it, and down again.
        self._write(f"\x1b[{up}A\r\x1b[2K{text[: self._columns]}\r\x1b[{up}B")

    def _plain(self, text: str) -> None:
        self._places.clear()
        self._write(text)


def progress_bar(detail: Mapping[str, Any], columns: int) -> str:
    """ "[====>      ]  1.2MB/3.4MB", without the brackets on a narrow terminal; empty if there is nothing to tell."""
    current, total = detail.get("current") or 0, detail.get("total") or 0
    if current <= 0 and total <= 0:
        return ""
    if total <= 0:
        return f"{size(current):>8}"
    done = min(int(current / total * 100) // 2, 50)
    bar = f"[{'=' * done}>{' ' * (50 - done)}] " if columns > BAR_COLUMNS else ""
    return f"{bar}{size(current):>8}" + (f"/{size(total)}" if current <= total else "")
