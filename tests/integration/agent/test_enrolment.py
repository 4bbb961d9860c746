"""How a server becomes a node, and all the ways in which it must not."""

from __future__ import annotations

import asyncio
import ssl
from contextlib import AsyncExitStack
from dataclasses import replace
from pathlib import Path

import pytest

from fairlead_agent.identity_store import IDENTITY, NEXT_KEY, PENDING_KEY, Identity, IdentityStore
from fairlead_testing.connected_agent import connected
from fairlead_testing.fake_controller import NODE_ID, FakeController, running
from fairlead_testing.fleet_server import running as fleet_running
from fairlead_wire.errors import Denied, Refused
from fairlead_wire.identity import key_pem

DAY = 86_400.0


async def _until(wanted: object) -> None:
    assert callable(wanted)
    async with asyncio.timeout(20):
        while not wanted():  # noqa: ASYNC110 - logs and files tell nobody
            await asyncio.sleep(0.01)


async def test_nothing_is_said_to_another_controller(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """A bare TLS server of another fleet counts what it is sent after the handshake."""
    other, ours = FakeController(), FakeController()
    identity = other.authority.server()
    (tmp_path / "chain.pem").write_bytes(identity.chain)
    (tmp_path / "key.pem").write_bytes(identity.key)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(tmp_path / "chain.pem", tmp_path / "key.pem")
    heard: list[bytes] = []

    async def listen(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            heard.append(await reader.read())
        except ConnectionResetError:
            heard.append(b"")  # gone right after the handshake
        finally:
            writer.close()

    server = await asyncio.start_server(listen, "127.0.0.1", 0, ssl=context)
    endpoint = f"127.0.0.1:{server.sockets[0].getsockname()[1]}"
    async with server, connected(endpoint, tmp_path / "state", token=ours.token()) as agent:
        await _until(lambda: heard)
        await _until(lambda: "not the controller that made this join token" in caplog.text)
        assert heard == [b""]
        assert (agent.state / "join").exists()
        assert ours.token().secret not in caplog.text
        assert caplog.text.count("not the controller that made this join token") == 1


@pytest.mark.parametrize(
    ("refusal", "sentence"),
    [
        (Refused("The join token has expired.", "Make another with `fairlead token create`."), "has expired"),
        (Denied("The join token was used already.", "Make another with `fairlead token create`."), "was used"),
    ],
)
async def test_a_refused_token_is_told_once_and_the_next_one_is_taken(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, refusal: Refused | Denied, sentence: str
) -> None:
    controller = FakeController(refusal=refusal)
    async with running(controller), connected(controller.enrolment, tmp_path, token=controller.token()) as agent:
        await _until(lambda: sentence in caplog.text)
        assert "fairlead token create" in caplog.text
        controller.refusal = None
        agent.leave_token(f"{controller.token()}\n")
        await controller.until_session()
        assert caplog.text.count(sentence) == 1
        assert controller.calls["Enroll"] == 2


async def test_a_truncated_token_is_told_and_never_sent(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    controller = FakeController()
    async with (
        running(controller),
        connected(controller.enrolment, tmp_path, token=str(controller.token())[:-3]) as agent,
    ):
        await _until(lambda: "truncated" in caplog.text)
        assert not controller.calls
        agent.leave_token(controller.token())
        await controller.until_session()


async def test_an_unreachable_controller_is_tried_again(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    controller = FakeController()
    async with running(controller):
        endpoint = controller.enrolment
    async with AsyncExitStack() as stack:
        await stack.enter_async_context(connected(endpoint, tmp_path, token=controller.token()))
        await _until(lambda: "No controller answers" in caplog.text)
        await stack.enter_async_context(running(controller))
        await controller.until_session()
        assert controller.calls["Enroll"] == 1


async def test_a_restarted_agent_keeps_its_identity(tmp_path: Path) -> None:
    controller = FakeController()
    async with running(controller):
        async with connected(controller.enrolment, tmp_path, token=controller.token()):
            await controller.until_session()
        async with connected(controller.enrolment, tmp_path):
            await controller.until_session(2)
        assert controller.calls["Enroll"] == 1
        identity = IdentityStore(tmp_path).load()
        assert identity is not None
        assert identity.node_id == NODE_ID
        assert "PRIVATE KEY" not in repr(identity)


async def test_a_certificate_past_its_share_of_life_is_renewed_over_the_session(tmp_path: Path) -> None:
    controller = FakeController()
    async with running(controller):
        async with connected(controller.enrolment, tmp_path, token=controller.token()):
            await controller.until_session()
        before = (tmp_path / IDENTITY).read_bytes()
        async with connected(controller.enrolment, tmp_path, ahead=20 * DAY) as agent:
            await controller.until(lambda: controller.calls.get("Renew"))
            await controller.until_session(3)
            assert (tmp_path / IDENTITY).read_bytes() != before
            agent.ahead = 0.0


async def test_an_ended_certificate_is_renewed_late_by_proof_of_its_key(tmp_path: Path) -> None:
    long_ago = FakeController()
    async with running(long_ago):
        async with connected(long_ago.enrolment, tmp_path, token=long_ago.token()):
            await long_ago.until_session()
        async with connected(long_ago.enrolment, tmp_path, ahead=31 * DAY):
            await long_ago.until(lambda: long_ago.calls.get("RenewExpired"))


async def test_a_late_renewal_asks_for_the_same_key_until_an_answer_is_kept(tmp_path: Path) -> None:
    """The controller counts on that key from its first answer on, which may never have arrived."""
    controller = FakeController(losing=2)
    async with running(controller):
        async with connected(controller.enrolment, tmp_path, token=controller.token()):
            await controller.until_session()
        for asked in (1, 2):  # the agent is killed while it waits
            async with connected(controller.enrolment, tmp_path, ahead=31 * DAY):
                await controller.until(lambda: controller.calls.get("RenewExpired", 0) >= asked)  # noqa: B023
        async with connected(controller.enrolment, tmp_path, ahead=31 * DAY) as agent:
            await controller.until(lambda: len(controller.renewed_keys) > 2)
            agent.ahead = 0.0
            await _until(lambda: not (tmp_path / NEXT_KEY).exists())
        identity = IdentityStore(tmp_path).load()
        assert identity is not None
        assert {key == identity.private_key.public_key() for key in controller.renewed_keys[:3]} == {True}


def test_a_key_that_was_kept_already_is_not_renewed_with_again(tmp_path: Path) -> None:
    """The agent was killed between keeping the identity and forgetting the key."""
    store, authority = IdentityStore(tmp_path), FakeController().authority
    first = Identity("node-1", "f", "c:1", "", authority.node("node-1").chain.decode(), "")
    key = store.next_key(first)
    assert key_pem(store.next_key(first)) == key_pem(key)
    kept = first.renewed(first.chain, key)
    store.save(kept)
    assert key_pem(store.next_key(kept)) != key_pem(key)


async def test_a_renewal_that_can_not_be_kept_costs_no_session(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    controller = FakeController(heartbeat_ms=50)
    async with running(controller):
        async with connected(controller.enrolment, tmp_path, token=controller.token()):
            await controller.until_session()
        (tmp_path / NEXT_KEY).mkdir()  # the disk takes no key
        async with connected(controller.enrolment, tmp_path, ahead=20 * DAY):
            session = await controller.until_session(2)
            await _until(lambda: "could not be renewed" in caplog.text)
            beats = len(session.heartbeats)
            await controller.until(lambda: len(session.heartbeats) > beats + 3)
        assert len(controller.sessions) == 2
        assert f"{NEXT_KEY}: Is a directory" in caplog.text


async def test_a_disk_that_refuses_while_a_server_joins_is_told_and_tried_again(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    controller = FakeController()
    (tmp_path / PENDING_KEY).mkdir()
    async with running(controller), connected(controller.enrolment, tmp_path, token=controller.token()):
        await _until(lambda: f"can't join yet: {tmp_path / PENDING_KEY}: Is a directory." in caplog.text)
        (tmp_path / PENDING_KEY).rmdir()
        await controller.until_session()


async def test_an_identity_that_cannot_be_read_is_not_replaced(tmp_path: Path) -> None:
    (tmp_path / IDENTITY).write_text('{"format": 99}')
    with pytest.raises(Refused, match="can't be read"):
        IdentityStore(tmp_path).load()


async def test_a_controller_that_moved_is_found_where_enrolment_now_is(tmp_path: Path) -> None:
    before = FakeController()
    async with running(before), connected(before.enrolment, tmp_path, token=before.token()):
        await before.until_session()
    moved = FakeController()
    moved.authority = before.authority
    async with running(moved):
        # The same fleet port at another host: here the host is the same, so the identity's port is the moved one's.
        store = IdentityStore(tmp_path)
        identity = store.load()
        assert identity is not None
        store.save(replace(identity, fleet_endpoint=f"127.0.0.2:{moved.fleet.rpartition(':')[2]}"))
        async with connected(moved.enrolment, tmp_path):
            await moved.until_session()


async def test_a_token_of_another_fleet_beside_an_identity_is_used(tmp_path: Path) -> None:
    first, second = FakeController(), FakeController()
    async with running(first), running(second):
        async with connected(first.enrolment, tmp_path, token=first.token()):
            await first.until_session()
        async with connected(second.enrolment, tmp_path, token=second.token()):
            await second.until_session()
        assert second.calls["Enroll"] == 1


async def test_a_token_of_the_own_fleet_is_dropped_while_the_node_is_known(tmp_path: Path) -> None:
    controller = FakeController()
    async with running(controller):
        async with connected(controller.enrolment, tmp_path, token=controller.token()):
            await controller.until_session()
        async with connected(controller.enrolment, tmp_path, token=controller.token()) as agent:
            await controller.until_session(2)
            await _until(lambda: not (agent.state / "join").exists())
        assert controller.calls["Enroll"] == 1


async def test_a_revoked_node_comes_back_with_a_new_token(tmp_path: Path) -> None:
    async with fleet_running() as server:
        async with connected(server.enrolment_endpoint, tmp_path, token=server.token()):
            await server.event("node-connected")
        (node,) = server.store.now(lambda repositories: repositories.nodes.all())
        server.store.now(lambda repositories: repositories.nodes.put(replace(node, name="renamed", revoked=True)))
        async with connected(server.enrolment_endpoint, tmp_path, token=server.token()):
            async with asyncio.timeout(20):
                while len(server.events("node-connected")) < 2:
                    await server.feed.changed("events", server.feed.version("events"))
        assert len(server.store.now(lambda repositories: repositories.nodes.all())) == 2


async def test_a_token_that_is_refused_beside_an_identity_changes_nothing(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    controller, other = FakeController(), FakeController()
    async with running(controller), running(other):
        async with connected(controller.enrolment, tmp_path, token=controller.token()):
            await controller.until_session()
        async with connected(controller.enrolment, tmp_path, token=other.token()):
            await controller.until_session(2)
        assert "The node stays what it is" in caplog.text
        assert not other.calls
