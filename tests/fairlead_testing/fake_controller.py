"""A controller to script: both listeners with real gRPC over mutual TLS, and nothing behind them but this object."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import grpc
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec

from fairlead.agent.v1 import enrollment_pb2, images_pb2, session_pb2
from fairlead.agent.v1.enrollment_pb2_grpc import EnrollmentServiceServicer, add_EnrollmentServiceServicer_to_server
from fairlead.agent.v1.session_pb2_grpc import (
    CertificateServiceServicer,
    RelayServiceServicer,
    SessionServiceServicer,
    add_CertificateServiceServicer_to_server,
    add_RelayServiceServicer_to_server,
    add_SessionServiceServicer_to_server,
)
from fairlead_agent.messages import assignment_message, increment_message
from fairlead_controller.pki.authority import node_certificate
from fairlead_testing.agent_bench import FakeIssuer
from fairlead_testing.authorities import FleetAuthority
from fairlead_wire.assignment import Assignment, Increment, Observation, Subject, difference
from fairlead_wire.channels import SERVER_OPTIONS, enrolment_server_credentials, fleet_server_credentials
from fairlead_wire.codec import from_message
from fairlead_wire.errors import FairleadError
from fairlead_wire.identity import public_key_digest
from fairlead_wire.status import to_status
from fairlead_wire.task import TaskState
from fairlead_wire.token import JoinToken, new_token

NODE_ID = "node-id-1"


@dataclass
class FakeSession:
    """One Session stream, as the controller sees it. `send` puts a message on it, `end` closes it."""

    hello: session_pb2.Hello
    number: int
    heartbeats: list[float] = field(default_factory=list)
    batches: list[session_pb2.Observations] = field(default_factory=list)
    seed_reports: list[images_pb2.SeedReport] = field(default_factory=list)
    happenings: list[session_pb2.Happening] = field(default_factory=list)
    results: list[session_pb2.InstructionResult] = field(default_factory=list)
    out: asyncio.Queue[session_pb2.SessionResponse | None] = field(default_factory=asyncio.Queue)
    ended: bool = False

    @property
    def observations(self) -> list[Observation]:
        """All of them, in the order of their arrival."""
        return [from_message(item, Observation) for batch in self.batches for item in batch.observations]

    def newest(self, subject: Subject, name: str) -> Observation | None:
        found = [item for item in self.observations if item.identity == (subject, name)]
        return found[-1] if found else None

    def send(self, **message: Any) -> None:
        self.out.put_nowait(session_pb2.SessionResponse(**message))

    def end(self) -> None:
        self.out.put_nowait(None)


@dataclass
class FakeController:
    """`generation`, `heartbeat_ms`: what it welcomes with; `silent`: it never does; `refusal`: what Enroll answers;
    `held`: the assignment that the next session begins with; `calls`: how many of each RPC; `unsigning`: what it is
    asked to sign is left lying; `losing`: so many answers to a late renewal get lost."""

    now: float = field(default_factory=time.time)
    generation: int = 1
    heartbeat_ms: int = 60_000
    silent: bool = False
    unsigning: bool = False
    losing: int = 0
    refusal: FairleadError | None = None
    held: Assignment = field(default_factory=Assignment)
    authority: FleetAuthority = field(init=False)
    sessions: list[FakeSession] = field(default_factory=list)
    calls: dict[str, int] = field(default_factory=dict)
    renewed_keys: list[Any] = field(default_factory=list)
    relays: dict[str, asyncio.Queue[Any]] = field(default_factory=dict)
    enrolment: str = ""
    fleet: str = ""
    changed: asyncio.Condition = field(default_factory=asyncio.Condition)

    def __post_init__(self) -> None:
        self.authority = FleetAuthority(self.now)
        self.issuer = FakeIssuer(lambda: self.held.certificates, time.time)

    def token(self) -> JoinToken:
        certificate = x509.load_pem_x509_certificate(self.authority.record.certificate)
        return new_token(public_key_digest(certificate), b"0123456789abcdef")

    @property
    def session(self) -> FakeSession:
        return self.sessions[-1]

    async def until(self, wanted: Callable[[], object], seconds: float = 20.0) -> None:
        """Waits until something arrived that makes `wanted` true."""
        async with asyncio.timeout(seconds), self.changed:
            await self.changed.wait_for(lambda: bool(wanted()))

    async def until_session(self, number: int = 1) -> FakeSession:
        """The nth session, once it was greeted."""
        await self.until(lambda: len(self.sessions) >= number)
        return self.sessions[number - 1]

    async def until_state(self, subject: Subject, name: str, state: TaskState) -> Observation:
        """In the newest session."""

        def found() -> bool:
            seen = self.session.newest(subject, name)
            return seen is not None and seen.state is state

        await self.until(lambda: self.sessions and found())
        seen = self.session.newest(subject, name)
        assert seen is not None
        return seen

    def hold(self, assignment: Assignment) -> None:
        """Sends the difference to what was held before."""
        message = increment_message(difference(self.held, assignment))
        self.held = assignment
        self.session.send(assignment=message)

    def hold_whole(self, assignment: Assignment) -> None:
        """Sends all of it."""
        self.held = assignment
        self.session.send(assignment=assignment_message(assignment))

    def gap(self, assignment: Assignment) -> None:
        """Sends a difference that starts at a revision which the agent never had."""
        self.held = assignment
        wrong = Increment(assignment.revision + 7, assignment.revision + 8, assignment.cluster, assignment.node)
        self.session.send(assignment=increment_message(wrong))

    async def instruct(self, **instruction: Any) -> session_pb2.InstructionResult:
        """Has the agent of the newest session do it; its result."""
        session, identity = self.session, f"instruction-{len(self.session.results) + 1}"
        session.send(instruction=session_pb2.Instruction(id=identity, **instruction))
        await self.until(lambda: any(result.id == identity for result in session.results))
        return next(result for result in session.results if result.id == identity)

    def offer(self, relay_id: str, target: str) -> asyncio.Queue[Any]:
        """Offers a relay; the frames that it brings, then None."""
        self.relays[relay_id] = asyncio.Queue()
        self.session.send(relay_offer=session_pb2.RelayOffer(relay_id=relay_id, target=target))
        return self.relays[relay_id]

    async def tell(self) -> None:
        async with self.changed:
            self.changed.notify_all()

    async def called(self, method: str) -> None:
        self.calls[method] = self.calls.get(method, 0) + 1
        await self.tell()

    def chain(self, csr: bytes) -> str:
        return node_certificate(self.authority.record, NODE_ID, csr, self.authority.stamp()).decode()


class _Enrolment(EnrollmentServiceServicer):
    def __init__(self, controller: FakeController) -> None:
        self._controller = controller

    async def Enroll(self, request: enrollment_pb2.EnrollRequest, context: Any) -> enrollment_pb2.EnrollResponse:
        controller = self._controller
        await controller.called("Enroll")
        if controller.refusal is not None:
            await context.abort_with_status(to_status(controller.refusal))
        assert request.token_secret == controller.token().secret
        return enrollment_pb2.EnrollResponse(
            node_id=NODE_ID,
            certificate_chain=controller.chain(request.csr),
            fleet_id=controller.authority.fleet_id,
            fleet_endpoint=controller.fleet,
        )

    async def RenewExpired(
        self, request: enrollment_pb2.RenewExpiredRequest, context: Any
    ) -> enrollment_pb2.RenewExpiredResponse:
        controller = self._controller
        key = x509.load_pem_x509_certificate(request.certificate.encode()).public_key()
        assert isinstance(key, ec.EllipticCurvePublicKey)
        key.verify(request.proof, request.csr, ec.ECDSA(hashes.SHA256()))
        controller.authority.now = time.time()
        controller.renewed_keys.append(x509.load_der_x509_csr(request.csr).public_key())
        await controller.called("RenewExpired")
        if controller.losing >= controller.calls["RenewExpired"]:
            await context.abort(grpc.StatusCode.UNAVAILABLE, "the line is cut")
        return enrollment_pb2.RenewExpiredResponse(certificate_chain=controller.chain(request.csr))


class _Sessions(SessionServiceServicer):
    def __init__(self, controller: FakeController) -> None:
        self._controller = controller

    async def Session(self, request_iterator: Any, context: Any) -> None:  # type: ignore[override]
        controller = self._controller
        first = await context.read()
        session = FakeSession(first.hello, len(controller.sessions) + 1)
        controller.sessions.append(session)
        await controller.tell()
        if controller.silent:
            await asyncio.Event().wait()
        welcome = session_pb2.Welcome(
            epoch=session.number,
            generation=controller.generation,
            heartbeat_ms=controller.heartbeat_ms,
            node_id=NODE_ID,
        )
        await context.write(session_pb2.SessionResponse(welcome=welcome))
        if controller.held.revision > first.hello.revision:
            whole = assignment_message(controller.held)
            await context.write(session_pb2.SessionResponse(assignment=whole))
        receiving = asyncio.create_task(self._receive(session, context))
        try:
            while (message := await session.out.get()) is not None:
                await context.write(message)
        finally:
            session.ended = True
            receiving.cancel()

    async def _receive(self, session: FakeSession, context: Any) -> None:
        while (message := await context.read()) is not grpc.aio.EOF:
            match message.WhichOneof("message"):
                case "heartbeat":
                    session.heartbeats.append(asyncio.get_running_loop().time())
                case "observations":
                    session.batches.append(message.observations)
                case "happening":
                    session.happenings.append(message.happening)
                case "instruction_result":
                    session.results.append(message.instruction_result)
                case "seed_report":
                    session.seed_reports.append(message.seed_report)
            await self._controller.tell()


class _Certificates(CertificateServiceServicer):
    def __init__(self, controller: FakeController) -> None:
        self._controller = controller

    async def IssueCertificates(
        self, request: session_pb2.IssueCertificatesRequest, context: Any
    ) -> session_pb2.IssueCertificatesResponse:
        await self._controller.called("IssueCertificates")
        if self._controller.unsigning:
            await asyncio.Event().wait()
        signed = await self._controller.issuer.issue(request.cluster, [(i.path, i.csr) for i in request.requests])
        issued = [session_pb2.IssuedCertificate(path=path, certificate=pem.decode()) for path, pem in signed.items()]
        return session_pb2.IssueCertificatesResponse(certificates=issued)

    async def IssueSeedCertificate(
        self, request: session_pb2.IssueSeedCertificateRequest, context: Any
    ) -> session_pb2.IssueSeedCertificateResponse:
        await self._controller.called("IssueSeedCertificate")
        return session_pb2.IssueSeedCertificateResponse(certificate_chain=self._controller.chain(request.csr))

    async def Renew(self, request: session_pb2.RenewRequest, context: Any) -> session_pb2.RenewResponse:
        self._controller.authority.now = time.time()
        await self._controller.called("Renew")
        return session_pb2.RenewResponse(certificate_chain=self._controller.chain(request.csr))


class _Relays(RelayServiceServicer):
    """Echoes what the target sends into the relay's queue, and sends "ping" and an end to the target."""

    def __init__(self, controller: FakeController) -> None:
        self._controller = controller

    async def Relay(self, request_iterator: Any, context: Any) -> None:  # type: ignore[override]
        first = await context.read()
        frames = self._controller.relays[first.relay_id]
        await context.write(session_pb2.RelayResponse(data=b"ping"))
        await context.write(session_pb2.RelayResponse())
        while (message := await context.read()) is not grpc.aio.EOF:
            frames.put_nowait(message)
        frames.put_nowait(None)


@asynccontextmanager
async def running(controller: FakeController) -> AsyncIterator[FakeController]:
    """Serves on two free ports of loopback; on the same ones again when it is started again."""
    identity = controller.authority.server()
    enrolment, fleet = grpc.aio.server(options=SERVER_OPTIONS), grpc.aio.server(options=SERVER_OPTIONS)
    add_EnrollmentServiceServicer_to_server(_Enrolment(controller), enrolment)
    add_SessionServiceServicer_to_server(_Sessions(controller), fleet)
    add_CertificateServiceServicer_to_server(_Certificates(controller), fleet)
    add_RelayServiceServicer_to_server(_Relays(controller), fleet)
    mutual = fleet_server_credentials(lambda: identity)
    ports = (
        enrolment.add_secure_port(
            controller.enrolment or "127.0.0.1:0", enrolment_server_credentials(lambda: identity)
        ),
        fleet.add_secure_port(controller.fleet or "127.0.0.1:0", mutual),
    )
    controller.enrolment, controller.fleet = (f"127.0.0.1:{port}" for port in ports)
    await enrolment.start()
    await fleet.start()
    try:
        yield controller
    finally:
        for session in controller.sessions:
            session.ended = True
        await asyncio.gather(enrolment.stop(None), fleet.stop(None))
