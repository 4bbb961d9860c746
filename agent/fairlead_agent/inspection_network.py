"""What the host's network already does: ranges that it reaches, forwarding, what its kernel can do.

Parsing is pure; `HostNetwork` asks `ip`, `nft` and the kernel, and changes nothing.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from ipaddress import IPv4Network
from pathlib import Path
from typing import Any

from fairlead_agent.commands import must, run
from fairlead_agent.effects import HostFailure
from fairlead_wire.inspection import Route

COMMAND_SECONDS = 3.0
LEGACY_TABLES = Path("/proc/net/ip_tables_names")
TRIALS = {
    "vxlan": ("ip", "link", "add", "fairlead0", "type", "vxlan", "id", "1", "dstport", "8472"),
    "nf_tables": ("nft", "add", "table", "ip", "fairlead"),
}
"""Feature of the kernel → a command that succeeds only with it, run in a network namespace that ends with it."""
_UNSUPPORTED = ("not supported", "unknown device type", "cache initialization failed")


def routes(listed: str, addresses: str) -> tuple[Route, ...]:
    """From the output of `ip -j -4 route` and `ip -j -4 address`, without the default route; of the host's own
    addresses those that no route tells of."""
    ways = tuple(dict.fromkeys(_ways(json.loads(listed or "[]"))))
    own = (address for address in _addresses(json.loads(addresses or "[]")) if not _is_in(address, ways))
    return ways + tuple(dict.fromkeys(own))


def dropping_chains(listed: str) -> tuple[str, ...]:
    """From the output of `nft -j list chains`: those that drop what is forwarded, as "ip filter FORWARD"."""
    chains = (entry["chain"] for entry in json.loads(listed or "{}").get("nftables", ()) if "chain" in entry)
    return tuple(
        f"{chain['family']} {chain['table']} {chain['name']}"
        for chain in chains
        if chain.get("hook") == "forward" and chain.get("policy") == "drop" and chain["family"] in ("ip", "inet")
    )


class HostNetwork:
    """`prefix` enters the host's network namespace, if the agent is not in it already."""

    def __init__(self, prefix: tuple[str, ...] = ()) -> None:
        self._prefix = prefix

    async def routes(self) -> tuple[Route, ...]:
        """Raises HostFailure."""
        listed, addresses = await asyncio.gather(
            self._must("ip", "-j", "-4", "route", "show", "table", "main"), self._must("ip", "-j", "-4", "address")
        )
        return routes(listed, addresses)

    async def dropping_chains(self) -> tuple[str, ...]:
        """In both places where the kernel keeps rules. Raises HostFailure."""
        dropping = dropping_chains(await self._must("nft", "-j", "list", "chains"))
        # Asking is not for free: iptables-legacy makes the tables that it is asked for.
        if "filter" in await asyncio.to_thread(_legacy_tables):
            policy = await self._must("iptables-legacy", "-S", "FORWARD")
            dropping += ("legacy filter FORWARD",) if "-P FORWARD DROP" in policy.splitlines() else ()
        return dropping

    async def missing_features(self) -> tuple[str, ...]:
        """Tried out for real; the kernel may load a module for it, as it would later. Raises HostFailure."""
        can = await asyncio.gather(*(self._can(trial) for trial in TRIALS.values()))
        return tuple(feature for feature, well in zip(TRIALS, can, strict=True) if not well)

    async def _can(self, trial: tuple[str, ...]) -> bool:
        ended = await run(("unshare", "--net", "--", *trial), seconds=COMMAND_SECONDS)
        if ended.code == 0:
            return True
        if any(words in ended.err.lower() for words in _UNSUPPORTED):
            return False
        raise HostFailure(f"`{' '.join(trial)}` could not be tried: {ended.err.strip() or ended.code}")

    async def _must(self, *argv: str) -> str:
        return await must((*self._prefix, *argv), seconds=COMMAND_SECONDS)


def _legacy_tables() -> tuple[str, ...]:
    return tuple(LEGACY_TABLES.read_text().split()) if LEGACY_TABLES.exists() else ()


def _ways(listed: list[dict[str, Any]]) -> Iterator[Route]:
    for way in listed:
        destination = str(way.get("dst", "default"))
        if destination not in ("default", "0.0.0.0/0"):
            yield Route(_range(destination), str(way.get("dev", way.get("type", ""))))


def _addresses(listed: list[dict[str, Any]]) -> Iterator[Route]:
    for link in listed:
        for address in link.get("addr_info", ()):
            yield Route(_range(str(address["local"])), str(link["ifname"]))


def _is_in(address: Route, ways: tuple[Route, ...]) -> bool:
    there = IPv4Network(address.destination)
    return any(way.device == address.device and there.subnet_of(IPv4Network(way.destination)) for way in ways)


def _range(destination: str) -> str:
    return destination if "/" in destination else f"{destination}/32"
