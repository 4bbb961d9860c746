"""What the lab's servers run: real Kubernetes, in containers of its own Docker, with no secret in sight."""

from __future__ import annotations

import json
import re

import pytest

from .conftest import CONTROL_PLANE, EVERYWHERE, RunningLab

# Private keys, join tokens and bearer tokens, as they look in text.
SECRET = re.compile(r"-----BEGIN [A-Z ]*PRIVATE KEY|FLT1-[A-Z2-7]+-[A-Z2-7]+|eyJ[\w-]{10,}\.[\w-]{10,}\.")


SERVERS = ("lab-1", "lab-2", "lab-3")


@pytest.mark.parametrize("name", SERVERS)
def test_each_server_is_a_ready_node_of_that_version_on_docker(lab: RunningLab, name: str) -> None:
    node = lab.get("node", name)
    told = node["status"]["nodeInfo"]
    ready = {condition["type"]: condition["status"] for condition in node["status"]["conditions"]}
    assert ready["Ready"] == "True"
    assert told["kubeletVersion"] == "v1.37.2"
    assert told["containerRuntimeVersion"].startswith("docker://")


def test_the_first_server_is_the_control_plane_and_the_others_work(lab: RunningLab) -> None:
    nodes = {node["metadata"]["name"]: node for node in lab.get("nodes")["items"]}
    role = "node-role.kubernetes.io/control-plane"
    assert {name: role in node["metadata"]["labels"] for name, node in nodes.items()} == {
        "lab-1": True,
        "lab-2": False,
        "lab-3": False,
    }
    assert len({node["spec"]["podCIDR"] for node in nodes.values()}) == 3


@pytest.mark.parametrize("name", SERVERS)
def test_every_component_is_a_running_container_of_the_servers_own_docker(lab: RunningLab, name: str) -> None:
    wanted = (*CONTROL_PLANE, *EVERYWHERE) if name == lab.node else EVERYWHERE
    assert lab.components(name) == sorted(wanted)


@pytest.mark.parametrize("name", SERVERS)
def test_docker_inspect_shows_no_secret(lab: RunningLab, name: str) -> None:
    for container in lab.containers(name):
        found = SECRET.search(json.dumps(container))
        assert found is None, f"{container['Name']}: {found and found[0][:24]}…"


@pytest.mark.parametrize("name", SERVERS)
def test_no_command_line_shows_a_secret(lab: RunningLab, name: str) -> None:
    lines = lab.on_server("cat /proc/[0-9]*/cmdline 2>/dev/null | tr '\\0' '\\n'; true", node=name)
    assert SECRET.search(lines) is None


@pytest.mark.parametrize("name", SERVERS)
def test_keys_on_a_server_are_readable_by_their_owner_alone(lab: RunningLab, name: str) -> None:
    find = "find /etc/kubernetes /var/lib/fairlead -type f -exec grep -l 'PRIVATE KEY' {} + 2>/dev/null; true"
    keys = lab.on_server(find, node=name).split()
    assert keys
    modes = lab.on_server(f"stat -c '%a %n' {' '.join(keys)}", node=name).splitlines()
    assert [line for line in modes if not line.startswith("600 ")] == []


@pytest.mark.parametrize("name", SERVERS[1:])
def test_a_worker_has_no_key_of_an_authority(lab: RunningLab, name: str) -> None:
    assert lab.on_server("find /etc/kubernetes -name 'ca.key' -o -name 'sa.key'", node=name) == ""


@pytest.mark.parametrize("name", SERVERS)
def test_the_token_of_the_agent_is_gone_once_used(lab: RunningLab, name: str) -> None:
    assert lab.on_server("grep -rlE 'FLT1-[A-Z2-7]{52}-' /var/lib/fairlead; true", node=name).split() == []


def test_the_core_of_kubernetes_says_that_it_is_healthy(lab: RunningLab) -> None:
    assert lab.kubectl("get", "--raw", "/readyz") == "ok"
    assert lab.kubectl("get", "--raw", "/livez/etcd") == "ok"
