"""Who may call what. Default deny: a method that the table lacks is refused to everyone.

Every method of both packages is listed, also those that nobody may call here, so that a new method can't be
forgotten: a test walks the descriptors.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from contextvars import ContextVar
from typing import Any

import grpc

from fairlead_controller.api.wrap import Call, wrapped
from fairlead_wire.docker_calls import CHANGES
from fairlead_wire.errors import Denied, Unidentified
from fairlead_wire.identity import Principal, Role

NOBODY: frozenset[Role] = frozenset()
AGENTS = frozenset({Role.AGENT})
ADMINS = frozenset({Role.ADMIN})
OPERATORS = ADMINS | {Role.OPERATOR}
VIEWERS = OPERATORS | {Role.VIEWER}
ALL = VIEWERS | AGENTS

_ROLES_BY_SERVICE: Mapping[str, Mapping[str, frozenset[Role]]] = {
    "fairlead.api.v1.ClusterService": {
        "ValidateCluster": OPERATORS,
        "PlanCluster": OPERATORS,
        "ApplyCluster": ADMINS,
        "GetCluster": VIEWERS,
        "ListClusters": VIEWERS,
        "DeleteCluster": ADMINS,
        "IssueKubeconfig": ADMINS,
    },
    "fairlead.api.v1.OperationService": {
        "GetOperation": VIEWERS,
        "ListOperations": VIEWERS,
        "WatchOperation": VIEWERS,
    },
    # Checking keeps a server's disk busy for a moment.
    "fairlead.api.v1.NodeService": {"GetNode": VIEWERS, "ListNodes": VIEWERS, "CheckNodes": OPERATORS},
    "fairlead.api.v1.TokenService": {"CreateToken": ADMINS, "ListTokens": OPERATORS, "RevokeToken": ADMINS},
    "fairlead.api.v1.EventService": {"ListEvents": VIEWERS, "WatchEvents": VIEWERS},
    "fairlead.api.v1.RelayService": {"OpenRelay": ADMINS},
    "fairlead.api.v1.FleetService": {"GetFleet": VIEWERS, "ConfirmFleet": ADMINS},
    # Whoever has a snapshot has the cluster's Secrets.
    "fairlead.api.v1.SnapshotService": {
        "CreateSnapshot": ADMINS,
        "ListSnapshots": VIEWERS,
        "ExportSnapshot": ADMINS,
    },
    # What lies in the registry is what nodes will run.
    "fairlead.api.v1.ImageService": {
        "ListFleetImages": VIEWERS,
        "FindMissingBlobs": ADMINS,
        "UploadBlob": ADMINS,
        "PutFleetImage": ADMINS,
        "DeleteFleetImage": ADMINS,
        "FindMissingImages": OPERATORS,
        "PrefetchImages": ADMINS,
    },
    "fairlead.api.v1.RegistryService": {
        "ListRegistries": VIEWERS,
        "SetRegistry": ADMINS,
        "DeleteRegistry": ADMINS,
    },
    # A node's own policy may forbid more.
    "fairlead.api.v1.DockerService": {method: ADMINS if changes else OPERATORS for method, changes in CHANGES.items()},
    # Served by the enrolment listener, where whoever calls is nobody yet; never here.
    "fairlead.agent.v1.EnrollmentService": {"Enroll": NOBODY, "RenewExpired": NOBODY},
    "fairlead.agent.v1.SessionService": {"Session": AGENTS},
    "fairlead.agent.v1.CertificateService": {
        "IssueCertificates": AGENTS,
        "IssueSeedCertificate": AGENTS,
        "Renew": AGENTS,
    },
    "fairlead.agent.v1.RelayService": {"Relay": AGENTS},
    # grpcio's own servicer has no List.
    "grpc.health.v1.Health": {"Check": ALL, "List": NOBODY, "Watch": VIEWERS},
    "grpc.reflection.v1alpha.ServerReflection": {"ServerReflectionInfo": VIEWERS},
}

ROLES: Mapping[str, frozenset[Role]] = {
    f"/{service}/{method}": roles for service, methods in _ROLES_BY_SERVICE.items() for method, roles in methods.items()
}

_principal: ContextVar[Principal] = ContextVar("principal")


def principal() -> Principal:
    """Who made the call that is being handled. Raises LookupError outside of one."""
    return _principal.get()


def check(method: str, caller: Principal) -> None:
    """Raises Denied, with who may, if the table does not let `caller` call `method`."""
    allowed = ROLES.get(method, NOBODY)
    if caller.role in allowed:
        return
    called = method.rpartition("/")[2]
    raise Denied(f"{caller.name} has the role {caller.role}, which may not call {called}.", _who_may(allowed))


def _who_may(allowed: frozenset[Role]) -> str:
    people = [role for role in (Role.VIEWER, Role.OPERATOR, Role.ADMIN) if role in allowed]
    if people:
        return f"It takes the role {people[0]}: choose a context that has it with `fairlead context use NAME`."
    if Role.AGENT in allowed:
        return "Only agents may call it."
    return "Nobody may call it here."


class AccessInterceptor(grpc.aio.ServerInterceptor):
    """Takes the principal from the client's certificate and refuses what the table lacks, before any handler runs."""

    def __init__(
        self,
        identify: Callable[[Any], Principal | None],
        known: Callable[[str], Awaitable[bool]],
    ) -> None:
        """`identify(context)`: the principal of a verified certificate; `known(node_id)`: enrolled, not revoked."""
        self._identify = identify
        self._known = known

    async def intercept_service(self, continuation: Callable[[Any], Awaitable[Any]], details: Any) -> Any:
        handler = await continuation(details)
        return handler and wrapped(handler, self._guard(details.method))

    def _guard(self, method: str) -> Callable[[Call], Awaitable[None]]:
        async def guard(call: Call) -> None:
            caller = self._identify(call.context)
            if caller is None:
                raise Unidentified(
                    "The call came without a certificate of this fleet that names a role.",
                    "Make one on the controller's machine with `fairlead-controller admin-cert`.",
                )
            check(method, caller)
            await self._check_known(caller)
            _principal.set(caller)

        return guard

    async def _check_known(self, caller: Principal) -> None:
        if caller.role is Role.AGENT and not await self._known(caller.name):
            raise Denied(
                f"The node {caller.name} is revoked or unknown.",
                "Enrol the server again with a new line from `fairlead token create`.",
            )
