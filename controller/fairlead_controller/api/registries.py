"""RegistryService: registries outside of the fleet, their mirrors and logins."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Any

from fairlead.api.v1 import registries_pb2, registries_pb2_grpc
from fairlead_controller.api import audit
from fairlead_controller.api.messages import timestamp
from fairlead_controller.api.parts import Parts
from fairlead_controller.api.resource_names import REGISTRIES, missing, name_in, resource_name
from fairlead_controller.model.registry import UpstreamRegistry
from fairlead_controller.store.port import Repositories
from fairlead_wire.errors import Invalid, Problem

LONGEST_SECRET = 16_384
"""Cloud registries hand out tokens of some thousand characters as passwords."""

# As Docker reads references (distribution/reference): a host has a dot or a port, or is localhost.
_LABEL = r"[A-Za-z0-9]([A-Za-z0-9-]*[A-Za-z0-9])?"
_HOST = rf"({_LABEL}(\.{_LABEL})+(:[0-9]{{1,5}})?|{_LABEL}:[0-9]{{1,5}}|localhost)"
_PATH = r"(/[a-z0-9]+([._-]+[a-z0-9]+)*)*"
_REGISTRY, _MIRROR = re.compile(_HOST), re.compile(_HOST + _PATH)


def problems(registry: UpstreamRegistry) -> list[Problem]:
    """All that is wrong with what somebody says of a registry."""
    found = []
    if not _REGISTRY.fullmatch(registry.host):
        said = f"{registry.host!r} is no registry; write its host as references of images do, as in registry.k8s.io"
        found.append(Problem("name", said))
    found += [
        Problem("mirrors", f"{mirror!r} is no mirror; write HOST[:PORT][/PATH], without https:// before it")
        for mirror in registry.mirrors
        if not _MIRROR.fullmatch(mirror)
    ]
    if registry.host in registry.mirrors:
        found.append(Problem("mirrors", f"{registry.host} can't be its own mirror; leave it out"))
    if registry.password and not registry.username:
        found.append(Problem("username", "a password is of no use without a user; give both or none"))
    if registry.username and not registry.password:
        found.append(Problem("password", f"{registry.username} needs a password; give both or none"))
    if len(registry.password) > LONGEST_SECRET or "\n" in registry.password:
        found.append(Problem("password", f"it has to be one line of at most {LONGEST_SECRET} characters"))
    return found


class RegistryService(registries_pb2_grpc.RegistryServiceServicer):
    def __init__(self, parts: Parts) -> None:
        self._parts = parts

    async def ListRegistries(
        self, request: registries_pb2.ListRegistriesRequest, context: Any
    ) -> registries_pb2.ListRegistriesResponse:
        known = await self._parts.store.read(lambda repositories: repositories.registries.all())
        return registries_pb2.ListRegistriesResponse(registries=map(_message, known))

    async def SetRegistry(
        self, request: registries_pb2.SetRegistryRequest, context: Any
    ) -> registries_pb2.SetRegistryResponse:
        said = _said(request)

        def work(repositories: Repositories) -> UpstreamRegistry:
            registry = _with_kept_password(said, repositories.registries.get(said.host))
            if found := problems(registry):
                raise Invalid(f"Nothing was said of the registry {said.host}.", "Correct it and try again.", found)
            registry = replace(registry, updated_at=self._parts.clock.now())
            repositories.registries.put(registry)
            audit.record(repositories, registry.updated_at, "registry-set", _sentence(registry))
            return registry

        registry = await audit.change(self._parts, work)
        self._parts.sessions.images_changed()
        return registries_pb2.SetRegistryResponse(registry=_message(registry))

    async def DeleteRegistry(
        self, request: registries_pb2.DeleteRegistryRequest, context: Any
    ) -> registries_pb2.DeleteRegistryResponse:
        host, at = name_in(REGISTRIES, request.name), self._parts.clock.now()

        def work(repositories: Repositories) -> None:
            if not repositories.registries.remove(host):
                raise missing(REGISTRIES, host)
            said = f"Mirrors and login of the registry {host} were forgotten."
            audit.record(repositories, at, "registry-forgotten", said)

        await audit.change(self._parts, work)
        self._parts.sessions.images_changed()
        return registries_pb2.DeleteRegistryResponse()


def _said(request: registries_pb2.SetRegistryRequest) -> UpstreamRegistry:
    registry = request.registry
    host = name_in(REGISTRIES, registry.name, "registry.name")
    return UpstreamRegistry(host, tuple(registry.mirrors), registry.username, request.password)


def _with_kept_password(said: UpstreamRegistry, known: UpstreamRegistry | None) -> UpstreamRegistry:
    """Nobody has to type a password again to change a mirror; another user's is never kept."""
    keeps = known is not None and not said.password and said.username == known.username
    return replace(said, password=known.password) if keeps and known is not None else said


def _sentence(registry: UpstreamRegistry) -> str:
    mirrors = f"mirrors {', '.join(registry.mirrors)}" if registry.mirrors else "no mirror"
    login = f"a login as {registry.username}" if registry.username else "no login"
    return f"The registry {registry.host} has {mirrors} and {login} now."


def _message(registry: UpstreamRegistry) -> registries_pb2.Registry:
    return registries_pb2.Registry(
        name=resource_name(REGISTRIES, registry.host),
        mirrors=registry.mirrors,
        username=registry.username,
        has_password=bool(registry.password),
        update_time=timestamp(registry.updated_at),
    )
