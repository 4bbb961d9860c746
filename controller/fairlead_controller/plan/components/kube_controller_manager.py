"""kube-controller-manager: uses its own node's apiserver. It gives out no pod ranges; the planner does."""

from __future__ import annotations

from fairlead_controller.plan import certificates, kubeconfig, paths, ports
from fairlead_controller.plan.catalogue import CONTROLLER_MANAGER
from fairlead_controller.plan.components.kube_apiserver import SIGNING_KEY, service_account_keys
from fairlead_controller.plan.components.part import (
    Part,
    authorities,
    local_https,
    names,
    read_only,
    replacing,
    reread,
    secret,
)
from fairlead_controller.plan.context import NodeContext
from fairlead_controller.plan.rendering import flags
from fairlead_wire.task import TaskSpec

OWNED = names(
    """kubeconfig authentication-kubeconfig authorization-kubeconfig bind-address secure-port leader-elect
    allocate-node-cidrs cluster-cidr client-ca-file requestheader-client-ca-file root-ca-file tls-cert-file
    tls-private-key-file cluster-signing-cert-file cluster-signing-key-file service-account-private-key-file
    use-service-account-credentials master"""
)
START_SECONDS = 180
SIGNER_KEY = f"{paths.certificates(CONTROLLER_MANAGER)}/ca.key"
"""The cluster authority's key, in a directory that only this component mounts."""


def build(node: NodeContext) -> Part:
    access = kubeconfig.kubeconfig(CONTROLLER_MANAGER, node, kubeconfig.LOCAL_APISERVER)
    keys = (
        *authorities(node, certificates.CLUSTER, certificates.FRONT_PROXY),
        *service_account_keys(node),
        secret(node, SIGNER_KEY),
    )
    issued = (
        certificates.component_client(CONTROLLER_MANAGER, "system:kube-controller-manager"),
        certificates.local_server(CONTROLLER_MANAGER, node),
    )
    own = (paths.configuration(CONTROLLER_MANAGER), paths.certificates(CONTROLLER_MANAGER))
    task = TaskSpec(
        CONTROLLER_MANAGER,
        node.cluster.release.image(CONTROLLER_MANAGER),
        entrypoint=("/usr/local/bin/kube-controller-manager",),
        args=flags(_defaults(node), node.cluster.options(CONTROLLER_MANAGER).args),
        mounts=read_only(*own, paths.SERVICE_ACCOUNT, paths.AUTHORITIES),
        inputs=(replacing(access), *reread((*keys, *issued))),
        probe=local_https(ports.CONTROLLER_MANAGER, "/healthz", START_SECONDS),
    )
    return Part(task, (access, *keys), issued)


def _defaults(node: NodeContext) -> dict[str, str]:
    access, serving = kubeconfig.path(CONTROLLER_MANAGER), certificates.serving(CONTROLLER_MANAGER)
    return {
        "kubeconfig": access,
        "authentication-kubeconfig": access,
        "authorization-kubeconfig": access,
        "bind-address": ports.LOCAL,
        "leader-elect": "true",
        "use-service-account-credentials": "true",
        "allocate-node-cidrs": "false",
        "cluster-cidr": str(node.cluster.spec.spec.network.pods),
        "client-ca-file": paths.CLUSTER_AUTHORITY,
        "requestheader-client-ca-file": paths.FRONT_PROXY_AUTHORITY,
        "root-ca-file": paths.CLUSTER_AUTHORITY,
        "cluster-signing-cert-file": paths.CLUSTER_AUTHORITY,
        "cluster-signing-key-file": SIGNER_KEY,
        "service-account-private-key-file": SIGNING_KEY,
        "tls-cert-file": serving,
        "tls-private-key-file": paths.key_of(serving),
        "profiling": "false",
    }
