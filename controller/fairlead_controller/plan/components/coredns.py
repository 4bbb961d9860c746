"""coredns: on every node, bound to the node's address, so that 127.0.0.53 and Docker's 127.0.0.11 stay free."""

from __future__ import annotations

from fairlead_controller.plan import certificates, kubeconfig, paths, ports
from fairlead_controller.plan.catalogue import COREDNS
from fairlead_controller.plan.components.part import Part, authorities, local_http, read_only, replacing, reread
from fairlead_controller.plan.context import NodeContext
from fairlead_wire.assignment import FileSpec
from fairlead_wire.task import Mount, TaskSpec

COREFILE = f"{paths.configuration(COREDNS)}/Corefile"
ZONES = f"{paths.configuration(COREDNS)}/zones"
HOST_RESOLVERS = "/etc/resolv.conf"
START_SECONDS = 300
"""It is ready once it has Services and Endpoints from an apiserver that lets it in."""


def build(node: NodeContext) -> Part:
    access = kubeconfig.kubeconfig(COREDNS, node)
    zones = _zone_files(node)
    corefile = FileSpec.of(COREFILE, _corefile(node, zones))
    ca = authorities(node, certificates.CLUSTER)
    issued = (certificates.component_client(COREDNS, certificates.COREDNS_USER),)
    own = (paths.configuration(COREDNS), paths.certificates(COREDNS), paths.AUTHORITIES)
    task = TaskSpec(
        COREDNS,
        node.cluster.release.image(COREDNS),
        entrypoint=("/coredns",),
        args=("-conf", COREFILE),
        mounts=(*read_only(*own), *_resolver_mounts(node)),
        inputs=(replacing(access), *reread((corefile, *zones, *ca, *issued))),
        probe=local_http(ports.COREDNS_READY, "/ready", START_SECONDS),
    )
    return Part(task, (corefile, *zones, access, *ca), issued)


def _zone_files(node: NodeContext) -> tuple[FileSpec, ...]:
    declared, content = node.cluster.spec.spec.dns.zones, node.cluster.cluster.files
    return tuple(FileSpec.of(f"{ZONES}/{zone}.zone", content.get(path, "")) for zone, path in sorted(declared.items()))


def _corefile(node: NodeContext, zones: tuple[FileSpec, ...]) -> str:
    blocks = [_zone_block(node, zone) for zone in zones]
    return "\n".join([*blocks, _main_block(node)])


def _zone_block(node: NodeContext, file: FileSpec) -> str:
    """`nsid` tells whoever asks (`dig +nsid`) which node and version of the zone answered. It is also what makes
    CoreDNS read an edited zone at once: it looks at the zone file only for a raised serial, at this file for changes.
    """
    zone = file.path.removeprefix(f"{ZONES}/").removesuffix(".zone")
    return f"""\
{zone}:53 {{
    bind {node.address}
    errors
    nsid {node.name}/{file.digest[:8]}
    file {file.path}
}}
"""


def _main_block(node: NodeContext) -> str:
    domain = node.cluster.spec.spec.network.domain
    return f"""\
.:53 {{
    bind {node.address}
    errors
    health {ports.LOCAL}:{ports.COREDNS_HEALTH}
    ready {ports.LOCAL}:{ports.COREDNS_READY}
    kubernetes {domain} in-addr.arpa ip6.arpa {{
        kubeconfig {kubeconfig.path(COREDNS)}
        pods insecure
        fallthrough in-addr.arpa ip6.arpa
        ttl 30
    }}
    forward . {" ".join(_resolvers(node))} {{
        max_concurrent 1000
    }}
    cache 30
    loop
    reload 5s 2s
    loadbalance
}}
"""


def _resolvers(node: NodeContext) -> tuple[str, ...]:
    """/etc/resolv.conf stands for the host's resolvers, wherever the host keeps them."""
    forward = node.cluster.spec.spec.dns.forward
    return tuple(node.facts.resolv_conf if target == HOST_RESOLVERS else target for target in forward)


def _resolver_mounts(node: NodeContext) -> tuple[Mount, ...]:
    """The directory of each file of resolvers; /etc/resolv.conf itself Docker hands to containers on the host's
    network."""
    files = (target for target in _resolvers(node) if target.startswith("/") and target != HOST_RESOLVERS)
    return read_only(*dict.fromkeys(path.rpartition("/")[0] for path in files))
