"""Writing of files together: whoever comes while others are being written goes with the next ones.

What costs is waiting for the disk. Sixty files, each written, ledgered and made durable by itself, are some two hundred
waits; together they are a few: one for all entries of the ledger, one for each file whose content is on its way by
then, one for each directory.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from fairlead_agent.edits import Edits
from fairlead_agent.effects import HostFailure
from fairlead_agent.files import Draft, replace_files, sync_directory
from fairlead_agent.host_paths import HostPaths
from fairlead_agent.ledger import Ledger
from fairlead_wire.cancelling import to_the_end

Error = OSError | HostFailure


@dataclass(eq=False)
class Wish:
    """One file to be written for a cluster. `error`: why it could not be, once it was tried."""

    path: str
    content: bytes
    mode: int
    cluster: str
    tried: bool = False
    error: Error | None = None


class Writes:
    """`changing` is held while the host is changed; `ledger` gives that of a cluster."""

    def __init__(self, paths: HostPaths, edits: Edits, changing: asyncio.Lock, ledger: Callable[[str], Ledger]) -> None:
        self._paths, self._edits, self._changing, self._ledger = paths, edits, changing, ledger
        self._queue: list[Wish] = []

    async def write(self, wishes: Sequence[Wish]) -> None:
        """Durable when this returns, in this order among themselves. Raises the first error, OSError or HostFailure."""
        for wish in wishes:
            self._paths.at(wish.path)
        self._queue += wishes
        try:
            async with self._changing:
                if not all(wish.tried for wish in wishes):
                    await self._write_queued()
        finally:
            self._queue = [wish for wish in self._queue if wish not in wishes]
        for error in (wish.error for wish in wishes if wish.error is not None):
            raise error

    async def _write_queued(self) -> None:
        """All that is asked for by now. Whoever is cancelled in here leaves them to the next one, who writes them."""
        await asyncio.sleep(0)  # those that were asked for in the same breath come along
        batch = [wish for wish in self._queue if not wish.tried]
        with ExitStack() as writing:
            for wish in batch:
                writing.enter_context(self._edits.writing(self._paths.at(wish.path), wish.path))
            # Also for who has no time left: a second thread in the same ledger would lose what this one enters.
            await to_the_end(asyncio.to_thread(self._write, batch))
        for wish in batch:
            wish.tried = True

    def _write(self, batch: Iterable[Wish]) -> None:
        by_cluster: dict[str, list[Wish]] = {}
        for wish in batch:
            by_cluster.setdefault(wish.cluster, []).append(wish)
        for cluster, wishes in by_cluster.items():
            try:
                self._write_for(self._ledger(cluster), wishes)
            except (OSError, HostFailure) as error:
                for wish in wishes:
                    wish.error = wish.error or error

    def _write_for(self, ledger: Ledger, wishes: Sequence[Wish]) -> None:
        """The ledger first, then directories, then the files: at each instant what was done can be undone."""
        places = {wish.path: self._paths.at(wish.path) for wish in wishes}
        missing = _missing(place.parent for place in places.values())
        with ledger.together():
            for part in missing:
                ledger.directory(str(part)[len(self._paths.root) :])
            good = [wish for wish in wishes if _noted(ledger, wish, places[wish.path])]
        for part in missing:
            part.mkdir(mode=0o755)
        for parent in dict.fromkeys(part.parent for part in missing):
            sync_directory(parent)
        errors = replace_files([Draft(places[wish.path], wish.content, wish.mode) for wish in good])
        for wish, error in zip(good, errors, strict=True):
            wish.error = error


def _noted(ledger: Ledger, wish: Wish, place: Path) -> bool:
    try:
        ledger.file(wish.path, place)
    except (OSError, HostFailure) as error:
        wish.error = error
    return wish.error is None


def _missing(folders: Iterable[Path]) -> list[Path]:
    """Directories that are to be made, each after the one that it lies in."""
    found = {part for folder in folders for part in (folder, *folder.parents) if not part.exists()}
    return sorted(found, key=lambda part: len(part.parts))
