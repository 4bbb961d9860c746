"""Ports of a container as `docker ps` shows them: neighbours joined to ranges. Pure."""

from __future__ import annotations

from collections.abc import Iterable

from fairlead.api.v1 import docker_pb2

Port = docker_pb2.DockerPort


def ports_text(ports: Iterable[Port]) -> str:
    """As docker/cli's DisplayablePorts: "0.0.0.0:8000-8002->8000-8002/tcp, 9000/udp"."""
    finished: list[str] = []
    mapped: list[str] = []
    open_ranges: dict[tuple[str, str], tuple[int, int]] = {}
    for port in sorted(ports, key=_order):
        if port.ip and port.public_port != port.private_port:
            mapped.append(f"{_address(port.ip, str(port.public_port))}->{port.private_port}/{port.protocol}")
            continue
        key = (port.ip, port.protocol)
        first, last = open_ranges.get(key, (port.private_port, port.private_port - 1))
        if port.private_port != last + 1:
            finished.append(_range(key, first, last))
            first = port.private_port
        open_ranges[key] = (first, port.private_port)
    finished += [_range(key, *span) for key, span in open_ranges.items()]
    return ", ".join(finished + mapped)


def _order(port: Port) -> tuple[int, str, int, str]:
    return port.private_port, port.ip, port.public_port, port.protocol


def _range(key: tuple[str, str], first: int, last: int) -> str:
    ip, protocol = key
    text = str(first) if first == last else f"{first}-{last}"
    return f"{_address(ip, text)}->{text}/{protocol}" if ip else f"{text}/{protocol}"


def _address(ip: str, ports: str) -> str:
    return f"[{ip}]:{ports}" if ":" in ip else f"{ip}:{ports}"
