"""What each component may see, and what a change of each kind does to its container."""

from __future__ import annotations

import json
from typing import Any

import pytest

from fairlead_testing.planning import FILES, World, cluster, node, one_server, spec, words
from fairlead_wire.assignment import Assignment
from fairlead_wire.task import Mount, OnChange, ProbeKind, TaskSpec


def held(world: World, name: str = "lab-1") -> Assignment:
    return world.held[f"id-{name}"]


def task(world: World, component: str, name: str = "lab-1") -> TaskSpec:
    found = held(world, name).task(component)
    assert found is not None
    return found


def moves_after(**declared: Any) -> list[str]:
    world = one_server()
    world.apply(**declared)
    return [words(move) for move in world.plan()]


def visible(mounts: tuple[Mount, ...], path: str) -> bool:
    return any(path == mount.source or path.startswith(f"{mount.source}/") for mount in mounts)


UNPRIVILEGED = ["etcd", "kube-apiserver", "kube-controller-manager", "kube-scheduler", "api-proxy", "coredns"]


@pytest.mark.parametrize("component", UNPRIVILEGED)
def test_a_component_sees_no_key_but_its_own(component: str) -> None:
    assignment = held(one_server())
    found = assignment.task(component)
    assert found is not None
    assert not found.privileged
    mine = {each.path for each in found.inputs}
    keys = {each.key_path: each.path for each in assignment.certificates} | {
        file.path: file.path for file in assignment.files if file.secret
    }
    foreign = {path for path, owner in keys.items() if visible(found.mounts, path) and owner not in mine}
    # etcd's operator certificate is for the typed instructions that run inside etcd's container.
    assert foreign <= ({"/etc/kubernetes/pki/etcd/healthcheck-client.key"} if component == "etcd" else set())


def test_only_the_controller_manager_sees_the_cluster_authority_key() -> None:
    world = one_server()
    path = "/etc/kubernetes/pki/kube-controller-manager/ca.key"
    sees = {each.component for each in held(world).tasks if not each.privileged and visible(each.mounts, path)}
    assert sees == {"kube-controller-manager"}


def test_every_file_and_certificate_has_a_reader_that_can_read_it() -> None:
    assignment = held(one_server())
    inputs = {each.path: each for task in assignment.tasks for each in task.inputs}
    paths = {file.path for file in assignment.files} | {each.path for each in assignment.certificates}
    assert paths - set(inputs) == {"/etc/kubernetes/pki/agent/client.crt"}, "only the agent's own has no component"
    for each in assignment.tasks:
        assert all(visible(each.mounts, read.path) for read in each.inputs), each.component


def test_private_files_are_secret_and_no_secret_enters_a_hash() -> None:
    assignment = held(one_server())
    secrets = {file.path for file in assignment.files if file.secret}
    assert {path.rpartition("/")[2] for path in secrets} == {"sa.key", "ca.key"}
    inputs = [each for task in assignment.tasks for each in task.inputs if each.path in secrets]
    assert inputs
    assert all(each.on_change is OnChange.NONE and not each.digest for each in inputs)


def test_workers_hold_no_secret_and_no_authority_but_the_cluster() -> None:
    world = World((node(1), node(2)), cluster(workers={}))
    world.run()
    files = held(world, "lab-2").files
    assert not [file for file in files if file.secret]
    assert [file.path for file in files if "authorities" in file.path] == ["/etc/kubernetes/pki/authorities/ca.crt"]
    assert not held(world, "lab-2").objects


def test_every_task_says_how_it_starts_and_how_its_health_is_found_out() -> None:
    for each in held(one_server()).tasks:
        assert each.entrypoint, each.component
        assert each.probe.kind is not ProbeKind.UNSPECIFIED, each.component
        assert each.probe.start_timeout_ms >= 30_000, each.component


def test_directories_that_are_mounted_are_there_or_made() -> None:
    """Docker is never left to make a missing source."""
    assignment = held(one_server())
    given = {"/run", "/sys", "/dev", "/var/lib/docker", "/etc/machine-id", "/etc/os-release"}
    files = {file.path.rpartition("/")[0] for file in assignment.files}
    files |= {each.path.rpartition("/")[0] for each in assignment.certificates}
    for each in assignment.tasks:
        made = {path.removesuffix(":rshared") for path in each.directories}
        assert {mount.source for mount in each.mounts} <= given | files | made, each.component


def test_a_flag_replaces_one_container() -> None:
    assert moves_after(components={"kube-scheduler": {"args": {"v": "4"}}}) == ["replace kube-scheduler on lab-1"]


def test_people_can_change_and_add_flags_and_merge_into_a_configuration_file() -> None:
    options = {
        "kube-apiserver": {"args": {"profiling": "true", "audit-log-maxage": "30"}},
        "kubelet": {"config": {"evictionHard": {"nodefs.available": "0%"}, "featureGates": {"Mine": True}}},
    }
    world = one_server(components=options)
    arguments = task(world, "kube-apiserver").args
    assert "--profiling=true" in arguments
    assert "--profiling=false" not in arguments
    assert arguments[-1] == "--audit-log-maxage=30"
    content = next(file.content for file in held(world).files if file.path.endswith("kubelet/config.yaml")).decode()
    assert '"nodefs.available": "0%"' in content
    assert '"Mine": true' in content
    assert '"ExtendWebSocketsToKubelet": false' in content, "merged, not replaced"


def test_a_zone_that_was_edited_is_read_again_without_a_new_container() -> None:
    world = one_server()
    before = {file.path: file.content.decode() for file in held(world).files}
    edited = FILES["zones/example.internal.zone"] + "new 60 IN A 10.0.0.1\n"
    world.cluster = type(world.cluster)("lab", 2, spec(), {"zones/example.internal.zone": edited})
    assert [words(move) for move in world.plan()] == ["configure on lab-1"]
    world.run()
    after = {file.path: file.content.decode() for file in held(world).files}
    changed = {path for path in after if after[path] != before[path]}
    assert changed == {
        "/etc/kubernetes/coredns/zones/example.internal.zone",
        "/etc/kubernetes/coredns/Corefile",  # without it CoreDNS would wait for a raised serial
    }


def test_another_pod_range_replaces_what_is_configured_with_it() -> None:
    assert moves_after(network={"pods": "10.200.0.0/16"}) == [
        "configure on lab-1",
        "replace kube-controller-manager on lab-1",
        "replace kube-proxy on lab-1",
        "replace flannel on lab-1",
    ]


@pytest.mark.parametrize(("engine", "spoken"), [("1.45", "1.45"), ("1.46", "1.46"), ("1.54", "1.46"), ("", "1.46")])
def test_cri_dockerd_speaks_the_lower_api_version(engine: str, spoken: str) -> None:
    world = World((node(docker_api=engine),), cluster())
    world.run()
    assert [(each.name, each.value) for each in task(world, "cri-dockerd").env] == [("DOCKER_API_VERSION", spoken)]


@pytest.mark.parametrize(
    ("workers", "schedulable", "tainted"),
    [(False, "auto", False), (True, "auto", True), (True, True, False), (False, False, True)],
)
def test_control_planes_are_tainted_when_pods_have_other_places(workers: bool, schedulable: Any, tainted: bool) -> None:
    wish = {"count": 1, "schedulable": schedulable}
    world = World((node(1), node(2)), cluster(controlPlane=wish, workers={} if workers else None))
    world.run()
    content = next(file.content for file in held(world).files if file.path.endswith("kubelet/config.yaml"))
    assert (b"registerWithTaints" in content) == tainted


@pytest.mark.parametrize("workers", [False, True])
def test_a_control_plane_that_is_there_already_is_tainted_when_workers_come_and_freed_when_they_go(
    workers: bool,
) -> None:
    world = World((node(1), node(2)), cluster(workers={} if workers else None))
    world.run()
    patches = {each.name: json.loads(each.manifest) for each in held(world).objects if each.name.startswith("patch/")}
    taint = {"key": "node-role.kubernetes.io/control-plane", "effect": "NoSchedule"}
    assert patches["patch/node/lab-1"]["spec"]["taints"] == [taint if workers else {**taint, "$patch": "delete"}]
    assert not workers or "taints" not in patches["patch/node/lab-2"]["spec"]


def test_three_control_planes_know_each_other() -> None:
    world = World((node(1), node(2), node(3)), cluster(controlPlane={"count": 3}))
    world.run()
    for name, own in (("lab-1", "172.30.0.11"), ("lab-3", "172.30.0.13")):
        members = "--initial-cluster=" + ",".join(f"lab-{n}=https://172.30.0.{10 + n}:2380" for n in (1, 2, 3))
        assert members in task(world, "etcd", name).args
        servers = next(arg for arg in task(world, "kube-apiserver", name).args if arg.startswith("--etcd-servers="))
        addresses = servers.partition("=")[2].split(",")
        assert addresses[0] == "https://127.0.0.1:2379", "its own first"
        assert f"https://{own}:2379" not in addresses
        assert len(addresses) == 3
