"""Cluster DNS, asked from a pod as any program asks it."""

from __future__ import annotations

import pytest

from .conftest import RunningLab


def addresses(lab: RunningLab, pod: str, name: str) -> set[str]:
    """The addresses that a pod gets for a name."""
    answer = lab.kubectl("exec", pod, "--", "getent", "ahostsv4", name)
    return {line.split()[0] for line in answer.splitlines()}


@pytest.mark.parametrize("name", ["kubernetes", "kubernetes.default", "kubernetes.default.svc.cluster.local"])
def test_a_pod_finds_the_service_of_kubernetes(lab: RunningLab, pod: str, name: str) -> None:
    assert addresses(lab, pod, name) == {"10.96.0.1"}


def test_a_pod_finds_the_dns_service_of_another_namespace(lab: RunningLab, pod: str) -> None:
    assert addresses(lab, pod, "kube-dns.kube-system") == {"10.96.0.10"}


def test_a_pod_finds_names_of_the_zone_file(lab: RunningLab, pod: str) -> None:
    assert addresses(lab, pod, "www.example.internal") == {"192.0.2.80"}


def test_a_pod_finds_names_outside(lab: RunningLab, pod: str) -> None:
    # The name that apt uses in this very image: the one that the walk needs.
    find = "grep -rhoE 'https?://[^/ ]+' /etc/apt/sources.list /etc/apt/sources.list.d | head -n 1"
    outside = lab.kubectl("exec", pod, "--", "sh", "-c", f"{find} 2>/dev/null").strip().rpartition("/")[2]
    assert addresses(lab, pod, outside)


def test_a_pod_reaches_a_service_by_its_name(lab: RunningLab, pod: str) -> None:
    lab.kubectl("delete", "service", pod, "--ignore-not-found")
    lab.kubectl("expose", "pod", pod, "--port=8080", "--target-port=80")
    try:
        ask = f"exec 3<>/dev/tcp/{pod}.default/8080; printf 'GET / HTTP/1.0\\r\\n\\r\\n' >&3; cat <&3"
        retry = f"for try in $(seq 50); do ({ask}) && exit 0; sleep 0.2; done; exit 1"
        page = lab.kubectl("exec", pod, "--", "bash", "-c", retry, timeout=60)
    finally:
        lab.kubectl("delete", "service", pod)
    assert "Welcome to nginx!" in page
