"""Every certificate of a cluster: who it stands for, who signs it, what it is for. A year each; keys are P-256.

| authority   | signs                                                                                     |
|-------------|-------------------------------------------------------------------------------------------|
| cluster     | kube-apiserver, kubelets, clients of the apiserver; controller-manager and scheduler too,   |
|             | which would otherwise sign their own, and no probe could verify that it talks to them       |
| front-proxy | kube-apiserver as a client of aggregated APIs; not the cluster's, or any client could pose  |
| etcd        | etcd members and etcd's clients                                                            |
"""

from __future__ import annotations

from fairlead_controller.plan import addresses, catalogue, paths, ports
from fairlead_controller.plan.context import NodeContext
from fairlead_wire.assignment import CertificateSpec

CLUSTER, FRONT_PROXY, ETCD = "cluster", "front-proxy", "etcd"

CLUSTER_ADMINS = "fairlead:cluster-admins"
"""People's group, bound to cluster-admin by an object, which can be taken away again; system:masters can't."""
KUBELET_CLIENT = "kube-apiserver-kubelet-client"
FRONT_PROXY_CLIENT = "front-proxy-client"
FLANNEL_USER = "fairlead:flannel"
COREDNS_USER = "fairlead:coredns"


def people_subject(principal: str) -> tuple[str, str]:
    """Common name and organisation of the certificate in a person's kubeconfig."""
    return f"fairlead:{principal}", CLUSTER_ADMINS


def _path(component: str, name: str) -> str:
    return f"{paths.certificates(component)}/{name}.crt"


ETCD_SERVER = _path(catalogue.ETCD, "server")
ETCD_MEMBER = _path(catalogue.ETCD, "peer")
ETCD_OPERATOR = _path(catalogue.ETCD, "healthcheck-client")
APISERVER_SERVING = _path(catalogue.APISERVER, "apiserver")
APISERVER_TO_KUBELET = _path(catalogue.APISERVER, "apiserver-kubelet-client")
APISERVER_TO_ETCD = _path(catalogue.APISERVER, "apiserver-etcd-client")
APISERVER_TO_EXTENSIONS = _path(catalogue.APISERVER, "front-proxy-client")
AGENT_CLIENT = _path("agent", "client")


def client(component: str) -> str:
    """The path of the certificate with which this component calls the apiserver."""
    return _path(component, "client")


def serving(component: str) -> str:
    """The path of the certificate that this component serves with."""
    return _path(component, "serving")


def etcd_certificates(node: NodeContext) -> tuple[CertificateSpec, ...]:
    """etcd's gateway calls itself, and members call each other: server certificates that are clients' too."""
    names, numbers = (node.name, "localhost"), (node.address, ports.LOCAL, "::1")
    return (
        CertificateSpec(ETCD_SERVER, ETCD, node.name, "", names, numbers, server=True, client=True),
        CertificateSpec(ETCD_MEMBER, ETCD, node.name, "", names, numbers, server=True, client=True),
        CertificateSpec(ETCD_OPERATOR, ETCD, "kube-etcd-healthcheck-client", client=True),
    )


def apiserver_certificates(node: NodeContext) -> tuple[CertificateSpec, ...]:
    """No organisation for the kubelet client: an object binds it to exactly what it needs."""
    names, numbers = _apiserver_names(node)
    return (
        CertificateSpec(APISERVER_SERVING, CLUSTER, "kube-apiserver", "", names, numbers, server=True),
        CertificateSpec(APISERVER_TO_KUBELET, CLUSTER, KUBELET_CLIENT, client=True),
        CertificateSpec(APISERVER_TO_ETCD, ETCD, "kube-apiserver-etcd-client", client=True),
        CertificateSpec(APISERVER_TO_EXTENSIONS, FRONT_PROXY, FRONT_PROXY_CLIENT, client=True),
    )


def _apiserver_names(node: NodeContext) -> tuple[tuple[str, ...], tuple[str, ...]]:
    spec = node.cluster.spec.spec
    service = f"kubernetes.default.svc.{spec.network.domain}"
    names = [node.name, "kubernetes", "kubernetes.default", "kubernetes.default.svc", service, "localhost"]
    numbers = [node.address, ports.LOCAL, str(addresses.apiserver_service(spec.network))]
    if spec.endpoint:
        host, _ = addresses.split_endpoint(spec.endpoint)
        (numbers if host.replace(".", "").isdigit() else names).append(host)
    return tuple(dict.fromkeys(names)), tuple(dict.fromkeys(numbers))


def local_server(component: str, node: NodeContext) -> CertificateSpec:
    """For a component that serves on 127.0.0.1 only."""
    return CertificateSpec(
        serving(component), CLUSTER, component, "", (node.name, "localhost"), (ports.LOCAL,), server=True
    )


def kubelet_certificates(node: NodeContext) -> tuple[CertificateSpec, ...]:
    """The common name has to be the Node's name: the Node authoriser goes by it."""
    name, group = f"system:node:{node.name}", "system:nodes"
    return (
        CertificateSpec(client(catalogue.KUBELET), CLUSTER, name, group, client=True),
        CertificateSpec(serving(catalogue.KUBELET), CLUSTER, name, group, (node.name,), (node.address,), server=True),
    )


def component_client(component: str, common_name: str) -> CertificateSpec:
    return CertificateSpec(client(component), CLUSTER, common_name, client=True)


def agent_certificate(node: NodeContext) -> CertificateSpec:
    """What a control plane's agent applies objects with.

    system:masters, because the very bindings that would give it its rights are among what it applies, so that nothing
    else can let it in; the key stays on control planes, whose disks hold the cluster authority's key already.
    """
    return CertificateSpec(AGENT_CLIENT, CLUSTER, f"fairlead:agent:{node.name}", "system:masters", client=True)
