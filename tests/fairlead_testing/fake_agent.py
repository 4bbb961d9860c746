"""An agent that does what a test tells it: real gRPC over mutual TLS, no Docker behind it."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from typing import Any

import grpc

from fairlead.agent.v1 import enrollment_pb2, images_pb2, inspection_pb2, session_pb2
from fairlead.agent.v1.enrollment_pb2_grpc import EnrollmentServiceStub
from fairlead.agent.v1.session_pb2_grpc import CertificateServiceStub, RelayServiceStub, SessionServiceStub
from fairlead_wire.assignment import Assignment, Increment, Observation, Subject, apply_increment, difference
from fairlead_wire.channels import Credentials, open_channel
from fairlead_wire.codec import from_message, to_message
from fairlead_wire.facts import Facts
from fairlead_wire.first_contact import fetch_authority
from fairlead_wire.identity import PrivateKey, key_pem, new_key, request_der
from fairlead_wire.inspection import Inspection
from fairlead_wire.task import TaskState
from fairlead_wire.token import parse_token

DEADLINE = 10.0
COMPLETE, INCREMENTAL = session_pb2.ASSIGNMENT_TYPE_COMPLETE, session_pb2.ASSIGNMENT_TYPE_INCREMENTAL


async def enrol(endpoint: str, token: str, facts: Facts, key: PrivateKey) -> tuple[str, Credentials, str]:
    """Enrols as the real agent does: the authority first, then the token. Node id, identity, fleet endpoint."""
    parsed = parse_token(token)
    authority = await fetch_authority(endpoint, parsed.authority_digest, DEADLINE)
    # The fleet's name is not known before enrolment: the certificate of the served chain has it.
    fleet_id = _fleet_of(authority)
    async with open_channel(endpoint, Credentials(fleet_id, authority)) as channel:
        answer = await EnrollmentServiceStub(channel).Enroll(
            enrollment_pb2.EnrollRequest(
                token_secret=parsed.secret, csr=request_der(key), facts=to_message(facts, enrollment_pb2.Facts)
            ),
            timeout=DEADLINE,
        )
    identity = Credentials(answer.fleet_id, authority, answer.certificate_chain.encode(), key_pem(key))
    return answer.node_id, identity, answer.fleet_endpoint


def _fleet_of(authority: bytes) -> str:
    from cryptography import x509
    from cryptography.x509.oid import NameOID

    subject = x509.load_pem_x509_certificate(authority).subject
    return str(subject.get_attributes_for_oid(NameOID.COMMON_NAME)[0].value).rpartition(" ")[2]


@dataclass
class FakeSession:
    """One session, message by message."""

    call: Any
    held: Assignment = field(default_factory=Assignment)
    sequence: int = 0
    sources: list[images_pb2.ImageSources] = field(default_factory=list)
    """What it was told of images, the newest last."""
    _writing: asyncio.Lock = field(default_factory=asyncio.Lock)

    async def hello(self, facts: Facts, generation: int = 0, revision: int | None = None) -> session_pb2.Welcome:
        """Says hello with what is held, and waits for the welcome."""
        hello = session_pb2.Hello(
            facts=to_message(facts, enrollment_pb2.Facts),
            boot_id="boot",
            cluster=self.held.cluster,
            revision=self.held.revision if revision is None else revision,
            generation=generation,
        )
        await self.send(session_pb2.SessionRequest(hello=hello))
        return (await self.receive()).welcome

    async def send(self, message: session_pb2.SessionRequest) -> None:
        async with asyncio.timeout(DEADLINE), self._writing:
            await self.call.write(message)

    async def receive(self) -> session_pb2.SessionResponse:
        """The next message that is not about where images are to be had, which may come at any time.

        Raises grpc.RpcError when the session was ended, EOFError when it just ended.
        """
        while (message := await self._next()) is not grpc.aio.EOF and message.HasField("image_sources"):
            self.sources.append(message.image_sources)
        if message is grpc.aio.EOF:
            if await self.call.code() is not grpc.StatusCode.OK:
                await self.call  # raises
            raise EOFError
        return message  # type: ignore[no-any-return]

    async def image_sources(self) -> images_pb2.ImageSources:
        """The next message, which must tell where images are to be had."""
        message = await self._next()
        assert message is not grpc.aio.EOF
        assert message.HasField("image_sources"), message
        self.sources.append(message.image_sources)
        return message.image_sources  # type: ignore[no-any-return]

    async def _next(self) -> Any:
        async with asyncio.timeout(DEADLINE):
            return await self.call.read()

    async def assignment(self) -> session_pb2.Assignment:
        """The next message, which must be an assignment, taken in. Raises GapError where the real agent does."""
        message = await self.receive()
        assert message.HasField("assignment"), message
        self.take(message.assignment)
        return message.assignment

    def take(self, message: session_pb2.Assignment) -> None:
        held = self.held if message.type == INCREMENTAL else Assignment()
        self.held = apply_increment(held, from_message(message, Increment))

    async def heartbeat(self) -> None:
        await self.send(session_pb2.SessionRequest(heartbeat=session_pb2.Heartbeat()))

    async def observe(self, *observations: Observation) -> None:
        """Reports, numbering what has no number."""
        numbered = [self._numbered(item) for item in observations]
        message = session_pb2.Observations(
            revision=self.held.revision,
            observations=[to_message(item, session_pb2.Observation) for item in numbered],
        )
        await self.send(session_pb2.SessionRequest(observations=message))

    async def happened(self, kind: str, component: str, message: str) -> None:
        happening = session_pb2.Happening(kind=kind, component=component, message=message)
        await self.send(session_pb2.SessionRequest(happening=happening))

    async def answer(self, instruction: session_pb2.Instruction, result: session_pb2.InstructionResult) -> None:
        """The result of an instruction."""
        result.id = instruction.id
        await self.send(session_pb2.SessionRequest(instruction_result=result))

    async def show(self, instruction: session_pb2.Instruction) -> None:
        """Tells what is held."""
        held = session_pb2.Assignment(type=COMPLETE)
        held.MergeFrom(to_message(difference(Assignment(), self.held), session_pb2.Assignment))
        await self.answer(instruction, session_pb2.InstructionResult(assignment=held))

    async def end(self) -> None:
        await self.call.done_writing()

    def _numbered(self, observation: Observation) -> Observation:
        self.sequence = max(self.sequence + 1, observation.sequence)
        return observation if observation.sequence else replace(observation, sequence=self.sequence)


@dataclass
class FakeAgent:
    """An enrolled agent. `held` survives its sessions, as the journal of a real one does."""

    endpoint: str
    credentials: Credentials
    facts: Facts
    held: Assignment = field(default_factory=Assignment)
    inspection: Inspection | None = None
    """What it finds on its host when it is asked; None: nothing to complain about."""
    ahead: float = 0.0
    """Seconds that its clock is ahead."""
    deaf: bool = False
    """Whether it answers no instruction, as an agent of before there were any."""
    images: set[str] | None = None
    """Full references of images on its node; None: all that anybody asks for."""
    unfetchable: dict[str, str] = field(default_factory=dict)
    """Reference → why it can't be had."""
    fetched: list[str] = field(default_factory=list)
    """What it was asked to fetch, in order."""
    gate: asyncio.Event = field(default_factory=asyncio.Event)
    """While it is clear, fetching takes its time."""

    def __post_init__(self) -> None:
        self.gate.set()

    @asynccontextmanager
    async def session(self) -> AsyncIterator[FakeSession]:
        """A connection with a Session stream on which nothing was said yet."""
        async with open_channel(self.endpoint, self.credentials) as channel:
            call = SessionServiceStub(channel).Session()
            session = FakeSession(call, self.held)
            try:
                yield session
            finally:
                self.held = session.held
                call.cancel()

    @asynccontextmanager
    async def relay(self, relay_id: str) -> AsyncIterator[Any]:
        """A Relay stream that has said which relay it carries."""
        async with open_channel(self.endpoint, self.credentials) as channel:
            call = RelayServiceStub(channel).Relay()
            try:
                await call.write(session_pb2.RelayRequest(relay_id=relay_id))
                yield call
            finally:
                call.cancel()

    async def issue(self, cluster: str, *paths: str) -> session_pb2.IssueCertificatesResponse:
        requests = [session_pb2.CertificateRequest(path=path, csr=request_der(new_key())) for path in paths]
        async with open_channel(self.endpoint, self.credentials) as channel:
            return await CertificateServiceStub(channel).IssueCertificates(
                session_pb2.IssueCertificatesRequest(cluster=cluster, requests=requests), timeout=DEADLINE
            )

    async def renew(self, key: PrivateKey) -> session_pb2.RenewResponse:
        async with open_channel(self.endpoint, self.credentials) as channel:
            return await CertificateServiceStub(channel).Renew(
                session_pb2.RenewRequest(csr=request_der(key)), timeout=DEADLINE
            )

    async def obey(self, report: Callable[[Assignment], Iterable[Observation]]) -> None:
        """Holds a session until it is cancelled, answering each assignment with `report` of it."""
        async with self.session() as session:
            welcome = await session.hello(self.facts)
            beating = asyncio.create_task(_beat(session, welcome.heartbeat_ms / 1000))
            aside: list[asyncio.Task[None]] = []
            try:
                await session.observe(*report(session.held))
                while (message := await session.call.read()) is not grpc.aio.EOF:
                    if message.instruction.HasField("show_assignment"):
                        await session.show(message.instruction)
                    if message.HasField("assignment"):
                        session.take(message.assignment)
                        self.held = session.held
                        await session.observe(*report(session.held))
                    elif message.HasField("instruction") and not self.deaf:
                        aside.append(asyncio.create_task(self._carry_out(session, message.instruction)))
            finally:
                beating.cancel()
                for task in aside:
                    task.cancel()
                await asyncio.gather(beating, *aside, return_exceptions=True)

    async def _carry_out(self, session: FakeSession, instruction: session_pb2.Instruction) -> None:
        if instruction.HasField("fetch_image"):
            self.fetched.append(instruction.fetch_image.reference)
            await self.gate.wait()
        if not instruction.HasField("show_assignment"):
            await session.send(self._result(instruction))

    def _result(self, instruction: session_pb2.Instruction) -> session_pb2.SessionRequest:
        """What the real agent answers to an instruction."""
        result = session_pb2.InstructionResult(id=instruction.id)
        if instruction.HasField("find_images"):
            asked = instruction.find_images.references
            result.images.references.extend(each for each in asked if self.images is None or each in self.images)
        if instruction.HasField("fetch_image"):
            reference = instruction.fetch_image.reference
            result.error = self.unfetchable.get(reference, "")
            if self.images is not None and not result.error:
                self.images.add(reference)
        if instruction.HasField("inspect_host"):
            now = round((time.time() + self.ahead) * 1000)
            found = to_message(self.inspection or Inspection(self.facts), inspection_pb2.Inspection)
            report = inspection_pb2.InspectionReport(received_ms=now, sent_ms=now, inspection=found)
            result.inspection.CopyFrom(report)
        return session_pb2.SessionRequest(instruction_result=result)


async def _beat(session: FakeSession, period: float) -> None:
    while True:
        await asyncio.sleep(period)
        await session.heartbeat()


def everything_well(assignment: Assignment) -> Iterable[Observation]:
    """What an agent reports once all is as it should be."""
    for task in assignment.tasks:
        yield Observation(Subject.TASK, task.component, task.hash, TaskState.HEALTHY)
    for file in assignment.files:
        yield Observation(Subject.FILE, file.path, file.digest, TaskState.HEALTHY)
    for certificate in assignment.certificates:
        yield Observation(Subject.FILE, certificate.path, certificate.digest, TaskState.HEALTHY)
    for object in assignment.objects:
        yield Observation(Subject.OBJECT, object.name, object.digest, TaskState.HEALTHY)
    for removal in assignment.removals:
        yield Observation(Subject.REMOVAL, removal.name, removal.hash, TaskState.REMOVED)
