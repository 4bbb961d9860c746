"""What the agent changed on its host, and what was there before: written down, on disk, before each change.

STATE/ledger/CLUSTER/entries    one JSON object a line; only the first entry of a path counts
STATE/ledger/CLUSTER/saved/N    the content of a file that was there before, 0600
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from enum import StrEnum
from pathlib import Path

from fairlead_agent.effects import HostFailure
from fairlead_agent.files import append_line, replace_file, sync_directory

_NAME = frozenset("abcdefghijklmnopqrstuvwxyz0123456789-.")


class Kind(StrEnum):
    FILE = "file"
    DIRECTORY = "directory"
    MOUNT = "mount"


@dataclass(frozen=True)
class Entry:
    """`saved` is the name of the saved content, "" if there was no file before; `link` the target if it was a link."""

    kind: Kind
    path: str
    saved: str = ""
    mode: int = 0
    uid: int = 0
    gid: int = 0
    link: str = ""

    @property
    def identity(self) -> tuple[Kind, str]:
        return (self.kind, self.path)


class Ledger:
    """The ledger of one cluster. Every method is synchronous and short."""

    def __init__(self, state: Path, cluster: str) -> None:
        if not cluster or not _NAME.issuperset(cluster) or cluster.startswith("."):
            raise HostFailure(f"{cluster!r} is not the name of a cluster")
        self._folder = state / "ledger" / cluster
        self._entries = self._folder / "entries"
        self._known = {entry.identity for entry in self.entries()}
        self._collected: list[Entry] | None = None

    def entries(self) -> tuple[Entry, ...]:
        """The first entry of each path, in the order in which they were made. A torn last line never took effect."""
        try:
            lines = self._entries.read_text().splitlines()
        except FileNotFoundError:
            return ()
        found: dict[tuple[Kind, str], Entry] = {}
        for line in lines:
            entry = _parsed(line)
            if entry is not None:
                found.setdefault(entry.identity, entry)
        return tuple(found.values())

    @contextmanager
    def together(self) -> Iterator[None]:
        """What is entered within is on disk at the end, at once."""
        self._collected = []
        try:
            yield
            self._append(*self._collected)
        finally:
            self._collected = None

    def directory(self, path: str) -> None:
        """Before a directory is made that is not there."""
        self._enter(Entry(Kind.DIRECTORY, path))

    def mount(self, path: str) -> None:
        """Before something is mounted at `path`."""
        self._enter(Entry(Kind.MOUNT, path))

    def file(self, path: str, found: Path) -> None:
        """Before the file `path`, which is at `found`, is written for the first time."""
        if (Kind.FILE, path) in self._known:
            return
        try:
            status = os.lstat(found)
        except (FileNotFoundError, NotADirectoryError):
            self._enter(Entry(Kind.FILE, path))
            return
        if stat.S_ISLNK(status.st_mode):
            self._enter(Entry(Kind.FILE, path, link=str(found.readlink())))
        elif stat.S_ISREG(status.st_mode):
            self._enter(self._kept(path, found, status))
        else:
            raise HostFailure(f"{path} is there and is not a file; move it away, then this is tried again")

    def saved(self, entry: Entry) -> bytes:
        return (self._folder / "saved" / entry.saved).read_bytes()

    def forget(self) -> None:
        """All is undone."""
        if self._folder.exists():
            # First: without what it had saved, an entry that is still there could not be undone again.
            self._entries.unlink(missing_ok=True)
            sync_directory(self._folder)
            shutil.rmtree(self._folder)
            sync_directory(self._folder.parent)
        self._known.clear()

    def _kept(self, path: str, found: Path, status: os.stat_result) -> Entry:
        name = hashlib.sha256(path.encode()).hexdigest()[:32]
        folder = self._folder / "saved"
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        replace_file(folder / name, found.read_bytes(), 0o600)
        return Entry(Kind.FILE, path, name, stat.S_IMODE(status.st_mode), status.st_uid, status.st_gid)

    def _enter(self, entry: Entry) -> None:
        if self._collected is not None:
            self._collected.append(entry)
        else:
            self._append(entry)

    def _append(self, *entries: Entry) -> None:
        new = {entry.identity: entry for entry in entries if entry.identity not in self._known}
        if not new:
            return
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._end_torn_line()
        append_line(self._entries, "\n".join(json.dumps(asdict(entry), sort_keys=True) for entry in new.values()))
        self._known |= new.keys()

    def _end_torn_line(self) -> None:
        """A line that the power cut short must not take the next one with it."""
        if self._entries.exists() and not self._entries.read_bytes().endswith(b"\n"):
            append_line(self._entries, "")


def _parsed(line: str) -> Entry | None:
    try:
        held = json.loads(line)
        return Entry(**{**held, "kind": Kind(held["kind"])})
    except (ValueError, TypeError, KeyError):
        return None


def clusters(state: Path) -> tuple[str, ...]:
    """The clusters, and what else, that have a ledger here."""
    folder = state / "ledger"
    return tuple(sorted(entry.name for entry in folder.iterdir())) if folder.is_dir() else ()
