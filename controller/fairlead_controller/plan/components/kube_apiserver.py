"""kube-apiserver: on each control plane, its own etcd first in the list of all."""

from __future__ import annotations

from fairlead_controller.plan import certificates, paths, ports
from fairlead_controller.plan.catalogue import APISERVER
from fairlead_controller.plan.components.part import Part, authorities, local_https, names, read_only, reread, secret
from fairlead_controller.plan.context import NodeContext
from fairlead_controller.plan.rendering import flags
from fairlead_wire.assignment import FileSpec
from fairlead_wire.task import Limits, TaskSpec

OWNED = names(
    """advertise-address secure-port bind-address client-ca-file etcd-servers etcd-cafile etcd-certfile etcd-keyfile
    kubelet-client-certificate kubelet-client-key kubelet-certificate-authority proxy-client-cert-file
    proxy-client-key-file requestheader-client-ca-file requestheader-allowed-names requestheader-username-headers
    requestheader-group-headers requestheader-extra-headers-prefix service-account-key-file
    service-account-signing-key-file service-account-issuer service-cluster-ip-range tls-cert-file
    tls-private-key-file"""
)
START_SECONDS = 180
SIGNING_KEY = f"{paths.SERVICE_ACCOUNT}/sa.key"
VERIFYING_KEY = f"{paths.SERVICE_ACCOUNT}/sa.pub"


def build(node: NodeContext) -> Part:
    files = (
        *authorities(node, certificates.CLUSTER, certificates.FRONT_PROXY, certificates.ETCD),
        *service_account_keys(node),
    )
    issued = certificates.apiserver_certificates(node)
    task = TaskSpec(
        APISERVER,
        node.cluster.release.image(APISERVER),
        entrypoint=("/usr/local/bin/kube-apiserver",),
        args=flags(_defaults(node), node.cluster.options(APISERVER).args),
        mounts=read_only(paths.certificates(APISERVER), paths.SERVICE_ACCOUNT, paths.AUTHORITIES),
        inputs=reread((*files, *issued)),
        probe=local_https(ports.APISERVER, "/readyz", START_SECONDS),
        limits=Limits(stop_seconds=30),
    )
    return Part(task, files, issued)


def service_account_keys(node: NodeContext) -> tuple[FileSpec, ...]:
    """Equal on all control planes: controller-manager signs with one what each apiserver verifies."""
    verifying = node.cluster.material.secrets.get("sa.pub", b"")
    return secret(node, SIGNING_KEY), FileSpec.of(VERIFYING_KEY, verifying)


def _defaults(node: NodeContext) -> dict[str, str]:
    network = node.cluster.spec.spec.network
    return {
        "advertise-address": node.address,
        "secure-port": str(ports.APISERVER),
        "allow-privileged": "true",
        "authorization-mode": "Node,RBAC",
        "enable-admission-plugins": "NodeRestriction",
        "client-ca-file": paths.CLUSTER_AUTHORITY,
        **_etcd(node),
        **_pair("kubelet-client-certificate", "kubelet-client-key", certificates.APISERVER_TO_KUBELET),
        "kubelet-certificate-authority": paths.CLUSTER_AUTHORITY,
        "kubelet-preferred-address-types": "InternalIP,ExternalIP,Hostname",
        **_pair("proxy-client-cert-file", "proxy-client-key-file", certificates.APISERVER_TO_EXTENSIONS),
        "requestheader-client-ca-file": paths.FRONT_PROXY_AUTHORITY,
        "requestheader-allowed-names": certificates.FRONT_PROXY_CLIENT,
        "requestheader-username-headers": "X-Remote-User",
        "requestheader-group-headers": "X-Remote-Group",
        "requestheader-extra-headers-prefix": "X-Remote-Extra-",
        "service-account-issuer": f"https://kubernetes.default.svc.{network.domain}",
        "service-account-key-file": VERIFYING_KEY,
        "service-account-signing-key-file": SIGNING_KEY,
        "service-cluster-ip-range": str(network.services),
        **_pair("tls-cert-file", "tls-private-key-file", certificates.APISERVER_SERVING),
        "profiling": "false",
    }


def _etcd(node: NodeContext) -> dict[str, str]:
    hosts = (ports.LOCAL, *(member.address for member in node.others))
    return {
        "etcd-servers": ",".join(ports.url(host, ports.ETCD_CLIENT) for host in hosts),
        "etcd-cafile": paths.ETCD_AUTHORITY,
        **_pair("etcd-certfile", "etcd-keyfile", certificates.APISERVER_TO_ETCD),
    }


def _pair(certificate_flag: str, key_flag: str, path: str) -> dict[str, str]:
    return {certificate_flag: path, key_flag: paths.key_of(path)}
