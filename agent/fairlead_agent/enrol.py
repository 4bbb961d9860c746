"""How a server becomes a node: token → authority (checked before anything is said) → key → certificate → disk."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

import grpc
from cryptography import x509
from cryptography.x509.oid import NameOID

from fairlead.agent.v1 import enrollment_pb2
from fairlead.agent.v1.enrollment_pb2_grpc import EnrollmentServiceStub
from fairlead_agent import disk_failures
from fairlead_agent.identity_store import Identity, IdentityStore
from fairlead_wire.backoff import delays
from fairlead_wire.channels import Credentials, open_channel
from fairlead_wire.codec import to_message
from fairlead_wire.errors import FairleadError, Unreachable
from fairlead_wire.facts import Facts
from fairlead_wire.first_contact import fetch_authority
from fairlead_wire.identity import key_pem, request_der
from fairlead_wire.status import from_rpc_error
from fairlead_wire.token import JoinToken

ENROL_SECONDS = 15.0
# How soon a new token file is noticed.
LOOK_AGAIN_SECONDS = 2.0
# The authority's common name, which tells the fleet before there is a certificate that does.
_AUTHORITY_PREFIX = "Fairlead fleet "
_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Enrolment:
    """`endpoint`: host:port of the enrolment listener; `facts` gives the host's; `random` numbers in [0, 1)."""

    endpoint: str
    store: IdentityStore
    facts: Callable[[], Awaitable[Facts]]
    random: Callable[[], float]

    async def until_enrolled(self) -> Identity:
        """Tries on until this server is a node. What a person has to mend is said once, not at every try."""
        pauses = delays(self.random)
        said = ""
        while True:
            token_file = self.store.fingerprint()
            try:
                identity = await self.once()
            except Unreachable as error:
                said = _say(str(error), said)
                await asyncio.sleep(0.1 + next(pauses))
                continue
            except OSError as error:
                said = _say(
                    f"This server can't join yet: {disk_failures.sentence(error, self.store.token_path)}.", said
                )
                await asyncio.sleep(LOOK_AGAIN_SECONDS + next(pauses))
                continue
            except FairleadError as error:
                said = _say(f"{error} Waiting for another token in {self.store.token_path}.", said)
            else:
                if identity is not None:
                    return identity
                said = _say(f"Waiting for a join token in {self.store.token_path}: see `fairlead token create`.", said)
            await self._other_token(token_file)
            pauses = delays(self.random)

    async def once(self) -> Identity | None:
        """One try; None without a token.

        Raises Unreachable, OSError, and FairleadError for what only a new token cures.
        """
        token = self.store.token()
        if token is None:
            return None
        authority = await fetch_authority(self.endpoint, token.authority_digest)
        identity = await self._ask(token, authority)
        self.store.enrolled(identity)
        _log.info("enrolled as node %s of fleet %s", identity.node_id, identity.fleet_id)
        return identity

    async def _ask(self, token: JoinToken, authority: bytes) -> Identity:
        key, fleet_id = self.store.enrolment_key(), fleet_of(authority)
        request = enrollment_pb2.EnrollRequest(
            token_secret=token.secret,
            csr=request_der(key),
            facts=to_message(await self.facts(), enrollment_pb2.Facts),
        )
        async with open_channel(self.endpoint, Credentials(fleet_id, authority)) as channel:
            try:
                answer = await EnrollmentServiceStub(channel).Enroll(request, timeout=ENROL_SECONDS)
            except grpc.RpcError as error:
                raise from_rpc_error(error) from None
        return Identity(
            answer.node_id,
            answer.fleet_id,
            answer.fleet_endpoint,
            authority.decode(),
            answer.certificate_chain,
            key_pem(key).decode(),
        )

    async def _other_token(self, seen: bytes) -> None:
        while self.store.fingerprint() == seen:  # noqa: ASYNC110 - a file on disk tells nobody
            await asyncio.sleep(LOOK_AGAIN_SECONDS)


def fleet_of(authority: bytes) -> str:
    """The fleet's identifier, from its authority's certificate (PEM)."""
    subject = x509.load_pem_x509_certificate(authority).subject
    names = subject.get_attributes_for_oid(NameOID.COMMON_NAME)
    return "".join(str(item.value) for item in names).removeprefix(_AUTHORITY_PREFIX)


def _say(sentence: str, said: str) -> str:
    """Logs what was not the last thing said."""
    if sentence != said:
        _log.warning(sentence)
    return sentence
