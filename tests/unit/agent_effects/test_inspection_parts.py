"""What the files and programs of a host say, read."""

from __future__ import annotations

import json
import os
import socket
import time
from pathlib import Path

import pytest

from fairlead_agent.host_paths import HostPaths
from fairlead_agent.inspection_disks import disk, existing, latency, sync_latency
from fairlead_agent.inspection_leftovers import foreign_files, has_etcd_data, own_files
from fairlead_agent.inspection_network import HostNetwork, dropping_chains, routes
from fairlead_agent.inspection_settings import (
    enabled_controllers,
    engine_details,
    has_private_mounts,
    inotify_instances,
    swap_bytes,
)
from fairlead_agent.inspection_sockets import Process, Processes, address_of, containers_of, listeners, sockets
from fairlead_agent.ledger import Ledger
from fairlead_agent.runtime.port import EngineInfo
from fairlead_wire.inspection import Listener, Route, SyncLatency

TCP = """\
  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode
   0: 0100007F:1D13 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 7001 1 0 100 0 0 10 0
   1: 0B00A8C0:192B 0100A8C0:B2C4 01 00000000:00000000 00:00000000 00000000     0        0 7002 1 0 20 4 30 10 -1
   2: 00000000:192B 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 7003 1 0 100 0 0 10 0
"""
OURS, THEIRS = "a" * 64, "b" * 64


def test_sockets_that_listen() -> None:
    found = list(sockets(TCP, "tcp", "0A"))
    assert [(each.address, each.port, each.inode) for each in found] == [
        ("127.0.0.1", 7443, 7001),
        ("0.0.0.0", 6443, 7003),
    ]


@pytest.mark.parametrize(
    ("hexadecimal", "address"),
    [
        ("0100007F", "127.0.0.1"),
        ("00000000000000000000000000000000", "::"),
        ("00000000000000000000000001000000", "::1"),
        ("B80D0120000000000000000001000000", "2001:db8::1"),
        ("0000000000000000FFFF00000B00A8C0", "192.168.0.11"),
    ],
)
def test_the_kernel_s_notation_of_addresses(hexadecimal: str, address: str) -> None:
    assert address_of(hexadecimal) == address


def test_whose_socket_it_is() -> None:
    owners = {7001: Process(1, "haproxy", frozenset({OURS})), 7003: Process(2, "nginx", frozenset({THEIRS}))}
    found = listeners(sockets(TCP, "tcp", "0A"), owners, frozenset({OURS}))
    assert found == (
        Listener("tcp", "0.0.0.0", 6443, "nginx (process 2)", False),
        Listener("tcp", "127.0.0.1", 7443, "haproxy (process 1)", True),
    )


@pytest.mark.parametrize(
    ("cgroup", "containers"),
    [
        (f"0::/system.slice/docker-{OURS}.scope\n", {OURS}),
        (f"0::/../docker-{OURS}.scope\n", {OURS}),
        (f"4:memory:/docker/{THEIRS}/docker/{OURS}\n0::/docker/{THEIRS}\n", {THEIRS, OURS}),
        ("0::/user.slice/session-1.scope\n", set()),
        ("", set()),
    ],
)
def test_the_containers_of_a_process(cgroup: str, containers: set[str]) -> None:
    assert containers_of(cgroup) == containers


def test_this_very_process_is_found_by_its_socket() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        port, inode = listening.getsockname()[1], os.fstat(listening.fileno()).st_ino
        processes = Processes(time.monotonic() + 10, first="self")
        owners = processes.owners({inode})
        found = listeners(processes.sockets(), owners, frozenset())
    [mine] = [listener for listener in found if listener.port == port]
    assert mine.process.endswith(f"(process {os.getpid()})")


def test_too_many_processes_are_given_up_in_time() -> None:
    with pytest.raises(TimeoutError, match="too many processes"):
        Processes(time.monotonic() - 1).owners({1})


def _process(proc: Path, pid: int, name: str, cgroup: str = "0::/", network: str = "net:[1]") -> None:
    folder = proc / str(pid)
    (folder / "ns").mkdir(parents=True)
    (folder / "comm").write_text(f"{name}\n")
    (folder / "cgroup").write_text(cgroup)
    (folder / "ns/net").symlink_to(network)


def test_another_kubernetes(tmp_path: Path) -> None:
    _process(tmp_path, 1, "systemd")
    _process(tmp_path, 20, "kubelet")
    _process(tmp_path, 21, "k3s-server")
    _process(tmp_path, 22, "kubelet", f"0::/docker-{OURS}.scope")
    _process(tmp_path, 23, "kubelet", f"0::/docker-{THEIRS}.scope", network="net:[2]")  # of kind, in a world of its own
    _process(tmp_path, 24, "kubelet-wrapper")
    found = Processes(time.monotonic() + 10, tmp_path).kubernetes(frozenset({OURS}))
    assert {process.words for process in found} == {"kubelet (process 20)", "k3s-server (process 21)"}


def test_routes_and_addresses() -> None:
    ways = [
        {"dst": "default", "gateway": "192.0.2.1", "dev": "eth0"},
        {"dst": "192.0.2.0/24", "dev": "eth0"},
        {"dst": "10.0.0.0/8", "gateway": "192.0.2.9", "dev": "eth0"},
        {"dst": "10.244.0.7", "dev": "veth1"},
        {"type": "blackhole", "dst": "10.244.1.0/24"},
    ]
    links = [
        {"ifname": "eth0", "addr_info": [{"local": "192.0.2.11"}]},
        {"ifname": "flannel.1", "addr_info": [{"local": "10.244.0.0"}]},
        {"ifname": "down"},
    ]
    assert routes(json.dumps(ways), json.dumps(links)) == (
        Route("192.0.2.0/24", "eth0"),
        Route("10.0.0.0/8", "eth0"),
        Route("10.244.0.7/32", "veth1"),
        Route("10.244.1.0/24", "blackhole"),
        Route("10.244.0.0/32", "flannel.1"),
    )
    assert routes("", "") == ()


def test_chains_that_drop() -> None:
    chains = [
        {"family": "ip", "table": "filter", "name": "FORWARD", "hook": "forward", "policy": "drop"},
        {"family": "ip6", "table": "filter", "name": "FORWARD", "hook": "forward", "policy": "drop"},
        {"family": "inet", "table": "mine", "name": "f", "hook": "forward", "policy": "accept"},
        {"family": "ip", "table": "filter", "name": "DOCKER"},
    ]
    listed = json.dumps({"nftables": [{"metainfo": {}}, *({"chain": chain} for chain in chains)]})
    assert dropping_chains(listed) == ("ip filter FORWARD",)
    assert dropping_chains("") == ()


async def test_a_filter_of_a_network_namespace_is_read_and_left_alone(network: tuple[str, ...]) -> None:
    host = HostNetwork(network)
    assert await host.dropping_chains() == ()
    listing = HostNetwork(network)._must("nft", "list", "ruleset")
    assert await listing == ""
    await HostNetwork(network)._must("nft", "add", "table", "ip", "filter")
    chain = "{ type filter hook forward priority 0 ; policy drop ; }"
    await HostNetwork(network)._must("nft", "add", "chain", "ip", "filter", "FORWARD", chain)
    assert await host.dropping_chains() == ("ip filter FORWARD",)


def test_durations_by_nearest_rank() -> None:
    assert latency([]) == SyncLatency()
    assert latency([0.002]) == SyncLatency(1, 2_000, 2_000)
    assert latency([index / 1000 for index in range(200, 0, -1)]) == SyncLatency(200, 100_000, 198_000)


def test_measuring_a_disk_leaves_nothing_and_ends_in_time(tmp_path: Path) -> None:
    measured = sync_latency(tmp_path, 5.0)
    assert measured.samples == 50
    assert 0 < measured.median_us <= measured.p99_us < 5_000_000
    assert list(tmp_path.iterdir()) == []
    assert sync_latency(tmp_path, 0.0) == SyncLatency()


def test_the_file_system_of_what_is_not_there_yet(tmp_path: Path) -> None:
    paths = HostPaths(str(tmp_path))
    assert existing(paths, "/var/lib/etcd") == tmp_path
    (tmp_path / "var").mkdir()
    assert existing(paths, "/var/lib/etcd") == tmp_path / "var"
    found = disk(paths, "/var/lib/etcd")
    assert found.path == "/var/lib/etcd"
    assert 0 < found.free_bytes <= found.total_bytes


def test_files_that_are_not_ours(tmp_path: Path) -> None:
    top, state = tmp_path / "host", tmp_path / "state"
    for path in ("etc/kubernetes/pki/ca.crt", "etc/kubernetes/ours.yaml", "etc/cni/net.d/05-calico.conflist"):
        (top / path).parent.mkdir(parents=True, exist_ok=True)
        (top / path).write_text("x")
    (top / "etc/cni/net.d/.kubernetes-cni-keep").write_text("")
    paths = HostPaths(str(top))
    Ledger(state, "lab").file("/etc/kubernetes/ours.yaml", top / "none")
    assert own_files(state) == {"/etc/kubernetes/ours.yaml"}
    assert foreign_files(paths, own_files(state)) == ("/etc/cni/net.d/05-calico.conflist", "/etc/kubernetes/pki/ca.crt")
    assert not has_etcd_data(paths)
    (top / "var/lib/etcd/data/member").mkdir(parents=True)
    assert has_etcd_data(paths)


def test_swap_and_controllers() -> None:
    head = "Filename Type Size Used Priority\n"
    assert swap_bytes(head) == 0
    assert swap_bytes(f"{head}/dev/sda2 partition 1024 0 -2\n/swap file 1 0 -3\n") == 1025 * 1024
    listed = "#subsys_name\thierarchy\tnum_cgroups\tenabled\ncpu\t1\t19\t1\nmemory\t4\t3\t0\n"
    assert enabled_controllers(listed) == ("cpu",)


def test_what_docker_says_of_itself() -> None:
    info = EngineInfo("29.0", "1.52", "/var/lib/docker", "systemd", 2, True, containerd_store=True)
    plain = engine_details(info, private_mounts=False)
    assert (plain.containerd_store, plain.userns_remap, plain.rootless) == (True, False, False)
    security = ("name=seccomp,profile=builtin", "name=userns", "name=rootless")
    told = engine_details(EngineInfo("29.0", "1.52", "/", "systemd", 2, True, security=security), private_mounts=True)
    assert (told.userns_remap, told.rootless, told.private_mounts) == (True, True, True)


@pytest.mark.parametrize(
    ("own_namespace", "mount", "private"),
    [(False, "- ext4", False), (True, "- ext4", True), (True, "shared:1 - ext4", False)],
)
def test_a_docker_that_hides_its_mounts(tmp_path: Path, own_namespace: bool, mount: str, private: bool) -> None:
    proc, root = tmp_path / "proc", tmp_path / "host"
    for pid, namespace in (("1", "mnt:[1]"), ("77", "mnt:[2]" if own_namespace else "mnt:[1]")):
        (proc / pid / "ns").mkdir(parents=True)
        (proc / pid / "ns/mnt").symlink_to(namespace)
    (proc / "77/mountinfo").write_text(f"21 1 8:1 / / rw {mount} /dev/sda rw\n")
    (root / "run").mkdir(parents=True)
    assert not has_private_mounts(HostPaths(str(root)), proc)
    (root / "run/docker.pid").write_text("77")
    assert has_private_mounts(HostPaths(str(root)), proc) == private


def test_inotify_instances_are_those_of_the_kernel_if_it_has_any(tmp_path: Path) -> None:
    assert inotify_instances(tmp_path) == 0
    folder = tmp_path / "sys/fs/inotify"
    folder.mkdir(parents=True)
    (folder / "max_user_instances").write_text("128\n")
    assert inotify_instances(tmp_path) == 128
    assert inotify_instances(Path("/proc")) > 0
