"""kube-scheduler: uses its own node's apiserver."""

from __future__ import annotations

from fairlead_controller.plan import certificates, kubeconfig, paths, ports
from fairlead_controller.plan.catalogue import SCHEDULER
from fairlead_controller.plan.components.part import Part, authorities, local_https, names, read_only, replacing, reread
from fairlead_controller.plan.context import NodeContext
from fairlead_controller.plan.rendering import flags
from fairlead_wire.task import TaskSpec

OWNED = names(
    """kubeconfig authentication-kubeconfig authorization-kubeconfig bind-address secure-port leader-elect
    tls-cert-file tls-private-key-file client-ca-file requestheader-client-ca-file master config"""
)
START_SECONDS = 180


def build(node: NodeContext) -> Part:
    access = kubeconfig.kubeconfig(SCHEDULER, node, kubeconfig.LOCAL_APISERVER)
    ca = authorities(node, certificates.CLUSTER, certificates.FRONT_PROXY)
    issued = (
        certificates.component_client(SCHEDULER, "system:kube-scheduler"),
        certificates.local_server(SCHEDULER, node),
    )
    own = (paths.configuration(SCHEDULER), paths.certificates(SCHEDULER))
    task = TaskSpec(
        SCHEDULER,
        node.cluster.release.image(SCHEDULER),
        entrypoint=("/usr/local/bin/kube-scheduler",),
        args=flags(_defaults(), node.cluster.options(SCHEDULER).args),
        mounts=read_only(*own, paths.AUTHORITIES),
        inputs=(replacing(access), *reread((*ca, *issued))),
        probe=local_https(ports.SCHEDULER, "/readyz", START_SECONDS),
    )
    return Part(task, (access, *ca), issued)


def _defaults() -> dict[str, str]:
    access, serving = kubeconfig.path(SCHEDULER), certificates.serving(SCHEDULER)
    return {
        "kubeconfig": access,
        "authentication-kubeconfig": access,
        "authorization-kubeconfig": access,
        "bind-address": ports.LOCAL,
        "leader-elect": "true",
        "client-ca-file": paths.CLUSTER_AUTHORITY,
        "requestheader-client-ca-file": paths.FRONT_PROXY_AUTHORITY,
        "tls-cert-file": serving,
        "tls-private-key-file": paths.key_of(serving),
        "profiling": "false",
    }
