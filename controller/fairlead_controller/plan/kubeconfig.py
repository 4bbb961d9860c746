"""Kubeconfigs of components. They name certificate and key files, so they hold no secret and outlive a renewal."""

from __future__ import annotations

from functools import lru_cache

from fairlead_controller.plan import certificates, paths, ports
from fairlead_controller.plan.context import NodeContext
from fairlead_controller.plan.rendering import document
from fairlead_wire.assignment import FileSpec

LOCAL_APISERVER = ports.url(ports.LOCAL, ports.APISERVER)
"""For controller-manager and scheduler: never older than the apiserver that they talk to."""
ANY_APISERVER = ports.url(ports.LOCAL, ports.API_PROXY)


def path(component: str) -> str:
    return f"{paths.configuration(component)}/kubeconfig"


def kubeconfig(component: str, node: NodeContext, server: str = ANY_APISERVER) -> FileSpec:
    return _file(component, node.cluster.cluster.name, server)


@lru_cache(maxsize=1024)
def _file(component: str, name: str, server: str) -> FileSpec:
    """The same on every node. Mode 0600 all the same: benchmarks for hardening look at it."""
    certificate = certificates.client(component)
    cluster = {"server": server, "certificate-authority": paths.CLUSTER_AUTHORITY}
    user = {"client-certificate": certificate, "client-key": paths.key_of(certificate)}
    content = {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{"name": name, "cluster": cluster}],
        "users": [{"name": component, "user": user}],
        "contexts": [{"name": name, "context": {"cluster": name, "user": component}}],
        "current-context": name,
    }
    return FileSpec.of(path(component), document(content), mode=0o600)
