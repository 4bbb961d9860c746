"""What happened in a schedule, line by line, without anything that differs between two runs of the same seed."""

from __future__ import annotations

import asyncio
import hashlib
import re

_DIGEST = re.compile(r"\b[0-9a-f]{64}\b")


class Story:
    """Digests get numbers in the order in which they appear, since keys, and all that is made of them, are random."""

    def __init__(self) -> None:
        self.lines: list[str] = []
        self._names: dict[str, str] = {}
        self._hash = hashlib.sha256()

    def tell(self, who: str, what: str) -> None:
        moment = asyncio.get_running_loop().time()
        line = f"{moment:10.3f}  {who:<12} {_DIGEST.sub(self._name, what)}"
        self.lines.append(line)
        self._hash.update(f"{line}\n".encode())

    @property
    def digest(self) -> str:
        """Equal for two runs if they went the same way."""
        return self._hash.hexdigest()[:16]

    def _name(self, found: re.Match[str]) -> str:
        return self._names.setdefault(found[0], f"#{len(self._names) + 1}")
