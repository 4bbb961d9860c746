"""Snapshots of this node's etcd: made and verified by the tools in its own image, kept beside its data.

A snapshot is NAME.db with NAME.json, which says what `etcdutl` found in it and the file's digest. The .json is written
first and goes last, so that an end in between leaves no file of gibibytes that nobody lists. A .db alone is none, since
nobody verified it. They are no part of any ledger or footprint: they stay when the cluster goes.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import os
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict
from pathlib import Path
from typing import Any

from fairlead_agent import durable
from fairlead_agent.config import ETCD_AUTHORITY, ETCD_CERTIFICATE, ETCD_DIRECTORY, ETCD_ENDPOINT
from fairlead_agent.effects import HostFailure
from fairlead_agent.files import sync_directory
from fairlead_agent.host_paths import HostPaths
from fairlead_agent.runtime.port import Container, ContainerStatus, Runtime, RuntimeFailure
from fairlead_wire.snapshots import Snapshot, cluster_of
from fairlead_wire.task import container_name

ETCD = "etcd"
FOLDER = f"{ETCD_DIRECTORY}/snapshots"
SAVE_SECONDS = 480.0
"""etcd's database has at most 8 GiB; at 20 MiB/s that takes seven minutes."""
VERIFY_SECONDS = 90.0
_TOOLS = "/usr/local/bin"


class EtcdSnapshots:
    """`wall` gives seconds since 1970."""

    def __init__(self, runtime: Runtime, paths: HostPaths, wall: Callable[[], float]) -> None:
        self._runtime, self._paths, self._wall = runtime, paths, wall
        self._making = asyncio.Lock()

    async def create(self, name: str, keep: int) -> Snapshot:
        """Saves, verifies, keeps the `keep` newest of the cluster. Raises HostFailure, RuntimeFailure."""
        if not cluster_of(name):
            raise HostFailure(f"{name[:80]!r} can't be the name of a snapshot")
        async with self._making:
            etcd, partial = await self._etcd(), f".{name}.partial"
            with _told():
                await asyncio.to_thread(self._make_folder)
                try:
                    await self._save(etcd, partial)
                    found = await self._verified(etcd, partial)
                    made = await asyncio.to_thread(self._keep, name, partial, found)
                finally:
                    await asyncio.to_thread((self._folder / partial).unlink, missing_ok=True)
                await asyncio.to_thread(self._prune, made, max(1, keep))
        return made

    async def all(self) -> tuple[Snapshot, ...]:
        """Newest first. Raises HostFailure."""
        with _told():
            return await asyncio.to_thread(self._all)

    async def open(self, name: str) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        """Its bytes. Raises HostFailure if there is none of that name."""
        if name not in {made.name for made in await self.all()}:
            raise HostFailure(f"there is no snapshot {name[:80]!r} on this node")
        with _told():
            return await _stream(self._folder / f"{name}.db")

    @property
    def _folder(self) -> Path:
        return self._paths.followed(FOLDER)

    async def _etcd(self) -> Container:
        name = container_name(ETCD)
        found = [each for each in await self._runtime.containers() if each.name == name]
        if not found or found[0].status is not ContainerStatus.RUNNING:
            raise HostFailure("etcd does not run on this node; look with `fairlead cluster show` where it does")
        return found[0]

    def _make_folder(self) -> None:
        self._folder.mkdir(mode=0o700, exist_ok=True)
        for left in self._folder.glob(".*.partial*"):
            left.unlink(missing_ok=True)
        for description in self._folder.glob("*.json"):
            if cluster_of(description.stem) and not description.with_suffix(".db").exists():
                description.unlink(missing_ok=True)

    async def _save(self, etcd: Container, partial: str) -> None:
        options = (
            f"--endpoints={ETCD_ENDPOINT}",
            f"--cacert={ETCD_AUTHORITY}",
            f"--cert={ETCD_CERTIFICATE}",
            f"--key={ETCD_CERTIFICATE.removesuffix('.crt')}.key",
        )
        argv = (f"{_TOOLS}/etcdctl", *options, "snapshot", "save", f"{FOLDER}/{partial}")
        code, output = await self._runtime.run_inside(etcd.id, argv, SAVE_SECONDS)
        if code != 0:
            raise HostFailure(f"etcd gave no snapshot: {_last_line(output) or f'exit code {code}'}")

    async def _verified(self, etcd: Container, partial: str) -> dict[str, Any]:
        argv = (f"{_TOOLS}/etcdutl", "snapshot", "status", f"{FOLDER}/{partial}", "-w", "json")
        code, output = await self._runtime.run_inside(etcd.id, argv, VERIFY_SECONDS)
        found = _status(output) if code == 0 else None
        if found is None:
            raise HostFailure(f"the snapshot can't be read again: {_last_line(output) or f'exit code {code}'}")
        return found

    def _keep(self, name: str, partial: str, found: dict[str, Any]) -> Snapshot:
        """It is one once it has its name."""
        place = self._folder / partial
        digest, size = _flushed_digest(place)
        made = Snapshot(
            name,
            digest,
            int(found["hash"]),
            int(found["revision"]),
            int(found["totalKey"]),
            size,
            int(self._wall() * 1000),
            str(found.get("version", "")),
        )
        durable.write(self._folder / f"{name}.json", json.dumps(asdict(made), sort_keys=True).encode())
        place.rename(self._folder / f"{name}.db")
        sync_directory(self._folder)
        return made

    def _all(self) -> tuple[Snapshot, ...]:
        found = [made for path in self._folder.glob("*.json") if (made := _described(path)) is not None]
        return tuple(sorted(found, key=lambda made: (made.created_ms, made.name), reverse=True))

    def _prune(self, newest: Snapshot, keep: int) -> None:
        """All but the newest one and those next to it. The clock may have been ahead when others were made."""
        others = [made for made in self._all() if made.name != newest.name]
        for old in [made for made in others if cluster_of(made.name) == cluster_of(newest.name)][keep - 1 :]:
            durable.remove(self._folder / f"{old.name}.db")
            durable.remove(self._folder / f"{old.name}.json")


def _described(path: Path) -> Snapshot | None:
    """None for what is no description of a snapshot that is there."""
    try:
        made = Snapshot(**json.loads(path.read_bytes()))
    except (OSError, ValueError, TypeError):
        return None
    there = made.name == path.stem and cluster_of(made.name) and path.with_suffix(".db").is_file()
    return made if there else None


def _status(output: str) -> dict[str, Any] | None:
    """The line of `etcdutl snapshot status -w json`; its log may stand around it."""
    for line in reversed(output.splitlines()):
        with suppress(ValueError):
            found = json.loads(line)
            if isinstance(found, dict) and {"hash", "revision", "totalKey"} <= found.keys():
                return found
    return None


def _last_line(output: str) -> str:
    lines = [line.strip() for line in output.splitlines() if line.strip()]
    return lines[-1][:500] if lines else ""


def _flushed_digest(path: Path) -> tuple[str, int]:
    """SHA-256 of the file, which is on the disk afterwards, and its size."""
    with path.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
        os.fsync(file.fileno())
        return digest, os.fstat(file.fileno()).st_size


async def _stream(path: Path) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    """The file through a pair of sockets, which gives back-pressure; its thread ends with either of them."""
    here, there = socket.socketpair()
    file = path.open("rb")

    def send() -> None:
        with file, there, suppress(OSError):
            there.sendfile(file)

    threading.Thread(target=send, name="snapshot", daemon=True).start()
    return await asyncio.open_connection(sock=here)


@contextmanager
def _told() -> Iterator[None]:
    try:
        yield
    except RuntimeFailure as failure:
        raise HostFailure(str(failure)) from None
    except OSError as failure:
        raise HostFailure(f"{failure.filename or FOLDER}: {failure.strerror}; make room on that disk") from None
