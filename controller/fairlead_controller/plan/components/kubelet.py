"""kubelet: a container that mounts for the host, so it shares /var/lib/kubelet with it both ways."""

from __future__ import annotations

from typing import Any

from fairlead_controller.plan import addresses, certificates, kubeconfig, paths, ports
from fairlead_controller.plan.catalogue import KUBELET
from fairlead_controller.plan.components.part import Part, authorities, names, read_only, replacing, reread, same
from fairlead_controller.plan.context import NodeContext
from fairlead_controller.plan.objects import TAINT
from fairlead_controller.plan.rendering import document, flags, merged
from fairlead_wire.assignment import FileSpec
from fairlead_wire.task import Footprint, Mount, Probe, ProbeKind, Propagation, TaskSpec

OWNED = names(
    """config kubeconfig bootstrap-kubeconfig hostname-override node-ip root-dir cert-dir
    container-runtime-endpoint rotate-certificates tls-cert-file tls-private-key-file client-ca-file cluster-dns
    cluster-domain"""
)
OWNED_CONFIG = names(
    """apiVersion kind containerRuntimeEndpoint clusterDNS clusterDomain tlsCertFile tlsPrivateKeyFile
    rotateCertificates serverTLSBootstrap healthzBindAddress healthzPort port registerWithTaints"""
)
CONFIGURATION = f"{paths.configuration(KUBELET)}/config.yaml"
START_SECONDS = 300
"""It is healthy once its Node is Ready: that takes every other component, some of whose images are still coming."""
POD_CONTAINERS = ("io.kubernetes.docker.type=container", "io.kubernetes.docker.type=podsandbox")
"""Containers go before the sandboxes whose network they use."""


def build(node: NodeContext) -> Part:
    access = kubeconfig.kubeconfig(KUBELET, node)
    content = merged(_configuration(node), node.cluster.options(KUBELET).config)
    configuration = FileSpec.of(CONFIGURATION, document(content))
    ca = authorities(node, certificates.CLUSTER)
    issued = certificates.kubelet_certificates(node)
    task = TaskSpec(
        KUBELET,
        node.cluster.release.image(KUBELET),
        entrypoint=("/usr/local/bin/kubelet",),
        args=flags(_defaults(node), node.cluster.options(KUBELET).args),
        mounts=_mounts(node),
        inputs=(replacing(configuration), replacing(access), *reread((*ca, *issued))),
        privileged=True,
        host_pid=True,
        probe=_probe(node),
        footprint=Footprint(directories=(paths.KUBELET, *paths.POD_LOGS), container_labels=POD_CONTAINERS),
        directories=(f"{paths.KUBELET}:rshared", *paths.POD_LOGS, "/lib/modules"),
    )
    return Part(task, (configuration, access, *ca), issued)


def _probe(node: NodeContext) -> Probe:
    return Probe(
        ProbeKind.NODE_READY,
        ports.LOCAL,
        ports.API_PROXY,
        f"/api/v1/nodes/{node.name}",
        paths.CLUSTER_AUTHORITY,
        certificates.client(KUBELET),
        START_SECONDS * 1000,
    )


def _defaults(node: NodeContext) -> dict[str, str]:
    return {
        "config": CONFIGURATION,
        "kubeconfig": kubeconfig.path(KUBELET),
        "hostname-override": node.name,
        "node-ip": node.address,
        "root-dir": paths.KUBELET,
        "cert-dir": f"{paths.KUBELET}/pki",
    }


def _mounts(node: NodeContext) -> tuple[Mount, ...]:
    own = (paths.configuration(KUBELET), paths.certificates(KUBELET), paths.AUTHORITIES)
    return (
        *read_only(*own, "/etc/machine-id", "/etc/os-release", "/lib/modules"),
        same(paths.KUBELET, Propagation.SHARED),
        *(same(path) for path in paths.POD_LOGS),
        same("/run", Propagation.SLAVE),
        # Log files of pods are links into it.
        same(node.facts.docker_root, Propagation.SLAVE),
        same("/sys"),
        same("/dev"),
    )


def _configuration(node: NodeContext) -> dict[str, Any]:
    network, serving = node.cluster.spec.spec.network, certificates.serving(KUBELET)
    return {
        "apiVersion": "kubelet.config.k8s.io/v1beta1",
        "kind": "KubeletConfiguration",
        "containerRuntimeEndpoint": f"unix://{paths.CRI_SOCKET}",
        "authentication": {
            "anonymous": {"enabled": False},
            "webhook": {"enabled": True},
            "x509": {"clientCAFile": paths.CLUSTER_AUTHORITY},
        },
        "authorization": {"mode": "Webhook"},
        "clusterDomain": network.domain,
        "clusterDNS": [str(addresses.dns_service(network))],
        "resolvConf": node.facts.resolv_conf,
        "tlsCertFile": serving,
        "tlsPrivateKeyFile": paths.key_of(serving),
        # Fairlead is the only one who renews certificates.
        "rotateCertificates": False,
        "readOnlyPort": 0,
        "healthzBindAddress": ports.LOCAL,
        "healthzPort": ports.KUBELET_HEALTH,
        "failSwapOn": False,
        "seccompDefault": True,
        # cri-dockerd can't reopen a log file; Docker rotates below this size.
        "containerLogMaxSize": "50Mi",
        # cri-dockerd's streaming address has no scheme: with it, exec, attach and port-forward fail.
        "featureGates": {"ExtendWebSocketsToKubelet": False},
        **_cgroups(node),
        **({"registerWithTaints": [TAINT]} if node.tainted else {}),
    }


def _cgroups(node: NodeContext) -> dict[str, Any]:
    """Since 1.35 a kubelet refuses cgroup v1 unless told not to."""
    driver = {"cgroupDriver": node.facts.cgroup_driver}
    return driver if node.facts.cgroup_version >= 2 else {**driver, "failCgroupV1": False}
