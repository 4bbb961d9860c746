"""Keeps a session with the controller: opens it, and opens it again, for as long as the agent lives."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence
from contextlib import AsyncExitStack
from itertools import islice
from typing import Any

import grpc
from google.protobuf.message import Message

from fairlead.agent.v1 import session_pb2
from fairlead.agent.v1.session_pb2_grpc import CertificateServiceStub
from fairlead_agent.effects import HostFailure, RelayTargets
from fairlead_agent.enrol import Enrolment
from fairlead_agent.happenings import Happenings
from fairlead_agent.identity_store import Identity
from fairlead_agent.image_sources import ToldImages
from fairlead_agent.instructed import Instructed
from fairlead_agent.membership import Membership
from fairlead_agent.relay_frames import Conversations
from fairlead_agent.renewer import Renewer
from fairlead_agent.reporter import Reporter
from fairlead_agent.runtime.port import RuntimeFailure
from fairlead_agent.session import WELCOME_SECONDS, Greeting, Session, Upkeep
from fairlead_agent.session_images import Seed
from fairlead_wire.assignment import GapError
from fairlead_wire.backoff import delays
from fairlead_wire.cancelling import is_cancelled
from fairlead_wire.channels import Credentials, open_channel
from fairlead_wire.errors import Denied, FairleadError, Unidentified, Unreachable
from fairlead_wire.status import from_rpc_error

ISSUE_SECONDS = 15.0
_LEAST_PAUSE = 0.05
# A session that ends sooner is taken as a failure like any other: two servers with one identity, for example, end each
# other's, and would do so several times a second.
_LASTING_SECONDS = 30.0
_MOST_BRIEF = 10
_log = logging.getLogger(__name__)


class Connection:
    """Also the Issuer: signatures are asked for over whichever session is open.

    `greeting` gives what the next hello says; `random` numbers in [0, 1); `dial` a channel to the fleet listener.
    """

    def __init__(
        self,
        enrolment: Enrolment,
        renewer: Renewer,
        reporter: Reporter,
        happenings: Happenings,
        targets: RelayTargets,
        greeting: Callable[[], Awaitable[Greeting]],
        random: Callable[[], float],
        welcome_seconds: float = WELCOME_SECONDS,
        dial: Callable[[str, Credentials], grpc.aio.Channel] = open_channel,
        instructed: Instructed | None = None,
        conversations: Conversations | None = None,
        images: ToldImages | None = None,
        seed: Seed | None = None,
    ) -> None:
        self._enrolment, self._renewer, self._reporter = enrolment, renewer, reporter
        self._welcome_seconds, self._dial = welcome_seconds, dial
        self._happenings, self._targets, self._greeting, self._random = happenings, targets, greeting, random
        self._instructed, self._conversations = instructed, conversations
        self._images, self._seed = images, seed
        self._channel: grpc.aio.Channel | None = None
        self._membership = Membership(enrolment)
        self._said, self._disowned = "", False

    async def run(self, upkeep: Upkeep) -> None:
        """Until it is cancelled. Back-off with full jitter, which starts anew after each session that lasted."""
        identity = await self._membership.identity(self._enrolment.store.load(), disowned=False)
        time = asyncio.get_running_loop().time
        pauses, turn, brief = delays(self._random), 0, 0
        while True:
            self._disowned, began = False, time()
            session, identity = await self._one_session(identity, self._endpoint(identity, turn), upkeep)
            if session is not None and session.welcome is not None:
                brief = 0 if time() - began >= _LASTING_SECONDS else min(brief + 1, _MOST_BRIEF)
                pauses, self._said = islice(delays(self._random), brief, None), ""
            else:
                identity, turn = await self._membership.identity(identity, self._disowned), turn + 1
            await asyncio.sleep(max(_LEAST_PAUSE, next(pauses)))

    async def issue(self, cluster: str, requests: Sequence[tuple[str, bytes]]) -> dict[str, bytes]:
        """(path, request DER) → certificate PEM by path. Raises Unreachable without a session, FairleadError."""
        message = session_pb2.IssueCertificatesRequest(
            cluster=cluster,
            requests=[session_pb2.CertificateRequest(path=path, csr=request) for path, request in requests],
        )
        answer = await self._signed("IssueCertificates", message)
        return {item.path: item.certificate.encode() for item in answer.certificates}

    async def sign_seed(self, request: bytes) -> str:
        """The chain, PEM, that a seed serves with. Raises Unreachable without a session, FairleadError."""
        message = session_pb2.IssueSeedCertificateRequest(csr=request)
        answer = await self._signed("IssueSeedCertificate", message)
        return str(answer.certificate_chain)

    async def _signed(self, method: str, message: Message) -> Any:
        channel = self._channel
        if channel is None:
            raise Unreachable("The controller is away.", "It is asked again when it is back.")
        try:
            return await getattr(CertificateServiceStub(channel), method)(message, timeout=ISSUE_SECONDS)
        except grpc.RpcError as error:
            raise from_rpc_error(error) from None
        except asyncio.CancelledError:
            if is_cancelled():
                raise
            # gRPC's way of saying that the channel was closed meanwhile; nobody has cancelled us.
            raise Unreachable("The session ended before the controller had signed.", "It is asked again.") from None

    async def _one_session(self, identity: Identity, endpoint: str, upkeep: Upkeep) -> tuple[Session | None, Identity]:
        session: Session | None = None
        try:
            if self._renewer.has_ended(identity):
                identity = await self._renewer.renew_late(identity, self._enrolment.endpoint)
            greeting = await self._greeting()
            async with AsyncExitStack() as stack:
                control = await stack.enter_async_context(self._dial(endpoint, identity.credentials))
                bulk = await stack.enter_async_context(self._dial(endpoint, identity.credentials))
                told, targets = (self._reporter, self._happenings), self._targets
                limits = self._welcome_seconds, self._membership.confirmed
                asked = self._instructed, self._conversations
                session = Session(control, bulk, upkeep, *told, targets, *limits, *asked, self._images, self._seed)
                identity = await self._until_end(session, greeting, identity, control)
        except grpc.RpcError as error:
            self._failed(from_rpc_error(error), endpoint, session)
        except (FairleadError, GapError, HostFailure, RuntimeFailure, OSError) as error:
            self._failed(error, endpoint, session)
        except asyncio.CancelledError:
            if is_cancelled():
                raise
            # gRPC's way of saying that a call was given up, as it does when a write on its stream is cancelled.
            self._failed(Unreachable("The session was broken off."), endpoint, session)
        finally:
            self._channel = None
        return session, identity

    async def _until_end(
        self, session: Session, greeting: Greeting, identity: Identity, control: grpc.aio.Channel
    ) -> Identity:
        """The session beside the renewal of its identity, whose new certificate the next session uses."""
        self._channel = control
        running = asyncio.create_task(session.run(greeting))
        renewing = asyncio.create_task(self._renewer.renew_in_time(identity, control))
        try:
            await asyncio.wait((running, renewing), return_when=asyncio.FIRST_COMPLETED)
            if renewing.done() and not running.done():
                return renewing.result()
            await running
            return identity
        finally:
            running.cancel()
            renewing.cancel()
            await asyncio.gather(running, renewing, return_exceptions=True)

    def _endpoint(self, identity: Identity, turn: int) -> str:
        """The fleet's own endpoint and, in turn, the same port where enrolment is: a controller may have moved."""
        host = self._enrolment.endpoint.rpartition(":")[0]
        port = identity.fleet_endpoint.rpartition(":")[2]
        return (identity.fleet_endpoint, f"{host}:{port}")[turn % 2]

    def _failed(self, error: Exception, endpoint: str, session: Session | None) -> None:
        self._disowned = isinstance(error, Denied | Unidentified)
        was_open = session is not None and session.welcome is not None
        self._say(why_ended(error, endpoint, was_open))

    def _say(self, sentence: str) -> None:
        if sentence != self._said:
            _log.warning(sentence)
        self._said = sentence


def why_ended(error: Exception, endpoint: str, was_open: bool) -> str:
    """The sentence for a session that ended, or that could not be opened."""
    if was_open:
        return f"The session ended: {error}"
    if "CERTIFICATE_VERIFY_FAILED" in str(error):
        return (
            f"What answers at {endpoint} is not the controller of this agent's fleet: nothing is changed here. If the "
            "controller was made anew, paste the lines of its `fairlead token create` on this server."
        )
    return f"No session with the controller at {endpoint}: {error}"
