"""Ctrl-P Ctrl-Q: the keys by which a person leaves a container's terminal while it goes on. Pure."""

from __future__ import annotations

KEYS = b"\x10\x11"


class DetachKeys:
    """Looks through what is typed. A Ctrl-P is held back until the next key tells what it meant."""

    def __init__(self) -> None:
        self._held = b""

    def feed(self, typed: bytes) -> tuple[bytes, bool]:
        """What of it goes on to the process, and whether both keys were typed; what follows them is dropped."""
        before, keys, _ = (self._held + typed).partition(KEYS)
        if keys:
            self._held = b""
            return before, True
        self._held = KEYS[:1] if before.endswith(KEYS[:1]) else b""
        return before.removesuffix(self._held), False
