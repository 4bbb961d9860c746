"""The Kubernetes objects that Fairlead keeps. Each control plane's agent applies all of them to its own apiserver.

Names are "kind/namespace/name", and "kind/name" without a namespace: server-side apply, field manager `fairlead`,
with force. A name that begins with "patch/" is a merge patch of an object that others make (the kubelet makes its
Node): applied to what exists, never making it, so a 404 means "not yet".
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import lru_cache
from typing import Any

from fairlead_controller.plan import addresses, certificates
from fairlead_controller.plan.context import ClusterContext, NodeContext
from fairlead_wire.assignment import ObjectSpec, Removal, RemovalKind
from fairlead_wire.task import canonical_json

RBAC = "rbac.authorization.k8s.io"
CONTROL_PLANE_LABEL = "node-role.kubernetes.io/control-plane"
PATCH = "patch/"
TAINT = {"key": CONTROL_PLANE_LABEL, "effect": "NoSchedule"}
LABELS = {"app.kubernetes.io/managed-by": "fairlead"}
DNS_SERVICE = "kube-dns"
DNS_PORTS = ({"name": "dns", "port": 53, "protocol": "UDP"}, {"name": "dns-tcp", "port": 53, "protocol": "TCP"})


def cluster_objects(cluster: ClusterContext, nodes: Iterable[NodeContext]) -> tuple[ObjectSpec, ...]:
    """All objects of a cluster with these nodes."""
    each = (spec for node in nodes for spec in (_node(node), _dns_slice(node)))
    return (*_access(), _dns_service(cluster), *each)


def removal(spec: ObjectSpec, revision: int) -> Removal:
    """What takes away an object that is no longer wanted. A patched Node is only unwanted once its node has left.

    The hash is the revision that asks for it: an object may be removed, made and removed again, each time as news.
    """
    name = spec.name.removeprefix(PATCH)
    return Removal(RemovalKind.OBJECT, name, f"r{revision}", f"{name} is no longer wanted", path=spec.path)


def _access() -> tuple[ObjectSpec, ...]:
    return (
        # The apiserver's way to kubelets: logs, exec. Upstream has the role and binds nobody to it.
        _binding("fairlead:kubelet-client", "system:kubelet-api-admin", "User", certificates.KUBELET_CLIENT),
        _binding(certificates.CLUSTER_ADMINS, "cluster-admin", "Group", certificates.CLUSTER_ADMINS),
        _role(
            certificates.FLANNEL_USER,
            _rule("", ["pods"], ["get"]),
            _rule("", ["nodes"], ["get", "list", "watch"]),
            _rule("", ["nodes/status"], ["patch"]),
        ),
        _binding(certificates.FLANNEL_USER, certificates.FLANNEL_USER, "User", certificates.FLANNEL_USER),
        _role(
            certificates.COREDNS_USER,
            _rule("", ["namespaces", "pods", "services"], ["list", "watch"]),
            _rule("discovery.k8s.io", ["endpointslices"], ["list", "watch"]),
        ),
        _binding(certificates.COREDNS_USER, certificates.COREDNS_USER, "User", certificates.COREDNS_USER),
    )


def _rule(group: str, resources: list[str], verbs: list[str]) -> dict[str, Any]:
    return {"apiGroups": [group], "resources": resources, "verbs": verbs}


def _role(name: str, *rules: dict[str, Any]) -> ObjectSpec:
    manifest = {"rules": list(rules)}
    return _object(f"clusterrole/{name}", f"/apis/{RBAC}/v1/clusterroles/{name}", f"{RBAC}/v1", "ClusterRole", manifest)


def _binding(name: str, role: str, subject_kind: str, subject: str) -> ObjectSpec:
    manifest = {
        "roleRef": {"apiGroup": RBAC, "kind": "ClusterRole", "name": role},
        "subjects": [{"apiGroup": RBAC, "kind": subject_kind, "name": subject}],
    }
    path = f"/apis/{RBAC}/v1/clusterrolebindings/{name}"
    return _object(f"clusterrolebinding/{name}", path, f"{RBAC}/v1", "ClusterRoleBinding", manifest)


def _dns_service(cluster: ClusterContext) -> ObjectSpec:
    """Without a selector: its endpoints are containers, not pods. Local: a query stays on its node, so no dead node
    takes a share of them."""
    labels = {"k8s-app": DNS_SERVICE, "kubernetes.io/cluster-service": "true", "kubernetes.io/name": "CoreDNS"}
    spec = {
        "clusterIP": str(addresses.dns_service(cluster.spec.spec.network)),
        "internalTrafficPolicy": "Local",
        "ports": list(DNS_PORTS),
    }
    path = f"/api/v1/namespaces/kube-system/services/{DNS_SERVICE}"
    return _object(f"service/kube-system/{DNS_SERVICE}", path, "v1", "Service", {"spec": spec}, labels)


@lru_cache(maxsize=8192)
def _dns_slice(node: NodeContext) -> ObjectSpec:
    name = f"{DNS_SERVICE}-{node.name}"
    labels = {"kubernetes.io/service-name": DNS_SERVICE, "endpointslice.kubernetes.io/managed-by": "fairlead"}
    endpoint = {"addresses": [node.address], "conditions": {"ready": True}, "nodeName": node.name}
    content = {"addressType": "IPv4", "ports": list(DNS_PORTS), "endpoints": [endpoint]}
    path = f"/apis/discovery.k8s.io/v1/namespaces/kube-system/endpointslices/{name}"
    return _object(f"endpointslice/kube-system/{name}", path, "discovery.k8s.io/v1", "EndpointSlice", content, labels)


@lru_cache(maxsize=8192)
def _node(node: NodeContext) -> ObjectSpec:
    """Pod range and role of a Node. Server-side apply would make a Node that is not there; this does not.

    A kubelet taints its Node when it registers and never again, but workers come and go. The agent leaves all other
    taints as they are.
    """
    pods = str(node.pod_range)
    labels = {CONTROL_PLANE_LABEL: "" if node.control_plane else None}
    spec: dict[str, Any] = {"podCIDR": pods, "podCIDRs": [pods]}
    if node.control_plane:
        spec["taints"] = [TAINT if node.tainted else {**TAINT, "$patch": "delete"}]
    manifest = {"metadata": {"labels": labels}, "spec": spec}
    return ObjectSpec.of(f"{PATCH}node/{node.name}", f"/api/v1/nodes/{node.name}", canonical_json(manifest))


def _object(
    name: str,
    path: str,
    version: str,
    kind: str,
    content: Mapping[str, Any],
    labels: Mapping[str, str] | None = None,
) -> ObjectSpec:
    parts = name.split("/")
    metadata: dict[str, Any] = {"name": parts[-1], "labels": {**LABELS, **(labels or {})}}
    if len(parts) == 3:
        metadata["namespace"] = parts[1]
    manifest = {"apiVersion": version, "kind": kind, "metadata": metadata, **content}
    return ObjectSpec.of(name, path, canonical_json(manifest))
