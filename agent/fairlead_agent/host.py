"""The server itself: see `effects.Host`. What changes it is ledgered first, so that it can be undone exactly."""

from __future__ import annotations

import asyncio
import errno
import secrets
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TypeVar

from fairlead_agent import disk_failures
from fairlead_agent.edits import Edits
from fairlead_agent.effects import HostFailure
from fairlead_agent.facts import FactsReader
from fairlead_agent.files import digest_of, mode_of, replace_file, sync_directory
from fairlead_agent.footprint import FootprintCleaner
from fairlead_agent.host_paths import HostPaths, below
from fairlead_agent.ledger import Entry, Kind, Ledger, clusters
from fairlead_agent.mounts import HostMounts
from fairlead_agent.removal import remove_file
from fairlead_agent.runtime.port import Runtime
from fairlead_agent.writes import Wish, Writes
from fairlead_wire.assignment import CertificateSpec, FileSpec
from fairlead_wire.facts import Facts
from fairlead_wire.task import Footprint

STATE = Path("/var/lib/fairlead")
BOOT_MARKER = "/run/fairlead/boot"
PROPAGATION = "rshared"
CERTIFICATE_MODE, KEY_MODE = 0o644, 0o600

Result = TypeVar("Result")


class LinuxHost:
    """`paths` says where the host's `/` is, `mounts` whose mount namespace is the host's, `state` where ledgers are.

    `guard` gives "" or the sentence why a path may not be removed; `prefix` enters the host's network namespace, if the
    agent is not in it already.
    """

    def __init__(
        self,
        facts: FactsReader,
        guard: Callable[[str], str],
        paths: HostPaths | None = None,
        mounts: HostMounts | None = None,
        state: Path = STATE,
        prefix: tuple[str, ...] = (),
        random_mark: Callable[[], str] = lambda: secrets.token_hex(8),
    ) -> None:
        self._facts = facts
        self._paths = paths or HostPaths()
        self._mounts = mounts or HostMounts()
        self._state, self._random_mark = state, random_mark
        self._cleaner = FootprintCleaner(self._paths, self._mounts, guard, prefix)
        self._ledgers: dict[str, Ledger] = {}
        self._changing = asyncio.Lock()
        self._edits = Edits()
        self._writes = Writes(self._paths, self._edits, self._changing, self._ledger)

    async def facts(self, runtime: Runtime) -> Facts:
        return await self._facts.read(runtime)

    def boot_id(self) -> str:
        """The marker in /run is new whenever /run is: also in a container, where the kernel's id stays the same."""
        marker = self._paths.at(BOOT_MARKER)
        with _told(BOOT_MARKER):
            if not marker.exists():
                marker.parent.mkdir(mode=0o755, parents=True, exist_ok=True)
                replace_file(marker, self._random_mark().encode(), 0o644)
            kernel = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
            return f"{kernel}/{marker.read_text().strip()}"

    async def make_directory(self, spec: str, cluster: str) -> None:
        path, _, propagation = spec.partition(":")
        if propagation not in ("", PROPAGATION):
            raise HostFailure(f"{spec!r} asks for {propagation!r}; only {PROPAGATION} is known")
        async with self._changing:
            await self._changed(
                path, lambda ledger: self._make_directories(self._paths.canonical(path), ledger), cluster
            )
            if propagation:
                await self._share(self._paths.canonical(path), cluster)

    async def changes(self) -> AsyncIterator[str]:
        """See `effects.ChangeSource`. Without inotify there are none, and the slow resync finds what changed."""
        with suppress(OSError):
            async for path in self._edits.changes():
                yield path

    async def file_digest(self, path: str) -> str:
        place = self._paths.at(path)
        self._edits.watch(place, path)
        return await self._read(path, lambda: digest_of(self._paths.followed(path)))

    async def file_mode(self, path: str) -> int:
        return await self._read(path, lambda: mode_of(self._paths.followed(path)))

    async def read_file(self, path: str) -> bytes:
        return await self._read(path, lambda: self._paths.followed(path).read_bytes())

    async def write_file(self, file: FileSpec, cluster: str) -> None:
        await self._written(Wish(file.path, file.content, file.mode, cluster))

    async def write_key_and_certificate(
        self, spec: CertificateSpec, key_pem: bytes, certificate_pem: bytes, cluster: str
    ) -> None:
        key = Wish(spec.key_path, key_pem, KEY_MODE, cluster)
        await self._written(key, Wish(spec.path, certificate_pem, CERTIFICATE_MODE, cluster))

    async def clean_footprint(self, footprint: Footprint, destroy_data: bool, runtime: Runtime) -> tuple[str, ...]:
        with _told("the footprint"):
            return await self._cleaner.clean(footprint, destroy_data, runtime)

    async def ledgers(self) -> tuple[str, ...]:
        return await self._read("/", lambda: clusters(self._state))

    async def undo_ledger(self, cluster: str) -> tuple[str, ...]:
        """Files, then mounts, then directories, the last made first. Undone twice is undone once."""
        async with self._changing:
            ledger = self._ledger(cluster)
            entries = ledger.entries()
            for entry in (entry for entry in entries if entry.kind is Kind.FILE):
                await self._read(entry.path, lambda entry=entry: self._restore(entry, ledger))  # type: ignore[misc]
            mounted = sorted((entry.path for entry in entries if entry.kind is Kind.MOUNT), key=len, reverse=True)
            for path in mounted:
                await self._unshare(path)
            made = sorted((entry.path for entry in entries if entry.kind is Kind.DIRECTORY), key=len, reverse=True)
            stays = await self._read("/", lambda: self._remove_made(made))
            await self._read("/", ledger.forget)
            return stays

    def _ledger(self, cluster: str) -> Ledger:
        if cluster not in self._ledgers:
            self._ledgers[cluster] = Ledger(self._state, cluster)
        return self._ledgers[cluster]

    async def _read(self, path: str, what: Callable[[], Result]) -> Result:
        """Disks may be slow: never on the event loop."""
        with _told(path):
            return await asyncio.to_thread(what)

    async def _written(self, *wishes: Wish) -> None:
        with _told(wishes[0].path):
            await self._writes.write(wishes)

    async def _changed(self, path: str, what: Callable[[Ledger], None], cluster: str) -> None:
        await self._read(path, lambda: what(self._ledger(cluster)))

    def _make_directories(self, path: str, ledger: Ledger) -> None:
        """Each missing part is ledgered before it is made."""
        here = Path(f"{self._paths.root}{path}")
        missing = [part for part in (here, *here.parents) if not part.exists()]
        for part in reversed(missing):
            ledger.directory(str(part)[len(self._paths.root) :])
            part.mkdir(mode=0o755)
            sync_directory(part.parent)
        if not here.is_dir():
            raise HostFailure(f"{path} is there and is not a directory; move it away, then this is tried again")

    async def _share(self, path: str, cluster: str) -> None:
        if not self._mounts.is_shared(path):
            await self._changed(path, lambda ledger: ledger.mount(path), cluster)
            await self._mounts.share(path)

    async def _unshare(self, path: str) -> None:
        if self._mounts.is_mounted(path):
            await self._mounts.unmount_below(path)
            await self._mounts.unmount(path)

    def _restore(self, entry: Entry, ledger: Ledger) -> None:
        place = self._paths.at(entry.path)
        if entry.saved:
            place.parent.mkdir(parents=True, exist_ok=True)
            replace_file(place, ledger.saved(entry), entry.mode, (entry.uid, entry.gid))
        elif entry.link:
            remove_file(place)
            place.parent.mkdir(parents=True, exist_ok=True)
            place.symlink_to(entry.link)
        else:
            remove_file(place)

    def _remove_made(self, made: list[str]) -> tuple[str, ...]:
        """Directories that we made and that are empty again; a sentence for each uppermost one that is not."""
        kept: list[str] = []
        for path in made:
            try:
                self._paths.at(path).rmdir()
            except (FileNotFoundError, NotADirectoryError):
                continue
            except OSError as failure:
                if failure.errno not in (errno.ENOTEMPTY, errno.EBUSY):
                    raise
                kept = [other for other in kept if not below(other, path)] + [path]
        return tuple(f"{path} stays: there are files in it that Fairlead did not write." for path in sorted(kept))


@contextmanager
def _told(path: str) -> Iterator[None]:
    """A failure of the file system as a sentence that says what to do."""
    try:
        yield
    except FileNotFoundError as failure:
        raise HostFailure(f"{failure.filename or path} is not there") from None
    except OSError as failure:
        raise HostFailure(disk_failures.sentence(failure, path)) from None
