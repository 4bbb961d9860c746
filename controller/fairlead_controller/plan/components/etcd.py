"""etcd: the cluster's memory. Data lies in a subdirectory, which can be moved aside at a restore."""

from __future__ import annotations

from fairlead_controller.plan import certificates, paths, ports
from fairlead_controller.plan.catalogue import ETCD
from fairlead_controller.plan.components.part import Part, authorities, local_http, names, read_only, reread, same
from fairlead_controller.plan.context import NodeContext
from fairlead_controller.plan.rendering import flags
from fairlead_wire.task import Footprint, Limits, TaskSpec

OWNED = names(
    """name data-dir wal-dir listen-client-urls advertise-client-urls listen-peer-urls initial-advertise-peer-urls
    initial-cluster initial-cluster-state initial-cluster-token cert-file key-file trusted-ca-file client-cert-auth
    peer-cert-file peer-key-file peer-trusted-ca-file peer-client-cert-auth listen-metrics-urls config-file
    force-new-cluster auto-tls peer-auto-tls"""
)
STOP_SECONDS = 30
"""It hands over leadership and writes its log out."""
START_SECONDS = 120
"""A member of several waits for the others."""


def build(node: NodeContext) -> Part:
    ca = authorities(node, certificates.ETCD)
    issued = certificates.etcd_certificates(node)
    task = TaskSpec(
        ETCD,
        node.cluster.release.image(ETCD),
        entrypoint=("/usr/local/bin/etcd",),
        args=flags(_defaults(node), node.cluster.options(ETCD).args),
        mounts=(same(paths.ETCD), *read_only(paths.certificates(ETCD), paths.AUTHORITIES)),
        inputs=reread((*ca, *issued)),
        probe=local_http(ports.ETCD_METRICS, "/readyz", START_SECONDS),
        limits=Limits(stop_seconds=STOP_SECONDS),
        footprint=Footprint(data_directories=(paths.ETCD_DATA,)),
        directories=(paths.ETCD,),
    )
    return Part(task, ca, issued)


def _defaults(node: NodeContext) -> dict[str, str]:
    server, peer = certificates.ETCD_SERVER, certificates.ETCD_MEMBER
    client_url, peer_url = ports.url(node.address, ports.ETCD_CLIENT), ports.url(node.address, ports.ETCD_PEER)
    return {
        "name": node.name,
        "data-dir": paths.ETCD_DATA,
        "listen-client-urls": f"{ports.url(ports.LOCAL, ports.ETCD_CLIENT)},{client_url}",
        "advertise-client-urls": client_url,
        "listen-peer-urls": peer_url,
        "initial-advertise-peer-urls": peer_url,
        "initial-cluster": _members(node),
        "initial-cluster-state": "new",
        "initial-cluster-token": node.cluster.cluster.name,
        "cert-file": server,
        "key-file": paths.key_of(server),
        "trusted-ca-file": paths.ETCD_AUTHORITY,
        "client-cert-auth": "true",
        "peer-cert-file": peer,
        "peer-key-file": paths.key_of(peer),
        "peer-trusted-ca-file": paths.ETCD_AUTHORITY,
        "peer-client-cert-auth": "true",
        "listen-metrics-urls": f"http://{ports.LOCAL}:{ports.ETCD_METRICS}",
        "snapshot-count": "10000",
        "feature-gates": "InitialCorruptCheck=true",
        "watch-progress-notify-interval": "5s",
    }


def _members(node: NodeContext) -> str:
    members = node.cluster.members
    return ",".join(f"{member.name}={ports.url(member.address, ports.ETCD_PEER)}" for member in members)
