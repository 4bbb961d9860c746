"""Rules between fields of a cluster spec, and about the files that it names. Each problem says what to write."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from difflib import get_close_matches
from ipaddress import IPv4Address

from fairlead_controller.model.cluster_spec import ClusterSpec, ComponentOptions
from fairlead_controller.model.fleet import FLEET
from fairlead_controller.plan import addresses, catalogue
from fairlead_controller.plan.components.registry import KINDS, Kind
from fairlead_wire.errors import Problem

LARGEST_SERVICES, SMALLEST_SERVICES = 12, 28
"""kube-apiserver takes at most 20 host bits; kube-dns is the tenth address."""
MOST_RANGE_BITS = 16
MEMBERS = (1, 3, 5)


def problems(spec: ClusterSpec, files: Mapping[str, str]) -> tuple[Problem, ...]:
    """All of them at once. `where` is the field's path, for example "spec.network.pods"."""
    return tuple(problem for rule in _RULES for problem in rule(spec, files))


def did_you_mean(word: str, known: Iterator[str] | Mapping[str, object] | tuple[str, ...]) -> str:
    """ "did you mean X?" for the nearest known word, else which ones there are."""
    words = list(known)
    near = get_close_matches(word, words, n=1)
    return f"did you mean {near[0]}?" if near else f"write one of: {', '.join(words)}"


def _release(spec: ClusterSpec, files: Mapping[str, str]) -> Iterator[Problem]:
    try:
        catalogue.release(spec.spec.kubernetes)
    except catalogue.UnknownRelease as error:
        yield Problem("spec.kubernetes", str(error))


def _name(spec: ClusterSpec, files: Mapping[str, str]) -> Iterator[Problem]:
    if spec.name in KINDS:
        yield Problem("metadata.name", f"{spec.name} is the name of a component; write another one")
    if spec.name == FLEET:
        yield Problem("metadata.name", f"{spec.name} is what the fleet itself is called; write another name")


def _control_plane(spec: ClusterSpec, files: Mapping[str, str]) -> Iterator[Problem]:
    wish = spec.spec.control_plane
    where = "spec.controlPlane"
    if not wish.nodes:
        return
    if wish.count is not None:
        yield Problem(where, "has both count and nodes; write either, the nodes by name or how many")
    if wish.match or wish.spread:
        yield Problem(where, "match and spread choose among nodes; leave them out where nodes are named")
    for name in sorted({name for name in wish.nodes if wish.nodes.count(name) > 1}):
        yield Problem(f"{where}.nodes", f"{name} is listed more than once; write each node once")
    if len(set(wish.nodes)) not in MEMBERS:
        yield Problem(
            f"{where}.nodes", f"{len(set(wish.nodes))} nodes can't keep a majority well; write 1, 3 or 5 of them"
        )


def _network(spec: ClusterSpec, files: Mapping[str, str]) -> Iterator[Problem]:
    network = spec.spec.network
    pods, services, where = network.pods, network.services, "spec.network"
    if pods.overlaps(services):
        yield Problem(
            f"{where}.services", f"{services} overlaps spec.network.pods, {pods}; write a range apart from it"
        )
    if services.prefixlen > SMALLEST_SERVICES:
        yield Problem(
            f"{where}.services",
            f"{services} has {services.num_addresses} addresses; write at least a /{SMALLEST_SERVICES}",
        )
    if services.prefixlen < LARGEST_SERVICES:
        yield Problem(f"{where}.services", f"{services} is too large; write a /{LARGEST_SERVICES} or smaller")
    yield from _pod_ranges(spec)


def _pod_ranges(spec: ClusterSpec) -> Iterator[Problem]:
    network, where = spec.spec.network, "spec.network.nodePrefix"
    bits = network.node_prefix - network.pods.prefixlen
    if bits < 0:
        yield Problem(
            where,
            f"a range of /{network.node_prefix} for each node does not fit into {network.pods}; "
            f"write {max(network.pods.prefixlen, 24)} or more, or a larger range for pods",
        )
        return
    if bits > MOST_RANGE_BITS:
        yield Problem(
            where,
            f"{network.pods} has too many ranges of /{network.node_prefix}; "
            f"write at most {network.pods.prefixlen + MOST_RANGE_BITS}",
        )
    members = spec.spec.control_plane.count or len(spec.spec.control_plane.nodes) or 1
    if addresses.range_count(network) < members:
        yield Problem(
            "spec.network.pods",
            f"{network.pods} is too small for {members} control planes with a range of /{network.node_prefix} each; "
            "write a larger range or a higher nodePrefix",
        )


def _endpoint(spec: ClusterSpec, files: Mapping[str, str]) -> Iterator[Problem]:
    endpoint = spec.spec.endpoint
    if endpoint and not _is_host_and_port(endpoint):
        yield Problem("spec.endpoint", f"{endpoint} is no host and port; write for example api.example.com:6443")


def _zones(spec: ClusterSpec, files: Mapping[str, str]) -> Iterator[Problem]:
    domain = spec.spec.network.domain
    for zone, path in spec.spec.dns.zones.items():
        where = f"spec.dns.zones.{zone}"
        if zone == domain or zone.endswith(f".{domain}"):
            yield Problem(where, f"{zone} is in the cluster's own domain, {domain}; write another zone")
        if path not in files:
            yield Problem(where, f"there is no file {path}; write a path relative to the spec's folder")
        elif not files[path].strip():
            yield Problem(where, f"{path} is empty; write the zone's records into it, beginning with its SOA")


def _forward(spec: ClusterSpec, files: Mapping[str, str]) -> Iterator[Problem]:
    for index, target in enumerate(spec.spec.dns.forward):
        if not _is_resolver(target):
            yield Problem(
                f"spec.dns.forward.{index}",
                f"{target!r} is no resolver; write an IP address, one with a port (10.0.0.2:53), one over TLS "
                "(tls://9.9.9.9) or a file such as /etc/resolv.conf",
            )
    if not spec.spec.dns.forward:
        yield Problem("spec.dns.forward", "is empty; write [/etc/resolv.conf] for the servers' own resolvers")


def _components(spec: ClusterSpec, files: Mapping[str, str]) -> Iterator[Problem]:
    for name, options in spec.spec.components.items():
        where = f"spec.components.{name}"
        if name not in KINDS:
            yield Problem(where, f"there is no component {name}; {did_you_mean(name, KINDS)}")
            continue
        yield from _flags(name, where, KINDS[name], options)
        yield from _config(name, where, KINDS[name], options)


def _flags(name: str, where: str, kind: Kind, options: ComponentOptions) -> Iterator[Problem]:
    if options.args and kind.owned_flags is None:
        instead = "; use config" if kind.owned_config is not None else ""
        yield Problem(f"{where}.args", f"{name} takes no flags here; leave args out{instead}")
        return
    for flag in options.args:
        bare = flag.lstrip("-")
        if flag != bare or "=" in flag:
            yield Problem(f"{where}.args.{flag}", f"write the flag's name alone: {bare.partition('=')[0]}")
        elif flag in (kind.owned_flags or ()):
            yield Problem(f"{where}.args.{flag}", f"Fairlead sets --{flag} itself; leave it out")


def _config(name: str, where: str, kind: Kind, options: ComponentOptions) -> Iterator[Problem]:
    if options.config and kind.owned_config is None:
        instead = "; use args" if kind.owned_flags is not None else ""
        yield Problem(f"{where}.config", f"{name} has no configuration file to merge into; leave config out{instead}")
        return
    for key in options.config:
        if key in (kind.owned_config or ()):
            yield Problem(f"{where}.config.{key}", f"Fairlead sets {key} itself; leave it out")


def _is_host_and_port(endpoint: str) -> bool:
    host, separator, port = endpoint.partition(":")
    letters = host.replace("-", "").replace(".", "")
    named = bool(host) and letters.isalnum() and letters.isascii() and not host.startswith((".", "-"))
    return named and (not separator or (port.isdigit() and 0 < int(port) < 65536))


def _is_resolver(target: str) -> bool:
    if target.startswith("/"):
        return not any(character.isspace() or character in "{}" for character in target)
    host, separator, port = target.removeprefix("tls://").removeprefix("dns://").partition(":")
    try:
        IPv4Address(host)
    except ValueError:
        return False
    return not separator or (port.isdigit() and 0 < int(port) < 65536)


_RULES: tuple[Callable[[ClusterSpec, Mapping[str, str]], Iterator[Problem]], ...] = (
    _name,
    _release,
    _control_plane,
    _network,
    _endpoint,
    _zones,
    _forward,
    _components,
)
