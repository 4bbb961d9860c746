"""ContainerSpec → the body of Docker's "create a container", as `docker run` would write it. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from fairlead.api.v1 import docker_pb2
from fairlead_agent.docker_calls.ports import Published, published
from fairlead_wire.errors import Invalid, Problem

_RESTART = ("no", "always", "unless-stopped", "on-failure")


def create_body(spec: docker_pb2.ContainerSpec) -> dict[str, Any]:
    """Raises Invalid with all that is wrong; what only the Engine knows, it says itself."""
    ports, problems = published(spec.ports)
    binds, anonymous, more = _volumes(spec.volumes)
    restart, wrong = _restart(spec.restart, spec.remove)
    problems = (*problems, *more, *wrong, *_limits(spec))
    if not spec.image:
        problems = (Problem("image", "there is none; write which image to run"), *problems)
    if problems:
        raise Invalid("This container can't be made.", "Correct what is wrong with it.", problems)
    body = _config(spec, ports, anonymous)
    body["HostConfig"] = {**_host_config(spec, ports), "Binds": binds, "RestartPolicy": restart}
    return body


def _config(spec: docker_pb2.ContainerSpec, ports: Iterable[Published], anonymous: Iterable[str]) -> dict[str, Any]:
    """Standard input ends with the client that is attached, unless it runs detached: as `docker run` has it."""
    attached = not spec.detached
    body: dict[str, Any] = {
        "Image": spec.image,
        "Env": list(spec.environment),
        "Labels": dict(spec.labels),
        "Tty": spec.terminal,
        "OpenStdin": spec.stdin,
        "StdinOnce": spec.stdin and attached,
        "AttachStdin": spec.stdin and attached,
        "AttachStdout": attached,
        "AttachStderr": attached,
        "ExposedPorts": {each.port: {} for each in ports},
        "Volumes": {path: {} for path in anonymous},
    }
    if spec.entrypoint_set:
        body["Entrypoint"] = list(spec.entrypoint) or [""]
    given = {
        "Cmd": list(spec.command),
        "WorkingDir": spec.working_directory,
        "User": spec.user,
        "Hostname": spec.hostname,
        "StopSignal": spec.stop_signal,
    }
    return {**body, **{key: value for key, value in given.items() if value}}


def _host_config(spec: docker_pb2.ContainerSpec, ports: Iterable[Published]) -> dict[str, Any]:
    bindings: dict[str, list[dict[str, str]]] = {}
    for each in ports:
        bindings.setdefault(each.port, []).append({"HostIp": each.address, "HostPort": each.host_port})
    host: dict[str, Any] = {
        "PortBindings": bindings,
        "PublishAllPorts": spec.publish_all,
        "NetworkMode": spec.network or "default",
        "AutoRemove": spec.remove,
        "Privileged": spec.privileged,
        "Memory": spec.memory,
        "NanoCpus": round(spec.cpus * 1e9),
        "CapAdd": list(spec.cap_add),
        "CapDrop": list(spec.cap_drop),
        "ReadonlyRootfs": spec.read_only,
        "ExtraHosts": list(spec.extra_hosts),
    }
    if spec.init:
        host["Init"] = True
    if spec.pid:
        host["PidMode"] = spec.pid
    return host


def _volumes(specs: Iterable[str]) -> tuple[list[str], list[str], list[Problem]]:
    """What is mounted from somewhere, targets of anonymous volumes, and what is wrong."""
    binds: list[str] = []
    anonymous: list[str] = []
    problems: list[Problem] = []
    for spec in specs:
        source, colon, rest = spec.partition(":")
        target = rest.partition(":")[0] if colon else source
        if not target.startswith("/"):
            problems.append(Problem("--volume", f"{spec!r}: the path in the container has to begin with /"))
        elif not colon:
            anonymous.append(target)
        elif "/" in source and not source.startswith("/"):
            problems.append(
                Problem("--volume", f"{spec!r}: a path on the node has to begin with /, a volume's name has none in it")
            )
        else:
            binds.append(spec)
    return binds, anonymous, problems


def _restart(policy: str, remove: bool) -> tuple[dict[str, Any], list[Problem]]:
    name, _, count = policy.partition(":")
    if name not in ("", *_RESTART) or (count and (name != "on-failure" or not count.isdecimal())):
        known = ", ".join(_RESTART)
        return {}, [Problem("--restart", f"{policy!r} is no policy; write one of {known}, or on-failure:COUNT")]
    if remove and name not in ("", "no"):
        return {}, [Problem("--restart", f"{policy!r} and --rm exclude each other; leave one of them out")]
    return {"Name": name or "no", "MaximumRetryCount": int(count or 0)}, []


def _limits(spec: docker_pb2.ContainerSpec) -> list[Problem]:
    given = (("--memory", spec.memory), ("--cpus", spec.cpus))
    return [Problem(option, f"{value} is too little; write a positive number") for option, value in given if value < 0]
