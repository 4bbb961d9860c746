"""api-proxy: HAProxy on 127.0.0.1:7443 of every node, in front of the apiservers that are ready."""

from __future__ import annotations

from functools import lru_cache

from fairlead_controller.plan import certificates, paths, ports
from fairlead_controller.plan.catalogue import API_PROXY
from fairlead_controller.plan.components.part import Part, authorities, read_only, reread
from fairlead_controller.plan.context import Member, NodeContext
from fairlead_wire.assignment import FileSpec
from fairlead_wire.task import Input, OnChange, Probe, ProbeKind, TaskSpec

CONFIGURATION = f"{paths.configuration(API_PROXY)}/haproxy.cfg"
START_SECONDS = 30

# `maxconn`: HAProxy sizes its tables by the limit on open files, which Docker may set to a thousand million.
# Timeouts: a watch or `kubectl exec` is silent for hours; keepalives find out who is gone.
# `shutdown-sessions`: clients of an apiserver that went away dial anew at once and get another one.
_TEMPLATE = """\
global
    log stdout format raw local0 notice
    maxconn 4000
    hard-stop-after 30m

defaults
    mode tcp
    log global
    timeout connect 2s
    timeout client 24h
    timeout server 24h
    timeout check 3s
    option clitcpka
    option srvtcpka
    option redispatch
    retries 3

frontend local
    bind {host}:{port}
    default_backend apiservers

backend apiservers
    balance leastconn
    option httpchk
    http-check send meth GET uri /readyz ver HTTP/1.1 hdr Host kubernetes
    http-check expect status 200
    default-server check check-ssl verify required ca-file {authority} inter 2s fastinter 500ms downinter 500ms \
fall 2 rise 1 on-marked-down shutdown-sessions
{servers}
"""


def build(node: NodeContext) -> Part:
    ca = authorities(node, certificates.CLUSTER)
    configuration = _configuration(node.cluster.members)
    task = TaskSpec(
        API_PROXY,
        node.cluster.release.image(API_PROXY),
        entrypoint=("/usr/sbin/haproxy",),
        args=("-W", "-db", "-f", CONFIGURATION),
        mounts=read_only(paths.configuration(API_PROXY), paths.AUTHORITIES),
        inputs=(Input(configuration.path, OnChange.SIGNAL, signal="HUP"), *reread(ca)),
        probe=Probe(ProbeKind.TCP, ports.LOCAL, ports.API_PROXY, start_timeout_ms=START_SECONDS * 1000),
    )
    return Part(task, (configuration, *ca))


@lru_cache(maxsize=1024)
def _configuration(members: tuple[Member, ...]) -> FileSpec:
    """The same on every node."""
    servers = "\n".join(
        f"    server {member.name} {member.address}:{ports.APISERVER} verifyhost {member.name}" for member in members
    )
    own = {"host": ports.LOCAL, "port": ports.API_PROXY, "authority": paths.CLUSTER_AUTHORITY}
    return FileSpec.of(CONFIGURATION, _TEMPLATE.format(**own, servers=servers))
