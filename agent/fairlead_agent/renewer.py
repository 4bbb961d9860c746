"""Renews the agent's own certificate: at a random 50-70 % of its life, and late, by proof of its key, after its end."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from dataclasses import dataclass

import grpc
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding

from fairlead.agent.v1 import enrollment_pb2, session_pb2
from fairlead.agent.v1.enrollment_pb2_grpc import EnrollmentServiceStub
from fairlead.agent.v1.session_pb2_grpc import CertificateServiceStub
from fairlead_agent import disk_failures, renewal
from fairlead_agent.identity_store import Identity, IdentityStore
from fairlead_wire.channels import Credentials, open_channel
from fairlead_wire.identity import request_der
from fairlead_wire.status import from_rpc_error

RENEW_SECONDS = 15.0
# The wall clock may be set meanwhile, so a far moment is looked at again.
_LOOK_AGAIN_SECONDS = 3600.0
_RETRY_SECONDS = 60.0
_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Renewer:
    """`wall`: seconds since 1970; `random`: numbers in [0, 1)."""

    store: IdentityStore
    wall: Callable[[], float]
    random: Callable[[], float]

    async def renew_in_time(self, identity: Identity, channel: grpc.aio.Channel) -> Identity:
        """Waits until it is due, then renews over the open session's channel; the new identity, saved."""
        due = renewal.own_due_at(*identity.dates, self.random())
        while (left := due - self.wall()) > 0:  # noqa: ASYNC110 - a clock tells nobody
            await asyncio.sleep(min(left, _LOOK_AGAIN_SECONDS))
        signed: Identity | None = None
        while True:
            try:
                signed = signed or await self._signed(identity, channel)
                return self._kept(signed)
            except grpc.RpcError as error:
                why = str(from_rpc_error(error))
            except OSError as error:  # a full disk; the session is worth more, and what is signed is kept later
                why = disk_failures.sentence(error, "the identity")
            _log.warning("the agent's certificate could not be renewed: %s", why)
            await asyncio.sleep(_RETRY_SECONDS * (0.5 + self.random()))

    def has_ended(self, identity: Identity) -> bool:
        return renewal.has_ended(identity.dates[1], self.wall())

    async def renew_late(self, identity: Identity, endpoint: str) -> Identity:
        """At the enrolment listener, by proof of the ended certificate's key. Raises FairleadError, OSError."""
        key = self.store.next_key(identity)
        request = request_der(key)
        message = enrollment_pb2.RenewExpiredRequest(
            certificate=identity.certificate.public_bytes(Encoding.PEM).decode(),
            csr=request,
            proof=identity.private_key.sign(request, ec.ECDSA(hashes.SHA256())),
        )
        trusted = Credentials(identity.fleet_id, identity.authority.encode())
        async with open_channel(endpoint, trusted) as channel:
            try:
                answer = await EnrollmentServiceStub(channel).RenewExpired(message, timeout=RENEW_SECONDS)
            except grpc.RpcError as error:
                raise from_rpc_error(error) from None
        return self._kept(identity.renewed(answer.certificate_chain, key))

    async def _signed(self, identity: Identity, channel: grpc.aio.Channel) -> Identity:
        key = self.store.next_key(identity)
        request = session_pb2.RenewRequest(csr=request_der(key))
        answer = await CertificateServiceStub(channel).Renew(request, timeout=RENEW_SECONDS)
        return identity.renewed(answer.certificate_chain, key)

    def _kept(self, identity: Identity) -> Identity:
        self.store.renewed(identity)
        _log.info("the agent's certificate was renewed")
        return identity
