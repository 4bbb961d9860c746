"""TokenService: the tokens by which servers become nodes."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from cryptography import x509

from fairlead.api.v1 import nodes_pb2, nodes_pb2_grpc
from fairlead_controller.api import audit
from fairlead_controller.api.access import principal
from fairlead_controller.api.messages import token_message
from fairlead_controller.api.pages import page
from fairlead_controller.api.parts import Parts
from fairlead_controller.api.resource_names import TOKENS, missing, name_in
from fairlead_controller.model.cluster_spec import NAME
from fairlead_controller.model.fleet import FleetRecord, TokenRecord
from fairlead_controller.store.port import Repositories
from fairlead_wire.errors import Invalid, Problem, Refused
from fairlead_wire.identity import public_key_digest
from fairlead_wire.token import JoinToken, new_token, secret_hash, token_id

DEFAULT_SECONDS, LONGEST_SECONDS = 3600, 7 * 24 * 3600
# Kubernetes' own rules for labels: they end up on Node objects.
_PART = r"[A-Za-z0-9]([A-Za-z0-9._-]{0,61}[A-Za-z0-9])?"
_LABEL_KEY = re.compile(rf"([a-z0-9]([a-z0-9.-]{{0,251}}[a-z0-9])?/)?{_PART}")
_LABEL_VALUE = re.compile(rf"({_PART})?")


def join_command(token: str, endpoint: str, image: str) -> str:
    """The one line to paste on a server. The token goes into a file of root's, never into argv or environment."""
    keep = f"(umask 077; mkdir -p /var/lib/fairlead && echo '{token}' > /var/lib/fairlead/join)"
    options = (
        "--name fairlead-agent --restart always --privileged --network host --pid host --label fairlead.agent=true "
        "-v /var/run/docker.sock:/var/run/docker.sock -v /:/host:rslave -v /var/lib/fairlead:/var/lib/fairlead"
    )
    return f"{keep} && docker run -d {options} {image} run --controller {endpoint}"


def problems(labels: Mapping[str, str], cluster: str, ttl_seconds: int) -> list[Problem]:
    """All that is wrong with a request for a token."""
    found = [
        Problem(f"label {key}", f"{key}={value} is no Kubernetes label; write for example disk=ssd")
        for key, value in sorted(labels.items())
        if not (_LABEL_KEY.fullmatch(key) and _LABEL_VALUE.fullmatch(value))
    ]
    if cluster and not re.match(NAME, cluster):
        found.append(Problem("cluster", f"{cluster!r} can't be a cluster's name; use a-z, 0-9 and dashes"))
    if not 0 <= ttl_seconds <= LONGEST_SECONDS:
        found.append(Problem("ttl", f"{ttl_seconds} s is out of range; write 1 second to 7 days"))
    return found


class TokenService(nodes_pb2_grpc.TokenServiceServicer):
    def __init__(self, parts: Parts) -> None:
        self._parts = parts

    async def CreateToken(self, request: nodes_pb2.CreateTokenRequest, context: Any) -> nodes_pb2.CreateTokenResponse:
        labels = dict(request.labels)
        if found := problems(labels, request.cluster, request.ttl_seconds):
            raise Invalid("No token can be made like this.", "Correct it and try again.", found)
        random = self._parts.clock.random_bytes(16)

        def work(repositories: Repositories) -> tuple[FleetRecord, JoinToken, TokenRecord]:
            fleet, digest = _fleet(repositories)
            token = new_token(digest, random)
            record = self._record(token, labels, request.cluster, request.ttl_seconds)
            repositories.tokens.add(record)
            audit.record(repositories, record.created_at, "token-created", _created(record), cluster=record.cluster)
            return fleet, token, record

        fleet, token, record = await audit.change(self._parts, work)
        image, endpoint = self._parts.agent_image, fleet.enrolment_endpoint
        return nodes_pb2.CreateTokenResponse(
            token=token_message(record),
            secret=str(token),
            enrolment_endpoint=endpoint,
            command=join_command(str(token), endpoint, image),
            image=image,
        )

    def _record(self, token: JoinToken, labels: dict[str, str], cluster: str, ttl_seconds: int) -> TokenRecord:
        now = self._parts.clock.now()
        return TokenRecord(
            id=token_id(token.secret),
            secret_hash=secret_hash(token.secret),
            created_at=now,
            expires_at=now + (ttl_seconds or DEFAULT_SECONDS),
            creator=principal().name,
            labels=tuple(sorted(labels.items())),
            cluster=cluster,
        )

    async def ListTokens(self, request: nodes_pb2.ListTokensRequest, context: Any) -> nodes_pb2.ListTokensResponse:
        def work(repositories: Repositories) -> tuple[tuple[TokenRecord, ...], dict[str, str]]:
            return repositories.tokens.all(), {node.id: node.name for node in repositories.nodes.all()}

        tokens, names = await self._parts.store.read(work)
        chosen, following = page(tokens, lambda token: token.id, TOKENS, request.page_size, request.page_token)
        messages = [token_message(token, names.get(token.node_id, "")) for token in chosen]
        return nodes_pb2.ListTokensResponse(tokens=messages, next_page_token=following)

    async def RevokeToken(self, request: nodes_pb2.RevokeTokenRequest, context: Any) -> nodes_pb2.RevokeTokenResponse:
        identifier, now = name_in(TOKENS, request.name), self._parts.clock.now()

        def work(repositories: Repositories) -> None:
            token = repositories.tokens.get(identifier)
            if token is None:
                raise missing(TOKENS, identifier)
            if not token.revoked_at:
                repositories.tokens.revoke(identifier, now)
                audit.record(repositories, now, "token-revoked", f"Token {identifier} was revoked.", token.cluster)

        await audit.change(self._parts, work)
        return nodes_pb2.RevokeTokenResponse()


def _fleet(repositories: Repositories) -> tuple[FleetRecord, bytes]:
    fleet, authority = repositories.fleets.get(), repositories.authorities.get("fleet", "fleet")
    if fleet is None or authority is None:
        raise Refused("This controller has no fleet yet.", "Run `fairlead-controller init` on its machine.")
    return fleet, public_key_digest(x509.load_pem_x509_certificate(authority.certificate))


def _created(record: TokenRecord) -> str:
    meant = f" for cluster {record.cluster}" if record.cluster else ""
    labels = ", ".join(f"{key}={value}" for key, value in record.labels)
    return f"Token {record.id} was made{meant}{' with ' + labels if labels else ''}."
