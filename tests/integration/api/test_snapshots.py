"""Snapshots through the API and the CLI, with an agent in between that keeps them as the real one does."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import grpc
import pytest

from fairlead.agent.v1 import session_pb2, snapshots_pb2
from fairlead_testing.api_cli import Run
from fairlead_testing.api_server import ThreadedServer
from fairlead_testing.fake_agent import FakeAgent, FakeSession
from fairlead_testing.fleet_server import FleetServer
from fairlead_wire.codec import to_message
from fairlead_wire.snapshots import Snapshot

CONTENT = bytes(range(256)) * 5000


@dataclass
class Keeper:
    """A control plane's agent that keeps snapshots in memory. `broken`: what it carries is not what it made."""

    agent: FakeAgent
    made: list[Snapshot] = field(default_factory=list)
    error: str = ""
    broken: bool = False
    targets: list[str] = field(default_factory=list)

    async def answer(self, session: FakeSession, instruction: session_pb2.Instruction) -> None:
        if self.error:
            await session.answer(instruction, session_pb2.InstructionResult(error=self.error))
            return
        told = self.made
        if instruction.HasField("create_snapshot"):
            told = [self._make(instruction.create_snapshot.name)]
        messages = [to_message(each, snapshots_pb2.Snapshot) for each in told]
        result = session_pb2.InstructionResult(snapshots=snapshots_pb2.Snapshots(snapshots=messages))
        await session.answer(instruction, result)

    def _make(self, name: str) -> Snapshot:
        made = Snapshot(name, hashlib.sha256(CONTENT).hexdigest(), 1, 508, 278, len(CONTENT), 1000, "3.7.0")
        self.made.insert(0, made)
        return made

    async def carry(self, offer: session_pb2.RelayOffer) -> None:
        self.targets.append(offer.target)
        async with self.agent.relay(offer.relay_id) as call:
            await call.write(session_pb2.RelayRequest(data=b""))
            content = CONTENT[:-1] if self.broken else CONTENT
            for start in range(0, len(content), 100_000):
                await call.write(session_pb2.RelayRequest(data=content[start : start + 100_000]))
            await call.done_writing()
            await call.code()


@asynccontextmanager
async def keeping(agent: FakeAgent) -> AsyncIterator[Keeper]:
    """A session that answers instructions and relays until the end of the block."""
    keeper, hello = Keeper(agent), asyncio.Event()

    async def work() -> None:
        async with agent.session() as session:
            await session.hello(agent.facts)
            hello.set()
            while (message := await session.call.read()) is not grpc.aio.EOF:
                if message.HasField("instruction"):
                    await keeper.answer(session, message.instruction)
                if message.HasField("relay_offer"):
                    await keeper.carry(message.relay_offer)

    working = asyncio.create_task(work())
    try:
        await hello.wait()
        yield keeper
    finally:
        working.cancel()
        await asyncio.wait([working])


@pytest.fixture
def keeper(beside: ThreadedServer, fairlead: Run, spec: Path) -> Keeper:
    """The agent of the control plane of cluster lab."""
    agent = beside.agent("lab-1")
    assert fairlead("apply", "-f", "cluster.yaml").code == 0
    return beside.do(beside._stack.enter_async_context(keeping(agent)))


def test_a_snapshot_is_made_listed_and_exported(
    keeper: Keeper, fairlead: Run, tmp_path: Path, beside: ThreadedServer
) -> None:
    said = fairlead("snapshot", "create", "lab")
    name = keeper.made[0].name
    assert said.code == 0
    assert f"{name} is on lab-1, at /var/lib/etcd/snapshots/{name}.db: revision 508, verified." in said.out
    assert f"fairlead snapshot export {name} --out FILE" in said.out
    listed = fairlead("snapshot", "ls", "lab").out.splitlines()
    assert listed[1].split()[:2] == [name, "lab-1"]
    out = tmp_path / "lab.db"
    assert fairlead("snapshot", "export", name, "--out", str(out)).code == 0
    assert out.read_bytes() == CONTENT
    assert out.stat().st_mode & 0o777 == 0o600
    assert keeper.targets == [f"snapshot/{name}"]
    events = beside.do(_kinds(beside.server))
    assert {"snapshot-created": "anna", "snapshot-exported": "anna"}.items() <= events.items()


async def _kinds(server: FleetServer) -> dict[str, str]:
    return {event.kind: event.principal for event in server.events()}


def test_create_with_out_writes_a_copy_too(keeper: Keeper, fairlead: Run, tmp_path: Path) -> None:
    assert fairlead("snapshot", "create", "lab", "--out", str(tmp_path / "lab.db")).code == 0
    assert (tmp_path / "lab.db").read_bytes() == CONTENT
    again = fairlead("snapshot", "create", "lab", "--out", str(tmp_path / "lab.db"))
    assert (again.code, "exists already" in again.err, len(keeper.made)) == (1, True, 1)
    nowhere = fairlead("snapshot", "create", "lab", "--out", str(tmp_path / "none" / "lab.db"))
    assert (nowhere.code, "none is no folder: nothing was done" in nowhere.err, len(keeper.made)) == (1, True, 1)


def test_what_does_not_have_the_right_digest_is_not_kept(keeper: Keeper, fairlead: Run, tmp_path: Path) -> None:
    fairlead("snapshot", "create", "lab")
    keeper.broken = True
    (tmp_path / "out").mkdir()
    said = fairlead("snapshot", "export", keeper.made[0].name, "--out", str(tmp_path / "out" / "lab.db"))
    assert said.code == 1
    assert "it was not kept" in said.err
    assert list((tmp_path / "out").iterdir()) == []


@pytest.mark.usefixtures("keeper")
@pytest.mark.parametrize("name", ["lab-20200101-000000", "lab", "..", "lab-20200101-000000.db"])
def test_what_is_no_snapshot_is_missing(fairlead: Run, tmp_path: Path, name: str) -> None:
    said = fairlead("snapshot", "export", name, "--out", str(tmp_path / "x"))
    assert (said.code, f"There is no snapshot {name!r}." in said.err) == (1, True)
    assert not (tmp_path / "x").exists()


def test_why_an_agent_could_not_is_told(keeper: Keeper, fairlead: Run) -> None:
    keeper.error = "Etcd does not run on this node."
    said = fairlead("snapshot", "create", "lab")
    assert (said.code, "Etcd does not run on this node." in said.err) == (1, True)
    listed = fairlead("snapshot", "ls", "lab")
    assert (listed.code, "lab-1 could not be asked" in listed.err) == (0, True)


@pytest.mark.usefixtures("beside")
@pytest.mark.parametrize("verb", ["create", "ls"])
def test_of_a_cluster_that_is_not_there(fairlead: Run, verb: str) -> None:
    said = fairlead("snapshot", verb, "none")
    assert (said.code, "There is no cluster 'none'." in said.err) == (1, True)
