"""What a node tells of itself."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from fairlead_agent.docker_root import docker_root
from fairlead_agent.facts import FactsReader, memory_bytes, nameservers, pretty_name, source_address, writable
from fairlead_agent.host_paths import HostPaths
from fairlead_agent.runtime.port import EngineInfo, RuntimeFailure
from fairlead_testing.fake_runtime import FakeRuntime

STUB = "nameserver 127.0.0.53\noptions edns0\n"


@pytest.fixture
def root(tmp_path: Path) -> Path:
    (tmp_path / "etc").mkdir()
    (tmp_path / "etc/machine-id").write_text("0123\n")
    (tmp_path / "etc/os-release").write_text('NAME="Debian"\nPRETTY_NAME="Debian GNU/Linux 13 (trixie)"\n')
    (tmp_path / "etc/resolv.conf").write_text("nameserver 192.0.2.53\n")
    return tmp_path


async def test_facts_of_host_and_engine(root: Path) -> None:
    runtime = FakeRuntime(info=EngineInfo("26.1.5+dfsg1", "1.45", "/data/docker", "systemd", 2, True))
    facts = await FactsReader("192.0.2.9", "0.1.0", "10.0.0.7", HostPaths(str(root))).read(runtime)
    assert (facts.machine_id, facts.os) == ("0123", "Debian GNU/Linux 13 (trixie)")
    assert (facts.docker_version, facts.docker_api, facts.docker_root) == ("26.1.5+dfsg1", "1.45", "/data/docker")
    assert (facts.cgroup_driver, facts.live_restore) == ("systemd", True)
    assert (facts.address, facts.agent_version) == ("10.0.0.7", "0.1.0")
    assert facts.architecture in ("amd64", "arm64")
    assert facts.cpus > 0
    assert facts.memory_bytes > 2**28
    assert facts.cgroup_version in (1, 2)
    assert facts.resolv_conf == "/etc/resolv.conf"


class Failing(FakeRuntime):
    """One that answers with an error of its own, as Docker does while it stops."""

    async def engine(self) -> EngineInfo:
        raise RuntimeFailure("context canceled")


@pytest.mark.parametrize("runtime", [FakeRuntime(), Failing()])
async def test_without_docker_its_part_is_empty(root: Path, runtime: FakeRuntime) -> None:
    runtime.go_away()
    facts = await FactsReader("192.0.2.9", "0.1.0", "10.0.0.7", HostPaths(str(root))).read(runtime)
    assert (facts.docker_version, facts.docker_api) == ("", "")
    assert facts.machine_id == "0123"


@pytest.mark.parametrize(
    ("resolv_conf", "resolved", "wanted"),
    [
        (STUB, "nameserver 192.0.2.53\n", "/run/systemd/resolve/resolv.conf"),
        (STUB, None, "/etc/resolv.conf"),
        ("nameserver 192.0.2.53\n", "nameserver 192.0.2.53\n", "/etc/resolv.conf"),
        ("", "nameserver 192.0.2.53\n", "/etc/resolv.conf"),
    ],
)
async def test_pods_get_resolvers_that_they_can_reach(
    root: Path, resolv_conf: str, resolved: str | None, wanted: str
) -> None:
    (root / "run/systemd/resolve").mkdir(parents=True)
    (root / "run/systemd/resolve/stub-resolv.conf").write_text(resolv_conf)
    (root / "etc/resolv.conf").unlink()
    (root / "etc/resolv.conf").symlink_to("/run/systemd/resolve/stub-resolv.conf")
    if resolved is not None:
        (root / "run/systemd/resolve/resolv.conf").write_text(resolved)
    facts = await FactsReader("192.0.2.9", "0.1.0", "10.0.0.7", HostPaths(str(root))).read(FakeRuntime())
    assert facts.resolv_conf == wanted


async def test_the_address_is_never_the_loopback() -> None:
    assert not (await source_address("127.0.0.1")).startswith("127.")
    assert await source_address("no-such-host.invalid") == await source_address("192.0.2.1")


def test_writable_is_tried_and_changes_nothing(tmp_path: Path) -> None:
    (tmp_path / "setting").write_text("42\n")
    assert writable(tmp_path / "setting")
    assert (tmp_path / "setting").read_text() == "42\n"
    assert not writable(tmp_path / "none")
    assert not writable(Path("/proc/sys/kernel/random/boot_id"))


def test_parsing() -> None:
    assert pretty_name("PRETTY_NAME=Arch\n") == "Arch"
    assert pretty_name("NAME=x\n") == ""
    assert memory_bytes("MemTotal:       16384 kB\nMemFree: 1 kB\n") == 16384 * 1024
    assert memory_bytes("") == 0
    assert nameservers("# nameserver x\nnameserver 192.0.2.1\n nameserver fe80::1%eth0 \nsearch a\n") == (
        "192.0.2.1",
        "fe80::1%eth0",
    )


async def test_where_docker_keeps_its_data_is_known_while_it_does_not_answer_yet(tmp_path: Path) -> None:
    """As at a boot: without it, kubelet and cri-dockerd would be refused for as long as the agent lives."""
    runtime = FakeRuntime()
    runtime.go_away()
    assert await docker_root(runtime, tmp_path) == ""
    runtime.come_back()
    runtime.info = replace(runtime.info, root="/data/docker")
    assert await docker_root(runtime, tmp_path) == "/data/docker"
    runtime.go_away()
    assert await docker_root(runtime, tmp_path) == "/data/docker"
