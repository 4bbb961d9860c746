"""Who listens in the host's network namespace, and which processes are a Kubernetes of somebody else's.

From /proc, as `ss` and `ps` have it (proc_net_tcp, proc_pid_fd(5)). Parsing is pure; `Processes` reads.
"""

from __future__ import annotations

import os
import re
import time
from collections.abc import Collection, Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address
from pathlib import Path

from fairlead_wire.inspection import Listener

PROC = Path("/proc")
MOST_LISTENERS = 2000
"""More are no listeners but clients' UDP ports: the message stays small."""
TCP_LISTENING, UDP_UNCONNECTED = "0A", "07"
FILES = {"tcp": ("tcp", TCP_LISTENING), "tcp6": ("tcp", TCP_LISTENING)} | {
    "udp": ("udp", UDP_UNCONNECTED),
    "udp6": ("udp", UDP_UNCONNECTED),
}
"""File in /proc/PID/net → protocol, state of a socket that takes what comes."""
KUBERNETES = re.compile(r"kubelet|kubelite|k3s(-server|-agent)?|rke2|k0s")
"""Names of processes that keep pods on a node: one of them is enough."""
_CONTAINER = re.compile(r"[0-9a-f]{64}")
_SOCKET = re.compile(r"socket:\[(\d+)\]")


@dataclass(frozen=True)
class Socket:
    """One line of /proc/PID/net/tcp and its kin."""

    protocol: str
    address: str
    port: int
    inode: int


@dataclass(frozen=True)
class Process:
    """`containers`: the identifiers of the containers that it is in, one in another."""

    pid: int
    name: str
    containers: frozenset[str] = frozenset()

    @property
    def words(self) -> str:
        return f"{self.name} (process {self.pid})"


def sockets(listed: str, protocol: str, state: str) -> Iterator[Socket]:
    """Those in that state."""
    for line in listed.splitlines()[1:]:
        fields = line.split()
        if len(fields) > 9 and fields[3] == state:
            address, _, port = fields[1].partition(":")
            yield Socket(protocol, address_of(address), int(port, 16), int(fields[9]))


def address_of(hexadecimal: str) -> str:
    """The address in the kernel's notation: 32-bit words in the processor's order, which is little endian here."""
    words = (bytes.fromhex(hexadecimal[start : start + 8])[::-1] for start in range(0, len(hexadecimal), 8))
    packed = b"".join(words)
    if len(packed) == 4:
        return str(IPv4Address(packed))
    address = IPv6Address(packed)
    return str(address.ipv4_mapped or address)


def containers_of(cgroup: str) -> frozenset[str]:
    """The containers in /proc/PID/cgroup, none for a process of the host itself."""
    return frozenset(_CONTAINER.findall(cgroup))


def listeners(found: Iterable[Socket], owners: Mapping[int, Process], ours: frozenset[str]) -> tuple[Listener, ...]:
    """Each address once. `ours`: identifiers of our containers."""
    seen: dict[tuple[str, str, int], Listener] = {}
    for each in found:
        owner = owners.get(each.inode)
        mine = owner is not None and bool(owner.containers & ours)
        listener = Listener(each.protocol, each.address, each.port, owner.words if owner else "", mine)
        seen.setdefault((each.protocol, each.address, each.port), listener)
    return tuple(sorted(seen.values(), key=lambda listener: listener.port)[:MOST_LISTENERS])


class Processes:
    """The processes that this PID namespace has; the host's is that of process `first`. Stops at `deadline`, a second
    of time.monotonic."""

    def __init__(self, deadline: float, proc: Path = PROC, first: str = "1") -> None:
        self._deadline, self._proc, self._first = deadline, proc, first

    def sockets(self) -> tuple[Socket, ...]:
        found: list[Socket] = []
        for name, (protocol, state) in FILES.items():
            with suppress(FileNotFoundError):  # no IPv6
                listed = (self._proc / self._first / "net" / name).read_text()
                found += sockets(listed, protocol, state)
        return tuple(found)

    def owners(self, inodes: Collection[int]) -> dict[int, Process]:
        """Socket → the first process that has it open. Raises TimeoutError."""
        found: dict[int, Process] = {}
        for folder in self._folders():
            for inode in self._open_sockets(folder):
                if inode in inodes and inode not in found:
                    found[inode] = self._process(folder)
        return found

    def kubernetes(self, ours: frozenset[str]) -> tuple[Process, ...]:
        """Those of another Kubernetes in the host's network namespace: one in a container of its own is no rival."""
        network = self._namespace(self._proc / self._first, "net")
        named = (folder for folder in self._folders() if KUBERNETES.fullmatch(self._text(folder / "comm").strip()))
        there = (self._process(folder) for folder in named if self._namespace(folder, "net") == network)
        return tuple(process for process in there if not process.containers & ours)

    def _folders(self) -> Iterator[Path]:
        with os.scandir(self._proc) as entries:
            names = [entry.name for entry in entries if entry.name.isdigit()]
        for name in names:
            if time.monotonic() > self._deadline:
                raise TimeoutError("there are too many processes to look at all of them in time")
            yield self._proc / name

    def _open_sockets(self, folder: Path) -> Iterator[int]:
        with suppress(OSError), os.scandir(folder / "fd") as handles:  # ended since
            for handle in handles:
                with suppress(OSError):
                    if match := _SOCKET.fullmatch(os.readlink(handle.path)):  # noqa: PTH115 - ten thousands of them
                        yield int(match[1])

    def _process(self, folder: Path) -> Process:
        name, cgroup = self._text(folder / "comm").strip(), self._text(folder / "cgroup")
        return Process(int(folder.name), name, containers_of(cgroup))

    def _namespace(self, folder: Path, kind: str) -> str:
        try:
            return str((folder / "ns" / kind).readlink())
        except OSError:
            return ""

    def _text(self, path: Path) -> str:
        try:
            return path.read_text(errors="replace")
        except OSError:
            return ""
