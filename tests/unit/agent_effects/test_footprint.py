"""Removal takes what components left, all of it, and nothing of anybody else's."""

from __future__ import annotations

import asyncio
import subprocess
from pathlib import Path

import pytest

from fairlead_agent.effects import HostFailure
from fairlead_agent.footprint import FootprintCleaner
from fairlead_agent.host_paths import HostPaths
from fairlead_agent.mounts import HostMounts
from fairlead_agent.removal import remove_tree
from fairlead_testing.fake_runtime import FakeRuntime
from fairlead_testing.other_host import OtherHost
from fairlead_wire.task import Footprint


@pytest.fixture
def cleaner(other_host: OtherHost) -> FootprintCleaner:
    return FootprintCleaner(other_host.paths, other_host.mounts, lambda path: "")


async def test_mounts_go_before_directories_deepest_first(cleaner: FootprintCleaner, other_host: OtherHost) -> None:
    kubelet, theirs = f"{other_host.top}/kubelet", other_host.at("theirs")
    theirs.mkdir()
    (theirs / "data").write_text("precious")
    other_host.run("mkdir", "-p", f"{kubelet}/pods/a/token", f"{kubelet}/pods/a/host")
    other_host.run("mount", "-t", "tmpfs", "none", f"{kubelet}/pods")
    other_host.run("mkdir", "-p", f"{kubelet}/pods/a/token", f"{kubelet}/pods/a/host")
    other_host.run("mount", "-t", "tmpfs", "none", f"{kubelet}/pods/a/token")
    other_host.run("mount", "--bind", f"{other_host.top}/theirs", f"{kubelet}/pods/a/host")
    other_host.run("mount", "--bind", f"{other_host.top}/theirs", f"{kubelet}/pods/a/host")
    for _ in range(2):
        assert await cleaner.clean(Footprint(directories=(kubelet,)), False, FakeRuntime()) == ()
    assert other_host.mounted() == []
    assert not other_host.at("kubelet").exists()
    assert (theirs / "data").read_text() == "precious"


async def test_a_mount_in_use_goes_too(cleaner: FootprintCleaner, other_host: OtherHost) -> None:
    kubelet = f"{other_host.top}/kubelet"
    other_host.run("mkdir", "-p", f"{kubelet}/pod")
    other_host.run("mount", "-t", "tmpfs", "none", f"{kubelet}/pod")
    script = f"cd {kubelet}/pod && echo in && exec sleep 60"
    inside = ("nsenter", "-t", str(other_host.pid), "-m", "--", "sh", "-c", script)
    user = await asyncio.create_subprocess_exec(*inside, stdout=asyncio.subprocess.PIPE)
    assert user.stdout is not None
    assert await user.stdout.readline() == b"in\n"
    await cleaner.clean(Footprint(directories=(kubelet,)), False, FakeRuntime())
    user.kill()
    await user.wait()
    assert not other_host.at("kubelet").exists()


async def test_the_owners_own_disk_is_emptied_and_stays_mounted(
    cleaner: FootprintCleaner, other_host: OtherHost
) -> None:
    other_host.at("etcd").mkdir()
    other_host.run("mount", "-t", "tmpfs", "none", f"{other_host.top}/etcd")
    other_host.at("etcd/snap").mkdir()
    other_host.at("etcd/snap/db").write_text("x")
    await cleaner.clean(Footprint(data_directories=(f"{other_host.top}/etcd",)), True, FakeRuntime())
    assert other_host.mounted() == ["etcd"]
    assert list(other_host.at("etcd").iterdir()) == []


async def test_data_stays_unless_told_and_it_is_said_where(cleaner: FootprintCleaner, other_host: OtherHost) -> None:
    data = other_host.at("etcd/data")
    footprint = Footprint(data_directories=(f"{other_host.top}/etcd/data",))
    assert await cleaner.clean(footprint, False, FakeRuntime()) == ()
    data.mkdir(parents=True)
    (data / "db").write_text("x")
    (sentence,) = await cleaner.clean(footprint, False, FakeRuntime())
    assert sentence.startswith(f"The data stays in {other_host.top}/etcd/data;")
    assert (data / "db").exists()
    assert await cleaner.clean(footprint, True, FakeRuntime()) == ()
    assert not data.exists()


async def test_files_and_sockets(cleaner: FootprintCleaner, other_host: OtherHost) -> None:
    socket = f"{other_host.top}/cri.sock"
    other_host.run("mknod", socket, "p")
    for _ in range(2):
        await cleaner.clean(Footprint(files=(socket,)), False, FakeRuntime())
    assert not other_host.at("cri.sock").exists()


async def test_interfaces_chains_and_tables(other_host: OtherHost, network: tuple[str, ...]) -> None:
    for command in (
        "ip link add flannel.1 type vxlan id 1 dstport 8472",
        "ip link add mine type bridge",
        "iptables-nft -N KUBE-SERVICES",
        "iptables-legacy -N KUBE-SERVICES",
        "nft add table ip kube-proxy",
    ):
        _output(network, *command.split())
    cleaner = FootprintCleaner(other_host.paths, other_host.mounts, lambda path: "", network)
    footprint = Footprint(interfaces=("flannel.1",), chains=("KUBE-",), nft_tables=("ip kube-proxy",))
    for _ in range(2):
        assert await cleaner.clean(footprint, False, FakeRuntime()) == ()
    links = _output(network, "ip", "-brief", "link")
    assert "flannel.1" not in links
    assert "mine" in links
    assert "KUBE" not in _output(network, "iptables-nft-save") + _output(network, "iptables-legacy-save")
    assert "kube-proxy" not in _output(network, "nft", "list", "tables")


async def test_pods_go_before_their_sandboxes_and_ours_stay(cleaner: FootprintCleaner) -> None:
    runtime = FakeRuntime()
    kind = "io.kubernetes.docker.type"
    runtime.add("k8s_POD", {kind: "podsandbox"})
    runtime.add("k8s_nginx", {kind: "container"})
    runtime.add("people", {"app": "x"})
    await cleaner.clean(Footprint(container_labels=(f"{kind}=container", f"{kind}=podsandbox")), False, runtime)
    assert [call for call in runtime.calls if call.startswith("remove k8s")] == ["remove k8s_nginx", "remove k8s_POD"]
    assert runtime.held("people").name == "people"


@pytest.mark.parametrize(
    "footprint",
    [
        Footprint(container_labels=("fairlead.agent=true",)),
        Footprint(container_labels=("everything",)),
        Footprint(chains=("",)),
        Footprint(directories=("/forbidden",)),
        Footprint(files=("/forbidden/x",)),
        Footprint(data_directories=("/forbidden",)),
    ],
)
async def test_a_footprint_that_is_too_wide_is_refused_whole(footprint: Footprint, other_host: OtherHost) -> None:
    cleaner = FootprintCleaner(
        other_host.paths, other_host.mounts, lambda path: "no." if path.startswith("/forbidden") else ""
    )
    with pytest.raises(HostFailure):
        await cleaner.clean(footprint, True, FakeRuntime())


def test_a_tree_with_a_mount_in_it_is_left_whole(tmp_path: Path) -> None:
    (tmp_path / "top/bound").mkdir(parents=True)
    (tmp_path / "top/file").write_text("x")
    sentence = remove_tree(tmp_path / "top", [f"{tmp_path}/top/bound"])
    assert "still mounted" in sentence
    assert (tmp_path / "top/file").exists()


def test_a_link_is_removed_and_not_followed(tmp_path: Path) -> None:
    (tmp_path / "theirs").mkdir()
    (tmp_path / "theirs/file").write_text("x")
    (tmp_path / "top").mkdir()
    (tmp_path / "top/link").symlink_to(tmp_path / "theirs")
    assert remove_tree(tmp_path / "top", []) == ""
    assert (tmp_path / "theirs/file").exists()
    assert not (tmp_path / "top").exists()


def _output(network: tuple[str, ...], *argv: str) -> str:
    return subprocess.run((*network, *argv), check=True, capture_output=True, text=True, timeout=20).stdout


@pytest.mark.parametrize(
    "path",
    [
        "/var/lib/fairlead",
        "/var/lib/fairlead/journal.json",
        "/var/lib/fairlead-controller",
        "/var/lib/fairlead-controller/fairlead.db",
        "/var/lib",
        "/",
        "/link",
    ],
)
@pytest.mark.parametrize("kind", ["directories", "data_directories", "files"])
async def test_what_fairlead_itself_keeps_is_nobodys_to_remove_whatever_the_policy(
    tmp_path: Path, path: str, kind: str
) -> None:
    data = tmp_path / "var/lib/fairlead-controller"
    data.mkdir(parents=True)
    (data / "fairlead.db").write_text("all")
    (tmp_path / "link").symlink_to("/var/lib/fairlead-controller")
    cleaner, runtime = FootprintCleaner(HostPaths(str(tmp_path)), HostMounts(), lambda path: ""), FakeRuntime()
    identity = runtime.add("fairlead-controller", {"fairlead.controller": "true", "app": "x"})
    with pytest.raises(HostFailure, match="Fairlead itself keeps its data there"):
        await cleaner.clean(Footprint(**{kind: (path,)}, container_labels=("app=x",)), True, runtime)
    await cleaner.clean(Footprint(container_labels=("app=x",)), True, runtime)
    assert runtime.held("fairlead-controller").id == identity
    assert (data / "fairlead.db").read_text() == "all"
