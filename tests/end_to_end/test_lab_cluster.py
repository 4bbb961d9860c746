"""What the lab's server runs: real Kubernetes, in containers of its own Docker, with no secret in sight."""

from __future__ import annotations

import json
import re

from .conftest import COMPONENTS, RunningLab

# Private keys, join tokens and bearer tokens, as they look in text.
SECRET = re.compile(r"-----BEGIN [A-Z ]*PRIVATE KEY|FLT1-[A-Z2-7]+-[A-Z2-7]+|eyJ[\w-]{10,}\.[\w-]{10,}\.")


def test_the_server_is_a_ready_node_of_that_version_on_docker(lab: RunningLab) -> None:
    [node] = lab.get("nodes")["items"]
    told = node["status"]["nodeInfo"]
    ready = {condition["type"]: condition["status"] for condition in node["status"]["conditions"]}
    assert node["metadata"]["name"] == "lab-1"
    assert ready["Ready"] == "True"
    assert told["kubeletVersion"] == "v1.37.2"
    assert told["containerRuntimeVersion"].startswith("docker://")


def test_every_component_is_a_running_container_of_the_servers_own_docker(lab: RunningLab) -> None:
    running = [
        container["Config"]["Labels"]["fairlead.component"]
        for container in lab.containers()
        if container["State"]["Running"] and "fairlead.component" in container["Config"]["Labels"]
    ]
    assert sorted(running) == sorted(COMPONENTS)


def test_docker_inspect_shows_no_secret(lab: RunningLab) -> None:
    for container in lab.containers():
        found = SECRET.search(json.dumps(container))
        assert found is None, f"{container['Name']}: {found and found[0][:24]}…"


def test_no_command_line_shows_a_secret(lab: RunningLab) -> None:
    lines = lab.on_server("cat /proc/[0-9]*/cmdline 2>/dev/null | tr '\\0' '\\n'; true")
    assert SECRET.search(lines) is None


def test_keys_on_the_server_are_readable_by_their_owner_alone(lab: RunningLab) -> None:
    find = "find /etc/kubernetes /var/lib/fairlead -type f -exec grep -l 'PRIVATE KEY' {} + 2>/dev/null; true"
    keys = lab.on_server(find).split()
    assert keys
    modes = lab.on_server(f"stat -c '%a %n' {' '.join(keys)}").splitlines()
    assert [line for line in modes if not line.startswith("600 ")] == []


def test_the_token_of_the_agent_is_gone_once_used(lab: RunningLab) -> None:
    assert lab.on_server("grep -rlE 'FLT1-[A-Z2-7]{52}-' /var/lib/fairlead; true").split() == []


def test_the_core_of_kubernetes_says_that_it_is_healthy(lab: RunningLab) -> None:
    assert lab.kubectl("get", "--raw", "/readyz") == "ok"
    assert lab.kubectl("get", "--raw", "/livez/etcd") == "ok"
