"""What the agent tells of its host: see `fairlead_wire.facts`. Parsing is pure; `FactsReader` reads."""

from __future__ import annotations

import asyncio
import ipaddress
import os
import socket
from pathlib import Path

from fairlead_agent.host_paths import HostPaths
from fairlead_agent.mounts import HostMounts, covering
from fairlead_agent.runtime.port import EngineInfo, Runtime, RuntimeFailure
from fairlead_wire.facts import Facts, version_tuple

NFTABLES_KERNEL = (5, 13)
"""kube-proxy's nftables mode asks for it (its README, "kernel 5.13 or later")."""
RESOLVED = "/run/systemd/resolve/resolv.conf"
"""Where systemd-resolved lists the real resolvers, beside its stub at 127.0.0.53."""
CONNTRACK = Path("/proc/sys/net/netfilter/nf_conntrack_max")
ELSEWHERE = "192.0.2.1"
"""An address of nobody (RFC 5737): the way to it is the default route. Nothing is sent."""
_ARCHITECTURES = {"x86_64": "amd64", "aarch64": "arm64"}
_LOOKUP_SECONDS = 5.0


class FactsReader:
    """`controller` is the host name or address of the controller: the node's address is the one that is used towards
    it, unless `address` is given."""

    def __init__(
        self,
        controller: str,
        agent_version: str,
        address: str = "",
        paths: HostPaths | None = None,
        mounts: HostMounts | None = None,
    ) -> None:
        self._controller, self._agent_version, self._address = controller, agent_version, address
        self._paths, self._mounts = paths or HostPaths(), mounts or HostMounts()

    async def read(self, runtime: Runtime) -> Facts:
        """With Docker away or failing, its part is empty."""
        try:
            engine = await runtime.engine()
        except RuntimeFailure:
            engine = EngineInfo("", "", "/var/lib/docker", "cgroupfs", 0, False)
        address = self._address or await source_address(self._controller)
        return await asyncio.to_thread(self._facts, engine, address)

    def _facts(self, engine: EngineInfo, address: str) -> Facts:
        system = os.uname()
        return Facts(
            hostname=system.nodename,
            machine_id=self._text("/etc/machine-id").strip(),
            os=pretty_name(self._text("/etc/os-release")),
            kernel=system.release,
            architecture=_ARCHITECTURES.get(system.machine, system.machine),
            cpus=os.cpu_count() or 0,
            memory_bytes=memory_bytes(Path("/proc/meminfo").read_text()),
            docker_version=engine.version,
            docker_api=engine.api_version,
            docker_root=engine.root,
            cgroup_driver=engine.cgroup_driver,
            cgroup_version=self._cgroup_version(),
            live_restore=engine.live_restore,
            address=address,
            agent_version=self._agent_version,
            resolv_conf=self._resolv_conf(),
            conntrack_writable=writable(CONNTRACK),
            nftables=version_tuple(system.release) >= NFTABLES_KERNEL,
        )

    def _text(self, path: str) -> str:
        try:
            return self._paths.followed(path).read_text(errors="replace")
        except OSError:
            return ""

    def _cgroup_version(self) -> int:
        """2 only if the whole of /sys/fs/cgroup is of version 2: a hybrid host's kubelet works with version 1."""
        mount = covering(self._mounts.current(), "/sys/fs/cgroup")
        return 2 if mount is not None and mount.filesystem == "cgroup2" else 1

    def _resolv_conf(self) -> str:
        """A stub on the host's loopback can't be reached from pods, whose loopback is another."""
        servers = nameservers(self._text("/etc/resolv.conf"))
        stub = bool(servers) and all(_is_loopback(server) for server in servers)
        return RESOLVED if stub and nameservers(self._text(RESOLVED)) else "/etc/resolv.conf"


async def source_address(controller: str) -> str:
    """The address that packets to the controller start from; for a controller on this host, that of the default route.
    "" if there is no way to either."""
    for target in (controller, ELSEWHERE):
        address = await _source(target)
        if address and not _is_loopback(address):
            return address
    return ""


def writable(setting: Path) -> bool:
    """Whether a kernel setting can be written, tried with the value that it has. In a network namespace that is not the
    host's, this one is there and can't be."""
    try:
        value = setting.read_text()
        setting.write_text(value)
    except OSError:
        return False
    return True


def pretty_name(os_release: str) -> str:
    """PRETTY_NAME of os-release(5)."""
    for line in os_release.splitlines():
        key, _, value = line.partition("=")
        if key == "PRETTY_NAME":
            return value.strip().strip("\"'")
    return ""


def memory_bytes(meminfo: str) -> int:
    """MemTotal of /proc/meminfo, which is in KiB."""
    for line in meminfo.splitlines():
        key, _, value = line.partition(":")
        if key == "MemTotal":
            return int(value.split()[0]) * 1024
    return 0


def nameservers(resolv_conf: str) -> tuple[str, ...]:
    lines = (line.split() for line in resolv_conf.splitlines())
    return tuple(words[1] for words in lines if len(words) > 1 and words[0] == "nameserver")


async def _source(target: str) -> str:
    loop = asyncio.get_running_loop()
    try:
        async with asyncio.timeout(_LOOKUP_SECONDS):
            found = await loop.getaddrinfo(target, 9, type=socket.SOCK_DGRAM)
        family, kind, protocol, _, address = found[0]
        with socket.socket(family, kind, protocol) as probing:
            probing.connect(address)
            return str(probing.getsockname()[0])
    except (OSError, TimeoutError):
        return ""


def _is_loopback(address: str) -> bool:
    try:
        return ipaddress.ip_address(address.partition("%")[0]).is_loopback
    except ValueError:
        return False
