"""What a node allows, and that a refusal names the line of the policy to change."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from fairlead_agent.effects import HostFailure
from fairlead_agent.policy import NodePolicy, load
from fairlead_wire.task import Mount, TaskSpec

ETCD = "registry.k8s.io/etcd:3.7.3-0"


@pytest.mark.parametrize(
    "image",
    [ETCD, "ghcr.io/flannel-io/flannel:v1", "fairlead/kubelet:v1", "docker.io/fairlead/kubelet@sha256:00"],
)
def test_usual_images_are_allowed(image: str) -> None:
    assert NodePolicy().refusal(TaskSpec("etcd", image)) == ""


@pytest.mark.parametrize("image", ["nginx", "evil/etcd:1", "registry.k8s.io.evil.io/etcd:1", "127.0.0.1:5000/etcd"])
def test_others_are_not(image: str) -> None:
    assert NodePolicy().refusal(TaskSpec("etcd", image)) == (
        f"This node's policy does not allow the image {image}; to allow it, "
        'add where it comes from to "images" in /var/lib/fairlead/policy.json on that server, then restart the agent.'
    )


@pytest.mark.parametrize(
    ("component", "mount", "allowed"),
    [
        ("etcd", Mount("/var/lib/etcd", "/var/lib/etcd"), True),
        ("etcd", Mount("/etc/kubernetes/pki/etcd", "/x", read_only=True), True),
        ("etcd", Mount("/lib/modules", "/x", read_only=True), True),
        ("etcd", Mount("/lib/modules", "/x"), False),
        ("etcd", Mount("/", "/host"), False),
        ("etcd", Mount("/etc", "/x", read_only=True), False),
        ("etcd", Mount("/var/lib/etcd/../..", "/x"), False),
        ("etcd", Mount("/var/lib/etcd2", "/x"), False),
        ("etcd", Mount("/run", "/run", read_only=True), False),  # the Docker socket is in it, and whoever has that …
        ("etcd", Mount("/var/run/docker.sock", "/x"), False),
        ("etcd", Mount("/run/docker.sock", "/x"), False),
        ("coredns", Mount("/run/systemd/resolve", "/x", read_only=True), True),
        ("etcd", Mount("/var/lib/docker", "/x"), False),
        ("kubelet", Mount("/run", "/run"), True),
        ("kubelet", Mount("/dev", "/dev"), True),
        ("kubelet", Mount("/var/lib/docker", "/var/lib/docker"), True),
        ("kubelet", Mount("/root", "/root"), False),
    ],
)
def test_host_paths(component: str, mount: Mount, allowed: bool) -> None:
    task = TaskSpec(component, ETCD, mounts=(mount,), privileged=component == "kubelet")
    assert (NodePolicy().refusal(task) == "") is allowed


def test_the_path_to_allow_is_named() -> None:
    task = TaskSpec("etcd", ETCD, mounts=(Mount("/srv/etcd", "/x"),))
    assert (
        '/srv/etcd to be mounted by etcd; to allow it, set "/srv/etcd" to "write" in "paths"'
        in NodePolicy().refusal(task)
    )


@pytest.mark.parametrize(("privileged", "host_pid"), [(True, False), (False, True)])
def test_only_some_may_be_privileged(privileged: bool, host_pid: bool) -> None:
    kubelet = TaskSpec("kubelet", ETCD, privileged=privileged, host_pid=host_pid)
    assert NodePolicy().refusal(kubelet) == ""
    etcd = TaskSpec("etcd", ETCD, privileged=privileged, host_pid=host_pid)
    assert 'add "etcd" to "privileged" in /var/lib/fairlead/policy.json' in NodePolicy().refusal(etcd)


def test_files_and_removals() -> None:
    policy = NodePolicy()
    assert policy.file_refusal("/etc/kubernetes/kubelet/config.yaml") == ""
    for path in ("/etc/passwd", "/lib/modules/x", "/run/x", "/etc/kubernetes/../passwd"):
        assert policy.file_refusal(path)
    assert policy.removal_refusal("/var/lib/kubelet") == ""
    for path in ("/", "/var", "/var/lib", "/run", "/sys", "/lib/modules", "/var/lib/docker", "/etc"):
        assert policy.removal_refusal(path)


def test_docker_data_elsewhere() -> None:
    policy = NodePolicy().with_docker_root("/data/docker")
    task = TaskSpec("kubelet", ETCD, mounts=(Mount("/data/docker", "/data/docker"),), privileged=True)
    assert policy.refusal(task) == ""
    assert NodePolicy().refusal(task)


def test_the_owner_says_otherwise(tmp_path: Path) -> None:
    file = tmp_path / "policy.json"
    assert load(file).images == NodePolicy().images
    held = {
        "images": ["example.com/"],
        "paths": {"/srv": "remove", "/etc/cni": "none"},
        "privileged": [],
        "docker": "off",
        "fleet_images": False,
    }
    file.write_text(json.dumps(held))
    policy = load(file)
    assert policy.refusal(TaskSpec("etcd", "example.com/etcd:1", mounts=(Mount("/srv/x", "/x"),))) == ""
    assert policy.refusal(TaskSpec("etcd", ETCD))
    assert policy.refusal(TaskSpec("kubelet", "example.com/kubelet:1", privileged=True))
    assert policy.file_refusal("/etc/cni/net.d/x")
    assert policy.removal_refusal("/srv/x") == ""
    assert (policy.docker, policy.fleet_images) == ("off", False)
    assert (NodePolicy().docker, NodePolicy().fleet_images) == ("read", True)


@pytest.mark.parametrize(
    ("reference", "allowed"),
    [
        (ETCD, True),
        ("fairlead/kubelet:v1", True),
        ("docker.io/fairlead/kubelet:v1", True),
        ("index.docker.io/fairlead/kubelet:v1", True),
        ("nginx", False),
        ("registry.k8s.io.example.com/etcd:1", False),
        ("example.com/registry.k8s.io/etcd:1", False),
    ],
)
def test_images_are_allowed_by_where_their_names_begin(reference: str, allowed: bool) -> None:
    sentence = NodePolicy().image_refusal(reference)
    assert (sentence == "") is allowed
    assert allowed or reference in sentence


@pytest.mark.parametrize(
    "text",
    [
        "{",
        "[]",
        '{"image": []}',
        '{"images": "x"}',
        '{"images": [1]}',
        '{"paths": {"/x": "all"}}',
        '{"paths": {"x": "read"}}',
        '{"docker": "yes"}',
        '{"fleet_images": "true"}',
    ],
)
def test_a_policy_that_is_not_understood_allows_nothing_and_says_where(tmp_path: Path, text: str) -> None:
    (tmp_path / "policy.json").write_text(text)
    with pytest.raises(HostFailure):
        load(tmp_path / "policy.json")
