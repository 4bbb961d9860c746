"""Published ports as `docker run -p` takes them: [ADDRESS:][PORT:]PORT[/PROTOCOL], each PORT also a range. Pure."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from fairlead_wire.errors import Problem

PROTOCOLS = ("tcp", "udp", "sctp")
_HIGHEST = 65535


@dataclass(frozen=True)
class Published:
    """`port`: of the container, with its protocol ("80/tcp"); `host_port`: "" for one that Docker chooses."""

    port: str
    address: str = ""
    host_port: str = ""


class _Wrong(ValueError):
    """`str()` says what is wrong."""


def published(specs: Iterable[str]) -> tuple[tuple[Published, ...], tuple[Problem, ...]]:
    """All ports, and all that is wrong with them."""
    found: list[Published] = []
    problems: list[Problem] = []
    for spec in specs:
        try:
            found += _parsed(spec)
        except _Wrong as wrong:
            problems.append(Problem("--publish", f"{spec!r}: {wrong}; write [ADDRESS:][PORT:]PORT[/PROTOCOL]"))
    return tuple(found), tuple(problems)


def _parsed(spec: str) -> Iterator[Published]:
    rest, slash, protocol = spec.partition("/")
    if slash and protocol not in PROTOCOLS:
        raise _Wrong(f"the protocol is one of {', '.join(PROTOCOLS)}")
    head, _, inner = rest.rpartition(":")
    address, _, outer = head.rpartition(":")
    first, last = _range(inner)
    count = last - first + 1
    outside = _outside(outer, count) if outer else ("",) * count
    checked = _address(address)
    for offset, host_port in enumerate(outside):
        yield Published(f"{first + offset}/{protocol or 'tcp'}", checked, host_port)


def _outside(spec: str, count: int) -> tuple[str, ...]:
    """One port of the host for each of the container's; for a single one, a range from which Docker chooses."""
    first, last = _range(spec)
    if count == 1:
        return (spec,)
    if last - first + 1 != count:
        raise _Wrong("both ranges need the same length")
    return tuple(str(port) for port in range(first, last + 1))


def _range(spec: str) -> tuple[int, int]:
    start, dash, end = spec.partition("-")
    if not (start.isdecimal() and (not dash or end.isdecimal())):
        raise _Wrong(f"{spec!r} is no port")
    first, last = int(start), int(end or start)
    if not 0 < first <= last <= _HIGHEST:
        raise _Wrong(f"ports go from 1 to {_HIGHEST}, and ranges upwards")
    return first, last


def _address(spec: str) -> str:
    bare = spec.removeprefix("[").removesuffix("]")
    if bare:
        try:
            ipaddress.ip_address(bare)
        except ValueError:
            raise _Wrong(f"{spec!r} is no address") from None
    return bare
