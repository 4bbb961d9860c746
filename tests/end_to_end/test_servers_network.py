"""Pods, Services, NodePorts and DNS across servers, asked for as programs do: by TCP, from pods and from hosts."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from fairlead_cli.lab import network, outer
from fairlead_cli.lab.processes import attempt

from .conftest import RunningLab

PAGE = "Welcome to nginx!"
PAYLOAD_BYTES = 1 << 20  # far more than one packet of any size holds, so each of the full ones has to pass
# A new Service takes a moment to reach every node.
FETCH = """\
try=0
until exec 3<>/dev/tcp/{host}/{port}; do try=$((try + 1)); [ $try -lt 50 ] || exit 1; sleep 0.2; done 2>/dev/null
printf 'GET /{path} HTTP/1.0\\r\\nX-Filler: {filler}\\r\\n\\r\\n' >&3
timeout 20 cat <&3"""


def fetch(host: str, port: int, path: str = "", filler: int = 0) -> str:
    """A script for bash that prints what a web server answers; `filler` is the length of a header."""
    return FETCH.format(host=host, port=port, path=path, filler="x" * filler)


class Pods:
    """A pod with nginx on each server, and a Service in front of all of them."""

    def __init__(self, lab: RunningLab) -> None:
        self.lab = lab
        self.nodes = lab.lab.nodes

    def make(self) -> None:
        """Makes pods and Service, and waits until the pods are Ready."""
        for node in self.nodes:
            self.lab.kubectl("create", "-f", "-", stdin=json.dumps(manifest(node)))
        self.lab.kubectl("expose", "pod", f"on-{self.nodes[0]}", "--name=each", "--type=NodePort", "--port=8080",
                         "--target-port=80", "--selector=app=each")  # fmt: skip
        names = [f"pod/on-{node}" for node in self.nodes]
        self.lab.kubectl("wait", "--for=condition=Ready", *names, "--timeout=120s", timeout=130)

    def remove(self) -> None:
        """Removes them, if they are there."""
        self.lab.kubectl("delete", "service,pod", "--selector=app=each", "--timeout=60s", timeout=70)

    def address(self, node: str) -> str:
        """The address of the pod on a server."""
        return str(self.lab.get("pod", f"on-{node}")["status"]["podIP"])

    def inside(self, node: str, script: str) -> str:
        """What a script prints in the pod on a server."""
        return self.lab.kubectl("exec", "-i", f"on-{node}", "--", "bash", stdin=script)

    @property
    def service(self) -> str:
        """The address of the Service."""
        return str(self.lab.get("service", "each")["spec"]["clusterIP"])

    @property
    def node_port(self) -> int:
        """The Service's port on every node."""
        return int(self.lab.get("service", "each")["spec"]["ports"][0]["nodePort"])


def manifest(node: str) -> dict[str, object]:
    """A pod that runs on this server and nowhere else, control plane or not."""
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": f"on-{node}", "labels": {"app": "each"}},
        "spec": {
            "nodeSelector": {"kubernetes.io/hostname": node},
            "tolerations": [{"operator": "Exists"}],
            "containers": [{"name": "nginx", "image": "nginx"}],
        },
    }


@pytest.fixture(scope="module")
def pods(lab: RunningLab) -> Iterator[Pods]:
    """Pods on all servers."""
    found = Pods(lab)
    found.remove()
    found.make()
    yield found
    found.remove()


PAIRS = [(one, other) for one in (1, 2, 3) for other in (1, 2, 3) if one != other]
SERVERS = ["lab-1", "lab-2", "lab-3"]


@pytest.mark.parametrize(("one", "other"), PAIRS)
def test_pods_of_different_nodes_reach_each_other(pods: Pods, one: int, other: int) -> None:
    assert PAGE in pods.inside(f"lab-{one}", fetch(pods.address(f"lab-{other}"), 80))


def test_a_pod_sees_the_address_of_the_pod_that_asks(pods: Pods) -> None:
    """Nothing on the way translates addresses: network policies and logs depend on that."""
    pods.inside("lab-2", fetch(pods.address("lab-3"), 80, "who-asks"))
    logged = pods.lab.kubectl("logs", "on-lab-3").splitlines()
    asked = [line.split()[0] for line in logged if '"GET /who-asks HTTP/1.0" 404' in line]
    assert asked == [pods.address("lab-2")]


@pytest.mark.parametrize(("one", "other"), [("lab-2", "lab-3"), ("lab-3", "lab-1"), ("lab-1", "lab-2")])
def test_more_than_a_packet_holds_comes_through_whole(pods: Pods, tmp_path: Path, one: str, other: str) -> None:
    content = os.urandom(PAYLOAD_BYTES)
    (tmp_path / "payload").write_bytes(content)
    pods.lab.kubectl("cp", str(tmp_path / "payload"), f"on-{other}:/tmp/payload")
    where = "$(sed -n 's/^ *root *\\([^;]*\\);.*/\\1/p' /etc/nginx/conf.d/default.conf | head -n 1)"
    pods.inside(other, f"cp /tmp/payload {where}/payload; chmod 644 {where}/payload")
    script = fetch(pods.address(other), 80, "payload", filler=4000) + " | sed '1,/^\\r$/d' | sha256sum"
    assert pods.inside(one, script).split()[0] == hashlib.sha256(content).hexdigest()


@pytest.mark.parametrize("node", SERVERS)
def test_a_service_answers_in_pods_by_address_and_by_name(pods: Pods, node: str) -> None:
    assert PAGE in pods.inside(node, fetch(pods.service, 8080))
    assert PAGE in pods.inside(node, fetch("each.default.svc.cluster.local", 8080))


@pytest.mark.parametrize("node", SERVERS)
def test_a_service_and_every_pod_answer_on_hosts(pods: Pods, node: str) -> None:
    for host, port in ((pods.service, 8080), *((pods.address(other), 80) for other in SERVERS)):
        assert PAGE in bash_on(node, fetch(host, port)), f"{host} from {node}"


@pytest.mark.parametrize("node", SERVERS)
def test_a_node_port_answers_on_every_node_from_anywhere(pods: Pods, node: str) -> None:
    position = pods.nodes.index(node)
    address = str(network.addresses(pods.lab.lab).server(position))
    script = fetch(address, pods.node_port)
    assert PAGE in attempt(["bash", "-c", script], timeout=30).output
    for other in SERVERS:
        assert PAGE in bash_on(other, script), f"{node} from {other}"


def bash_on(node: str, script: str) -> str:
    """What a script for bash prints on a server's host."""
    return outer.try_docker("exec", "-i", node, "bash", timeout=40, stdin=script).output


@pytest.mark.parametrize("node", SERVERS)
@pytest.mark.parametrize(
    ("name", "address"),
    [
        ("kubernetes", "10.96.0.1"),
        ("kube-dns.kube-system.svc.cluster.local", "10.96.0.10"),
        ("www.example.internal", "192.0.2.80"),
    ],
)
def test_dns_answers_on_each_node(pods: Pods, node: str, name: str, address: str) -> None:
    assert pods.inside(node, f"getent ahostsv4 {name}").split()[0] == address


@pytest.mark.parametrize("node", SERVERS)
def test_dns_answers_for_names_outside_on_each_node(pods: Pods, node: str) -> None:
    find = "grep -rhoE 'https?://[^/ ]+' /etc/apt/sources.list /etc/apt/sources.list.d 2>/dev/null | head -n 1"
    outside = pods.inside(node, find).strip().rpartition("/")[2]
    assert pods.inside(node, f"getent ahostsv4 {outside}").split()


@pytest.mark.parametrize("node", SERVERS)
def test_exec_and_logs_reach_the_pods_of_every_node(pods: Pods, node: str) -> None:
    pods.inside(node, f"echo seen-on-{node} > /proc/1/fd/1")
    assert f"seen-on-{node}" in pods.lab.kubectl("logs", f"on-{node}")


@pytest.mark.parametrize("node", SERVERS)
def test_a_pod_reaches_the_apiserver_from_every_node(pods: Pods, node: str) -> None:
    assert "opened" in pods.inside(node, "exec 3<>/dev/tcp/kubernetes.default/443 && echo opened")
