"""Every port that a node gives away. Those bound to 127.0.0.1 only are marked (L)."""

from __future__ import annotations

ETCD_CLIENT = 2379
ETCD_PEER = 2380
ETCD_METRICS = 2381
"""(L)"""
APISERVER = 6443
API_PROXY = 7443
"""(L) 6443 is taken on control planes, and one port everywhere is simpler."""
KUBELET_HEALTH = 10248
"""(L)"""
KUBE_PROXY_METRICS = 10249
"""(L)"""
KUBELET = 10250
FLANNEL_HEALTH = 10252
"""(L) kube-controller-manager's port before 1.24."""
COREDNS_HEALTH = 10253
"""(L) 8080 and 8181, the usual ones, belong to people's workloads."""
COREDNS_READY = 10254
"""(L)"""
KUBE_PROXY_HEALTH = 10256
CONTROLLER_MANAGER = 10257
"""(L)"""
SCHEDULER = 10259
"""(L)"""

LOCAL = "127.0.0.1"


def url(host: str, port: int) -> str:
    return f"https://{host}:{port}"
