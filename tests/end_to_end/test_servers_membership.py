"""Servers that leave a cluster and come back, and a second cluster that wants what the first one has."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from fairlead_cli.lab.spec import SPEC
from fairlead_cli.lab.wait import until

from .conftest import EVERYWHERE, RunningLab

APPLY_SECONDS = 300.0
LEAVER, STAYER = "lab-3", "lab-2"
WORKERS = "workers: {match: {}}"
Write = Callable[[str, str], Path]


@pytest.fixture
def write(tmp_path: Path) -> Write:
    """Writes the lab's spec with a line put in another's place."""

    def change(old: str, new: str) -> Path:
        folder = tmp_path / "spec"
        shutil.copytree(SPEC.parent / "zones", folder / "zones", dirs_exist_ok=True)
        text = SPEC.read_text(encoding="utf-8")
        assert old in text
        (folder / "cluster.yaml").write_text(text.replace(old, new), encoding="utf-8")
        return folder / "cluster.yaml"

    return change


@pytest.fixture
def without_one(lab: RunningLab, write: Write) -> Iterator[RunningLab]:
    """The lab's cluster without its last worker, which comes back at the end."""
    apply(lab, write(WORKERS, "workers: {match: {zone: b}}"))
    yield lab
    apply(lab, SPEC)


def apply(lab: RunningLab, spec: Path) -> None:
    done = lab.fairlead("apply", "-f", str(spec), timeout=APPLY_SECONDS)
    assert done.ok, done.output + done.errors


def cluster_of(lab: RunningLab, node: str) -> str:
    """The cluster that has a server, as `fairlead node ls` tells it."""
    nodes = json.loads(lab.fairlead("node", "ls", "-o", "json").output)
    [found] = [each for each in nodes if each["name"] == f"nodes/{node}"]
    return str(found.get("cluster", "")).removeprefix("clusters/")


def node_names(lab: RunningLab) -> list[str]:
    return [node["metadata"]["name"] for node in lab.get("nodes")["items"]]


def test_labels_and_cluster_of_a_server_came_with_its_token(lab: RunningLab) -> None:
    nodes = {
        each["name"].removeprefix("nodes/"): each
        for each in json.loads(lab.fairlead("node", "ls", "-o", "json").output)
    }
    assert {name: each["labels"] for name, each in nodes.items()} == {
        "lab-1": {"zone": "a"},
        "lab-2": {"zone": "b"},
        "lab-3": {"zone": "c"},
    }
    assert {cluster_of(lab, name) for name in nodes} == {"lab"}


def test_a_worker_that_leaves_is_as_it_was_and_can_come_back(lab: RunningLab, write: Write) -> None:
    kept = lab.containers(STAYER)
    agent = lab.on_server("docker inspect -f '{{.Id}} {{.State.StartedAt}}' fairlead-agent", node=LEAVER)
    try:
        apply(lab, write(WORKERS, "workers: {match: {zone: b}}"))
        assert lab.components(LEAVER) == []
        assert cluster_of(lab, LEAVER) == ""
        assert_clean(lab, LEAVER)
        until(
            lambda: LEAVER not in node_names(lab),
            what="the Node goes",
            timeout=30,
            advice=lambda: "",
        )
        assert agent == lab.on_server("docker inspect -f '{{.Id}} {{.State.StartedAt}}' fairlead-agent", node=LEAVER)
    finally:
        apply(lab, SPEC)
    assert lab.components(LEAVER) == sorted(EVERYWHERE)
    assert cluster_of(lab, LEAVER) == "lab"
    assert LEAVER in node_names(lab)
    assert [(one["Id"], one["RestartCount"]) for one in lab.containers(STAYER) if is_component(one)] == [
        (one["Id"], one["RestartCount"]) for one in kept if is_component(one)
    ]


def is_component(container: dict[str, object]) -> bool:
    config = container["Config"]
    assert isinstance(config, dict)
    return "fairlead.component" in config["Labels"]


def assert_clean(lab: RunningLab, node: str) -> None:
    """Nothing of the cluster is left on a server: no container, file, mount, interface, route, chain or table."""
    names = lab.on_server("docker ps --all --format '{{.Names}}'", node=node).split()
    assert names == ["fairlead-agent"]
    for path in ("/etc/kubernetes", "/etc/cni/net.d", "/run/flannel", "/var/lib/cni", "/var/lib/cri-dockerd"):
        assert lab.on_server(f"ls -A {path} 2>/dev/null; true", node=node) == "", path
    # A volume of the lab's: the folder itself stays.
    assert lab.on_server("ls -A /var/lib/kubelet; grep -c ' /var/lib/kubelet/' /proc/mounts; true", node=node) == "0\n"
    interfaces = lab.on_server("ls /sys/class/net", node=node).split()
    assert [one for one in interfaces if one.startswith(("flannel", "veth", "cni"))] == []
    assert "10.244." not in lab.on_server("ip route", node=node)
    rules = lab.on_server("iptables-save; docker exec fairlead-agent nft list tables", node=node)
    assert [word for word in ("KUBE-", "FLANNEL-", "CNI-", "kube-proxy", "flannel") if word in rules] == []


def test_pods_come_up_on_a_node_that_came_back(without_one: RunningLab, lab: RunningLab) -> None:
    apply(lab, SPEC)
    name = "came-back"
    overrides = {"spec": {"nodeSelector": {"kubernetes.io/hostname": LEAVER}}}
    lab.kubectl("run", name, "--image=nginx", f"--overrides={json.dumps(overrides)}")
    try:
        lab.kubectl("wait", "--for=condition=Ready", f"pod/{name}", "--timeout=90s", timeout=100)
        assert lab.kubectl("exec", name, "--", "getent", "ahostsv4", "kubernetes").split()[0] == "10.96.0.1"
    finally:
        lab.kubectl("delete", "pod", name, "--timeout=60s", timeout=70)


def test_the_control_plane_takes_pods_only_while_there_are_no_workers(lab: RunningLab, write: Write) -> None:
    assert taints(lab) == ["node-role.kubernetes.io/control-plane"]
    try:
        apply(lab, write(WORKERS, "workers: {match: {zone: nowhere}}"))
        until(lambda: taints(lab) == [], what="the taint goes", timeout=30, advice=lambda: "")
        lab.kubectl("taint", "node", lab.node, "example.com/mine=yes:PreferNoSchedule")
    finally:
        apply(lab, SPEC)
    ours = {"example.com/mine", "node-role.kubernetes.io/control-plane"}
    until(lambda: set(taints(lab)) == ours, what="the taint comes back", timeout=30, advice=lambda: "")
    lab.kubectl("taint", "node", lab.node, "example.com/mine-")


def taints(lab: RunningLab) -> list[str]:
    """The keys of the taints of the control plane."""
    return [taint["key"] for taint in lab.get("node", lab.node)["spec"].get("taints", [])]


@pytest.mark.parametrize(
    ("node", "told"),
    [
        (STAYER, "which is in cluster lab"),
        (LEAVER, "whose token was for cluster lab"),
        ("lab-9", "no such node is enrolled"),
    ],
)
def test_another_cluster_cannot_have_what_is_not_free(
    without_one: RunningLab, write: Write, node: str, told: str
) -> None:
    spec = write("controlPlane: {count: 1}", f"controlPlane: {{nodes: [{node}]}}")
    spec.write_text(spec.read_text(encoding="utf-8").replace("name: lab", "name: other"), encoding="utf-8")
    done = without_one.fairlead("apply", "-f", str(spec))
    assert done.code == 1
    assert told in done.errors
    assert [each["name"] for each in json.loads(without_one.fairlead("cluster", "ls", "-o", "json").output)] == [
        "clusters/lab"
    ]
    assert without_one.components(LEAVER) == []
